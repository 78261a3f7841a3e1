package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/partition"
)

// Replicas are this broker's partitions; *replica.Set is one.
type Replicas interface {
	// PartitionOf finds a partition by its topic's name. The code is
	// NOT_LEADER_OR_FOLLOWER if the cluster has the partition elsewhere,
	// UNKNOWN_TOPIC_OR_PARTITION if not at all, KAFKA_STORAGE_ERROR if its log
	// directory is offline.
	PartitionOf(topic string, index int32) (*partition.Partition, kerr.Code)
	// PartitionByID finds one by its topic's id; UNKNOWN_TOPIC_ID if the
	// cluster has no such topic.
	PartitionByID(id model.TopicID, index int32) (*partition.Partition, kerr.Code)
}

// find is a partition by topic id if the request's version has those, else by
// name.
func (s *Services) find(topic string, id model.TopicID, index int32, byID bool) (*partition.Partition, kerr.Code) {
	if byID {
		return s.Replicas.PartitionByID(id, index)
	}
	return s.Replicas.PartitionOf(topic, index)
}

// internalTopics are those that clients may not write to.
func internalTopic(name string) bool {
	return name == "__consumer_offsets" || name == "__transaction_state" || name == "__share_group_state"
}

// leaderHint is where a client finds the leader of a partition that it asked
// the wrong broker for (KIP-951).
type leaderHint struct {
	leader int32
	epoch  int32
	node   *metadata.Endpoint // nil if it cannot be reached on the client's listener
	rack   *string
}

// hint finds the leader of a partition that p, nil if it is not here, does not
// lead, for a client of listener.
func (s *Services) hint(listener string, p *partition.Partition, topic string, id model.TopicID, index int32) leaderHint {
	h := leaderHint{leader: -1, epoch: -1}
	img := s.Metadata.Image()
	leader := model.NoBroker
	if p != nil {
		l, e := p.Leader()
		leader, h.epoch = l, int32(e)
	} else {
		t := img.Topics.ByName(topic)
		if !id.IsZero() {
			t = img.Topics.ByID(id)
		}
		if t == nil || t.Partition(index) == nil {
			return h
		}
		leader, h.epoch = t.Partition(index).Leader, int32(t.Partition(index).LeaderEpoch)
	}
	h.leader = int32(leader)
	if b := img.Cluster.Broker(leader); b != nil && !b.Fenced {
		if e, ok := b.Endpoint(listener); ok {
			h.node, h.rack = &e, b.Rack
		}
	}
	return h
}
