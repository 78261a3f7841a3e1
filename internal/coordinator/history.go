package coordinator

import (
	"gregor/internal/invariant"
	"gregor/internal/model"
)

// History remembers the changes of a shard's Maps that are not committed yet,
// oldest first, so that they can be undone.
//
// *Invariant:* at never falls below the offset of a remembered change.
type History struct {
	at      model.Offset
	changes []change
	head    int
}

type change struct {
	at model.Offset
	of changeable
}

// changeable is a Map; its changes are settled in the order of the History.
type changeable interface {
	commitOldest()
	undoNewest()
}

// move says that changes from now on belong to the record at offset.
func (h *History) move(at model.Offset) { h.at = at }

func (h *History) note(m changeable) {
	if h.head == len(h.changes) {
		h.head, h.changes = 0, h.changes[:0]
	}
	h.changes = append(h.changes, change{h.at, m})
}

// pending is the number of changes that are not committed.
func (h *History) pending() int { return len(h.changes) - h.head }

// keepChanges is the largest list of changes that is kept when it is empty.
const keepChanges = 4096

// commit forgets how to undo changes of records below hw.
func (h *History) commit(hw model.Offset) {
	for h.head < len(h.changes) && h.changes[h.head].at < hw {
		h.changes[h.head].of.commitOldest()
		h.changes[h.head] = change{}
		h.head++
	}
	switch {
	case h.head < len(h.changes):
		if h.head > keepChanges && h.head > len(h.changes)/2 {
			n := copy(h.changes, h.changes[h.head:])
			clear(h.changes[n:])
			h.changes, h.head = h.changes[:n], 0
		}
	case cap(h.changes) > keepChanges:
		h.changes, h.head = nil, 0
	default:
		h.changes, h.head = h.changes[:0], 0
	}
}

// revert undoes the changes of records at to and above.
func (h *History) revert(to model.Offset) {
	for len(h.changes) > h.head && h.changes[len(h.changes)-1].at >= to {
		last := len(h.changes) - 1
		h.changes[last].of.undoNewest()
		h.changes[last] = change{}
		h.changes = h.changes[:last]
	}
	h.at = to
}

// Map is a map whose changes since the last commit can be undone, and whose
// committed content can be read beside the newest. The shard that owns its
// History commits and undoes.
type Map[K comparable, V any] struct {
	h    *History
	m    map[K]slot[V]
	live int
	// undo[head:] holds the changes that are not committed, oldest first; the
	// first of them has number base. Numbers wrap around.
	undo []undo[K, V]
	head int
	base uint32
}

// slot is a key's newest value. A deleted key keeps its slot until the
// deletion is committed.
type slot[V any] struct {
	v V
	// first and last number the key's changes that are not committed, if dirty.
	first, last uint32
	live, dirty bool
}

// undo is what a change replaced, and the numbers of the changes of the same
// key before and after it, if there are.
type undo[K comparable, V any] struct {
	key        K
	old        V
	prev, next uint32
	had        bool
}

// NewMap is an empty Map of the shard that h belongs to.
func NewMap[K comparable, V any](h *History) *Map[K, V] {
	return &Map[K, V]{h: h, m: map[K]slot[V]{}}
}

// Get is the newest value of k.
func (m *Map[K, V]) Get(k K) (V, bool) {
	s := m.m[k]
	return s.v, s.live
}

// Committed is the committed value of k.
func (m *Map[K, V]) Committed(k K) (V, bool) {
	return m.committed(m.m[k])
}

func (m *Map[K, V]) committed(s slot[V]) (V, bool) {
	if s.dirty {
		u := m.change(s.first)
		return u.old, u.had
	}
	return s.v, s.live
}

// change is the change of that number.
func (m *Map[K, V]) change(n uint32) *undo[K, V] { return &m.undo[m.head+int(n-m.base)] }

// Len is the number of keys, by the newest content.
func (m *Map[K, V]) Len() int { return m.live }

// Empty reports whether there is nothing in it, neither by the newest nor by
// the committed content.
func (m *Map[K, V]) Empty() bool { return len(m.m) == 0 }

// All yields the newest content, in no order. The Map may be changed meanwhile.
func (m *Map[K, V]) All(yield func(K, V) bool) {
	for k, s := range m.m {
		if s.live && !yield(k, s.v) {
			return
		}
	}
}

// AllCommitted yields the committed content, in no order.
func (m *Map[K, V]) AllCommitted(yield func(K, V) bool) {
	for k, s := range m.m {
		if v, ok := m.committed(s); ok && !yield(k, v) {
			return
		}
	}
}

// Put sets k and returns what it was before.
func (m *Map[K, V]) Put(k K, v V) (old V, had bool) { return m.set(k, v, true) }

// Delete removes k and returns what it was.
func (m *Map[K, V]) Delete(k K) (old V, had bool) {
	var none V
	if !m.m[k].live {
		return none, false
	}
	return m.set(k, none, false)
}

func (m *Map[K, V]) set(k K, v V, live bool) (old V, had bool) {
	s := m.m[k]
	old, had = s.v, s.live
	n := m.base + uint32(len(m.undo)-m.head)
	u := undo[K, V]{key: k, old: old, had: had, prev: s.last}
	if s.dirty {
		m.change(s.last).next = n
	} else {
		s.first = n
	}
	m.undo = append(m.undo, u)
	m.count(had, live)
	m.m[k] = slot[V]{v: v, live: live, dirty: true, first: s.first, last: n}
	m.h.note(m)
	return old, had
}

func (m *Map[K, V]) count(had, live bool) {
	if had {
		m.live--
	}
	if live {
		m.live++
	}
}

func (m *Map[K, V]) commitOldest() {
	u := m.change(m.base)
	s := m.m[u.key]
	if !s.dirty || s.first != m.base {
		invariant.Check(false, "change %d is committed, but the first of its key is %d", m.base, s.first)
	}
	switch {
	case s.first != s.last:
		s.first = u.next
		m.m[u.key] = s
	case s.live:
		s.dirty = false
		m.m[u.key] = s
	default:
		delete(m.m, u.key)
	}
	*u = undo[K, V]{}
	m.head++
	m.base++
	m.shrink()
}

func (m *Map[K, V]) undoNewest() {
	last := len(m.undo) - 1
	u := &m.undo[last]
	s := m.m[u.key]
	m.count(s.live, u.had)
	s.v, s.live = u.old, u.had
	if s.dirty = s.first != s.last; s.dirty {
		s.last = u.prev
	}
	if s.live || s.dirty {
		m.m[u.key] = s
	} else {
		delete(m.m, u.key)
	}
	*u = undo[K, V]{}
	m.undo = m.undo[:last]
	m.shrink()
}

// keepUndo is the longest list of changes a Map keeps when it is empty; there
// may be a Map for every group.
const keepUndo = 8

func (m *Map[K, V]) shrink() {
	switch {
	case m.head < len(m.undo):
		if m.head >= keepChanges && m.head > len(m.undo)/2 {
			n := copy(m.undo, m.undo[m.head:])
			clear(m.undo[n:])
			m.undo, m.head = m.undo[:n], 0
		}
	case cap(m.undo) > keepUndo:
		m.undo, m.head = nil, 0
	default:
		m.undo, m.head = m.undo[:0], 0
	}
}
