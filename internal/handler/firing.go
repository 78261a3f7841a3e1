package handler

import (
	"sync"

	"gregor/internal/partition"
	"gregor/internal/server"
	"gregor/internal/wire"
)

// firing has connections written once when a pass wakes several requests of
// theirs, such as the produces with acks=-1 that one fetch of a follower
// commits.
//
// *Invariant:* while n is greater than 0, somebody will flush what is gathered.
type firing struct {
	mu struct {
		sync.Mutex
		n        int // passes that wake requests right now
		gathered server.Flusher
	}
}

// fire wakes what woken holds and then writes the connections of those that
// answered. scratch is empty, and is so again afterwards.
func (f *firing) fire(woken *partition.Woken, scratch *server.Flusher) {
	if woken.Empty() {
		return
	}
	f.mu.Lock()
	f.mu.n++
	f.mu.Unlock()
	woken.Fire()
	f.mu.Lock()
	f.mu.n--
	*scratch, f.mu.gathered = f.mu.gathered, *scratch
	f.mu.Unlock()
	scratch.Flush()
}

// answer answers a request that was woken: with the others of the pass, or at
// once if whoever woke it is no pass.
func (f *firing) answer(l Later, r *server.Response, m wire.Message) {
	if err := wire.EncodeResponse(&r.Writer, l.correlation, m, l.version); err != nil {
		l.t.End(r, nil) // which sees the error too
		return
	}
	f.mu.Lock()
	gather := f.mu.n > 0
	if gather {
		l.t.End(r, &f.mu.gathered)
	}
	f.mu.Unlock()
	if !gather {
		l.t.End(r, nil)
	}
}
