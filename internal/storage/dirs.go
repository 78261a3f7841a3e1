package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

// Options opens the log directories of a node.
type Options struct {
	FS      vfs.FS
	Paths   []string       // log.dirs, absolute
	MetaDir string         // metadata.log.dir, which may be one of Paths; "" for none
	NodeID  model.BrokerID // node.id; NoBroker takes what is found
	// Config is a topic's configuration, asked once for every topic found. nil:
	// Defaults for all.
	Config   func(topic string) *Config
	Defaults *Config // the node's defaults; nil: DefaultConfig
	MaxFiles int     // segment files held open at most; 0: half of RLIMIT_NOFILE
	Workers  int     // num.recovery.threads.per.data.dir; 0: 2
	// ProducerExpiry is producer.id.expiration.ms; 0: Kafka's default, a day.
	ProducerExpiry model.Millis
	// OnOffline hears of each directory that fails, once, from any goroutine
	// and with locks held: it must not call back.
	OnOffline func(id model.DirectoryID, path string, err error)
	// NewUUID makes directory ids and the ids in the names of deleted
	// directories; nil: model.NewUUID.
	NewUUID func() model.UUID
	// Warn hears of what was found damaged and put right, from any goroutine.
	// May be nil.
	Warn func(msg string)
}

// Dirs is the log directories of a node. All methods are safe for concurrent
// use.
//
// Locks: see Log.
type Dirs struct {
	o       Options
	files   *fileSet
	roots   []*root
	meta    *root // a metadata.log.dir that is not one of log.dirs
	cluster string
	mu      struct {
		sync.RWMutex
		logs     map[model.TopicPartition]*Log
		cordoned map[string]bool
	}
}

// OpenDirs checks meta.properties, locks the directories, notes whether the
// last shutdown was clean, removes .kafka_cleanshutdown, reads the checkpoints
// and lists the partitions without opening them. A directory that fails is
// offline as long as another can be used. Directories without a directory.id
// get one. Errors carry Kafka's text.
func OpenDirs(o Options, now model.Millis) (*Dirs, error) {
	o.MaxFiles, o.Workers = cmp.Or(o.MaxFiles, vfs.OpenFilesLimit()/2), cmp.Or(o.Workers, 2)
	if o.Defaults == nil {
		o.Defaults = kafkaDefaults
	}
	if o.NewUUID == nil {
		o.NewUUID = model.NewUUID
	}
	d := &Dirs{o: o, files: &fileSet{fs: o.FS, max: o.MaxFiles}}
	d.mu.logs = map[model.TopicPartition]*Log{}
	e := LoadEnsemble(o.FS, o.Paths, o.MetaDir)
	for _, dir := range sortedKeys(e.Failed) {
		if o.Warn != nil {
			o.Warn(fmt.Sprintf("Error while reading meta.properties file %s: %v", filepath.Join(dir, metaPropertiesName), e.Failed[dir]))
		}
	}
	if err := e.Verify("", o.NodeID); err != nil {
		return nil, err
	}
	if err := e.strayMetadata(o.FS); err != nil {
		return nil, err
	}
	if err := e.ready(); err != nil {
		return nil, err
	}
	if err := d.openRoots(e, now); err != nil {
		d.unlock()
		return nil, err
	}
	if err := d.list(); err != nil {
		d.unlock()
		return nil, err
	}
	return d, nil
}

// strayMetadata refuses a metadata log outside of the metadata directory.
func (e *Ensemble) strayMetadata(fsys vfs.FS) error {
	if e.Meta == "" {
		return nil
	}
	for _, dir := range sortedKeys(e.Props) {
		path := filepath.Join(dir, metadataTopic+"-0")
		if ok, _ := vfs.Exists(fsys, path); ok && dir != e.Meta {
			return fmt.Errorf("Found unexpected metadata location in data directory `%s` (the configured metadata directory is %s).", path, e.Meta)
		}
	}
	return nil
}

// LockDir takes the lock of a log directory that keeps other processes out;
// OpenDirs does it by itself. Kafka's message if it is held.
func LockDir(fsys vfs.FS, dir string) (io.Closer, error) {
	c, err := fsys.Lock(filepath.Join(dir, lockName))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("Failed to acquire lock on file .lock in %s. A Kafka instance in another process or thread is using this directory.", dir)
	}
	return c, err
}

func (d *Dirs) openRoots(e Ensemble, now model.Millis) error {
	seen := map[string]bool{}
	online := 0
	for _, path := range d.o.Paths {
		if seen[path] {
			return fmt.Errorf("Duplicate log directory found: %v", d.o.Paths)
		}
		seen[path] = true
		r, err := d.openRoot(e, path, now)
		if err != nil {
			return err
		}
		d.roots = append(d.roots, r)
		if r.offline() == nil {
			online++
		}
	}
	if len(d.o.Paths) > 0 && online == 0 {
		return fmt.Errorf("none of the specified log dirs from %v can be created or validated: %w", d.o.Paths, d.roots[0].offline())
	}
	if d.o.MetaDir == "" || seen[d.o.MetaDir] {
		return nil
	}
	var err error
	if d.meta, err = d.openRoot(e, d.o.MetaDir, now); err != nil {
		return err
	}
	return d.meta.offline()
}

// openRoot locks a directory and gives it an id. A directory that cannot be
// used comes back offline; an error is for all of them.
func (d *Dirs) openRoot(e Ensemble, path string, now model.Millis) (*root, error) {
	r := &root{fs: d.o.FS, files: d.files, path: path, dirs: d, epoch: -1, expiry: d.o.ProducerExpiry, warn: d.o.Warn, gone: map[model.TopicPartition]struct{}{}}
	if err := e.Failed[path]; err != nil {
		r.fail(err)
		return r, nil
	}
	m := e.Props[path]
	d.cluster = m.Cluster
	var err error
	if r.lock, err = LockDir(d.o.FS, path); err != nil {
		if shortage(err) || !isPathError(err) {
			return nil, err
		}
		r.fail(err)
		return r, nil
	}
	if m.DirectoryID.IsZero() {
		m.DirectoryID = d.o.NewUUID()
		if err := WriteMetaProperties(d.o.FS, path, m, now); err != nil {
			r.fail(err)
			return r, nil
		}
	}
	r.id = m.DirectoryID
	return r, nil
}

func (d *Dirs) unlock() {
	for _, r := range append(d.roots, d.meta) {
		if r != nil && r.lock != nil {
			_ = r.lock.Close()
			r.lock = nil
		}
	}
}

// Dir describes one log directory.
type Dir struct {
	Path          string
	ID            model.DirectoryID
	Err           error // why it is offline; nil: online
	Clean         bool  // the last shutdown was clean
	Total, Usable int64 // bytes of its file system; -1 unknown
}

// List describes the directories in the order of log.dirs.
func (d *Dirs) List() []Dir {
	out := make([]Dir, 0, len(d.roots))
	for _, r := range d.roots {
		x := Dir{Path: r.path, ID: r.id, Err: r.offline(), Clean: r.clean, Total: -1, Usable: -1}
		if total, usable, err := r.fs.Usage(r.path); err == nil {
			x.Total, x.Usable = total, usable
		}
		out = append(out, x)
	}
	return out
}

// MetaDir is the directory of the metadata log and its id.
func (d *Dirs) MetaDir() (path string, id model.DirectoryID) {
	if d.meta != nil {
		return d.meta.path, d.meta.id
	}
	for _, r := range d.roots {
		if r.path == d.o.MetaDir {
			return r.path, r.id
		}
	}
	return "", model.DirectoryID{}
}

// ClusterID is the cluster.id of meta.properties.
func (d *Dirs) ClusterID() string { return d.cluster }

// PreviousBrokerEpoch is the broker epoch of the last clean shutdown, the same
// in all directories; -1 otherwise (BrokerRegistration's PreviousBrokerEpoch).
func (d *Dirs) PreviousBrokerEpoch() model.BrokerEpoch {
	epoch := model.BrokerEpoch(-1)
	for i, r := range d.roots {
		if r.offline() != nil || !r.clean || i > 0 && r.epoch != epoch {
			return -1
		}
		epoch = r.epoch
	}
	return epoch
}

// SetCordoned names the directories (by path) that get no new partitions
// while others can (cordoned.log.dirs).
func (d *Dirs) SetCordoned(paths []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.cordoned = map[string]bool{}
	for _, p := range paths {
		d.mu.cordoned[p] = true
	}
}

// Log is the partition's log, nil if there is none.
func (d *Dirs) Log(tp model.TopicPartition) *Log {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.mu.logs[tp]
}

// Logs iterates over the logs there were when it began, by name.
func (d *Dirs) Logs() iter.Seq[*Log] {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Values(byName(maps.Values(d.mu.logs)))
}

// byName sorts logs, so that equal histories give equal files.
func byName(logs iter.Seq[*Log]) []*Log {
	return slices.SortedFunc(logs, func(a, b *Log) int {
		return cmp.Or(strings.Compare(a.tp.Topic, b.tp.Topic), cmp.Compare(a.tp.Partition, b.tp.Partition))
	})
}

// Create makes the partition's directory and partition.metadata: in the
// directory with id dir, or, if dir is zero, DirUnassigned or DirLost, in the
// online one with the fewest partitions. ErrExists if the partition is there.
func (d *Dirs) Create(tp model.TopicPartition, id model.TopicID, dir model.DirectoryID, c *Config) (*Log, error) {
	if err := d.forgetOld(tp); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.mu.logs[tp]; ok {
		return nil, fmt.Errorf("%w: %s", ErrExists, tp)
	}
	r := d.chooseLocked(dir)
	if r == nil {
		return nil, fmt.Errorf("%w: No log directories available for %s", ErrOffline, tp)
	}
	l := newLog(r, tp, c, 0, 0, true)
	l.id, l.bornAt = id, r.born()
	l.unborn.Store(true)
	err := d.o.FS.Mkdir(l.Dir())
	if err == nil && !id.IsZero() {
		err = writePartitionMeta(d.o.FS, l.Dir(), id)
	}
	if err != nil {
		return nil, l.failed("create", err)
	}
	d.mu.logs[tp] = l
	return l, nil
}

// forgetOld rewrites checkpoints that still speak of an earlier partition of
// the name: after a crash they would be taken for the new one's.
func (d *Dirs) forgetOld(tp model.TopicPartition) error {
	for _, r := range d.roots {
		d.mu.RLock()
		_, stale := r.gone[tp]
		d.mu.RUnlock()
		if !stale || r.offline() != nil {
			continue
		}
		if err := r.checkpoint(true, true); err != nil {
			return r.fail(err)
		}
	}
	return nil
}

func (d *Dirs) chooseLocked(id model.DirectoryID) *root {
	named := !id.IsZero() && id != model.DirUnassigned && id != model.DirLost
	counts := map[*root]int{}
	if !named && len(d.roots) > 1 {
		for _, l := range d.mu.logs {
			counts[l.root]++
		}
	}
	var best *root
	better := func(r *root) bool {
		if best == nil {
			return true
		}
		if a, b := d.mu.cordoned[r.path], d.mu.cordoned[best.path]; a != b {
			return b
		}
		return counts[r] < counts[best]
	}
	for _, r := range d.roots {
		if r.offline() == nil && (!named || r.id == id) && better(r) {
			best = r
		}
	}
	return best
}

// Delete takes the log out, renames its directory to <topic>-<n>.<32
// hex>-delete and has it removed FileDeleteDelayMs later. The caller has ended
// all use of the log but reads in flight.
func (d *Dirs) Delete(l *Log, now model.Millis) error { return d.remove(l, deleteDirSuffix, now) }

// MarkStray takes the log out and renames its directory to ...-stray: data the
// cluster's metadata does not know. Nobody removes it but the operator.
func (d *Dirs) MarkStray(l *Log) error { return d.remove(l, strayDirSuffix, 0) }

func (d *Dirs) remove(l *Log, suffix string, now model.Millis) error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	d.mu.Lock()
	if d.mu.logs[l.tp] != l {
		d.mu.Unlock()
		return ErrDeleted
	}
	delete(d.mu.logs, l.tp)
	if l.savedRecovery > 0 || l.savedStart > 0 {
		l.root.gone[l.tp] = struct{}{}
	}
	d.mu.Unlock()
	l.abandon()
	if err := l.root.offline(); err != nil {
		return err
	}
	from, name := l.Dir(), markedDirName(l.tp, d.o.NewUUID(), suffix)
	to := filepath.Join(l.root.path, name)
	if err := l.fs().Rename(from, to); err != nil {
		return l.failed("rename", err)
	}
	l.name.Store(&name)
	if suffix == deleteDirSuffix {
		l.root.work.Lock()
		defer l.root.work.Unlock()
		l.root.work.dead = append(l.root.work.dead, deadPath{path: to, at: now + l.Config().FileDeleteDelayMs, dir: true})
	}
	return nil
}
