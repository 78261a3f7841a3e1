package storage

import (
	"gregor/internal/model"
	"gregor/internal/record"
)

// TimestampOffset is a record found by time.
type TimestampOffset struct {
	Timestamp model.Millis // of the record
	Offset    model.Offset
	Epoch     model.LeaderEpoch // of its batch; NoEpoch if unknown
}

// OffsetForTime is the first record at or after the log start whose timestamp
// is >= t. ok is false if there is none. Segments are searched in order of
// offset; the first whose largest timestamp reaches t decides, as in Kafka.
func (l *Log) OffsetForTime(t model.Millis) (to TimestampOffset, ok bool, err error) {
	p, start, err := l.timePiece(t)
	if err != nil || p.s == nil {
		return to, false, l.failed("read", err)
	}
	defer p.s.data.Release()
	w := walk(&p.s.data, p.pos, p.end)
	for !ok && err == nil && w.next() {
		if w.h.maxTime() < t || w.h.last() < start || w.h.legacy() {
			continue
		}
		at, size := w.at, w.size
		to, ok, err = firstRecord(&p.s.data, at, size, func(r *record.Record) bool {
			return r.Timestamp >= t && r.Offset >= start
		})
	}
	if werr := w.done(); err == nil {
		err = werr
	}
	return to, ok, l.failed("read", err)
}

// timePiece finds the segment to look in and where to start; it pins the
// segment's data. p.s is nil if no segment reaches t.
func (l *Log) timePiece(t model.Millis) (p piece, start model.Offset, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st, err := l.loadedLocked(0)
	if err != nil {
		return p, 0, err
	}
	start = l.LogStart()
	for _, s := range st.segs {
		most, err := s.largestTime()
		if err != nil {
			return p, 0, err
		}
		if most < t || s.size == 0 {
			continue
		}
		at, err := s.timeRow(t)
		if err != nil {
			return p, 0, err
		}
		pos, err := s.position(max(at, start, s.base))
		if err != nil {
			return p, 0, err
		}
		if err := s.data.pin(false); err != nil {
			return p, 0, err
		}
		return piece{s: s, pos: pos, end: s.size}, start, nil
	}
	return p, start, nil
}

// timeRow is the offset of the last row of the time index with a timestamp <=
// t; the base if there is none.
func (s *segment) timeRow(t model.Millis) (model.Offset, error) {
	var row [timeRow]byte
	ok, err := s.times.lookup(row[:], byTime, int64(t))
	if err != nil || !ok {
		return s.base, err
	}
	_, o := timeOfRow(s.base, row[:])
	return o, nil
}

// firstRecord is the first record of the batch at pos that is wanted.
func firstRecord(f *File, pos, size int64, want func(*record.Record) bool) (to TimestampOffset, ok bool, err error) {
	b := make([]byte, size)
	if _, err := f.ReadAt(b, pos); err != nil {
		return to, false, err
	}
	batch := record.Batch(b)
	var r record.Reader
	for r.Reset(batch); r.Next(); {
		if rec := r.Record(); want(rec) {
			return TimestampOffset{rec.Timestamp, rec.Offset, batch.LeaderEpoch()}, true, nil
		}
	}
	return to, false, r.Err()
}

// MaxTimestamp is the first record that carries the log's largest timestamp
// (ListOffsets -3). ok is false for an empty log.
func (l *Log) MaxTimestamp() (to TimestampOffset, ok bool, err error) {
	p, most, err := l.maxPiece()
	if err != nil || p.s == nil {
		return to, false, l.failed("read", err)
	}
	defer p.s.data.Release()
	w := walk(&p.s.data, p.pos, p.end)
	for w.next() {
		if w.h.maxTime() == most && !w.h.legacy() {
			at, size := w.at, w.size
			to, ok, err = firstRecord(&p.s.data, at, size, func(r *record.Record) bool { return r.Timestamp == most })
			break
		}
	}
	if werr := w.done(); err == nil {
		err = werr
	}
	return to, ok, l.failed("read", err)
}

func (l *Log) maxPiece() (p piece, most model.Millis, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st, err := l.loadedLocked(0)
	if err != nil {
		return p, 0, err
	}
	var best *segment
	for _, s := range st.segs {
		if err := s.loadMax(); err != nil {
			return p, 0, err
		}
		if best == nil || s.maxTime > best.maxTime {
			best = s
		}
	}
	if best == nil || best.size == 0 || best.maxTime < 0 {
		return p, 0, nil
	}
	pos, err := best.position(best.maxAt)
	if err != nil {
		return p, 0, err
	}
	if err := best.data.pin(false); err != nil {
		return p, 0, err
	}
	return piece{s: best, pos: pos, end: best.size}, best.maxTime, nil
}

// EpochEnd is a leader epoch and the offset at which it ends (exclusive).
type EpochEnd struct {
	Epoch model.LeaderEpoch
	End   model.Offset
}

// AssignEpoch records that epoch begins at the log end, when this replica
// becomes leader. An unloaded log only remembers it. It reaches the
// leader-epoch-checkpoint no later than the next sync of data.
func (l *Log) AssignEpoch(epoch model.LeaderEpoch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.root.offline(); err != nil {
		return err
	}
	if l.st == nil {
		l.pending = epoch
		return nil
	}
	l.st.epochs.assign(epoch, l.LogEnd())
	return nil
}

// LatestEpoch is the newest epoch in the cache; NoEpoch if there is none.
func (l *Log) LatestEpoch() (model.LeaderEpoch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st, err := l.loadedLocked(0)
	if err != nil {
		return model.NoEpoch, err
	}
	return st.epochs.latest(), nil
}

// EndOffsetForEpoch answers OffsetForLeaderEpoch: the largest epoch <= epoch
// the log knows and its end offset; {NoEpoch, NoOffset} if it cannot say.
func (l *Log) EndOffsetForEpoch(epoch model.LeaderEpoch) (EpochEnd, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st, err := l.loadedLocked(0)
	if err != nil {
		return EpochEnd{model.NoEpoch, model.NoOffset}, err
	}
	return st.epochs.endOf(epoch, l.LogEnd()), nil
}

// EpochAt is the leader epoch under which offset was written; NoEpoch if unknown.
func (l *Log) EpochAt(offset model.Offset) (model.LeaderEpoch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st, err := l.loadedLocked(0)
	if err != nil {
		return model.NoEpoch, err
	}
	return st.epochs.at(offset), nil
}

// EarliestEpoch is the epoch of the log start, as ListOffsets -2 gives it:
// NoEpoch unless the first epoch known begins at or before the log start.
func (l *Log) EarliestEpoch() (model.LeaderEpoch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st, err := l.loadedLocked(0)
	if err != nil {
		return model.NoEpoch, err
	}
	if len(st.epochs.entries) == 0 || st.epochs.entries[0].start > l.LogStart() {
		return model.NoEpoch, nil
	}
	return st.epochs.entries[0].epoch, nil
}
