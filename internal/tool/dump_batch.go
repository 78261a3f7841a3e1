package tool

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gregor/internal/record"
	"gregor/internal/record/codec"
	"gregor/internal/wire"
)

const (
	logOverhead  = 12 // offset and size before what the size counts
	upToMagic    = 17
	legacyRecord = 14 // the smallest size of a record of magic 0
)

// batches walks the batches of part of a log file.
type batches struct {
	f        *os.File
	path     string
	pos, end int64
	buf      []byte
}

// next reads the next batch, whatever its magic; nil at the end and before a
// batch that is not whole.
func (b *batches) next() ([]byte, error) {
	if b.pos >= b.end-upToMagic {
		return nil, nil
	}
	var head [upToMagic]byte
	if _, err := b.f.ReadAt(head[:], b.pos); err != nil {
		return nil, throw("java.io.IOException", "%v", err)
	}
	size := int64(int32(binary.BigEndian.Uint32(head[8:])))
	if size < legacyRecord {
		return nil, throw(pkgErrors+"CorruptRecordException", "Found record size %d smaller than minimum record overhead (%d) in file %s.", size, legacyRecord, b.path)
	}
	if b.pos > b.end-logOverhead-size {
		return nil, nil
	}
	if need := int(logOverhead + size); cap(b.buf) < need {
		b.buf = make([]byte, need)
	}
	b.buf = b.buf[:logOverhead+size]
	if _, err := io.ReadFull(io.NewSectionReader(b.f, b.pos, logOverhead+size), b.buf); err != nil {
		return nil, throw("java.io.IOException", "%v", err)
	}
	if m := int8(head[16]); m >= record.Magic && len(b.buf) < record.HeaderSize {
		return nil, throw(pkgErrors+"CorruptRecordException", "Record batch is too small: %d bytes, magic %d, in file %s.", len(b.buf), m, b.path)
	}
	b.pos += logOverhead + size
	return b.buf, nil
}

// log prints the batches of a log or of a snapshot of the metadata log.
func (d *dump) log(path, suffix string) error {
	if err := d.logHead(path, suffix); err != nil {
		return err
	}
	f, size, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	it := &batches{f: f, path: path, end: min(size, d.maxBytes)}
	last := int64(-1)
	var r record.Reader
	for {
		at := it.pos
		b, err := it.next()
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if int8(b[16]) < record.Magic {
			err = d.legacy(path, b, at, &last)
		} else {
			err = d.batch(path, record.Batch(b), at, &r, &last)
		}
		if err != nil {
			return err
		}
		if d.out.err != nil {
			return nil
		}
	}
	if rest := it.end - it.pos; rest > 0 && d.maxBytes == 1<<31-1 {
		d.out.text(fmt.Sprintf("Found %d invalid bytes at the end of %s\n", rest, filepath.Base(path)))
	}
	return nil
}

func (d *dump) logHead(path, suffix string) error {
	name := filepath.Base(path)
	if suffix == ".log" {
		base, err := baseOffset(path)
		if err != nil {
			return err
		}
		d.out.text("Log starting offset: " + formatInt(base) + "\n")
		return nil
	}
	if name == "bootstrap.checkpoint" {
		d.out.text("KRaft bootstrap snapshot\n")
		return nil
	}
	stem, _, _ := strings.Cut(name, ".")
	offset, epoch, ok := strings.Cut(stem, "-")
	o, err1 := strconv.ParseInt(offset, 10, 64)
	ep, err2 := strconv.ParseInt(epoch, 10, 32)
	if !ok || len(offset) != 20 || len(epoch) != 10 || err1 != nil || err2 != nil {
		return throw("java.util.NoSuchElementException", "No value present")
	}
	d.out.text(fmt.Sprintf("Snapshot end offset: %d, epoch: %d\n", o, ep))
	return nil
}

func timestampType(logAppend bool) string {
	if logAppend {
		return "LogAppendTime"
	}
	return "CreateTime"
}

// batch prints one batch v2, and its records if asked for.
func (d *dump) batch(path string, b record.Batch, at int64, r *record.Reader, last *int64) error {
	horizon := "OptionalLong.empty"
	if b.HasDeleteHorizon() {
		horizon = fmt.Sprintf("OptionalLong[%d]", b.BaseTimestamp())
	}
	d.out.text(fmt.Sprintf("baseOffset: %d lastOffset: %d count: %d baseSequence: %d lastSequence: %d producerId: %d producerEpoch: %d "+
		"partitionLeaderEpoch: %d isTransactional: %t isControl: %t deleteHorizonMs: %s",
		b.BaseOffset(), b.LastOffset(), b.Count(), b.BaseSequence(), b.LastSequence(), b.ProducerID(), b.ProducerEpoch(),
		b.LeaderEpoch(), b.Transactional(), b.Control(), horizon))
	d.batchTail(at, timestampType(b.LogAppendTime()), int64(b.MaxTimestamp()), len(b), b.Magic(), b.Codec(), b.CRC(), b.Valid())
	if !d.deep {
		return nil
	}
	r.Reset(b)
	for r.Next() {
		if err := d.record(path, b, r.Record(), last); err != nil {
			return err
		}
	}
	if err := r.Err(); err != nil {
		return throw(pkgErrors+"InvalidRecordException", "%v", err)
	}
	return nil
}

func (d *dump) batchTail(at int64, kind string, timestamp int64, size int, magic int8, c codec.Type, crc uint32, valid bool) {
	d.out.text(fmt.Sprintf(" position: %d %s: %d size: %d magic: %d compresscodec: %s crc: %d isvalid: %t\n", at, kind, timestamp, size, magic, c, crc, valid))
}

// follows notes a gap between the last offset and this one.
func (d *dump) follows(path string, last *int64, offset int64) {
	if offset != *last+1 {
		d.gaps.add(path, "  %d is followed by %d", *last, offset)
	}
	*last = offset
}

func sizeOrNull(b []byte) int {
	if b == nil {
		return -1
	}
	return len(b)
}

func (d *dump) record(path string, b record.Batch, r *record.Record, last *int64) error {
	d.follows(path, last, int64(r.Offset))
	if !d.skipMetadata {
		seq := int32(-1)
		if b.BaseSequence() >= 0 {
			seq = record.AddSequence(b.BaseSequence(), int32(r.Offset-b.BaseOffset()))
		}
		var headers []string
		for _, h := range r.AppendHeaders(nil) {
			headers = append(headers, string(h.Key))
		}
		d.out.text(fmt.Sprintf("| offset: %d %s: %d keySize: %d valueSize: %d sequence: %d headerKeys: [%s]", r.Offset,
			timestampType(b.LogAppendTime()), r.Timestamp, sizeOrNull(r.Key), sizeOrNull(r.Value), seq, strings.Join(headers, ",")))
		if b.Control() {
			if err := d.control(r); err != nil {
				return err
			}
		}
	}
	if d.contents && !b.Control() {
		if err := d.keyAndValue(int64(r.Offset), r.Key, r.Value); err != nil {
			return err
		}
	}
	d.out.text("\n")
	return nil
}

func (d *dump) keyAndValue(offset int64, k, v []byte) error {
	key, value, err := d.decode(offset, k, v)
	if err != nil {
		return err
	}
	prefix := " "
	if d.skipMetadata {
		prefix = "| "
	}
	if key != nil {
		d.out.text(prefix + "key: " + *key)
		prefix = " "
	}
	if value != nil {
		d.out.text(prefix + "payload: " + *value)
	}
	return nil
}

// control prints what a control record says.
func (d *dump) control(r *record.Record) error {
	t, err := wire.ParseControlKey(r.Key)
	if err != nil {
		return throw(pkgErrors+"InvalidRecordException", "%v", err)
	}
	if t == wire.ControlUnknown {
		id := int16(-1)
		if len(r.Key) >= 4 {
			id = int16(binary.BigEndian.Uint16(r.Key[2:]))
		}
		d.out.text(fmt.Sprintf(" controlType: UNKNOWN(%d)", id))
		return nil
	}
	m, version, err := wire.DecodeControlValue(t, r.Value)
	if err != nil {
		return throw(pkgErrors+"InvalidRecordException", "%v", err)
	}
	switch m := m.(type) {
	case *wire.EndTxnMarker:
		kind := "ABORT"
		if t == wire.ControlCommit {
			kind = "COMMIT"
		}
		d.out.text(fmt.Sprintf(" endTxnMarker: %s coordinatorEpoch: %d", kind, m.CoordinatorEpoch))
	default:
		name := map[wire.ControlType]string{
			wire.ControlLeaderChange: "LeaderChange:", wire.ControlSnapshotHeader: "SnapshotHeader", wire.ControlSnapshotFooter: "SnapshotFooter",
			wire.ControlKRaftVersion: "KRaftVersion", wire.ControlVoters: "KRaftVoters",
		}[t]
		d.out.text(" " + name + " " + messageJSON(m, version, nil))
	}
	return nil
}

// legacy prints a record of magic 0 or 1, which is a batch of its own: offset
// int64, size int32, CRC-32 uint32, magic int8, attributes int8, in magic 1
// the timestamp int64, then key and value, each with its size int32.
func (d *dump) legacy(path string, b []byte, at int64, last *int64) error {
	offset, magic, attributes := int64(binary.BigEndian.Uint64(b)), int8(b[16]), b[17]
	crc := binary.BigEndian.Uint32(b[12:])
	timestamp, kind, rest := int64(-1), "NoTimestampType", b[18:]
	if magic == 1 && len(rest) >= 8 {
		timestamp, kind, rest = int64(binary.BigEndian.Uint64(rest)), timestampType(attributes&8 != 0), rest[8:]
	}
	valid := crc == crc32.ChecksumIEEE(b[16:])
	d.out.text(fmt.Sprintf("offset: %d", offset))
	d.batchTail(at, kind, timestamp, len(b), magic, codec.Type(attributes&7), crc, valid)
	if !d.deep {
		return nil
	}
	if attributes&7 != 0 {
		return throw(unsupported, "The records of a compressed message set of magic %d cannot be shown; without --deep-iteration and --print-data-log its header can.", magic)
	}
	key, rest, ok1 := sizedBytes(rest)
	value, _, ok2 := sizedBytes(rest)
	if !ok1 || !ok2 {
		return throw(pkgErrors+"CorruptRecordException", "Record at offset %d of magic %d is shorter than its key and value", offset, magic)
	}
	d.follows(path, last, offset)
	if !d.skipMetadata {
		d.out.text(fmt.Sprintf("| offset: %d %s: %d keySize: %d valueSize: %d isValid: %t crc: %d", offset, kind, timestamp, sizeOrNull(key), sizeOrNull(value), valid, crc))
	}
	if d.contents {
		if err := d.keyAndValue(offset, key, value); err != nil {
			return err
		}
	}
	d.out.text("\n")
	return nil
}

// sizedBytes reads a size int32, -1 for null, and so many bytes.
func sizedBytes(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := int(int32(binary.BigEndian.Uint32(b)))
	b = b[4:]
	if n < 0 {
		return nil, b, true
	}
	if n > len(b) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}
