package replica

import (
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/partition"
)

// Set is the broker's partitions. Safe for concurrent use.
type Set struct{ _ int }

// Partition finds a partition by the bytes of its topic's name. The code is
// NOT_LEADER_OR_FOLLOWER if the cluster has the partition elsewhere,
// UNKNOWN_TOPIC_OR_PARTITION if not at all, KAFKA_STORAGE_ERROR if its log
// directory is offline.
func (s *Set) Partition(topic []byte, index int32) (*partition.Partition, kerr.Code) {
	return nil, kerr.UnknownTopicOrPartition
}

// PartitionOf is Partition for a string.
func (s *Set) PartitionOf(topic string, index int32) (*partition.Partition, kerr.Code) {
	return nil, kerr.UnknownTopicOrPartition
}

// PartitionByID finds a partition by topic id. The code is UNKNOWN_TOPIC_ID if
// the cluster has no such topic.
func (s *Set) PartitionByID(id model.TopicID, index int32) (*partition.Partition, kerr.Code) {
	return nil, kerr.UnknownTopicId
}
