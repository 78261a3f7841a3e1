package node

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"gregor/internal/config"
	"gregor/internal/group"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/raft"
	"gregor/internal/record"
	"gregor/internal/record/codec"
	"gregor/internal/replica"
	"gregor/internal/server"
	"gregor/internal/storage"
)

// What follows turns settings into what each room asks for.

func topicConfig(t config.TopicValues) *partition.Config {
	policy := t.List("cleanup.policy")
	compact := slices.Contains(policy, "compact")
	ms := func(name string) model.Millis { return model.Millis(t.Int(name)) }
	kind, level := compression(t)
	return &partition.Config{
		Log: &storage.Config{
			SegmentBytes:       int(t.Int("segment.bytes")),
			SegmentMs:          ms("segment.ms"),
			SegmentJitterMs:    ms("segment.jitter.ms"),
			SegmentIndexBytes:  int(t.Int("segment.index.bytes")),
			IndexIntervalBytes: int(t.Int("index.interval.bytes")),
			RetentionMs:        t.Int("retention.ms"),
			RetentionBytes:     t.Int("retention.bytes"),
			Delete:             slices.Contains(policy, "delete"),
			Compact:            compact,
			FlushMessages:      t.Int("flush.messages"),
			FlushMs:            t.Int("flush.ms"),
			FileDeleteDelayMs:  ms("file.delete.delay.ms"),
			Preallocate:        t.Bool("preallocate"),
		},
		Rules: &record.Rules{
			MaxMessageBytes: int32(t.Int("max.message.bytes")),
			MaxRecordBytes:  int32(t.Int("max.decompressed.message.bytes")),
			SegmentBytes:    int32(t.Int("segment.bytes")),
			Codec:           kind,
			Level:           level,
			Compacted:       compact,
			LogAppendTime:   t.Str("message.timestamp.type") == "LogAppendTime",
			BeforeMax:       ms("message.timestamp.before.max.ms"),
			AfterMax:        ms("message.timestamp.after.max.ms"),
		},
		MinInsync: int(t.Int("min.insync.replicas")),
	}
}

// compression is a topic's compression.type with its level.
func compression(t config.TopicValues) (codec.Type, int) {
	switch t.Str("compression.type") {
	case "gzip":
		return codec.Gzip, int(t.Int("compression.gzip.level"))
	case "lz4":
		return codec.LZ4, int(t.Int("compression.lz4.level"))
	case "zstd":
		return codec.Zstd, int(t.Int("compression.zstd.level"))
	case "snappy":
		return codec.Snappy, 0
	case "uncompressed":
		return codec.None, 0
	}
	return codec.Producer, 0
}

func timing(v *config.Values) replica.Timing {
	ms := func(name string) model.Millis { return model.Millis(v.Int(name)) }
	t := replica.DefaultTiming()
	t.Retention = ms("log.retention.check.interval.ms")
	t.Flush = ms("log.flush.scheduler.interval.ms")
	t.RecoveryPoints = ms("log.flush.offset.checkpoint.interval.ms")
	t.LogStarts = ms("log.flush.start.offset.checkpoint.interval.ms")
	t.HighWatermarks = ms("replica.high.watermark.checkpoint.interval.ms")
	t.ProducerCheck = ms("producer.id.expiration.check.interval.ms")
	t.ProducerExpiry = ms("producer.id.expiration.ms")
	return t
}

func limits(v *config.Values) server.Limits {
	return server.Limits{
		RequestMax:    int(v.Int("socket.request.max.bytes")),
		QueuedMax:     v.Int("queued.max.request.bytes"),
		Connections:   int(v.Int("max.connections")),
		PerIP:         int(v.Int("max.connections.per.ip")),
		Overrides:     overrides(v.Str("max.connections.per.ip.overrides")),
		CreationRate:  int(v.Int("max.connection.creation.rate")),
		MaxIdle:       maxIdle(v.Int("connections.max.idle.ms")),
		Backlog:       int(v.Int("socket.listen.backlog.size")),
		SendBuffer:    int(v.Int("socket.send.buffer.bytes")),
		ReceiveBuffer: int(v.Int("socket.receive.buffer.bytes")),
	}
}

// maxIdle: a negative connections.max.idle.ms is never.
func maxIdle(ms int64) model.Millis {
	if ms < 0 {
		return math.MaxInt64
	}
	return model.Millis(ms)
}

// overrides reads host:number pairs; what is malformed was warned of when the
// configuration was read, and is left out.
func overrides(s string) map[string]int {
	out := map[string]int{}
	for _, it := range config.SplitList(s) {
		i := strings.LastIndexByte(it, ':')
		if i < 0 {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSpace(it[i+1:])); err == nil {
			out[strings.TrimSpace(it[:i])] = n
		}
	}
	return out
}

// listenerLimits are those that a listener has of its own.
func listenerLimits(v *config.Values, ls []config.Listener) map[string]server.ListenerLimits {
	out := map[string]server.ListenerLimits{}
	for _, l := range ls {
		get := func(name string) int {
			s, ok := v.Raw("listener.name." + strings.ToLower(l.Name) + "." + name)
			if !ok {
				return 0
			}
			n, _ := strconv.Atoi(s)
			return n
		}
		out[l.Name] = server.ListenerLimits{Connections: get("max.connections"), CreationRate: get("max.connection.creation.rate")}
	}
	return out
}

func raftConfig(n *config.Node, cluster string, dir model.DirectoryID, seed uint64) raft.Config {
	v := n.Values
	ms := func(name string) model.Millis { return model.Millis(v.Int(name)) }
	c := raft.Config{
		Key:                raft.Key{ID: n.ID, Dir: dir},
		ClusterID:          cluster,
		Voter:              n.Controller,
		Listener:           n.ControllerNames[0],
		ElectionTimeout:    ms("controller.quorum.election.timeout.ms"),
		FetchTimeout:       ms("controller.quorum.fetch.timeout.ms"),
		ElectionBackoffMax: ms("controller.quorum.election.backoff.max.ms"),
		RequestTimeout:     ms("controller.quorum.request.timeout.ms"),
		RetryBackoff:       ms("controller.quorum.retry.backoff.ms"),
		FetchMaxBytes:      int32(v.Int("controller.quorum.fetch.max.bytes")),
		SnapshotMaxBytes:   int32(v.Int("controller.quorum.fetch.snapshot.max.bytes")),
		AutoJoin:           v.Bool("controller.quorum.auto.join.enable"),
		Seed:               seed,
	}
	for _, l := range n.AdvertisedControllers {
		c.Endpoints = append(c.Endpoints, raft.Endpoint{Listener: l.Name, Address: raft.Address{Host: hostOr(l.Host), Port: uint16(l.Port)}})
	}
	for _, voter := range n.Voters {
		c.Static = append(c.Static, raft.Voter{
			Key:       raft.Key{ID: voter.ID},
			Endpoints: raft.Endpoints{{Listener: c.Listener, Address: raft.Address{Host: voter.Host, Port: uint16(voter.Port)}}},
			Versions:  raft.Supported,
		})
		c.Bootstrap = append(c.Bootstrap, raft.Address{Host: voter.Host, Port: uint16(voter.Port)})
	}
	for _, b := range n.BootstrapServers {
		c.Bootstrap = append(c.Bootstrap, raft.Address{Host: b.Host, Port: uint16(b.Port)})
	}
	return c
}

func groupConfig(v *config.Values) group.Config {
	ms := func(name string) model.Millis { return model.Millis(v.Int(name)) }
	return group.Config{
		MinSessionTimeout:     ms("group.min.session.timeout.ms"),
		MaxSessionTimeout:     ms("group.max.session.timeout.ms"),
		InitialRebalanceDelay: ms("group.initial.rebalance.delay.ms"),
		MaxSize:               int(v.Int("group.max.size")),
		OffsetMetadataMax:     int(v.Int("offset.metadata.max.bytes")),
		OffsetsRetention:      ms("offsets.retention.minutes") * 60_000,
		RetentionCheck:        ms("offsets.retention.check.interval.ms"),
		CommitTimeout:         ms("offsets.commit.timeout.ms"),
		AppendLinger:          ms("group.coordinator.append.linger.ms"),
		LoadBuffer:            int(v.Int("offsets.load.buffer.size")),
		Partitions:            int32(v.Int("offsets.topic.num.partitions")),
		ReplicationFactor:     int16(v.Int("offsets.topic.replication.factor")),
		SegmentBytes:          int(v.Int("offsets.topic.segment.bytes")),
		Compression:           int8(v.Int("offsets.topic.compression.codec")),
	}
}
