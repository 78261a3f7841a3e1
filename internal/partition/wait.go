package partition

import (
	"sync/atomic"

	"gregor/internal/kerr"
	"gregor/internal/model"
)

// WaitKind is what a Waiter waits for.
type WaitKind uint8

// The kinds.
const (
	// WaitVisible waits for a bound to go beyond an offset: the high
	// watermark, for consumers with ReadUncommitted.
	WaitVisible WaitKind = iota
	// WaitStable is WaitVisible for the last stable offset.
	WaitStable
	// WaitEnd is WaitVisible for the log end: followers.
	WaitEnd
	// WaitCommitted waits for the high watermark to reach an offset: a
	// produce with acks=-1.
	WaitCommitted
	// WaitLowWatermark waits for the log start of all replicas to reach an
	// offset: DeleteRecords.
	WaitLowWatermark
)

// Waker is told when a parked request should be looked at again.
type Waker interface {
	// Wake is called once per parking, with no locks held, by the goroutine
	// that brought the change about. It must not block.
	Wake(w *Waiter)
}

// Waiter is a place in a partition's list: one request parks one per
// partition. It is 80 bytes, owned and reused by the caller, and must not move
// or be parked twice at a time. Set Waker, and Missing for fetches.
type Waiter struct {
	// Waker is told.
	Waker Waker
	// Missing, if not nil, is how many bytes the request lacks to its
	// fetch.min.bytes, counted down by all partitions it waits on. The waiter
	// is woken when it is used up; with nil, at the first change.
	Missing *atomic.Int64

	p          *Partition
	prev, next *Waiter
	at         model.Offset
	kind       WaitKind
	parked     bool
}

// Woken collects waiters to be told, so that one pass over many partitions
// tells its requests once, at its end. The zero value is empty.
type Woken struct{ first, last *Waiter }

// Empty reports whether there is nothing to fire.
func (k *Woken) Empty() bool { return k.first == nil }

// Fire tells all collected waiters and empties the collection. Call it without
// locks held.
func (k *Woken) Fire() {
	w := k.first
	k.first, k.last = nil, nil
	for w != nil {
		next := w.next
		w.next = nil
		w.Waker.Wake(w)
		w = next
	}
}

func (k *Woken) add(w *Waiter) {
	if k.last == nil {
		k.first = w
	} else {
		k.last.next = w
	}
	k.last, w.next = w, nil
}

// wakeAnyway stands for an unknown number of new bytes: who waits for some
// shall look for itself.
const wakeAnyway int64 = -1

// waitList is the list of a partition's waiters, in the order they came.
type waitList struct{ first, last *Waiter }

func (l *waitList) add(w *Waiter) {
	w.prev, w.next = l.last, nil
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
	w.parked = true
}

func (l *waitList) remove(w *Waiter) {
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next, w.parked = nil, nil, false
}

// Park puts w in the list until the offset its kind is about has gone beyond
// at (WaitVisible, WaitStable, WaitEnd: pass Read.Bound) or has reached it
// (WaitCommitted: Append.Required; WaitLowWatermark), or the leadership
// changes or the partition goes away. epoch is the leader epoch the caller
// knows (Read.Epoch, Append.LeaderEpoch). false: that is so already, w is not
// parked; look again.
func (p *Partition) Park(w *Waiter, kind WaitKind, at model.Offset, epoch model.LeaderEpoch) bool {
	p.state.Lock()
	defer p.state.Unlock()
	w.p, w.kind, w.at = p, kind, at
	if !p.state.core.open || p.state.gone != kerr.None || p.state.core.epoch != epoch || p.reached(w) {
		return false
	}
	p.state.waiters.add(w)
	return true
}

// Unpark takes w off the list. true: w will not be woken. false: it was not
// parked, or its Wake has come or is coming, and w may not be reused before.
func (w *Waiter) Unpark() bool {
	if w.p == nil {
		return false
	}
	w.p.state.Lock()
	defer w.p.state.Unlock()
	if !w.parked {
		return false
	}
	w.p.state.waiters.remove(w)
	return true
}

// Partition is where w was parked last.
func (w *Waiter) Partition() *Partition { return w.p }

// reached reports whether what w waits for has come; state is held.
func (p *Partition) reached(w *Waiter) bool {
	c := &p.state.core
	switch w.kind {
	case WaitVisible:
		return c.highWatermark > w.at
	case WaitStable:
		return c.lastStable > w.at
	case WaitEnd:
		return c.logEnd > w.at
	case WaitCommitted:
		return c.highWatermark >= w.at
	}
	return c.lowWatermark(p.env.Peers) >= w.at
}

// wake collects the waiters that e makes ready; state is held. bytes is how
// many bytes have become visible, or wakeAnyway.
func (p *Partition) wake(e effects, bytes int64, woken *Woken) {
	if p.state.waiters.first == nil || !(e.highWatermark || e.lastStable || e.logEnd || e.lowWatermark || e.everyone) {
		return
	}
	for w := p.state.waiters.first; w != nil; {
		next := w.next
		if e.everyone || p.concerns(w, e) && p.reached(w) && w.satisfied(bytes) {
			p.state.waiters.remove(w)
			woken.add(w)
		}
		w = next
	}
}

// concerns reports whether e moved what w waits for.
func (p *Partition) concerns(w *Waiter, e effects) bool {
	switch w.kind {
	case WaitVisible, WaitCommitted:
		return e.highWatermark
	case WaitStable:
		return e.lastStable
	case WaitEnd:
		return e.logEnd
	}
	return e.lowWatermark
}

func (w *Waiter) satisfied(bytes int64) bool {
	if w.Missing == nil || bytes == wakeAnyway {
		return true
	}
	return w.Missing.Add(-bytes) <= 0
}
