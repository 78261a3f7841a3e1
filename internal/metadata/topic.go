package metadata

import (
	"iter"
	"slices"

	"gregor/internal/model"
)

// Topics are the topics of the cluster, by id and by name.
type Topics struct {
	byID   tree[model.TopicID, *Topic]
	byName tree[string, *Topic]
	// partitions is the number of partitions of all topics.
	partitions int
}

// Topic is one incarnation of a topic.
type Topic struct {
	Name string
	ID   model.TopicID
	// Partitions by number. *Invariant:* numbers have no gaps.
	Partitions []*Partition

	owner *edit // who may change Partitions in place
}

// ByName is a topic by name, nil if there is none.
func (t Topics) ByName(name string) *Topic {
	topic, _ := t.byName.get(name)
	return topic
}

// ByID is a topic by id, nil if there is none.
func (t Topics) ByID(id model.TopicID) *Topic {
	topic, _ := t.byID.get(id)
	return topic
}

// All are the topics by name.
func (t Topics) All() iter.Seq[*Topic] { return values(t.byName) }

// From are the topics by name whose name is not less than name.
func (t Topics) From(name string) iter.Seq[*Topic] {
	return func(yield func(*Topic) bool) {
		for _, topic := range t.byName.from(name) {
			if !yield(topic) {
				return
			}
		}
	}
}

// Len is the number of topics.
func (t Topics) Len() int { return t.byName.len }

// NumPartitions is the number of partitions of all topics.
func (t Topics) NumPartitions() int { return t.partitions }

// Partition is a partition by topic id and number, nil if there is none.
func (t Topics) Partition(id model.TopicID, number int32) *Partition {
	topic, ok := t.byID.get(id)
	if !ok {
		return nil
	}
	return topic.Partition(number)
}

// Partition is a partition by number, nil if there is none.
func (t *Topic) Partition(number int32) *Partition {
	if number < 0 || int(number) >= len(t.Partitions) {
		return nil
	}
	return t.Partitions[number]
}

// RecoveryState tells whether a leader lost records to an unclean election and
// has not recovered yet (KIP-704).
type RecoveryState int8

// The recovery states; NoRecoveryChange stands in change records only.
const (
	Recovered        RecoveryState = 0
	Recovering       RecoveryState = 1
	NoRecoveryChange RecoveryState = -1
)

// NoLeaderChange in a change record leaves leader and leader epoch as they are.
const NoLeaderChange model.BrokerID = -2

// Partition is the state of one partition. Source: PartitionRegistration.
type Partition struct {
	// Replicas in order of preference.
	Replicas []model.BrokerID
	// ISR may share memory with Replicas.
	ISR []model.BrokerID
	// Dirs holds for each of Replicas the directory it lies in;
	// model.DirMigrating before metadata.version 3.7-IV2.
	Dirs []model.DirectoryID

	Leader         model.BrokerID // model.NoBroker if none
	LeaderEpoch    model.LeaderEpoch
	PartitionEpoch int32
	Recovery       RecoveryState

	rare *rare
}

// rare is what most partitions lack most of the time.
type rare struct {
	adding, removing, elr, lastELR []model.BrokerID
}

// Adding are the replicas that a reassignment adds.
func (p *Partition) Adding() []model.BrokerID {
	if p.rare == nil {
		return nil
	}
	return p.rare.adding
}

// Removing are the replicas that a reassignment removes.
func (p *Partition) Removing() []model.BrokerID {
	if p.rare == nil {
		return nil
	}
	return p.rare.removing
}

// ELR are the eligible leader replicas (KIP-966).
func (p *Partition) ELR() []model.BrokerID {
	if p.rare == nil {
		return nil
	}
	return p.rare.elr
}

// LastKnownELR are the replicas that were in ELR or ISR and went down uncleanly.
func (p *Partition) LastKnownELR() []model.BrokerID {
	if p.rare == nil {
		return nil
	}
	return p.rare.lastELR
}

// Reassigning reports whether a reassignment is going on.
func (p *Partition) Reassigning() bool { return len(p.Adding())+len(p.Removing()) > 0 }

// Preferred is the replica that should lead, model.NoBroker without replicas.
func (p *Partition) Preferred() model.BrokerID {
	if len(p.Replicas) == 0 {
		return model.NoBroker
	}
	return p.Replicas[0]
}

// Dir is the directory of a replica; ok is false if the broker is none.
func (p *Partition) Dir(replica model.BrokerID) (dir model.DirectoryID, ok bool) {
	i := slices.Index(p.Replicas, replica)
	if i < 0 || i >= len(p.Dirs) {
		return dir, false
	}
	return p.Dirs[i], true
}

// Equal compares all fields.
func (p *Partition) Equal(o *Partition) bool {
	if p == o {
		return true
	}
	return p != nil && o != nil &&
		p.Leader == o.Leader && p.LeaderEpoch == o.LeaderEpoch && p.PartitionEpoch == o.PartitionEpoch && p.Recovery == o.Recovery &&
		slices.Equal(p.Replicas, o.Replicas) && slices.Equal(p.ISR, o.ISR) && slices.Equal(p.Dirs, o.Dirs) &&
		slices.Equal(p.Adding(), o.Adding()) && slices.Equal(p.Removing(), o.Removing()) &&
		slices.Equal(p.ELR(), o.ELR()) && slices.Equal(p.LastKnownELR(), o.LastKnownELR())
}
