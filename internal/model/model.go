// Package model names the ids and quantities that every room speaks of, so
// that no bare int64 crosses a package border.
package model

import "fmt"

// Offset is a record's position in a partition's log, counted in records.
type Offset int64

// NoOffset marks an offset that is not known.
const NoOffset Offset = -1

// LeaderEpoch counts the leaders a partition has had.
type LeaderEpoch int32

// NoEpoch marks a leader epoch that is not known.
const NoEpoch LeaderEpoch = -1

// BrokerID is a node's id (node.id), for brokers and controllers alike.
type BrokerID int32

// NoBroker marks the absence of a node, such as a partition without a leader.
const NoBroker BrokerID = -1

// BrokerEpoch is the metadata offset at which a broker registered.
type BrokerEpoch int64

// ProducerID identifies an idempotent producer; -1 is none.
type ProducerID int64

// NoProducer is the producer id of a batch without one.
const NoProducer ProducerID = -1

// ProducerEpoch counts the incarnations of a ProducerID.
type ProducerEpoch int16

// Millis is wall time in milliseconds since 1970-01-01 UTC.
type Millis int64

// TopicID is a topic's UUID; the zero value is no id.
type TopicID = UUID

// DirectoryID is the UUID of a log directory.
type DirectoryID = UUID

// Reserved directory ids (KIP-858).
var (
	DirMigrating  = DirectoryID{}
	DirUnassigned = DirectoryID{15: 1}
	DirLost       = DirectoryID{15: 2}
)

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// String is topic-partition, the name of the partition's directory.
func (tp TopicPartition) String() string { return fmt.Sprintf("%s-%d", tp.Topic, tp.Partition) }

// TopicIDPartition names a partition of one incarnation of a topic.
type TopicIDPartition struct {
	ID        TopicID
	Topic     string
	Partition int32
}
