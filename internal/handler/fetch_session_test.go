package handler

import (
	"math"
	"testing"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

func sessionRequest(id, epoch int32, partitions ...int32) *wire.FetchRequest {
	req := wire.NewFetchRequest()
	req.SessionId, req.SessionEpoch = id, epoch
	t := wire.FetchRequestFetchTopic{Topic: "t"}
	for _, p := range partitions {
		q := *wire.NewFetchRequestFetchPartition()
		q.Partition, q.FetchOffset, q.PartitionMaxBytes = p, 10, 100
		t.Partitions = append(t.Partitions, q)
	}
	if len(partitions) > 0 {
		req.Topics = []wire.FetchRequestFetchTopic{t}
	}
	return req
}

func fill(n int) func(*session) {
	return func(s *session) {
		for i := range n {
			s.addLocked(&cachedPartition{partitionKey: partitionKey{topic: "t", index: int32(i)}})
		}
	}
}

func (s *session) indexes() []int32 {
	var out []int32
	for p := s.mu.first; p != nil; p = p.next {
		out = append(out, p.index)
	}
	return out
}

func sameIndexes(t *testing.T, s *session, want ...int32) {
	t.Helper()
	got := s.indexes()
	if len(got) != len(want) || len(s.mu.byKey) != len(want) {
		t.Fatalf("partitions %v (%d by key), want %v", got, len(s.mu.byKey), want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("partitions %v, want %v", got, want)
		}
	}
}

func TestSessionEpochs(t *testing.T) {
	for _, c := range []struct{ from, to int32 }{{-1, -1}, {0, 1}, {1, 2}, {math.MaxInt32, 1}} {
		if got := nextEpoch(c.from); got != c.to {
			t.Errorf("after %d: %d, want %d", c.from, got, c.to)
		}
	}
}

func TestSessionLife(t *testing.T) {
	ss := newSessions(80)
	about, code := ss.begin(sessionRequest(0, 0, 0, 1), 12, 1000)
	if code != kerr.None || !about.create || about.session != nil {
		t.Fatalf("first request: %+v, %v", about, code)
	}
	id := ss.create(false, false, 2, 1000, fill(2))
	if id <= 0 {
		t.Fatal("no session")
	}
	for _, c := range []struct {
		name    string
		req     *wire.FetchRequest
		version int16
		code    kerr.Code
	}{
		{"unknown id", sessionRequest(id+1, 1), 12, kerr.FetchSessionIdNotFound},
		{"negative id", sessionRequest(-5, 1), 12, kerr.FetchSessionIdNotFound},
		{"largest id", sessionRequest(math.MaxInt32, 1), 12, kerr.FetchSessionIdNotFound},
		{"wrong epoch", sessionRequest(id, 7), 12, kerr.InvalidFetchSessionEpoch},
		{"topic ids in a session of names", sessionRequest(id, 1), 13, kerr.FetchSessionTopicIdError},
	} {
		if _, code := ss.begin(c.req, c.version, 1000); code != c.code {
			t.Errorf("%s: %v, want %v", c.name, code.Name(), c.code.Name())
		}
	}
	about, code = ss.begin(sessionRequest(id, 1), 12, 1000)
	if code != kerr.None || about.session == nil || about.epoch != 2 {
		t.Fatalf("second request: %+v, %v", about, code.Name())
	}
	s := about.session
	sameIndexes(t, s, 0, 1)
	if _, code := ss.begin(sessionRequest(id, 2, 5, 1), 12, 1000); code != kerr.None {
		t.Fatal(code.Name())
	}
	sameIndexes(t, s, 0, 1, 5)
	if p := s.mu.byKey[partitionKey{topic: "t", index: 1}]; p.offset != 10 || p.maxBytes != 100 {
		t.Errorf("not updated: %+v", p)
	}
	forget := sessionRequest(id, 3)
	forget.ForgottenTopicsData = []wire.FetchRequestForgottenTopic{{Topic: "t", Partitions: []int32{0, 9}}}
	if _, code := ss.begin(forget, 12, 1000); code != kerr.None {
		t.Fatal(code.Name())
	}
	sameIndexes(t, s, 1, 5)
	s.toEndLocked(s.mu.first)
	sameIndexes(t, s, 5, 1)
	// Forgetting the last partitions ends the session.
	forget = sessionRequest(id, 4)
	forget.ForgottenTopicsData = []wire.FetchRequestForgottenTopic{{Topic: "t", Partitions: []int32{1, 5}}}
	if about, code = ss.begin(forget, 12, 1000); code != kerr.None || about.session != nil || about.create || ss.len() != 0 {
		t.Fatalf("%+v, %v, %d sessions", about, code.Name(), ss.len())
	}
	// A full request closes the session it names, and with the final epoch makes none.
	id = ss.create(false, false, 1, 1000, fill(1))
	if about, _ = ss.begin(sessionRequest(id, -1, 0), 12, 1000); about.create || ss.len() != 0 {
		t.Fatalf("%+v, %d sessions", about, ss.len())
	}
}

func TestSessionEviction(t *testing.T) {
	one := func() *sessions { // one slot in each shard; only one shard is used
		ss := newSessions(sessionShards)
		ss.next.Store(0)
		return ss
	}
	create := func(ss *sessions, privileged bool, size int, now model.Millis) int32 {
		ss.next.Store(0)
		return ss.create(privileged, false, size, now, fill(size))
	}
	alive := func(ss *sessions, id int32) bool { return ss.shard(id).byID[id] != nil }

	ss := one()
	a := create(ss, false, 1, 0)
	if b := create(ss, false, 100, 1000); b != 0 || !alive(ss, a) {
		t.Error("a young session was evicted for a larger one")
	}
	if b := create(ss, true, 1, 1000); b == 0 || alive(ss, a) {
		t.Error("a consumer's session was not evicted for a follower's")
	}
	ss = one()
	a = create(ss, false, 1, 0)
	if b := create(ss, false, 1, sessionEvictionMs+1); b == 0 || alive(ss, a) {
		t.Error("an unused session was not evicted")
	}
	ss = one()
	a = create(ss, false, 2, 0)
	ss.begin(sessionRequest(a, 1), 12, sessionEvictionMs+1) // in use, and aged
	if b := create(ss, false, 2, sessionEvictionMs+2); b != 0 || !alive(ss, a) {
		t.Error("a session was evicted for one that is worth the same")
	}
	if b := create(ss, false, 3, sessionEvictionMs+2); b == 0 || alive(ss, a) {
		t.Error("an aged session was not evicted for a larger one")
	}
	ss = one()
	a = create(ss, true, 1, 0)
	if b := create(ss, true, 9, 1000); b != 0 || !alive(ss, a) {
		t.Error("a follower's young session was evicted")
	}
	if ss = newSessions(0); create(ss, true, 1, 0) != 0 {
		t.Error("a session without slots")
	}
}

func TestSessionIDsAreInTheirShard(t *testing.T) {
	ss := newSessions(8000)
	seen := map[int32]bool{}
	for range 4000 {
		id := ss.create(false, false, 0, 0, fill(0))
		if id <= 0 || seen[id] || ss.shard(id).byID[id] == nil {
			t.Fatalf("id %d", id)
		}
		seen[id] = true
	}
}

func TestWhatIsTold(t *testing.T) {
	base := func() *wire.FetchResponsePartitionData {
		d := wire.NewFetchResponsePartitionData()
		d.HighWatermark, d.LogStartOffset = 5, 1
		return d
	}
	p := &cachedPartition{highWatermark: 5, localStart: 1}
	if p.mustTell(base()) {
		t.Error("nothing new, and told")
	}
	for name, change := range map[string]func(*wire.FetchResponsePartitionData){
		"records":        func(d *wire.FetchResponsePartitionData) { d.Records.Bytes = []byte{1} },
		"high watermark": func(d *wire.FetchResponsePartitionData) { d.HighWatermark = 6 },
		"log start":      func(d *wire.FetchResponsePartitionData) { d.LogStartOffset = 2 },
		"error":          func(d *wire.FetchResponsePartitionData) { d.ErrorCode = kerr.OffsetOutOfRange },
		"divergence":     func(d *wire.FetchResponsePartitionData) { d.DivergingEpoch.Epoch = 3 },
		"other replica":  func(d *wire.FetchResponsePartitionData) { d.PreferredReadReplica = 2 },
	} {
		p := &cachedPartition{highWatermark: 5, localStart: 1}
		d := base()
		change(d)
		if !p.mustTell(d) {
			t.Errorf("%s: not told", name)
		}
		if again := base(); p.mustTell(again) != (name == "high watermark" || name == "log start" || name == "error") {
			t.Errorf("%s: what follows", name)
		}
	}
}
