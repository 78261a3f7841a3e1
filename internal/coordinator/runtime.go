package coordinator

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gregor/internal/clock"
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record/codec"
	"gregor/internal/wire"
)

// Options makes a Runtime.
type Options[M Machine] struct {
	// Topic is the internal topic's name, Records the kind of its records.
	Topic   string
	Records wire.CoordinatorTopic
	// New makes the machine of a shard; History and Timers are the shard's.
	New func(partition int32, h *History, t *Timers) M
	// Open finds the partition that a shard is to live in.
	Open func(partition int32) (Log, error)
	// Decoder, if not nil, makes a function for one load that takes apart the
	// records of which there are many, faster than it is done for the others:
	// what it puts into rec is used until its next call. false: not one of
	// those, or damaged.
	Decoder func() func(rec *Record, key, value []byte) bool
	// Linger is how long records are gathered before they are written
	// (group.coordinator.append.linger.ms), in milliseconds; -1: as long as
	// there is more in the queue.
	Linger model.Millis
	// Timeout is how long an operation may wait for its commit
	// (offsets.commit.timeout.ms).
	Timeout model.Millis
	// LoadBuffer is how much of a log is read at once when it is loaded, in
	// bytes (offsets.load.buffer.size).
	LoadBuffer int
	// Codec compresses the batches (offsets.topic.compression.codec).
	Codec codec.Type
	Clock clock.Clock
	Log   *slog.Logger
}

// parallelLoads is how many partitions are loaded at a time.
const parallelLoads = 4

// Runtime is the shards of one topic that this broker leads. Safe for
// concurrent use.
//
// Locks: mu (the table of shards) and a shard's q.Mutex are never held together
// with each other or with anybody else's.
type Runtime[M Machine] struct {
	o Options[M]
	// shards by partition; nil where there never was one. Copied on change.
	shards atomic.Pointer[[]*shard[M]]
	mu     struct {
		sync.Mutex
		closed bool
	}
	loads chan struct{}  // one element for each load under way
	wg    sync.WaitGroup // every goroutine
	// asleep is until when the goroutine of the timers sleeps, in milliseconds;
	// never while it is awake. wakeup ends its sleep.
	asleep atomic.Int64
	wakeup chan struct{}
	stop   chan struct{}
}

// New is a Runtime without shards.
func New[M Machine](o Options[M]) *Runtime[M] {
	r := &Runtime[M]{
		o: o, loads: make(chan struct{}, parallelLoads),
		wakeup: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	r.asleep.Store(int64(never))
	r.shards.Store(new([]*shard[M]))
	return r
}

// spawn runs f in a goroutine that Close waits for.
func (r *Runtime[M]) spawn(f func()) {
	r.wg.Go(f)
}

// find is the shard of a partition, nil if there never was one.
func (r *Runtime[M]) find(partition int32) *shard[M] {
	table := *r.shards.Load()
	if partition < 0 || int(partition) >= len(table) {
		return nil
	}
	return table[partition]
}

// Elected begins to load a partition that this broker leads from now on.
func (r *Runtime[M]) Elected(partition int32, epoch model.LeaderEpoch) {
	s := r.find(partition)
	if s == nil {
		s = r.add(partition)
	}
	if s != nil {
		s.internal(r.o.Clock.Now(), func() { s.elected(epoch) })
	}
}

// add makes the shard of a partition, nil once the runtime is closed.
func (r *Runtime[M]) add(partition int32) *shard[M] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.closed || partition < 0 {
		return nil
	}
	old := *r.shards.Load()
	table := make([]*shard[M], max(len(old), int(partition)+1))
	copy(table, old)
	if table[partition] == nil {
		s := &shard[M]{rt: r, partition: partition, epoch: model.NoEpoch}
		s.wake.Store(int64(never))
		table[partition] = s
	}
	r.shards.Store(&table)
	return table[partition]
}

// Resigned ends a shard: the leader of epoch is somebody else. model.NoEpoch:
// the partition is gone.
func (r *Runtime[M]) Resigned(partition int32, epoch model.LeaderEpoch) {
	s := r.find(partition)
	if s == nil {
		return
	}
	s.abort.Store(true)
	s.internal(r.o.Clock.Now(), func() { s.resigned(epoch) })
}

// Write runs decide on a partition's machine, writes what it puts out, and
// calls done, exactly once: with nil when all it wrote and read is committed,
// otherwise with an error that carries Kafka's code. done may be called before
// Write returns, and by any goroutine.
func (r *Runtime[M]) Write(partition int32, now model.Millis, decide func(m M, out *Out) error, done func(error)) {
	s := r.find(partition)
	if s == nil {
		done(kerr.NotCoordinator)
		return
	}
	s.submit(op[M]{now: now, decide: decide, done: done})
}

// Read runs read on a partition's machine, then done, in turn with the writes.
// read is to look at committed state alone.
func (r *Runtime[M]) Read(partition int32, now model.Millis, read func(m M) error, done func(error)) {
	s := r.find(partition)
	if s == nil {
		done(kerr.NotCoordinator)
		return
	}
	s.submit(op[M]{now: now, read: read, done: done})
}

// Partitions are the partitions that have a shard, loading ones included.
func (r *Runtime[M]) Partitions() []int32 {
	var list []int32
	for _, s := range *r.shards.Load() {
		if s == nil {
			continue
		}
		s.q.Lock()
		st := s.q.state
		s.q.Unlock()
		if st == loading || st == serving {
			list = append(list, s.partition)
		}
	}
	return list
}

// awaited is called when the high watermark has moved as far as a shard asked.
func (r *Runtime[M]) awaited(s *shard[M], term uint32) {
	s.internal(r.o.Clock.Now(), func() {
		if s.state == serving && s.term == term {
			s.awaiting = false
			s.advance(s.log.HighWatermark())
		}
	})
}

// Advance runs what is due at now. Start does it by the clock.
func (r *Runtime[M]) Advance(now model.Millis) {
	for _, s := range *r.shards.Load() {
		if s != nil && s.wake.Load() <= int64(now) {
			s.internal(now, func() {})
		}
	}
}

// tick is the resolution of timers.
const tick model.Millis = 10

// maxSleep is how long the timers sleep at most: the wall clock may be set.
const maxSleep model.Millis = 60_000

// Start starts the goroutine that runs timers.
func (r *Runtime[M]) Start() {
	r.spawn(func() {
		for {
			now := r.o.Clock.Now()
			r.asleep.Store(int64(never)) // awake: who sets a timer now wakes us again
			r.Advance(now)
			until := now + maxSleep
			for _, s := range *r.shards.Load() {
				if s != nil {
					until = min(until, model.Millis(s.wake.Load()))
				}
			}
			until = max(r.round(until), now+1)
			r.asleep.Store(int64(until))
			after, cancel := r.o.Clock.After(time.Duration(until-now) * time.Millisecond)
			select {
			case <-after:
			case <-r.wakeup:
				cancel()
			case <-r.stop:
				cancel()
				return
			}
		}
	})
}

// round is when something due then is done: what is due at about the same time
// is done together.
func (r *Runtime[M]) round(due model.Millis) model.Millis {
	if r.o.Linger > 0 || due > never-tick {
		return due
	}
	return (due + tick - 1) / tick * tick
}

// poke ends the sleep of the timers if something is due before its end.
func (r *Runtime[M]) poke(due model.Millis) {
	if int64(r.round(due)) < r.asleep.Load() {
		select {
		case r.wakeup <- struct{}{}:
		default:
		}
	}
}

// Close unloads all shards and waits for what is under way.
func (r *Runtime[M]) Close() {
	r.mu.Lock()
	was := r.mu.closed
	r.mu.closed = true
	r.mu.Unlock()
	if was {
		return
	}
	close(r.stop)
	var shards sync.WaitGroup
	for _, s := range *r.shards.Load() {
		if s == nil {
			continue
		}
		s.abort.Store(true)
		shards.Add(1)
		s.internal(r.o.Clock.Now(), func() {
			if s.state == serving {
				s.unload()
			}
			s.become(closed)
			shards.Done()
		})
	}
	shards.Wait()
	r.wg.Wait()
}
