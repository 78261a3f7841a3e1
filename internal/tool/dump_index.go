package tool

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gregor/internal/record"
)

const (
	offsetRow = 8  // relative offset int32, position int32
	timeRow   = 12 // timestamp int64, relative offset int32
	abortRow  = 34 // version int16; producer id, first, last, last stable offset int64
)

// offsetRows is an offset index in memory.
type offsetRows struct {
	base int64
	b    []byte
}

func readRows(path string) ([]byte, error) {
	f, size, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, size)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, throw("java.io.IOException", "%v", err)
	}
	return b, nil
}

func (x offsetRows) len() int { return len(x.b) / offsetRow }

func (x offsetRows) at(i int) (offset, position int64) {
	r := x.b[i*offsetRow:]
	return x.base + int64(int32(binary.BigEndian.Uint32(r))), int64(int32(binary.BigEndian.Uint32(r[4:])))
}

// lookup is the position of the last entry at or below offset. As Kafka's, it
// searches by halves, and so may be led astray by rows of zeros.
func (x offsetRows) lookup(offset int64) int64 {
	lo, hi := 0, x.len()-1
	if hi < 0 {
		return 0
	}
	if first, _ := x.at(0); first > offset {
		return 0
	}
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if o, _ := x.at(mid); o > offset {
			hi = mid - 1
		} else {
			lo = mid
		}
	}
	_, pos := x.at(lo)
	return pos
}

// siblings are the offset a file starts at, and the path of its segment
// without suffix.
func siblings(path string) (base int64, stem string, err error) {
	base, err = baseOffset(path)
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return base, filepath.Join(filepath.Dir(absolute(path)), name), err
}

func corruptIndex(format string, a ...any) error {
	return throw("org.apache.kafka.storage.internals.log.CorruptIndexException", format, a...)
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

func (d *dump) index(path string) error {
	base, stem, err := siblings(path)
	if err != nil {
		return err
	}
	log, size, err := openFile(stem + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	b, err := readRows(path)
	if err != nil {
		return err
	}
	x := offsetRows{base, b}
	if x.len() == 0 {
		d.out.text(path + " is empty.\n")
		return nil
	}
	if d.sanityOnly {
		if last, _ := x.at(x.len() - 1); last < base {
			return corruptIndex("Corrupt index found, index file %s has non-zero size but the last offset is %d which is less than the base offset %d", absolute(path), last, base)
		}
		return d.passed(path, len(b), offsetRow, "Index file")
	}
	for i := range x.len() {
		offset, pos := x.at(i)
		if offset == base && i > 0 { // room that was never written
			return nil
		}
		found, err := d.lastOffsetAt(log, stem+".log", pos, size)
		if err != nil {
			return err
		}
		if found != offset {
			d.mismatches.add(path, "  Index offset: %d, log offset: %d", offset, found)
		}
		if !d.verifyOnly {
			d.out.text(fmt.Sprintf("offset: %d position: %d\n", offset, pos))
		}
	}
	return nil
}

// passed ends a sanity check with that of the file's size.
func (d *dump) passed(path string, size, row int, what string) error {
	if size%row != 0 {
		return corruptIndex("%s %s is corrupt, found %d bytes which is neither positive nor a multiple of %d", what, absolute(path), size, row)
	}
	d.out.text(path + " passed sanity check.\n")
	return nil
}

// lastOffsetAt is the last offset of the batch at pos.
func (d *dump) lastOffsetAt(log *os.File, path string, pos, size int64) (int64, error) {
	if err := inside(path, pos, size); err != nil {
		return 0, err
	}
	it := &batches{f: log, path: path, pos: pos, end: min(size, pos+d.maxMessage)}
	b, err := it.next()
	if err != nil {
		return 0, err
	}
	if b == nil {
		return 0, &exception{class: "java.util.NoSuchElementException", none: true}
	}
	return lastOffset(b), nil
}

func inside(path string, pos, size int64) error {
	if pos < 0 {
		return badArgument("Invalid position: %d in read from FileRecords(size=%d, file=%s, start=0, end=2147483647)", pos, size, path)
	}
	if pos > size {
		return badArgument("Slice from position %d exceeds end position of FileRecords(size=%d, file=%s, start=0, end=2147483647)", pos, size, path)
	}
	return nil
}

func lastOffset(b []byte) int64 {
	if int8(b[16]) < record.Magic {
		return int64(binary.BigEndian.Uint64(b))
	}
	return int64(record.Batch(b).LastOffset())
}

func (d *dump) timeIndex(path string) error {
	base, stem, err := siblings(path)
	if err != nil {
		return err
	}
	log, size, err := openFile(stem + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	offsets, err := readRows(stem + ".index")
	if err != nil {
		return err
	}
	b, err := readRows(path)
	if err != nil {
		return err
	}
	row := func(i int) (timestamp, offset int64) {
		r := b[i*timeRow:]
		return int64(binary.BigEndian.Uint64(r)), base + int64(int32(binary.BigEndian.Uint32(r[8:])))
	}
	n := len(b) / timeRow
	if d.sanityOnly {
		if n > 0 {
			first, _ := row(0)
			last, offset := row(n - 1)
			if last < first {
				return corruptIndex("Corrupt time index found, time index file (%s) has non-zero size but the last timestamp is %d which is less than the first timestamp %d", absolute(path), last, first)
			}
			if offset < base {
				return corruptIndex("Corrupt time index found, time index file (%s) has non-zero size but the last offset is %d which is less than the first offset %d", absolute(path), offset, base)
			}
		}
		return d.passed(path, len(b), timeRow, "Time index file")
	}
	previous := int64(-1)
	for i := range n {
		timestamp, offset := row(i)
		if offset == base && i > 0 { // room that was never written
			return nil
		}
		pos := offsetRows{base, offsets}.lookup(offset)
		if err := inside(stem+".log", pos, size); err != nil {
			return err
		}
		it := &batches{f: log, path: stem + ".log", pos: pos, end: size}
		if err := d.checkTime(path, it, timestamp, offset, previous); err != nil {
			return err
		}
		if !d.verifyOnly {
			d.out.text(fmt.Sprintf("timestamp: %d offset: %d\n", timestamp, offset))
		}
		previous = timestamp
	}
	return nil
}

// checkTime compares an entry of a time index with the batch it speaks of.
func (d *dump) checkTime(path string, it *batches, timestamp, offset, previous int64) error {
	b, err := it.next()
	for ; err == nil && b != nil && lastOffset(b) < offset; b, err = it.next() {
	}
	switch {
	case err != nil:
		return err
	case b == nil:
		d.shallowNotFound.add(path, "Indexed offset: %d, found log offset: -1", offset)
		return nil
	case lastOffset(b) != offset:
		d.shallowNotFound.add(path, "Indexed offset: %d, found log offset: %d", offset, lastOffset(b))
		return nil
	}
	latest, err := latestTimestamp(b)
	if err != nil {
		return err
	}
	if latest != timestamp {
		d.timeMismatch.add(path, "  Index timestamp: %d, log timestamp: %d", timestamp, latest)
	}
	if previous >= timestamp {
		d.timeOrder.add(path, "  Index timestamp: %d, Previously indexed timestamp: %d", timestamp, previous)
	}
	return nil
}

func latestTimestamp(b []byte) (int64, error) {
	latest := int64(-1)
	if int8(b[16]) < record.Magic {
		if b[16] == 1 && len(b) >= 26 {
			latest = int64(binary.BigEndian.Uint64(b[18:]))
		}
		return latest, nil
	}
	var r record.Reader
	for r.Reset(record.Batch(b)); r.Next(); {
		latest = max(latest, int64(r.Record().Timestamp))
	}
	if err := r.Err(); err != nil {
		return 0, throw(pkgErrors+"InvalidRecordException", "%v", err)
	}
	return latest, nil
}

// snapshot prints a snapshot of a partition's producers (ProducerSnapshot,
// see docs/format).
func (d *dump) snapshot(path string) error {
	b, err := readRows(path)
	if err != nil {
		return err
	}
	if why := d.producers(b); why != "" {
		d.out.Flush() // so that the streams keep their order on a terminal
		d.e.eprintln(why)
	}
	return nil
}

const (
	producerHead = 2 + 4 + 4
	producerRow  = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8
)

// producers prints the entries; why says what is wrong with the file.
func (d *dump) producers(b []byte) (why string) {
	if len(b) < producerHead {
		return "Snapshot failed schema validation: null"
	}
	if v := int16(binary.BigEndian.Uint16(b)); v != 1 {
		return fmt.Sprintf("Snapshot failed schema validation: Snapshot contained an unknown file version %d", v)
	}
	n := int(int32(binary.BigEndian.Uint32(b[6:])))
	if n < 0 || n > (len(b)-producerHead)/producerRow {
		return fmt.Sprintf("Snapshot failed schema validation: Tried to allocate a collection of size %d, but there are only %d bytes remaining.", n, len(b)-producerHead)
	}
	stored, computed := binary.BigEndian.Uint32(b[2:]), crc32.Checksum(b[6:], crc32.MakeTable(crc32.Castagnoli))
	if stored != computed {
		return fmt.Sprintf("Snapshot is corrupt (CRC is no longer valid). Stored crc: %d. Computed crc: %d", stored, computed)
	}
	for r := b[producerHead:]; n > 0; n, r = n-1, r[producerRow:] {
		i64 := func(at int) int64 { return int64(binary.BigEndian.Uint64(r[at:])) }
		i32 := func(at int) int32 { return int32(binary.BigEndian.Uint32(r[at:])) }
		first := "OptionalLong.empty"
		if v := i64(38); v >= 0 {
			first = fmt.Sprintf("OptionalLong[%d]", v)
		}
		d.out.text(fmt.Sprintf("producerId: %d producerEpoch: %d coordinatorEpoch: %d currentTxnFirstOffset: %s lastTimestamp: %d",
			i64(0), int16(binary.BigEndian.Uint16(r[8:])), i32(34), first, i64(26)))
		if lastOffset := i64(14); lastOffset >= 0 {
			d.out.text(fmt.Sprintf(" firstSequence: %d lastSequence: %d lastOffset: %d offsetDelta: %d timestamp: %d",
				record.SubSequence(i32(10), i32(22)), i32(10), lastOffset, i32(22), i64(26)))
		}
		d.out.text("\n")
	}
	return ""
}

func (d *dump) txnIndex(path string) error {
	b, err := readRows(path)
	if err != nil {
		return err
	}
	for r := range slices.Chunk(b[:len(b)/abortRow*abortRow], abortRow) {
		v := int16(binary.BigEndian.Uint16(r))
		if v > 0 {
			return throw(kafkaError, "Unexpected aborted transaction version %d in transaction index %s, current version is 0", v, absolute(path))
		}
		i64 := func(at int) int64 { return int64(binary.BigEndian.Uint64(r[at:])) }
		d.out.text(fmt.Sprintf("version: %d producerId: %d firstOffset: %d lastOffset: %d lastStableOffset: %d\n", v, i64(2), i64(10), i64(18), i64(26)))
	}
	return nil
}
