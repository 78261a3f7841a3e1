package storage

import (
	"math"

	"gregor/internal/model"
)

// Config is what a log needs of its topic's configuration. Times are
// milliseconds. Treat it as immutable: share one among the partitions with
// equal settings and pass a new one to SetConfig.
type Config struct {
	SegmentBytes       int          // segment.bytes: roll before a segment gets larger
	SegmentMs          model.Millis // segment.ms: roll a segment whose records span more
	SegmentJitterMs    model.Millis // segment.jitter.ms: up to this much earlier, by chance
	SegmentIndexBytes  int          // segment.index.bytes: roll when an index would get larger
	IndexIntervalBytes int          // index.interval.bytes between two index entries
	RetentionMs        int64        // retention.ms; -1 for ever
	RetentionBytes     int64        // retention.bytes; -1 unlimited
	Delete             bool         // cleanup.policy has delete
	Compact            bool         // cleanup.policy has compact
	FlushMessages      int64        // flush.messages: sync after so many records
	FlushMs            int64        // flush.ms: sync after so long
	FileDeleteDelayMs  model.Millis // file.delete.delay.ms between .deleted and gone
	Preallocate        bool         // preallocate: reserve a whole segment at once
}

var kafkaDefaults = DefaultConfig()

// DefaultConfig is Kafka's defaults.
func DefaultConfig() *Config {
	const week = 7 * 24 * 60 * 60 * 1000
	return &Config{
		SegmentBytes:       1 << 30,
		SegmentMs:          week,
		SegmentIndexBytes:  10 << 20,
		IndexIntervalBytes: 4096,
		RetentionMs:        week,
		RetentionBytes:     -1,
		Delete:             true,
		FlushMessages:      math.MaxInt64,
		FlushMs:            math.MaxInt64,
		FileDeleteDelayMs:  60_000,
	}
}
