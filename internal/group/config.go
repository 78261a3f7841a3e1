package group

import "gregor/internal/model"

// Config is the settings of groups. Times are in milliseconds.
type Config struct {
	// MinSessionTimeout and MaxSessionTimeout bound what members may ask for
	// (group.min.session.timeout.ms, group.max.session.timeout.ms).
	MinSessionTimeout, MaxSessionTimeout model.Millis
	// InitialRebalanceDelay is how long a new group waits for more members
	// (group.initial.rebalance.delay.ms).
	InitialRebalanceDelay model.Millis
	// MaxSize bounds the members of a group (group.max.size).
	MaxSize int
	// OffsetMetadataMax is the longest text beside an offset, in characters
	// (offset.metadata.max.bytes).
	OffsetMetadataMax int
	// OffsetsRetention is offsets.retention.minutes, RetentionCheck
	// offsets.retention.check.interval.ms.
	OffsetsRetention, RetentionCheck model.Millis
	// CommitTimeout is offsets.commit.timeout.ms.
	CommitTimeout model.Millis
	// AppendLinger is group.coordinator.append.linger.ms, -1 for adaptive.
	AppendLinger model.Millis
	// LoadBuffer is offsets.load.buffer.size, in bytes.
	LoadBuffer int
	// Partitions, ReplicationFactor, SegmentBytes and Compression (the codec's
	// number) make the topic: offsets.topic.num.partitions,
	// offsets.topic.replication.factor, offsets.topic.segment.bytes,
	// offsets.topic.compression.codec.
	Partitions        int32
	ReplicationFactor int16
	SegmentBytes      int
	Compression       int8
}

// DefaultConfig is Kafka's defaults.
func DefaultConfig() Config {
	return Config{
		MinSessionTimeout: 6000, MaxSessionTimeout: 1_800_000, InitialRebalanceDelay: 3000,
		MaxSize: 1<<31 - 1, OffsetMetadataMax: 4096,
		OffsetsRetention: 10080 * 60_000, RetentionCheck: 600_000,
		CommitTimeout: 5000, AppendLinger: -1, LoadBuffer: 5 << 20,
		Partitions: 50, ReplicationFactor: 3, SegmentBytes: 100 << 20,
	}
}
