package record

import (
	"errors"
	"fmt"
	"strings"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record/codec"
)

// Rules is a topic's configuration as far as it concerns the batches a leader
// appends. Immutable; shared by the topic's partitions.
type Rules struct {
	// MaxMessageBytes is max.message.bytes: the largest batch, in bytes.
	MaxMessageBytes int32
	// MaxRecordBytes is max.decompressed.message.bytes: the largest record
	// inside a compressed batch that is decompressed.
	MaxRecordBytes int32
	// SegmentBytes is segment.bytes, which no append may exceed.
	SegmentBytes int32
	// Codec is compression.type, codec.Producer to keep what came; Level goes
	// with it.
	Codec codec.Type
	Level int
	// Compacted is cleanup.policy with compact: records need keys.
	Compacted bool
	// LogAppendTime is message.timestamp.type=LogAppendTime.
	LogAppendTime bool
	// BeforeMax and AfterMax are message.timestamp.before.max.ms and
	// .after.max.ms.
	BeforeMax, AfterMax model.Millis
}

// CheckProduce finds the one batch that a partition's records in a produce
// request of the given version must be (ProduceRequest.validateRecords). Bytes
// behind it that are no whole batch are left out. The error is an *Error with
// INVALID_RECORD, CORRUPT_MESSAGE or UNSUPPORTED_COMPRESSION_TYPE; clients are
// not sent its message.
func CheckProduce(records []byte, version int16) (Batch, error) {
	b, rest, err := Next(records)
	if err != nil {
		if errors.Is(err, ErrIncomplete) {
			return nil, invalid("Produce requests with version %d must have at least one record batch per partition", version)
		}
		return nil, refuse(kerr.CorruptMessage, "%v", err)
	}
	if b.Magic() != Magic {
		return nil, invalid("Produce requests with version %d are only allowed to contain record batches with magic version 2", version)
	}
	if version < 7 && b.Codec() == codec.Zstd {
		return nil, refuse(kerr.UnsupportedCompressionType, "Produce requests with version %d are not allowed to use ZStandard compression", version)
	}
	if len(rest) == 0 {
		return b, nil
	}
	if _, _, err = Next(rest); err == nil {
		return nil, invalid("Produce requests with version %d are only allowed to contain exactly one record batch per partition", version)
	}
	if !errors.Is(err, ErrIncomplete) {
		return nil, refuse(kerr.CorruptMessage, "%v", err)
	}
	return b, nil
}

// Valid is a batch that may be appended once it has its offset and leader
// epoch.
type Valid struct {
	// Batch is the batch as given, perhaps with time and CRC patched, or
	// rewritten in the buffer.
	Batch Batch
	// Rewritten reports that Batch is a new one, in the buffer.
	Rewritten bool
}

// Validate checks a batch that a client or a coordinator of this broker wants
// appended to tp, patches its timestamps, and rewrites it in buf if the topic
// is compressed another way. It is done before any lock is taken and allocates
// nothing unless it rewrites or refuses. The returned buffer is buf, grown if
// need be.
//
// Records of an uncompressed batch are all looked at. A compressed batch is
// opened only if a rule cannot be decided without (see needsRecords); its
// header is trusted for the number of records and the largest timestamp. The
// decision is explained in docs/decisions.
//
// The error is an *Error: MESSAGE_TOO_LARGE, CORRUPT_MESSAGE, INVALID_RECORD,
// INVALID_TIMESTAMP, RECORD_LIST_TOO_LARGE, UNKNOWN_SERVER_ERROR (compression
// that is damaged or does not exist, as in Kafka).
func Validate(b Batch, rules *Rules, tp model.TopicPartition, origin Origin, now model.Millis, buf []byte) (Valid, []byte, error) {
	if err := checkBatch(b, rules, tp, origin); err != nil {
		return Valid{}, buf, err
	}
	target := rules.Codec
	if target == codec.Producer || b.Control() && b.Codec() == codec.None {
		target = b.Codec()
	}
	v := Valid{Batch: b}
	var err error
	switch {
	case b.Codec() == codec.None && target == codec.None:
		err = validatePlain(b, rules, tp, now)
	case target != b.Codec() || needsRecords(b, rules, now):
		v, buf, err = validateOpened(b, rules, tp, now, target, buf)
	case rules.LogAppendTime:
		b.SetMaxTimestamp(true, now)
	default:
		b.SetMaxTimestamp(false, b.MaxTimestamp())
	}
	if err != nil {
		return Valid{}, buf, err
	}
	if v.Rewritten && len(v.Batch) > int(rules.MaxMessageBytes) {
		return Valid{}, buf, refuse(kerr.MessageTooLarge, "Message batch size is %d bytes in append topartition %s which exceeds the maximum configured size of %d.",
			len(v.Batch), tp, rules.MaxMessageBytes)
	}
	if len(v.Batch) > int(rules.SegmentBytes) {
		return Valid{}, buf, refuse(kerr.RecordListTooLarge, "Message batch size is %d bytes in append to partition %s, which exceeds the maximum configured segment size of %d.",
			len(v.Batch), tp, rules.SegmentBytes)
	}
	return v, buf, nil
}

// checkBatch checks the header and the checksum.
func checkBatch(b Batch, rules *Rules, tp model.TopicPartition, origin Origin) error {
	if origin == Client && b.BaseOffset() != 0 {
		return invalid("The baseOffset of the record batch in the append to %s should be 0, but it is %d", tp, b.BaseOffset())
	}
	if len(b) > int(rules.MaxMessageBytes) {
		return refuse(kerr.MessageTooLarge, "The record batch size in the append to %s is %d bytes which exceeds the maximum configured value of %d).",
			tp, len(b), rules.MaxMessageBytes)
	}
	if !b.Valid() {
		return refuse(kerr.CorruptMessage, "Record is corrupt (stored crc = %d) in topic partition %s.", b.CRC(), tp)
	}
	if !b.Codec().Valid() {
		return refuse(kerr.UnknownServerError, "Unknown compression type id: %d", b.Codec())
	}
	if origin != Client {
		return nil
	}
	span := int64(b.LastOffsetDelta()) + 1
	count := b.Count()
	switch {
	case span <= 0:
		return invalid("Batch has an invalid offset range: [%d, %d] in topic partition %s", b.BaseOffset(), b.LastOffset(), tp)
	case count <= 0:
		return invalid("Invalid reported count for record batch: %d in topic partition %s", count, tp)
	case span != int64(count):
		return invalid("Inconsistent batch offset range [%d, %d] and count of records %d in topic partition %s",
			b.BaseOffset(), b.LastOffset(), count, tp)
	case b.Control():
		return invalid("Clients are not allowed to write control records in topic partition %s", tp)
	case b.HasProducer() && b.BaseSequence() < 0:
		return invalid("Invalid sequence number %d in record batch with producerId %d in topic partition %s",
			b.BaseSequence(), b.ProducerID(), tp)
	}
	return nil
}

// needsRecords reports whether a compressed batch that keeps its codec must be
// opened: a rule is about single records and the header cannot answer for all.
func needsRecords(b Batch, rules *Rules, now model.Millis) bool {
	if rules.Compacted {
		return true // keys
	}
	if rules.LogAppendTime {
		return b.LogAppendTime() // refused, naming the records
	}
	// The header has the largest timestamp, so it answers for AfterMax; for
	// BeforeMax it has nothing.
	return rules.BeforeMax < maxMillis || tooLate(b.MaxTimestamp(), rules, now)
}

const maxMillis model.Millis = 1<<63 - 1

func tooLate(t model.Millis, rules *Rules, now model.Millis) bool {
	return t != NoTimestamp && t-now > rules.AfterMax
}

// recordCheck is what is gathered while walking a batch's records.
type recordCheck struct {
	rules   *Rules
	tp      model.TopicPartition
	now     model.Millis
	stamped bool
	partial bool // Kafka skips keys and values here, and its messages show that
	maxTime model.Millis
	errs    []RecordError
	late    bool // one of errs is about a timestamp
}

func (c *recordCheck) record(i int32, rec *Record) {
	if c.rules.Compacted && rec.Key == nil {
		c.errs = append(c.errs, RecordError{i, fmt.Sprintf("Compacted topic cannot accept message without key in topic partition %s", c.tp)})
		return
	}
	t := rec.Timestamp
	if !c.rules.LogAppendTime && t != NoTimestamp {
		if diff := c.now - t; diff > c.rules.BeforeMax || -diff > c.rules.AfterMax {
			c.late = true
			c.errs = append(c.errs, RecordError{i, fmt.Sprintf("Timestamp %d of message with offset %d is out of range. The timestamp should be within [%d, %d]",
				t, rec.Offset, c.now-c.rules.BeforeMax, c.now+c.rules.AfterMax)})
			return
		}
	} else if c.stamped {
		c.late = true
		c.errs = append(c.errs, RecordError{i, fmt.Sprintf("Invalid timestamp type in message %s. Producer should not set timestamp type to LogAppendTime.", c.show(rec))})
		return
	}
	c.maxTime = max(c.maxTime, t)
}

// err is the refusal, if a record was to blame.
func (c *recordCheck) err() error {
	if len(c.errs) == 0 {
		return nil
	}
	if c.late {
		return &Error{Code: kerr.InvalidTimestamp, Records: c.errs, Msg: "One or more records have been rejected due to invalid timestamp"}
	}
	first := make([]string, 0, 3)
	for _, e := range c.errs[:min(3, len(c.errs))] {
		first = append(first, fmt.Sprintf("RecordError(batchIndex=%d, message='%s')", e.Index, e.Msg))
	}
	return &Error{Code: kerr.InvalidRecord, Records: c.errs, Msg: fmt.Sprintf("One or more records have been rejected due to %d record errors in total, and only showing the first three errors at most: [%s]",
		len(c.errs), strings.Join(first, ", "))}
}

func (c *recordCheck) show(rec *Record) string {
	if c.partial {
		return "Partial" + rec.String()
	}
	return rec.String()
}

// String is the record as Kafka's messages show it.
func (r *Record) String() string {
	return fmt.Sprintf("DefaultRecord(offset=%d, timestamp=%d, key=%d bytes, value=%d bytes)", r.Offset, r.Timestamp, len(r.Key), len(r.Value))
}

// validatePlain walks the records of an uncompressed batch and patches its
// largest timestamp.
func validatePlain(b Batch, rules *Rules, tp model.TopicPartition, now model.Millis) error {
	w, ok := walk(b.Payload(), b.Count())
	base := int64(b.BaseTimestamp())
	first, last := model.Millis(base+w.minDelta), model.Millis(base+w.maxDelta)
	switch {
	case !ok || b.LogAppendTime() || w.nullKey && rules.Compacted || first > last:
		return validateEach(b, rules, tp, now)
	case rules.LogAppendTime:
		b.SetMaxTimestamp(true, now)
		return nil
	case now-first > rules.BeforeMax || last-now > rules.AfterMax:
		return validateEach(b, rules, tp, now)
	}
	b.SetMaxTimestamp(false, max(last, NoTimestamp))
	return nil
}

// validateEach is validatePlain record by record: it finds those to blame.
func validateEach(b Batch, rules *Rules, tp model.TopicPartition, now model.Millis) error {
	c := recordCheck{rules: rules, tp: tp, now: now, stamped: b.LogAppendTime(), maxTime: NoTimestamp}
	var r Reader
	r.Reset(b)
	for i := int32(0); r.Next(); i++ {
		c.record(i, r.Record())
	}
	if err := r.Err(); err != nil {
		return err
	}
	if err := c.err(); err != nil {
		return err
	}
	if rules.LogAppendTime {
		b.SetMaxTimestamp(true, now)
	} else {
		b.SetMaxTimestamp(false, c.maxTime)
	}
	return nil
}
