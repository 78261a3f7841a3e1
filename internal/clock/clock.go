// Package clock is where time enters: shells hold a Clock, pure cores get a
// model.Millis argument. Manual is the twin that tests move by hand.
package clock

import (
	"sync"
	"time"

	"gregor/internal/model"
)

// Clock tells the time and fires timers.
type Clock interface {
	// Now is the wall time in milliseconds since the epoch.
	Now() model.Millis
	// Nanos is a monotonic reading in nanoseconds; only differences mean something.
	Nanos() int64
	// After sends one value once d has passed. stop releases the timer early.
	After(d time.Duration) (c <-chan time.Time, stop func())
}

// System is the machine's clock.
type System struct{}

var base = time.Now()

// Now is the wall time.
func (System) Now() model.Millis { return model.Millis(time.Now().UnixMilli()) }

// Nanos is the monotonic time since the process started.
func (System) Nanos() int64 { return int64(time.Since(base)) }

// After is time.NewTimer.
func (System) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// Manual is a Clock that stands still until Advance. Safe for concurrent use.
type Manual struct {
	mu struct {
		sync.Mutex
		now    model.Millis
		timers []*manualTimer
	}
}

type manualTimer struct {
	at model.Millis
	c  chan time.Time
}

// NewManual is a Manual clock that shows now.
func NewManual(now model.Millis) *Manual {
	m := &Manual{}
	m.mu.now = now
	return m
}

// Now is the time set by hand.
func (m *Manual) Now() model.Millis {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.now
}

// Nanos is Now in nanoseconds.
func (m *Manual) Nanos() int64 { return int64(m.Now()) * int64(time.Millisecond) }

// After fires once Advance has moved the clock by at least d.
func (m *Manual) After(d time.Duration) (<-chan time.Time, func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &manualTimer{at: m.mu.now + model.Millis(d/time.Millisecond), c: make(chan time.Time, 1)}
	if t.at <= m.mu.now {
		t.c <- time.UnixMilli(int64(m.mu.now))
		return t.c, func() {}
	}
	m.mu.timers = append(m.mu.timers, t)
	return t.c, func() { m.drop(t) }
}

func (m *Manual) drop(t *manualTimer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, o := range m.mu.timers {
		if o == t {
			m.mu.timers = append(m.mu.timers[:i], m.mu.timers[i+1:]...)
			return
		}
	}
}

// Advance moves the clock by d and fires what is due.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.now += model.Millis(d / time.Millisecond)
	rest := m.mu.timers[:0]
	for _, t := range m.mu.timers {
		if t.at <= m.mu.now {
			t.c <- time.UnixMilli(int64(m.mu.now))
			continue
		}
		rest = append(rest, t)
	}
	m.mu.timers = rest
}
