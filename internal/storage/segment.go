package storage

import (
	"errors"
	"io/fs"

	"gregor/internal/model"
)

// segment is one segment of a log: data from base on, and its indexes.
//
// Guarded by Log.mu, except data, which guards itself.
//
// *Invariant:* bytes [0, size) of data are whole batches; offsets rise from
// base on. What lies beyond size was never acknowledged.
type segment struct {
	base    model.Offset
	data    File
	offsets sparse
	times   sparse
	txns    txnIndex

	size      int64
	allocated int64 // blocks are reserved up to here
	exists    bool  // the files were made
	cut       bool  // data was truncated since its last sync
	// sinceRow counts bytes since the start of the batch that got the last
	// index row, or since the segment was opened.
	sinceRow int64

	// maxTime and maxAt are the largest batch timestamp and the last offset of
	// the first batch that has it; known once read or rebuilt.
	maxTime   model.Millis
	maxAt     model.Offset
	maxKnown  bool
	rollTime  model.Millis // largest timestamp of the first batch
	rollKnown bool
	created   model.Millis // 0: not known yet
	jitter    model.Millis
}

func (l *Log) newSegment(base model.Offset, cfg *Config) *segment {
	s := &segment{base: base, maxTime: -1, maxAt: base}
	s.data.init(l, base, logSuffix)
	s.offsets.init(l, base, indexSuffix, offsetRow, cfg.SegmentIndexBytes)
	s.times.init(l, base, timeIndexSuffix, timeRow, cfg.SegmentIndexBytes)
	s.txns.file.init(l, base, txnIndexSuffix)
	s.jitter = l.jitter(base, cfg)
	return s
}

// fresh marks a segment that starts empty.
func (s *segment) fresh(now model.Millis) {
	s.offsets.known, s.times.known, s.txns.known, s.maxKnown = true, true, true, true
	s.created = now
}

// jitter is a number below segment.jitter.ms, the same for a segment each time.
func (l *Log) jitter(base model.Offset, cfg *Config) model.Millis {
	if cfg.SegmentJitterMs <= 0 {
		return 0
	}
	z := uint64(l.tp.Partition) + uint64(base)*0x9e3779b97f4a7c15 // splitmix64
	for _, c := range []byte(l.tp.Topic) {
		z = (z ^ uint64(c)) * 0x100000001b3
	}
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return model.Millis(z % uint64(min(cfg.SegmentJitterMs, max(cfg.SegmentMs, 1))))
}

// fits reports whether o can be written relative to base.
func (s *segment) fits(o model.Offset) bool {
	return o >= s.base && o-s.base <= 1<<31-1
}

// note follows an appended batch at position pos: largest timestamp, and an
// index row once interval bytes went by since the last one (LogSegment.append).
func (s *segment) note(pos, size int64, last model.Offset, maxTime model.Millis, interval int) {
	if maxTime > s.maxTime {
		s.maxTime, s.maxAt = maxTime, last
	}
	if pos == 0 {
		s.rollTime, s.rollKnown = maxTime, true
	}
	if s.sinceRow > int64(interval) {
		s.offsets.appendOffset(s.base, last, pos)
		s.times.appendTime(s.base, s.maxTime, s.maxAt)
		s.sinceRow = 0
	}
	s.sinceRow += size
}

// loadMax finds the segment's largest timestamp: the last row of the time
// index, which sealing and closing complete.
func (s *segment) loadMax() error {
	if s.maxKnown {
		return nil
	}
	if err := s.times.load(); err != nil {
		return err
	}
	s.maxTime, s.maxAt = s.times.lastTime(s.base)
	s.maxKnown = true
	return nil
}

// largestTime is the age retention goes by: the largest timestamp, or the
// file's modification time if no batch has one.
func (s *segment) largestTime() (model.Millis, error) {
	if err := s.loadMax(); err != nil {
		return 0, err
	}
	if s.maxTime >= 0 {
		return s.maxTime, nil
	}
	if !s.exists {
		return s.created, nil
	}
	st, err := s.data.log.fs().Stat(s.data.path())
	return model.Millis(st.ModTime), err
}

// loadRollTime reads the first batch of a segment opened with data in it.
func (s *segment) loadRollTime() error {
	if s.rollKnown || s.size == 0 {
		return nil
	}
	if err := s.data.pin(false); err != nil {
		return err
	}
	defer s.data.Release()
	w := walk(&s.data, 0, s.size)
	if w.next() {
		s.rollTime = w.h.maxTime()
	} else {
		s.rollTime = -1
	}
	s.rollKnown = true
	return w.done()
}

// waited is how long the segment has waited to be rolled by time: measured by
// the records' own time where they have one.
func (s *segment) waited(now, recordTime model.Millis) model.Millis {
	if s.rollKnown && s.rollTime >= 0 {
		return recordTime - s.rollTime
	}
	return now - s.created
}

// make creates the segment's files, so that the directory looks the same as
// Kafka's from the first record on.
func (s *segment) make() error {
	if s.exists {
		return nil
	}
	l := s.data.log
	for _, f := range []*File{&s.data, &s.offsets.file, &s.times.file} {
		vf, err := l.fs().Create(f.path())
		if err != nil {
			return err
		}
		if err := vf.Close(); err != nil {
			return err
		}
	}
	s.exists = true
	l.dirDirty.Store(true)
	return nil
}

// seal writes the indexes completely and gives unused blocks back
// (LogSegment.onBecomeInactiveSegment).
func (s *segment) seal() error {
	if !s.exists {
		return nil
	}
	if s.maxKnown && s.times.known {
		s.times.appendTime(s.base, s.maxTime, s.maxAt)
	}
	for _, x := range []*sparse{&s.offsets, &s.times} {
		if !x.known {
			continue
		}
		if err := x.spill(0, true); err != nil {
			return err
		}
	}
	return s.trim()
}

// trim cuts the data file to what counts, and frees what was reserved.
func (s *segment) trim() error {
	if s.allocated <= s.size {
		return nil
	}
	if err := s.data.pin(false); err != nil {
		return err
	}
	defer s.data.Release()
	if err := s.data.f.Truncate(s.size); err != nil {
		return err
	}
	s.allocated = 0
	return nil
}

// files are the open-able files of the segment.
func (s *segment) files() [4]*File {
	return [4]*File{&s.data, &s.offsets.file, &s.times.file, &s.txns.file}
}

// retire marks the files for deletion by renaming them, data last so that a
// crash in between leaves no index without a reason, and lets go of them.
func (s *segment) retire(at model.Millis) error {
	l := s.data.log
	files := s.files()
	for i := len(files) - 1; i >= 0; i-- {
		f := files[i]
		path := f.path()
		f.doom() // first: a flush in flight must not look for it by its old name
		err := l.fs().Rename(path, path+deletedSuffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		l.root.deleteLater(path+deletedSuffix, at)
	}
	l.dirDirty.Store(true)
	return nil
}
