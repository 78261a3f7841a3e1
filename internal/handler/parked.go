package handler

import "sync/atomic"

// units counts who still has to do with a parked request: its waiters in
// partitions, its deadline, and whoever works on it right now. Whoever takes
// the last one away finishes the request, so that it is finished once, and not
// before everyone has let go of it.
type units struct{ n atomic.Int32 }

// start gives the caller one unit.
func (u *units) start() { u.n.Store(1) }

// add gives one more; the caller has one.
func (u *units) add() { u.n.Add(1) }

// drop takes one away and reports whether it was the last.
func (u *units) drop() bool { return u.n.Add(-1) == 0 }

// hold gives one to a caller that has none, unless all are gone.
func (u *units) hold() bool {
	for {
		n := u.n.Load()
		if n == 0 {
			return false
		}
		if u.n.CompareAndSwap(n, n+1) {
			return true
		}
	}
}
