package controller

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"gregor/internal/clock"
	"gregor/internal/config"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// memLog is a metadata log that commits when told.
type memLog struct {
	mu      sync.Mutex
	c       *Controller
	epoch   model.LeaderEpoch
	leader  model.BrokerID
	end     model.Offset
	batches []metadata.Batch // not committed yet
	appends int
	fail    error
	resigns int
	auto    bool // commit at once
	signal  chan struct{}
}

func (l *memLog) Append(epoch model.LeaderEpoch, recs []metadata.Record) (model.Offset, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil || epoch != l.epoch {
		return 0, errors.Join(errors.New("not leader"), l.fail)
	}
	b := metadata.Batch{Base: l.end, Last: l.end + model.Offset(len(recs)) - 1, Epoch: epoch, Records: recs, Bytes: 10 * len(recs)}
	l.end = b.Last + 1
	l.batches = append(l.batches, b)
	l.appends++
	select {
	case l.signal <- struct{}{}:
	default:
	}
	return b.Last, nil
}

func (l *memLog) Resign(model.LeaderEpoch) { l.mu.Lock(); l.resigns++; l.mu.Unlock() }
func (l *memLog) End() model.Offset        { l.mu.Lock(); defer l.mu.Unlock(); return l.end }
func (l *memLog) Leader() (model.BrokerID, model.LeaderEpoch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leader, l.epoch
}
func (l *memLog) Voters() []model.BrokerID { return []model.BrokerID{1} }
func (l *memLog) KRaftVersion() int16      { return 1 }
func (l *memLog) UpgradeKRaftVersion(model.LeaderEpoch, int16, bool) error {
	return nil
}

// commit hands over all that was appended.
func (l *memLog) commit() {
	l.mu.Lock()
	b := l.batches
	l.batches = nil
	l.mu.Unlock()
	for _, x := range b {
		l.c.Commit(x)
	}
}

func (l *memLog) lead(epoch model.LeaderEpoch) {
	l.mu.Lock()
	l.epoch, l.leader = epoch, 1
	l.mu.Unlock()
	l.c.LeaderChange(1, epoch)
}

// lose drops what was not committed, as another leader's log would.
func (l *memLog) lose(epoch model.LeaderEpoch) {
	l.mu.Lock()
	l.epoch, l.leader = epoch, 2
	if len(l.batches) > 0 {
		l.end = l.batches[0].Base
	}
	l.batches = nil
	l.mu.Unlock()
	l.c.LeaderChange(2, epoch)
}

// committer commits as soon as something is appended, until stop.
func (l *memLog) committer(t *testing.T) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			select {
			case <-l.signal:
				l.commit()
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() { close(stop); wg.Wait() })
}

func newLoop(t *testing.T, props map[string]string, o Options) (*Controller, *memLog, *clock.Manual) {
	t.Helper()
	all := map[string]string{"node.id": "1", "process.roles": "controller"}
	for k, v := range props {
		all[k] = v
	}
	values, _, err := config.Load(all)
	if err != nil {
		t.Fatal(err)
	}
	clk := clock.NewManual(1000)
	l := &memLog{signal: make(chan struct{}, 1), leader: model.NoBroker}
	o.ID, o.ClusterID, o.Log, o.Clock, o.Config = 1, "test-cluster", l, clk, values
	o.OnFatal = func(err error) { t.Error(err) }
	o.Bootstrap = []metadata.Record{metadata.V0(&wire.FeatureLevelRecord{Name: metadata.FeatureMetadata, FeatureLevel: int16(metadata.MaxVersion)})}
	l.c = New(o)
	t.Cleanup(l.c.Close)
	return l.c, l, clk
}

// ask sends a request; the answer comes by the channel.
func ask(c *Controller, req wire.Message, version int16) <-chan wire.Message {
	ch := make(chan wire.Message, 1)
	c.Handle(Request{}, req, version, func(m wire.Message) { ch <- m })
	return ch
}

func get[T wire.Message](t *testing.T, ch <-chan wire.Message) T {
	t.Helper()
	select {
	case m := <-ch:
		return m.(T)
	case <-time.After(10 * time.Second):
		t.Fatal("no answer")
	}
	panic("unreachable")
}

func none(t *testing.T, c *Controller, chs ...<-chan wire.Message) {
	t.Helper()
	barrier(c)
	for _, ch := range chs {
		select {
		case m := <-ch:
			t.Fatalf("answered before the commit: %s", show(m))
		default:
		}
	}
}

// barrier returns when the controller has seen everything sent before.
func barrier(c *Controller) *metadata.Image {
	ch := make(chan *metadata.Image, 1)
	c.View(func(img *metadata.Image) { ch <- img })
	return <-ch
}

func registration(n int) *wire.BrokerRegistrationRequest {
	req := wire.NewBrokerRegistrationRequest()
	req.BrokerId, req.ClusterId, req.IncarnationId, req.LogDirs = int32(n), "test-cluster", id(n), []model.UUID{id(100 + n)}
	for name, r := range metadata.Supported() {
		req.Features = append(req.Features, wire.BrokerRegistrationRequestFeature{Name: name, MinSupportedVersion: r.Min, MaxSupportedVersion: r.Max})
	}
	return req
}

func beat(n int, epoch, offset int64) *wire.BrokerHeartbeatRequest {
	return &wire.BrokerHeartbeatRequest{BrokerId: int32(n), BrokerEpoch: epoch, CurrentMetadataOffset: offset}
}

func create(names ...string) *wire.CreateTopicsRequest {
	req := wire.NewCreateTopicsRequest()
	for _, n := range names {
		req.Topics = append(req.Topics, wire.CreateTopicsRequestCreatableTopic{Name: n, NumPartitions: 1, ReplicationFactor: 1})
	}
	return req
}

// bring registers and unfences broker n, with commits by hand, and returns its epoch.
func bring(t *testing.T, c *Controller, l *memLog, n int) int64 {
	t.Helper()
	r := ask(c, registration(n), 4)
	barrier(c)
	l.commit()
	epoch := get[*wire.BrokerRegistrationResponse](t, r).BrokerEpoch
	h := ask(c, beat(n, epoch, epoch), 1)
	barrier(c)
	l.commit()
	if x := get[*wire.BrokerHeartbeatResponse](t, h); x.IsFenced || x.ErrorCode != kerr.None {
		t.Fatalf("not unfenced: %s", show(x))
	}
	return epoch
}

func TestAnswersWaitForTheCommit(t *testing.T) {
	c, l, _ := newLoop(t, nil, Options{})
	if r := get[*wire.CreateTopicsResponse](t, ask(c, create("early"), 7)); !IsNotController(r) {
		t.Fatalf("a controller that stands by answered %s", show(r))
	}
	l.lead(1)
	l.commit()
	bring(t, c, l, 1)
	a, b, dup := ask(c, create("a"), 7), ask(c, create("b"), 7), ask(c, create("a"), 7)
	read := ask(c, beat(1, 3, 100), 1) // reads what is not committed yet
	none(t, c, a, b, dup, read)
	if img := barrier(c); img.Topics.Len() != 0 {
		t.Fatalf("%d topics are visible before the commit", img.Topics.Len())
	}
	l.commit()
	if r := get[*wire.CreateTopicsResponse](t, a); r.Topics[0].ErrorCode != kerr.None {
		t.Fatal(show(r))
	}
	get[*wire.CreateTopicsResponse](t, b)
	if r := get[*wire.CreateTopicsResponse](t, dup); r.Topics[0].ErrorCode != kerr.TopicAlreadyExists {
		t.Fatal(show(r))
	}
	get[*wire.BrokerHeartbeatResponse](t, read)
	if img := barrier(c); img.Topics.Len() != 2 {
		t.Fatalf("%d topics after the commit", img.Topics.Len())
	}
}

func TestBootstrapIsWrittenOnce(t *testing.T) {
	c, l, _ := newLoop(t, nil, Options{})
	l.lead(1)
	barrier(c)
	var names []string
	for _, r := range l.batches[0].Records {
		names = append(names, wire.Name(r.Msg))
	}
	want := []string{"BeginTransactionRecord", "FeatureLevelRecord", "EndTransactionRecord"}
	if !slices.Equal(names, want) {
		t.Fatalf("wrote %v, want %v", names, want)
	}
	l.commit()
	l.lose(2)
	l.lead(3)
	barrier(c)
	if len(l.batches) != 0 {
		t.Fatalf("the second activation wrote %v", l.batches)
	}
	if v := barrier(c).Features.Version; v != metadata.MaxVersion {
		t.Fatalf("metadata.version is %s", v)
	}
}

func TestLostLeadershipDropsWhatIsNotCommitted(t *testing.T) {
	c, l, _ := newLoop(t, nil, Options{})
	l.lead(1)
	l.commit()
	bring(t, c, l, 1)
	a := ask(c, create("a"), 7)
	none(t, c, a)
	l.lose(2)
	if r := get[*wire.CreateTopicsResponse](t, a); !IsNotController(r) {
		t.Fatal(show(r))
	}
	r := get[*wire.CreateTopicsResponse](t, ask(c, create("b"), 7))
	if m := r.Topics[0].ErrorMessage; !IsNotController(r) || m == nil || *m != "The active controller appears to be node 2." {
		t.Fatal(show(r))
	}
	// Another controller makes a topic of the same name; then this one leads again.
	c.Commit(metadata.Batch{Base: l.end, Last: l.end + 1, Epoch: 2, Records: []metadata.Record{
		metadata.V0(&wire.TopicRecord{Name: "a", TopicId: id(55)}),
		{Msg: &wire.PartitionRecord{TopicId: id(55), Replicas: []int32{1}, Isr: []int32{1}, Leader: 1, Directories: []model.UUID{id(101)}}, Version: 2},
	}})
	l.mu.Lock()
	l.end += 2
	l.mu.Unlock()
	l.lead(3)
	if r := get[*wire.CreateTopicsResponse](t, ask(c, create("a"), 7)); r.Topics[0].ErrorCode != kerr.TopicAlreadyExists {
		t.Fatal(show(r))
	}
	if img := barrier(c); img.Topics.ByName("a").ID != id(55) {
		t.Fatal("the topic that was not committed is there")
	}
}

func TestFailedAppendRenounces(t *testing.T) {
	c, l, _ := newLoop(t, nil, Options{})
	l.lead(1)
	l.commit()
	bring(t, c, l, 1)
	pending := ask(c, create("a"), 7)
	none(t, c, pending)
	l.mu.Lock()
	l.fail = errors.New("disk")
	l.mu.Unlock()
	for _, ch := range []<-chan wire.Message{ask(c, create("b"), 7), pending} {
		if r := get[*wire.CreateTopicsResponse](t, ch); !IsNotController(r) {
			t.Fatal(show(r))
		}
	}
	barrier(c)
	if l.resigns != 1 {
		t.Fatalf("resigned %d times", l.resigns)
	}
}

func TestRequestsShareAppends(t *testing.T) {
	c, l, _ := newLoop(t, nil, Options{})
	l.lead(1)
	l.commit()
	bring(t, c, l, 1)
	before := l.appends
	hold := make(chan struct{})
	c.View(func(*metadata.Image) { <-hold })
	var chs []<-chan wire.Message
	for i := range 500 {
		chs = append(chs, ask(c, create(fmt.Sprint("t", i)), 7))
	}
	close(hold)
	none(t, c, chs...)
	if n := l.appends - before; n > 3 {
		t.Fatalf("500 requests made %d appends", n)
	}
	l.commit()
	for _, ch := range chs {
		if r := get[*wire.CreateTopicsResponse](t, ch); r.Topics[0].ErrorCode != kerr.None {
			t.Fatal(show(r))
		}
	}
}

func TestSilentBrokersAreFenced(t *testing.T) {
	c, l, clk := newLoop(t, map[string]string{"metadata.max.idle.interval.ms": "0"}, Options{})
	l.committer(t)
	l.lead(1)
	e1 := get[*wire.BrokerRegistrationResponse](t, ask(c, registration(1), 4)).BrokerEpoch
	get[*wire.BrokerHeartbeatResponse](t, ask(c, beat(1, e1, e1), 1))
	e2 := get[*wire.BrokerRegistrationResponse](t, ask(c, registration(2), 4)).BrokerEpoch
	get[*wire.BrokerHeartbeatResponse](t, ask(c, beat(2, e2, e2), 1))
	for range 24 { // broker 1 stays, broker 2 is silent for twelve seconds
		clk.Advance(500 * time.Millisecond)
		get[*wire.BrokerHeartbeatResponse](t, ask(c, beat(1, e1, 1<<40), 1))
	}
	if !waitFor(c, func(img *metadata.Image) bool { return img.Cluster.Broker(2).Fenced }) {
		t.Fatal("the silent broker was not fenced")
	}
	if barrier(c).Cluster.Broker(1).Fenced {
		t.Fatal("broker 1 was fenced")
	}
	// It comes back with its next heartbeat.
	if r := get[*wire.BrokerHeartbeatResponse](t, ask(c, beat(2, e2, 1<<40), 1)); r.IsFenced {
		t.Fatal(show(r))
	}
}

func TestNewControllerGivesASession(t *testing.T) {
	c, l, clk := newLoop(t, map[string]string{"metadata.max.idle.interval.ms": "0"}, Options{})
	l.committer(t)
	l.lead(1)
	e := get[*wire.BrokerRegistrationResponse](t, ask(c, registration(1), 4)).BrokerEpoch
	get[*wire.BrokerHeartbeatResponse](t, ask(c, beat(1, e, e), 1))
	l.lose(2)
	barrier(c)
	clk.Advance(time.Hour)
	l.lead(3)
	barrier(c)
	clk.Advance(5 * time.Second)
	if barrier(c).Cluster.Broker(1).Fenced {
		t.Fatal("a new controller fenced a broker that had no time to find it")
	}
	for range 20 {
		clk.Advance(500 * time.Millisecond)
		barrier(c)
	}
	if !waitFor(c, func(img *metadata.Image) bool { return img.Cluster.Broker(1).Fenced }) {
		t.Fatal("a broker that never came was not fenced")
	}
}

// waitFor waits until the committed image is as it should be.
func waitFor(c *Controller, ok func(*metadata.Image) bool) bool {
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if ok(barrier(c)) {
			return true
		}
	}
	return false
}

func TestIdleLogGetsNoOps(t *testing.T) {
	c, l, clk := newLoop(t, nil, Options{})
	l.lead(1)
	barrier(c)
	l.commit()
	barrier(c)
	before := l.End()
	clk.Advance(500 * time.Millisecond)
	deadline := time.Now().Add(10 * time.Second)
	for l.End() == before && time.Now().Before(deadline) {
		barrier(c)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.batches) != 1 || wire.Name(l.batches[0].Records[0].Msg) != "NoOpRecord" {
		t.Fatalf("idle for 500 ms, wrote %v", l.batches)
	}
}

// snaps keeps snapshots.
type snaps struct {
	mu  sync.Mutex
	at  []metadata.Provenance
	got chan struct{}
}

func (s *snaps) Write(at metadata.Provenance, recs iter.Seq[metadata.Record]) error {
	for range recs {
	}
	s.mu.Lock()
	s.at = append(s.at, at)
	s.mu.Unlock()
	s.got <- struct{}{}
	return nil
}

func TestSnapshotsWhenDue(t *testing.T) {
	w := &snaps{got: make(chan struct{}, 100)}
	c, l, _ := newLoop(t, map[string]string{"metadata.log.max.record.bytes.between.snapshots": "100"}, Options{Snapshots: w})
	l.committer(t)
	l.lead(1)
	e := get[*wire.BrokerRegistrationResponse](t, ask(c, registration(1), 4)).BrokerEpoch
	get[*wire.BrokerHeartbeatResponse](t, ask(c, beat(1, e, e), 1))
	for i := range 20 { // 20 bytes each
		get[*wire.CreateTopicsResponse](t, ask(c, create(fmt.Sprint("t", i)), 7))
	}
	<-w.got
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at[0].Epoch != 1 || w.at[0].Offset < 9 {
		t.Fatalf("snapshot at %+v", w.at[0])
	}
}

func TestCloseAnswersAll(t *testing.T) {
	c, l, _ := newLoop(t, nil, Options{})
	l.lead(1)
	l.commit()
	bring(t, c, l, 1)
	a := ask(c, create("a"), 7)
	none(t, c, a)
	c.Close()
	get[*wire.CreateTopicsResponse](t, a)
	if r := get[*wire.CreateTopicsResponse](t, ask(c, create("b"), 7)); r.Topics[0].ErrorCode != kerr.RequestTimedOut {
		t.Fatal(show(r))
	}
}

func TestOverloadAndDeadlines(t *testing.T) {
	c, l, clk := newLoop(t, nil, Options{MaxQueue: 8})
	l.lead(1)
	l.commit()
	bring(t, c, l, 1)
	hold, held := make(chan struct{}), make(chan struct{})
	c.View(func(*metadata.Image) { close(held); <-hold })
	<-held
	late := create("late")
	late.TimeoutMs = 100
	first := ask(c, late, 7)
	var chs []<-chan wire.Message
	for i := range 20 {
		chs = append(chs, ask(c, create(fmt.Sprint("t", i)), 7))
	}
	clk.Advance(200 * time.Millisecond)
	close(hold)
	if r := get[*wire.CreateTopicsResponse](t, first); r.Topics[0].ErrorCode != kerr.RequestTimedOut {
		t.Fatal(show(r))
	}
	refused := 0
	for _, ch := range chs[7:] {
		if r := get[*wire.CreateTopicsResponse](t, ch); r.Topics[0].ErrorCode == kerr.RequestTimedOut {
			refused++
		}
	}
	if refused != 13 {
		t.Fatalf("%d of 20 requests were refused by a queue of 8", refused)
	}
}
