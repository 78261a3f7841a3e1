package controller

import (
	"fmt"
	"testing"

	"gregor/internal/clock"
	"gregor/internal/config"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// instant is a log that commits in the append.
type instant struct {
	memLog
	c *Controller
}

func (l *instant) Append(_ model.LeaderEpoch, recs []metadata.Record) (model.Offset, error) {
	l.mu.Lock()
	b := metadata.Batch{Base: l.end, Last: l.end + model.Offset(len(recs)) - 1, Epoch: 1, Records: recs}
	l.end = b.Last + 1
	l.mu.Unlock()
	go l.c.Commit(b) // order does not matter to these benchmarks: offsets only grow
	return b.Last, nil
}

func benchController(b *testing.B) *Controller {
	values, _, err := config.Load(map[string]string{"node.id": "1", "process.roles": "controller", "metadata.max.idle.interval.ms": "0"})
	if err != nil {
		b.Fatal(err)
	}
	l := &instant{}
	l.leader = 1
	recs := []metadata.Record{metadata.V0(&wire.FeatureLevelRecord{Name: metadata.FeatureMetadata, FeatureLevel: int16(metadata.MaxVersion)})}
	c := New(Options{ID: 1, ClusterID: "test-cluster", Log: l, Clock: clock.System{}, Config: values, Bootstrap: recs, MaxQueue: 20000})
	l.c = c
	b.Cleanup(c.Close)
	c.LeaderChange(1, 1)
	epoch := (<-ask(c, registration(1), 4)).(*wire.BrokerRegistrationResponse).BrokerEpoch
	<-ask(c, beat(1, epoch, 1<<40), 1)
	return c
}

// BenchmarkCreateOneByOne is a topic per request, eight requests at a time.
func BenchmarkCreateOneByOne(b *testing.B) {
	c := benchController(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		var chs [8]<-chan wire.Message
		for k := range chs {
			chs[k] = ask(c, create(fmt.Sprintf("topic-%08d", i)), 7)
			i++
		}
		for _, ch := range chs {
			<-ch
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i), "ns/topic")
}

// BenchmarkCreateInOneRequest is 4000 topics in one request.
func BenchmarkCreateInOneRequest(b *testing.B) {
	c := benchController(b)
	b.ReportAllocs()
	const n = 4000
	i := 0
	for b.Loop() {
		names := make([]string, n)
		for k := range names {
			names[k] = fmt.Sprintf("topic-%08d", i)
			i++
		}
		<-ask(c, create(names...), 7)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i), "ns/topic")
}

// BenchmarkFenceBroker is a broker that leads a hundred thousand partitions.
func BenchmarkFenceBroker(b *testing.B) {
	e := newScript(b)
	d := metadata.NewDelta(e.s.tip)
	must := func(m wire.Record, v int16) {
		if err := d.Replay(metadata.Record{Msg: m, Version: v}); err != nil {
			b.Fatal(err)
		}
	}
	must(&wire.FeatureLevelRecord{Name: metadata.FeatureMetadata, FeatureLevel: 33}, 0)
	must(&wire.FeatureLevelRecord{Name: metadata.FeatureELR, FeatureLevel: 1}, 0)
	for n := range 3 {
		m := wire.NewRegisterBrokerRecord()
		m.BrokerId, m.Fenced, m.LogDirs = int32(n), false, []model.UUID{id(n)}
		must(m, 4)
	}
	for i := range 1000 {
		must(&wire.TopicRecord{Name: fmt.Sprint("t", i), TopicId: id(i)}, 0)
		for p := range 100 {
			m := wire.NewPartitionRecord()
			m.TopicId, m.PartitionId, m.Replicas, m.Isr, m.Leader = id(i), int32(p), []int32{0, 1, 2}, []int32{0, 1, 2}, 0
			m.Directories = []model.UUID{id(0), id(1), id(2)}
			must(m, 2)
		}
	}
	e.s.tip = d.Image(metadata.Provenance{})
	b.ResetTimer()
	for b.Loop() {
		if n := len(e.s.fenced(e.s.tip.Cluster.Broker(0))); n != 100_001 {
			b.Fatal(n)
		}
	}
}
