package metalog

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/vfs"
	"gregor/internal/wire"
)

// recorder is a listener that remembers.
type recorder struct {
	mu      sync.Mutex
	changed *sync.Cond
	records []string // of snapshot and batches, names of features
	next    model.Offset
	self    model.BrokerID
	led     chan model.BrokerID // told when self leads
	leader  model.BrokerID
	epoch   model.LeaderEpoch
	loads   int
	events  []string
	faults  []string
}

func newRecorder() *recorder {
	r := &recorder{leader: model.NoBroker, epoch: -1}
	r.changed = sync.NewCond(&r.mu)
	return r
}

func name(r metadata.Record) string {
	if f, ok := r.Msg.(*wire.FeatureLevelRecord); ok {
		return f.Name
	}
	return wire.Name(r.Msg)
}

func (r *recorder) LoadSnapshot(s *SnapshotReader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = nil
	for rec := range s.Records() {
		r.records = append(r.records, name(rec))
	}
	r.next = s.ID().Offset
	r.loads++
	r.changed.Broadcast()
}

func (r *recorder) Commit(b Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b.Base != r.next || b.Last < b.Base {
		r.faults = append(r.faults, fmt.Sprintf("batch %d-%d after %d", b.Base, b.Last, r.next))
	}
	for _, rec := range b.Records {
		r.records = append(r.records, name(rec))
	}
	r.next = b.Last + 1
	r.changed.Broadcast()
}

func (r *recorder) LeaderChange(id model.BrokerID, epoch model.LeaderEpoch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id == r.self && id == r.leader {
		r.faults = append(r.faults, fmt.Sprintf("leader %d twice", id))
	}
	if epoch < r.epoch {
		r.faults = append(r.faults, fmt.Sprintf("epoch back from %d to %d", r.epoch, epoch))
	}
	r.leader, r.epoch = id, epoch
	if id == r.self && r.led != nil {
		r.led <- id
	}
	r.events = append(r.events, fmt.Sprintf("%d@%d", id, epoch))
	r.changed.Broadcast()
}

func (r *recorder) until(ok func() bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !ok() {
		r.changed.Wait()
	}
}

func (r *recorder) leads(id model.BrokerID) model.LeaderEpoch {
	r.until(func() bool { return r.leader == id })
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.epoch
}

func (r *recorder) check(t testing.TB) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.faults {
		t.Error(f)
	}
}

var testDir = model.DirectoryID{1, 2, 3}

func options(fsys vfs.FS) Options {
	return Options{
		FS: fsys, Dir: "data", RetentionBytes: 100 << 20, RetentionMs: -1,
		Raft: raft.Config{
			Key: raft.Key{ID: 1, Dir: testDir}, ClusterID: "c", Voter: true, Listener: "CONTROLLER",
			Endpoints: raft.Endpoints{{Listener: "CONTROLLER", Address: raft.Address{Host: "localhost", Port: 9093}}},
		},
	}
}

func format(t testing.TB, fsys vfs.FS) {
	check(t, fsys.MkdirAll("data"))
	o := options(fsys)
	check(t, WriteFormat(fsys, "data", Format{
		KVersion: 1, Records: features(), Now: 1,
		Voters: raft.Voters{{Key: o.Raft.Key, Endpoints: o.Raft.Endpoints, Versions: raft.Supported}},
	}))
}

func open(t testing.TB, o Options) (*Log, *recorder) {
	t.Helper()
	return openWith(t, o, nil)
}

func openWith(t testing.TB, o Options, led chan model.BrokerID) (*Log, *recorder) {
	t.Helper()
	l, err := Open(o)
	check(t, err)
	r := newRecorder()
	r.self, r.led = o.Raft.ID, led
	l.Register(r)
	check(t, l.Start())
	return l, r
}

func named(names ...string) (out []metadata.Record) {
	for _, n := range names {
		out = append(out, feature(n, 1))
	}
	return out
}

func TestQuorumOfOne(t *testing.T) {
	fsys := vfs.NewMem(1)
	format(t, fsys)
	l, r := open(t, options(fsys))
	if id, _, epoch, ok := l.LeaderAndEpoch(); id != 1 || epoch != 1 || !ok {
		t.Errorf("after Start: leader %d in epoch %d, %v", id, epoch, ok)
	}
	epoch := r.leads(1)
	var want []string
	var last model.Offset
	for i := range 100 {
		n := fmt.Sprintf("f%d", i)
		var err error
		last, err = l.Append(epoch, named(n, n+"b"))
		check(t, err)
		want = append(want, n, n+"b")
	}
	if last != 202 { // LeaderChange, KRaftVersion, Voters, 200 records
		t.Errorf("last offset %d", last)
	}
	r.until(func() bool { return r.next == last+1 })
	if _, err := l.Append(epoch+1, named("x")); !errors.Is(err, ErrNotLeader) {
		t.Errorf("wrong epoch: %v", err)
	}
	if _, err := l.Append(epoch, []metadata.Record{feature(string(make([]byte, 30000)), 1)}); err != nil {
		t.Errorf("large: %v", err)
	}
	var huge []metadata.Record
	for range 300 {
		huge = append(huge, feature(string(make([]byte, 30000)), 1))
	}
	if _, err := l.Append(epoch, huge); !errors.Is(err, ErrTooLarge) {
		t.Errorf("huge: %v", err)
	}
	r.until(func() bool { return r.next == 204 })
	l.pub.update(func() {
		if k := len(l.pub.mu.recent); k > 1 { // the last may still be on its way
			t.Errorf("%d batches are kept that everybody had", k)
		}
	})
	check(t, l.Close())
	if _, err := l.Append(epoch, named("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}

	l, r2 := open(t, options(fsys))
	if e := r2.leads(1); e != 2 {
		t.Errorf("epoch %d after a restart", e)
	}
	if !slices.Equal(r2.records[:200], want) || len(r2.records) != 201 {
		t.Errorf("%d records after a restart", len(r2.records))
	}
	check(t, l.Close())
	r.check(t)
	r2.check(t)
}

func TestStaticQuorumOfOne(t *testing.T) {
	fsys := vfs.NewMem(1)
	check(t, fsys.MkdirAll("data"))
	check(t, WriteFormat(fsys, "data", Format{Records: features()}))
	o := options(fsys)
	o.Raft.Static = raft.Voters{{Key: raft.Key{ID: 1}, Endpoints: o.Raft.Endpoints}}
	l, r := open(t, o)
	epoch := r.leads(1)
	recs, _, err := l.Bootstrap()
	check(t, err)
	last, err := l.Append(epoch, recs)
	check(t, err)
	r.until(func() bool { return r.next == last+1 })
	check(t, l.Close())
	b, err := vfs.ReadFile(fsys, "data/__cluster_metadata-0/quorum-state", 1000)
	check(t, err)
	if want := `{"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}`; string(b) != want {
		t.Errorf("quorum-state %s", b)
	}
}

// Snapshots are written, the log before them goes, and a restart begins with
// the newest.
func TestSnapshotAndClean(t *testing.T) {
	fsys := vfs.NewMem(1)
	format(t, fsys)
	o := options(fsys)
	o.SegmentBytes = 2000
	o.RetentionBytes = 3000
	l, r := open(t, o)
	epoch := r.leads(1)
	var state []string
	for round := range 5 {
		for i := range 30 {
			n := fmt.Sprintf("r%d-%d", round, i)
			state = append(state, n)
			_, err := l.Append(epoch, named(n))
			check(t, err)
		}
		end := l.End()
		r.until(func() bool { return r.next == end })
		at := metadata.Provenance{Offset: end - 1, Epoch: epoch, Time: 7}
		check(t, l.Write(at, slices.Values(named(state...))))
		check(t, l.Write(at, slices.Values(named("ignored"))))
		l.ask(func() { check(t, l.clean()) })
	}
	if err := l.Write(metadata.Provenance{Offset: l.End() + 5, Epoch: epoch}, slices.Values(named())); err == nil {
		t.Error("a snapshot beyond the high watermark was written")
	}
	l.ask(func() {
		if l.store.LogStart() < 100 || len(l.snapshots) > 2 {
			t.Errorf("log starts at %d, snapshots %v", l.store.LogStart(), l.snapshots)
		}
	})
	last, err := l.Append(epoch, named("after"))
	check(t, err)
	r.until(func() bool { return r.next == last+1 })
	check(t, l.Close())

	l, r2 := open(t, o)
	r2.leads(1)
	if r2.loads != 1 || !slices.Equal(r2.records, append(state, "after")) {
		t.Errorf("%d loads, %d records", r2.loads, len(r2.records))
	}
	// Somebody who comes late gets the same.
	r3 := newRecorder()
	l.Register(r3)
	r3.leads(1)
	if !slices.Equal(r3.records, r2.records) {
		t.Errorf("late listener: %d records", len(r3.records))
	}
	check(t, l.Close())
	r2.check(t)
	r3.check(t)
}

func TestUnknownRecordStopsTheNode(t *testing.T) {
	fsys := vfs.NewMem(1)
	format(t, fsys)
	o := options(fsys)
	l, r := open(t, o)
	epoch := r.leads(1)
	at, err := l.Append(epoch, named("good"))
	check(t, err)
	r.until(func() bool { return r.next == at+1 })
	// A record of type 99, as only something newer could write it.
	l.ask(func() {
		var e encoder
		e.begin(l.store.LogEnd(), epoch, false)
		e.b.Append(1, nil, []byte{1, 99, 0, 0})
		b, err := e.finish()
		check(t, err)
		_, err = l.store.Append([][]byte{b}, 1)
		check(t, err)
	})
	check(t, l.Close())
	fatal := make(chan error, 1)
	o.OnFatal = func(err error) { fatal <- err }
	l, _ = open(t, o)
	err = <-fatal
	var e *Error
	if !errors.As(err, &e) || e.Offset != at+1 {
		t.Errorf("fatal error %v, expected one at offset %d", err, at+1)
	}
	_ = l.Close()
}

func rpc(l *Log, req wire.Message, version int16) wire.Message {
	ch := make(chan wire.Message, 1)
	l.HandleRPC("CONTROLLER", req, version, func(m wire.Message) { ch <- m })
	return <-ch
}

func describeRequest() *wire.DescribeQuorumRequest {
	m := wire.NewDescribeQuorumRequest()
	m.Topics = []wire.DescribeQuorumRequestTopicData{{TopicName: Topic, Partitions: []wire.DescribeQuorumRequestPartitionData{{}}}}
	return m
}

func TestRPCs(t *testing.T) {
	fsys := vfs.NewMem(1)
	format(t, fsys)
	l, r := open(t, options(fsys))
	r.leads(1)
	d := rpc(l, describeRequest(), 2).(*wire.DescribeQuorumResponse)
	p := d.Topics[0].Partitions[0]
	if p.LeaderId != 1 || p.LeaderEpoch != 1 || p.HighWatermark != 3 || len(p.CurrentVoters) != 1 || p.CurrentVoters[0].LogEndOffset != 3 ||
		p.CurrentVoters[0].ReplicaDirectoryId != testDir || len(d.Nodes) != 1 || d.Nodes[0].Listeners[0].Port != 9093 {
		t.Errorf("%+v", d)
	}
	if _, err := wire.Append(nil, d, 2); err != nil {
		t.Error(err)
	}
	bad := describeRequest()
	bad.Topics[0].TopicName = "foo"
	if c := rpc(l, bad, 2).(*wire.DescribeQuorumResponse).Topics[0].Partitions[0].ErrorCode; c != kerr.UnknownTopicOrPartition {
		t.Errorf("other topic: %v", c.Name())
	}
	v := requestOut(&raft.VoteRequest{Epoch: 9, Candidate: raft.Key{ID: 2}, Voter: raft.None, Last: raft.ID{Offset: 1, Epoch: 1}}).(*wire.VoteRequest)
	other := "other"
	v.ClusterId = &other
	if c := rpc(l, v, 2).(*wire.VoteResponse).ErrorCode; c != kerr.InconsistentClusterId {
		t.Errorf("other cluster: %v", c.Name())
	}
	v.Topics[0].Partitions[0].PartitionIndex = 1
	if c := rpc(l, v, 2).(*wire.VoteResponse).ErrorCode; c != kerr.InvalidRequest {
		t.Errorf("other partition: %v", c.Name())
	}
	f := requestOut(&raft.FetchRequest{Replica: raft.Key{ID: 7, Dir: model.UUID{9}}, Epoch: 1, MaxBytes: 1 << 20, MaxWait: 500}).(fetchRequest)
	fr := rpc(l, f.FetchRequest, 17).(*wire.FetchResponse)
	fp := fr.Responses[0].Partitions[0]
	if fp.ErrorCode != kerr.None || fp.HighWatermark != 3 || fp.Records.Size() == 0 || fr.NodeEndpoints[0].Port != 9093 {
		t.Errorf("fetch: %+v", fr)
	}
	d = rpc(l, describeRequest(), 2).(*wire.DescribeQuorumResponse)
	if o := d.Topics[0].Partitions[0].Observers; len(o) != 1 || o[0].ReplicaId != 7 || o[0].LogEndOffset != 0 {
		t.Errorf("observers %+v", o)
	}
	// A fetch at the end waits, and is answered by the next append.
	f.Topics[0].Partitions[0].FetchOffset, f.Topics[0].Partitions[0].LastFetchedEpoch = 3, 1
	f.Topics[0].Partitions[0].HighWatermark = 3
	f.MaxWaitMs = 1 << 30
	done := make(chan wire.Message, 1)
	l.HandleRPC("CONTROLLER", f.FetchRequest, 17, func(m wire.Message) { done <- m })
	select {
	case m := <-done:
		t.Errorf("not parked: %+v", m)
	default:
	}
	_, err := l.Append(1, named("x"))
	check(t, err)
	if n := (<-done).(*wire.FetchResponse).Responses[0].Partitions[0].Records.Size(); n == 0 {
		t.Error("answered without records")
	}
	// What waits when the log is closed gets an answer all the same.
	f.Topics[0].Partitions[0].FetchOffset, f.Topics[0].Partitions[0].HighWatermark = 4, 4
	r.until(func() bool { return r.next == 4 })
	l.HandleRPC("CONTROLLER", f.FetchRequest, 17, func(m wire.Message) { done <- m })
	check(t, l.Close())
	m := (<-done).(*wire.FetchResponse)
	if c := m.ErrorCode; c == kerr.None && m.Responses[0].Partitions[0].ErrorCode == kerr.None {
		t.Errorf("answer after Close: %+v", m)
	}
	if c := rpc(l, v, 2).(*wire.VoteResponse).ErrorCode; c != kerr.InvalidRequest {
		t.Errorf("after Close: %v", c.Name())
	}
	v.Topics[0].Partitions[0].PartitionIndex = 0
	if c := rpc(l, v, 2).(*wire.VoteResponse).ErrorCode; c != kerr.BrokerNotAvailable {
		t.Errorf("after Close: %v", c.Name())
	}
}

// A leader that resigns while alone leads again at once, and the listener
// hears of the end of its first epoch in between.
func TestResignAlone(t *testing.T) {
	fsys := vfs.NewMem(1)
	format(t, fsys)
	l, r := open(t, options(fsys))
	l.Resign(r.leads(1))
	r.until(func() bool { return r.epoch == 3 && r.leader == 1 })
	if k := len(r.events); !slices.Equal(r.events[k-3:], []string{"1@1", "-1@3", "1@3"}) {
		t.Errorf("events %v", r.events)
	}
	check(t, l.Close())
	r.check(t)
}
