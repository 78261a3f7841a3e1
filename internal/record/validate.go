package record

import (
	"gregor/internal/model"
	"gregor/internal/record/codec"
)

// Rules is a topic's configuration as far as it concerns the batches a leader
// appends. Immutable; shared by the topic's partitions.
type Rules struct {
	// MaxMessageBytes is max.message.bytes: the largest batch, in bytes.
	MaxMessageBytes int32
	// MaxRecordBytes is max.decompressed.message.bytes: the largest record
	// inside a compressed batch that is decompressed.
	MaxRecordBytes int32
	// SegmentBytes is segment.bytes, which no append may exceed.
	SegmentBytes int32
	// Codec is compression.type, codec.Producer to keep what came; Level goes
	// with it.
	Codec codec.Type
	Level int
	// Compacted is cleanup.policy with compact: records need keys.
	Compacted bool
	// LogAppendTime is message.timestamp.type=LogAppendTime.
	LogAppendTime bool
	// BeforeMax and AfterMax are message.timestamp.before.max.ms and
	// .after.max.ms.
	BeforeMax, AfterMax model.Millis
}
