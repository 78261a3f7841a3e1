package coordinator

import (
	"math"

	"gregor/internal/model"
)

// never is a time that does not come.
const never model.Millis = math.MaxInt64

// Timers are a shard's deadlines: a heap by time. A deadline that is put off,
// as that of a member's session is by every heartbeat, is not moved in the
// heap until its old time has come, which makes putting off a store.
type Timers struct{ heap []*Timer }

// Timer is one deadline. The zero value with Fire set is not running.
type Timer struct {
	// Fire is called once when the time has come, as a decision is.
	Fire func(out *Out) error

	due model.Millis // when it fires
	at  model.Millis // its key in the heap, not after due
	pos int          // its place in the heap, from 1; 0 if it is not running
}

// Running reports whether t will fire.
func (t *Timer) Running() bool { return t.pos > 0 }

// Set has t fire at due, or later if the shard is busy.
func (s *Timers) Set(t *Timer, due model.Millis) {
	t.due = due
	switch {
	case t.pos == 0:
		t.at = due
		s.heap = append(s.heap, t)
		t.pos = len(s.heap)
		s.up(t.pos - 1)
	case due < t.at:
		t.at = due
		s.up(t.pos - 1)
	}
}

// Stop has t not fire.
func (s *Timers) Stop(t *Timer) {
	if t.pos == 0 {
		return
	}
	i, last := t.pos-1, len(s.heap)-1
	s.swap(i, last)
	s.heap[last] = nil
	s.heap = s.heap[:last]
	t.pos = 0
	if i < last {
		s.down(i)
		s.up(i)
	}
	if cap(s.heap) > 64 && len(s.heap) < cap(s.heap)/4 {
		s.heap = append(make([]*Timer, 0, 2*len(s.heap)), s.heap...)
	}
}

// next is when to look again, never if no timer is running. It may be early.
func (s *Timers) next() model.Millis {
	if len(s.heap) == 0 {
		return never
	}
	return s.heap[0].at
}

// pop takes a timer that is due, nil if there is none.
func (s *Timers) pop(now model.Millis) *Timer {
	for len(s.heap) > 0 && s.heap[0].at <= now {
		t := s.heap[0]
		if t.due <= now {
			s.Stop(t)
			return t
		}
		t.at = t.due
		s.down(0)
	}
	return nil
}

func (s *Timers) clear() {
	for _, t := range s.heap {
		t.pos = 0
	}
	s.heap = nil
}

func (s *Timers) swap(i, j int) {
	s.heap[i], s.heap[j] = s.heap[j], s.heap[i]
	s.heap[i].pos, s.heap[j].pos = i+1, j+1
}

func (s *Timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if s.heap[parent].at <= s.heap[i].at {
			return
		}
		s.swap(parent, i)
		i = parent
	}
}

func (s *Timers) down(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(s.heap); c++ {
			if s.heap[c].at < s.heap[least].at {
				least = c
			}
		}
		if least == i {
			return
		}
		s.swap(i, least)
		i = least
	}
}
