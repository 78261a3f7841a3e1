package coordinator

import (
	"errors"
	"fmt"

	"gregor/internal/invariant"
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/wire"
)

// errTimeout answers an operation that was not committed in time.
var errTimeout = kerr.RequestTimedOut

var errAborted = errors.New("loading was given up: the leadership is lost")

// elected is the operation of Runtime.Elected.
func (s *shard[M]) elected(epoch model.LeaderEpoch) {
	if s.epoch >= epoch || s.state == closed {
		s.logger().Info(fmt.Sprintf("Ignored loading metadata from %s since current epoch %d is larger than or equals to %d.", s.name(), s.epoch, epoch))
		return
	}
	// Leader again in the very next epoch: nobody else has written.
	if s.state == serving && epoch == s.epoch+1 && s.inSync() {
		s.logger().Info(fmt.Sprintf("The coordinator %s is already active.", s.name()))
		s.epoch = epoch
		s.awaiting = false
		s.term++
		s.await()
		return
	}
	if s.state == serving {
		s.unload()
	}
	s.epoch = epoch
	s.startLoad()
}

// inSync reports whether the log ends where the machine's state does.
func (s *shard[M]) inSync() bool {
	_, end, _, err := s.log.Bounds(s.now)
	return err == nil && end == s.written
}

// startLoad has the loader take over.
func (s *shard[M]) startLoad() {
	s.logger().Info(fmt.Sprintf("Scheduling loading of metadata from %s with epoch %d", s.name(), s.epoch))
	s.become(loading)
	s.abort.Store(false)
	s.load = true
}

// resigned is the operation of Runtime.Resigned.
func (s *shard[M]) resigned(epoch model.LeaderEpoch) {
	if epoch != model.NoEpoch && s.epoch >= epoch {
		s.logger().Info(fmt.Sprintf("Ignored unloading metadata for %s in epoch %d since current epoch is %d.", s.name(), epoch, s.epoch))
		return
	}
	if s.state == serving {
		s.unload()
	}
	if s.state != closed {
		s.become(absent)
	}
	// As Kafka drops the shard with its epoch: a topic that is created anew
	// starts its epochs anew.
	s.epoch = model.NoEpoch
	s.logger().Info(fmt.Sprintf("Finished unloading metadata for %s with epoch %d.", s.name(), epoch))
}

// unload answers everything that waits and lets go of the machine.
func (s *shard[M]) unload() {
	s.become(absent)
	fail := func(o *op[M], err error) {
		if o.then != nil {
			s.out.reset(s.now)
			o.then(err, &s.out)
		}
		o.done(err)
	}
	s.timers.clear()
	s.parked.failAll(kerr.NotCoordinator, fail)
	if s.batch.count() > 0 || len(s.batch.ops) > 0 {
		s.history.revert(s.batch.base)
		ops := s.batch.ops
		s.batch.ops = nil
		s.batch.reset()
		for i := range ops {
			fail(&ops[i], kerr.NotCoordinator)
		}
	}
	after := s.after
	s.after = nil
	for i := range after {
		if after[i].done != nil {
			after[i].decideFor(s)
			after[i].done(kerr.NotCoordinator)
		}
	}
	s.machine.Unloaded()
	var none M
	s.machine, s.log, s.history, s.timers = none, nil, History{}, Timers{}
	s.awaiting = false
	s.term++
}

// decideFor has what waits in after, which is about the fate of records that
// is known already, happen without consequences.
func (o *op[M]) decideFor(s *shard[M]) {
	s.out.reset(s.now)
	_ = o.decide(s.machine, &s.out)
}

// runLoader loads the shard and then goes on draining. It is a goroutine of its
// own.
func (s *shard[M]) runLoader() {
	queued := s.rt.o.Clock.Nanos()
	s.rt.loads <- struct{}{}
	begun := s.rt.o.Clock.Nanos()
	records, bytes, err := s.replayLog()
	<-s.rt.loads
	s.now = max(s.now, s.rt.o.Clock.Now())
	switch {
	case err == errAborted:
		s.dropLoaded()
	case err != nil:
		s.logger().Error(fmt.Sprintf("Failed to load metadata from %s with epoch %d due to %v.", s.name(), s.epoch, err))
		s.dropLoaded()
	default:
		s.logger().Info(fmt.Sprintf("Finished loading of metadata from %s with epoch %d in %dms where %dms was spent in the scheduler. Loaded %d records which total to %d bytes.",
			s.name(), s.epoch, (s.rt.o.Clock.Nanos()-queued)/1e6, (begun-queued)/1e6, records, bytes))
		s.become(serving)
		s.history.move(s.next())
		s.out.reset(s.now)
		s.machine.Loaded(&s.out)
		o := op[M]{done: s.timerDone, then: s.out.then}
		s.out.then = nil
		s.append(&o)
	}
	s.drain(int(^uint(0) >> 1))
}

func (s *shard[M]) dropLoaded() {
	var none M
	s.machine, s.log, s.history, s.timers = none, nil, History{}, Timers{}
	s.become(absent)
}

// replayLog makes the machine and replays the partition into it.
func (s *shard[M]) replayLog() (records, bytes int, err error) {
	now := s.rt.o.Clock.Now()
	if s.log, err = s.rt.o.Open(s.partition); err != nil {
		return 0, 0, err
	}
	start, end, hw, err := s.log.Bounds(now)
	if err != nil {
		return 0, 0, err
	}
	s.term++
	s.awaiting = false
	s.history, s.timers = History{}, Timers{}
	s.machine = s.rt.o.New(s.partition, &s.history, &s.timers)
	s.written, s.committed = end, min(hw, end)
	l := loader[M]{s: s}
	if s.rt.o.Decoder != nil {
		l.hot = s.rt.o.Decoder()
	}
	var buf []byte
	for at := start; at < end; {
		if s.abort.Load() {
			return 0, 0, errAborted
		}
		if buf == nil {
			buf = make([]byte, s.rt.o.LoadBuffer)
		}
		piece, err := s.log.Read(at, buf, now)
		if err != nil {
			return 0, 0, err
		}
		next, err := l.replay(piece, at)
		if err != nil {
			return 0, 0, err
		}
		if next == at {
			break // the rest was compacted away, or removed by retention
		}
		at = next
		bytes += len(piece)
		s.history.commit(s.committed)
	}
	s.history.commit(s.committed)
	s.batch.reset()
	return l.records, bytes, nil
}

// loader replays batches.
type loader[M Machine] struct {
	s       *shard[M]
	reader  record.Reader
	hot     func(rec *Record, key, value []byte) bool
	records int
	skipped bool // a record of an unknown type was seen
}

// replay replays the batches in piece from offset at on and returns where to
// go on.
func (l *loader[M]) replay(piece []byte, at model.Offset) (model.Offset, error) {
	for len(piece) > 0 {
		b, rest, err := record.Next(piece)
		if err != nil {
			return 0, err
		}
		piece = rest
		if b.NextOffset() <= at {
			continue
		}
		if b.Control() {
			if m, _, ok := record.MarkerOf(b); ok {
				l.s.history.move(b.BaseOffset())
				l.s.machine.ReplayMarker(b.ProducerID(), b.ProducerEpoch(), m.Commit)
			}
		} else if err := l.replayBatch(b, at); err != nil {
			return 0, err
		}
		at = b.NextOffset()
	}
	return at, nil
}

func (l *loader[M]) replayBatch(b record.Batch, from model.Offset) error {
	for l.reader.Reset(b); l.reader.Next(); {
		raw := l.reader.Record()
		offset := raw.Offset
		if offset < from {
			continue
		}
		rec := &l.s.rec
		*rec = Record{Offset: offset, ProducerID: b.ProducerID(), ProducerEpoch: b.ProducerEpoch()}
		known, err := l.decode(rec, raw.Key, raw.Value)
		if err != nil {
			return fmt.Errorf("record at offset %d: %w", offset, err)
		}
		if !known {
			continue
		}
		l.s.history.move(offset)
		if err := l.s.machine.Replay(rec); err != nil {
			return fmt.Errorf("record at offset %d: %w", offset, err)
		}
		l.records++
	}
	return l.reader.Err()
}

// decode takes a record apart. known is false for one of newer software, which
// is left alone.
func (l *loader[M]) decode(rec *Record, key, value []byte) (known bool, err error) {
	if l.hot != nil && l.hot(rec, key, value) {
		return true, nil
	}
	t := l.s.rt.o.Records
	if rec.Key, err = t.DecodeKey(key); err == nil {
		rec.Value, _, err = t.DecodeValue(rec.Key.RecordType(), value)
	}
	var unknown *wire.UnknownRecordError
	if errors.As(err, &unknown) {
		if !l.skipped {
			l.s.logger().Warn(fmt.Sprintf("Ignored a record at offset %d of %s while loading: %v. It could be a left over "+
				"from an aborted upgrade. Others like it are not mentioned.", rec.Offset, l.s.name(), err))
			l.skipped = true
		}
		return false, nil
	}
	invariant.Check(err != nil || rec.Key != nil, "a record without key was decoded")
	return err == nil, err
}
