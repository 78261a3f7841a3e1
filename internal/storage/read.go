package storage

import (
	"errors"

	"gregor/internal/model"
	"gregor/internal/record"
)

// Fetch is a piece of one segment as Read found it.
type Fetch struct {
	File       *File        // nil when Len is 0; Release it
	Off        int64        // position of the first batch in File
	Len        int          // bytes; whole batches only
	Next       model.Offset // where the next read goes on; the offset asked for when Len is 0
	Incomplete bool         // a batch is there but larger than maxBytes, and minOne was not set
}

// hint is a batch border that a read found: offset at begins at pos in the
// segment at base. Readers go on where they stopped, so a few hints spare
// nearly all searching.
type hint struct {
	base, at model.Offset
	pos      int64
}

const hintCount = 8

func (st *state) hint(base, at model.Offset) (int64, bool) {
	for i := range st.hints {
		if h := &st.hints[i]; h.at == at && h.base == base && h.pos > 0 {
			return h.pos, true
		}
	}
	return 0, false
}

func (st *state) addHint(base, at model.Offset, pos int64) {
	if _, ok := st.hint(base, at); ok || pos == 0 {
		return
	}
	st.hints[st.nextHint] = hint{base, at, pos}
	st.nextHint = (st.nextHint + 1) % hintCount
}

// Read finds the bytes from the batch that holds offset from (or, where
// compaction left a gap, the first one after it) up to bound (exclusive; a
// batch border such as the high watermark, or NoOffset for the log end),
// within one segment and at most maxBytes, in whole batches. With minOne the
// first batch is returned even if it alone exceeds maxBytes. from == log end,
// or from >= bound, gives an empty Fetch. ErrOutOfRange (*RangeError) outside
// of [log start, log end].
//
// Kafka cuts at maxBytes inside a batch and leaves it to the client to drop
// the torn end; whole batches are the same records in fewer bytes.
func (l *Log) Read(from, bound model.Offset, maxBytes int, minOne bool) (Fetch, error) {
	for range 3 {
		f, retry, err := l.read(from, bound, maxBytes, minOne)
		if !retry {
			return f, l.failed("read", err)
		}
	}
	return Fetch{Next: from}, ErrCorrupt
}

// piece is the read of one segment.
type piece struct {
	st       *state
	s        *segment
	from     model.Offset
	pos, end int64        // where to start looking, where the segment ends
	exact    bool         // pos is the batch from lies in
	endAt    model.Offset // the offset at end
	version  uint32
	view     indexView
	disk     bool
}

// read is Read; retry says that a truncation came between.
func (l *Log) read(from, bound model.Offset, maxBytes int, minOne bool) (f Fetch, retry bool, err error) {
	f.Next = from
	l.mu.Lock()
	st, err := l.loadedLocked(0)
	if err != nil {
		l.mu.Unlock()
		return f, false, err
	}
	start, end := l.LogStart(), l.LogEnd()
	if from < start || from > end {
		l.mu.Unlock()
		return f, false, &RangeError{Offset: int64(from), Start: int64(start), End: int64(end), Partition: l.tp.String()}
	}
	if bound >= 0 && bound < end {
		end = bound
	}
	for i := st.floor(from); i < len(st.segs) && from < end; i++ {
		p, ok, err := l.pieceLocked(st, i, max(from, st.segs[i].base), end)
		if err != nil || !ok {
			if err != nil {
				l.mu.Unlock()
				return f, false, err
			}
			continue
		}
		l.mu.Unlock()
		f, found, err := l.readPiece(p, from, maxBytes, minOne)
		if found || err != nil {
			return l.vet(p, f, err)
		}
		l.mu.Lock() // the segment's records end before from: on to the next
		if l.st != st || st.truncated != p.version {
			l.mu.Unlock()
			return f, true, nil
		}
	}
	l.mu.Unlock()
	return f, false, nil
}

// vet decides what an error of a read that ran beside a truncation is worth.
func (l *Log) vet(p piece, f Fetch, err error) (Fetch, bool, error) {
	if err == nil {
		return f, false, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	retry := l.st != p.st || p.st.truncated != p.version
	return f, retry, err
}

// pieceLocked finds what of segment i may be read, and pins its file. ok is
// false if there is nothing.
func (l *Log) pieceLocked(st *state, i int, from, end model.Offset) (p piece, ok bool, err error) {
	s := st.segs[i]
	p = piece{st: st, s: s, from: from, end: s.size, endAt: end, version: st.truncated}
	if s.size == 0 || s.base >= end {
		return p, false, nil
	}
	if i+1 < len(st.segs) && st.segs[i+1].base <= end {
		p.endAt = st.segs[i+1].base
	} else if end < l.LogEnd() {
		if p.end, err = l.borderLocked(st, s, end); err != nil {
			return p, false, err
		}
	}
	if p.pos, p.exact = st.hint(s.base, from); !p.exact {
		p.exact = from == s.base
	}
	if !p.exact {
		if p.pos, p.view, p.disk, err = st.seek(s, byOffset, int64(from-s.base)); err != nil {
			return p, false, err
		}
	}
	if p.pos >= p.end && !p.disk {
		return p, false, nil
	}
	if err := s.data.pin(false); err != nil {
		if p.disk {
			p.view.file.Release()
		}
		return p, false, err
	}
	return p, true, nil
}

// borderLocked is the position of offset o, a batch border, in s: the high
// watermark of a log whose last records are not replicated yet.
func (l *Log) borderLocked(st *state, s *segment, o model.Offset) (int64, error) {
	if pos, ok := st.hint(s.base, o); ok {
		return pos, nil
	}
	pos, err := s.position(o)
	if err != nil {
		return 0, err
	}
	if err := s.data.pin(false); err != nil {
		return 0, err
	}
	defer s.data.Release()
	w := walk(&s.data, pos, s.size)
	if w.find(o) {
		pos = w.at
	} else {
		pos = w.pos
	}
	if err := w.done(); err != nil {
		return 0, err
	}
	st.addHint(s.base, o, pos)
	return pos, nil
}

// seek is the position of the last row of the offset index with a key <= most
// (0 if there is none), without reading from disk: it returns the view to
// search, with its file pinned, if the row is not in memory.
func (st *state) seek(s *segment, k rowKey, most int64) (pos int64, v indexView, disk bool, err error) {
	if err := s.offsets.load(); err != nil {
		return 0, v, false, err
	}
	var row [timeRow]byte
	ok := st.block.lookup(row[:], s.base, st.truncated, k, most)
	if !ok {
		v, disk, ok, err = s.offsets.find(row[:], k, most)
	}
	if ok && err == nil {
		_, pos = offsetOfRow(s.base, row[:])
	}
	return pos, v, disk, err
}

// searchDisk finishes what seek left, and keeps what it read for the next one.
func (l *Log) searchDisk(p piece, v indexView, k rowKey, most int64) (int64, error) {
	defer v.file.Release()
	var row [timeRow]byte
	kept := &rowBlock{base: p.s.base, version: p.version}
	n, err := v.search(row[:], k, most, kept)
	if err != nil || n == 0 {
		return 0, err
	}
	l.mu.Lock()
	p.st.block = kept
	l.mu.Unlock()
	_, pos := offsetOfRow(p.s.base, row[:])
	return pos, nil
}

// readPiece finds the batches of p. found is false if all batches of the
// segment end before from; the pins of p are then given back.
func (l *Log) readPiece(p piece, from model.Offset, maxBytes int, minOne bool) (f Fetch, found bool, err error) {
	f.Next = from
	if p.disk {
		p.pos, err = l.searchDisk(p, p.view, byOffset, int64(p.from-p.s.base))
	}
	first := int64(-1) // size of the first batch
	if err == nil && !p.exact {
		w := walk(&p.s.data, p.pos, p.end)
		if w.find(p.from) {
			p.pos, first = w.at, w.size
		} else {
			p.pos = p.end
		}
		err = w.done()
	}
	if err != nil || p.pos >= p.end {
		p.s.data.Release()
		return f, false, err
	}
	end, next, err := l.cut(p, first, int64(maxBytes), minOne)
	if err == nil && end > p.pos {
		f.File, f.Off, f.Len, f.Next = &p.s.data, p.pos, int(end-p.pos), next
		l.mu.Lock()
		if p.st.truncated == p.version {
			p.st.addHint(p.s.base, next, end)
		}
		l.mu.Unlock()
		return f, true, nil
	}
	p.s.data.Release()
	f.Incomplete = err == nil
	return f, true, err
}

// cut finds the end of the piece that begins at p.pos: the last batch border
// within maxBytes, and the offset there.
func (l *Log) cut(p piece, first, maxBytes int64, minOne bool) (int64, model.Offset, error) {
	if p.end-p.pos <= maxBytes {
		return p.end, p.endAt, nil
	}
	limit := p.pos + max(maxBytes, 0)
	at, err := l.rowBefore(p, limit)
	if err != nil {
		return 0, 0, err
	}
	if at <= p.pos && first > maxBytes && !minOne {
		return p.pos, 0, nil
	}
	w := walk(&p.s.data, max(at, p.pos), p.end)
	end, next := p.pos, model.NoOffset
	for w.next() {
		if w.pos > limit && !(minOne && w.at == p.pos) {
			// Where this batch begins is where the piece ends.
			end, next = w.at, w.h.b.BaseOffset()
			break
		}
		end, next = w.pos, w.h.last()+1
		if w.pos >= limit {
			break
		}
	}
	if next != model.NoOffset && end == p.end {
		next = p.endAt
	}
	return end, next, w.done()
}

// rowBefore is the position of the last indexed batch that begins at or before
// limit; 0 if there is none.
func (l *Log) rowBefore(p piece, limit int64) (int64, error) {
	l.mu.Lock()
	if l.st != p.st {
		l.mu.Unlock()
		return 0, nil // unloaded meanwhile: do without the index
	}
	pos, v, disk, err := p.st.seek(p.s, byPosition, limit)
	l.mu.Unlock()
	if errors.Is(err, ErrDeleted) {
		return 0, nil // retention was faster: the data file is held, the index gone
	}
	if !disk || err != nil {
		return pos, err
	}
	return l.searchDisk(p, v, byPosition, limit)
}

// BytesBetween is about how many bytes lie between two offsets: exact at
// segment borders and the log end, within an index interval elsewhere.
func (l *Log) BytesBetween(from, to model.Offset) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st, err := l.loadedLocked(0)
	if err != nil {
		return 0, err
	}
	a, err := l.bytesBefore(st, max(from, l.LogStart()))
	if err != nil {
		return 0, err
	}
	b, err := l.bytesBefore(st, min(to, l.LogEnd()))
	return max(b-a, 0), err
}

func (l *Log) bytesBefore(st *state, o model.Offset) (n int64, err error) {
	i := st.floor(o)
	if i < 0 {
		return 0, nil
	}
	for _, s := range st.segs[:i] {
		n += s.size
	}
	s := st.segs[i]
	if o >= l.LogEnd() {
		return n + s.size, nil
	}
	if pos, ok := st.hint(s.base, o); ok {
		return n + pos, nil
	}
	pos, err := s.position(o)
	return n + pos, l.failed("read", err)
}

// AbortedTxn is an aborted transaction of a fetch response.
type AbortedTxn struct {
	Producer    model.ProducerID
	FirstOffset model.Offset
}

// AbortedTxns are the aborted transactions whose records a read of [from, to)
// may meet, in the order of their markers.
func (l *Log) AbortedTxns(from, to model.Offset) ([]AbortedTxn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st, err := l.loadedLocked(0)
	if err != nil {
		return nil, err
	}
	var out []AbortedTxn
	for _, s := range st.segs[max(st.floor(from), 0):] {
		if err := s.txns.load(); err != nil {
			return nil, l.failed("read", err)
		}
		for _, e := range s.txns.entries {
			if e.last >= from && e.first < to {
				out = append(out, AbortedTxn{e.producer, e.first})
			}
			if e.lastStable >= to {
				return out, nil
			}
		}
	}
	return out, nil
}

// readBatch reads the batch at pos of a segment whose file is held.
func readBatch(f *File, pos, size int64) (record.Batch, error) {
	b := make([]byte, size)
	if _, err := f.ReadAt(b, pos); err != nil {
		return nil, err
	}
	return record.Batch(b), nil
}
