package replica

import (
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"

	"gregor/internal/clock"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/storage"
)

// Options is what a Set needs.
type Options struct {
	Self  model.BrokerID
	Dirs  *storage.Dirs
	Clock clock.Clock
	Log   *slog.Logger
	// TopicConfig turns a topic's own settings, nil if it has none, into what
	// its partitions need, on top of the broker's present defaults.
	TopicConfig func(settings map[string]string) *partition.Config
	// Timing is asked before each round of periodic work, since it may change.
	Timing func() Timing
	// RecoveryThreads is how many logs are recovered at a time after a crash
	// (num.recovery.threads.per.data.dir).
	RecoveryThreads int
	// LagMax is replica.lag.time.max.ms.
	LagMax model.Millis
	// VerifyTxns is transaction.partition.verification.enable.
	VerifyTxns *atomic.Bool
	// Propose and BrokerEpoch are as in partition.Env.
	Propose     func(*partition.Partition, partition.Proposal)
	BrokerEpoch func() model.BrokerEpoch
	// Placed is told, if not nil, in which directory a partition was put when
	// the metadata did not say (AssignReplicasToDirs).
	Placed func(model.TopicIDPartition, model.DirectoryID)
}

// Set is the broker's partitions. Safe for concurrent use.
type Set struct {
	o     Options
	env   partition.Env
	image atomic.Pointer[metadata.Image]
	seed  maphash.Seed

	names [shardCount]nameShard
	ids   [shardCount]idShard

	// plain is the Config of topics without settings of their own; only the
	// publisher touches it.
	plain *partition.Config
	work  work
}

// shardCount is a power of two.
const shardCount = 32

type nameShard struct {
	sync.RWMutex
	topics map[string]*topic
}

type idShard struct {
	sync.RWMutex
	topics map[model.TopicID]*topic
}

// topic is a topic of which this broker has partitions.
type topic struct {
	name string
	id   model.TopicID
	// cfg is shared with other topics of equal settings.
	cfg *partition.Config
	// parts by number; nil where this broker has none. Replaced, never changed
	// in place: lookups read it under the shard's lock and use it afterwards.
	parts []*partition.Partition
}

// offline stands for a partition whose log directory is out of use.
var offline = new(partition.Partition)

// New is a Set without partitions.
func New(o Options) *Set {
	s := &Set{o: o, seed: maphash.MakeSeed()}
	s.work.init()
	for i := range shardCount {
		s.names[i].topics = make(map[string]*topic)
		s.ids[i].topics = make(map[model.TopicID]*topic)
	}
	s.image.Store(metadata.Empty())
	s.env = partition.Env{
		Self: o.Self, LagMax: o.LagMax, VerifyTxns: o.VerifyTxns, Peers: peers{s},
		Propose: o.Propose, BrokerEpoch: o.BrokerEpoch,
	}
	return s
}

// peers answers partition.Peers from the present image.
type peers struct{ s *Set }

func (p peers) Broker(id model.BrokerID) (epoch model.BrokerEpoch, alive, eligible bool) {
	b := p.s.image.Load().Cluster.Broker(id)
	if b == nil {
		return -1, false, false
	}
	return b.Epoch, !b.Fenced, b.Active()
}

// Partition finds a partition by the bytes of its topic's name. The code is
// NOT_LEADER_OR_FOLLOWER if the cluster has the partition elsewhere,
// UNKNOWN_TOPIC_OR_PARTITION if not at all, KAFKA_STORAGE_ERROR if its log
// directory is offline.
func (s *Set) Partition(name []byte, index int32) (*partition.Partition, kerr.Code) {
	sh := &s.names[maphash.Bytes(s.seed, name)%shardCount]
	sh.RLock()
	t := sh.topics[string(name)]
	p := t.part(index)
	sh.RUnlock()
	if p != nil && p != offline {
		return p, kerr.None
	}
	return nil, s.missing(p, s.image.Load().Topics.ByName(string(name)), index, kerr.UnknownTopicOrPartition)
}

// PartitionOf is Partition for a string.
func (s *Set) PartitionOf(name string, index int32) (*partition.Partition, kerr.Code) {
	sh := s.byName(name)
	sh.RLock()
	p := sh.topics[name].part(index)
	sh.RUnlock()
	if p != nil && p != offline {
		return p, kerr.None
	}
	return nil, s.missing(p, s.image.Load().Topics.ByName(name), index, kerr.UnknownTopicOrPartition)
}

// PartitionByID finds a partition by topic id. The code is UNKNOWN_TOPIC_ID if
// the cluster has no such topic.
func (s *Set) PartitionByID(id model.TopicID, index int32) (*partition.Partition, kerr.Code) {
	sh := s.byID(id)
	sh.RLock()
	p := sh.topics[id].part(index)
	sh.RUnlock()
	if p != nil && p != offline {
		return p, kerr.None
	}
	return nil, s.missing(p, s.image.Load().Topics.ByID(id), index, kerr.UnknownTopicId)
}

func (s *Set) missing(p *partition.Partition, t *metadata.Topic, index int32, unknown kerr.Code) kerr.Code {
	switch {
	case p == offline:
		return kerr.KafkaStorageError
	case t == nil:
		return unknown
	case t.Partition(index) == nil:
		return kerr.UnknownTopicOrPartition
	}
	return kerr.NotLeaderOrFollower
}

func (t *topic) part(index int32) *partition.Partition {
	if t == nil || index < 0 || int(index) >= len(t.parts) {
		return nil
	}
	return t.parts[index]
}

func (s *Set) byName(name string) *nameShard {
	return &s.names[maphash.String(s.seed, name)%shardCount]
}

// byID picks by the last byte, which is random in every kind of UUID.
func (s *Set) byID(id model.TopicID) *idShard { return &s.ids[id[15]%shardCount] }

// Each calls f for every partition whose directory is online, until f returns
// false. Partitions may come and go meanwhile.
func (s *Set) Each(f func(*partition.Partition) bool) {
	var topics []*topic
	for i := range s.names {
		topics = topics[:0]
		sh := &s.names[i]
		sh.RLock()
		for _, t := range sh.topics {
			c := *t
			topics = append(topics, &c)
		}
		sh.RUnlock()
		for _, t := range topics {
			for _, p := range t.parts {
				if p != nil && p != offline && !f(p) {
					return
				}
			}
		}
	}
}

// of is the partition over a log, nil if there is none.
func (s *Set) of(l *storage.Log) *partition.Partition {
	tp := l.Partition()
	sh := s.byName(tp.Topic)
	sh.RLock()
	defer sh.RUnlock()
	p := sh.topics[tp.Topic].part(tp.Partition)
	if p == nil || p == offline || p.Log() != l {
		return nil
	}
	return p
}
