package handler

import (
	"strings"
	"sync"
	"sync/atomic"

	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/server"
)

// fetchWait is what a fetch needs to wait for bytes. The request is its own
// waiter in every partition, its own deadline, and what the connection holds
// on to; no goroutine belongs to it.
//
// When anything happens - enough bytes have come, the time is over, the
// connection is gone - it is taken off everywhere. Whoever lets go of it last
// reads again and answers, or lets it wait again.
//
// Its lock is taken before those of partitions and of the wheel, which call
// Wake and Expire without any.
type fetchWait struct {
	units    units
	missing  atomic.Int64 // bytes until there are MinBytes
	deadline model.Millis
	timer    Timer
	later    Later

	mu struct {
		sync.Mutex
		ticket server.Ticket // the zero value when nobody waits
		over   bool          // the deadline has passed, or the client is gone
	}
}

// park lets the request wait, after a read that did not find enough.
func (op *fetchOp) park(c *Context, s *fetchScratch) {
	w := &op.wait
	if op.about.session == nil {
		for i := range op.parts {
			op.parts[i].topic = strings.Clone(op.parts[i].topic)
		}
	}
	op.letGo()
	w.deadline = c.Now + op.maxWait
	w.later = Later{t: c.pass.Later(op, false), correlation: c.correlation, version: c.Version}
	w.timer.Owner = op
	w.mu.Lock()
	w.mu.ticket, w.mu.over = w.later.t, false
	w.mu.Unlock()
	if op.waitFor(s) {
		s.free()
		return
	}
	op.settle(s, &c.local.woken)
}

// letGo drops what aliases the frame.
func (op *fetchOp) letGo() {
	req := &op.req
	req.ClusterId, req.RackId = nil, ""
	for i := range req.Topics {
		req.Topics[i].Topic = ""
	}
	for i := range req.ForgottenTopicsData {
		req.ForgottenTopicsData[i].Topic = ""
	}
}

// waitFor parks the request in all partitions that s read. false: something
// has come meanwhile, or it is over, and nobody else has to do with the
// request; look again.
func (op *fetchOp) waitFor(s *fetchScratch) bool {
	w := &op.wait
	s.release()
	w.mu.Lock()
	if w.mu.over {
		w.mu.Unlock()
		return false
	}
	w.missing.Store(int64(op.minBytes - s.bytes))
	w.units.start()
	w.units.add()
	op.h.wheel.Add(&w.timer, w.deadline, uint64(w.later.correlation))
	for i := range op.bad {
		p, r := &op.parts[i], &s.reads[i]
		p.waiter.Waker, p.waiter.Missing = op, &w.missing
		w.units.add()
		if !p.p.Park(&p.waiter, op.kind(), r.Bound, r.Epoch) {
			w.units.drop() // the caller's is left
			op.takeOffLocked()
			break
		}
	}
	w.mu.Unlock()
	return !w.units.drop()
}

func (op *fetchOp) kind() partition.WaitKind {
	switch op.isolation {
	case partition.ReadAll:
		return partition.WaitEnd
	case partition.ReadCommitted:
		return partition.WaitStable
	}
	return partition.WaitVisible
}

// takeOffLocked takes the request off everywhere it still waits. The caller
// has a unit.
func (op *fetchOp) takeOffLocked() {
	w := &op.wait
	if op.h.wheel.Cancel(&w.timer) {
		w.units.drop()
	}
	for i := range op.bad {
		if op.parts[i].waiter.Unpark() {
			w.units.drop()
		}
	}
}

// Wake is called when enough bytes have come, or a partition has changed.
func (op *fetchOp) Wake(*partition.Waiter) { op.leave(false) }

// Expire is called when MaxWaitMs is over.
func (op *fetchOp) Expire(*Timer) { op.leave(true) }

// Abandon is called when the connection is gone.
func (op *fetchOp) Abandon(t server.Ticket) {
	w := &op.wait
	w.mu.Lock()
	mine := w.mu.ticket == t
	if mine {
		w.mu.over = true
		mine = w.units.hold()
	}
	w.mu.Unlock()
	if mine {
		op.leave(true)
	}
}

// leave ends the wait for a caller that has a unit.
func (op *fetchOp) leave(over bool) {
	w := &op.wait
	w.mu.Lock()
	w.mu.over = w.mu.over || over
	op.takeOffLocked()
	w.mu.Unlock()
	if !w.units.drop() {
		return
	}
	var woken partition.Woken
	op.settle(fetchScratches.Get().(*fetchScratch), &woken)
	woken.Fire()
}

// settle reads again, and answers or has the request wait again. Nobody else
// has to do with it. s is given up.
func (op *fetchOp) settle(s *fetchScratch, woken *partition.Woken) {
	w := &op.wait
	for {
		now := op.h.wheel.clock.Now()
		op.read(s, true, now, woken)
		if op.enough(s) || now >= w.deadline || op.isOver() {
			op.answer(s, now)
			return
		}
		if op.waitFor(s) {
			s.free()
			return
		}
	}
}

func (op *fetchOp) isOver() bool {
	op.wait.mu.Lock()
	defer op.wait.mu.Unlock()
	return op.wait.mu.over
}

func (op *fetchOp) answer(s *fetchScratch, now model.Millis) {
	w := &op.wait
	op.respond(s, now)
	op.throttle(s, w.later.t.Conn(), now)
	r := w.later.t.Begin()
	s.hold(r)
	w.mu.Lock()
	w.mu.ticket = server.Ticket{}
	w.mu.Unlock()
	op.h.firing.answer(w.later, r, &s.response)
	s.free()
	op.free()
}
