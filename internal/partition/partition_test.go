package partition

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/record/codec"
	"gregor/internal/storage"
	"gregor/internal/vfs"
)

const start model.Millis = 1_700_000_000_000

var testID = model.TopicID{9, 15: 1}

func testConfig(mod ...func(*Config)) *Config {
	c := &Config{
		Log: storage.DefaultConfig(),
		Rules: &record.Rules{
			MaxMessageBytes: 1 << 20, MaxRecordBytes: math.MaxInt32, SegmentBytes: 1 << 30,
			Codec: codec.Producer, BeforeMax: math.MaxInt64, AfterMax: 3_600_000,
		},
		MinInsync: 1,
	}
	for _, m := range mod {
		m(c)
	}
	return c
}

// openAt opens what a crash has left.
func openAt(fs vfs.FS, c *Config) (*storage.Log, error) {
	return storage.OpenLog(storage.LogOptions{FS: fs, Dir: "/t-0", Partition: model.TopicPartition{Topic: "t", Partition: 0}, Config: c.Log})
}

func openLog(t testing.TB, fs vfs.FS, dir string, clean bool, c *Config) *storage.Log {
	t.Helper()
	l, err := storage.OpenLog(storage.LogOptions{
		FS: fs, Dir: dir, Partition: model.TopicPartition{Topic: "t", Partition: 0}, Config: c.Log, Clean: clean,
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// sole is the leader of a partition with one replica, in memory.
func sole(t testing.TB, mod ...func(*Config)) *Partition {
	t.Helper()
	c := testConfig(mod...)
	env := &Env{Self: 1, LagMax: lag, Peers: alive()}
	p := New(env, openLog(t, vfs.NewMem(1), "/t-0", true, c), testID, c)
	lead(t, p, 1)
	return p
}

func lead(t testing.TB, p *Partition, epoch model.LeaderEpoch) {
	t.Helper()
	var w Woken
	r := &Registration{Leader: 1, LeaderEpoch: epoch, PartitionEpoch: int32(epoch), Replicas: []model.BrokerID{1}, ISR: []model.BrokerID{1}}
	if err := p.Apply(r, start, &w); err != nil {
		t.Fatal(err)
	}
	w.Fire()
}

type sender struct {
	id    model.ProducerID
	epoch model.ProducerEpoch
	seq   int32
	txn   bool
}

// produce is a request with n records of 8 bytes each.
func produce(n int, s *sender) *Append {
	sp := record.NewSpec()
	if s != nil {
		sp.ProducerID, sp.ProducerEpoch, sp.BaseSequence, sp.Transactional = s.id, s.epoch, s.seq, s.txn
	}
	var bl record.Builder
	bl.Reset(sp)
	for i := range n {
		bl.Append(start, []byte("k"), fmt.Appendf(nil, "value%03d", i))
	}
	b, err := bl.Build()
	if err != nil {
		panic(err)
	}
	return &Append{Records: b, Acks: -1, Now: start, Epoch: model.NoEpoch, TxnVersion: -1}
}

func (a *Append) ok(t testing.TB) *Append {
	t.Helper()
	if a.Code != kerr.None {
		t.Fatalf("append refused: %v: %v", a.Code.Name(), a.Err)
	}
	return a
}

func (p *Partition) append(a *Append) *Append {
	var w Woken
	p.Append(a, &w)
	w.Fire()
	return a
}

func fetchAt(o model.Offset) *Read {
	return &Read{Offset: o, MaxBytes: 1 << 20, MinOne: true, CurrentEpoch: model.NoEpoch, LastFetched: model.NoEpoch,
		Follower: model.NoBroker, FollowerStart: model.NoOffset, Now: start}
}

func (p *Partition) fetch(r *Read) *Read {
	var w Woken
	p.Read(r, &w)
	w.Fire()
	return r
}

// offsets are the offsets of the records a read found.
func offsets(t testing.TB, r *Read) []model.Offset {
	t.Helper()
	if r.Code != kerr.None {
		t.Fatal(r.Code.Name())
	}
	var out []model.Offset
	if r.Records.Len == 0 {
		return nil
	}
	defer r.Release()
	b := make([]byte, r.Records.Len)
	if _, err := r.Records.File.ReadAt(b, r.Records.Off); err != nil {
		t.Fatal(err)
	}
	for len(b) > 0 {
		batch, rest, err := record.Next(b)
		if err != nil || !batch.Valid() {
			t.Fatal("read a damaged batch", err)
		}
		var rd record.Reader
		for rd.Reset(batch); rd.Next(); {
			out = append(out, rd.Record().Offset)
		}
		b = rest
	}
	return out
}

func TestAppendAndRead(t *testing.T) {
	p := sole(t)
	for i, want := range []model.Offset{0, 3, 6} {
		a := p.append(produce(3, nil)).ok(t)
		if a.BaseOffset != want || a.LastOffset != want+2 || !a.Committed || a.Required != want+3 || a.LogStart != 0 || a.LeaderEpoch != 1 || a.LogAppendTime != -1 {
			t.Errorf("append %d: %+v", i, a)
		}
	}
	r := p.fetch(fetchAt(4))
	if got := fmt.Sprint(offsets(t, r)); got != "[3 4 5 6 7 8]" {
		t.Errorf("read %s", got)
	}
	if r.HighWatermark != 9 || r.LastStable != 9 || r.LogStart != 0 || r.LogEnd != 9 || r.Bound != 9 || r.Epoch != 1 {
		t.Errorf("offsets of the read: %+v", r)
	}
	r = fetchAt(0)
	r.MaxBytes = 1
	if got := offsets(t, p.fetch(r)); len(got) != 3 {
		t.Errorf("the first batch must come even if it is too large, got %v", got)
	}
	r.MinOne = false
	if got := offsets(t, p.fetch(r)); got != nil {
		t.Errorf("got %v", got)
	}
	if got := offsets(t, p.fetch(fetchAt(9))); got != nil {
		t.Errorf("at the end: %v", got)
	}
	for _, o := range []model.Offset{-1, 10} {
		if r := p.fetch(fetchAt(o)); r.Code != kerr.OffsetOutOfRange || r.HighWatermark != model.NoOffset {
			t.Errorf("offset %d: %v, high watermark %d", o, r.Code.Name(), r.HighWatermark)
		}
	}
}

func TestAppendErrors(t *testing.T) {
	p := sole(t, func(c *Config) { c.Rules.MaxMessageBytes = 200 })
	good := p.append(produce(1, nil)).ok(t)
	if good.LogStart != 0 {
		t.Error("log start")
	}
	for _, tc := range []struct {
		name     string
		a        *Append
		code     kerr.Code
		logStart model.Offset
	}{
		{"too large", produce(50, nil), kerr.MessageTooLarge, -1},
		{"sequence without producer", func() *Append { a := produce(1, &sender{id: 5, seq: -1}); return a }(), kerr.InvalidRecord, 0},
		{"nothing", &Append{Acks: 1, Epoch: model.NoEpoch}, kerr.InvalidRecord, -1},
		{"older term of a coordinator", func() *Append {
			a := produce(1, nil)
			a.Epoch, a.Origin = 0, record.Coordinator
			return a
		}(), kerr.NotLeaderOrFollower, -1},
	} {
		a := p.append(tc.a)
		if a.Code != tc.code || a.BaseOffset != model.NoOffset || a.Message != "" {
			t.Errorf("%s: %v, base offset %d, message %q", tc.name, a.Code.Name(), a.BaseOffset, a.Message)
		}
		if a.LogStart != tc.logStart {
			t.Errorf("%s: log start %d, want %d", tc.name, a.LogStart, tc.logStart)
		}
	}
	p = sole(t, func(c *Config) { c.Rules.Compacted = true })
	a := produce(1, nil)
	var bl record.Builder
	bl.Reset(record.NewSpec())
	bl.Append(start, nil, []byte("v"))
	a.Records, _ = bl.Build()
	if p.append(a); a.Code != kerr.InvalidRecord || len(a.RecordErrors) != 1 || !strings.HasPrefix(a.Message, "One or more records") {
		t.Errorf("null key: %v %q %v", a.Code.Name(), a.Message, a.RecordErrors)
	}
	if o, _ := p.Offsets(start); o.LogEnd != 0 {
		t.Error("something was appended")
	}
}

func TestRoles(t *testing.T) {
	c := testConfig()
	p := New(&Env{Self: 1, LagMax: lag, Peers: alive()}, openLog(t, vfs.NewMem(1), "/t-0", true, c), testID, c)
	if a := p.append(produce(1, nil)); a.Code != kerr.NotLeaderOrFollower {
		t.Errorf("append without a leader: %v", a.Code.Name())
	}
	if r := p.fetch(fetchAt(0)); r.Code != kerr.NotLeaderOrFollower {
		t.Errorf("read without a leader: %v", r.Code.Name())
	}
	lead(t, p, 4)
	p.append(produce(2, nil)).ok(t)
	r := fetchAt(0)
	for epoch, want := range map[model.LeaderEpoch]kerr.Code{3: kerr.FencedLeaderEpoch, 4: kerr.None, 5: kerr.UnknownLeaderEpoch} {
		r.CurrentEpoch = epoch
		p.fetch(r)
		r.Release()
		if r.Code != want {
			t.Errorf("epoch %d: %v", epoch, r.Code.Name())
		}
		if l := p.List(Latest, ReadUncommitted, epoch, false, start); l.Code != want {
			t.Errorf("list with epoch %d: %v", epoch, l.Code.Name())
		}
	}
	r.CurrentEpoch, r.Follower = 4, 2
	if p.fetch(r); r.Code != kerr.UnknownLeaderEpoch {
		t.Errorf("a follower that is no replica: %v", r.Code.Name())
	}
	var w Woken
	p.Stop(kerr.KafkaStorageError, &w)
	if a := p.append(produce(1, nil)); a.Code != kerr.KafkaStorageError {
		t.Errorf("append when stopped: %v", a.Code.Name())
	}
	if r := p.fetch(fetchAt(0)); r.Code != kerr.KafkaStorageError {
		t.Errorf("read when stopped: %v", r.Code.Name())
	}
}

func TestIdempotence(t *testing.T) {
	p := sole(t)
	first := p.append(produce(2, &sender{id: 7})).ok(t)
	p.append(produce(2, &sender{id: 7, seq: 2})).ok(t)
	again := p.append(produce(2, &sender{id: 7})).ok(t)
	if !again.Duplicate || again.BaseOffset != first.BaseOffset || again.LastOffset != first.LastOffset || again.Appended != 0 || !again.Committed {
		t.Errorf("a retry was answered %+v", again)
	}
	if a := p.append(produce(1, &sender{id: 7, seq: 9})); a.Code != kerr.OutOfOrderSequenceNumber || a.LogStart != 0 {
		t.Errorf("a gap: %v", a.Code.Name())
	}
	if o, _ := p.Offsets(start); o.LogEnd != 4 {
		t.Errorf("log end %d, want 4", o.LogEnd)
	}
	infos, code := p.Producers(nil, start)
	if code != kerr.None || len(infos) != 1 || infos[0].ID != 7 || infos[0].LastSequence != 3 || infos[0].LastTimestamp != start {
		t.Errorf("producers: %+v", infos)
	}
}

// A group in which a producer sends in order, sends a retry of what is in the
// group itself, and breaks the order.
func TestGroup(t *testing.T) {
	p := sole(t, func(c *Config) { c.Rules.MaxMessageBytes = 1000 })
	group := []*Append{
		produce(2, &sender{id: 7}),
		produce(1, nil),
		produce(2, &sender{id: 7, seq: 2}),
		produce(2, &sender{id: 7, seq: 2}),
		produce(2, &sender{id: 7, seq: 7}),
		produce(200, nil),
		produce(2, &sender{id: 7, seq: 4}),
		produce(2, &sender{id: 8, seq: 4}),
	}
	var w Woken
	p.AppendGroup(group, &w)
	var got []string
	for _, a := range group {
		got = append(got, fmt.Sprintf("%s %d %v", a.Code.Name(), a.BaseOffset, a.Duplicate))
	}
	want := []string{"NONE 0 false", "NONE 2 false", "NONE 3 false", "NONE 3 true", "OUT_OF_ORDER_SEQUENCE_NUMBER -1 false",
		"MESSAGE_TOO_LARGE -1 false", "NONE 5 false", "NONE 7 false"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if o := offsets(t, p.fetch(fetchAt(0))); len(o) != 9 {
		t.Errorf("the log has %v", o)
	}
}

func TestTransactions(t *testing.T) {
	p := sole(t)
	p.append(produce(2, &sender{id: 7, txn: true})).ok(t)
	p.append(produce(2, nil)).ok(t)
	r := fetchAt(0)
	r.Isolation = ReadCommitted
	if got := offsets(t, p.fetch(r)); got != nil || r.LastStable != 0 || r.HighWatermark != 4 {
		t.Errorf("read_committed sees %v, last stable %d", got, r.LastStable)
	}
	if l := p.List(Latest, ReadCommitted, model.NoEpoch, false, start); l.Offset != 0 {
		t.Errorf("latest with read_committed is %d", l.Offset)
	}
	var count counter
	w := Waiter{Waker: &count}
	if !p.Park(&w, WaitStable, r.Bound, r.Epoch) {
		t.Fatal("not parked")
	}
	p.append(marker(7, false)).ok(t)
	if count.n != 1 {
		t.Error("the marker did not wake the reader")
	}
	if p.fetch(r); r.LastStable != 5 || len(r.Aborted) != 1 || r.Aborted[0].Producer != 7 || r.Aborted[0].FirstOffset != 0 {
		t.Errorf("after the abort: last stable %d, aborted %v", r.LastStable, r.Aborted)
	}
	r.Release()
}

func marker(id model.ProducerID, commit bool) *Append {
	sp := record.NewSpec()
	sp.ProducerID, sp.ProducerEpoch, sp.Transactional, sp.Control = id, 0, true, true
	var bl record.Builder
	bl.Reset(sp)
	bl.AppendMarker(start, record.Marker{Commit: commit})
	b, _ := bl.Build()
	return &Append{Records: b, Acks: -1, Now: start, Origin: record.Coordinator, Epoch: model.NoEpoch, TxnVersion: 1}
}

type counter struct{ n int }

func (c *counter) Wake(*Waiter) { c.n++ }

func TestWaiting(t *testing.T) {
	p := sole(t)
	r := p.fetch(fetchAt(0))
	var count counter
	one, two := Waiter{Waker: &count}, Waiter{Waker: &count, Missing: new(atomic.Int64)}
	size := int64(len(produce(1, nil).Records))
	two.Missing.Store(2*size - 1)
	if !p.Park(&one, WaitVisible, r.Bound, r.Epoch) || !p.Park(&two, WaitVisible, r.Bound, r.Epoch) {
		t.Fatal("not parked")
	}
	p.append(produce(1, nil)).ok(t)
	if count.n != 1 {
		t.Fatalf("woken %d times: one has what it waits for, two lacks a byte less than a batch", count.n)
	}
	p.append(produce(1, nil)).ok(t)
	if count.n != 2 {
		t.Error("two was not woken")
	}
	if one.Unpark() || two.Unpark() {
		t.Error("unparked what was woken")
	}
	if p.Park(&one, WaitVisible, r.Bound, r.Epoch) {
		t.Error("parked although records have come since")
	}
	if !p.Park(&one, WaitVisible, 2, 1) || !one.Unpark() || one.Unpark() {
		t.Error("park and unpark")
	}
	if p.Park(&one, WaitVisible, 2, 0) {
		t.Error("parked with an epoch that is over")
	}
	if p.Park(&one, WaitCommitted, 2, 1) {
		t.Error("parked for what is committed")
	}
	p.Park(&one, WaitCommitted, 5, 1)
	p.Park(&two, WaitVisible, 2, 1)
	lead(t, p, 2)
	if count.n != 4 {
		t.Error("a new epoch must wake all")
	}
	if done, code := p.Committed(5, 1); !done || code != kerr.NotLeaderOrFollower {
		t.Errorf("%v %v", done, code.Name())
	}
	p.Park(&one, WaitVisible, 2, 2)
	var w Woken
	p.Stop(kerr.NotLeaderOrFollower, &w)
	w.Fire()
	if count.n != 5 {
		t.Error("a stop must wake all")
	}
}

func TestListOffsets(t *testing.T) {
	p := sole(t)
	none := func() ListResult { return ListResult{Timestamp: -1, Offset: -1, Epoch: -1} }
	if got := p.List(MaxTimestamp, ReadUncommitted, model.NoEpoch, false, start); got != none() {
		t.Errorf("max timestamp of an empty log: %+v", got)
	}
	at := func(times ...model.Millis) {
		var bl record.Builder
		bl.Reset(record.NewSpec())
		for _, x := range times {
			bl.Append(x, []byte("k"), []byte("v"))
		}
		a := produce(1, nil)
		a.Records, _ = bl.Build()
		p.append(a).ok(t)
	}
	at(start+10, start+30, start+20)
	lead(t, p, 2)
	at(start+15, start+25)
	for _, tc := range []struct {
		t    model.Millis
		want ListResult
	}{
		{Earliest, ListResult{0, -1, 0, 1}},
		{EarliestLocal, ListResult{0, -1, 0, 1}},
		{Latest, ListResult{0, -1, 5, 2}},
		{MaxTimestamp, ListResult{0, start + 30, 1, 1}},
		{LatestTiered, none()},
		{EarliestPendingUpload, none()},
		{start, ListResult{0, start + 10, 0, 1}},
		{start + 11, ListResult{0, start + 30, 1, 1}},
		{start + 31, none()},
	} {
		if got := p.List(tc.t, ReadUncommitted, model.NoEpoch, false, start); got != tc.want {
			t.Errorf("list %d: %+v, want %+v", tc.t, got, tc.want)
		}
	}
	for epoch, want := range map[model.LeaderEpoch]EpochEndResult{
		0: {kerr.None, 0, 0}, 1: {kerr.None, 1, 3}, 2: {kerr.None, 2, 5}, 3: {kerr.None, -1, -1},
	} {
		if got := p.EndOffsetForEpoch(epoch, model.NoEpoch, false, start); got != want {
			t.Errorf("end of epoch %d: %+v, want %+v", epoch, got, want)
		}
	}
	r := fetchAt(4)
	r.LastFetched = 1
	if p.fetch(r); r.Code != kerr.None || r.Diverging != (storage.EpochEnd{Epoch: 1, End: 3}) || r.Records.Len != 0 {
		t.Errorf("a reader beyond the end of its epoch: %v %+v", r.Code.Name(), r.Diverging)
	}
}

func TestDeleteRecords(t *testing.T) {
	p := sole(t)
	p.append(produce(10, nil)).ok(t)
	del := func(to model.Offset) (model.Offset, kerr.Code) {
		var w Woken
		_, low, _, err := p.DeleteRecords(to, start, &w)
		return low, kerr.Of(err)
	}
	for _, tc := range []struct {
		to, low model.Offset
		code    kerr.Code
	}{{4, 4, 0}, {2, 4, 0}, {11, 0, kerr.OffsetOutOfRange}, {-2, 0, kerr.OffsetOutOfRange}, {-1, 10, 0}} {
		if low, code := del(tc.to); low != tc.low || code != tc.code {
			t.Errorf("delete to %d: low %d, %v", tc.to, low, code.Name())
		}
	}
	if r := p.fetch(fetchAt(3)); r.Code != kerr.OffsetOutOfRange {
		t.Errorf("read of deleted records: %v", r.Code.Name())
	}
	if l := p.List(Earliest, ReadUncommitted, model.NoEpoch, false, start); l.Offset != 10 {
		t.Errorf("earliest is %d", l.Offset)
	}
	p = sole(t, func(c *Config) { c.Log.Compact, c.Log.Delete = true, false })
	if _, code := del(0); code != kerr.PolicyViolation {
		t.Errorf("a compacted topic: %v", code.Name())
	}
}

func TestUnload(t *testing.T) {
	p := sole(t)
	p.append(produce(10, &sender{id: 7})).ok(t)
	if done, err := p.Unload(start); done || err != nil {
		t.Fatalf("unloaded what was just used: %v", err)
	}
	if done, err := p.Unload(start + 1); !done || err != nil || p.Log().Loaded() {
		t.Fatalf("not unloaded: %v %v", done, err)
	}
	if hw, ok := p.HighWatermark(); hw != 10 || !ok {
		t.Errorf("high watermark of the unloaded log: %d %v", hw, ok)
	}
	a := p.append(produce(10, &sender{id: 7})).ok(t)
	if !a.Duplicate || a.BaseOffset != 0 {
		t.Errorf("producers were forgotten: %+v", a)
	}
	if a := p.append(produce(1, nil)).ok(t); a.BaseOffset != 10 {
		t.Errorf("base offset %d", a.BaseOffset)
	}
}

// Several goroutines on one partition: offsets without gaps, everyone answered.
func TestConcurrentAppends(t *testing.T) {
	p := sole(t)
	const workers, each = 8, 60
	var wg sync.WaitGroup
	seen := make([]atomic.Int32, workers*each)
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range each {
				a := p.append(produce(1, nil))
				if a.Code != kerr.None || int(a.BaseOffset) >= len(seen) || seen[a.BaseOffset].Add(1) != 1 {
					t.Errorf("append got %v, offset %d", a.Code.Name(), a.BaseOffset)
					return
				}
			}
		}()
	}
	wg.Wait()
	r := fetchAt(0)
	if got := offsets(t, p.fetch(r)); len(got) != workers*each {
		t.Errorf("%d records, want %d", len(got), workers*each)
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget under the race detector")
	}
	for name, s := range map[string]*sender{"plain": nil, "idempotent": {id: 7}} {
		c := testConfig()
		p := New(&Env{Self: 1, LagMax: lag, Peers: alive()}, openLog(t, vfs.OS, t.TempDir()+"/t-0", true, c), testID, c)
		lead(t, p, 1)
		a := produce(16, s)
		template := append([]byte(nil), a.Records...)
		var w Woken
		seq := int32(0)
		step := func() {
			copy(a.Records, template)
			if s != nil {
				// The sequence stands at byte 53.
				b := record.Batch(a.Records)
				b[53], b[54], b[55], b[56] = byte(seq>>24), byte(seq>>16), byte(seq>>8), byte(seq)
				b.SetCRC()
				seq += 16
			}
			p.Append(a, &w)
			if a.Code != kerr.None || a.Duplicate {
				t.Fatal(a.Code.Name(), a.Err)
			}
		}
		for range 50 {
			step()
		}
		if n := testing.AllocsPerRun(200, step); n != 0 {
			t.Errorf("%s append: %v allocations", name, n)
		}
		r := fetchAt(16)
		if n := testing.AllocsPerRun(200, func() {
			p.Read(r, &w)
			r.Release()
			if r.Code != kerr.None {
				t.Fatal(r.Code.Name())
			}
		}); n != 0 {
			t.Errorf("%s read: %v allocations", name, n)
		}
	}
}

func TestAsFollower(t *testing.T) {
	src := sole(t)
	for range 4 {
		src.append(produce(2, nil)).ok(t)
	}
	c := testConfig()
	p := New(&Env{Self: 2, LagMax: lag, Peers: alive()}, openLog(t, vfs.NewMem(2), "/t-0", true, c), testID, c)
	var w Woken
	r := &Registration{Leader: 1, LeaderEpoch: 1, PartitionEpoch: 1, Replicas: []model.BrokerID{1, 2}, ISR: []model.BrokerID{1, 2}}
	if err := p.Apply(r, start, &w); err != nil {
		t.Fatal(err)
	}
	read := src.fetch(fetchAt(0))
	b := make([]byte, read.Records.Len)
	if _, err := read.Records.File.ReadAt(b, read.Records.Off); err != nil {
		t.Fatal(err)
	}
	f := &Followed{Records: b, Epoch: 1, HighWatermark: 6, LogStart: 0, Now: start}
	if err := p.AppendFollower(f, &w); err != nil {
		t.Fatal(err)
	}
	if o, _ := p.Offsets(start); o != (Offsets{0, 6, 6, 8}) {
		t.Errorf("offsets %+v", o)
	}
	rd := fetchAt(0)
	rd.AnyReplica = true
	if got := offsets(t, p.fetch(rd)); len(got) != 6 {
		t.Errorf("a consumer of a follower sees %v", got)
	}
	f.Epoch = 0
	if err := p.AppendFollower(f, &w); kerr.Of(err) != kerr.NotLeaderOrFollower {
		t.Errorf("a fetch of an older epoch: %v", err)
	}
	if err := p.Truncate(7, 1, start, &w); err != nil {
		t.Fatal(err)
	}
	if o, _ := p.Offsets(start); o != (Offsets{0, 6, 6, 7}) {
		t.Errorf("truncation to the middle of a batch leaves %+v", o)
	}
	if err := p.StartAgain(20, 1, start, &w); err != nil {
		t.Fatal(err)
	}
	if o, _ := p.Offsets(start); o != (Offsets{20, 20, 20, 20}) {
		t.Errorf("offsets %+v", o)
	}
}
