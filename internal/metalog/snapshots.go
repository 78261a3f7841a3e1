package metalog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/vfs"
)

// partFile is a snapshot that is being fetched.
type partFile struct {
	id   raft.ID
	path string
	f    vfs.File
}

func (p *partFile) drop(fsys vfs.FS) {
	p.f.Close()
	_ = fsys.RemoveAll(p.path) // what stays is removed at the next start
}

func (l *Log) snapshotChunk(e raft.SnapshotChunk) error {
	if l.fetching != nil && (l.fetching.id != e.ID || e.Position == 0) {
		l.fetching.drop(l.o.FS)
		l.fetching = nil
	}
	if l.fetching == nil {
		path := filepath.Join(l.dir, snapshotStem(e.ID)+"-0"+partSuffix)
		f, err := l.o.FS.Create(path)
		if err != nil {
			return err
		}
		l.fetching = &partFile{e.ID, path, f}
	}
	_, err := l.fetching.f.WriteAt(e.Bytes, e.Position)
	return err
}

// install puts a fetched snapshot in place of the log. A crash at any point
// leaves either the old log, or the snapshot from which Open goes on.
func (l *Log) install(id raft.ID) error {
	p := l.fetching
	l.fetching = nil
	if p == nil || p.id != id {
		return fmt.Errorf("snapshot %v is complete, but was not being fetched", id)
	}
	controls, err := verifySnapshot(l.o.FS, p.path, id)
	if err != nil {
		p.drop(l.o.FS)
		l.note(raft.Note{Warn: true, Text: fmt.Sprintf("Snapshot %v from the leader is damaged and will be fetched again: %v", id, err)})
		l.node.InstallFailed(l.now())
		return nil
	}
	if err := errors.Join(p.f.Sync(), p.f.Close()); err != nil {
		return err
	}
	if err := l.o.FS.Rename(p.path, snapshotPath(l.dir, id)); err != nil {
		return err
	}
	if err := l.o.FS.SyncDir(l.dir); err != nil {
		return err
	}
	if err := l.store.TruncateFully(id.Offset, model.NoOffset); err != nil {
		return err
	}
	old := l.snapshots
	l.snapshots = []raft.ID{id}
	l.pub.forget(0)
	l.pub.update(func() { l.pub.mu.start, l.pub.mu.end, l.pub.mu.snapshot = id.Offset, id.Offset, &id })
	l.node.Installed(id, controls, l.now())
	return l.removeSnapshots(old, id)
}

func (l *Log) removeSnapshots(ids []raft.ID, keep raft.ID) error {
	for _, id := range ids {
		if id == keep {
			continue
		}
		if err := l.o.FS.Remove(snapshotPath(l.dir, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (l *Log) replySnapshot(e raft.ReplySnapshot) {
	buf, size, code := l.readSnapshot(e.Msg.Snapshot, e.Msg.Position, int64(e.MaxBytes))
	e.Msg.Code = code
	if code == kerr.None {
		e.Msg.Size, e.Msg.Bytes = size, buf
	} else {
		e.Msg.Snapshot, e.Msg.Position = raft.ID{}, 0
	}
	l.reply(e.Token, e.Msg)
}

func (l *Log) readSnapshot(id raft.ID, at, most int64) (buf []byte, size int64, code kerr.Code) {
	f, err := l.o.FS.Open(snapshotPath(l.dir, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, kerr.SnapshotNotFound
	}
	if err != nil {
		return nil, 0, kerr.UnknownServerError
	}
	defer f.Close()
	if size, err = f.Size(); err != nil {
		return nil, 0, kerr.UnknownServerError
	}
	if at < 0 || at >= size {
		return nil, 0, kerr.PositionOutOfRange
	}
	buf = make([]byte, min(size-at, max(most, 1), maxBatchBytes))
	if n, err := f.ReadAt(buf, at); n < len(buf) && !errors.Is(err, io.EOF) {
		return nil, 0, kerr.UnknownServerError
	}
	return buf, size, kerr.None
}

// Write writes a snapshot that contains everything up to and with the record
// at, which must be the last of a committed batch, and lets the log forget
// what snapshots have made old. It blocks until the snapshot is durable; call
// it outside of the listener if that must not be held up. Nothing happens if
// there is such a snapshot, or a newer one, already.
func (l *Log) Write(at metadata.Provenance, recs iter.Seq[metadata.Record]) error {
	id := raft.ID{Offset: at.Offset + 1, Epoch: at.Epoch}
	return l.WriteSnapshot(id, at.Time, recs)
}

// WriteSnapshot is Write with the snapshot's own id.
func (l *Log) WriteSnapshot(id raft.ID, lastContained model.Millis, recs iter.Seq[metadata.Record]) error {
	s := SnapshotSpec{ID: id, LastContained: lastContained, Now: l.o.Clock.Now()}
	var newer bool
	var err error
	if !l.ask(func() {
		newer, err = l.node.CheckSnapshot(id)
		s.Voters, s.KVersion = l.node.VotersAt(id.Offset)
	}) {
		return ErrClosed
	}
	if err != nil || newer {
		return err
	}
	if err := WriteSnapshot(l.o.FS, l.dir, s, recs); err != nil {
		return err
	}
	if !l.ask(func() { err = l.snapshotTaken(id) }) {
		return ErrClosed
	}
	return err
}

func (l *Log) snapshotTaken(id raft.ID) error {
	if len(l.snapshots) > 0 && l.snapshots[len(l.snapshots)-1].Offset >= id.Offset {
		// One from the leader came in between.
		return l.removeSnapshots([]raft.ID{id}, l.snapshots[len(l.snapshots)-1])
	}
	l.snapshots = append(l.snapshots, id)
	l.pub.update(func() { l.pub.mu.snapshot = &id })
	l.node.SnapshotTaken(id, l.now())
	l.o.Logger.Info(fmt.Sprintf("Created snapshot %v", id))
	return nil
}

// clean deletes snapshots but the newest, and the log before them, when they
// are too old or all together is too large (metadata.max.retention.*).
func (l *Log) clean() error {
	now := l.o.Clock.Now()
	if err := l.store.RemoveDeleted(now); err != nil {
		return err
	}
	for len(l.snapshots) > 1 {
		due, err := l.cleanable(now)
		if err != nil || !due {
			return err
		}
		if ok, err := l.deleteBefore(l.snapshots[1], now); err != nil || !ok {
			return err
		}
	}
	return nil
}

// cleanable reports whether the oldest snapshot breaches a limit.
func (l *Log) cleanable(now model.Millis) (bool, error) {
	r, err := OpenSnapshot(l.o.FS, snapshotPath(l.dir, l.snapshots[0]), l.snapshots[0])
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer r.Close()
	if l.o.RetentionMs >= 0 && now-r.time > l.o.RetentionMs {
		l.o.Logger.Info(fmt.Sprintf("Marking snapshot %v for deletion because its timestamp (%d) is now (%d) older than the retention (%d)", r.id, r.time, now, l.o.RetentionMs))
		return true, nil
	}
	if l.o.RetentionBytes < 0 {
		return false, nil
	}
	logSize, err := l.store.Size()
	if err != nil {
		return false, err
	}
	total := int64(0)
	for _, id := range l.snapshots {
		i, err := l.o.FS.Stat(snapshotPath(l.dir, id))
		if err != nil {
			return false, err
		}
		total += i.Size
	}
	if logSize+total <= l.o.RetentionBytes {
		return false, nil
	}
	l.o.Logger.Info(fmt.Sprintf("Marking snapshot %v for deletion because the log size (%d) and snapshots size (%d) is greater than %d", r.id, logSize, total, l.o.RetentionBytes))
	return true, nil
}

// deleteBefore lets the log begin at a snapshot.
func (l *Log) deleteBefore(id raft.ID, now model.Millis) (bool, error) {
	hw := l.node.HighWatermark()
	if id.Offset > hw {
		return false, nil
	}
	if id.Offset > l.store.LogStart() {
		if _, err := l.store.SetLogStart(id.Offset); err != nil {
			return false, err
		}
		if _, err := l.store.DeleteOldSegments(now, hw); err != nil {
			return false, err
		}
	}
	old := slices.DeleteFunc(slices.Clone(l.snapshots), func(s raft.ID) bool { return s.Offset >= id.Offset })
	l.snapshots = slices.DeleteFunc(l.snapshots, func(s raft.ID) bool { return s.Offset < id.Offset })
	l.pub.update(func() { l.pub.mu.start = l.store.LogStart() })
	l.node.Cleaned(id.Offset, l.now())
	return true, l.removeSnapshots(old, id)
}
