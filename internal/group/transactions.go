package group

import (
	"iter"
	"maps"
	"slices"

	"gregor/internal/coordinator"
	"gregor/internal/model"
)

// transactions are the offsets of transactions that have not ended.
//
// *Invariant:* owners has a producer for a place exactly if pending has an
// offset of that producer for it.
type transactions struct {
	h       *coordinator.History
	pending *coordinator.Map[model.ProducerID, *coordinator.Map[groupPlace, *offset]]
	owners  *coordinator.Map[groupPlace, []model.ProducerID] // the slices do not change
}

// groupPlace is what an offset of some group is about.
type groupPlace struct {
	group string
	place
}

func newTransactions(h *coordinator.History) transactions {
	return transactions{
		h:       h,
		pending: coordinator.NewMap[model.ProducerID, *coordinator.Map[groupPlace, *offset]](h),
		owners:  coordinator.NewMap[groupPlace, []model.ProducerID](h),
	}
}

func (t *transactions) put(id model.ProducerID, group string, at place, o *offset) {
	m, ok := t.pending.Get(id)
	if !ok {
		m = coordinator.NewMap[groupPlace, *offset](t.h)
		t.pending.Put(id, m)
	}
	key := groupPlace{group, at}
	m.Put(key, o)
	if list, _ := t.owners.Get(key); !slices.Contains(list, id) {
		t.owners.Put(key, append(slices.Clip(list), id))
	}
}

// drop forgets what transactions have for a place.
func (t *transactions) drop(group string, at place) {
	key := groupPlace{group, at}
	list, ok := t.owners.Delete(key)
	if !ok {
		return
	}
	for _, id := range list {
		if m, ok := t.pending.Get(id); ok {
			m.Delete(key)
		}
	}
}

// end takes a transaction out and yields its offsets.
func (t *transactions) end(id model.ProducerID) map[groupPlace]*offset {
	m, ok := t.pending.Delete(id)
	if !ok {
		return nil
	}
	ended := maps.Collect(m.All)
	for key := range ended {
		list, _ := t.owners.Get(key)
		rest := slices.DeleteFunc(slices.Clone(list), func(o model.ProducerID) bool { return o == id })
		if len(rest) == 0 {
			t.owners.Delete(key)
		} else {
			t.owners.Put(key, rest)
		}
	}
	return ended
}

// open reports whether a transaction may still change an offset.
func (t *transactions) open(group string, at place) bool {
	if t.owners.Len() == 0 {
		return false
	}
	_, ok := t.owners.Get(groupPlace{group, at})
	return ok
}

// places yields what transactions may still change of a group.
func (t *transactions) places(group string) iter.Seq[place] {
	return func(yield func(place) bool) {
		for key := range t.owners.All {
			if key.group == group && !yield(key.place) {
				return
			}
		}
	}
}

func (t *transactions) has(group string) bool {
	for range t.places(group) {
		return true
	}
	return false
}

// all yields every offset of every transaction.
func (t *transactions) all(yield func(groupPlace, *offset) bool) {
	for _, m := range t.pending.All {
		for key, o := range m.All {
			if !yield(key, o) {
				return
			}
		}
	}
}

// ReplayMarker applies the end of a transaction: its offsets count from now on,
// unless a later record has committed others, or are forgotten.
func (s *Shard) ReplayMarker(id model.ProducerID, _ model.ProducerEpoch, commit bool) {
	for key, o := range s.txns.end(id) {
		if !commit {
			continue
		}
		if old := s.offset(key.group, key.place); old == nil || o.record > old.record {
			s.offsetsOf(key.group).Put(key.place, o)
		}
	}
}
