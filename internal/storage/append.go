package storage

import (
	"errors"
	"fmt"

	"gregor/internal/model"
	"gregor/internal/record"
)

// Space is reserved ahead of the data without changing the file's size, which
// makes appends a quarter cheaper. Small logs do without: a partition that
// gets a record a minute must not hold megabytes.
const (
	reserveFrom = 256 << 10 // segments below this size reserve nothing
	reserveMin  = 1 << 20
	reserveMax  = 64 << 20
)

// maxGroup bounds the units that go into one write (IOV_MAX).
const maxGroup = 1024

// unit is what the headers of one unit of an append say.
type unit struct {
	size        int64
	first, last model.Offset
	maxTime     model.Millis
	batches     int
}

// Append writes units, each one or more whole v2 batches with offsets and
// leader epochs in place, after the log's end: the first batch begins at
// LogEnd and every batch where the one before it ended. Every unit lies in one
// segment (a produce request's batches for the partition are one unit);
// neighbouring units share a system call. It returns how many units were
// written: fewer than all only with an error, and those count as appended.
// Nothing is allocated in steady state and units is not kept.
//
// The log loads itself if need be. When flush.messages is reached the data is
// synced before Append returns.
//
// Errors: ErrTooLarge and ErrOffsetOrder for the unit at fault, ErrNoSpace,
// ErrOffline, ErrDeleted. After ErrNoSpace the log is as it was before the
// unit that did not fit. ErrOffline says nothing about what was written, and
// comes with 0.
func (l *Log) Append(units [][]byte, now model.Millis) (appended int, err error) {
	return l.append(units, now, false)
}

// AppendFollower is Append for bytes copied from a leader, whose offsets may
// leave gaps where the leader has compacted: they must rise, from LogEnd on.
func (l *Log) AppendFollower(units [][]byte, now model.Millis) (appended int, err error) {
	return l.append(units, now, true)
}

func (l *Log) append(units [][]byte, now model.Millis, gaps bool) (done int, err error) {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	st, err := l.writable(now)
	if err != nil {
		return 0, err
	}
	for done < len(units) {
		n, err := l.appendGroup(st, units[done:], now, gaps)
		if errors.Is(err, ErrOffline) {
			return 0, err
		}
		done += n
		if err != nil {
			return done, err
		}
	}
	if l.end.Load()-l.recovery.Load() >= l.Config().FlushMessages {
		if err := l.Flush(); err != nil {
			return 0, err // nothing may be acknowledged
		}
	}
	return done, nil
}

// writable is the loaded state, once the checkpoints promise no more than it
// holds: after a crash that lost records below the recovery point they might,
// and the next crash would then trust what is appended now. The caller holds
// wmu.
func (l *Log) writable(now model.Millis) (*state, error) {
	l.mu.Lock()
	st, err := l.loadedLocked(now)
	stale := l.savedRecovery > l.RecoveryPoint()
	l.mu.Unlock()
	if err == nil && stale && l.root.dirs != nil {
		err = l.failed("checkpoint", l.root.checkpoint(true, true))
	}
	return st, err
}

// appendGroup writes the first of units, and those after it that go into the
// same segment, with one system call.
func (l *Log) appendGroup(st *state, units [][]byte, now model.Millis, gaps bool) (int, error) {
	cfg := l.Config()
	next := l.LogEnd()
	u, err := readUnit(units[0], next, gaps)
	if err != nil {
		return 0, err
	}
	if u.size > int64(cfg.SegmentBytes) {
		return 0, fmt.Errorf("%w: Message batch size is %d bytes in append to partition %s, which exceeds the maximum configured segment size of %d.",
			ErrTooLarge, u.size, l.tp, cfg.SegmentBytes)
	}
	seg := st.active()
	if roll, err := l.mustRoll(seg, cfg, u, seg.size, 0, now); err != nil {
		return 0, err
	} else if roll {
		if err := l.roll(st, max(u.first, next), now); err != nil {
			return 0, err
		}
		seg = st.active()
	}
	total, batches, n := u.size, u.batches, 1
	for seg.rollKnown && n < min(len(units), maxGroup) {
		// A unit at fault is left for the next turn, which reports it.
		v, err := readUnit(units[n], u.last+1, gaps)
		if err != nil || v.size > int64(cfg.SegmentBytes) {
			break
		}
		if roll, err := l.mustRoll(seg, cfg, v, seg.size+total, batches, now); roll || err != nil {
			break
		}
		u, total, batches, n = v, total+v.size, batches+v.batches, n+1
	}
	if err := l.write(seg, cfg, units[:n], total); err != nil {
		return 0, err
	}
	return n, l.appended(st, seg, cfg, units[:n], now)
}

// readUnit checks that b is whole batches that go on at next.
func readUnit(b []byte, next model.Offset, gaps bool) (u unit, err error) {
	u = unit{size: int64(len(b)), first: model.NoOffset, last: next - 1, maxTime: record.NoTimestamp}
	for len(b) > 0 {
		var batch record.Batch
		batch, b, err = record.Next(b)
		if err != nil {
			return u, fmt.Errorf("%w: %v", ErrCorrupt, err)
		}
		h := header{batch}
		base := batch.BaseOffset()
		if base <= u.last || base > u.last+1 && !gaps || h.last() < base {
			return u, fmt.Errorf("%w: batch [%d, %d] where %d was expected", ErrOffsetOrder, base, h.last(), u.last+1)
		}
		if u.first < 0 {
			u.first = base
		}
		u.last, u.maxTime = h.last(), max(u.maxTime, h.maxTime())
		u.batches++
	}
	if u.batches == 0 {
		return u, fmt.Errorf("%w: empty append", ErrCorrupt)
	}
	return u, nil
}

// mustRoll is LogSegment.shouldRoll for a unit that would be written at
// position size, after rows further index rows at most.
func (l *Log) mustRoll(s *segment, cfg *Config, u unit, size int64, rows int, now model.Millis) (bool, error) {
	if size > int64(cfg.SegmentBytes)-u.size || !s.fits(u.last) {
		return true, nil
	}
	if s.offsets.full() || s.times.full() ||
		rows > 0 && (s.offsets.rows()+rows >= s.offsets.max || s.times.rows()+rows >= s.times.max-1) {
		return true, nil
	}
	if size == 0 {
		return false, nil
	}
	if err := s.loadRollTime(); err != nil {
		return false, l.failed("read", err)
	}
	return s.waited(now, u.maxTime) > cfg.SegmentMs-s.jitter, nil
}

// write puts units behind the segment's end. Whatever was written of a group
// that failed is cut off again: it must not come back after a crash.
func (l *Log) write(s *segment, cfg *Config, units [][]byte, total int64) error {
	if !s.exists {
		l.mu.Lock()
		err := s.make()
		l.mu.Unlock()
		if err != nil {
			return l.failed("create", err)
		}
	}
	if err := s.data.pin(false); err != nil {
		return l.failed("open", err)
	}
	defer s.data.Release()
	if end := s.size + total; end > s.allocated && (end >= reserveFrom || cfg.Preallocate) {
		s.reserve(cfg, end)
	}
	n, err := s.data.f.WritevAt(units, s.size)
	if err == nil && int64(n) == total {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("short write: %d of %d bytes", n, total)
	}
	s.allocated = 0
	if terr := s.data.f.Truncate(s.size); terr != nil {
		return l.root.fail(fmt.Errorf("append %s: %w, and cutting it off again: %w", l.tp, err, terr))
	}
	return l.failed("append", err)
}

// reserve allocates blocks ahead of end. It is an optimisation: when the disk
// or the file system says no, the write itself will tell.
func (s *segment) reserve(cfg *Config, end int64) {
	ahead := min(max(end, reserveMin), reserveMax)
	if cfg.Preallocate {
		ahead = int64(cfg.SegmentBytes)
	}
	to := max(end, min(end+ahead, int64(cfg.SegmentBytes)))
	from := max(s.allocated, s.size)
	if err := s.data.f.Allocate(from, to-from); err != nil {
		// Not again for this stretch.
		s.allocated = max(s.allocated, min(to, end+reserveMin))
		return
	}
	s.allocated = to
}

// appended makes written units part of the log.
func (l *Log) appended(st *state, s *segment, cfg *Config, units [][]byte, now model.Millis) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.created == 0 {
		s.created = now
	}
	if l.end.Load() == l.recovery.Load() {
		st.dirtySince = now
	}
	var txnErr error
	pos, end := s.size, l.LogEnd()
	for _, b := range units {
		for len(b) > 0 {
			var batch record.Batch
			batch, b, _ = record.Next(b)
			h := header{batch}
			size := int64(len(batch))
			s.note(pos, size, h.last(), h.maxTime(), cfg.IndexIntervalBytes)
			if e := h.epoch(); e >= 0 && e != st.epochs.latest() {
				st.epochs.assign(e, batch.BaseOffset())
			}
			if done, ok := st.producers.Apply(batch); ok && done.Aborted && txnErr == nil {
				txnErr = s.txns.add(done)
			}
			pos, end = pos+size, h.last()+1
		}
	}
	s.size = pos
	st.producers.SetEnd(end)
	l.end.Store(int64(end))
	s.offsets.spillIfLong()
	s.times.spillIfLong()
	if txnErr != nil {
		// The records are in the log, the index is not complete: only recovery
		// can mend that, as in Kafka.
		return l.root.fail(fmt.Errorf("transaction index of %s: %w", l.tp, txnErr))
	}
	return nil
}

// Roll starts a new segment at the log end unless the active one is empty.
func (l *Log) Roll(now model.Millis) error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	st, err := l.writable(now)
	if err != nil {
		return err
	}
	if st.active().size == 0 {
		return nil
	}
	return l.roll(st, l.LogEnd(), now)
}

// roll seals the active segment and starts one at base. The caller holds wmu.
func (l *Log) roll(st *state, base model.Offset, now model.Millis) error {
	old := st.active()
	if old.base >= base {
		return nil // still empty
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := old.loadMax(); err != nil {
		return l.failed("read", err)
	}
	if err := old.seal(); err != nil {
		return l.failed("seal", err)
	}
	st.producers.SetEnd(base)
	if err := l.snapshot(st); err != nil {
		return l.failed("snapshot", err)
	}
	s := l.newSegment(base, l.Config())
	s.fresh(now)
	// Its name keeps the log end once retention has removed the others.
	if err := s.make(); err != nil {
		return l.failed("create", err)
	}
	st.segs = append(st.segs[:len(st.segs):len(st.segs)], s)
	l.root.sealedBy(l)
	return nil
}
