package server

import "sync"

// budget bounds the memory of requests being received
// (queued.max.request.bytes, KIP-72). As in Kafka a request is let in while
// anything is left, so one request may go over. Only buffers larger than
// readSize are counted: the others are as many as connections are active.
type budget struct {
	mu struct {
		sync.Mutex
		left    int64
		waiting []*Conn
	}
	limited bool
}

func newBudget(limit int64) *budget {
	b := &budget{limited: limit > 0}
	b.mu.left = limit
	return b
}

// take takes n bytes for c, or notes that c waits and is to be woken.
func (b *budget) take(n int64, c *Conn) bool {
	if !b.limited {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.left > 0 {
		b.mu.left -= n
		return true
	}
	b.mu.waiting = append(b.mu.waiting, c)
	return false
}

// give returns n bytes and wakes everyone who waits, to try again.
func (b *budget) give(n int64) {
	if !b.limited || n == 0 {
		return
	}
	b.mu.Lock()
	b.mu.left += n
	var woken []*Conn
	if b.mu.left > 0 {
		woken, b.mu.waiting = b.mu.waiting, nil
	}
	b.mu.Unlock()
	for _, c := range woken {
		c.poke()
	}
}
