package record

import "math"

// walked is what walk found out about the records of a batch.
type walked struct {
	// minDelta and maxDelta bound the records' times, relative to the batch's
	// base timestamp.
	minDelta, maxDelta int64
	// nullKey reports that some record has no key.
	nullKey bool
}

// walk checks the structure of n uncompressed records, which must fill b, and
// nothing else: it is on the path of every produce, where Reader would cost
// several times as much. ok is false if anything is wrong; a Reader then says
// what.
func walk(b []byte, n int32) (w walked, ok bool) {
	w.minDelta, w.maxDelta = math.MaxInt64, math.MinInt64
	i := 0
	for ; n > 0; n-- {
		var body, v int
		body, i = varintAt(b, i)
		end := i + body
		if body <= 0 || end > len(b) {
			return w, false
		}
		i++ // attributes
		delta, next := varlongAt(b, i)
		w.minDelta = min(w.minDelta, delta)
		w.maxDelta = max(w.maxDelta, delta)
		_, i = varintAt(b, next) // offset
		v, i = varintAt(b, i)    // key
		if v >= 0 {
			i += v
		} else {
			w.nullKey = true
		}
		v, i = varintAt(b, i) // value
		if v >= 0 {
			i += v
		}
		v, i = varintAt(b, i) // headers
		if v != 0 {
			i = walkHeaders(b, i, v)
		}
		if i != end {
			return w, false
		}
	}
	return w, i == len(b)
}

func walkHeaders(b []byte, i, n int) int {
	if n < 0 || n > len(b)-i {
		return len(b) + 1
	}
	for ; n > 0; n-- {
		var v int
		v, i = varintAt(b, i)
		if v < 0 {
			return len(b) + 1
		}
		v, i = varintAt(b, i+v)
		if v >= 0 {
			i += v
		}
	}
	return i
}

// varintAt reads the varint at b[i] and returns where the next byte is. If
// there is none, that is a place behind b, from which no varint can be read
// either, so one check at the end of a row of them is enough.
func varintAt(b []byte, i int) (v, next int) {
	if uint(i)+1 < uint(len(b)) {
		c := int(b[i])
		if c < 0x80 {
			return c>>1 ^ -(c & 1), i + 1
		}
		if d := int(b[i+1]); d < 0x80 {
			c = c&0x7f | d<<7
			return c>>1 ^ -(c & 1), i + 2
		}
	}
	return varintSlow(b, i)
}

func varintSlow(b []byte, i int) (v, next int) {
	if i >= len(b) {
		return 0, len(b) + 1
	}
	u, n := readVarint(b[i:])
	if n <= 0 {
		return 0, len(b) + 1
	}
	return int(u), i + n
}

func varlongAt(b []byte, i int) (v int64, next int) {
	if uint(i)+1 < uint(len(b)) {
		c := int64(b[i])
		if c < 0x80 {
			return c>>1 ^ -(c & 1), i + 1
		}
		if d := int64(b[i+1]); d < 0x80 {
			c = c&0x7f | d<<7
			return c>>1 ^ -(c & 1), i + 2
		}
	}
	if i >= len(b) {
		return 0, len(b) + 1
	}
	v, n := readVarlong(b[i:])
	if n <= 0 {
		return 0, len(b) + 1
	}
	return v, i + n
}
