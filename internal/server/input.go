package server

import (
	"encoding/binary"
	"fmt"
)

// frameError is a request whose size cannot be.
type frameError struct{ msg string }

func (e *frameError) Error() string { return e.msg }

// sizeBytes is the size of the size before a request.
const sizeBytes = 4

// input is what was read of a connection and not served yet.
//
// *Invariant:* 0 <= start <= end <= len(b.data); b is nil only if both are 0.
type input struct {
	b          *buffer
	start, end int
	total      int   // size of the incomplete request at start, with its size field; 0 if not known
	charged    int64 // taken from the budget
}

// free is where to read to.
func (in *input) free() []byte { return in.b.data[in.end:] }

// frame takes the next complete request off, nil if there is none.
func (in *input) frame(largest int) ([]byte, error) {
	in.total = 0
	have := in.end - in.start
	if have < sizeBytes {
		return nil, nil
	}
	b := in.b.data[in.start:in.end]
	size := int(int32(binary.BigEndian.Uint32(b)))
	if size < 0 {
		return nil, &frameError{fmt.Sprintf("Invalid receive (size = %d)", size)}
	}
	if size > largest {
		return nil, &frameError{fmt.Sprintf("Invalid receive (size = %d larger than %d)", size, largest)}
	}
	if have < sizeBytes+size {
		in.total = sizeBytes + size
		return nil, nil
	}
	in.start += sizeBytes + size
	return b[sizeBytes : sizeBytes+size : sizeBytes+size], nil
}

// wants is the size of the buffer grow would borrow that counts against the
// budget, 0 if it would borrow none or a small one.
func (in *input) wants() int {
	if in.b == nil || in.total <= max(len(in.b.data), readSize) {
		return 0
	}
	if in.total <= directMax {
		return classSize(in.total)
	}
	if in.start > 0 || in.end < len(in.b.data) {
		return 0 // not full yet: what it claims it must send first
	}
	return classSize(min(in.total, 4*len(in.b.data)))
}

// grow makes room for more bytes, in a new buffer of wants bytes unless that
// is 0, and moves what there is to its start.
func (in *input) grow(wants int, bg *budget) {
	if wants == 0 && in.b == nil {
		in.b = getBuffer(readSize)
		return
	}
	have := in.end - in.start
	switch {
	case wants > readSize || len(in.b.data) < readSize:
		bigger := getBuffer(max(wants, readSize))
		copy(bigger.data, in.b.data[in.start:in.end])
		bg.give(in.charged)
		putBuffer(in.b)
		in.b, in.charged = bigger, 0
		if wants > readSize {
			in.charged = int64(wants)
		}
	case in.start > 0:
		copy(in.b.data, in.b.data[in.start:in.end])
	}
	in.start, in.end = 0, have
}

// rest keeps as little as possible while nothing arrives. A large buffer that
// is being filled is kept.
func (in *input) rest(bg *budget) {
	if in.b == nil {
		return
	}
	have := in.end - in.start
	if have == 0 {
		in.drop(bg)
		return
	}
	if len(in.b.data) > readSize && in.total > readSize {
		return
	}
	size := classSize(have)
	if size >= readSize || size >= len(in.b.data) && len(in.b.data) <= readSize {
		return
	}
	small := getBuffer(size)
	copy(small.data, in.b.data[in.start:in.end])
	bg.give(in.charged)
	putBuffer(in.b)
	in.b, in.start, in.end, in.charged = small, 0, have, 0
}

// drop lets go of everything.
func (in *input) drop(bg *budget) {
	if in.b != nil {
		putBuffer(in.b)
		bg.give(in.charged)
	}
	*in = input{}
}
