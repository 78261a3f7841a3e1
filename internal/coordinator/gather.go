package coordinator

import "sync/atomic"

// Gather calls a function once a number of answers have come, from whichever
// goroutines.
type Gather struct {
	left atomic.Int64
	all  func()
}

// NewGather waits for n calls of Done; if n is 0 it calls all at once.
func NewGather(n int, all func()) *Gather {
	g := &Gather{all: all}
	g.left.Store(int64(n))
	if n == 0 {
		all()
	}
	return g
}

// Done counts one answer. What was written before the call is seen by all.
func (g *Gather) Done() {
	if g.left.Add(-1) == 0 {
		g.all()
	}
}

// Number is a number that one sets and others read, from any goroutine.
type Number struct{ v atomic.Int64 }

// Load is the number.
func (n *Number) Load() int64 { return n.v.Load() }

// Store sets it.
func (n *Number) Store(v int64) { n.v.Store(v) }
