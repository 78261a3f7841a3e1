package metalog

import (
	"errors"
	"iter"
	"path/filepath"

	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/record"
	"gregor/internal/vfs"
	"gregor/internal/wire"
)

// snapshotBatchBytes is about how large the batches of a snapshot get. Smaller
// than allowed: whoever reads one has a whole batch in memory.
const snapshotBatchBytes = 1 << 20

// SnapshotSpec is what a snapshot says besides its records.
type SnapshotSpec struct {
	ID            raft.ID
	LastContained model.Millis // append time of the last record in it
	Now           model.Millis // of its batches
	KVersion      int16        // kraft.version; 0 writes none, and no voters
	Voters        raft.Voters  // nil: not known here
}

// WriteSnapshot writes a complete snapshot into dir, the partition's
// directory: under a .part name first, synced, then renamed. What a crash
// leaves behind is a .part file that nobody reads.
func WriteSnapshot(fsys vfs.FS, dir string, s SnapshotSpec, records iter.Seq[metadata.Record]) error {
	part := filepath.Join(dir, snapshotStem(s.ID)+"-1"+partSuffix)
	err := writePart(fsys, part, s, records)
	if err != nil {
		return errors.Join(err, fsys.RemoveAll(part))
	}
	if err := fsys.Rename(part, snapshotPath(dir, s.ID)); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

func writePart(fsys vfs.FS, part string, s SnapshotSpec, records iter.Seq[metadata.Record]) (err error) {
	f, err := fsys.Create(part)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := snapshotWriter{f: f, spec: s}
	if err := w.header(); err != nil {
		return err
	}
	for r := range records {
		if err := w.record(r); err != nil {
			return err
		}
	}
	if err := w.footer(); err != nil {
		return err
	}
	return f.Sync()
}

type snapshotWriter struct {
	f    vfs.File
	spec SnapshotSpec
	e    encoder
	pos  int64
	next model.Offset
	open bool // a data batch is being filled
}

func (w *snapshotWriter) header() error {
	w.e.begin(0, w.spec.ID.Epoch, true)
	err := w.e.control(record.SnapshotHeader, &wire.SnapshotHeaderRecord{LastContainedLogTimestamp: int64(w.spec.LastContained)}, w.spec.Now)
	if err == nil && w.spec.KVersion > 0 {
		err = w.e.control(record.KRaftVersion, &wire.KRaftVersionRecord{KRaftVersion: w.spec.KVersion}, w.spec.Now)
		if err == nil && w.spec.Voters != nil {
			err = w.e.control(record.KRaftVoters, votersToWire(w.spec.Voters), w.spec.Now)
		}
	}
	if err != nil {
		return err
	}
	return w.flush()
}

func (w *snapshotWriter) record(r metadata.Record) error {
	if !w.open {
		w.e.begin(w.next, w.spec.ID.Epoch, false)
		w.open = true
	}
	if err := w.e.add(r, w.spec.Now); err != nil {
		return err
	}
	if w.e.b.Size() < snapshotBatchBytes {
		return nil
	}
	return w.flush()
}

func (w *snapshotWriter) footer() error {
	if w.open {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.e.begin(w.next, w.spec.ID.Epoch, true)
	if err := w.e.control(record.SnapshotFooter, &wire.SnapshotFooterRecord{}, w.spec.Now); err != nil {
		return err
	}
	return w.flush()
}

// flush writes the batch that was begun.
func (w *snapshotWriter) flush() error {
	b, err := w.e.b.Build()
	if err != nil {
		return err
	}
	if _, err := w.f.WriteAt(b, w.pos); err != nil {
		return err
	}
	w.pos += int64(len(b))
	w.next = b.NextOffset()
	w.open = false
	return nil
}
