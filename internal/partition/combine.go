package partition

import (
	"sync"

	"gregor/internal/model"
)

// combiner lets whoever comes first to a busy partition append for those who
// come meanwhile: one write system call for all of them, and one lock. On a
// partition that many connections write to this more than doubles what it
// takes; on others it costs one uncontended mutex.
type combiner struct {
	mu struct {
		sync.Mutex
		first, last *turn
		busy        bool
	}
}

// turn is one caller's batches in the queue, pooled.
type turn struct {
	one   *Append
	many  []*Append
	next  *turn
	ready chan bool // true: now lead; false: done
}

var turns = sync.Pool{New: func() any { return &turn{ready: make(chan bool, 1)} }}

// maxTurns bounds for how many others one caller appends before it hands on.
const maxTurns = 64

// combine appends one's or many's batches, by this goroutine or by the one that
// is at it.
func (p *Partition) combine(one *Append, many []*Append, woken *Woken) {
	q := &p.queue
	own := turns.Get().(*turn)
	own.one, own.many, own.next = one, many, nil
	q.mu.Lock()
	if q.mu.last == nil {
		q.mu.first = own
	} else {
		q.mu.last.next = own
	}
	q.mu.last = own
	lead := !q.mu.busy
	q.mu.busy = true
	q.mu.Unlock()
	if !lead {
		lead = <-own.ready
	}
	if lead {
		p.lead(own, woken)
	}
	*own = turn{ready: own.ready}
	turns.Put(own)
}

// lead appends for own, which is the first in the queue, and for those behind
// it, then makes the next in the queue lead, if there is one.
func (p *Partition) lead(own *turn, woken *Woken) {
	t := passes.Get().(*pass)
	t.next, t.woken = model.NoOffset, woken
	p.write.Lock()
	// Taken after write is held, which may have taken a while: more have come.
	batch := p.queue.take()
	for at := batch; at != nil; at = at.next {
		if at.one != nil {
			p.appendWriting(t, at.one)
		}
		for _, a := range at.many {
			p.appendWriting(t, a)
		}
	}
	p.flush(t)
	p.write.Unlock()
	t.woken = nil
	passes.Put(t)
	for at := batch; at != nil; {
		next := at.next // at is its owner's again once told
		if at != own {
			at.ready <- false
		}
		at = next
	}
	p.queue.pass()
}

// take removes up to maxTurns from the head of the queue.
func (q *combiner) take() *turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := q.mu.first
	last := first
	for n := 1; n < maxTurns && last.next != nil; n++ {
		last = last.next
	}
	q.mu.first, last.next = last.next, nil
	if q.mu.first == nil {
		q.mu.last = nil
	}
	return first
}

// pass hands the lead on.
func (q *combiner) pass() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mu.first == nil {
		q.mu.busy = false
		return
	}
	q.mu.first.ready <- true
}
