package metadata

import (
	"fmt"
	"runtime"
	"testing"

	"gregor/internal/model"
	"gregor/internal/wire"
)

// withTopics is an image of n topics of one partition each.
func withTopics(b testing.TB, n int) *Image {
	d := NewDelta(Empty())
	for i := range n {
		if err := addTopic(d, i); err != nil {
			b.Fatal(err)
		}
	}
	return d.Image(Provenance{})
}

func addTopic(d *Delta, i int) error {
	id := model.UUID{0: byte(i * 7), 1: byte(i >> 8), 2: byte(i), 3: byte(i >> 16), 15: 1}
	if err := d.Replay(V0(&wire.TopicRecord{Name: fmt.Sprintf("topic-%06d", i), TopicId: id})); err != nil {
		return err
	}
	return d.Replay(Record{&wire.PartitionRecord{
		TopicId: id, Replicas: []int32{1}, Isr: []int32{1}, Leader: 1, Directories: []model.UUID{{15: 9}},
	}, 2})
}

// BenchmarkTopicPerDelta is a topic in a delta of its own, among ten thousand.
func BenchmarkTopicPerDelta(b *testing.B) {
	img := withTopics(b, 10_000)
	b.ReportAllocs()
	i := 10_000
	for b.Loop() {
		d := NewDelta(img)
		if err := addTopic(d, i); err != nil {
			b.Fatal(err)
		}
		if i++; i%5000 == 0 {
			img, i = withTopics(b, 10_000), 10_000
			continue
		}
		img = d.Image(Provenance{})
	}
}

// BenchmarkTopicsInOneDelta is the cost of one of ten thousand topics.
func BenchmarkTopicsInOneDelta(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		withTopics(b, 10_000)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/topic")
}

// BenchmarkImageMemory tells how much an image takes per partition.
func BenchmarkImageMemory(b *testing.B) {
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		img := withTopics(b, 10_000)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/10_000, "B/topic")
		runtime.KeepAlive(img)
	}
}
