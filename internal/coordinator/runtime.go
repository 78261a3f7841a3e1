package coordinator

import (
	"log/slog"

	"gregor/internal/clock"
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

// Runtime is the shards of one topic that this broker leads. Safe for
// concurrent use.
type Runtime[M Machine] struct {
	o Options[M]
}

// New is a Runtime without shards.
func New[M Machine](o Options[M]) *Runtime[M] { return &Runtime[M]{o: o} }

// Elected begins to load a partition that this broker leads from now on.
func (r *Runtime[M]) Elected(partition int32, epoch model.LeaderEpoch) {}

// Resigned ends a shard: the leader of epoch is somebody else. model.NoEpoch:
// the partition is gone.
func (r *Runtime[M]) Resigned(partition int32, epoch model.LeaderEpoch) {}

// Write runs decide on a partition's machine, writes what it puts out, and
// calls done, exactly once: with nil when all it wrote and read is committed,
// otherwise with an error that carries Kafka's code. done may be called before
// Write returns, and by any goroutine.
func (r *Runtime[M]) Write(partition int32, now model.Millis, decide func(m M, out *Out) error, done func(error)) {
}

// Read runs read on a partition's machine, then done, in turn with the writes.
// read is to look at committed state alone.
func (r *Runtime[M]) Read(partition int32, now model.Millis, read func(m M) error, done func(error)) {
}

// Partitions are the partitions that have a shard, loading ones included.
func (r *Runtime[M]) Partitions() []int32 { return nil }

// Advance runs what is due at now. Start does it by the clock.
func (r *Runtime[M]) Advance(now model.Millis) {}

// Start starts the goroutine that runs timers.
func (r *Runtime[M]) Start() {}

// Close unloads all shards and waits for what is under way.
func (r *Runtime[M]) Close() {}
