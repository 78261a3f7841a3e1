package storage

import (
	"fmt"
	"slices"

	"gregor/internal/model"
)

// TruncateTo removes all records at and above offset, for a follower whose
// leader has others there. It reports whether there were any.
func (l *Log) TruncateTo(offset model.Offset) (bool, error) {
	if offset < 0 {
		return false, fmt.Errorf("Cannot truncate partition %s to a negative offset (%d).", l.tp, offset)
	}
	return l.exclusive(offset, offset, func(st *state) (bool, error) {
		switch {
		case offset >= l.LogEnd():
			// A leader that never wrote may have left its epoch at the end.
			st.epochs.truncateEnd(l.LogEnd())
			return false, nil
		case st.segs[0].base > offset:
			return true, l.restart(st, offset, offset)
		}
		return true, l.truncate(st, offset)
	})
}

// TruncateFully removes everything and starts again at newStart; logStart is
// the log start offset if it differs from newStart, NoOffset otherwise.
func (l *Log) TruncateFully(newStart, logStart model.Offset) error {
	if logStart == model.NoOffset {
		logStart = newStart
	}
	_, err := l.exclusive(newStart, logStart, func(st *state) (bool, error) {
		return true, l.restart(st, newStart, logStart)
	})
	return err
}

// exclusive runs f, which removes what is at and above to, with all locks of
// the log; start is the lowest log start offset it may leave. A true result
// says that records were removed.
func (l *Log) exclusive(to, start model.Offset, f func(*state) (bool, error)) (bool, error) {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	if err := l.promiseLess(to, start); err != nil {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	st, err := l.loadedLocked(0)
	if err != nil {
		return false, err
	}
	cut, err := f(st)
	if cut {
		st.truncated++
		st.hints = [hintCount]hint{}
	}
	return cut, l.failed("truncate", err)
}

// promiseLess lowers the recovery point and the log start to what will be
// left, also in the checkpoints, before anything is removed: a crash in the
// middle must find that everything above has to be checked.
func (l *Log) promiseLess(to, start model.Offset) error {
	l.mu.Lock()
	if _, err := l.loadedLocked(0); err != nil {
		l.mu.Unlock()
		return err
	}
	less := false
	if to < l.LogEnd() {
		l.recovery.Store(min(l.recovery.Load(), int64(to)))
		l.start.Store(min(l.start.Load(), int64(start)))
		less = to < l.savedRecovery || start < l.savedStart
	}
	l.mu.Unlock()
	if !less || l.root.dirs == nil {
		return nil
	}
	return l.failed("checkpoint", l.root.checkpoint(true, true))
}

func (l *Log) truncate(st *state, to model.Offset) error {
	keep := max(st.floor(to), 0) + 1
	gone := st.segs[keep:]
	st.segs = slices.Clone(st.segs[:keep])
	if err := l.retireAll(st, gone, 0); err != nil {
		return err
	}
	if err := st.active().truncateTo(to); err != nil {
		return err
	}
	st.epochs.truncateEnd(to)
	l.publish(min(to, l.LogStart()), to, min(to, l.RecoveryPoint()))
	if err := l.dropSnapshots(st, func(o model.Offset) bool { return o > to }); err != nil {
		return err
	}
	if st.producers.Empty() {
		st.producers.Reset(to)
		return nil
	}
	st.producers.Reset(0)
	if err := l.replayProducers(st, to, 0); err != nil {
		return err
	}
	return l.snapshot(st)
}

// truncateTo cuts the segment before the batch that holds to.
func (s *segment) truncateTo(to model.Offset) error {
	if s.size == 0 {
		return nil
	}
	pos, err := s.position(max(to, s.base))
	if err != nil {
		return err
	}
	if err := s.data.pin(false); err != nil {
		return err
	}
	defer s.data.Release()
	w := walk(&s.data, pos, s.size)
	if w.find(to) {
		pos = w.at
	} else {
		pos = s.size
	}
	if err := w.done(); err != nil {
		return err
	}
	if err := s.offsets.truncate(byOffset, int64(to-s.base)-1); err != nil {
		return err
	}
	if err := s.times.truncate(byTimeOffset, int64(to-s.base)-1); err != nil {
		return err
	}
	if err := s.txns.truncate(to); err != nil {
		return err
	}
	if err := s.data.f.Truncate(pos); err != nil {
		return err
	}
	s.size, s.allocated, s.sinceRow, s.cut = pos, 0, 0, true
	if pos == 0 {
		s.created, s.rollKnown = 0, false
	}
	return s.reloadMax()
}

// reloadMax finds the largest timestamp again: the last row that is left, and
// the batches behind it.
func (s *segment) reloadMax() error {
	s.maxTime, s.maxAt = s.times.lastTime(s.base)
	s.maxKnown = true
	pos, err := s.position(s.maxAt)
	if err != nil {
		return err
	}
	w := walk(&s.data, pos, s.size)
	for w.next() {
		if t := w.h.maxTime(); t > s.maxTime {
			s.maxTime, s.maxAt = t, w.h.last()
		}
	}
	return w.done()
}

// restart empties the log; the next record gets offset at.
func (l *Log) restart(st *state, at, logStart model.Offset) error {
	// The new segment is there before the old ones go: its name is what keeps
	// the log end should power fail in between.
	old := st.segs
	if i := st.floor(at); i >= 0 && old[i].base == at {
		if err := l.retireAll(st, old[i:i+1], 0); err != nil {
			return err
		}
		old = slices.Delete(slices.Clone(old), i, i+1)
	}
	s := l.newSegment(at, l.Config())
	s.fresh(0)
	if err := s.make(); err != nil {
		return err
	}
	if err := l.retireAll(st, old, 0); err != nil {
		return err
	}
	if err := l.dropSnapshots(st, func(model.Offset) bool { return true }); err != nil {
		return err
	}
	st.segs = []*segment{s}
	st.epochs.entries = nil
	st.producers.Reset(at)
	l.publish(logStart, at, min(at, l.RecoveryPoint()))
	return nil
}

// SetLogStart raises the log start offset (DeleteRecords, or a follower
// following its leader); segments wholly below it go at the next retention
// pass. Lower values are ignored. ErrOutOfRange above the log end. The caller
// has checked it against the high watermark.
func (l *Log) SetLogStart(to model.Offset) (raised bool, err error) {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	st, err := l.loadedLocked(0)
	if err != nil {
		return false, err
	}
	if to > l.LogEnd() {
		return false, &RangeError{Offset: int64(to), Start: l.start.Load(), End: l.end.Load(), Partition: l.tp.String()}
	}
	if to <= l.LogStart() {
		return false, nil
	}
	l.raiseStart(st, to)
	return true, nil
}

func (l *Log) raiseStart(st *state, to model.Offset) {
	l.start.Store(int64(to))
	st.epochs.truncateStart(to)
	st.producers.AdvanceLogStart(to)
}
