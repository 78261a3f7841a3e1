package storage

import (
	"encoding/binary"
	"errors"
	"io"
	"sort"

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

// search returns the number of rows on disk for which above is false; above is
// monotonic. row n-1 is then copied to out.
func (v indexView) search(out []byte, above func(row []byte) bool) (n int, err error) {
	lo, hi := 0, v.onDisk // above(lo-1) false, above(hi) true
	var b [12]byte
	for hi-lo > searchBlock {
		mid := int(uint(lo+hi) >> 1)
		if _, err := v.file.ReadAt(b[:v.row], int64(mid)*int64(v.row)); err != nil {
			return 0, indexReadError(err)
		}
		if above(b[:v.row]) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	from := max(lo-1, 0)
	block := blocks.Get().(*[searchBlock*timeRow + timeRow]byte)
	defer blocks.Put(block)
	rows := block[:(hi-from)*v.row]
	if len(rows) == 0 {
		return 0, nil
	}
	if _, err := v.file.ReadAt(rows, int64(from)*int64(v.row)); err != nil {
		return 0, indexReadError(err)
	}
	k := sort.Search(hi-from, func(i int) bool { return above(rows[i*v.row : (i+1)*v.row]) })
	if k > 0 {
		copy(out, rows[(k-1)*v.row:k*v.row])
	}
	return from + k, nil
}

// A file shorter than the index says was cut meanwhile.
func indexReadError(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrCorrupt
	}
	return err
}

// searchTail is search over the rows in memory.
func (x *sparse) searchTail(out []byte, above func(row []byte) bool) (n int) {
	n = sort.Search(len(x.tail)/x.row, func(i int) bool { return above(x.tail[i*x.row : (i+1)*x.row]) })
	if n > 0 {
		copy(out, x.tail[(n-1)*x.row:n*x.row])
	}
	return n
}

// find is the last row for which above is false: found in memory, or, if disk
// is true, to be looked for in the view, with file pinned.
func (x *sparse) find(out []byte, above func(row []byte) bool) (v indexView, disk, ok bool, err error) {
	if x.searchTail(out, above) > 0 {
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

// truncate removes the rows from the first for which above is true.
func (x *sparse) truncate(above func(row []byte) bool) error {
	if err := x.load(); err != nil {
		return err
	}
	var row [12]byte
	if n := x.searchTail(row[:], above); n > 0 {
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
		n, err = indexView{&x.file, x.row, x.onDisk}.search(row[:], above)
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
	var r [timeRow]byte
	binary.BigEndian.PutUint64(r[:], uint64(t))
	binary.BigEndian.PutUint32(r[8:], uint32(at-base))
	x.append(r[:])
}

// full is AbstractIndex.isFull; the time index keeps a row for the one that
// sealing adds.
func (x *sparse) full() bool {
	if x.row == timeRow {
		return x.rows() >= x.max-1
	}
	return x.rows() >= x.max
}
