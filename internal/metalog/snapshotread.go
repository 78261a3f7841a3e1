package metalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"

	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/record"
	"gregor/internal/vfs"
	"gregor/internal/wire"
)

// SnapshotReader reads one snapshot: a control batch with SnapshotHeader (and,
// from kraft.version 1 on, KRaftVersion and Voters), data batches, a control
// batch with SnapshotFooter. KIP-630.
type SnapshotReader struct {
	id       raft.ID
	path     string
	f        vfs.File
	pos      int64
	size     int64
	next     model.Offset // of the next batch within the snapshot
	time     model.Millis
	controls []raft.Control
	footer   bool
	err      error
}

// OpenSnapshot opens a snapshot and reads its header.
func OpenSnapshot(fsys vfs.FS, path string, id raft.ID) (*SnapshotReader, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	r := &SnapshotReader{id: id, path: path, f: f}
	if r.size, err = f.Size(); err == nil {
		err = r.header()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

// ID names the snapshot.
func (r *SnapshotReader) ID() raft.ID { return r.id }

// Provenance is the last record that the snapshot contains.
func (r *SnapshotReader) Provenance() metadata.Provenance {
	return metadata.Provenance{Offset: r.id.Offset - 1, Epoch: r.id.Epoch, Time: r.time}
}

// Size is the size of the file in bytes.
func (r *SnapshotReader) Size() int64 { return r.size }

// Voters is the voter set and kraft.version in the snapshot; nil and 0 if it
// has none.
func (r *SnapshotReader) Voters() (raft.Voters, int16) {
	var vs raft.Voters
	var version int16
	for _, c := range r.controls {
		if c.Voters != nil {
			vs = c.Voters
		} else {
			version = c.KVersion
		}
	}
	return vs, version
}

// Close closes the file.
func (r *SnapshotReader) Close() error { return r.f.Close() }

// Err is the first error that Next met, nil after a complete snapshot.
func (r *SnapshotReader) Err() error { return r.err }

func (r *SnapshotReader) fail(format string, args ...any) error {
	r.err = errorAt(r.path, r.next, "snapshot is damaged at byte %d of %d: %w", r.pos, r.size, fmt.Errorf(format, args...))
	return r.err
}

// batch reads the next batch; io.EOF at the end of the file.
func (r *SnapshotReader) batch() (record.Batch, error) {
	if r.pos == r.size {
		return nil, io.EOF
	}
	var head [record.LogOverhead]byte
	if r.size-r.pos < int64(len(head)) {
		return nil, r.fail("%d bytes are left, too few for a batch", r.size-r.pos)
	}
	if _, err := r.f.ReadAt(head[:], r.pos); err != nil {
		return nil, r.fail("%w", err)
	}
	n := int64(int32(binary.BigEndian.Uint32(head[8:]))) + record.LogOverhead
	if n < record.HeaderSize || n > r.size-r.pos {
		return nil, r.fail("batch of %d bytes, %d are left", n, r.size-r.pos)
	}
	buf := make([]byte, n)
	if _, err := r.f.ReadAt(buf, r.pos); err != nil && !errors.Is(err, io.EOF) {
		return nil, r.fail("%w", err)
	}
	b, _, err := record.Next(buf)
	if err == nil {
		err = checked(b)
	}
	if err == nil && b.BaseOffset() != r.next {
		err = fmt.Errorf("batch begins at offset %d, expected %d", b.BaseOffset(), r.next)
	}
	if err == nil && b.LeaderEpoch() != r.id.Epoch {
		err = fmt.Errorf("batch has epoch %d, the snapshot %d", b.LeaderEpoch(), r.id.Epoch)
	}
	if err != nil {
		return nil, r.fail("%w", err)
	}
	r.pos += n
	r.next = b.NextOffset()
	return b, nil
}

func (r *SnapshotReader) header() error {
	b, err := r.batch()
	if errors.Is(err, io.EOF) {
		return r.fail("the file is empty")
	}
	if err != nil {
		return err
	}
	if !b.Control() {
		return r.fail("it does not begin with a control batch")
	}
	found := false
	err = eachControl(b, r.path, func(_ model.Offset, m wire.Message) error {
		if h, ok := m.(*wire.SnapshotHeaderRecord); ok {
			found = true
			r.time = model.Millis(h.LastContainedLogTimestamp)
		}
		return nil
	})
	if err == nil && !found {
		err = r.fail("its first batch has no SnapshotHeader")
	}
	if err == nil {
		r.controls, err = decodeControls(b, r.path)
	}
	// In the log these records count from the snapshot's last offset on.
	for i := range r.controls {
		r.controls[i].Offset = r.id.Offset - 1
	}
	r.err = err
	return err
}

// Next is the next records; io.EOF after the last. Any other error is an
// *Error and final.
func (r *SnapshotReader) Next() ([]metadata.Record, error) {
	for {
		b, err := r.advance()
		if err != nil {
			return nil, err
		}
		if b.Control() {
			continue
		}
		recs, err := decodeData(b, r.path)
		if err != nil {
			r.err = err
			return nil, err
		}
		return recs, nil
	}
}

// advance is the next batch, in the order a snapshot must have.
func (r *SnapshotReader) advance() (record.Batch, error) {
	if r.err != nil {
		return nil, r.err
	}
	b, err := r.batch()
	switch {
	case errors.Is(err, io.EOF) && !r.footer:
		return nil, r.fail("it ends without a SnapshotFooter: it was cut short")
	case err != nil:
		return nil, err
	case r.footer:
		return nil, r.fail("a batch follows the SnapshotFooter")
	case b.Control():
		err = eachControl(b, r.path, func(_ model.Offset, m wire.Message) error {
			if _, ok := m.(*wire.SnapshotFooterRecord); ok {
				r.footer = true
			}
			return nil
		})
		if err != nil {
			r.err = err
			return nil, err
		}
	}
	return b, nil
}

// Records walks all records. After an error it ends; Err says which.
func (r *SnapshotReader) Records() iter.Seq[metadata.Record] {
	return func(yield func(metadata.Record) bool) {
		for {
			recs, err := r.Next()
			if err != nil {
				return
			}
			for _, rec := range recs {
				if !yield(rec) {
					return
				}
			}
		}
	}
}

// verify reads the whole snapshot without decoding its records.
func (r *SnapshotReader) verify() error {
	for {
		if _, err := r.advance(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// verifySnapshot checks a file from end to end, and returns what the core must
// know of it.
func verifySnapshot(fsys vfs.FS, path string, id raft.ID) ([]raft.Control, error) {
	r, err := OpenSnapshot(fsys, path, id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.controls, r.verify()
}

func snapshotPath(dir string, id raft.ID) string { return filepath.Join(dir, SnapshotName(id)) }
