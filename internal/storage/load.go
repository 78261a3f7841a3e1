package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

// listing is what a partition's directory holds, after the leftovers of
// interrupted work were put in order.
type listing struct {
	bases []model.Offset // of the segments, rising
	names map[string]struct{}
	snaps []model.Offset // of the producer snapshots, rising
}

func (d listing) has(base model.Offset, suffix string) bool {
	_, ok := d.names[fileName(base, suffix)]
	return ok
}

// list reads the directory and finishes or undoes what a crash interrupted
// (LogLoader): .deleted and .cleaned files go, .swap files are the finished
// output of a compaction or split and take the place of what they cover.
func (l *Log) list() (listing, error) {
	names, err := l.fs().ReadDir(l.Dir())
	if errors.Is(err, fs.ErrNotExist) {
		// The directory's entry was never synced, so nothing in it was.
		if err = l.fs().Mkdir(l.Dir()); err == nil && !l.id.IsZero() {
			err = writePartitionMeta(l.fs(), l.Dir(), l.id)
		}
		l.bornAt = l.root.born()
		l.unborn.Store(true)
	}
	if err != nil {
		return listing{}, err
	}
	d := listing{names: make(map[string]struct{}, len(names))}
	cleaned := model.Offset(math.MaxInt64) // base of the first .cleaned file
	var swaps []string
	for _, n := range names {
		d.names[n] = struct{}{}
		o, _ := offsetOfName(n)
		switch {
		case strings.HasSuffix(n, deletedSuffix) && !strings.HasSuffix(n, checkpointDeletedSuffix):
			err = l.drop(&d, n)
		case strings.HasSuffix(n, cleanedSuffix):
			cleaned = min(cleaned, o)
			err = l.drop(&d, n)
		case strings.HasSuffix(n, swapSuffix):
			swaps = append(swaps, n)
		}
		if err != nil {
			return listing{}, err
		}
	}
	if len(swaps) > 0 {
		if err := l.finishSwaps(&d, swaps, cleaned); err != nil {
			return listing{}, err
		}
	}
	return d, l.sortOut(&d)
}

func (l *Log) drop(d *listing, name string) error {
	delete(d.names, name)
	l.dirDirty.Store(true)
	err := l.fs().Remove(filepath.Join(l.Dir(), name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the background was faster
	}
	return err
}

// finishSwaps completes interrupted replacements. A .swap at or above a
// .cleaned file belongs to a split that did not complete (KAFKA-6264).
func (l *Log) finishSwaps(d *listing, swaps []string, cleaned model.Offset) error {
	from, to := model.Offset(math.MaxInt64), model.Offset(math.MinInt64)
	valid := swaps[:0]
	for _, n := range swaps {
		o, ok := offsetOfName(n)
		if !ok || o >= cleaned {
			if err := l.drop(d, n); err != nil {
				return err
			}
			continue
		}
		valid = append(valid, n)
		if !strings.HasSuffix(n, logSuffix+swapSuffix) {
			continue
		}
		end, err := l.endOfFile(o, n)
		if err != nil {
			return err
		}
		from, to = min(from, o), max(to, end)
	}
	for n := range d.names {
		o, ok := offsetOfName(n)
		if ok && o >= from && o < to && !strings.HasSuffix(n, swapSuffix) {
			if err := l.drop(d, n); err != nil {
				return err
			}
		}
	}
	for _, n := range valid {
		to := strings.TrimSuffix(n, swapSuffix)
		if err := l.fs().Rename(filepath.Join(l.Dir(), n), filepath.Join(l.Dir(), to)); err != nil {
			return err
		}
		delete(d.names, n)
		d.names[to] = struct{}{}
	}
	return nil
}

// endOfFile is the offset after the last batch of a data file.
func (l *Log) endOfFile(base model.Offset, name string) (model.Offset, error) {
	var f File
	f.init(l, base, strings.TrimPrefix(name, fileName(base, "")))
	if err := f.pin(false); err != nil {
		return 0, err
	}
	defer f.doom()
	defer f.Release()
	size, err := f.f.Size()
	if err != nil {
		return 0, err
	}
	end := base
	w := walk(&f, 0, size)
	for w.next() {
		end = w.h.last() + 1
	}
	return end, w.done()
}

// sortOut finds segments and snapshots, and removes indexes without data.
func (l *Log) sortOut(d *listing) error {
	for n := range d.names {
		o, ok := offsetOfName(n)
		if !ok {
			continue
		}
		switch n[strings.IndexByte(n, '.'):] {
		case logSuffix:
			d.bases = append(d.bases, o)
		case snapshotSuffix:
			d.snaps = append(d.snaps, o)
		case indexSuffix, timeIndexSuffix, txnIndexSuffix:
			if !d.has(o, logSuffix) {
				if err := l.drop(d, n); err != nil {
					return err
				}
			}
		}
	}
	slices.Sort(d.bases)
	slices.Sort(d.snaps)
	return nil
}

// loadState opens the log. The caller holds mu.
func (l *Log) loadState(now model.Millis) (*state, error) {
	d, err := l.list()
	if err != nil {
		return nil, err
	}
	st := &state{snaps: d.snaps}
	cfg := l.Config()
	for _, base := range d.bases {
		s := l.newSegment(base, cfg)
		s.exists, s.created = true, now
		s.txns.absent = !d.has(base, txnIndexSuffix)
		i, err := l.fs().Stat(s.data.path())
		if err != nil {
			return nil, err
		}
		s.size = i.Size
		st.segs = append(st.segs, s)
	}
	end, clean, err := l.openSegments(st, d, now)
	if err != nil {
		l.doomAll(st)
		return nil, err
	}
	l.finishLoad(st, end, clean)
	if err := l.check(st); err != nil {
		l.doomAll(st)
		return nil, err
	}
	return st, nil
}

// openSegments makes the segments usable and returns the log end. clean is
// false if the data had to be checked.
func (l *Log) openSegments(st *state, d listing, now model.Millis) (end model.Offset, clean bool, err error) {
	start := l.LogStart()
	clean = l.clean
	if st.epochs, err = l.readEpochs(&clean); err != nil {
		return 0, false, err
	}
	if clean {
		if end, clean, err = l.openClean(st, d); err != nil {
			return 0, false, err
		}
		end = max(end, l.keptEnd)
	}
	if !clean {
		if end, err = l.recoverSegments(st, d, now); err != nil {
			return 0, false, err
		}
		if end > l.RecoveryPoint() {
			// Nothing about these records was synced, their files' names
			// included.
			l.dirDirty.Store(true)
		}
	}
	if len(st.segs) > 0 && end < start {
		// Segment files were removed by hand: what is left lies wholly below
		// the log start.
		l.root.warnf("Deleting all segments of %s because logEndOffset (%d) is smaller than logStartOffset %d. "+
			"This could happen if segment files were deleted from the file system.", l.tp, end, start)
		if err := l.retireAll(st, st.segs, now); err != nil {
			return 0, false, err
		}
		st.segs = nil
		st.epochs.entries = nil
	}
	if len(st.segs) == 0 {
		s := l.newSegment(start, l.Config())
		s.fresh(now)
		st.segs, end = []*segment{s}, start
		if start > 0 {
			if err := s.make(); err != nil {
				return 0, false, err
			}
		}
	}
	return end, clean, l.loadProducers(st, end, clean, now)
}

// readEpochs reads the leader epochs. After a clean shutdown a file that
// cannot be read means that nothing can be trusted; otherwise recovery finds
// the epochs again.
func (l *Log) readEpochs(trusted *bool) (epochCache, error) {
	path := filepath.Join(l.Dir(), epochCheckpointName)
	c, err := readEpochs(l.fs(), path)
	if err == nil {
		return c, nil
	}
	if ok, eerr := vfs.Exists(l.fs(), path); eerr != nil || !ok {
		return c, err
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return c, err
	}
	*trusted = false
	l.recovery.Store(0)
	return epochCache{disk: []epochEntry{{epoch: -1}}}, nil // write it again
}

// openClean opens segments whose files are complete. ok is false if they turn
// out not to be.
func (l *Log) openClean(st *state, d listing) (end model.Offset, ok bool, err error) {
	for _, s := range st.segs {
		if d.has(s.base, indexSuffix) && d.has(s.base, timeIndexSuffix) {
			continue
		}
		// Somebody removed an index, or Kafka made none for an old segment.
		l.root.warnf("Could not find offset index file corresponding to log file %s, recovering segment and rebuilding index files...", s.data.path())
		if end, err = l.rebuildIndexes(s); err != nil {
			return 0, false, err
		}
	}
	if len(st.segs) == 0 {
		return 0, true, nil
	}
	s := st.active()
	if err := s.offsets.load(); err != nil {
		return 0, false, err
	}
	last, pos := s.offsets.lastOffset(s.base)
	if pos > s.size || last < s.base {
		return 0, false, nil
	}
	if err := s.loadMax(); err != nil {
		return 0, false, err
	}
	if err := s.data.pin(false); err != nil {
		return 0, false, err
	}
	defer s.data.Release()
	w := walk(&s.data, pos, s.size)
	for end = s.base; w.next(); {
		end = w.h.last() + 1
	}
	whole := w.pos == s.size
	if err := w.done(); err != nil && !errors.Is(err, ErrCorrupt) {
		return 0, false, err
	}
	return end, whole, nil
}

// rebuildIndexes makes the indexes of a segment from its data, without
// checking CRCs. It returns the segment's end.
func (l *Log) rebuildIndexes(s *segment) (model.Offset, error) {
	s.offsets.reset()
	s.times.reset()
	s.maxTime, s.maxAt, s.maxKnown, s.sinceRow = -1, s.base, true, 0
	if err := s.data.pin(false); err != nil {
		return 0, err
	}
	defer s.data.Release()
	end := s.base
	w := walk(&s.data, 0, s.size)
	for w.next() {
		s.note(w.at, w.size, w.h.last(), w.h.maxTime(), l.Config().IndexIntervalBytes)
		end = w.h.last() + 1
	}
	if err := w.done(); err != nil {
		return 0, err
	}
	l.dirDirty.Store(true)
	return end, s.seal()
}

// finishLoad puts the loaded state in force.
func (l *Log) finishLoad(st *state, end model.Offset, clean bool) {
	start := max(l.LogStart(), st.segs[0].base)
	st.epochs.truncateEnd(end)
	st.epochs.truncateStart(start)
	recovery := min(l.RecoveryPoint(), end)
	if clean {
		recovery = end
	}
	if l.pending != model.NoEpoch {
		st.epochs.assign(l.pending, end)
		l.pending = model.NoEpoch
	}
	l.st = st
	l.publish(start, end, recovery)
}

// doomAll lets go of the files of a state.
func (l *Log) doomAll(st *state) {
	for _, s := range st.segs {
		for _, f := range s.files() {
			f.doom()
		}
	}
}

// retireAll renames the files of segments that are no longer part of the log,
// in rising order, and their producer snapshots.
func (l *Log) retireAll(st *state, segs []*segment, now model.Millis) error {
	at := now + l.Config().FileDeleteDelayMs
	if now == 0 {
		at = 0
	}
	for _, s := range segs {
		if s.exists {
			if err := s.retire(at); err != nil {
				return err
			}
		}
		if err := l.dropSnapshots(st, func(o model.Offset) bool { return o == s.base }); err != nil {
			return err
		}
	}
	return nil
}

// dropSnapshots removes the producer snapshots that match.
func (l *Log) dropSnapshots(st *state, match func(model.Offset) bool) error {
	var failed error
	gone := func(o model.Offset) bool {
		if failed != nil || !match(o) {
			return false
		}
		err := l.fs().Remove(filepath.Join(l.Dir(), fileName(o, snapshotSuffix)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = fmt.Errorf("remove snapshot: %w", err)
			return false
		}
		l.dirDirty.Store(true)
		return true
	}
	st.snaps = slices.DeleteFunc(st.snaps, gone)
	st.newSnaps = slices.DeleteFunc(st.newSnaps, func(o model.Offset) bool { return !slices.Contains(st.snaps, o) })
	return failed
}
