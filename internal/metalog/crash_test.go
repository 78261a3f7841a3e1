package metalog

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/vfs"
	"gregor/internal/wire"
)

// session opens the log on a machine whose power is cut at some point, and
// works until that happens: appends, snapshots, cleaning. It returns the names
// that were committed, which must survive.
func session(t *testing.T, fsys *vfs.Mem, seed int, committed []string) []string {
	o := options(fsys)
	o.SegmentBytes, o.RetentionBytes = 1500, 2000
	o.OnFatal = func(error) {} // the power is gone
	l, err := Open(o)
	if err != nil {
		if !errors.Is(err, vfs.ErrPowerCut) && !fsys.Off() {
			t.Fatalf("open: %v", err)
		}
		return committed
	}
	r := newRecorder()
	l.Register(r)
	if err := l.Start(); err != nil {
		if !fsys.Off() {
			t.Fatalf("start: %v", err)
		}
		_ = l.Close()
		return committed
	}
	defer l.Close()
	var leading bool
	r.waitOr(l, func() bool { leading = r.leader == 1; return leading })
	if !leading {
		return committed
	}
	epoch := r.leads(1)
	r.mu.Lock()
	have := slices.Clone(r.records)
	r.mu.Unlock()
	// Everything that was committed before is there; more may be.
	if len(have) < len(committed) || !slices.Equal(have[:len(committed)], committed) {
		t.Fatalf("seed %d: committed %d records, found %d: %v\n%v", seed, len(committed), len(have), committed, have)
	}
	committed = have
	for i := range 12 {
		n := fmt.Sprintf("s%d-e%d-%d", seed, epoch, i)
		last, err := l.Append(epoch, named(n, n+"b"))
		if err != nil {
			return committed
		}
		if i%3 == 2 {
			done := false
			r.waitOr(l, func() bool { done = r.next > last; return done })
			if !done {
				return committed
			}
			r.mu.Lock()
			committed = slices.Clone(r.records)
			r.mu.Unlock()
		}
		if i%6 == 5 {
			recs := named(committed...)
			if err := l.Write(metadata.Provenance{Offset: r.next - 1, Epoch: epoch, Time: 1}, slices.Values(recs)); err != nil {
				return committed
			}
			l.ask(func() {
				if err := l.clean(); err != nil {
					l.fatal(err)
				}
			})
		}
	}
	return committed
}

// waitOr waits for ok, or for the log's end.
func (r *recorder) waitOr(l *Log, ok func() bool) {
	go func() {
		<-l.stop
		r.mu.Lock()
		defer r.mu.Unlock()
		r.changed.Broadcast()
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	for !ok() {
		select {
		case <-l.stop:
			return
		default:
		}
		r.changed.Wait()
	}
}

// A power cut at any operation loses no committed record, whatever the disk
// made of unsynced writes; nor does a kill.
func TestPowerCutAnywhere(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 60
	}
	for cut := 1; cut <= rounds; cut++ {
		fsys := vfs.NewMem(uint64(cut))
		format(t, fsys)
		check(t, fsys.SyncDir("data"))
		check(t, fsys.SyncDir(""))
		var committed []string
		for life := range 3 {
			fsys.CutAfter(cut * (life + 1) % 211)
			committed = session(t, fsys, cut, committed)
			if life == 1 && !fsys.Off() {
				fsys.Kill()
			} else {
				fsys.Crash()
			}
		}
		committed = session(t, fsys, cut, committed)
		if len(committed) == 0 {
			t.Errorf("cut %d: nothing was committed even without a cut", cut)
		}
	}
}

// A voter that has answered with its vote remembers it, whenever the power
// goes.
func TestVoteSurvivesPowerCut(t *testing.T) {
	for cut := 1; cut <= 40; cut++ {
		fsys := vfs.NewMem(uint64(cut))
		check(t, fsys.MkdirAll("data"))
		check(t, fsys.SyncDir(""))
		two := raft.Voter{Key: raft.Key{ID: 2, Dir: model.DirectoryID{2}}, Versions: raft.Supported,
			Endpoints: raft.Endpoints{{Listener: "CONTROLLER", Address: raft.Address{Host: "127.0.0.1", Port: 1}}}}
		three := two
		three.Key = raft.Key{ID: 3, Dir: model.DirectoryID{3}}
		o := options(fsys)
		o.OnFatal = func(error) {}
		o.Peers = noPeers(t)
		me := raft.Voter{Key: o.Raft.Key, Endpoints: o.Raft.Endpoints, Versions: raft.Supported}
		check(t, WriteFormat(fsys, "data", Format{KVersion: 1, Voters: raft.Voters{me, two, three}}))
		o.Raft.ElectionTimeout = 1_000_000_000
		o.ShutdownTimeout = 1
		vote := func(l *Log, k raft.Key) bool {
			m := requestOut(&raft.VoteRequest{Epoch: 5, Candidate: k, Voter: raft.None, Last: raft.ID{Offset: 10, Epoch: 4}})
			resp := rpc(l, m, 2).(*wire.VoteResponse)
			return len(resp.Topics) == 1 && resp.Topics[0].Partitions[0].VoteGranted
		}
		fsys.CutAfter(cut)
		granted := false
		if l, err := Open(o); err == nil {
			if l.Start() == nil {
				granted = vote(l, two.Key)
			}
			_ = l.Close()
		}
		fsys.Crash()
		o.Peers = noPeers(t)
		l, err := Open(o)
		check(t, err)
		check(t, l.Start())
		if vote(l, three.Key) && granted {
			t.Fatalf("cut %d: voted for 2 and for 3 in epoch 5", cut)
		}
		_ = l.Close()
		if cut == 40 && !granted {
			t.Error("no vote was given even without a cut")
		}
	}
}

// What a crash leaves of a snapshot that was being written is removed, and
// never read.
func TestHalfWrittenSnapshotIsIgnored(t *testing.T) {
	fsys := vfs.NewMem(1)
	format(t, fsys)
	l, r := open(t, options(fsys))
	epoch := r.leads(1)
	last, err := l.Append(epoch, named("a"))
	check(t, err)
	r.until(func() bool { return r.next == last+1 })
	check(t, l.Close())
	for _, n := range []string{
		"00000000000000000004-0000000001-12345.checkpoint.part", "00000000000000000003-0000000001.checkpoint.deleted",
	} {
		check(t, vfs.WriteFile(fsys, "data/__cluster_metadata-0/"+n, []byte("half"), true))
	}
	l, r = open(t, options(fsys))
	r.leads(1)
	if !slices.Equal(r.records, []string{"a"}) || r.loads != 0 {
		t.Errorf("records %v, %d loads", r.records, r.loads)
	}
	check(t, l.Close())
	names, err := fsys.ReadDir("data/__cluster_metadata-0")
	check(t, err)
	for _, n := range names {
		if _, complete, ok := ParseSnapshotName(n); ok && !complete {
			t.Errorf("%s is still there", n)
		}
	}
}

// A damaged snapshot that the log depends on keeps the node from starting.
func TestDamagedSnapshotRefusesToStart(t *testing.T) {
	fsys := vfs.NewMem(1)
	format(t, fsys)
	l, r := open(t, options(fsys))
	epoch := r.leads(1)
	last, err := l.Append(epoch, named("a"))
	check(t, err)
	r.until(func() bool { return r.next == last+1 })
	check(t, l.Write(metadata.Provenance{Offset: last, Epoch: epoch}, slices.Values(named("a"))))
	check(t, l.Close())
	path := snapshotPath(PartitionDir("data"), raft.ID{Offset: last + 1, Epoch: epoch})
	b, err := vfs.ReadFile(fsys, path, 1<<20)
	check(t, err)
	check(t, vfs.WriteFile(fsys, path, b[:len(b)-10], true))
	_, err = Open(options(fsys))
	var e *Error
	if !errors.As(err, &e) || e.File != path {
		t.Errorf("error %v", err)
	}
}

// A failed fsync ends the log: nothing is acknowledged after it.
func TestFailedSyncIsFatal(t *testing.T) {
	mem := vfs.NewMem(1)
	format(t, mem)
	var broken atomic.Bool
	f := &vfs.Faulty{FS: mem, Fail: func(op vfs.Op, _ string) error {
		if broken.Load() && op == vfs.OpSync {
			return errors.New("boom")
		}
		return nil
	}}
	o := options(f)
	fatal := make(chan error, 1)
	o.OnFatal = func(err error) { fatal <- err }
	l, r := open(t, o)
	epoch := r.leads(1)
	broken.Store(true)
	last, err := l.Append(epoch, named("a"))
	check(t, err)
	if err := <-fatal; err == nil {
		t.Error("no reason")
	}
	r.mu.Lock()
	if r.next > last {
		t.Error("committed without a sync")
	}
	r.mu.Unlock()
	if _, err := l.Append(epoch, named("b")); !errors.Is(err, ErrClosed) {
		t.Errorf("append after the failure: %v", err)
	}
	_ = l.Close()
}

// A snapshot from the leader takes the place of the log in one step, whenever
// the power goes.
func TestPowerCutWhileInstallingSnapshot(t *testing.T) {
	src := vfs.NewMem(1)
	format(t, src)
	l, r := open(t, options(src))
	epoch := r.leads(1)
	last, err := l.Append(epoch, named("a", "b", "c"))
	check(t, err)
	r.until(func() bool { return r.next == last+1 })
	id := raft.ID{Offset: last + 1, Epoch: epoch}
	check(t, l.Write(metadata.Provenance{Offset: last, Epoch: epoch, Time: 1}, slices.Values(named("a", "b", "c"))))
	var head []byte // the log that the follower has so far: the first batch
	l.ask(func() { head, err = l.readLog(0, 3, 1) })
	check(t, err)
	snap, err := vfs.ReadFile(src, snapshotPath(l.dir, id), 1<<20)
	check(t, err)
	check(t, l.Close())
	before, after := 0, 0
	for cut := 1; cut <= 60; cut++ {
		fsys := vfs.NewMem(uint64(cut))
		check(t, fsys.MkdirAll("data"))
		check(t, fsys.SyncDir(""))
		o := options(fsys)
		o.Raft.ID, o.Raft.Voter = 9, false
		l, err := Open(o)
		check(t, err)
		got, err := scanBatches(head, 0, 0, "")
		check(t, err)
		_, err = l.store.AppendFollower(got.units, 1)
		check(t, err)
		check(t, l.store.Flush())
		check(t, l.Close())
		if l, err = Open(o); err != nil {
			t.Fatal(err)
		}
		l.node.Start(1)
		l.node.Effects()
		fsys.CutAfter(cut)
		err = l.snapshotChunk(raft.SnapshotChunk{ID: id, Bytes: snap[:100]})
		if err == nil {
			err = l.snapshotChunk(raft.SnapshotChunk{ID: id, Position: 100, Bytes: snap[100:]})
		}
		if err == nil {
			err = l.install(id)
		}
		if err != nil && !fsys.Off() {
			t.Fatal(err)
		}
		_ = l.Close()
		fsys.Crash()
		l, err = Open(o)
		if err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
		start, end := l.store.LogStart(), l.store.LogEnd()
		switch {
		case start == 0 && end == 3 && len(l.snapshots) == 0:
			before++
		case start == id.Offset && end == id.Offset && slices.Equal(l.snapshots, []raft.ID{id}):
			after++
		default:
			t.Errorf("cut %d: log [%d, %d), snapshots %v", cut, start, end, l.snapshots)
		}
		_ = l.Close()
	}
	if before == 0 || after == 0 {
		t.Errorf("%d times the old log, %d times the snapshot: the cuts miss the moment", before, after)
	}
}
