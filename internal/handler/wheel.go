package handler

import (
	"sync"
	"sync/atomic"
	"time"

	"gregor/internal/clock"
	"gregor/internal/invariant"
	"gregor/internal/model"
)

// Tick is the precision of a Wheel, in milliseconds.
const Tick model.Millis = 10

const (
	wheelSlots   = 512 // one turn is 5.12 s; what is due later goes round again
	wheelStripes = 8
)

// Timer is a deadline in a Wheel. It is part of what waits, which owns it: it
// must not be moved, nor added twice at a time.
type Timer struct {
	// Owner is told when the time is over.
	Owner Expirer

	prev, next *Timer
	due        int64 // in ticks
	home       uint8 // its stripe
	in         bool  // guarded by that one's lock
}

// Expirer is told that a deadline is over.
type Expirer interface {
	// Expire is called once, by the wheel's goroutine, without locks held. It
	// must not block.
	Expire(*Timer)
}

// Wheel holds very many deadlines cheaply (a hashed timing wheel). Its stripes
// have a lock each; a goroutine turns it while there is anything in it.
//
// *Invariant:* a Timer that is in the wheel is in the list of slot
// due mod wheelSlots of its stripe, and due is greater than the stripe's tick.
type Wheel struct {
	clock   clock.Clock
	stripes [wheelStripes]stripe
	count   atomic.Int64
	wake    chan struct{}
	stop    chan struct{}
	done    chan struct{}
}

type stripe struct {
	sync.Mutex
	tick  int64 // everything due up to it has expired
	slots [wheelSlots]*Timer
	_     [48]byte // no two locks in one cache line
}

// NewWheel is a wheel that is turned by Start, or by hand with Turn.
func NewWheel(c clock.Clock) *Wheel {
	w := &Wheel{clock: c, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	now := int64(c.Now() / Tick)
	for i := range w.stripes {
		w.stripes[i].tick = now
	}
	return w
}

// Start turns the wheel until Close.
func (w *Wheel) Start() {
	go func() {
		defer close(w.done)
		for w.rest() {
			tick, stop := w.clock.After(time.Duration(Tick) * time.Millisecond)
			select {
			case <-tick:
				w.Turn(w.clock.Now())
			case <-w.stop:
				stop()
				return
			}
		}
	}()
}

// rest waits until there is something in the wheel; false if it is closed.
func (w *Wheel) rest() bool {
	for w.count.Load() == 0 {
		select {
		case <-w.wake:
		case <-w.stop:
			return false
		}
	}
	return true
}

// Close stops the goroutine of Start. What still waits never expires.
func (w *Wheel) Close() {
	close(w.stop)
	<-w.done
}

// Add has t expire once at has come, never earlier and about a Tick later at
// most. hint spreads timers over the stripes: any number that differs between
// callers.
func (w *Wheel) Add(t *Timer, at model.Millis, hint uint64) {
	t.home = uint8(hint % wheelStripes)
	s := &w.stripes[t.home]
	s.Lock()
	invariant.Check(!t.in, "a timer is added once at a time")
	t.due = max(int64((at+Tick-1)/Tick), s.tick+1)
	t.in = true
	slot := &s.slots[uint64(t.due)%wheelSlots]
	t.prev, t.next = nil, *slot
	if t.next != nil {
		t.next.prev = t
	}
	*slot = t
	s.Unlock()
	if w.count.Add(1) == 1 {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// Cancel takes t out. true: it will not expire. false: it was not in, or it
// has expired, or is just about to.
func (w *Wheel) Cancel(t *Timer) bool {
	s := &w.stripes[t.home]
	s.Lock()
	was := t.in
	if was {
		s.remove(t)
	}
	s.Unlock()
	if was {
		w.count.Add(-1)
	}
	return was
}

func (s *stripe) remove(t *Timer) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		s.slots[uint64(t.due)%wheelSlots] = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.prev, t.next, t.in = nil, nil, false
}

// Len is the number of timers in the wheel.
func (w *Wheel) Len() int { return int(w.count.Load()) }

// Turn expires what is due at now.
func (w *Wheel) Turn(now model.Millis) {
	for i := range w.stripes {
		for t := w.stripes[i].turn(int64(now / Tick)); t != nil; {
			next := t.next
			t.next = nil
			w.count.Add(-1)
			t.Owner.Expire(t)
			t = next
		}
	}
}

// turn takes out what is due up to tick now, as a list by next.
func (s *stripe) turn(now int64) *Timer {
	s.Lock()
	defer s.Unlock()
	s.tick = max(s.tick, now-wheelSlots) // after a pause every slot is looked at once
	var due *Timer
	for s.tick < now {
		s.tick++
		for t := s.slots[uint64(s.tick)%wheelSlots]; t != nil; {
			next := t.next
			if t.due <= s.tick {
				s.remove(t)
				t.next, due = due, t
			}
			t = next
		}
	}
	return due
}
