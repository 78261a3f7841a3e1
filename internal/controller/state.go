package controller

import (
	"maps"
	"strconv"

	"gregor/internal/config"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// maxRecords bounds the records of one request (MAX_RECORDS_PER_USER_OP) and
// of one append.
const maxRecords = 10_000

// state is what decisions see. Decisions change none of it but what is soft:
// the place where placement goes on, and what heartbeats taught.
type state struct {
	tip *metadata.Image
	now model.Millis
	// next is the offset that the first record of this decision will get, or
	// less if the log has control records of its own.
	next model.Offset

	id        model.BrokerID
	clusterID string
	static    *config.Values
	newID     func() model.UUID
	rng       *rng
	hearts    *hearts
	sessions  *sessions
	quorum    Log
	epoch     model.LeaderEpoch // of this controller, while active

	cache layersCache
}

// result is a decision.
type result struct {
	records []metadata.Record
	resp    wire.Message
	// split allows the records to be spread over several appends.
	split bool
	// after is called with the offset of the last record, once it is known.
	after func(last model.Offset)
}

// layersCache keeps the settings that topics inherit.
type layersCache struct {
	node, def map[string]string
	layers    config.Layers
	effective *config.Values
	entries   []wire.CreateTopicsResponseCreatableTopicConfigs // of a topic without settings
}

func (s *state) inherited() *layersCache {
	node := s.tip.Configs.Of(metadata.Resource{Type: metadata.BrokerResource, Name: strconv.Itoa(int(s.id))})
	def := s.tip.Configs.Of(metadata.Resource{Type: metadata.BrokerResource})
	c := &s.cache
	if c.effective == nil || !maps.Equal(c.node, node) || !maps.Equal(c.def, def) {
		l := config.Layers{Static: s.static, DynamicBroker: node, DynamicDefault: def}
		*c = layersCache{node: node, def: def, layers: l, effective: l.Effective()}
	}
	return c
}

// topicConfig is the settings of a topic as this controller resolves them:
// the topic's own, this node's, the cluster's, the file's.
func (s *state) topicConfig(name string) config.TopicValues {
	return s.inherited().effective.ForTopic(s.tip.Configs.Topic(name))
}

// minISR is min.insync.replicas of a topic, at most its replication factor.
func (s *state) minISR(t *metadata.Topic) int {
	n := int(s.topicConfig(t.Name).Int("min.insync.replicas"))
	if len(t.Partitions) > 0 {
		n = min(n, len(t.Partitions[0].Replicas))
	}
	return n
}

func (s *state) unclean(topic string) bool {
	return s.topicConfig(topic).Bool("unclean.leader.election.enable")
}

func (s *state) version() metadata.Version { return s.tip.Features.Version }

// active reports whether a broker is unfenced and not shutting down.
func (s *state) active(id model.BrokerID) bool {
	b := s.tip.Cluster.Broker(id)
	return b != nil && b.Active()
}

// online reports whether a directory of a broker is online.
func (s *state) online(id model.BrokerID, dir model.DirectoryID) bool {
	b := s.tip.Cluster.Broker(id)
	return b != nil && b.Online(dir)
}

// defaultDir is the directory of new replicas on a broker, as far as it is
// determined.
func (s *state) defaultDir(id model.BrokerID) model.DirectoryID {
	b := s.tip.Cluster.Broker(id)
	switch {
	case b == nil:
		return model.DirUnassigned
	case len(b.Dirs) == 0:
		return model.DirMigrating
	case len(b.Dirs) == 1:
		return b.Dirs[0]
	}
	return model.DirUnassigned
}

// checkEpoch fails with STALE_BROKER_EPOCH unless the broker is registered
// with that epoch.
func (s *state) checkEpoch(id int32, epoch int64) error {
	b := s.tip.Cluster.Broker(model.BrokerID(id))
	if b == nil {
		return kerr.StaleBrokerEpoch.With("No broker registration found for broker id " + strconv.Itoa(int(id)))
	}
	if int64(b.Epoch) != epoch {
		return kerr.StaleBrokerEpoch.With("Expected broker epoch " + strconv.FormatInt(int64(b.Epoch), 10) + ", but got broker epoch " + strconv.FormatInt(epoch, 10))
	}
	return nil
}

// errTooLarge is the answer to a request that would write more than maxRecords.
var errTooLarge = kerr.PolicyViolation.With("Unable to perform excessively large batch operation.")

func tooMany(recs []metadata.Record) error {
	if len(recs) > maxRecords {
		return errTooLarge
	}
	return nil
}

func ptr[T any](v T) *T { return &v }
