package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
	"unsafe"

	"gregor/internal/model"
)

// allocSlack is what a message may take beyond four times its frame: small
// elements (a topic of one letter) are several times larger in Go than on the
// wire, and a request of some thousand of them is an honest one.
const allocSlack = 256 << 10

// allocFactor bounds the memory of a decoded message by the size of its frame.
const allocFactor = 4

// Reader takes a message apart. It remembers the first error and yields zero
// values from then on. Whatever the bytes say, it neither loops nor allocates
// more than they pay for: a list must fit into the bytes that are left, at
// the least size of its elements, and everything allocated stays below four
// times the frame plus 256 KiB.
type Reader struct {
	b      []byte // emptied by the first error
	off    int
	err    *DecodeError
	budget int // bytes that may still be allocated
	alias  bool
}

// DecodeError says which field of a message was wrong. It is the type of
// Reader.Err.
type DecodeError struct {
	Path   string // such as topics[3].partitions[0].index; "" for the whole
	Offset int    // in the bytes given to the Reader
	Reason string
}

func (e *DecodeError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s (at byte %d)", e.Reason, e.Offset)
	}
	return fmt.Sprintf("%s: %s (at byte %d)", e.Path, e.Reason, e.Offset)
}

// NewReader reads b, copying strings.
func NewReader(b []byte) *Reader {
	r := new(Reader)
	r.Reset(b, false)
	return r
}

// Reset starts over with b. With aliasStrings strings share b's memory
// instead of being copied, and nullable ones the pointers of the message
// decoded into: they change when b, or the message, is used again. For a
// caller that keeps nothing of the message beyond that; strings.Clone what is
// kept.
func (r *Reader) Reset(b []byte, aliasStrings bool) {
	*r = Reader{b: b, budget: allocFactor*len(b) + allocSlack, alias: aliasStrings}
}

// Err is the first error, a *DecodeError.
func (r *Reader) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// Remaining is the number of bytes not read yet.
func (r *Reader) Remaining() int { return len(r.b) - r.off }

// Offset is the number of bytes read.
func (r *Reader) Offset() int { return r.off }

// End fails if bytes are left.
func (r *Reader) End() {
	if n := r.Remaining(); n > 0 {
		r.fail("", fmt.Sprintf("%d bytes are left after the message", n))
	}
}

// fail records the first error and empties the reader.
func (r *Reader) fail(name, reason string) {
	if r.err == nil {
		r.err = &DecodeError{Path: name, Offset: r.off, Reason: reason}
	}
	r.b = r.b[:r.off]
}

// in prepends an element of list name to the path of the error.
func (r *Reader) in(name string, i int) {
	r.under(fmt.Sprintf("%s[%d]", name, i))
}

// under prepends name to the path of the error.
func (r *Reader) under(name string) {
	if r.err.Path == "" {
		r.err.Path = name
		return
	}
	r.err.Path = name + "." + r.err.Path
}

func (r *Reader) badVersion(lo, hi, v int16) {
	r.fail("", fmt.Sprintf("version %d is not defined, only %d to %d are", v, lo, hi))
}

// short fails for want of n bytes.
func (r *Reader) short(n int, name string) {
	if r.err == nil {
		r.fail(name, fmt.Sprintf("needs %d bytes, %d are left", n, r.Remaining()))
	}
}

// take is the next n bytes, or nil after an error.
func (r *Reader) take(n int, name string) []byte {
	if len(r.b)-r.off < n {
		r.short(n, name)
		return nil
	}
	b := r.b[r.off : r.off+n : r.off+n]
	r.off += n
	return b
}

// pay takes n bytes of memory off the budget.
func (r *Reader) pay(n int, name string) bool {
	if n > r.budget {
		r.fail(name, fmt.Sprintf("needs %d bytes of memory, more than %d times the size of the message allows", n, allocFactor))
		return false
	}
	r.budget -= n
	return true
}

// The simple types are not inlined: there are thousands of places that read
// them.

//go:noinline
func (r *Reader) i8(name string) int8 {
	i := r.off
	if i >= len(r.b) {
		r.short(1, name)
		return 0
	}
	r.off = i + 1
	return int8(r.b[i])
}

func (r *Reader) bool(name string) bool { return r.i8(name) != 0 }

//go:noinline
func (r *Reader) i16(name string) int16 {
	i := r.off
	if len(r.b)-i < 2 {
		r.short(2, name)
		return 0
	}
	r.off = i + 2
	return int16(binary.BigEndian.Uint16(r.b[i:]))
}

func (r *Reader) u16(name string) uint16 { return uint16(r.i16(name)) }

//go:noinline
func (r *Reader) i32(name string) int32 {
	i := r.off
	if len(r.b)-i < 4 {
		r.short(4, name)
		return 0
	}
	r.off = i + 4
	return int32(binary.BigEndian.Uint32(r.b[i:]))
}

func (r *Reader) u32(name string) uint32 { return uint32(r.i32(name)) }

//go:noinline
func (r *Reader) i64(name string) int64 {
	i := r.off
	if len(r.b)-i < 8 {
		r.short(8, name)
		return 0
	}
	r.off = i + 8
	return int64(binary.BigEndian.Uint64(r.b[i:]))
}

func (r *Reader) f64(name string) float64 { return math.Float64frombits(uint64(r.i64(name))) }

//go:noinline
func (r *Reader) uuid(name string) (u model.UUID) {
	copy(u[:], r.take(len(u), name))
	return u
}

// uvarint reads at most 5 bytes for 32 bits; longer or larger is an error.
func (r *Reader) uvarint(name string) uint32 {
	if r.off < len(r.b) && r.b[r.off] < 0x80 { // nearly always
		r.off++
		return uint32(r.b[r.off-1])
	}
	var v uint32
	for i := 0; i < 5; i++ {
		if r.off+i >= len(r.b) {
			r.short(i+1, name)
			return 0
		}
		c := r.b[r.off+i]
		if i == 4 && c > 0x0f {
			break
		}
		v |= uint32(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.off += i + 1
			return v
		}
	}
	r.fail(name, "its variable-length number does not end within 32 bits")
	return 0
}

// length reads the length of a string, bytes, records or list: -1 for null.
// short is the 2-byte form strings had before flexible versions.
func (r *Reader) length(flex, null, short bool, name string) int {
	n := 0
	switch {
	case flex:
		n = int(r.uvarint(name)) - 1
	case short:
		n = int(r.i16(name))
	default:
		n = int(r.i32(name))
	}
	if n < 0 && !null && r.err == nil {
		r.fail(name, "is null, which it may not be")
	}
	if r.err != nil {
		return -1
	}
	return n
}

// text is the next n bytes as a string.
func (r *Reader) text(n int, name string) string {
	if n > math.MaxInt16 {
		r.fail(name, fmt.Sprintf("is a string of %d bytes, more than %d", n, math.MaxInt16))
		return ""
	}
	b := r.take(n, name)
	if len(b) == 0 {
		return ""
	}
	if !utf8.Valid(b) {
		r.off -= n
		r.fail(name, "is not UTF-8")
		return ""
	}
	if r.alias {
		return unsafe.String(&b[0], n)
	}
	if !r.pay(n, name) {
		return ""
	}
	return string(b)
}

func (r *Reader) str(flex bool, name string) string {
	n := r.length(flex, false, true, name)
	if n <= 0 {
		return ""
	}
	return r.text(n, name)
}

// nstr reads into old's memory, if there is one and strings are aliased.
func (r *Reader) nstr(flex, null bool, old *string, name string) *string {
	n := r.length(flex, null, true, name)
	if n < 0 {
		return nil
	}
	if !r.alias || old == nil {
		if !r.pay(int(unsafe.Sizeof("")), name) {
			return nil
		}
		old = new(string)
	}
	*old = r.text(n, name)
	return old
}

func (r *Reader) bytes(flex, null bool, name string) []byte {
	n := r.length(flex, null, false, name)
	if n < 0 {
		return nil
	}
	return r.take(n, name)
}

func (r *Reader) records(flex, null bool, name string) Records {
	b := r.bytes(flex, null, name)
	return Records{Bytes: b}
}

// count reads the number of elements of a list, -1 for null. least is the
// least size of an element in bytes, size what it takes in memory; the memory
// of elements beyond have is paid for.
func (r *Reader) count(flex, null bool, least, size, have int, name string) int {
	at := r.off
	n := r.length(flex, null, false, name)
	if n > have || n > len(r.b)-r.off {
		if left := r.Remaining(); n > left/max(least, 1) {
			r.off = at
			r.fail(name, fmt.Sprintf("claims %d elements, %d bytes are left", n, left))
			return 0
		}
		if n > have && !r.pay(n*size, name) {
			return 0
		}
	}
	return n
}

// elems is count, and a list of that many elements to decode into: old's
// memory where it suffices.
func elems[T any](r *Reader, old []T, flex, null bool, least int, name string) []T {
	var zero T
	n := r.count(flex, null, least, int(unsafe.Sizeof(zero)), cap(old), name)
	switch {
	case n < 0:
		return nil
	case n <= cap(old) && old != nil:
		return old[:n]
	}
	grown := make([]T, n)
	copy(grown, old[:cap(old)]) // for the lists inside them
	return grown
}

// empty is the empty list, not null, in old's memory.
func empty[T any](old []T) []T {
	if old == nil {
		return []T{}
	}
	return old[:0]
}

func (r *Reader) strs(old []string, flex, null bool, name string) []string {
	least := 2
	if flex {
		least = 1
	}
	s := elems(r, old, flex, null, least, name)
	for i := range s {
		if s[i] = r.str(flex, ""); r.err != nil {
			r.in(name, i)
			break
		}
	}
	return s
}

func (r *Reader) i8s(old []int8, flex, null bool, name string) []int8 {
	s := elems(r, old, flex, null, 1, name)
	for i := range s {
		s[i] = r.i8(name)
	}
	return s
}

func (r *Reader) i16s(old []int16, flex, null bool, name string) []int16 {
	s := elems(r, old, flex, null, 2, name)
	for i := range s {
		s[i] = r.i16(name)
	}
	return s
}

func (r *Reader) i32s(old []int32, flex, null bool, name string) []int32 {
	s := elems(r, old, flex, null, 4, name)
	for i := range s {
		s[i] = r.i32(name)
	}
	return s
}

func (r *Reader) i64s(old []int64, flex, null bool, name string) []int64 {
	s := elems(r, old, flex, null, 8, name)
	for i := range s {
		s[i] = r.i64(name)
	}
	return s
}

func (r *Reader) uuids(old []model.UUID, flex, null bool, name string) []model.UUID {
	s := elems(r, old, flex, null, 16, name)
	for i := range s {
		s[i] = r.uuid(name)
	}
	return s
}

// tags reads the number of tagged fields; each takes two bytes or more.
func (r *Reader) tags() int {
	if r.off < len(r.b) && r.b[r.off] == 0 { // nearly always
		r.off++
		return 0
	}
	n := r.uvarint("tagged fields")
	if int64(n) > int64(r.Remaining()/2) {
		r.fail("tagged fields", fmt.Sprintf("claims %d fields, %d bytes are left", n, r.Remaining()))
		return 0
	}
	return int(n)
}

// tag reads the number of a tagged field and the offset its value ends at. As
// in Kafka, tags may come in any order and twice; the last one counts.
func (r *Reader) tag() (tag uint32, end int) {
	tag = r.uvarint("tagged fields")
	n := r.uvarint("tagged fields")
	if int64(n) > int64(r.Remaining()) {
		r.fail("tagged fields", fmt.Sprintf("tag %d claims %d bytes, %d are left", tag, n, r.Remaining()))
		return tag, r.off
	}
	return tag, r.off + int(n)
}

// tagEnd checks that the known tagged field name took exactly its bytes.
func (r *Reader) tagEnd(end int, name string) {
	if r.err == nil && r.off != end {
		r.fail(name, fmt.Sprintf("the tagged field ends at byte %d, its value at byte %d", end, r.off))
	}
}

// tagSkip skips a tagged field this version does not know.
func (r *Reader) tagSkip(end int) {
	if r.err == nil {
		r.off = end
	}
}

// skipTags skips all tagged fields of a structure that has none of its own.
func (r *Reader) skipTags() {
	if r.off < len(r.b) && r.b[r.off] == 0 {
		r.off++
		return
	}
	for n := r.tags(); n > 0 && r.err == nil; n-- {
		_, end := r.tag()
		r.tagSkip(end)
	}
}
