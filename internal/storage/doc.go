// Package storage keeps the logs of partitions in Kafka's on-disk layout:
// segments with sparse indexes, recovery, retention, truncation, leader epochs,
// producer snapshots; and the log directories around them. It decides nothing
// about replication: it is told offsets and told the time.
//
// A Log is one partition's directory. Dirs is the set of log directories of a
// node (log.dirs): their locks, meta.properties, checkpoints and partitions.
// docs/format/ draws the files byte by byte.
//
// # Who may call what
//
// One writer at a time: Load, Append, AppendFollower, Roll, TruncateTo,
// TruncateFully, AssignEpoch, SetLogStart, DeleteOldSegments, Unload, Close and
// everything on Producers are serialized by the caller (the partition's mutex).
// Reads - Read, the lookups, the offset getters - are safe together with the
// writer and with each other, and never wait for the I/O of an append or a
// flush. So are Flush and the work of Dirs (Background, FlushDirty, Recover and
// the checkpoints). Dirs.RetentionDue only says where DeleteOldSegments is due:
// that rolls, and so writes the producers down, which takes the writer.
//
// # Loading
//
// A Log starts unloaded: a struct of some 250 bytes that knows its name, topic
// id and checkpointed offsets and has no file open. Load opens it (or recovers
// it, after a crash) and costs some ten microseconds when clean; every method
// that needs the files and returns an error loads by itself. LogEnd and
// Producers need a Load before. Unload goes back.
//
// # What is durable when
//
// Append reaches the page cache only: it survives kill -9. Flush, a roll (in
// the background), flush.messages, flush.ms and a clean shutdown sync, and
// raise the recovery point. After a crash everything below the recovery point
// is trusted and everything above it is checked batch by batch; what fails its
// CRC or does not follow on is cut off with all that comes after. Indexes,
// producer state and leader epochs above the recovery point are derived from
// the batches again, so they never need a sync of their own before data may be
// acknowledged.
//
// A log whose fsync failed is offline for good, with its whole directory: the
// kernel may have dropped the data and would say yes the next time.
package storage
