package replica

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"gregor/internal/clock"
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

const now model.Millis = 1_700_000_000_000

// broker is a Set on files that outlive it, and the metadata it is fed.
type broker struct {
	t     testing.TB
	fs    vfs.FS
	root  string
	paths []string
	img   *metadata.Image
	clock *clock.Manual
	set   *Set
	dirs  *storage.Dirs
	warn  strings.Builder
}

func newBroker(t testing.TB, fs vfs.FS, root string, dirs int) *broker {
	b := &broker{t: t, fs: fs, root: root, img: metadata.Empty(), clock: clock.NewManual(now)}
	for i := range dirs {
		path := fmt.Sprintf("%s/d%d", root, i)
		if err := fs.MkdirAll(path); err != nil {
			t.Fatal(err)
		}
		m := storage.MetaProperties{Version: 1, Cluster: "c", NodeID: 1, DirectoryID: model.DirectoryID{5, 15: byte(100 + i)}}
		if err := storage.WriteMetaProperties(fs, path, m, now); err != nil {
			t.Fatal(err)
		}
		b.paths = append(b.paths, path)
	}
	return b
}

// topicConfig knows the settings the tests use.
func topicConfig(settings map[string]string) *partition.Config {
	c := &partition.Config{
		Log: storage.DefaultConfig(), MinInsync: 1,
		Rules: &record.Rules{
			MaxMessageBytes: 1048588, MaxRecordBytes: math.MaxInt32, SegmentBytes: 1 << 30,
			Codec: codec.Producer, BeforeMax: math.MaxInt64, AfterMax: 3_600_000,
		},
	}
	for name, value := range settings {
		n, _ := strconv.Atoi(value)
		switch name {
		case "max.message.bytes":
			c.Rules.MaxMessageBytes = int32(n)
		case "retention.ms":
			c.Log.RetentionMs = int64(n)
		case "segment.ms":
			c.Log.SegmentMs = model.Millis(n)
		}
	}
	return c
}

func (b *broker) start() *Set {
	b.t.Helper()
	var set *Set
	dirs, err := storage.OpenDirs(storage.Options{FS: b.fs, Paths: b.paths, NodeID: 1, OnOffline: func(id model.DirectoryID, _ string, _ error) {
		set.DirFailed(id)
	}}, now)
	if err != nil {
		b.t.Fatal(err)
	}
	set = New(Options{
		Self: 1, Dirs: dirs, Clock: b.clock, Log: slog.New(slog.NewTextHandler(io.MultiWriter(&b.warn), nil)),
		TopicConfig: topicConfig, Timing: DefaultTiming, LagMax: 30_000, RecoveryThreads: 1,
	})
	b.set, b.dirs = set, dirs
	set.Start(b.img, now)
	return set
}

func (b *broker) stop() {
	b.t.Helper()
	if err := b.set.Close(7, now); err != nil {
		b.t.Fatal(err)
	}
}

// replay feeds records, through the Set if it runs.
func (b *broker) replay(msgs ...wire.Record) {
	b.t.Helper()
	d := metadata.NewDelta(b.img)
	for _, m := range msgs {
		if err := d.Replay(metadata.V0(m)); err != nil {
			b.t.Fatal(err)
		}
	}
	b.img = d.Image(metadata.Provenance{})
	if b.set != nil {
		b.set.Apply(d, b.img, now)
	}
}

func topicID(n int) model.TopicID { return model.TopicID{1, 14: byte(n >> 8), 15: byte(n)} }

func topicRecords(name string, id model.TopicID, partitions int, replicas ...int32) []wire.Record {
	out := []wire.Record{&wire.TopicRecord{Name: name, TopicId: id}}
	for i := range partitions {
		p := wire.NewPartitionRecord()
		p.PartitionId, p.TopicId, p.Replicas, p.Isr = int32(i), id, replicas, replicas
		p.Leader, p.LeaderEpoch, p.PartitionEpoch = replicas[0], 0, 0
		out = append(out, p)
	}
	return out
}

func (b *broker) produce(topic string, index int32) *partition.Append {
	b.t.Helper()
	p, code := b.set.PartitionOf(topic, index)
	if code != kerr.None {
		return &partition.Append{Code: code}
	}
	var bl record.Builder
	bl.Reset(record.NewSpec())
	bl.Append(now, []byte("k"), []byte("v"))
	batch, _ := bl.Build()
	a := &partition.Append{Records: batch, Acks: -1, Now: now, Epoch: model.NoEpoch}
	var w partition.Woken
	p.Append(a, &w)
	w.Fire()
	return a
}

func TestLookups(t *testing.T) {
	b := newBroker(t, vfs.NewMem(1), "/data", 1)
	s := b.start()
	defer b.stop()
	b.replay(topicRecords("here", topicID(1), 2, 1)...)
	b.replay(topicRecords("there", topicID(2), 1, 2)...)
	for _, tc := range []struct {
		topic string
		id    model.TopicID
		index int32
		name  kerr.Code
		byID  kerr.Code
	}{
		{"here", topicID(1), 0, kerr.None, kerr.None},
		{"here", topicID(1), 1, kerr.None, kerr.None},
		{"here", topicID(1), 2, kerr.UnknownTopicOrPartition, kerr.UnknownTopicOrPartition},
		{"here", topicID(1), -1, kerr.UnknownTopicOrPartition, kerr.UnknownTopicOrPartition},
		{"there", topicID(2), 0, kerr.NotLeaderOrFollower, kerr.NotLeaderOrFollower},
		{"nowhere", topicID(3), 0, kerr.UnknownTopicOrPartition, kerr.UnknownTopicId},
	} {
		_, c1 := s.Partition([]byte(tc.topic), tc.index)
		_, c2 := s.PartitionOf(tc.topic, tc.index)
		_, c3 := s.PartitionByID(tc.id, tc.index)
		if c1 != tc.name || c2 != tc.name || c3 != tc.byID {
			t.Errorf("%s-%d: %v, %v, %v", tc.topic, tc.index, c1.Name(), c2.Name(), c3.Name())
		}
	}
	name := []byte("here")
	if n := testing.AllocsPerRun(100, func() {
		_, _ = s.Partition(name, 1)
		_, _ = s.PartitionByID(topicID(1), 1)
	}); n != 0 {
		t.Errorf("a lookup allocates %v times", n)
	}
}

func TestRestartKeepsRecords(t *testing.T) {
	b := newBroker(t, vfs.NewMem(1), "/data", 2)
	b.start()
	b.replay(topicRecords("t", topicID(1), 3, 1)...)
	for range 3 {
		for i := range int32(3) {
			if a := b.produce("t", i); a.Code != kerr.None {
				t.Fatal(a.Code.Name(), a.Err)
			}
		}
	}
	b.stop()
	b.start()
	if e := b.dirs.PreviousBrokerEpoch(); e != 7 {
		t.Errorf("the shutdown was clean, but the broker epoch found is %d", e)
	}
	for i := range int32(3) {
		if a := b.produce("t", i); a.Code != kerr.None || a.BaseOffset != 3 {
			t.Errorf("partition %d: %v, base offset %d", i, a.Code.Name(), a.BaseOffset)
		}
	}
	b.stop()
}

func TestDeleteAndCreateAgain(t *testing.T) {
	b := newBroker(t, vfs.NewMem(1), "/data", 1)
	s := b.start()
	b.replay(topicRecords("t", topicID(1), 1, 1)...)
	b.produce("t", 0)
	old, _ := s.PartitionOf("t", 0)
	// In one run of records, as after a long pause.
	b.replay(append([]wire.Record{&wire.RemoveTopicRecord{TopicId: topicID(1)}}, topicRecords("t", topicID(2), 1, 1)...)...)
	if a := b.produce("t", 0); a.Code != kerr.None || a.BaseOffset != 0 {
		t.Errorf("in the new topic: %v, base offset %d", a.Code.Name(), a.BaseOffset)
	}
	if _, code := s.PartitionByID(topicID(1), 0); code != kerr.UnknownTopicId {
		t.Errorf("the old id: %v", code.Name())
	}
	var w partition.Woken
	a := &partition.Append{Epoch: model.NoEpoch, Records: b.produce("t", 0).Records}
	record.Batch(a.Records).SetBaseOffset(0)
	old.Append(a, &w)
	if a.Code != kerr.UnknownTopicOrPartition {
		t.Errorf("an append to the deleted partition: %v", a.Code.Name())
	}
	b.replay(&wire.RemoveTopicRecord{TopicId: topicID(2)})
	if _, code := s.PartitionOf("t", 0); code != kerr.UnknownTopicOrPartition {
		t.Errorf("a deleted topic: %v", code.Name())
	}
	b.stop()
	names, _ := b.fs.ReadDir("/data/d0")
	for _, n := range names {
		if n == "t-0" {
			t.Error("the directory is still there")
		}
	}
}

// What the metadata does not know is put aside at start, not deleted.
func TestStrayLogs(t *testing.T) {
	b := newBroker(t, vfs.NewMem(1), "/data", 1)
	b.start()
	b.replay(topicRecords("keep", topicID(1), 1, 1)...)
	b.replay(topicRecords("gone", topicID(2), 1, 1)...)
	b.replay(topicRecords("other", topicID(3), 1, 1)...)
	b.stop()
	b.img, b.set = metadata.Empty(), nil
	b.replay(topicRecords("keep", topicID(1), 1, 1)...)
	b.replay(topicRecords("other", topicID(4), 1, 1)...)
	b.start()
	defer b.stop()
	names, _ := b.fs.ReadDir("/data/d0")
	for topic, want := range map[string]int{"keep-0.": 0, "gone-0.": 1, "other-0.": 1} {
		n := 0
		for _, name := range names {
			if strings.HasPrefix(name, topic) && strings.HasSuffix(name, "-stray") {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d stray directories, want %d: %v", topic, n, want, names)
		}
	}
	if a := b.produce("other", 0); a.Code != kerr.None || a.BaseOffset != 0 {
		t.Errorf("the new incarnation: %v %d", a.Code.Name(), a.BaseOffset)
	}
}

func TestReplicaMovesAway(t *testing.T) {
	b := newBroker(t, vfs.NewMem(1), "/data", 1)
	s := b.start()
	defer b.stop()
	b.replay(topicRecords("t", topicID(1), 1, 1)...)
	change := wire.NewPartitionChangeRecord()
	change.PartitionId, change.TopicId, change.Leader = 0, topicID(1), 2
	change.Replicas, change.Isr = []int32{2}, []int32{2}
	b.replay(change)
	if _, code := s.PartitionOf("t", 0); code != kerr.NotLeaderOrFollower {
		t.Errorf("a partition that moved away: %v", code.Name())
	}
	if l := b.dirs.Log(model.TopicPartition{Topic: "t"}); l != nil {
		t.Error("its log is still there")
	}
}

func TestSettings(t *testing.T) {
	b := newBroker(t, vfs.NewMem(1), "/data", 1)
	s := b.start()
	defer b.stop()
	b.replay(topicRecords("a", topicID(1), 1, 1)...)
	b.replay(topicRecords("b", topicID(2), 1, 1)...)
	pa, _ := s.PartitionOf("a", 0)
	pb, _ := s.PartitionOf("b", 0)
	if pa.Config() != pb.Config() {
		t.Error("topics without settings must share one Config")
	}
	value := "300"
	b.replay(&wire.ConfigRecord{ResourceType: int8(metadata.TopicResource), ResourceName: "a", Name: "max.message.bytes", Value: &value})
	if got := pa.Config().Rules.MaxMessageBytes; got != 300 {
		t.Errorf("max.message.bytes is %d", got)
	}
	if got := pb.Config().Rules.MaxMessageBytes; got != 1048588 {
		t.Errorf("the other topic's max.message.bytes is %d", got)
	}
	b.replay(&wire.ConfigRecord{ResourceType: int8(metadata.TopicResource), ResourceName: "a", Name: "max.message.bytes"})
	if pa.Config() != pb.Config() {
		t.Error("the setting was not taken back")
	}
	s.Reconfigure(now)
	if pa.Config() != pb.Config() {
		t.Error("after Reconfigure they must share one again")
	}
}

func TestRetentionAndDescribe(t *testing.T) {
	b := newBroker(t, vfs.NewMem(1), "/data", 2)
	s := b.start()
	defer b.stop()
	b.replay(topicRecords("t", topicID(1), 1, 1)...)
	for _, kv := range [][2]string{{"retention.ms", "1000"}, {"segment.ms", "100"}} {
		b.replay(&wire.ConfigRecord{ResourceType: int8(metadata.TopicResource), ResourceName: "t", Name: kv[0], Value: &kv[1]})
	}
	b.produce("t", 0)
	dirs, err := s.LogDirs(func(model.TopicPartition) bool { return true })
	if err != nil || len(dirs) != 2 || len(dirs[0].Replicas)+len(dirs[1].Replicas) != 1 {
		t.Fatalf("log dirs: %+v %v", dirs, err)
	}
	if err := s.Retain(now + 100_000); err != nil {
		t.Fatal(err)
	}
	p, _ := s.PartitionOf("t", 0)
	if o, err := p.Offsets(now); err != nil || o.LogStart != 1 || o.LogEnd != 1 {
		t.Errorf("after retention: %+v %v", o, err)
	}
}

// The periodic work writes the checkpoints when its time comes.
func TestCheckpoints(t *testing.T) {
	b := newBroker(t, vfs.NewMem(1), "/data", 1)
	b.start()
	b.replay(topicRecords("t", topicID(1), 1, 1)...)
	b.produce("t", 0)
	const file = "/data/d0/replication-offset-checkpoint"
	deadline := time.Now().Add(20 * time.Second)
	for {
		b.clock.Advance(time.Second)
		if got, err := storage.ReadOffsets(b.fs, file); err == nil && got[model.TopicPartition{Topic: "t"}] == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no high watermark was checkpointed")
		}
		runtime.Gosched()
	}
	b.stop()
}

func TestFailedDirectory(t *testing.T) {
	mem := vfs.NewMem(1)
	faulty := &vfs.Faulty{FS: mem}
	b := newBroker(t, faulty, "/data", 2)
	s := b.start()
	b.replay(topicRecords("t", topicID(1), 4, 1)...)
	for i := range int32(4) {
		b.produce("t", i)
	}
	bad := b.dirs.Log(model.TopicPartition{Topic: "t"}).DirID()
	s.DirFailed(bad)
	deadline := time.Now().Add(20 * time.Second)
	for i := range int32(4) {
		want := kerr.None
		if b.dirs.Log(model.TopicPartition{Topic: "t", Partition: i}).DirID() == bad {
			want = kerr.KafkaStorageError
		}
		for b.produce("t", i).Code != want {
			if time.Now().After(deadline) {
				t.Fatalf("partition %d: %v, want %v", i, b.produce("t", i).Code.Name(), want.Name())
			}
			runtime.Gosched()
		}
	}
	b.stop()
}

func BenchmarkStart10k(b *testing.B) {
	br := newBroker(b, vfs.OS, b.TempDir(), 1)
	br.start()
	const n = 10_000
	began := time.Now()
	for i := range n {
		br.replay(topicRecords(fmt.Sprintf("topic-%d", i), topicID(i), 1, 1)...)
	}
	b.Logf("created in %v", time.Since(began))
	br.stop()
	for b.Loop() {
		br.set, br.dirs = nil, nil
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		br.start()
		took := time.Since(began)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.Logf("started in %v, %d bytes a partition", took, (after.HeapAlloc-before.HeapAlloc)/n)
		began = time.Now()
		br.stop()
		b.Logf("stopped in %v", time.Since(began))
	}
}
