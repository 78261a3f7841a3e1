package storage

import (
	"encoding/binary"
	"errors"
	"io"

	"gregor/internal/model"
)

// sparse is what the offset index and the time index of a segment share: rows
// of fixed size in rising order, the first onDisk of them in the file, the
// rest in memory in the file's own format, so that spilling is one write.
//
// Kafka maps its index files; here the active segment's newest rows are in
// memory, older ones are read with pread. The file is complete once the segment
// was sealed or closed; after a crash it is checked and completed.
//
// Guarded by Log.mu; rows on disk may be read without it, since they change
// only by truncation.
type sparse struct {
	file   File
	row    int
	onDisk int
	tail   []byte
	max    int  // rows the file may have
	known  bool // onDisk and last are loaded
	// unsynced: rows were written to the file since its last sync.
	unsynced bool
	// ragged: the file may have rows beyond onDisk, to be cut off.
	ragged bool
	last   [12]byte // the last row, if any
}

const (
	offsetRow = 8
	timeRow   = 12
	// maxTailRows bounds the memory of an active segment's index: some 8 MiB
	// of small batches, 32 MiB of 16 KiB ones.
	maxTailRows = 2048
	// searchBlock is the run of rows read at once at the end of a search.
	searchBlock = 256
)

func (x *sparse) init(l *Log, base model.Offset, suffix string, row, maxBytes int) {
	x.file.init(l, base, suffix)
	x.row, x.max = row, maxBytes/row
}

func (x *sparse) rows() int { return x.onDisk + len(x.tail)/x.row }

// load reads the number of rows and the last one of a sealed segment's file.
func (x *sparse) load() error {
	if x.known {
		return nil
	}
	if err := x.file.pin(false); err != nil {
		return err
	}
	defer x.file.Release()
	size, err := x.file.f.Size()
	if err != nil {
		return err
	}
	n := int(size) / x.row
	if n > 0 {
		if _, err := x.file.ReadAt(x.last[:x.row], int64(n-1)*int64(x.row)); err != nil {
			return err
		}
	}
	x.onDisk, x.tail, x.known = n, nil, true
	return nil
}

// reset forgets all rows. cut must follow before the recovery point rises.
func (x *sparse) reset() { x.keep(0, nil) }

// keep leaves the first n rows of the file, the last of which is last.
func (x *sparse) keep(n int, last []byte) {
	x.onDisk, x.tail, x.known, x.ragged = n, x.tail[:0], true, true
	copy(x.last[:], last)
}

// cut removes rows beyond onDisk from the file: recovery would take them for
// rows of what is appended next.
func (x *sparse) cut() error {
	if !x.ragged {
		return nil
	}
	if err := x.file.pin(true); err != nil {
		return err
	}
	defer x.file.Release()
	if err := x.file.f.Truncate(int64(x.onDisk) * int64(x.row)); err != nil {
		return err
	}
	x.unsynced, x.ragged = true, false
	return nil
}

func (x *sparse) append(row []byte) {
	if x.tail == nil {
		x.tail = make([]byte, 0, 16*x.row)
	}
	x.tail = append(x.tail, row...)
	copy(x.last[:], row)
}

// spill writes all rows of the tail to the file but the newest keep. With trim
// the file is cut to the rows it has.
func (x *sparse) spill(keep int, trim bool) error {
	n := len(x.tail) - keep*x.row
	if n <= 0 && !trim {
		return nil
	}
	if err := x.file.pin(true); err != nil {
		return err
	}
	defer x.file.Release()
	at := int64(x.onDisk) * int64(x.row)
	if n > 0 {
		if _, err := x.file.f.WriteAt(x.tail[:n], at); err != nil {
			return err
		}
		x.unsynced = true
		at += int64(n)
	}
	if trim {
		if err := x.file.f.Truncate(at); err != nil {
			return err
		}
		x.unsynced, x.ragged = true, false
	}
	if n > 0 {
		x.onDisk += n / x.row
		if keep == 0 {
			x.tail = nil
		} else {
			x.tail = x.tail[:copy(x.tail, x.tail[n:])]
		}
	}
	return nil
}

// spillIfLong bounds the tail. A write that fails leaves it in memory for the
// next attempt: the data file has all that is needed.
func (x *sparse) spillIfLong() {
	if n := len(x.tail) / x.row; n >= maxTailRows {
		_ = x.spill(maxTailRows/2, false)
	}
}

// indexView is the part of a sparse index a search needs, taken under Log.mu
// and used without it. The caller has pinned file if onDisk > 0.
type indexView struct {
	file   *File
	row    int
	onDisk int
}

// rowKey is what rows are compared by. All keys of a file rise, those of the
// second kind not always strictly.
type rowKey uint8

const (
	byOffset     rowKey = iota // of an offset row, relative
	byPosition                 // of an offset row
	byTime                     // of a time row
	byTimeOffset               // of a time row, relative
)

func (k rowKey) of(r []byte) int64 {
	switch k {
	case byOffset:
		return int64(binary.BigEndian.Uint32(r))
	case byPosition:
		return int64(binary.BigEndian.Uint32(r[4:]))
	case byTime:
		return int64(binary.BigEndian.Uint64(r))
	}
	return int64(binary.BigEndian.Uint32(r[8:]))
}

// countRows is the number of leading rows with a key <= most.
func countRows(rows []byte, row int, k rowKey, most int64) int {
	lo, hi := 0, len(rows)/row
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); k.of(rows[mid*row:]) <= most {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// search returns the number of rows on disk with a key <= most. The last of
// them is copied to out; the rows read last, which begin with it if it exists,
// to kept if that is not nil.
func (v indexView) search(out []byte, k rowKey, most int64, kept *rowBlock) (n int, err error) {
	block := blocks.Get().(*[searchBlock * timeRow]byte)
	defer blocks.Put(block)
	lo, hi := 0, v.onDisk
	for hi-lo >= searchBlock {
		mid := int(uint(lo+hi) >> 1)
		if _, err := v.file.ReadAt(block[:v.row], int64(mid)*int64(v.row)); err != nil {
			return 0, indexReadError(err)
		}
		if k.of(block[:]) <= most {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	from := max(lo-1, 0)
	rows := block[:min(v.onDisk-from, searchBlock)*v.row]
	if len(rows) == 0 {
		return 0, nil
	}
	if _, err := v.file.ReadAt(rows, int64(from)*int64(v.row)); err != nil {
		return 0, indexReadError(err)
	}
	i := countRows(rows, v.row, k, most)
	if i > 0 {
		copy(out, rows[(i-1)*v.row:i*v.row])
	}
	if kept != nil {
		kept.rows = append(kept.rows[:0], rows...)
	}
	return from + i, nil
}

// rowBlock is a run of offset rows of one segment, as the last search on disk
// read it. A consumer that reads on needs the next rows of the same block.
type rowBlock struct {
	base    model.Offset
	version uint32
	rows    []byte
}

// lookup is the last row with a key <= most, if the block is sure to have it.
func (b *rowBlock) lookup(out []byte, base model.Offset, version uint32, k rowKey, most int64) bool {
	if b == nil || b.base != base || b.version != version {
		return false
	}
	n := countRows(b.rows, offsetRow, k, most)
	if n == 0 || n*offsetRow == len(b.rows) {
		return false
	}
	copy(out, b.rows[(n-1)*offsetRow:n*offsetRow])
	return true
}

// A file shorter than the index says was cut meanwhile.
func indexReadError(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrCorrupt
	}
	return err
}

// searchTail is search over the rows in memory.
func (x *sparse) searchTail(out []byte, k rowKey, most int64) (n int) {
	n = countRows(x.tail, x.row, k, most)
	if n > 0 {
		copy(out, x.tail[(n-1)*x.row:n*x.row])
	}
	return n
}

// find copies the last row with a key <= most to out if it is in memory (ok);
// if it may be on disk it returns the view to search, with its file pinned.
func (x *sparse) find(out []byte, k rowKey, most int64) (v indexView, disk, ok bool, err error) {
	if x.searchTail(out, k, most) > 0 {
		return v, false, true, nil
	}
	if x.onDisk == 0 {
		return v, false, false, nil
	}
	if err := x.file.pin(false); err != nil {
		return v, false, false, err
	}
	return indexView{&x.file, x.row, x.onDisk}, true, false, nil
}

// lookup is find with the search on disk done at once.
func (x *sparse) lookup(out []byte, k rowKey, most int64) (ok bool, err error) {
	if err := x.load(); err != nil {
		return false, err
	}
	v, disk, ok, err := x.find(out, k, most)
	if !disk || err != nil {
		return ok, err
	}
	defer v.file.Release()
	n, err := v.search(out, k, most, nil)
	return n > 0, err
}

// truncate removes the rows with a key > most.
func (x *sparse) truncate(k rowKey, most int64) error {
	if err := x.load(); err != nil {
		return err
	}
	var row [timeRow]byte
	if n := x.searchTail(row[:], k, most); n > 0 {
		x.tail = x.tail[:n*x.row]
		x.last = row
		return nil
	}
	x.tail = x.tail[:0]
	n := 0
	if x.onDisk > 0 {
		if err := x.file.pin(false); err != nil {
			return err
		}
		var err error
		n, err = indexView{&x.file, x.row, x.onDisk}.search(row[:], k, most, nil)
		x.file.Release()
		if err != nil {
			return err
		}
	}
	x.keep(n, row[:])
	return x.cut()
}

// An offset index row is the last offset of a batch, relative to the segment's
// base, and the batch's position in the data file. A time index row is the
// largest timestamp so far and the last offset of the batch that had it.

func offsetOfRow(base model.Offset, r []byte) (model.Offset, int64) {
	return base + model.Offset(binary.BigEndian.Uint32(r)), int64(binary.BigEndian.Uint32(r[4:]))
}

func timeOfRow(base model.Offset, r []byte) (model.Millis, model.Offset) {
	return model.Millis(binary.BigEndian.Uint64(r)), base + model.Offset(binary.BigEndian.Uint32(r[8:]))
}

func (x *sparse) lastOffset(base model.Offset) (model.Offset, int64) {
	if x.rows() == 0 {
		return base, 0
	}
	return offsetOfRow(base, x.last[:])
}

// lastTime is the last row of a time index; {-1, base} without rows.
func (x *sparse) lastTime(base model.Offset) (model.Millis, model.Offset) {
	if x.rows() == 0 {
		return -1, base
	}
	return timeOfRow(base, x.last[:])
}

func (x *sparse) appendOffset(base, last model.Offset, pos int64) {
	var r [offsetRow]byte
	binary.BigEndian.PutUint32(r[:], uint32(last-base))
	binary.BigEndian.PutUint32(r[4:], uint32(pos))
	x.append(r[:])
}

// appendTime adds a row if t is later than the last one.
func (x *sparse) appendTime(base model.Offset, t model.Millis, at model.Offset) {
	if last, _ := x.lastTime(base); t <= last {
		return
	}
	r := timeRowOf(base, t, at)
	x.append(r[:])
}

type timeRowBytes [timeRow]byte

func timeRowOf(base model.Offset, t model.Millis, at model.Offset) (r timeRowBytes) {
	binary.BigEndian.PutUint64(r[:], uint64(t))
	binary.BigEndian.PutUint32(r[8:], uint32(at-base))
	return r
}

func (r timeRowBytes) appendTo(b []byte) []byte { return append(b, r[:]...) }

// full is AbstractIndex.isFull; the time index keeps a row for the one that
// sealing adds.
func (x *sparse) full() bool {
	if x.row == timeRow {
		return x.rows() >= x.max-1
	}
	return x.rows() >= x.max
}
