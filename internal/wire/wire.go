package wire

import (
	"fmt"
	"strings"
	"sync"
)

// Message is a request, response, header or record.
type Message interface {
	// APIKey is the key of a request or response, -1 for everything else.
	APIKey() int16
	// Versions is the range of versions that are defined.
	Versions() (lo, hi int16)
	// Decode sets every field from r in the layout of version. The error is
	// r.Err; after one the message holds some of the fields. Bytes after the
	// message are left to the caller (see Unmarshal).
	Decode(r *Reader, version int16)
	// Encode appends the message to w in the layout of version. The error is
	// w.Err: a field that is set but does not exist in that version and may
	// not be dropped, a null where none may be, a string of more than 32767
	// bytes, or a version that is not defined.
	Encode(w *Writer, version int16)
}

// Name is the message's name as Kafka writes it, such as FetchRequest.
func Name(m Message) string {
	_, name, _ := strings.Cut(fmt.Sprintf("%T", m), ".")
	return name
}

// What Append and Unmarshal need for one message.
var (
	writers = sync.Pool{New: func() any { return new(Writer) }}
	readers = sync.Pool{New: func() any { return new(Reader) }}
)

// Unmarshal decodes b, which must hold one message and nothing after it.
// Byte fields of msg alias b; strings are copies.
func Unmarshal(b []byte, msg Message, version int16) error {
	r := readers.Get().(*Reader)
	r.Reset(b, false)
	msg.Decode(r, version)
	r.End()
	err := r.Err()
	r.Reset(nil, false)
	readers.Put(r)
	if err != nil {
		return fmt.Errorf("%s v%d: %w", Name(msg), version, err)
	}
	return nil
}

// Append appends the encoded message to dst. A records field that is a file
// range is read into dst.
func Append(dst []byte, msg Message, version int16) ([]byte, error) {
	w := writers.Get().(*Writer)
	w.buf, w.whole = dst, true
	msg.Encode(w, version)
	out, err := w.buf, w.err
	*w = Writer{}
	writers.Put(w)
	if err != nil {
		return dst, fmt.Errorf("%s v%d: %w", Name(msg), version, err)
	}
	return out, nil
}
