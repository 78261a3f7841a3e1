package storage

import (
	"errors"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

var errNotYet = errors.New("storage: not built yet")

// LogOptions opens a log outside of Dirs (the metadata log, tools, tests).
type LogOptions struct {
	FS            vfs.FS
	Dir           string // the partition's directory; made if missing
	Partition     model.TopicPartition
	TopicID       model.TopicID // zero: whatever partition.metadata says
	Config        *Config
	RecoveryPoint model.Offset // everything below was synced
	LogStart      model.Offset // checkpointed log start offset
	Clean         bool         // the last shutdown was clean: trust the files
	Seed          uint64       // for the roll jitter
}

// Log is one partition's log. See the package comment for who may call what.
type Log struct {
	tp model.TopicPartition
}

// OpenLog returns the unloaded log of the directory.
func OpenLog(o LogOptions) (*Log, error) { return nil, errNotYet }

// Partition names the log.
func (l *Log) Partition() model.TopicPartition { return l.tp }

// TopicID is the id in partition.metadata; zero if there is none.
func (l *Log) TopicID() model.TopicID { return model.TopicID{} }

// Dir is the path of the partition's directory.
func (l *Log) Dir() string { return "" }

// DirID is the directory.id of the log directory it lies in.
func (l *Log) DirID() model.DirectoryID { return model.DirectoryID{} }

// SetConfig puts c in force from the next append on.
func (l *Log) SetConfig(c *Config) {}

// Config is the configuration in force.
func (l *Log) Config() *Config { return nil }

// Load opens the log, recovering it first if the last shutdown was not clean.
// It does nothing when loaded. The error, if any, wraps ErrOffline,
// ErrDeleted or ErrCorrupt.
func (l *Log) Load(now model.Millis) error { return errNotYet }

// Loaded reports whether the log is open.
func (l *Log) Loaded() bool { return false }

// Unload closes the log's files and drops what can be read again, after
// writing what a later Load needs; for partitions idle for long.
func (l *Log) Unload() error { return errNotYet }

// LogStart is the first offset a reader may ask for.
func (l *Log) LogStart() model.Offset { return 0 }

// LogEnd is the offset the next record gets; model.NoOffset while unloaded.
func (l *Log) LogEnd() model.Offset { return model.NoOffset }

// RecoveryPoint is the offset below which everything is durable.
func (l *Log) RecoveryPoint() model.Offset { return 0 }

// Size is the number of bytes in the log's segments.
func (l *Log) Size() (int64, error) { return 0, errNotYet }

// Segments is the number of segments.
func (l *Log) Segments() (int, error) { return 0, errNotYet }

// Producers: the log owns the partition's *record.Producers. It is loaded or
// rebuilt by Load, brought up to date by Append (after the write, batch by
// batch) and Truncate, and snapshotted at rolls and at Close. The caller
// checks batches against it before Append and never updates it:
//
//	func (l *Log) Producers() *record.Producers
//
// (the method appears as soon as the record room has the type).

// Append writes units, each one or more whole v2 batches with offsets and
// leader epochs in place, after the log's end. Every unit lies in one segment
// (a produce request's batches for the partition are one unit); neighbouring
// units share a system call. It returns how many units were written: fewer
// than all only with an error, and those count as appended. Nothing is
// allocated in steady state and units is not kept.
//
// Errors: ErrTooLarge and ErrOffsetOrder for the unit at fault, ErrNoSpace,
// ErrOffline.
func (l *Log) Append(units [][]byte, now model.Millis) (appended int, err error) {
	return 0, errNotYet
}

// AppendFollower is Append for bytes copied from a leader: offsets may leave
// gaps, and leader epochs found in the batches enter the epoch cache. The
// first offset must not be below the log end.
func (l *Log) AppendFollower(units [][]byte, now model.Millis) (appended int, err error) {
	return 0, errNotYet
}

// File is a segment's data file that a reader holds. It serves ranges: ReadAt,
// or Fd for sendfile. The file's bytes stay readable until Release, also when
// the segment is deleted meanwhile.
type File struct{ _ int }

// ReadAt reads from the segment file.
func (f *File) ReadAt(p []byte, off int64) (int, error) { return 0, errNotYet }

// Fd is the descriptor, or vfs.NoFd; good until Release.
func (f *File) Fd() int { return vfs.NoFd }

// Release ends the hold that Read took. Once per Read that returned a File.
func (f *File) Release() {}

// Retain takes a further hold.
func (f *File) Retain() {}

// Fetch is a piece of one segment as Read found it.
type Fetch struct {
	File       *File        // nil when Len is 0; Release it
	Off        int64        // position of the first batch in File
	Len        int          // bytes; whole batches only
	Base       model.Offset // base offset of the first batch; <= the offset asked for
	Next       model.Offset // where the next read goes on
	Incomplete bool         // a batch is there but larger than maxBytes, and minOne was not set
}

// Read finds the bytes from the batch that holds offset from up to bound
// (exclusive; a batch border such as the high watermark, or NoOffset for the
// log end), within one segment and at most maxBytes, in whole batches. With
// minOne the first batch is returned even if it alone exceeds maxBytes.
// from == log end, or from >= bound, gives an empty Fetch. ErrOutOfRange
// (*RangeError) outside of [log start, log end].
func (l *Log) Read(from, bound model.Offset, maxBytes int, minOne bool) (Fetch, error) {
	return Fetch{}, errNotYet
}

// TimestampOffset is a record found by time.
type TimestampOffset struct {
	Timestamp model.Millis // of the record
	Offset    model.Offset
	Epoch     model.LeaderEpoch // of its batch; NoEpoch if unknown
}

// OffsetForTime is the first record at or after the log start whose timestamp
// is >= t. ok is false if there is none.
func (l *Log) OffsetForTime(t model.Millis) (to TimestampOffset, ok bool, err error) {
	return to, false, errNotYet
}

// MaxTimestamp is the first record that carries the log's largest timestamp
// (ListOffsets -3). ok is false for an empty log.
func (l *Log) MaxTimestamp() (to TimestampOffset, ok bool, err error) { return to, false, errNotYet }

// BytesBetween is about how many bytes lie between two offsets, exact within
// a segment up to one index interval; for lag and fetch.min.bytes.
func (l *Log) BytesBetween(from, to model.Offset) (int64, error) { return 0, errNotYet }

// EpochEnd is a leader epoch and the offset at which it ends (exclusive).
type EpochEnd struct {
	Epoch model.LeaderEpoch
	End   model.Offset
}

// AssignEpoch records that epoch begins at the log end, when this replica
// becomes leader. An unloaded log only remembers it. It reaches the
// leader-epoch-checkpoint no later than the next sync of data.
func (l *Log) AssignEpoch(epoch model.LeaderEpoch) error { return errNotYet }

// LatestEpoch is the newest epoch in the cache; NoEpoch if there is none.
func (l *Log) LatestEpoch() (model.LeaderEpoch, error) { return model.NoEpoch, errNotYet }

// EndOffsetForEpoch answers OffsetForLeaderEpoch: the largest epoch <= epoch
// the log knows and its end offset; {NoEpoch, NoOffset} if it cannot say.
func (l *Log) EndOffsetForEpoch(epoch model.LeaderEpoch) (EpochEnd, error) {
	return EpochEnd{}, errNotYet
}

// EpochAt is the leader epoch under which offset was written; NoEpoch if unknown.
func (l *Log) EpochAt(offset model.Offset) (model.LeaderEpoch, error) {
	return model.NoEpoch, errNotYet
}

// AbortedTxn is an aborted transaction of a fetch response.
type AbortedTxn struct {
	Producer    model.ProducerID
	FirstOffset model.Offset
}

// AbortedTxns are the aborted transactions that reach into [from, to).
func (l *Log) AbortedTxns(from, to model.Offset) ([]AbortedTxn, error) { return nil, errNotYet }

// SetLogStart raises the log start offset (DeleteRecords, or a follower
// following its leader); segments wholly below it are deleted at the next
// retention pass. Lower values are ignored. ErrOutOfRange above the log end.
func (l *Log) SetLogStart(to model.Offset) (raised bool, err error) { return false, errNotYet }

// Roll starts a new segment at the log end unless the active one is empty.
func (l *Log) Roll(now model.Millis) error { return errNotYet }

// Flush makes everything up to the log end durable and raises the recovery
// point. It may run beside appends.
func (l *Log) Flush() error { return errNotYet }

// TruncateTo removes all records at and above offset. It reports whether
// anything was removed.
func (l *Log) TruncateTo(offset model.Offset) (bool, error) { return false, errNotYet }

// TruncateFully removes everything and starts again at newStart; logStart is
// the log start offset if it differs from newStart, NoOffset otherwise.
func (l *Log) TruncateFully(newStart, logStart model.Offset) error { return errNotYet }

// DeleteOldSegments applies retention: by time, by size (both only if
// cleanup.policy has delete) and below the log start offset; never at or above
// highWatermark. The files get the suffix .deleted and are removed
// FileDeleteDelayMs later by Dirs (or by RemoveDeleted). It returns the number
// of segments removed.
func (l *Log) DeleteOldSegments(now model.Millis, highWatermark model.Offset) (int, error) {
	return 0, errNotYet
}

// RemoveDeleted removes files whose delay is over.
func (l *Log) RemoveDeleted(now model.Millis) error { return errNotYet }

// Close flushes, writes indexes and a producer snapshot, and closes the files.
// After it the log may be opened with Clean.
func (l *Log) Close() error { return errNotYet }
