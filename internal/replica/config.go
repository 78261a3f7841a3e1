package replica

import (
	"math"
	"slices"

	"gregor/internal/config"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/record"
	"gregor/internal/record/codec"
	"gregor/internal/storage"
)

// ConfigOf is what partitions need of a topic's settings.
func ConfigOf(v config.TopicValues) *partition.Config {
	policy := v.List("cleanup.policy")
	compact := slices.Contains(policy, "compact")
	typ, ok := codec.Parse(v.Str("compression.type"))
	if !ok {
		typ = codec.Producer
	}
	level := 0
	switch typ {
	case codec.Gzip:
		level = int(v.Int("compression.gzip.level"))
	case codec.LZ4:
		level = int(v.Int("compression.lz4.level"))
	case codec.Zstd:
		level = int(v.Int("compression.zstd.level"))
	}
	return &partition.Config{
		Log: &storage.Config{
			SegmentBytes:       int(v.Int("segment.bytes")),
			SegmentMs:          model.Millis(v.Int("segment.ms")),
			SegmentJitterMs:    model.Millis(v.Int("segment.jitter.ms")),
			SegmentIndexBytes:  int(v.Int("segment.index.bytes")),
			IndexIntervalBytes: int(v.Int("index.interval.bytes")),
			RetentionMs:        v.Int("retention.ms"),
			RetentionBytes:     v.Int("retention.bytes"),
			Delete:             slices.Contains(policy, "delete"),
			Compact:            compact,
			FlushMessages:      v.Int("flush.messages"),
			FlushMs:            v.Int("flush.ms"),
			FileDeleteDelayMs:  model.Millis(v.Int("file.delete.delay.ms")),
			Preallocate:        v.Bool("preallocate"),
		},
		Rules: &record.Rules{
			MaxMessageBytes: clamp(v.Int("max.message.bytes")),
			MaxRecordBytes:  clamp(v.Int("max.decompressed.message.bytes")),
			SegmentBytes:    clamp(v.Int("segment.bytes")),
			Codec:           typ,
			Level:           level,
			Compacted:       compact,
			LogAppendTime:   v.Str("message.timestamp.type") == "LogAppendTime",
			BeforeMax:       model.Millis(v.Int("message.timestamp.before.max.ms")),
			AfterMax:        model.Millis(v.Int("message.timestamp.after.max.ms")),
		},
		MinInsync: int(v.Int("min.insync.replicas")),
	}
}

func clamp(n int64) int32 { return int32(min(max(n, 0), math.MaxInt32)) }

// TimingOf is the timing of periodic work by the broker's settings.
func TimingOf(v *config.Values) Timing {
	t := DefaultTiming()
	t.Retention = model.Millis(v.Int("log.retention.check.interval.ms"))
	t.Flush = model.Millis(v.Int("log.flush.scheduler.interval.ms"))
	t.RecoveryPoints = model.Millis(v.Int("log.flush.offset.checkpoint.interval.ms"))
	t.LogStarts = model.Millis(v.Int("log.flush.start.offset.checkpoint.interval.ms"))
	t.HighWatermarks = model.Millis(v.Int("replica.high.watermark.checkpoint.interval.ms"))
	t.ProducerCheck = model.Millis(v.Int("producer.id.expiration.check.interval.ms"))
	t.ProducerExpiry = model.Millis(v.Int("producer.id.expiration.ms"))
	return t
}
