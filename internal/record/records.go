package record

import (
	"errors"
	"fmt"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record/codec"
)

// Record is a view of one record of a batch. Key, Value and headers point into
// the batch, or into the Reader's buffer when the batch is compressed.
type Record struct {
	Offset    model.Offset
	Timestamp model.Millis
	// Key and Value are nil when null.
	Key, Value []byte
	// Attributes are unused so far, always 0 as written by Kafka.
	Attributes int8
	// Size is the record's size in bytes in the uncompressed batch.
	Size        int
	offsetDelta int32
	numHeaders  int32
	headers     []byte
}

// Header is one header of a record; Value is nil when null.
type Header struct {
	Key   []byte
	Value []byte
}

// NumHeaders is the number of headers.
func (r *Record) NumHeaders() int { return int(r.numHeaders) }

// AppendHeaders appends views of the headers to dst.
func (r *Record) AppendHeaders(dst []Header) []Header {
	b := r.headers
	for range r.numHeaders {
		var h Header
		h.Key, b = readBytes(b)
		h.Value, b = readBytes(b)
		dst = append(dst, h)
	}
	return dst
}

// readBytes reads a length and so many bytes, which are known to be there.
func readBytes(b []byte) (v, rest []byte) {
	n, s := readVarint(b)
	b = b[s:]
	if n < 0 {
		return nil, b
	}
	return b[:n:n], b[n:]
}

// MaxBatchBytes is the most that is decompressed of one batch, whatever
// max.decompressed.message.bytes says about a record.
const MaxBatchBytes = 128 << 20

// Reader walks the records of a batch. Its buffer is reused from batch to
// batch: what it yielded is good until the next Reset.
//
//	for r.Reset(batch); r.Next(); {
//		rec := r.Record()
//	}
//	err := r.Err()
type Reader struct {
	batch Batch
	rest  []byte
	left  int32
	rec   Record
	err   error
	buf   []byte
	// scalars of the header
	base      model.Offset
	baseTime  model.Millis
	stampTime model.Millis
	stamped   bool
}

// Reset starts with b, which must be a whole batch v2, and decompresses it if
// need be. The CRC is not checked.
func (r *Reader) Reset(b Batch) { r.reset(b, MaxBatchBytes) }

func (r *Reader) reset(b Batch, limit int) {
	r.batch, r.rest, r.err = b, b.Payload(), nil
	r.left, r.base, r.baseTime = b.Count(), b.BaseOffset(), b.BaseTimestamp()
	r.stamped, r.stampTime = b.LogAppendTime(), b.MaxTimestamp()
	if r.left < 0 {
		r.fail("Found invalid record count %d in magic v%d batch", r.left, Magic)
		return
	}
	// Kafka does not look at the payload of a batch that says it is empty.
	if b.Codec() == codec.None || r.left == 0 {
		return
	}
	if cap(r.buf) > keepBuffer {
		r.buf = nil
	}
	out, err := codec.Decompress(r.buf[:0], r.rest, b.Codec(), limit)
	r.buf = out
	switch {
	case errors.Is(err, codec.ErrTooLarge):
		r.fail("Invalid record batch size: the decompressed records exceed the maximum of %d bytes", limit)
	case err != nil:
		r.left = 0
		r.err = &Error{Code: kerr.UnknownServerError, Msg: fmt.Sprintf("Failed to decompress record stream: %v", err)}
	default:
		r.rest = out
	}
}

// keepBuffer is the largest buffer a Reader or Builder holds on to, in bytes.
const keepBuffer = 4 << 20

// Next goes to the next record; false at the end and after an error.
func (r *Reader) Next() bool {
	if r.left <= 0 || r.err != nil {
		return false
	}
	n, err := r.rec.parse(r.rest)
	if err != nil {
		r.err = err
		return false
	}
	r.rest = r.rest[n:]
	r.left--
	r.rec.Offset = r.base + model.Offset(r.rec.offsetDelta)
	r.rec.Timestamp += r.baseTime
	if r.stamped {
		r.rec.Timestamp = r.stampTime
	}
	if r.left == 0 && len(r.rest) > 0 {
		r.fail("Incorrect declared batch size, records still remaining in file")
		return false
	}
	return true
}

// Record is the record Next went to; it is overwritten by the next call.
func (r *Reader) Record() *Record { return &r.rec }

// Err is what stopped Next, if not the end: an *Error with INVALID_RECORD, or
// UNKNOWN_SERVER_ERROR if the batch could not be decompressed.
func (r *Reader) Err() error { return r.err }

func (r *Reader) fail(format string, args ...any) {
	r.left = 0
	r.err = invalid(format, args...)
}

func invalid(format string, args ...any) *Error { return refuse(kerr.InvalidRecord, format, args...) }

var (
	errPremature = invalid("Incorrect declared batch size, premature EOF reached")
	errStructure = invalid("Found invalid record structure")
)

// parse reads the record at the start of b and returns its size. Timestamp is
// set to the delta, Offset not at all. It checks the whole structure.
func (rec *Record) parse(b []byte) (int, error) {
	body, s := readVarint(b)
	if s <= 0 {
		return 0, errPremature
	}
	if body < 0 {
		return 0, errStructure
	}
	if int(body) > len(b)-s {
		return 0, invalid("Invalid record size: expected %d bytes in record payload, but instead the buffer has only %d remaining bytes.", body, len(b)-s)
	}
	rec.Size = s + int(body)
	p := b[s:rec.Size]
	if len(p) == 0 {
		return 0, errStructure
	}
	rec.Attributes = int8(p[0])
	p = p[1:]
	delta, n := readVarlong(p)
	if n <= 0 {
		return 0, errStructure
	}
	rec.Timestamp = model.Millis(delta)
	p = p[n:]
	if rec.offsetDelta, n = readVarint(p); n <= 0 {
		return 0, errStructure
	}
	p = p[n:]
	var ok bool
	if rec.Key, p, ok = checkBytes(p); !ok {
		return 0, errStructure
	}
	if rec.Value, p, ok = checkBytes(p); !ok {
		return 0, errStructure
	}
	return rec.Size, rec.parseHeaders(p, int(body))
}

func checkBytes(b []byte) (v, rest []byte, ok bool) {
	l, n := readVarint(b)
	if n <= 0 || int(l) > len(b)-n {
		return nil, nil, false
	}
	b = b[n:]
	if l < 0 {
		return nil, b, true
	}
	return b[:l:l], b[l:], true
}

func (rec *Record) parseHeaders(p []byte, body int) error {
	var n int
	if rec.numHeaders, n = readVarint(p); n <= 0 {
		return errStructure
	}
	p = p[n:]
	rec.headers = p
	if rec.numHeaders == 0 && len(p) == 0 {
		return nil
	}
	if rec.numHeaders < 0 {
		return invalid("Found invalid number of record headers %d", rec.numHeaders)
	}
	if int(rec.numHeaders) > len(p) {
		return invalid("Found invalid number of record headers. %d is larger than the remaining size of the buffer", rec.numHeaders)
	}
	for range rec.numHeaders {
		l, n := readVarint(p)
		if n <= 0 {
			return errStructure
		}
		if l < 0 {
			return invalid("Invalid negative header key size %d", l)
		}
		var ok bool
		if _, p, ok = checkBytes(p); !ok {
			return errStructure
		}
		if _, p, ok = checkBytes(p); !ok {
			return errStructure
		}
	}
	if len(p) != 0 {
		return invalid("Invalid record size: expected to read %d bytes in record payload, but instead read %d", body, body-len(p))
	}
	return nil
}
