package storage

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

// Flush makes everything up to the log end durable and raises the recovery
// point. It may run beside appends. An error takes the directory offline.
func (l *Log) Flush() error { return l.flush(model.NoOffset) }

// flushSealed makes all segments but the active one durable.
func (l *Log) flushSealed() error {
	l.queued.Store(false)
	l.mu.Lock()
	st := l.st
	if st == nil {
		l.mu.Unlock()
		return nil
	}
	to := st.active().base
	l.mu.Unlock()
	return l.flush(to)
}

// flushWork is what one flush has to sync, collected under Log.mu.
type flushWork struct {
	to     model.Offset
	files  []*File
	snaps  []model.Offset
	epochs []byte // new content of leader-epoch-checkpoint
	count  int
	write  bool
	dir    bool
	birth  bool
}

// flush makes everything below to (NoOffset: the log end) durable, in the
// order that keeps the promise of the recovery point: data, indexes, snapshots
// and epochs first, then the names of the files, then the point itself.
func (l *Log) flush(to model.Offset) error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	if err := l.root.offline(); err != nil {
		return err
	}
	w, ok := l.collect(to)
	if !ok {
		return nil
	}
	if err := l.sync(w); err != nil {
		return l.root.fail(fmt.Errorf("flush %s: %w", l.tp, err))
	}
	l.synced(w)
	return nil
}

// synced raises the recovery point to what was made durable.
func (l *Log) synced(w flushWork) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.st != nil {
		l.recovery.Store(max(l.recovery.Load(), min(int64(w.to), l.end.Load())))
	}
}

func (l *Log) collect(to model.Offset) (w flushWork, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.st
	if st == nil {
		return w, false
	}
	if to == model.NoOffset {
		to = l.LogEnd()
	}
	w.to = to
	rp := l.RecoveryPoint()
	for i, s := range st.segs {
		if !s.exists || i+1 < len(st.segs) && st.segs[i+1].base <= rp && !s.unsynced() {
			continue
		}
		if s.base >= to && s.size > 0 {
			break
		}
		if to > rp && s.size > 0 || s.cut {
			w.files = append(w.files, &s.data)
			s.cut = false
		}
		w.files = s.takeUnsynced(w.files)
	}
	st.newSnaps = slices.DeleteFunc(st.newSnaps, func(o model.Offset) bool {
		if o <= to {
			w.snaps = append(w.snaps, o)
		}
		return o <= to
	})
	if e := &st.epochs; e.stale(to) {
		w.epochs, w.count, w.write = e.lines(), len(e.entries), true
		e.disk = slices.Clone(e.entries)
	}
	w.dir = l.dirDirty.Swap(false)
	w.birth = l.LogEnd() > 0 && l.unborn.Swap(false)
	ok = len(w.files) > 0 || len(w.snaps) > 0 || w.write || w.dir || w.birth || to > rp
	return w, ok
}

// unsynced reports whether the segment was changed, but by appends, since it
// was synced.
func (s *segment) unsynced() bool {
	return s.cut || s.offsets.unsynced || s.times.unsynced || s.txns.unsynced
}

func (s *segment) takeUnsynced(files []*File) []*File {
	for _, x := range []*sparse{&s.offsets, &s.times} {
		if x.unsynced {
			files = append(files, &x.file)
			x.unsynced = false
		}
	}
	if s.txns.unsynced {
		files = append(files, &s.txns.file)
		s.txns.unsynced = false
	}
	return files
}

func (l *Log) sync(w flushWork) error {
	for _, f := range w.files {
		err := f.pin(false)
		if errors.Is(err, ErrDeleted) {
			continue // retention was faster
		}
		if err != nil {
			return err
		}
		err = f.f.Datasync()
		f.Release()
		if err != nil {
			return err
		}
	}
	for _, o := range w.snaps {
		if err := l.syncName(fileName(o, snapshotSuffix)); err != nil {
			return err
		}
	}
	if w.birth {
		if err := l.syncName(partitionMetaName); err != nil {
			return err
		}
	}
	if w.write {
		// Renamed into place and synced with the directory.
		if err := l.writeEpochs(w, true); err != nil {
			return err
		}
	} else if w.dir || w.birth {
		if err := l.fs().SyncDir(l.Dir()); err != nil {
			return err
		}
	}
	if w.birth {
		return l.root.syncBirth(l.bornAt)
	}
	return nil
}

func (l *Log) writeEpochs(w flushWork, sync bool) error {
	if !w.write {
		return nil
	}
	return writeCheckpoint(l.fs(), filepath.Join(l.Dir(), epochCheckpointName), w.count, w.epochs, sync)
}

// syncName syncs a file of the partition's directory that no File stands for.
func (l *Log) syncName(name string) error {
	path := filepath.Join(l.Dir(), name)
	ok, err := vfs.Exists(l.fs(), path)
	if err != nil || !ok {
		return err
	}
	f, err := l.fs().OpenRW(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// snapshot writes the producers' state at producers.End, unless there is one
// already. The caller holds mu.
func (l *Log) snapshot(st *state) error {
	at := st.producers.End()
	if n := len(st.snaps); n > 0 && st.snaps[n-1] >= at {
		return nil
	}
	if at == 0 {
		return nil
	}
	path := filepath.Join(l.Dir(), fileName(at, snapshotSuffix))
	f, err := l.fs().Create(path)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(st.producers.AppendSnapshot(nil), 0)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	l.dirDirty.Store(true)
	st.snaps = append(st.snaps, at)
	st.newSnaps = append(st.newSnaps, at)
	return nil
}
