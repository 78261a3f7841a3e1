package storage

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/vfs"
)

// Recovery after a crash.
//
// Below the recovery point everything was synced and is trusted: data, the
// index rows, producer snapshots and leader epochs that speak of it. Above it
// the data is read batch by batch. The first batch that fails its CRC, is torn,
// goes back in offset or leader epoch, or (unless the topic is compacted) does
// not begin a segment where the one before it ended, ends the log; the rest is
// cut off. Indexes, snapshots and epochs above the recovery point are made
// again from the batches.
//
// The cost is that of reading what was appended since the recovery point, plus
// some ten microseconds: a partition that was idle since the last clean
// shutdown, roll or unload has nothing above it.

// recovery is the work on one log.
type recovery struct {
	l   *Log
	st  *state
	d   listing
	now model.Millis
	// from is the recovery point the work starts at.
	from model.Offset
	// next is where the log must go on.
	next model.Offset
	why  string // what ended the log before its files did
	chk  checker
	// What the index files of the first segment hold.
	offsets, times []byte
}

// recoverSegments checks st.segs from the recovery point on and returns the
// log end. Index rows, epochs and snapshots above the recovery point are
// dropped first.
func (l *Log) recoverSegments(st *state, d listing, now model.Millis) (model.Offset, error) {
	r := &recovery{l: l, st: st, d: d, now: now, from: l.RecoveryPoint()}
	st.epochs.truncateEnd(r.from)
	start := l.LogStart()
	if err := l.dropSnapshots(st, func(o model.Offset) bool { return o > r.from || o <= start }); err != nil {
		return 0, err
	}
	// The segment before the recovery point is looked at even if it ends
	// there: it may have been sealed after its data was synced.
	first := max(st.floor(max(r.from-1, 0)), 0)
	for _, s := range st.segs[:min(first, len(st.segs))] {
		if d.has(s.base, indexSuffix) && d.has(s.base, timeIndexSuffix) {
			continue
		}
		if _, err := l.rebuildIndexes(s); err != nil {
			return 0, err
		}
	}
	if len(st.segs) == 0 {
		return 0, nil
	}
	for i := first; i < len(st.segs); i++ {
		s := st.segs[i]
		if i > first && s.base != r.next && (s.base < r.next || !l.Config().Compact) {
			r.why = fmt.Sprintf("segment %d follows a log end of %d", s.base, r.next)
			return r.next, r.cutBefore(i)
		}
		end := r.next
		if err := r.segment(s, i == first, i == len(st.segs)-1); err != nil {
			return 0, err
		}
		switch {
		case r.why == "":
		case s.size == 0 && i > first:
			// Nothing of it holds: the log ends with the segment before.
			return end, r.cutBefore(i)
		case i+1 < len(st.segs):
			return r.next, r.cutBefore(i + 1)
		}
	}
	return max(r.next, st.active().base), nil
}

// cutBefore drops the segments from i on: they follow on records that are lost.
func (r *recovery) cutBefore(i int) error {
	lost := r.st.segs[i:]
	r.l.root.warnf("Deleting %d segments of %s from offset %d on as part of log recovery: %s", len(lost), r.l.tp, lost[0].base, r.why)
	r.st.segs = slices.Clone(r.st.segs[:i])
	if err := r.l.retireAll(r.st, lost, r.now); err != nil {
		return err
	}
	return r.l.fs().SyncDir(r.l.Dir())
}

// segment checks one segment and completes its indexes.
func (r *recovery) segment(s *segment, first, active bool) error {
	s.offsets.reset()
	s.times.reset()
	s.txns.known, s.txns.entries = false, nil
	s.maxTime, s.maxAt, s.maxKnown, s.sinceRow = -1, s.base, true, 0
	var pos int64
	if first {
		var err error
		if pos, err = r.resume(s); err != nil {
			return err
		}
	} else if err := s.txns.truncate(s.base); err != nil {
		return err
	}
	if err := s.data.pin(false); err != nil {
		return err
	}
	defer s.data.Release()
	size, err := r.check(s, pos)
	if err != nil {
		return err
	}
	if err := s.data.f.Truncate(size); err != nil { // frees reserved blocks too
		return err
	}
	s.size = size
	if err := r.settleRows(s, first && pos == 0, active); err != nil {
		return err
	}
	if r.why != "" {
		r.l.root.warnf("Found invalid messages in log segment %s at byte offset %d: %s. Truncating to offset %d", s.data.path(), size, r.why, r.next)
		// The log goes on here. What was cut off must not come back behind
		// new records after another crash.
		return s.data.f.Datasync()
	}
	if active {
		return nil
	}
	if err := s.seal(); err != nil {
		return err
	}
	r.st.producers.SetEnd(r.next)
	return r.l.snapshot(r.st)
}

// settleRows makes the index files hold no more than was found. Files that are
// right already, as they are of an idle partition, are left alone.
func (r *recovery) settleRows(s *segment, whole, active bool) error {
	if whole {
		s.offsets.adopt(r.offsets, s.offsets.tail)
		times := s.times.tail
		if t, _ := s.times.lastTime(s.base); s.maxTime > t {
			// The row that sealing and closing add.
			times = timeRowOf(s.base, s.maxTime, s.maxAt).appendTo(slices.Clip(times))
		}
		s.times.adopt(r.times, times)
	}
	for _, x := range []*sparse{&s.offsets, &s.times} {
		if !r.d.has(s.base, x.file.suffix) {
			x.ragged = true // makes the file
			r.l.dirDirty.Store(true)
		}
		x.unsynced = x.unsynced || !active || r.next > r.from
		if err := x.cut(); err != nil {
			return err
		}
	}
	return nil
}

// adopt takes the rows of the file for the index's if they are what was found.
func (x *sparse) adopt(file, found []byte) {
	if x.onDisk > 0 || !bytes.Equal(file, found) {
		return
	}
	n := len(found) / x.row
	x.onDisk, x.tail, x.ragged = n, nil, false
	if n > 0 {
		copy(x.last[:], found[(n-1)*x.row:])
	}
}

// resume finds where in the first segment checking begins, and brings indexes
// and producers to that point.
func (r *recovery) resume(s *segment) (int64, error) {
	if err := s.txns.truncate(r.from); err != nil {
		return 0, err
	}
	pos, err := r.trustedRows(s)
	if err != nil {
		return 0, err
	}
	at := s.base
	if pos > 0 {
		// The row's batch itself is checked again; it begins before from.
		if err := s.data.pin(false); err != nil {
			return 0, err
		}
		w := walk(&s.data, pos, s.size)
		ok := w.next()
		at = model.NoOffset
		if ok {
			at = w.h.b.BaseOffset()
		}
		werr := w.done()
		s.data.Release()
		if werr != nil && !errors.Is(werr, ErrCorrupt) {
			return 0, werr
		}
		if at < s.base {
			s.offsets.reset()
			s.times.reset()
			s.maxTime, s.maxAt = -1, s.base
			pos, at = 0, s.base
		}
	}
	r.next = at
	return pos, r.l.replayProducers(r.st, at, r.now)
}

// trustedRows keeps the index rows on disk that speak of data below the
// recovery point, as far as they rise as they must, and returns the position
// of the last batch both indexes cover. Rows beyond it may be torn or stale.
func (r *recovery) trustedRows(s *segment) (int64, error) {
	if !r.d.has(s.base, indexSuffix) || !r.d.has(s.base, timeIndexSuffix) {
		return 0, nil
	}
	times, err := r.readRows(&s.times)
	if err != nil {
		return 0, err
	}
	rows, err := r.readRows(&s.offsets)
	if err != nil {
		return 0, err
	}
	r.offsets, r.times = rows, times
	nt, lastT := 0, model.Offset(-1)
	for t := model.Millis(-1); (nt+1)*timeRow <= len(times); nt++ {
		ts, o := timeOfRow(s.base, times[nt*timeRow:])
		if ts <= t || o < lastT || o >= r.from {
			break
		}
		t, lastT = ts, o
	}
	if nt == 0 {
		return 0, nil
	}
	no, last, pos := 0, model.Offset(-1), int64(0)
	for ; (no+1)*offsetRow <= len(rows); no++ {
		o, p := offsetOfRow(s.base, rows[no*offsetRow:])
		if o <= last || p <= pos || p >= s.size || o > lastT {
			break
		}
		last, pos = o, p
	}
	if no == 0 {
		return 0, nil
	}
	if ok, err := r.batchAt(s, pos, last); err != nil || !ok {
		return 0, err
	}
	s.offsets.keep(no, rows[(no-1)*offsetRow:no*offsetRow])
	s.times.keep(nt, times[(nt-1)*timeRow:nt*timeRow])
	s.offsets.ragged, s.times.ragged = len(rows) > no*offsetRow, len(times) > nt*timeRow
	s.maxTime, s.maxAt = s.times.lastTime(s.base)
	return pos, nil
}

func (r *recovery) readRows(x *sparse) ([]byte, error) {
	if err := x.file.pin(false); err != nil {
		return nil, err
	}
	defer x.file.Release()
	size, err := x.file.f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(size, int64(x.max)*int64(x.row)+1))
	n, err := x.file.ReadAt(b, 0)
	if err != nil && n < len(b) {
		return nil, err
	}
	return b, nil
}

// batchAt reports whether a batch that ends with offset last begins at pos.
func (r *recovery) batchAt(s *segment, pos int64, last model.Offset) (bool, error) {
	if err := s.data.pin(false); err != nil {
		return false, err
	}
	defer s.data.Release()
	w := walk(&s.data, pos, s.size)
	ok := w.next() && w.h.last() == last
	if err := w.done(); err != nil && !errors.Is(err, ErrCorrupt) {
		return false, err
	}
	return ok, nil
}

// check reads the segment from pos on, folds in what is good, and returns the
// position where that ends.
func (r *recovery) check(s *segment, pos int64) (int64, error) {
	c := &r.chk
	*c = checker{f: &s.data, pos: pos, end: s.size, buf: c.buf}
	interval := r.l.Config().IndexIntervalBytes
	resumed := pos > 0
	for c.next() {
		h := header{c.b}
		last := h.last()
		if why := r.misfit(s, h); why != "" {
			r.why = why
			return c.at, nil
		}
		if resumed {
			// Its row is there already.
			s.sinceRow, resumed = int64(len(c.b)), false
			if t := h.maxTime(); t > s.maxTime {
				s.maxTime, s.maxAt = t, last
			}
		} else {
			s.note(c.at, int64(len(c.b)), last, h.maxTime(), interval)
		}
		if e, base := h.epoch(), c.b.BaseOffset(); e >= 0 && e != r.st.epochs.at(base) {
			r.st.epochs.assign(e, base)
		}
		if last >= r.st.producers.End() {
			if done, ok := r.st.producers.Apply(c.b); ok && done.Aborted && last >= r.from {
				if err := s.txns.add(done); err != nil {
					return 0, err
				}
			}
		}
		s.offsets.spillIfLong()
		s.times.spillIfLong()
		r.next = last + 1
	}
	if c.err != nil {
		return 0, c.err
	}
	r.why = c.why
	if r.next < s.base {
		r.next = s.base
	}
	return c.pos, nil
}

// misfit says why a valid batch cannot stand where it stands; "" if it can.
// A stale batch of an earlier leader may survive behind a truncation that was
// not synced: it is whole, but its epoch goes back.
func (r *recovery) misfit(s *segment, h header) string {
	switch base, last := h.b.BaseOffset(), h.last(); {
	case h.legacy():
		if last < r.next || !s.fits(last) {
			return fmt.Sprintf("offset %d where %d was expected", last, r.next)
		}
	case base < r.next || last < base || !s.fits(last):
		return fmt.Sprintf("batch [%d, %d] where %d was expected", base, last, r.next)
	case h.epoch() >= 0 && h.epoch() < r.st.epochs.at(base):
		return fmt.Sprintf("batch at %d of leader epoch %d after epoch %d", base, h.epoch(), r.st.epochs.at(base))
	}
	return ""
}

// loadProducers brings the producers to the log end, and keeps a snapshot
// there, as Kafka does, so that the next load need not read batches.
func (l *Log) loadProducers(st *state, end model.Offset, clean bool, now model.Millis) error {
	start := max(l.LogStart(), st.segs[0].base)
	if err := l.dropStraySnapshots(st); err != nil {
		return err
	}
	if err := l.dropSnapshots(st, func(o model.Offset) bool { return o > end || o <= start }); err != nil {
		return err
	}
	if clean && len(st.snaps) == 0 {
		// Cleanly closed without a snapshot: there were no producers, or a
		// Kafka older than idempotence wrote it.
		st.producers.Reset(end)
	} else if err := l.replayProducers(st, end, now); err != nil {
		return err
	}
	err := l.snapshot(st)
	if shortage(err) {
		return nil // the log is of use without
	}
	return err
}

// dropStraySnapshots keeps the snapshots at segment bases, and the newest of
// the others if no segment is newer.
func (l *Log) dropStraySnapshots(st *state) error {
	newest := model.NoOffset
	atBase := func(o model.Offset) bool {
		i := st.floor(o)
		return i >= 0 && st.segs[i].base == o
	}
	for _, o := range st.snaps {
		if !atBase(o) {
			newest = o
		}
	}
	last := st.active().base
	return l.dropSnapshots(st, func(o model.Offset) bool {
		return !atBase(o) && (o != newest || o < last)
	})
}

// replayProducers brings the producers from where they are, or from the newest
// good snapshot, to the offset to.
func (l *Log) replayProducers(st *state, to model.Offset, now model.Millis) error {
	ps := &st.producers
	if ps.End() == to && to > 0 {
		return nil
	}
	start := max(l.LogStart(), st.segs[0].base)
	if ps.End() == 0 || ps.End() > to {
		if err := l.loadSnapshot(st, start, to, now); err != nil {
			return err
		}
	}
	for _, s := range st.segs[max(st.floor(ps.End()), 0):] {
		if s.base >= to || ps.End() >= to {
			break
		}
		if err := l.replaySegment(st, s, to); err != nil {
			return err
		}
	}
	ps.SetEnd(max(to, start))
	return nil
}

// loadSnapshot loads the newest snapshot at or below to; files that are
// damaged are removed.
func (l *Log) loadSnapshot(st *state, start, to model.Offset, now model.Millis) error {
	for i := len(st.snaps) - 1; i >= 0; i-- {
		o := st.snaps[i]
		if o > to {
			continue
		}
		b, err := vfs.ReadFile(l.fs(), filepath.Join(l.Dir(), fileName(o, snapshotSuffix)), maxSnapshot)
		if err != nil {
			return err
		}
		err = st.producers.LoadSnapshot(b, o, now, l.producerExpiry())
		if err == nil {
			return nil
		}
		if !errors.Is(err, record.ErrCorrupt) {
			return err
		}
		if err := l.dropSnapshots(st, func(x model.Offset) bool { return x == o }); err != nil {
			return err
		}
		i = min(i, len(st.snaps))
	}
	st.producers.Reset(start)
	return nil
}

const maxSnapshot = 1 << 30

// replaySegment folds the batches of a segment in [producers.End, to) into the
// producers. Only headers are read, and transaction markers.
func (l *Log) replaySegment(st *state, s *segment, to model.Offset) error {
	if s.size == 0 {
		return nil
	}
	pos, err := s.position(max(st.producers.End(), s.base))
	if err != nil {
		return err
	}
	if err := s.data.pin(false); err != nil {
		return err
	}
	defer s.data.Release()
	w := walk(&s.data, pos, s.size)
	for w.next() && w.err == nil {
		b := w.h.b
		if b.BaseOffset() >= to {
			break
		}
		if w.h.legacy() || w.h.last() < st.producers.End() {
			continue
		}
		if b.HasProducer() && b.Control() {
			if b, err = w.whole(); err != nil {
				break
			}
		}
		st.producers.Apply(b)
	}
	if werr := w.done(); err == nil {
		err = werr
	}
	return err
}

// position is a position at or before the batch that holds o, by the index.
func (s *segment) position(o model.Offset) (int64, error) {
	var row [timeRow]byte
	ok, err := s.offsets.lookup(row[:], byOffset, int64(o-s.base))
	if err != nil || !ok {
		return 0, err
	}
	_, pos := offsetOfRow(s.base, row[:])
	return pos, nil
}
