package coordinator

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"gregor/internal/kerr"
	"gregor/internal/model"
)

// state is what a shard can do for requests.
type state uint8

const (
	absent  state = iota // somebody else leads, or loading failed
	loading              // being loaded
	serving
	closed // the runtime ends
)

// refuse is the answer of a shard that does not serve.
func (s state) refuse() error {
	if s == loading {
		return kerr.CoordinatorLoadInProgress
	}
	return kerr.NotCoordinator
}

// Limits of a shard.
const (
	// maxQueue is how many operations may wait; a connection has one at a time.
	maxQueue = 1 << 17
	// maxTurn is how many operations one caller does for others.
	maxTurn = 128
	// keepQueue is the longest queue that is kept when it is empty.
	keepQueue = 1024
)

// shard is a partition of the topic with its machine. There is at most one for
// a partition; when the leadership is lost it is emptied and kept.
type shard[M Machine] struct {
	rt        *Runtime[M]
	partition int32

	q struct {
		sync.Mutex
		state state
		busy  bool // somebody drains; what is below q belongs to him
		ops   []op[M]
	}
	// wake is when to look at the timers, in milliseconds.
	wake atomic.Int64
	// abort asks the loader to give up.
	abort atomic.Bool

	work  []op[M] // taken from the queue
	pos   int     // of the next one in work
	after []op[M] // what was decided to be done next, before work
	now   model.Millis
	state state
	load  bool // the loader is to take over from who drains now

	epoch   model.LeaderEpoch
	log     Log
	machine M
	history History
	timers  Timers
	out     Out
	enc     encoder
	rec     Record // being replayed
	// written is the end of the log, committed its high watermark as far as
	// they are known here.
	written, committed model.Offset
	batch              batch[M]
	parked             parked[M]
	awaiting           bool
	term               uint32 // counts loads, to tell late news apart
}

// op is one operation: exactly one of decide, read and do is set.
type op[M Machine] struct {
	now    model.Millis
	decide func(m M, out *Out) error
	read   func(m M) error
	do     func()
	// done answers; nil for do.
	done func(error)
	// then is what the decision wants to be told about its records.
	then func(error, *Out)
}

func (s *shard[M]) logger() *slog.Logger { return s.rt.o.Log }

func (s *shard[M]) name() string { return fmt.Sprintf("%s-%d", s.rt.o.Topic, s.partition) }

// submit puts a request into the queue, or refuses it at once.
func (s *shard[M]) submit(o op[M]) {
	s.q.Lock()
	if s.q.state != serving {
		st := s.q.state
		s.q.Unlock()
		o.done(st.refuse())
		return
	}
	if len(s.q.ops) >= maxQueue {
		s.q.Unlock()
		o.done(kerr.CoordinatorNotAvailable)
		return
	}
	s.enqueue(o)
}

// internal puts an operation of the runtime into the queue, whatever the state.
func (s *shard[M]) internal(now model.Millis, do func()) {
	s.q.Lock()
	s.enqueue(op[M]{now: now, do: do})
}

// enqueue is called with q locked and unlocks it.
func (s *shard[M]) enqueue(o op[M]) {
	s.q.ops = append(s.q.ops, o)
	first := !s.q.busy
	s.q.busy = true
	s.q.Unlock()
	if first {
		s.drain(maxTurn)
	}
}

// drain does what is in the queue, at most about turn operations, then hands
// on to a goroutine of its own. The caller has set busy.
func (s *shard[M]) drain(turn int) {
	for n := 0; ; n++ {
		switch {
		case s.load:
			s.load = false
			s.rt.spawn(s.runLoader)
			return
		case n >= turn:
			s.rt.spawn(func() { s.drain(int(^uint(0) >> 1)) })
			return
		case len(s.after) > 0:
			o := s.after[0]
			s.after[0] = op[M]{}
			if s.after = s.after[1:]; len(s.after) == 0 {
				s.after = nil
			}
			s.run(&o)
		case s.pos < len(s.work):
			o := &s.work[s.pos]
			s.pos++
			s.run(o)
			*o = op[M]{}
		case s.take():
		case s.settle():
		case s.rest():
			return
		}
	}
}

// take takes the queue over as work.
func (s *shard[M]) take() bool {
	if cap(s.work) > keepQueue {
		s.work = nil
	}
	s.q.Lock()
	defer s.q.Unlock()
	if len(s.q.ops) == 0 {
		return false
	}
	s.work, s.q.ops, s.pos = s.q.ops, s.work[:0], 0
	return true
}

// settle does what is to be done before the shard rests. false: nothing.
func (s *shard[M]) settle() bool {
	if s.state != serving {
		return false
	}
	if s.batch.count() > 0 && (s.rt.o.Linger < 0 || s.now-s.batch.begun >= s.rt.o.Linger) {
		s.flush()
		return true
	}
	if t := s.timers.pop(s.now); t != nil {
		s.run(&op[M]{now: s.now, decide: func(_ M, out *Out) error { return t.Fire(out) }, done: s.timerDone})
		return true
	}
	return s.parked.expire(s.now, s.rt.o.Timeout, s.complete)
}

func (s *shard[M]) timerDone(err error) {
	if err != nil {
		s.logger().Warn(fmt.Sprintf("A timer of %s failed: %v.", s.name(), err))
	}
}

// rest lets go of the shard unless more has come.
func (s *shard[M]) rest() bool {
	due := never
	if s.state == serving {
		due = min(s.timers.next(), s.parked.deadline(s.rt.o.Timeout))
		if s.batch.count() > 0 {
			due = min(due, s.batch.begun+s.rt.o.Linger)
		}
	}
	s.wake.Store(int64(due))
	s.q.Lock()
	if len(s.q.ops) > 0 {
		s.q.Unlock()
		return false
	}
	s.q.busy = false
	s.q.Unlock()
	s.rt.poke(due)
	return true
}

// become changes the state for the one who drains and for all others.
func (s *shard[M]) become(st state) {
	s.state = st
	s.q.Lock()
	s.q.state = st
	s.q.Unlock()
}

// run does one operation.
func (s *shard[M]) run(o *op[M]) {
	s.now = max(s.now, o.now)
	switch {
	case o.do != nil:
		o.do()
	case s.state != serving:
		o.done(s.state.refuse())
	case o.read != nil:
		o.done(o.read(s.machine))
	default:
		s.history.move(s.next())
		s.out.reset(s.now)
		if err := o.decide(s.machine, &s.out); err != nil {
			o.done(err)
			return
		}
		o.then, s.out.then = s.out.then, nil
		o.decide = nil
		s.append(o)
	}
}

// complete answers an operation. What it wants to do then is done next.
func (s *shard[M]) complete(o *op[M], err error) {
	if o.then == nil {
		o.done(err)
		return
	}
	then, done := o.then, o.done
	s.after = append(s.after, op[M]{
		now:    s.now,
		decide: func(_ M, out *Out) error { then(err, out); return err },
		done:   done,
	})
}
