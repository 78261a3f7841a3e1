// Package coordinator runs state machines that live in an internal topic, one
// shard for each of its partitions: a decision yields records, the records are
// appended to the partition and replayed into the machine, and the answer
// waits until they are committed. Groups run on it, as transactions and share
// groups will.
//
//	rt := coordinator.New(coordinator.Options[*group.Shard]{…})
//	rt.Elected(partition, leaderEpoch)      // load: replay the partition, then serve
//	rt.Write(partition, now, decide, done)  // done(nil) once committed
//	rt.Read(partition, now, read, done)
//	rt.Resigned(partition, leaderEpoch)     // unload: NOT_COORDINATOR from now on
//	rt.Close()
//
// # A shard
//
// Whatever happens to a shard is an operation in its queue: requests, timers,
// news of the high watermark, loading and unloading. Whoever puts an operation
// into an idle shard's queue drains it, his own operation and those that come
// meanwhile, so an operation on an idle shard is finished before the call
// returns, without a goroutine or a lock that others wait for. After some
// rounds the queue is handed to a goroutine of its own, so that nobody works
// for others for ever.
//
// Records of operations that were queued together are appended as one batch:
// the batch is written when the queue is empty (group.coordinator.append.linger.ms
// of -1), or after the configured time.
//
// # Uncommitted state
//
// The machine's state is that of everything replayed: the tip. Decisions read
// the tip; their answers wait for what they read to be committed. Reads see
// the committed state. Both live in Map: it holds the tip, and for keys whose
// changes are not committed yet, what was before. When an append fails the
// changes of its batch are undone.
//
// *Invariant:* committed <= written, both only grow while the shard serves,
// except that written falls back to the start of a batch that failed.
//
// Source: CoordinatorRuntime, SnapshottableCoordinator and CoordinatorTimerImpl
// of Apache Kafka 4.3; KIP-848 and KIP-1031 for the runtime's contract.
package coordinator
