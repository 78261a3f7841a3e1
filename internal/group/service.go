package group

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"

	"gregor/internal/clock"
	"gregor/internal/coordinator"
	"gregor/internal/klog"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/record/codec"
	"gregor/internal/wire"
)

// TopicName is the topic that groups live in.
const TopicName = "__consumer_offsets"

// Options makes a Service.
type Options struct {
	Config Config
	// Self is this broker's id.
	Self model.BrokerID
	// Open finds a partition of the topic that this broker leads.
	Open func(partition int32) (coordinator.Log, error)
	// NewID yields random ids for members (model.NewUUID).
	NewID func() model.UUID
	Clock clock.Clock
	// Log gets what Kafka logs under org.apache.kafka.coordinator.
	Log *slog.Logger
}

// Service is the group coordinator of a broker. Safe for concurrent use.
type Service struct {
	o  Options
	rt *coordinator.Runtime[*Shard]
	// partitions is the number of partitions of the topic, 0 until the first
	// Publish.
	partitions coordinator.Number
}

// Context is who asks.
type Context struct {
	ClientID string
	// ClientHost is the client's address with a slash before it, as Kafka shows
	// it: /127.0.0.1.
	ClientHost string
	// Version is the version of the request.
	Version int16
	Now     model.Millis
}

// New is a Service that leads nothing yet.
func New(o Options) *Service {
	s := &Service{o: o}
	prefix := fmt.Sprintf("[GroupCoordinator id=%d] ", o.Self)
	s.rt = coordinator.New(coordinator.Options[*Shard]{
		Topic: TopicName, Records: wire.ConsumerOffsets,
		New: func(p int32, h *coordinator.History, t *coordinator.Timers) *Shard {
			log := klog.Named(o.Log, "org.apache.kafka.coordinator.group.GroupMetadataManager",
				fmt.Sprintf("[GroupCoordinator id=%d topic=%s partition=%d] ", o.Self, TopicName, p))
			return newShard(&s.o.Config, o.NewID, log, h, t)
		},
		Decoder: newOffsetDecoder,
		Open:    o.Open, Linger: o.Config.AppendLinger, Timeout: o.Config.CommitTimeout,
		LoadBuffer: o.Config.LoadBuffer, Codec: codec.Type(o.Config.Compression),
		Clock: o.Clock, Log: klog.Named(o.Log, "org.apache.kafka.coordinator.common.runtime.CoordinatorRuntime", prefix),
	})
	s.o.Log = klog.Named(o.Log, "org.apache.kafka.coordinator.group.GroupCoordinatorService", prefix)
	return s
}

// Start starts the timers. Requests before the first Publish are answered with
// COORDINATOR_NOT_AVAILABLE.
func (s *Service) Start() { s.rt.Start() }

// Advance runs what is due at now, for those who move time by hand instead of
// Start.
func (s *Service) Advance(now model.Millis) { s.rt.Advance(now) }

// Close ends all groups; what is parked is answered.
func (s *Service) Close() { s.rt.Close() }

// Publish takes a change of the cluster's metadata, after the replicas have
// taken it: partitions won and lost, topics deleted.
func (s *Service) Publish(delta *metadata.Delta, image *metadata.Image) {
	if s.partitions.Load() == 0 {
		// As in Kafka the number is fixed once the broker runs: the setting, or
		// what the topic has. A topic that is made later is made with it.
		n := s.o.Config.Partitions
		if t := image.Topics.ByName(TopicName); t != nil {
			n = int32(len(t.Partitions))
		}
		s.partitions.Store(int64(n))
	}
	gone := map[string]model.TopicID{}
	for c := range delta.Topics() {
		if c.New == nil {
			gone[c.Old.Name] = c.Old.ID
		}
		switch {
		case c.New == nil && c.Old.Name == TopicName:
			for p := range c.Old.Partitions {
				s.rt.Resigned(int32(p), model.NoEpoch)
			}
		case c.New != nil && c.New.Name == TopicName:
			s.elections(c)
		}
	}
	if len(gone) > 0 {
		for _, p := range s.rt.Partitions() {
			s.topicsDeleted(p, gone)
		}
	}
}

// elections looks for partitions whose leader epoch has changed.
func (s *Service) elections(c metadata.TopicChange) {
	for p := range c.Partitions() {
		if int(p) >= len(c.New.Partitions) {
			continue
		}
		now := c.New.Partitions[p]
		var was *metadata.Partition
		if c.Old != nil {
			was = c.Old.Partition(p)
		}
		if was != nil && was.LeaderEpoch == now.LeaderEpoch && was.Leader == now.Leader {
			continue
		}
		if now.Leader == s.o.Self {
			s.rt.Elected(p, now.LeaderEpoch)
		} else {
			s.rt.Resigned(p, now.LeaderEpoch)
		}
	}
}

func (s *Service) topicsDeleted(partition int32, gone map[string]model.TopicID) {
	more := false
	s.rt.Write(partition, s.o.Clock.Now(), func(sh *Shard, out *coordinator.Out) error {
		more = sh.topicsDeleted(gone, out)
		return nil
	}, func(err error) {
		switch {
		case err != nil:
			s.o.Log.Warn(fmt.Sprintf("Could not delete offsets for deleted topics in partition %d due to: %v.", partition, err))
		case more:
			s.topicsDeleted(partition, gone)
		}
	})
}

// Partition is the partition that group lives in.
func (s *Service) Partition(group string) int32 {
	n := s.partitions.Load()
	if n == 0 {
		n = int64(s.o.Config.Partitions)
	}
	h := int64(javaHash(group))
	switch {
	case h == math.MinInt32:
		h = 0 // Utils.abs
	case h < 0:
		h = -h
	}
	return int32(h % n)
}

// javaHash is String.hashCode: over UTF-16.
func javaHash(s string) int32 {
	var h int32
	for _, r := range s {
		if r >= 0x10000 {
			r -= 0x10000
			h = h*31 + 0xd800 + r>>10
			r = 0xdc00 + r&0x3ff
		}
		h = h*31 + r
	}
	return h
}

// Topic is __consumer_offsets as it is to be created.
func (s *Service) Topic() wire.CreateTopicsRequestCreatableTopic {
	c := &s.o.Config
	setting := func(name, value string) wire.CreateTopicsRequestCreatableTopicConfig {
		return wire.CreateTopicsRequestCreatableTopicConfig{Name: name, Value: &value}
	}
	return wire.CreateTopicsRequestCreatableTopic{
		Name: TopicName, NumPartitions: c.Partitions, ReplicationFactor: c.ReplicationFactor,
		Configs: []wire.CreateTopicsRequestCreatableTopicConfig{
			setting("cleanup.policy", "compact"),
			setting("compression.type", "producer"),
			setting("segment.bytes", strconv.Itoa(c.SegmentBytes)),
		},
	}
}
