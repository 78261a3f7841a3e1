package handler

import (
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"testing"

	"gregor/internal/clock"
	"gregor/internal/config"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/record"
	"gregor/internal/record/codec"
	"gregor/internal/storage"
	"gregor/internal/vfs"
	"gregor/internal/wire"
)

// cluster is partitions on a real disk, of which broker 1 is this one, and the
// metadata that goes with them.
type cluster struct {
	t     testing.TB
	env   *partition.Env
	cfg   *partition.Config
	image *metadata.Image
	mu    sync.Mutex
	parts map[model.TopicPartition]*partition.Partition
	ids   map[string]model.TopicID
}

type livePeers struct{}

func (livePeers) Broker(model.BrokerID) (model.BrokerEpoch, bool, bool) { return 1, true, true }

func newCluster(t testing.TB) *cluster {
	c := &cluster{
		t: t, parts: map[model.TopicPartition]*partition.Partition{}, ids: map[string]model.TopicID{}, image: metadata.Empty(),
		cfg: &partition.Config{
			Log:       storage.DefaultConfig(),
			Rules:     &record.Rules{MaxMessageBytes: 4 << 20, MaxRecordBytes: math.MaxInt32, SegmentBytes: 1 << 30, Codec: codec.Producer, BeforeMax: math.MaxInt64, AfterMax: 3_600_000},
			MinInsync: 1,
		},
	}
	c.env = &partition.Env{Self: 1, LagMax: 30_000, Peers: livePeers{}, Propose: func(*partition.Partition, partition.Proposal) {}, BrokerEpoch: func() model.BrokerEpoch { return 1 }}
	rack := (*string)(nil)
	c.replay(&wire.RegisterBrokerRecord{BrokerId: 1, BrokerEpoch: 1, Rack: rack, EndPoints: []wire.RegisterBrokerRecordBrokerEndpoint{{Name: "PLAINTEXT", Host: "one", Port: 9092}}},
		&wire.RegisterBrokerRecord{BrokerId: 2, BrokerEpoch: 2, Rack: rack, EndPoints: []wire.RegisterBrokerRecordBrokerEndpoint{{Name: "PLAINTEXT", Host: "two", Port: 9092}}})
	return c
}

func (c *cluster) replay(records ...wire.Record) {
	c.t.Helper()
	d := metadata.NewDelta(c.image)
	for _, r := range records {
		if err := d.Replay(metadata.V0(r)); err != nil {
			c.t.Fatal(err)
		}
	}
	c.image = d.Image(metadata.Provenance{Offset: c.image.At.Offset + model.Offset(len(records))})
}

// topic makes a topic of so many partitions, each with the replicas given.
// Broker 1 leads those of which it is the first replica.
func (c *cluster) topic(name string, partitions int, replicas ...int32) model.TopicID {
	c.t.Helper()
	id := model.TopicID{1, byte(len(c.ids)), 15: 7}
	c.ids[name] = id
	recs := []wire.Record{&wire.TopicRecord{Name: name, TopicId: id}}
	if len(replicas) == 0 {
		replicas = []int32{1}
	}
	for i := range partitions {
		recs = append(recs, &wire.PartitionRecord{PartitionId: int32(i), TopicId: id, Replicas: replicas, Isr: replicas, Leader: replicas[0], LeaderEpoch: 1})
	}
	c.replay(recs...)
	for i := range partitions {
		c.open(model.TopicPartition{Topic: name, Partition: int32(i)}, id, replicas)
	}
	return id
}

func (c *cluster) open(tp model.TopicPartition, id model.TopicID, replicas []int32) {
	c.t.Helper()
	var here bool
	ids := make([]model.BrokerID, len(replicas))
	for i, r := range replicas {
		ids[i] = model.BrokerID(r)
		here = here || r == 1
	}
	if !here {
		return
	}
	l, err := storage.OpenLog(storage.LogOptions{FS: vfs.OS, Dir: filepath.Join(c.t.TempDir(), tp.String()), Partition: tp, Config: c.cfg.Log, Clean: true})
	if err != nil {
		c.t.Fatal(err)
	}
	p := partition.New(c.env, l, id, c.cfg)
	c.parts[tp] = p
	c.lead(p, ids, 1)
	c.t.Cleanup(func() { _ = l.Close() })
}

func (c *cluster) lead(p *partition.Partition, replicas []model.BrokerID, epoch model.LeaderEpoch) {
	c.t.Helper()
	var w partition.Woken
	r := &partition.Registration{Leader: replicas[0], LeaderEpoch: epoch, PartitionEpoch: int32(epoch), Replicas: replicas, ISR: replicas}
	if err := p.Apply(r, clock.System{}.Now(), &w); err != nil {
		c.t.Fatal(err)
	}
	w.Fire()
}

func (c *cluster) Image() *metadata.Image { return c.image }

func (c *cluster) PartitionOf(topic string, index int32) (*partition.Partition, kerr.Code) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.parts[model.TopicPartition{Topic: topic, Partition: index}]; p != nil {
		return p, kerr.None
	}
	if t := c.image.Topics.ByName(topic); t == nil || t.Partition(index) == nil {
		return nil, kerr.UnknownTopicOrPartition
	}
	return nil, kerr.NotLeaderOrFollower
}

func (c *cluster) PartitionByID(id model.TopicID, index int32) (*partition.Partition, kerr.Code) {
	t := c.image.Topics.ByID(id)
	if t == nil {
		return nil, kerr.UnknownTopicId
	}
	return c.PartitionOf(t.Name, index)
}

type fixedSettings struct{ v *config.Values }

func (f fixedSettings) Values() *config.Values { return f.v }

func newSettings(t testing.TB, props map[string]string) Settings {
	v, _, err := config.Load(props)
	if err != nil {
		t.Fatal(err)
	}
	return fixedSettings{v}
}

func (c *cluster) node(change func(*Services)) *node {
	s := &Services{Self: 1, ClusterID: "abc", Metadata: c, Replicas: c, Settings: newSettings(c.t, nil)}
	if change != nil {
		change(s)
	}
	return newNode(c.t, Options{Services: s, FetchSessions: 1000})
}

// batch is n records of size bytes each.
func batch(n, size int) []byte {
	return batchOf(record.NewSpec(), n, size)
}

func batchOf(spec record.Spec, n, size int) []byte {
	var b record.Builder
	b.Reset(spec)
	for i := range n {
		v := make([]byte, size)
		copy(v, fmt.Sprintf("value %d", i))
		b.Append(clock.System{}.Now(), nil, v)
	}
	out, err := b.Build()
	if err != nil {
		panic(err)
	}
	return append([]byte(nil), out...)
}

func produceTo(topic string, partition int32, acks int16, records []byte) *wire.ProduceRequest {
	return &wire.ProduceRequest{Acks: acks, TimeoutMs: 10_000, TopicData: []wire.ProduceRequestTopicProduceData{{
		Name: topic, PartitionData: []wire.ProduceRequestPartitionProduceData{{Index: partition, Records: wire.Records{Bytes: records}}},
	}}}
}

// fetchFrom is a fetch without a session of partitions 0..n-1 of a topic.
func fetchFrom(topic string, n int, offset int64) *wire.FetchRequest {
	req := wire.NewFetchRequest()
	req.MaxWaitMs, req.MinBytes, req.MaxBytes, req.SessionEpoch = 500, 1, 50<<20, -1
	t := wire.FetchRequestFetchTopic{Topic: topic}
	for i := range n {
		p := *wire.NewFetchRequestFetchPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(i), offset, 1<<20
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = []wire.FetchRequestFetchTopic{t}
	return req
}
