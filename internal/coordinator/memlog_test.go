package coordinator

import (
	"fmt"
	"sync"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/wire"
)

// memLog is a partition in memory whose high watermark and leadership the test
// moves.
type memLog struct {
	mu      sync.Mutex
	batches []record.Batch
	end, hw model.Offset
	epoch   model.LeaderEpoch
	auto    bool // commit at once
	fail    error
	max     int
	waits   []memWait
	readErr error
}

type memWait struct {
	at model.Offset
	fn func()
}

func (l *memLog) Append(batch []byte, epoch model.LeaderEpoch, _ model.Millis) (model.Offset, model.Offset, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return 0, 0, l.fail
	}
	if epoch != l.epoch {
		return 0, 0, kerr.NotLeaderOrFollower
	}
	if l.max > 0 && len(batch) > l.max {
		return 0, 0, kerr.MessageTooLarge
	}
	b := record.Batch(append([]byte(nil), batch...))
	b.SetBaseOffset(l.end)
	b.SetLeaderEpoch(epoch)
	base := l.end
	l.end = b.NextOffset()
	l.batches = append(l.batches, b)
	if l.auto {
		l.hw = l.end
	}
	return base, l.hw, nil
}

func (l *memLog) HighWatermark() model.Offset {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hw
}

func (l *memLog) Await(at model.Offset, epoch model.LeaderEpoch, fn func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hw >= at || epoch != l.epoch {
		return false
	}
	l.waits = append(l.waits, memWait{at, fn})
	return true
}

func (l *memLog) Bounds(model.Millis) (start, end, hw model.Offset, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return 0, l.end, l.hw, nil
}

func (l *memLog) Read(offset model.Offset, buf []byte, _ model.Millis) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.readErr != nil {
		return nil, l.readErr
	}
	buf = buf[:0]
	for _, b := range l.batches {
		if b.NextOffset() > offset && (len(buf) == 0 || len(buf)+len(b) <= cap(buf)) {
			buf = append(buf, b...)
		}
	}
	return buf, nil
}

func (l *memLog) MaxBatch() int {
	if l.max > 0 {
		return l.max
	}
	return 1 << 20
}

// commit moves the high watermark to the last end of a batch up to hw, as
// followers fetch whole batches, and tells who waits.
func (l *memLog) commit(hw model.Offset) {
	l.mu.Lock()
	for _, b := range l.batches {
		if b.NextOffset() <= hw {
			l.hw = max(l.hw, b.NextOffset())
		}
	}
	fire := l.due()
	l.mu.Unlock()
	for _, fn := range fire {
		fn()
	}
}

func (l *memLog) due() (fire []func()) {
	rest := l.waits[:0]
	for _, w := range l.waits {
		if w.at <= l.hw {
			fire = append(fire, w.fn)
		} else {
			rest = append(rest, w)
		}
	}
	l.waits = rest
	return fire
}

// lead begins another epoch: what was not committed before is cut off if cut.
func (l *memLog) lead(cut bool) model.LeaderEpoch {
	l.mu.Lock()
	l.epoch++
	if cut {
		for len(l.batches) > 0 && l.end > l.hw {
			last := l.batches[len(l.batches)-1]
			l.batches = l.batches[:len(l.batches)-1]
			l.end = last.BaseOffset()
		}
		l.hw = min(l.hw, l.end)
	}
	waits := l.waits
	l.waits = nil
	epoch := l.epoch
	l.mu.Unlock()
	for _, w := range waits {
		w.fn()
	}
	return epoch
}

// content replays the log up to an offset into a plain map.
func (l *memLog) content(upTo model.Offset) map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]int64{}
	var r record.Reader
	for _, b := range l.batches {
		for r.Reset(b); r.Next(); {
			if r.Record().Offset >= upTo {
				return out
			}
			key, err := wire.ConsumerOffsets.DecodeKey(r.Record().Key)
			if err != nil {
				panic(err)
			}
			value, _, err := wire.ConsumerOffsets.DecodeValue(key.RecordType(), r.Record().Value)
			if err != nil {
				panic(err)
			}
			name := key.(*wire.OffsetCommitKey).Group
			if value == nil {
				delete(out, name)
			} else {
				out[name] = value.(*wire.OffsetCommitValue).Offset
			}
		}
	}
	return out
}

// kv is a machine: a map of names to numbers.
type kv struct {
	m        *Map[string, int64]
	timers   *Timers
	unloaded bool
	refuse   string // a key whose replay fails
}

func (k *kv) Replay(r *Record) error {
	name := r.Key.(*wire.OffsetCommitKey).Group
	if name == k.refuse && name != "" {
		return fmt.Errorf("%s is not wanted", name)
	}
	if r.Value == nil {
		k.m.Delete(name)
	} else {
		k.m.Put(name, r.Value.(*wire.OffsetCommitValue).Offset)
	}
	return nil
}

func (k *kv) ReplayMarker(model.ProducerID, model.ProducerEpoch, bool) {}
func (k *kv) Loaded(*Out)                                              {}
func (k *kv) Unloaded()                                                { k.unloaded = true }

func put(out *Out, name string, v int64) {
	out.Put(&wire.OffsetCommitKey{Group: name}, &wire.OffsetCommitValue{Offset: v}, 4)
}
