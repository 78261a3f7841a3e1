package record

import (
	"sync"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record/codec"
)

// scratch is what opening a batch needs, pooled because it is large and rare.
type scratch struct {
	r  Reader
	bl Builder
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// validateOpened walks the records of a batch that is or will be compressed.
// It rewrites the batch in buf if the codec changes or the offsets inside do
// not run 0, 1, 2…, which some old clients got wrong.
func validateOpened(b Batch, rules *Rules, tp model.TopicPartition, now model.Millis, target codec.Type, buf []byte) (Valid, []byte, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	c := recordCheck{rules: rules, tp: tp, now: now, stamped: b.LogAppendTime(), maxTime: NoTimestamp,
		partial: b.Codec() == target && target != codec.None}
	inPlace, err := s.check(b, rules, target, &c)
	if err != nil {
		return Valid{}, buf, err
	}
	if err := c.err(); err != nil {
		return Valid{}, buf, err
	}
	if inPlace {
		if rules.LogAppendTime {
			b.SetMaxTimestamp(true, now)
		} else {
			b.SetMaxTimestamp(false, c.maxTime)
		}
		return Valid{Batch: b}, buf, nil
	}
	return s.rewrite(b, rules, now, target, buf)
}

func (s *scratch) check(b Batch, rules *Rules, target codec.Type, c *recordCheck) (inPlace bool, err error) {
	inPlace = b.Codec() == target
	compressed := b.Codec() != codec.None
	s.r.Reset(b)
	for i := int32(0); s.r.Next(); i++ {
		rec := s.r.Record()
		if compressed && rec.Size > int(rules.MaxRecordBytes) {
			return false, invalid("Invalid record size: %d exceeds the configured maximum record size of %d", rec.Size, rules.MaxRecordBytes)
		}
		c.record(i, rec)
		if rec.offsetDelta != i {
			inPlace = false
		}
	}
	return inPlace, s.r.Err()
}

// rewrite builds the batch anew from the records that check has opened.
func (s *scratch) rewrite(b Batch, rules *Rules, now model.Millis, target codec.Type, buf []byte) (Valid, []byte, error) {
	spec := NewSpec()
	spec.BaseOffset = b.BaseOffset()
	spec.Codec, spec.Level = target, rules.Level
	if rules.Codec == codec.Producer {
		spec.Level = target.DefaultLevel()
	}
	spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = b.ProducerID(), b.ProducerEpoch(), b.BaseSequence()
	spec.Transactional = b.Transactional()
	spec.LogAppendTime, spec.AppendTime = rules.LogAppendTime, now

	// The result is built right in buf, whichever of the builder's buffers that is.
	old := &s.bl.out
	if target == codec.None {
		old = &s.bl.buf
	}
	keep := *old
	if cap(buf) < HeaderSize {
		buf = make([]byte, HeaderSize, len(b)+len(b)/2)
	}
	*old = buf[:HeaderSize]
	s.bl.Reset(spec)
	s.r.rewind(b)
	for s.r.Next() {
		s.bl.appendRecord(s.bl.NextOffset(), s.r.Record())
	}
	out, err := s.bl.Build()
	buf, *old = *old, keep
	if err != nil {
		return Valid{}, buf, refuse(kerr.UnknownServerError, "Failed to compress record stream: %v", err)
	}
	return Valid{Batch: out, Rewritten: true}, buf, nil
}

// rewind goes back to the first record of b, which Reset has opened.
func (r *Reader) rewind(b Batch) {
	r.left = b.Count()
	r.rest = b.Payload()
	if b.Codec() != codec.None {
		r.rest = r.buf
	}
}
