package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"gregor/internal/model"
)

// RangeFile is an open file that a records field may be a range of. A
// vfs.File is one.
type RangeFile interface {
	ReadAt(p []byte, off int64) (n int, err error)
	// Fd is the descriptor for sendfile, negative if there is none.
	Fd() int
}

// Records is a records field: batches as they stand in a log. Null is a nil
// Bytes without a File. A decoded one has only Bytes, which alias the frame;
// for encoding it may be a range of a file instead.
type Records struct {
	Bytes []byte
	File  RangeFile
	Off   int64 // of the range in File
	Len   int   // bytes of the range
}

// Size is the number of bytes.
func (r Records) Size() int {
	if r.File != nil {
		return r.Len
	}
	return len(r.Bytes)
}

// Segment is a piece of an encoded message: bytes, or a range of a file.
type Segment struct {
	Bytes []byte
	File  RangeFile // nil: Bytes
	Off   int64
	Len   int // bytes, of either
}

// refBytes is the size from which records in memory become a segment of
// their own instead of being copied.
const refBytes = 4 << 10

// Writer puts messages together, in memory that Reset keeps for the next one.
// It remembers the first error. Records of 4 KiB and more, and file ranges,
// are not copied but stand between the Writer's own bytes in Segments, so
// they must stay as they are until the segments are written.
//
// The zero value is ready for use.
type Writer struct {
	buf   []byte
	cuts  []cut
	extra int // bytes in cuts
	out   []Segment
	err   error
	whole bool // no cuts: everything goes into buf
}

// cut is a segment that stands after the first at bytes of buf.
type cut struct {
	at  int
	seg Segment
}

// Reset empties w and keeps its memory.
func (w *Writer) Reset() {
	clear(w.cuts)
	clear(w.out)
	w.buf, w.cuts, w.out, w.extra, w.err = w.buf[:0], w.cuts[:0], w.out[:0], 0, nil
}

// Err is the first error.
func (w *Writer) Err() error { return w.err }

// Len is the number of bytes written, with those of files.
func (w *Writer) Len() int { return len(w.buf) + w.extra }

// Cap is the memory that Reset keeps, for pools that drop large writers.
func (w *Writer) Cap() int { return cap(w.buf) }

// Segments are the pieces in order. They are valid until the next use of w.
func (w *Writer) Segments() []Segment {
	w.out = w.out[:0]
	from := 0
	for _, c := range w.cuts {
		if c.at > from {
			w.out = append(w.out, Segment{Bytes: w.buf[from:c.at], Len: c.at - from})
			from = c.at
		}
		w.out = append(w.out, c.seg)
	}
	if from < len(w.buf) {
		w.out = append(w.out, Segment{Bytes: w.buf[from:], Len: len(w.buf) - from})
	}
	return w.out
}

// Bytes is everything written, in one piece; file ranges are read. Without
// large records it is the Writer's own memory, valid until the next use.
func (w *Writer) Bytes() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	if len(w.cuts) == 0 {
		return w.buf, nil
	}
	out := make([]byte, 0, w.Len())
	for _, s := range w.Segments() {
		if s.File == nil {
			out = append(out, s.Bytes...)
			continue
		}
		var err error
		if out, err = appendRange(out, s.File, s.Off, s.Len); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func appendRange(dst []byte, f RangeFile, off int64, n int) ([]byte, error) {
	at := len(dst)
	dst = append(dst, make([]byte, n)...)
	if m, err := f.ReadAt(dst[at:], off); m < n {
		return dst[:at], fmt.Errorf("reading %d bytes of records at offset %d of their file: %w", n, off, err)
	}
	return dst, nil
}

// Write appends raw bytes.
func (w *Writer) Write(p []byte) (int, error) {
	w.buf = append(w.buf, p...)
	return len(p), nil
}

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// ErrUnsupportedField is wrapped by the error of encoding a message in a
// version that lacks a field which is set and may not be dropped.
var ErrUnsupportedField = errors.New("the version has no such field")

func (w *Writer) unsupported(name string, v int16) {
	w.fail(fmt.Errorf("attempted to write a non-default %s at version %d: %w", name, v, ErrUnsupportedField))
}

func (w *Writer) badVersion(lo, hi, v int16) {
	w.fail(fmt.Errorf("version %d is not defined, only %d to %d are", v, lo, hi))
}

func (w *Writer) nullField(name string) {
	w.fail(fmt.Errorf("%s is null, which it may not be", name))
}

//go:noinline
func (w *Writer) i8(v int8) { w.buf = append(w.buf, byte(v)) }

//go:noinline
func (w *Writer) bool(v bool) {
	if v {
		w.i8(1)
		return
	}
	w.i8(0)
}

func (w *Writer) u16(v uint16) { w.i16(int16(v)) }

//go:noinline
func (w *Writer) i16(v int16)  { w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(v)) }
func (w *Writer) u32(v uint32) { w.i32(int32(v)) }

//go:noinline
func (w *Writer) i32(v int32) { w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(v)) }

//go:noinline
func (w *Writer) i64(v int64)   { w.buf = binary.BigEndian.AppendUint64(w.buf, uint64(v)) }
func (w *Writer) f64(v float64) { w.i64(int64(math.Float64bits(v))) }

//go:noinline
func (w *Writer) uuid(v *model.UUID) { w.buf = append(w.buf, v[:]...) }

//go:noinline
func (w *Writer) uvarint(v uint32) {
	if v < 0x80 {
		w.buf = append(w.buf, byte(v))
		return
	}
	w.buf = binary.AppendUvarint(w.buf, uint64(v))
}

// length writes the length of bytes or records or a list.
func (w *Writer) length(flex bool, n int) {
	if n > math.MaxInt32 {
		w.fail(fmt.Errorf("a list or byte field of %d is too long", n))
		return
	}
	if flex {
		w.uvarint(uint32(n + 1))
		return
	}
	w.i32(int32(n))
}

// null writes the length of a null, if there may be one.
func (w *Writer) null(flex, may bool, name string) {
	if !may {
		w.nullField(name)
		return
	}
	w.length(flex, -1)
}

func (w *Writer) str(flex bool, s, name string) {
	if len(s) > math.MaxInt16 {
		w.fail(fmt.Errorf("%s is a string of %d bytes, more than %d", name, len(s), math.MaxInt16))
		return
	}
	if flex {
		w.uvarint(uint32(len(s) + 1))
	} else {
		w.i16(int16(len(s)))
	}
	w.buf = append(w.buf, s...)
}

func (w *Writer) nstr(flex, may bool, s *string, name string) {
	switch {
	case s != nil:
		w.str(flex, *s, name)
	case !may:
		w.nullField(name)
	case flex:
		w.uvarint(0)
	default:
		w.i16(-1)
	}
}

func (w *Writer) bytes(flex bool, b []byte) {
	w.length(flex, len(b))
	w.buf = append(w.buf, b...)
}

func (w *Writer) nbytes(flex, may bool, b []byte, name string) {
	if b == nil {
		w.null(flex, may, name)
		return
	}
	w.bytes(flex, b)
}

func (w *Writer) records(flex, may bool, r *Records, name string) {
	switch {
	case r.File != nil && w.whole:
		w.length(flex, r.Len)
		buf, err := appendRange(w.buf, r.File, r.Off, r.Len)
		if err != nil {
			w.fail(err)
		}
		w.buf = buf
	case r.File != nil:
		w.length(flex, r.Len)
		w.cut(Segment{File: r.File, Off: r.Off, Len: r.Len})
	case r.Bytes == nil:
		w.null(flex, may, name)
	case len(r.Bytes) < refBytes || w.whole:
		w.bytes(flex, r.Bytes)
	default:
		w.length(flex, len(r.Bytes))
		w.cut(Segment{Bytes: r.Bytes, Len: len(r.Bytes)})
	}
}

func (w *Writer) cut(s Segment) {
	if s.Len == 0 {
		return
	}
	w.cuts = append(w.cuts, cut{len(w.buf), s})
	w.extra += s.Len
}

// list writes the number of elements of a list that may be null where may.
//
//go:noinline
func (w *Writer) list(flex, isNil, may bool, n int) {
	if isNil && may {
		n = -1
	}
	w.length(flex, n)
}

func (w *Writer) strs(s []string, flex, may bool, name string) {
	w.list(flex, s == nil, may, len(s))
	for _, v := range s {
		w.str(flex, v, name)
	}
}

func (w *Writer) i8s(s []int8, flex, may bool) {
	w.list(flex, s == nil, may, len(s))
	for _, v := range s {
		w.i8(v)
	}
}

func (w *Writer) i16s(s []int16, flex, may bool) {
	w.list(flex, s == nil, may, len(s))
	for _, v := range s {
		w.i16(v)
	}
}

func (w *Writer) i32s(s []int32, flex, may bool) {
	w.list(flex, s == nil, may, len(s))
	for _, v := range s {
		w.i32(v)
	}
}

func (w *Writer) i64s(s []int64, flex, may bool) {
	w.list(flex, s == nil, may, len(s))
	for _, v := range s {
		w.i64(v)
	}
}

func (w *Writer) uuids(s []model.UUID, flex, may bool) {
	w.list(flex, s == nil, may, len(s))
	for i := range s {
		w.uuid(&s[i])
	}
}

// startTag begins a tagged field and returns the place of its size.
func (w *Writer) startTag(tag uint32) int {
	w.uvarint(tag)
	w.buf = append(w.buf, 0)
	return len(w.buf) - 1
}

// endTag sets the size; a value of 128 bytes or more is moved to make room.
func (w *Writer) endTag(at int) {
	n := uint64(len(w.buf) - at - 1)
	if n < 0x80 {
		w.buf[at] = byte(n)
		return
	}
	var size [binary.MaxVarintLen32]byte
	k := binary.PutUvarint(size[:], n)
	w.buf = append(w.buf, size[:k-1]...)
	copy(w.buf[at+k:], w.buf[at+1:len(w.buf)-k+1])
	copy(w.buf[at:], size[:k])
}
