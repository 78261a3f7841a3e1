package handler

import (
	"sync"
	"sync/atomic"

	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/server"
)

// partitionWait lets a request wait for several partitions, each for an offset
// of its own, until a deadline: a produce with acks=-1, a deletion of records.
// It is the waiter in each partition, the deadline, and what the connection
// holds on to; no goroutine belongs to it.
//
// Each partition's result is noted by whoever takes the partition's waiter
// away; units makes that visible to who answers. The lock is taken before
// those of partitions and of the wheel, which call Wake and Expire without any.
type partitionWait struct {
	owner   waitOwner
	units   units
	pending atomic.Int32 // partitions without a result
	timer   Timer
	wheel   *Wheel
	later   Later
	parts   []waitPart // they must not move while they wait

	mu struct {
		sync.Mutex
		ticket server.Ticket // the zero value when nobody waits
		over   bool          // what is not there yet is given up
	}
}

// waitOwner is a request that waits. Calls for one part do not overlap; answer
// comes last, and once.
type waitOwner interface {
	// ready notes the result of the i-th part if it is there.
	ready(i int) bool
	// giveUp notes that it will not be waited for.
	giveUp(i int)
	// answer answers: all parts have their results.
	answer()
}

// waitPart is a partition that is waited for.
type waitPart struct {
	waiter partition.Waiter
	p      *partition.Partition
	kind   partition.WaitKind
	at     model.Offset
	epoch  model.LeaderEpoch
}

// reset prepares for n parts, which the caller appends.
func (w *partitionWait) reset(owner waitOwner, wheel *Wheel, n int) {
	w.owner, w.wheel = owner, wheel
	w.timer.Owner = w
	if clear(w.parts); cap(w.parts) < n {
		w.parts = make([]waitPart, 0, n)
	}
	w.parts = w.parts[:0]
}

// start begins to wait. later is the hole that was left for the answer.
func (w *partitionWait) start(later Later, deadline model.Millis) {
	w.later = later
	w.mu.Lock()
	w.mu.ticket, w.mu.over = later.t, false
	w.mu.Unlock()
	w.units.start()
	w.pending.Store(int32(len(w.parts)))
	w.units.add()
	w.wheel.Add(&w.timer, deadline, uint64(later.correlation))
	for i := range w.parts {
		w.parts[i].waiter.Waker = w
		w.units.add()
		w.look(i)
	}
	w.release()
}

// look takes a partition's result if it is there, or has it waited for. The
// caller has the part's unit, which stays with the waiter in the latter case.
func (w *partitionWait) look(i int) {
	part := &w.parts[i]
	w.mu.Lock()
	for {
		done := w.owner.ready(i)
		if !done && w.mu.over {
			w.owner.giveUp(i)
			done = true
		}
		if done {
			w.noted()
			break
		}
		if part.p.Park(&part.waiter, part.kind, part.at, part.epoch) {
			w.mu.Unlock()
			return
		}
	}
	w.mu.Unlock()
	w.release()
}

// noted counts a result; after the last one the deadline is called off. The
// caller has a unit.
func (w *partitionWait) noted() {
	if w.pending.Add(-1) == 0 && w.wheel.Cancel(&w.timer) {
		w.units.drop()
	}
}

// Wake is called when a partition has changed.
func (w *partitionWait) Wake(waiter *partition.Waiter) {
	for i := range w.parts {
		if &w.parts[i].waiter == waiter {
			w.look(i)
			return
		}
	}
}

// Expire is called at the deadline.
func (w *partitionWait) Expire(*Timer) { w.giveUp() }

// Abandon is called when the connection is gone.
func (w *partitionWait) Abandon(t server.Ticket) {
	w.mu.Lock()
	mine := w.mu.ticket == t && w.units.hold()
	w.mu.Unlock()
	if mine {
		w.giveUp()
	}
}

// giveUp waits no longer. The caller has a unit, which is given up too.
func (w *partitionWait) giveUp() {
	w.mu.Lock()
	w.mu.over = true
	for i := range w.parts {
		if w.parts[i].waiter.Unpark() {
			w.owner.giveUp(i)
			w.noted()
			w.units.drop()
		}
	}
	w.mu.Unlock()
	w.release()
}

// release takes a unit away and answers if it was the last.
func (w *partitionWait) release() {
	if !w.units.drop() {
		return
	}
	w.mu.Lock()
	w.mu.ticket = server.Ticket{}
	w.mu.Unlock()
	w.owner.answer()
}
