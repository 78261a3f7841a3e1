package coordinator

import (
	"gregor/internal/model"
	"gregor/internal/wire"
)

// Log is what a shard needs of its partition. Its methods are called by one
// goroutine at a time. Errors carry Kafka's code (kerr.Of).
type Log interface {
	// Append appends one batch, which it may patch in place and must not keep,
	// as leader of that epoch. base is the offset of the first record, hw the
	// high watermark afterwards.
	Append(batch []byte, epoch model.LeaderEpoch, now model.Millis) (base, hw model.Offset, err error)
	// HighWatermark is the offset below which everything is committed.
	HighWatermark() model.Offset
	// Await has fn called once when the high watermark has reached at, or the
	// leadership has changed. fn is called without locks held and does not
	// block. false: that is so already, fn will not be called.
	Await(at model.Offset, epoch model.LeaderEpoch, fn func()) bool
	// Bounds are the log's first offset, its end, and the high watermark.
	Bounds(now model.Millis) (start, end, hw model.Offset, err error)
	// Read reads whole batches from the one that holds offset, at most about
	// len(buf) bytes but at least one batch, committed or not, into buf or
	// something larger. Nothing is the end of the log.
	Read(offset model.Offset, buf []byte, now model.Millis) ([]byte, error)
	// MaxBatch is the largest batch the topic takes, in bytes
	// (max.message.bytes).
	MaxBatch() int
}

// Record is a record of the topic on its way into a Machine. It is the
// machine's only during the call; strings and bytes in it may be kept.
type Record struct {
	// Offset of the record.
	Offset model.Offset
	// ProducerID is not model.NoProducer for a record of a transaction.
	ProducerID    model.ProducerID
	ProducerEpoch model.ProducerEpoch
	Key           wire.Record
	// Value is nil for a tombstone.
	Value wire.Record
}
