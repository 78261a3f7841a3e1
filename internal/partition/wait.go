package partition

import (
	"sync/atomic"

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
