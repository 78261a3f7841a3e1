package record

import (
	"encoding/binary"

	"gregor/internal/model"
	"gregor/internal/record/codec"
)

// Spec is what a Builder puts in a batch's header. The zero value is a plain
// uncompressed batch at offset 0 with create time, of epoch 0; use NewSpec for
// one without a producer.
type Spec struct {
	BaseOffset    model.Offset
	LeaderEpoch   model.LeaderEpoch
	Codec         codec.Type
	Level         int // of the codec, Kafka's scale
	ProducerID    model.ProducerID
	ProducerEpoch model.ProducerEpoch
	BaseSequence  int32
	Transactional bool
	Control       bool
	// LogAppendTime stamps the batch with AppendTime.
	LogAppendTime bool
	AppendTime    model.Millis
	// DeleteHorizon, if not NoTimestamp, is the time from which compaction may
	// drop the batch's tombstones.
	DeleteHorizon model.Millis
}

// NewSpec is the Spec of a plain batch of no producer and no leader epoch.
func NewSpec() Spec {
	return Spec{
		LeaderEpoch: model.NoEpoch, ProducerID: model.NoProducer,
		ProducerEpoch: NoProducerEpoch, BaseSequence: NoSequence, DeleteHorizon: NoTimestamp,
	}
}

// Builder makes batches. Its buffers are reused: a batch is good until the
// next Reset. The zero value waits for a Reset.
type Builder struct {
	spec     Spec
	buf      []byte // header and uncompressed records
	out      []byte // header and compressed records
	count    int32
	last     model.Offset
	baseTime model.Millis
	maxTime  model.Millis
}

// Reset begins a batch.
func (bl *Builder) Reset(s Spec) {
	bl.spec, bl.count, bl.last = s, 0, s.BaseOffset-1
	bl.baseTime, bl.maxTime = s.DeleteHorizon, NoTimestamp
	if cap(bl.buf) > keepBuffer {
		bl.buf = nil
	}
	if cap(bl.out) > keepBuffer {
		bl.out = nil
	}
	if bl.buf == nil {
		bl.buf = make([]byte, HeaderSize, 1024)
	}
	bl.buf = bl.buf[:HeaderSize]
}

// Count is the number of records so far.
func (bl *Builder) Count() int { return int(bl.count) }

// Size is the size in bytes the batch would have without compression.
func (bl *Builder) Size() int { return len(bl.buf) }

// NextOffset is the offset the next Append takes.
func (bl *Builder) NextOffset() model.Offset { return bl.last + 1 }

// Append adds a record at the next offset. Key and value may be nil, which is
// null; they are copied.
func (bl *Builder) Append(t model.Millis, key, value []byte, headers ...Header) {
	bl.AppendAt(bl.last+1, t, key, value, headers...)
}

// AppendAt is Append with an offset, which must be larger than the last one.
func (bl *Builder) AppendAt(o model.Offset, t model.Millis, key, value []byte, headers ...Header) {
	if bl.count == 0 && bl.spec.DeleteHorizon < 0 {
		bl.baseTime = t
	}
	delta, rel := int64(t-bl.baseTime), int32(o-bl.spec.BaseOffset)
	size := 1 + sizeVarlong(delta) + sizeVarint(rel) + sizeBytes(key) + sizeBytes(value) + sizeVarint(int32(len(headers)))
	for _, h := range headers {
		size += sizeBytes(h.Key) + sizeBytes(h.Value)
	}
	b := appendVarint(bl.buf, int32(size))
	b = append(b, 0)
	b = appendVarlong(b, delta)
	b = appendVarint(b, rel)
	b = appendBytes(b, key)
	b = appendBytes(b, value)
	b = appendVarint(b, int32(len(headers)))
	for _, h := range headers {
		b = appendHeader(b, h)
	}
	bl.buf = b
	bl.note(o, t)
}

// RecordSize is the size in bytes of a record in an uncompressed batch, if its
// time and offset are delta and rel away from the batch's.
func RecordSize(delta model.Millis, rel int32, key, value []byte) int {
	n := 1 + sizeVarlong(int64(delta)) + sizeVarint(rel) + sizeBytes(key) + sizeBytes(value) + 1
	return n + sizeVarint(int32(n))
}

func (bl *Builder) note(o model.Offset, t model.Millis) {
	bl.count++
	bl.last = o
	bl.maxTime = max(bl.maxTime, t)
}

// appendRecord adds a parsed record of another batch, headers included.
func (bl *Builder) appendRecord(o model.Offset, rec *Record) {
	if bl.count == 0 && bl.spec.DeleteHorizon < 0 {
		bl.baseTime = rec.Timestamp
	}
	delta, rel := int64(rec.Timestamp-bl.baseTime), int32(o-bl.spec.BaseOffset)
	size := 1 + sizeVarlong(delta) + sizeVarint(rel) + sizeBytes(rec.Key) + sizeBytes(rec.Value) +
		sizeVarint(rec.numHeaders) + len(rec.headers)
	b := appendVarint(bl.buf, int32(size))
	b = append(b, 0)
	b = appendVarlong(b, delta)
	b = appendVarint(b, rel)
	b = appendBytes(b, rec.Key)
	b = appendBytes(b, rec.Value)
	b = appendVarint(b, rec.numHeaders)
	bl.buf = append(b, rec.headers...)
	bl.note(o, rec.Timestamp)
}

func sizeBytes(v []byte) int {
	if v == nil {
		return 1
	}
	return sizeVarint(int32(len(v))) + len(v)
}

func appendBytes(b, v []byte) []byte {
	if v == nil {
		return appendVarint(b, -1)
	}
	b = appendVarint(b, int32(len(v)))
	return append(b, v...)
}

func appendHeader(b []byte, h Header) []byte {
	b = appendVarint(b, int32(len(h.Key)))
	b = append(b, h.Key...)
	return appendBytes(b, h.Value)
}

// AppendControl adds a control record; the Spec must say Control. value is the
// encoded message without a version before it, except for transaction markers
// (AppendMarker).
func (bl *Builder) AppendControl(t model.Millis, kind ControlType, value []byte) {
	var key [controlKeySize]byte
	bl.Append(t, AppendControlKey(key[:0], kind), value)
}

// AppendMarker adds a transaction marker; the Spec must say Control and
// Transactional and have the producer.
func (bl *Builder) AppendMarker(t model.Millis, m Marker) {
	kind := Abort
	if m.Commit {
		kind = Commit
	}
	var value [6]byte
	bl.AppendControl(t, kind, m.AppendMarkerValue(value[:0]))
}

// Build finishes the batch: it compresses the records and writes header and
// CRC. Without records it returns nil. More records may follow, and another
// Build.
func (bl *Builder) Build() (Batch, error) {
	if bl.count == 0 {
		return nil, nil
	}
	out := bl.buf
	if bl.spec.Codec != codec.None {
		if bl.out == nil {
			bl.out = make([]byte, HeaderSize, len(bl.buf)/2+HeaderSize)
		}
		var err error
		out, err = codec.Compress(bl.out[:HeaderSize], bl.buf[HeaderSize:], bl.spec.Codec, bl.spec.Level)
		if err != nil {
			return nil, err
		}
		bl.out = out
	}
	b := Batch(out)
	bl.header(b)
	return b, nil
}

func (bl *Builder) header(b Batch) {
	s := &bl.spec
	attrs := byte(s.Codec)
	maxTime := bl.maxTime
	if s.LogAppendTime {
		attrs |= attrLogAppendTime
		maxTime = s.AppendTime
	}
	if s.Transactional {
		attrs |= attrTransactional
	}
	if s.Control {
		attrs |= attrControl
	}
	if s.DeleteHorizon >= 0 {
		attrs |= attrDeleteHorizon
	}
	b.SetBaseOffset(s.BaseOffset)
	binary.BigEndian.PutUint32(b[posLength:], uint32(len(b)-LogOverhead))
	b.SetLeaderEpoch(s.LeaderEpoch)
	b[posMagic] = Magic
	b[posAttributes], b[posAttributes+1] = 0, attrs
	binary.BigEndian.PutUint32(b[posLastOffsetDelta:], uint32(bl.last-s.BaseOffset))
	binary.BigEndian.PutUint64(b[posBaseTimestamp:], uint64(bl.baseTime))
	binary.BigEndian.PutUint64(b[posMaxTimestamp:], uint64(maxTime))
	binary.BigEndian.PutUint64(b[posProducerID:], uint64(s.ProducerID))
	binary.BigEndian.PutUint16(b[posProducerEpoch:], uint16(s.ProducerEpoch))
	binary.BigEndian.PutUint32(b[posBaseSequence:], uint32(s.BaseSequence))
	binary.BigEndian.PutUint32(b[posCount:], uint32(bl.count))
	b.SetCRC()
}
