package storage

import (
	"iter"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

// Options opens the log directories of a node.
type Options struct {
	FS        vfs.FS
	Paths     []string // log.dirs
	MetaDir   string   // metadata.log.dir if it is one of its own, "" otherwise
	NodeID    model.BrokerID
	Cluster   string                                              // expected cluster.id; "" takes what is found
	Config    func(topic string) *Config                          // topic configuration at load; nil: DefaultConfig
	MaxFiles  int                                                 // segment files held open at most; 0: half of RLIMIT_NOFILE
	Workers   int                                                 // num.recovery.threads.per.data.dir
	OnOffline func(dir model.DirectoryID, path string, err error) // a directory failed; called once each, from any goroutine
}

// Dirs is the log directories of a node. All methods are safe for concurrent use.
type Dirs struct{ _ int }

// OpenDirs locks the directories, checks meta.properties, notes whether the
// last shutdown was clean, removes .kafka_cleanshutdown, reads the checkpoints
// and lists the partitions without opening them. A directory that cannot be
// used is offline as long as another can be used. Errors carry Kafka's text:
// a lock held elsewhere, no meta.properties, mixed cluster or node ids.
func OpenDirs(o Options) (*Dirs, error) { return nil, errNotYet }

// Dir describes one log directory.
type Dir struct {
	Path          string
	ID            model.DirectoryID
	Err           error // why it is offline; nil: online
	Clean         bool  // the last shutdown was clean
	Total, Usable int64 // bytes of its file system; -1 unknown
}

// List describes the directories in the order of log.dirs.
func (d *Dirs) List() []Dir { return nil }

// ClusterID is the cluster.id of meta.properties.
func (d *Dirs) ClusterID() string { return "" }

// PreviousBrokerEpoch is the broker epoch of the last clean shutdown, -1 if it
// was not clean (BrokerRegistration's PreviousBrokerEpoch).
func (d *Dirs) PreviousBrokerEpoch() model.BrokerEpoch { return -1 }

// Log is the partition's log, nil if there is none.
func (d *Dirs) Log(tp model.TopicPartition) *Log { return nil }

// Logs iterates over all logs, in no particular order.
func (d *Dirs) Logs() iter.Seq[*Log] { return func(func(*Log) bool) {} }

// Create makes the partition's directory (in the directory with id dir, or,
// if dir is zero or DirUnassigned, in the online one with the fewest
// partitions) and partition.metadata. ErrExists if the partition is there.
func (d *Dirs) Create(tp model.TopicPartition, id model.TopicID, dir model.DirectoryID, c *Config) (*Log, error) {
	return nil, errNotYet
}

// Delete closes the log, renames its directory to <topic>-<n>.<32 hex>-delete
// and has it removed FileDeleteDelayMs later.
func (d *Dirs) Delete(l *Log, now model.Millis) error { return errNotYet }

// MarkStray closes the log and renames its directory to ...-stray: data the
// cluster's metadata does not know. It is never removed by itself.
func (d *Dirs) MarkStray(l *Log) error { return errNotYet }

// HighWatermark is the checkpointed high watermark of a partition at start; 0
// if there is none.
func (d *Dirs) HighWatermark(tp model.TopicPartition) model.Offset { return 0 }

// CheckpointHighWatermarks writes replication-offset-checkpoint in every
// directory (replica.high.watermark.checkpoint.interval.ms). hw is asked for
// every log; ok false keeps what the last checkpoint said.
func (d *Dirs) CheckpointHighWatermarks(hw func(*Log) (o model.Offset, ok bool)) error {
	return errNotYet
}

// CheckpointRecoveryPoints writes recovery-point-offset-checkpoint
// (log.flush.offset.checkpoint.interval.ms).
func (d *Dirs) CheckpointRecoveryPoints() error { return errNotYet }

// CheckpointLogStarts writes log-start-offset-checkpoint
// (log.flush.start.offset.checkpoint.interval.ms).
func (d *Dirs) CheckpointLogStarts() error { return errNotYet }

// Retention runs DeleteOldSegments on the logs that may have something to
// delete (log.retention.check.interval.ms); hw gives the high watermarks.
func (d *Dirs) Retention(now model.Millis, hw func(*Log) model.Offset) (segments int, err error) {
	return 0, errNotYet
}

// FlushDirty flushes the logs whose flush.ms is over
// (log.flush.scheduler.interval.ms).
func (d *Dirs) FlushDirty(now model.Millis) error { return errNotYet }

// Background does what was left for later: syncs rolled segments, removes
// .deleted files and -delete directories whose delay is over. It returns when
// to call it next. A second is often enough.
func (d *Dirs) Background(now model.Millis) (next model.Millis, err error) { return now, errNotYet }

// Recover loads and unloads the logs that a crash left unchecked and nobody
// has used yet, a few at a time, until done or ctx-like stop returns true.
func (d *Dirs) Recover(now model.Millis, stop func() bool) error { return errNotYet }

// Close closes all logs, writes the checkpoints and, if everything succeeded,
// .kafka_cleanshutdown with the broker epoch; then unlocks.
func (d *Dirs) Close(now model.Millis, epoch model.BrokerEpoch, hw func(*Log) (model.Offset, bool)) error {
	return errNotYet
}
