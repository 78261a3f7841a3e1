package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"gregor/internal/model"
	"gregor/internal/record"
)

// header is the head of a batch of any format. Logs that Kafka 0.8 to 0.10
// wrote may still hold batches of magic 0 and 1; of those only the offset (of
// the last message when compressed), the size and the time are known.
type header struct{ b record.Batch }

const (
	legacyCRC  = 12
	legacyTime = 18 // magic 1
)

func (h header) legacy() bool { return h.b.Magic() < record.Magic }

func (h header) last() model.Offset {
	if h.legacy() {
		return h.b.BaseOffset()
	}
	return h.b.LastOffset()
}

func (h header) maxTime() model.Millis {
	switch h.b.Magic() {
	case 0:
		return record.NoTimestamp
	case 1:
		return model.Millis(binary.BigEndian.Uint64(h.b[legacyTime:]))
	}
	return h.b.MaxTimestamp()
}

func (h header) epoch() model.LeaderEpoch {
	if h.legacy() {
		return model.NoEpoch
	}
	return h.b.LeaderEpoch()
}

// valid checks the CRC of a whole batch.
func (h header) valid() bool {
	if h.legacy() {
		return crc32.ChecksumIEEE(h.b[legacyCRC+4:]) == binary.BigEndian.Uint32(h.b[legacyCRC:])
	}
	return h.b.Valid()
}

// walker goes from batch to batch over the headers in [pos, end) of a data
// file. The caller holds the file and calls done at the end.
//
//	for w := walk(f, pos, end); w.next(); {
//		w.at, w.size, w.h ...
//	}
//	err := w.done()
type walker struct {
	f        *File
	pos, end int64
	at       int64 // position of the batch next went to
	size     int64 // of it, in bytes
	h        header
	buf      *[scanSize]byte
	lo, hi   int64 // what of the file is in buf
	err      error
}

func walk(f *File, pos, end int64) walker {
	return walker{f: f, pos: pos, end: end, buf: scans.Get().(*[scanSize]byte)}
}

// next goes to the next batch that lies wholly before end. False at the end,
// before an incomplete batch, and after an error.
func (w *walker) next() bool {
	w.at, w.size = w.pos, 0
	if w.err != nil || w.end-w.pos < record.PrefixSize {
		return false
	}
	need := min(record.HeaderSize, w.end-w.pos)
	if w.pos < w.lo || w.pos+need > w.hi {
		if w.err = w.fill(); w.err != nil {
			return false
		}
	}
	b := w.buf[w.pos-w.lo : w.pos-w.lo+need]
	size, err := record.SizeOf(b)
	if err != nil {
		w.err = fmt.Errorf("%w: %s at position %d: %v", ErrCorrupt, w.f.path(), w.pos, err)
		return false
	}
	if int64(size) > w.end-w.pos {
		return false
	}
	w.h, w.size = header{record.Batch(b)}, int64(size)
	w.pos += w.size
	return true
}

func (w *walker) fill() error {
	n := min(scanSize, w.end-w.pos)
	if m, err := w.f.ReadAt(w.buf[:n], w.pos); int64(m) < n {
		if err == nil || errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: %s ends at %d, before its known end %d", ErrCorrupt, w.f.path(), w.pos+int64(m), w.end)
		}
		return err
	}
	w.lo, w.hi = w.pos, w.pos+n
	return nil
}

// done gives the buffer back; the header of the last batch is gone with it.
func (w *walker) done() error {
	scans.Put(w.buf)
	w.buf, w.h = nil, header{}
	return w.err
}

// whole reads the batch next went to, for the few that must be looked into.
func (w *walker) whole() (record.Batch, error) {
	b := make([]byte, w.size)
	if _, err := w.f.ReadAt(b, w.at); err != nil {
		return nil, err
	}
	return record.Batch(b), nil
}

// find goes to the batch that holds target, or the first one after it.
func (w *walker) find(target model.Offset) bool {
	for w.next() {
		if w.h.last() >= target {
			return true
		}
	}
	return false
}

// checker reads a data file front to back in large pieces and checks every
// batch's CRC. It is what recovery trusts.
type checker struct {
	f        *File
	pos, end int64
	buf      []byte
	lo, hi   int64
	at       int64
	b        record.Batch
	why      string // why next stopped before end
	err      error  // reading failed
}

const checkSize = 1 << 20

func (c *checker) next() bool {
	if c.pos == c.end {
		return false
	}
	if !c.have(record.PrefixSize) {
		return false
	}
	size, err := record.SizeOf(c.buf[c.pos-c.lo:])
	if err != nil {
		c.why = err.Error()
		return false
	}
	if !c.have(int64(size)) {
		return false
	}
	b := record.Batch(c.buf[c.pos-c.lo : c.pos-c.lo+int64(size)])
	if !(header{b}).valid() {
		c.why = fmt.Sprintf("Record is corrupt (stored crc = %d)", b.CRC())
		return false
	}
	c.at, c.b = c.pos, b
	c.pos += int64(size)
	return true
}

// have brings n bytes from pos on into buf; false at the end of the file.
func (c *checker) have(n int64) bool {
	if c.pos >= c.lo && c.pos+n <= c.hi {
		return true
	}
	if c.pos+n > c.end {
		c.why = "incomplete batch"
		return false
	}
	want := min(max(n, checkSize), c.end-c.pos)
	if int64(cap(c.buf)) < want {
		c.buf = make([]byte, want)
	}
	c.buf = c.buf[:want]
	if _, err := c.f.ReadAt(c.buf, c.pos); err != nil {
		c.err = err
		return false
	}
	c.lo, c.hi = c.pos, c.pos+want
	return true
}
