package server

import (
	"sync"

	"gregor/internal/invariant"
)

// slot is the place of a response in its connection's order.
type slot struct {
	r       *Response // once done; nil if there is none
	parked  Parked
	size    int
	done    bool
	inOrder bool
}

// ring is the responses of a connection that wait for their turn, oldest
// first. Guarded by Conn.mu. Rings are pooled; nil is an empty one.
//
// *Invariant:* head <= tail; slots [head, tail) are in use, at index seq
// modulo len(slots), a power of two.
type ring struct {
	slots      []slot
	head, tail uint64
	bytes      int // of finished responses in it
	inOrder    int // unfilled holes that later requests must wait for
}

var rings = sync.Pool{New: func() any { return &ring{slots: make([]slot, 4)} }}

// keepSlots is the size of rings that are kept for reuse.
const keepSlots = 64

// free returns an empty ring to the pool.
func (g *ring) free() {
	if g != nil && len(g.slots) <= keepSlots {
		*g = ring{slots: g.slots}
		rings.Put(g)
	}
}

func (g *ring) empty() bool { return g == nil || g.head == g.tail }

func (g *ring) at(seq uint64) *slot { return &g.slots[seq&uint64(len(g.slots)-1)] }

func (g *ring) push(s slot) uint64 {
	if int(g.tail-g.head) == len(g.slots) {
		bigger := make([]slot, 2*len(g.slots))
		for q := g.head; q < g.tail; q++ {
			bigger[q&uint64(len(bigger)-1)] = *g.at(q)
		}
		g.slots = bigger
	}
	seq := g.tail
	*g.at(seq) = s
	g.tail++
	g.bytes += s.size
	if s.inOrder {
		g.inOrder++
	}
	return seq
}

// fill finishes a hole and reports whether it was the oldest.
func (g *ring) fill(seq uint64, r *Response) bool {
	invariant.Check(seq >= g.head && seq < g.tail, "hole %d filled, %d to %d are open", seq, g.head, g.tail)
	s := g.at(seq)
	invariant.Check(!s.done, "hole %d filled twice", seq)
	s.done, s.r, s.parked = true, r, nil
	if r != nil {
		s.size = r.Cap()
		g.bytes += s.size
	}
	if s.inOrder {
		g.inOrder--
	}
	return seq == g.head
}

// ready reports whether the oldest response can be sent.
func (g *ring) ready() bool { return g != nil && g.head < g.tail && g.at(g.head).done }

// pop takes the oldest response, which is ready.
func (g *ring) pop() *Response {
	s := g.at(g.head)
	r := s.r
	g.bytes -= s.size
	*s = slot{}
	g.head++
	return r
}

// full reports whether the next request must wait.
func (g *ring) full() bool {
	return g != nil && (g.inOrder > 0 || g.tail-g.head >= maxSlots || g.bytes > maxRingBytes)
}
