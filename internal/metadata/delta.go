package metadata

import (
	"iter"

	"gregor/internal/model"
)

// Delta replays records upon an image. It is used by one goroutine; the images
// it makes are for everybody.
type Delta struct {
	base *Image
	next Image
	e    *edit

	topics      []model.TopicID
	brokers     []model.BrokerID
	controllers []model.BrokerID
	configs     []Resource
	quotas      []string
	acls        []model.UUID
	scram       []ScramUser
	tokens      []string
	all         bool // a snapshot: everything may have changed
	replayed    bool
	made        *Image // by the last call of Image
}

// NewDelta is for the records that follow base.
func NewDelta(base *Image) *Delta { return &Delta{base: base, next: *base, e: new(edit)} }

// NewSnapshotDelta is for the records of a snapshot that takes the place of base.
func NewSnapshotDelta(base *Image) *Delta {
	return &Delta{base: base, next: *Empty(), e: new(edit), all: true}
}

// Base is the image before the records.
func (d *Delta) Base() *Image { return d.base }

// Image is the image after the records so far. Replaying more leaves it as it is.
func (d *Delta) Image(at Provenance) *Image {
	d.e = new(edit)
	d.next.At = at
	img := d.next
	d.made = &img
	return d.made
}

// Next is what the last call of Image made.
func (d *Delta) Next() *Image { return d.made }

// TopicChange is a topic that records touched; Old is nil if it was created,
// New if it was deleted. A topic deleted and created again is two changes.
type TopicChange struct{ Old, New *Topic }

// Partitions yields the numbers of the partitions that differ.
func (c TopicChange) Partitions() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		var o, n []*Partition
		if c.Old != nil {
			o = c.Old.Partitions
		}
		if c.New != nil {
			n = c.New.Partitions
		}
		for i := range max(len(o), len(n)) {
			if i < len(o) && i < len(n) && o[i].Equal(n[i]) {
				continue
			}
			if !yield(int32(i)) {
				return
			}
		}
	}
}

// Topics yields the topics that were created, deleted or changed, the deleted
// ones first, so that a name is free before it is taken again.
func (d *Delta) Topics() iter.Seq[TopicChange] {
	return func(yield func(TopicChange) bool) {
		touched := changed(d, d.topics, d.base.Topics.byID, d.next.Topics.byID)
		for _, id := range touched {
			if d.next.Topics.ByID(id) == nil {
				if old := d.base.Topics.ByID(id); old != nil && !yield(TopicChange{Old: old}) {
					return
				}
			}
		}
		for _, id := range touched {
			o, n := d.base.Topics.ByID(id), d.next.Topics.ByID(id)
			if n != nil && o != n && !yield(TopicChange{o, n}) {
				return
			}
		}
	}
}

// BrokerChange is a broker whose registration changed; Old or New is nil if
// there was, or is, none.
type BrokerChange struct{ Old, New *Broker }

// Brokers yields the brokers that registered, changed or went.
func (d *Delta) Brokers() iter.Seq[BrokerChange] {
	return func(yield func(BrokerChange) bool) {
		for _, id := range changed(d, d.brokers, d.base.Cluster.brokers, d.next.Cluster.brokers) {
			c := BrokerChange{d.base.Cluster.Broker(id), d.next.Cluster.Broker(id)}
			if c.Old != c.New && !yield(c) {
				return
			}
		}
	}
}

// Controllers are the ids of the controllers that registered, changed or went.
func (d *Delta) Controllers() []model.BrokerID {
	return changed(d, d.controllers, d.base.Cluster.controllers, d.next.Cluster.controllers)
}

// Configs are the resources whose settings changed.
func (d *Delta) Configs() []Resource {
	return changed(d, d.configs, d.base.Configs.tree, d.next.Configs.tree)
}

// ConfigsChanged reports whether the settings of a resource changed.
func (d *Delta) ConfigsChanged(r Resource) bool {
	for _, c := range d.Configs() {
		if c == r {
			return true
		}
	}
	return false
}

// FeaturesChanged reports whether a feature's level changed.
func (d *Delta) FeaturesChanged() bool {
	a, b := d.base.Features, d.next.Features
	if a.Version != b.Version || len(a.Other) != len(b.Other) {
		return true
	}
	for i := range a.Other {
		if a.Other[i] != b.Other[i] {
			return true
		}
	}
	return false
}

// QuotasChanged, ACLs, ScramUsers and Tokens are what changed of those.
func (d *Delta) QuotasChanged() bool {
	return len(changed(d, d.quotas, d.base.Quotas.tree, d.next.Quotas.tree)) > 0
}

// ACLs are the ids of the entries that were added or removed.
func (d *Delta) ACLs() []model.UUID {
	return changed(d, d.acls, d.base.ACLs.tree, d.next.ACLs.tree)
}

// ScramUsers are the users whose credential changed.
func (d *Delta) ScramUsers() []ScramUser {
	return changed(d, d.scram, d.base.Scram.tree, d.next.Scram.tree)
}

// Tokens are the ids of the tokens that changed.
func (d *Delta) Tokens() []string {
	return changed(d, d.tokens, d.base.Tokens.tree, d.next.Tokens.tree)
}

// changed is the sorted keys that may differ: those that were touched, or, after a
// snapshot, all there were and are.
func changed[K comparable, V any](d *Delta, touched []K, o, n tree[K, V]) []K {
	if d.all {
		touched = make([]K, 0, n.len)
		for k := range o.all() {
			touched = append(touched, k)
		}
		for k := range n.all() {
			touched = append(touched, k)
		}
	}
	return sortUnique(touched, n.cmp)
}
