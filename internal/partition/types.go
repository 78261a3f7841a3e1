package partition

import (
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/storage"
)

// Config is a topic's configuration as its partitions need it. Immutable:
// partitions with equal settings share one, and a change is a new one
// (Partition.SetConfig).
type Config struct {
	// Log is what storage needs.
	Log *storage.Config
	// Rules is what appended batches are checked by.
	Rules *record.Rules
	// MinInsync is min.insync.replicas.
	MinInsync int
}

// Append is one produce to one partition: the caller fills the first part,
// AppendGroup the second.
type Append struct {
	// Records is the batch, exactly one for clients and coordinators. It is
	// patched in place and not kept after the call.
	Records []byte
	// Acks is the request's acks: 0, 1 or -1.
	Acks int16
	// Origin says who appends.
	Origin record.Origin
	// Now is the time of the append.
	Now model.Millis
	// Epoch fences: if it is not model.NoEpoch and not the leader epoch, the
	// append is refused with NOT_LEADER_OR_FOLLOWER, so that a coordinator of
	// an older term cannot write.
	Epoch model.LeaderEpoch
	// Guard is the proof of a verified transaction, for its first batch here.
	Guard record.Guard
	// TxnVersion is the transaction.version of a marker, -1 if none.
	TxnVersion int16

	// Code is the partition's error code; None when appended, or when a
	// duplicate of an appended batch.
	Code kerr.Code
	// Message is the error message that clients are sent, empty for most codes.
	Message string
	// RecordErrors blames single records (ProduceResponse, RecordErrors).
	RecordErrors []record.RecordError
	// Err is the whole error, for the log; nil when Code is None.
	Err error
	// BaseOffset and LastOffset are the offsets given to the batch;
	// model.NoOffset on error.
	BaseOffset, LastOffset model.Offset
	// LogAppendTime is the time stamped on the batch, -1 with CreateTime.
	LogAppendTime model.Millis
	// LogStart is the log start offset; model.NoOffset if not known or if the
	// error is one for which Kafka does not tell.
	LogStart model.Offset
	// Required is what the high watermark must reach for acks=-1: the offset
	// after the batch.
	Required model.Offset
	// Committed reports whether it has reached it already.
	Committed bool
	// LeaderEpoch is the epoch under which the batch was appended.
	LeaderEpoch model.LeaderEpoch
	// Appended is the number of records written; 0 for a duplicate.
	Appended int
	// Bytes is the number of bytes written, which recompression may change.
	Bytes int
	// Duplicate reports a retry of a batch that was appended before.
	Duplicate bool

	batch record.Batch
	buf   []byte // the rewritten batch, if it had to be
}

// Isolation is how far a reader may see.
type Isolation uint8

// The isolation levels. The first two are those of the protocol.
const (
	// ReadUncommitted sees up to the high watermark.
	ReadUncommitted Isolation = 0
	// ReadCommitted sees up to the last stable offset.
	ReadCommitted Isolation = 1
	// ReadAll sees up to the log end: followers and debugging consumers.
	ReadAll Isolation = 2
)

// Read is one partition of a fetch: the caller fills the first part, Read the
// second.
type Read struct {
	// Offset is where to read.
	Offset model.Offset
	// MaxBytes bounds the records; whole batches are given. With MinOne the
	// first batch is given even if it is larger.
	MaxBytes int
	MinOne   bool
	// Isolation bounds what is seen.
	Isolation Isolation
	// CurrentEpoch is the reader's idea of the leader epoch, LastFetched the
	// epoch of its last record; model.NoEpoch if not told.
	CurrentEpoch, LastFetched model.LeaderEpoch
	// Follower is the fetching replica, model.NoBroker for consumers;
	// FollowerEpoch its broker epoch, FollowerStart its log start offset.
	Follower      model.BrokerID
	FollowerEpoch model.BrokerEpoch
	FollowerStart model.Offset
	// AnyReplica lets a follower serve the read (consumers that told their
	// rack, KIP-392, and debugging consumers).
	AnyReplica bool
	// Again marks a repeated read of the same request after a wait: the
	// follower's position is not noted a second time.
	Again bool
	// Now is the time of the request.
	Now model.Millis

	// Code is the partition's error code.
	Code kerr.Code
	// Records is the piece of the log, empty if there is nothing. Release it.
	Records storage.Fetch
	// HighWatermark, LastStable and LogStart are the partition's offsets;
	// model.NoOffset on error. LogEnd too, for followers.
	HighWatermark, LastStable, LogStart, LogEnd model.Offset
	// Diverging is set (Epoch not model.NoEpoch) if the reader's log went
	// another way: where its last epoch ends in ours (KIP-595, KIP-320).
	Diverging storage.EpochEnd
	// Aborted are the aborted transactions that reach into Records, with
	// ReadCommitted.
	Aborted []storage.AbortedTxn
	// Bound is the offset that bounded the read and Epoch the leader epoch, to
	// Park with.
	Bound model.Offset
	Epoch model.LeaderEpoch
}

// Release lets go of the file Records lies in. It may be called again.
func (r *Read) Release() {
	if r.Records.File != nil {
		r.Records.File.Release()
		r.Records = storage.Fetch{}
	}
}

// ListResult is the answer of List.
type ListResult struct {
	Code kerr.Code
	// Timestamp is -1 when the offset was not looked up by time.
	Timestamp model.Millis
	// Offset is model.NoOffset if there is none.
	Offset model.Offset
	// Epoch is model.NoEpoch if not known.
	Epoch model.LeaderEpoch
}

// Timestamps that ListOffsets gives a meaning of their own.
const (
	Latest        model.Millis = -1
	Earliest      model.Millis = -2
	MaxTimestamp  model.Millis = -3
	EarliestLocal model.Millis = -4
	LatestTiered  model.Millis = -5
	// EarliestPendingUpload asks for the first offset not yet uploaded.
	EarliestPendingUpload model.Millis = -6
)

// EpochEndResult is the answer of EndOffsetForEpoch: {NoEpoch, NoOffset} if
// the log cannot say.
type EpochEndResult struct {
	Code  kerr.Code
	Epoch model.LeaderEpoch
	End   model.Offset
}

// Registration is a partition as the cluster's metadata has it.
type Registration struct {
	Leader         model.BrokerID
	LeaderEpoch    model.LeaderEpoch
	PartitionEpoch int32
	Replicas       []model.BrokerID
	ISR            []model.BrokerID
	Adding         []model.BrokerID
	Removing       []model.BrokerID
	// Recovering is an unclean election not yet confirmed (KIP-704).
	Recovering bool
}

// Offsets is a snapshot of a partition's offsets.
type Offsets struct {
	LogStart, LastStable, HighWatermark, LogEnd model.Offset
}
