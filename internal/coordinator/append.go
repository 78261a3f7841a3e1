package coordinator

import (
	"fmt"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/wire"
)

// batch is the records that are gathered to be written together.
type batch[M Machine] struct {
	builder record.Builder
	base    model.Offset // of the first record
	begun   model.Millis
	max     int // bytes
	ops     []op[M]
}

func (b *batch[M]) count() int { return b.builder.Count() }

// next is the offset of the next record.
func (s *shard[M]) next() model.Offset { return s.written + model.Offset(s.batch.count()) }

// encoder holds the encoded records of one operation.
type encoder struct {
	w    wire.Writer
	buf  []byte
	ends []int // of keys and values, in turns; -1 for a tombstone
}

// keepEncoded is the most memory an encoder keeps, in bytes.
const keepEncoded = 1 << 20

func (e *encoder) encode(records []outRecord) error {
	if e.w.Cap() > keepEncoded {
		*e = encoder{}
	}
	e.w.Reset()
	e.ends = e.ends[:0]
	for i := range records {
		r := &records[i]
		e.prefix(r.key.RecordType())
		r.key.Encode(&e.w, 0)
		e.ends = append(e.ends, e.w.Len())
		if r.value == nil {
			e.ends = append(e.ends, -1)
			continue
		}
		e.prefix(r.version)
		r.value.Encode(&e.w, r.version)
		e.ends = append(e.ends, e.w.Len())
	}
	if err := e.w.Err(); err != nil {
		return err
	}
	var err error
	e.buf, err = e.w.Bytes()
	return err
}

// prefix writes what stands before a key, its type, or a value, its version.
func (e *encoder) prefix(n int16) {
	_, _ = e.w.Write([]byte{byte(n >> 8), byte(n)})
}

// append applies the records in s.out and adds them to the batch; the
// operation is answered once they are committed. Without records it waits for
// what is uncommitted, since it may have read it.
func (s *shard[M]) append(o *op[M]) {
	if len(s.out.records) == 0 {
		s.wait(o)
		return
	}
	if err := s.enc.encode(s.out.records); err != nil {
		s.logger().Error(fmt.Sprintf("Records for %s cannot be written: %v.", s.name(), err))
		s.complete(o, kerr.UnknownServerError)
		return
	}
	if s.out.atomic && s.batch.count() > 0 && s.batch.builder.Size()+s.estimate() > s.batch.max {
		if err := s.flush(); err != nil {
			s.complete(o, err)
			return
		}
	}
	at := 0
	for i := range s.out.records {
		end, vend := s.enc.ends[2*i], s.enc.ends[2*i+1]
		key := s.enc.buf[at:end]
		at = end
		var value []byte
		if vend >= 0 {
			value = s.enc.buf[end:vend]
			at = vend
		}
		if err := s.appendOne(o, &s.out.records[i], key, value); err != nil {
			s.complete(o, err)
			return
		}
	}
	s.batch.ops = append(s.batch.ops, *o)
	if s.batch.builder.Size() >= s.batch.max || s.rt.o.Linger == 0 {
		_ = s.flush() // the operation is answered with the batch
	}
}

// estimate is an upper bound of the size of the encoded records in a batch.
func (s *shard[M]) estimate() int { return len(s.enc.buf) + 30*len(s.out.records) }

func (s *shard[M]) appendOne(o *op[M], r *outRecord, key, value []byte) error {
	b := &s.batch
	if b.count() > 0 && !s.out.atomic &&
		b.builder.Size()+record.RecordSize(s.now-b.begun, int32(b.count()), key, value) > b.max {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if b.count() == 0 {
		s.begin()
	}
	if !s.out.noReplay {
		at := s.next()
		s.history.move(at)
		s.rec = Record{Offset: at, ProducerID: model.NoProducer, ProducerEpoch: record.NoProducerEpoch, Key: r.key, Value: r.value}
		if err := s.machine.Replay(&s.rec); err != nil {
			s.logger().Error(fmt.Sprintf("Replaying record %v to %s failed: %v.", r.key, s.name(), err))
			s.failBatch(kerr.UnknownServerError)
			return kerr.UnknownServerError
		}
	}
	b.builder.Append(s.now, key, value)
	return nil
}

// begin begins a batch.
func (s *shard[M]) begin() {
	spec := record.NewSpec()
	spec.Codec, spec.Level = s.rt.o.Codec, s.rt.o.Codec.DefaultLevel()
	s.batch.builder.Reset(spec)
	s.batch.base, s.batch.begun, s.batch.max = s.written, s.now, s.log.MaxBatch()
}

// flush writes the batch. After an error its changes are undone and its
// operations answered.
func (s *shard[M]) flush() error {
	b := &s.batch
	if b.count() == 0 {
		return nil
	}
	n := model.Offset(b.count())
	bytes, err := b.builder.Build()
	var base, hw model.Offset
	if err == nil {
		base, hw, err = s.log.Append(bytes, s.epoch, s.now)
	}
	if err != nil {
		s.appendFailed(err)
		s.failBatch(err)
		return err
	}
	if base != b.base {
		s.logger().Error(fmt.Sprintf("The state machine of the coordinator %s is out of sync with the underlying log. "+
			"The first offset written is %d while the coordinator expected %d. The coordinator will be reloaded in order "+
			"to re-synchronize the state machine.", s.name(), base, b.base))
		s.unload()
		s.startLoad()
		return kerr.NotCoordinator
	}
	s.written += n
	for i := range b.ops {
		s.parked.add(&b.ops[i], s.written, s.now)
	}
	b.reset()
	s.advance(hw)
	return nil
}

func (b *batch[M]) reset() {
	clear(b.ops)
	if b.ops = b.ops[:0]; cap(b.ops) > keepQueue {
		b.ops = nil
	}
	b.builder.Reset(record.NewSpec())
}

func (s *shard[M]) appendFailed(err error) {
	switch kerr.Of(err) {
	case kerr.NotLeaderOrFollower:
		s.logger().Debug(fmt.Sprintf("Failed to write records to %s because this broker is no longer the leader of the partition.", s.name()))
	case kerr.MessageTooLarge, kerr.RecordListTooLarge:
		s.logger().Error(fmt.Sprintf("Failed to write a batch of %d record(s) to %s because it is larger than the maximum batch "+
			"size of %d bytes. This usually means that a single record is too large. Consider increasing the maximum batch size.",
			s.batch.count(), s.name(), s.batch.max))
	default:
		s.logger().Error(fmt.Sprintf("Failed to write records to %s due to an unexpected error: %v.", s.name(), err))
	}
}

// failBatch undoes the changes of the batch and answers its operations.
func (s *shard[M]) failBatch(err error) {
	b := &s.batch
	s.history.revert(b.base)
	ops := b.ops
	b.ops = nil
	b.reset()
	for i := range ops {
		s.complete(&ops[i], err)
	}
}

// wait answers an operation without records once all that it may have read is
// committed.
func (s *shard[M]) wait(o *op[M]) {
	switch {
	case s.batch.count() > 0:
		s.batch.ops = append(s.batch.ops, *o)
	case s.committed < s.written:
		s.parked.add(o, s.written, s.now)
		s.await()
	default:
		s.complete(o, nil)
	}
}

// advance takes news of the high watermark.
func (s *shard[M]) advance(hw model.Offset) {
	if hw = min(hw, s.written); hw > s.committed {
		s.committed = hw
		s.history.commit(hw)
		s.parked.release(hw, s.complete)
	}
	s.await()
}

// await asks to be told when the oldest parked operation can be answered.
func (s *shard[M]) await() {
	for !s.awaiting && !s.parked.empty() {
		at, term := s.parked.first(), s.term
		if s.log.Await(at, s.epoch, func() { s.rt.awaited(s, term) }) {
			s.awaiting = true
			return
		}
		hw := min(s.log.HighWatermark(), s.written)
		if hw < at {
			return // the leadership is lost; the metadata will say so
		}
		s.committed = max(s.committed, hw)
		s.history.commit(s.committed)
		s.parked.release(s.committed, s.complete)
	}
}
