package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/vfs"
)

// LogOptions opens a log outside of Dirs (the metadata log, tools, tests).
type LogOptions struct {
	FS            vfs.FS
	Dir           string // the partition's directory; made if missing
	Partition     model.TopicPartition
	Config        *Config
	RecoveryPoint model.Offset // everything below was synced
	LogStart      model.Offset // checkpointed log start offset
	Clean         bool         // the last shutdown was clean: trust the files
	// ProducerExpiry is producer.id.expiration.ms; 0: Kafka's default, a day.
	ProducerExpiry model.Millis
	// Warn hears of what was found damaged and put right. May be nil.
	Warn func(msg string)
}

// Log is one partition's log. See the package comment for who may call what.
//
// Locks, in the order they are taken: wmu, flushMu, root.saving, mu, Dirs.mu. wmu is held across an
// append's write, flushMu across syncs; mu is held for memory only, but for
// Load, Unload, truncation and the opening of a file.
//
// *Invariant:* start <= end, recovery <= end while loaded. An unloaded log that
// has been loaded since the start is durable up to its end.
type Log struct {
	root *root
	tp   model.TopicPartition
	name atomic.Pointer[string] // of the directory, once it was renamed
	cfg  atomic.Pointer[Config]

	// start is the log start offset, end the log end offset (NoOffset while
	// unloaded), recovery the recovery point.
	start, end, recovery atomic.Int64

	wmu     sync.Mutex
	flushMu sync.Mutex
	mu      sync.Mutex

	// Guarded by mu.
	st *state
	id model.TopicID
	// pending is an epoch assigned while unloaded.
	pending model.LeaderEpoch
	// retainFrom is when retention may next have something to delete; only
	// meaningful while unloaded. 0: not known.
	retainFrom model.Millis
	bornAt     uint64 // the directory is durable once root.birth.synced >= bornAt
	// What the checkpoints on disk say.
	savedRecovery, savedStart, savedWatermark model.Offset
	clean                                     bool // the files on disk are complete
	closed                                    bool
	// keptEnd is the log end of before an Unload. It may lie above the last
	// record, where a follower truncated inside a gap that compaction left.
	keptEnd model.Offset

	dirDirty atomic.Bool // the directory's entries changed since its last sync
	// unborn: the directory's own entry and partition.metadata may not be
	// durable. Empty logs are left so.
	unborn atomic.Bool
	queued atomic.Bool // in root.work.sealed
}

// state is what a loaded log has in memory. Guarded by Log.mu; producers by
// whoever may write.
type state struct {
	segs      []*segment // by base; the last is active. Replaced, never changed in place.
	epochs    epochCache
	producers record.Producers
	snaps     []model.Offset // producer snapshots on disk, rising
	newSnaps  []model.Offset // those not synced yet
	hints     [hintCount]hint
	nextHint  int
	block     *rowBlock // never changed, only replaced
	// dirtySince is when the oldest unsynced record was appended.
	dirtySince model.Millis
	truncated  uint32 // counts truncations, for reads that ran beside one
}

func (st *state) active() *segment { return st.segs[len(st.segs)-1] }

// OpenLog returns the unloaded log of the directory, which is made if missing.
func OpenLog(o LogOptions) (*Log, error) {
	r := &root{fs: o.FS, path: filepath.Dir(o.Dir), files: &fileSet{fs: o.FS, max: 64}, expiry: o.ProducerExpiry, warn: o.Warn}
	l := newLog(r, o.Partition, o.Config, o.LogStart, o.RecoveryPoint, o.Clean)
	if base := filepath.Base(o.Dir); base != o.Partition.String() {
		l.name.Store(&base)
	}
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return nil, err
	}
	id, err := readPartitionMeta(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	l.id = id
	l.bornAt = r.born()
	l.unborn.Store(true)
	return l, nil
}

func newLog(r *root, tp model.TopicPartition, c *Config, start, recovery model.Offset, clean bool) *Log {
	if c == nil {
		c = kafkaDefaults
	}
	l := &Log{root: r, tp: tp, clean: clean, pending: model.NoEpoch}
	l.cfg.Store(c)
	l.start.Store(int64(max(start, 0)))
	l.recovery.Store(int64(max(recovery, 0)))
	l.end.Store(int64(model.NoOffset))
	return l
}

// producerExpiry is how long a producer that does not write is remembered.
func (l *Log) producerExpiry() model.Millis {
	if l.root.expiry > 0 {
		return l.root.expiry
	}
	return defaultProducerExpiry
}

const defaultProducerExpiry = 24 * 60 * 60 * 1000

func (l *Log) fs() vfs.FS { return l.root.fs }

// Partition names the log.
func (l *Log) Partition() model.TopicPartition { return l.tp }

// TopicID is the id in partition.metadata; zero if there is none.
func (l *Log) TopicID() model.TopicID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id
}

// Dir is the path of the partition's directory.
func (l *Log) Dir() string {
	if n := l.name.Load(); n != nil {
		return filepath.Join(l.root.path, *n)
	}
	return filepath.Join(l.root.path, l.tp.String())
}

// DirID is the directory.id of the log directory it lies in.
func (l *Log) DirID() model.DirectoryID { return l.root.id }

// Root is the path of the log directory it lies in.
func (l *Log) Root() string { return l.root.path }

// SetConfig puts c in force from the next append on.
func (l *Log) SetConfig(c *Config) {
	l.cfg.Store(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retainFrom = 0
}

// Config is the configuration in force.
func (l *Log) Config() *Config { return l.cfg.Load() }

// Loaded reports whether the log is open.
func (l *Log) Loaded() bool { return l.end.Load() != int64(model.NoOffset) }

// LogStart is the first offset a reader may ask for.
func (l *Log) LogStart() model.Offset { return model.Offset(l.start.Load()) }

// LogEnd is the offset the next record gets; model.NoOffset while unloaded.
func (l *Log) LogEnd() model.Offset { return model.Offset(l.end.Load()) }

// RecoveryPoint is the offset below which everything is durable.
func (l *Log) RecoveryPoint() model.Offset { return model.Offset(l.recovery.Load()) }

// Producers is the table of the partition's idempotent and transactional
// producers, as of the log end. Append and truncation keep it up to date; the
// caller checks batches against it before Append and tells it about the high
// watermark, but never applies batches to it. nil while unloaded; not good any
// more after Unload.
func (l *Log) Producers() *record.Producers {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.st == nil {
		return nil
	}
	return &l.st.producers
}

// Load opens the log, recovering it first if the last shutdown was not clean.
// It does nothing when loaded. The error, if any, wraps ErrOffline,
// ErrDeleted, ErrNoSpace or ErrCorrupt.
func (l *Log) Load(now model.Millis) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.loadedLocked(now)
	return err
}

// loadedLocked is the log's state, loaded if need be. now is 0 where the
// caller does not know the time.
func (l *Log) loadedLocked(now model.Millis) (*state, error) {
	if err := l.root.offline(); err != nil {
		return nil, err
	}
	if l.st != nil {
		return l.st, nil
	}
	if l.closed {
		return nil, ErrDeleted
	}
	st, err := l.loadState(now)
	if err != nil {
		return nil, l.failed("load", err)
	}
	return st, nil
}

// view is loadedLocked for readers that need nothing but the state.
func (l *Log) view() (*state, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loadedLocked(0)
}

// failed sorts out an error of an operation on files: shortages pass, what is
// wrong with the device takes the directory offline.
func (l *Log) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return l.sorted(op, err)
}

func (l *Log) sorted(op string, err error) error {
	var pe *fs.PathError
	switch {
	case errors.Is(err, ErrOffline) || errors.Is(err, ErrNoSpace):
		return err
	case shortage(err):
		return fmt.Errorf("%w: %s %s: %v", ErrNoSpace, op, l.tp, err)
	case errors.As(err, &pe):
		return l.root.fail(fmt.Errorf("%s %s: %w", op, l.tp, err))
	}
	return err
}

func shortage(err error) bool {
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.EFBIG} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Size is the number of bytes in the log's segments. An unloaded log is not
// loaded for it: the sizes of its files are added up.
func (l *Log) Size() (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch err := l.root.offline(); {
	case err != nil:
		return 0, err
	case l.closed:
		return 0, ErrDeleted
	case l.st != nil:
		return l.st.size(), nil
	}
	n, err := l.sizeOfFiles()
	return n, l.failed("stat", err)
}

func (l *Log) sizeOfFiles() (sum int64, err error) {
	names, err := l.fs().ReadDir(l.Dir())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, n := range names {
		if filepath.Ext(n) != logSuffix {
			continue
		}
		i, err := l.fs().Stat(filepath.Join(l.Dir(), n))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		sum += i.Size
	}
	return sum, err
}

func (st *state) size() (n int64) {
	for _, s := range st.segs {
		n += s.size
	}
	return n
}

// Segments is the number of segments.
func (l *Log) Segments() (int, error) {
	st, err := l.view()
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(st.segs), nil
}

// floor is the index of the segment with the largest base <= o, -1 if none.
func (st *state) floor(o model.Offset) int {
	lo, hi := 0, len(st.segs)
	if hi > 0 && st.segs[hi-1].base <= o {
		return hi - 1
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if st.segs[mid].base <= o {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// publish sets the offsets that others read without a lock.
func (l *Log) publish(start, end, recovery model.Offset) {
	l.start.Store(int64(start))
	l.recovery.Store(int64(recovery))
	l.end.Store(int64(end))
}
