package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"gregor/internal/model"
	"gregor/internal/record/codec"
)

// Positions of the fields of a batch v2, in bytes from its start. All integers
// are big-endian.
const (
	posBaseOffset      = 0
	posLength          = 8
	posLeaderEpoch     = 12
	posMagic           = 16
	posCRC             = 17
	posAttributes      = 21
	posLastOffsetDelta = 23
	posBaseTimestamp   = 27
	posMaxTimestamp    = 35
	posProducerID      = 43
	posProducerEpoch   = 51
	posBaseSequence    = 53
	posCount           = 57
	posRecords         = 61
)

// Sizes in bytes.
const (
	// HeaderSize is the size of a batch v2 without its records. A Batch of at
	// least so many bytes answers all questions about its header.
	HeaderSize = posRecords
	// LogOverhead is the base offset and the length, which stand before what
	// the length counts, in every format.
	LogOverhead = 12
	// PrefixSize is what must be at hand to know a batch's size and format.
	PrefixSize = posMagic + 1
	// minLegacySize is the smallest length field any format can have (magic 0).
	minLegacySize = 14
)

// Bits of the attributes.
const (
	attrCodec         = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
	attrDeleteHorizon = 0x40
)

// Marks for fields that are not set.
const (
	// NoTimestamp marks a batch or record without a time.
	NoTimestamp model.Millis = -1
	// NoSequence is the base sequence of a batch without one.
	NoSequence int32 = -1
	// NoProducerEpoch is the producer epoch of a batch without a producer.
	NoProducerEpoch model.ProducerEpoch = -1
)

// Magic is the format of the batches this package writes.
const Magic = 2

// ErrIncomplete reports that the bytes end before the batch does. At the end
// of a fetched or torn piece this is normal.
var ErrIncomplete = errors.New("record batch is incomplete")

// ErrCorrupt is what every error about damaged bytes wraps.
var ErrCorrupt = errors.New("record batch is corrupt")

// ErrNoBatch is ErrCorrupt of bytes that cannot begin a batch: their magic, or
// a length below that of any batch, tells.
var ErrNoBatch = fmt.Errorf("no record batch: %w", ErrCorrupt)

// Batch is a view of one record batch, or, where a comment says so, of at
// least its first HeaderSize bytes. The methods do not check the length: a
// Batch comes from Next, a Builder, or bytes known to be long enough.
//
// For magic 0 and 1 only BaseOffset, Size and Magic mean anything.
type Batch []byte

// Next splits the first batch off b. It returns ErrIncomplete if b ends before
// the batch, an error that wraps ErrCorrupt if the length or the magic cannot
// be, and nil otherwise; the CRC is not checked. With b empty it
// returns ErrIncomplete.
func Next(b []byte) (first Batch, rest []byte, err error) {
	size, err := SizeOf(b)
	if err != nil {
		return nil, b, err
	}
	if len(b) < size {
		return nil, b, ErrIncomplete
	}
	return Batch(b[:size:size]), b[size:], nil
}

// SizeOf is the whole size in bytes of the batch whose first bytes are b, at
// least PrefixSize of them, else ErrIncomplete.
func SizeOf(b []byte) (int, error) {
	if len(b) < LogOverhead {
		return 0, ErrIncomplete
	}
	n := int32(binary.BigEndian.Uint32(b[posLength:]))
	if n < minLegacySize {
		return 0, noBatch("Record size %d is less than the minimum record overhead (%d)", n, minLegacySize)
	}
	if len(b) < PrefixSize {
		return 0, ErrIncomplete
	}
	if m := int8(b[posMagic]); m < 0 || m > Magic {
		return 0, noBatch("Invalid magic found in record: %d", m)
	}
	if b[posMagic] == Magic && n < HeaderSize-LogOverhead {
		return 0, corrupt("Record batch is corrupt (the size %d is smaller than the minimum allowed overhead %d)", n+LogOverhead, HeaderSize)
	}
	return int(n) + LogOverhead, nil
}

func corrupt(format string, args ...any) error {
	return &corruptError{fmt.Sprintf(format, args...), ErrCorrupt}
}

func noBatch(format string, args ...any) error {
	return &corruptError{fmt.Sprintf(format, args...), ErrNoBatch}
}

type corruptError struct {
	msg  string
	kind error
}

func (e *corruptError) Error() string { return e.msg }
func (e *corruptError) Unwrap() error { return e.kind }

// BaseOffset is the offset of the first record the batch ever had.
func (b Batch) BaseOffset() model.Offset {
	return model.Offset(binary.BigEndian.Uint64(b[posBaseOffset:]))
}

// Size is the size in bytes that the batch's header claims.
func (b Batch) Size() int { return int(int32(binary.BigEndian.Uint32(b[posLength:]))) + LogOverhead }

// LeaderEpoch is the epoch of the leader that appended the batch; -1 before.
func (b Batch) LeaderEpoch() model.LeaderEpoch {
	return model.LeaderEpoch(binary.BigEndian.Uint32(b[posLeaderEpoch:]))
}

// Magic is the format: 0, 1 or 2.
func (b Batch) Magic() int8 { return int8(b[posMagic]) }

// CRC is the checksum the header holds.
func (b Batch) CRC() uint32 { return binary.BigEndian.Uint32(b[posCRC:]) }

// Attributes are the flags; prefer the methods below.
func (b Batch) Attributes() int16 { return int16(binary.BigEndian.Uint16(b[posAttributes:])) }

// Codec is how the records are compressed. Codes 5 to 7 are not defined;
// Codec().Valid() tells.
func (b Batch) Codec() codec.Type { return codec.Type(b[posAttributes+1] & attrCodec) }

// LogAppendTime reports whether MaxTimestamp is the broker's time of append
// and stands for every record.
func (b Batch) LogAppendTime() bool { return b[posAttributes+1]&attrLogAppendTime != 0 }

// Transactional reports whether the batch is part of a transaction.
func (b Batch) Transactional() bool { return b[posAttributes+1]&attrTransactional != 0 }

// Control reports whether the batch holds control records, which consumers
// do not see.
func (b Batch) Control() bool { return b[posAttributes+1]&attrControl != 0 }

// HasDeleteHorizon reports whether BaseTimestamp is the time from which
// compaction may drop the batch's tombstones (KIP-534).
func (b Batch) HasDeleteHorizon() bool { return b[posAttributes+1]&attrDeleteHorizon != 0 }

// LastOffsetDelta is LastOffset relative to BaseOffset.
func (b Batch) LastOffsetDelta() int32 { return int32(binary.BigEndian.Uint32(b[posLastOffsetDelta:])) }

// LastOffset is the offset of the last record the batch ever had; compaction
// keeps it.
func (b Batch) LastOffset() model.Offset { return b.BaseOffset() + model.Offset(b.LastOffsetDelta()) }

// NextOffset is the offset after the batch.
func (b Batch) NextOffset() model.Offset { return b.LastOffset() + 1 }

// BaseTimestamp is the time the records' times are relative to, or the delete
// horizon.
func (b Batch) BaseTimestamp() model.Millis {
	return model.Millis(binary.BigEndian.Uint64(b[posBaseTimestamp:]))
}

// MaxTimestamp is the largest time of a record, or the time of append.
func (b Batch) MaxTimestamp() model.Millis {
	return model.Millis(binary.BigEndian.Uint64(b[posMaxTimestamp:]))
}

// ProducerID is the idempotent producer's id, or model.NoProducer.
func (b Batch) ProducerID() model.ProducerID {
	return model.ProducerID(binary.BigEndian.Uint64(b[posProducerID:]))
}

// HasProducer reports whether an idempotent producer sent the batch.
func (b Batch) HasProducer() bool { return b.ProducerID() > model.NoProducer }

// ProducerEpoch is the producer's incarnation, or NoProducerEpoch.
func (b Batch) ProducerEpoch() model.ProducerEpoch {
	return model.ProducerEpoch(binary.BigEndian.Uint16(b[posProducerEpoch:]))
}

// BaseSequence is the sequence number of the first record, or NoSequence.
func (b Batch) BaseSequence() int32 { return int32(binary.BigEndian.Uint32(b[posBaseSequence:])) }

// LastSequence is the sequence number of the last record, or NoSequence.
func (b Batch) LastSequence() int32 {
	base := b.BaseSequence()
	if base == NoSequence {
		return NoSequence
	}
	return AddSequence(base, b.LastOffsetDelta())
}

// Count is the number of records in the batch, by its header.
func (b Batch) Count() int32 { return int32(binary.BigEndian.Uint32(b[posCount:])) }

// Payload is the records as they stand in the batch, compressed or not.
func (b Batch) Payload() []byte { return b[posRecords:] }

// SetBaseOffset patches the base offset; it lies outside the CRC.
func (b Batch) SetBaseOffset(o model.Offset) {
	binary.BigEndian.PutUint64(b[posBaseOffset:], uint64(o))
}

// SetLastOffset patches the base offset so that o is the last offset.
func (b Batch) SetLastOffset(o model.Offset) {
	b.SetBaseOffset(o - model.Offset(b.LastOffsetDelta()))
}

// SetLeaderEpoch patches the leader epoch; it lies outside the CRC.
func (b Batch) SetLeaderEpoch(e model.LeaderEpoch) {
	binary.BigEndian.PutUint32(b[posLeaderEpoch:], uint32(e))
}

// SetMaxTimestamp patches the kind of time and the largest time, and the CRC
// if that changed anything.
func (b Batch) SetMaxTimestamp(logAppendTime bool, t model.Millis) {
	if b.LogAppendTime() == logAppendTime && b.MaxTimestamp() == t {
		return
	}
	attrs := b[posAttributes+1] &^ attrLogAppendTime
	if logAppendTime {
		attrs |= attrLogAppendTime
	}
	// The high byte of the attributes is unused; Kafka clears it here.
	b[posAttributes], b[posAttributes+1] = 0, attrs
	binary.BigEndian.PutUint64(b[posMaxTimestamp:], uint64(t))
	b.SetCRC()
}

// SetCRC stores the checksum of the batch as it is.
func (b Batch) SetCRC() { binary.BigEndian.PutUint32(b[posCRC:], b.ComputeCRC()) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ComputeCRC is the CRC-32C of the bytes from the attributes to the end.
func (b Batch) ComputeCRC() uint32 { return crc32.Checksum(b[posAttributes:], castagnoli) }

// Valid reports whether a whole batch v2 is undamaged: its checksum is that of
// its bytes.
func (b Batch) Valid() bool {
	return len(b) >= HeaderSize && b.Size() == len(b) && b.CRC() == b.ComputeCRC()
}

// AddSequence is the sequence number n after seq; numbers go round from
// 2147483647 to 0.
func AddSequence(seq, n int32) int32 {
	if seq > maxInt32-n {
		return n - (maxInt32 - seq) - 1
	}
	return seq + n
}

// SubSequence is the sequence number n before seq.
func SubSequence(seq, n int32) int32 {
	if seq < n {
		return maxInt32 - (n - seq) + 1
	}
	return seq - n
}

const maxInt32 = 1<<31 - 1
