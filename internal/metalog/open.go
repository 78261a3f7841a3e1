package metalog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/storage"
)

// Open reads what is on disk and prepares the log; nothing runs before Start.
// An error says which file, which offset and what was expected.
func Open(o Options) (*Log, error) {
	o = o.defaults()
	l := &Log{
		o: o, dir: PartitionDir(o.Dir), codec: codec{o.Raft.Listener},
		pub:      newPublished(),
		requests: make(chan func(), maxRequests),
		wakeup:   make(chan struct{}, 1),
		stop:     make(chan struct{}),
		asked:    map[uint64]question{},
	}
	l.acc = newAccumulator(l.wake)
	l.inbox = newInbox(l.wake)
	l.wall, l.mono = o.Clock.Now(), o.Clock.Nanos()
	store, err := l.openStore()
	if err != nil {
		return nil, err
	}
	l.store = store
	state, err := readQuorumState(o.FS, l.dir)
	if err == nil {
		var shape raft.LogState
		if shape, err = l.recover(); err == nil {
			l.node, err = raft.New(o.Raft, state, shape)
			l.publishShape(shape)
		}
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return l, nil
}

func (l *Log) openStore() (*storage.Log, error) {
	c := storage.DefaultConfig()
	c.SegmentBytes, c.SegmentMs = l.o.SegmentBytes, l.o.SegmentMs
	c.RetentionMs, c.RetentionBytes = -1, -1 // only what a snapshot covers goes
	store, err := storage.OpenLog(storage.LogOptions{
		FS: l.o.FS, Dir: l.dir, Partition: model.TopicPartition{Topic: Topic}, Config: c, Clean: l.o.Clean,
	})
	if err != nil {
		return nil, err
	}
	if err := store.Load(l.o.Clock.Now()); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if store.TopicID().IsZero() {
		if err := store.SetTopicID(TopicID); err != nil {
			return nil, errors.Join(err, store.Close())
		}
	}
	return store, nil
}

// recover brings snapshots and log into agreement, as a crash may have left
// them, checks both, and makes what was found durable: from here on it counts
// as this node's copy.
func (l *Log) recover() (raft.LogState, error) {
	ids, leftovers, err := listSnapshots(l.o.FS, l.dir)
	if err != nil {
		return raft.LogState{}, err
	}
	for _, n := range leftovers {
		l.o.Logger.Info(fmt.Sprintf("Deleted unneeded snapshot file with path %s", filepath.Join(l.dir, n)))
		if err := l.o.FS.Remove(filepath.Join(l.dir, n)); err != nil {
			return raft.LogState{}, err
		}
	}
	s := raft.LogState{Snapshots: ids}
	if k := len(ids); k > 0 {
		newest := ids[k-1]
		if s.Controls, err = verifySnapshot(l.o.FS, snapshotPath(l.dir, newest), newest); err != nil {
			return s, err
		}
		if err := l.continueFrom(newest); err != nil {
			return s, err
		}
	}
	s.Start, s.End = l.store.LogStart(), l.store.LogEnd()
	if s.Snapshots, err = l.dropSnapshots(ids, s.Start); err != nil {
		return s, err
	}
	if k := len(s.Snapshots); s.Start > 0 && (k == 0 || s.Snapshots[k-1].Offset < s.Start) {
		return s, errorAt(l.dir, s.Start, "Inconsistent snapshot state: there must be a snapshot at an offset larger then the current log start offset %d, but the latest snapshot is %v", s.Start, s.Snapshots)
	}
	if err := l.scanLog(&s); err != nil {
		return s, err
	}
	return s, l.store.Flush()
}

// continueFrom drops a log that ends before the newest snapshot: it was being
// replaced by the snapshot, or lost its unsynced end.
func (l *Log) continueFrom(newest raft.ID) error {
	epoch, err := l.store.LatestEpoch()
	if err != nil {
		return err
	}
	end := l.store.LogEnd()
	if newest == raft.BootstrapID || newest.Epoch < epoch || newest.Epoch == epoch && newest.Offset <= end {
		return nil
	}
	l.o.Logger.Info(fmt.Sprintf("Truncating the log, which ends at offset %d in epoch %d, to continue from snapshot %v", end, epoch, newest))
	return l.store.TruncateFully(newest.Offset, model.NoOffset)
}

// dropSnapshots removes the snapshots before the log's start.
func (l *Log) dropSnapshots(ids []raft.ID, start model.Offset) ([]raft.ID, error) {
	var kept []raft.ID
	for _, id := range ids {
		if id.Offset >= start {
			kept = append(kept, id)
			continue
		}
		if err := l.o.FS.Remove(snapshotPath(l.dir, id)); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// scanLog finds out about epochs and control records. What lies before the
// newest snapshot need not be read for that: a log may hold a hundred megabytes
// of it.
func (l *Log) scanLog(s *raft.LogState) error {
	from, epoch, err := l.knownEpochs(s)
	if err != nil {
		return err
	}
	for at := from; at < s.End; {
		buf, err := l.readLog(at, s.End, feedReadBytes)
		if err != nil {
			return err
		}
		got, err := scanBatches(buf, at, epoch, l.dir)
		if err != nil {
			return err
		}
		if len(got.units) == 0 {
			return errorAt(l.dir, at, "a batch is cut off before the log's end %d", s.End)
		}
		for _, e := range got.epochs {
			if k := len(s.Epochs); k == 0 || e.Epoch > s.Epochs[k-1].Epoch {
				s.Epochs = append(s.Epochs, e)
				epoch = e.Epoch
			}
		}
		s.Controls = append(s.Controls, got.controls...)
		at = got.last + 1
	}
	return nil
}

// knownEpochs fills in the epochs up to the newest snapshot from the log's
// leader-epoch-checkpoint, and returns where the scan must begin, after a
// record of which epoch.
func (l *Log) knownEpochs(s *raft.LogState) (from model.Offset, epoch model.LeaderEpoch, err error) {
	k := len(s.Snapshots)
	if k == 0 || s.Snapshots[k-1].Offset <= s.Start {
		return s.Start, 0, nil
	}
	from = s.Snapshots[k-1].Offset
	for at := s.Start; at < from; {
		if epoch, err = l.store.EpochAt(at); err != nil {
			return 0, 0, err
		}
		end, err := l.store.EndOffsetForEpoch(epoch)
		if err != nil {
			return 0, 0, err
		}
		if epoch == model.NoEpoch || end.Epoch != epoch || end.End <= at {
			return 0, 0, errorAt(l.dir, at, "leader-epoch-checkpoint does not say which epoch it belongs to")
		}
		s.Epochs = append(s.Epochs, raft.EpochStart{Epoch: epoch, Start: at})
		at = end.End
	}
	return from, epoch, nil
}

// readLog reads whole batches from an offset on, about max bytes but at least
// one batch, all below upTo.
func (l *Log) readLog(from, upTo model.Offset, max int) ([]byte, error) {
	f, err := l.store.Read(from, upTo, max, true)
	if err != nil {
		return nil, &Error{l.dir, from, err}
	}
	if f.Len == 0 {
		return nil, errorAt(l.dir, from, "nothing to read before offset %d", upTo)
	}
	defer f.File.Release()
	buf := make([]byte, f.Len)
	if n, err := f.File.ReadAt(buf, f.Off); n < len(buf) {
		return nil, &Error{l.dir, from, err}
	}
	return buf, nil
}

func (l *Log) publishShape(s raft.LogState) {
	l.pub.update(func() {
		l.pub.mu.start, l.pub.mu.end = s.Start, s.End
		if k := len(s.Snapshots); k > 0 && s.Snapshots[k-1] != raft.BootstrapID {
			id := s.Snapshots[k-1]
			l.pub.mu.snapshot = &id
		}
	})
	l.snapshots = slices.Clone(s.Snapshots)
}

// inbox holds answers from peers until the loop takes them. Its size is
// bounded by what was asked.
type inbox struct {
	wake func()
	mu   sync.Mutex
	in   []func()
}

func newInbox(wake func()) *inbox { return &inbox{wake: wake} }

func (b *inbox) put(f func()) {
	b.mu.Lock()
	b.in = append(b.in, f)
	b.mu.Unlock()
	b.wake()
}

func (b *inbox) take() []func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	in := b.in
	b.in = nil
	return in
}
