package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

// root is one log directory (an entry of log.dirs) as its logs see it. Once an
// operation on it failed it is offline until the process ends.
type root struct {
	fs    vfs.FS
	files *fileSet
	path  string
	id    model.DirectoryID
	dirs  *Dirs            // nil for a log opened alone
	clean bool             // the last shutdown was clean
	warn  func(msg string) // may be nil
	// expiry is producer.id.expiration.ms.
	expiry model.Millis
	// epoch is the broker epoch of the last clean shutdown, -1 if unknown.
	epoch model.BrokerEpoch
	lock  io.Closer
	// gone names partitions of which only the checkpoints on disk still speak.
	// Guarded by Dirs.mu.
	gone   map[model.TopicPartition]struct{}
	saving sync.Mutex // one checkpoint at a time

	failure atomic.Pointer[error]

	// created counts partition directories made, synced those known durable.
	birth struct {
		sync.Mutex
		created, synced uint64
	}

	work struct {
		sync.Mutex
		dead   []deadPath // to be removed once their time has come
		sealed []*Log     // with segments that were rolled and not synced yet
	}
}

// deadPath is a renamed file, or a renamed directory, that is to be removed.
type deadPath struct {
	path string
	at   model.Millis // 0: not known before the first look
	dir  bool
}

func (r *root) offline() error {
	if e := r.failure.Load(); e != nil {
		return *e
	}
	return nil
}

// fail takes the directory offline. The first cause is kept.
func (r *root) fail(cause error) error {
	err := fmt.Errorf("%w: %s: %w", ErrOffline, r.path, cause)
	if r.failure.CompareAndSwap(nil, &err) && r.dirs != nil && r.dirs.o.OnOffline != nil {
		r.dirs.o.OnOffline(r.id, r.path, cause)
	}
	return r.offline()
}

func (r *root) warnf(format string, args ...any) {
	if r.warn != nil {
		r.warn(fmt.Sprintf(format, args...))
	}
}

func (r *root) deleteLater(path string, at model.Millis) {
	r.work.Lock()
	defer r.work.Unlock()
	r.work.dead = append(r.work.dead, deadPath{path: path, at: at})
}

// sealedBy notes that l has rolled segments to sync in the background.
func (r *root) sealedBy(l *Log) {
	if l.queued.Swap(true) {
		return
	}
	r.work.Lock()
	defer r.work.Unlock()
	r.work.sealed = append(r.work.sealed, l)
}

// born counts a new partition directory.
func (r *root) born() uint64 {
	r.birth.Lock()
	defer r.birth.Unlock()
	r.birth.created++
	return r.birth.created
}

// syncBirth makes the entry of a partition's directory durable.
func (r *root) syncBirth(at uint64) error {
	r.birth.Lock()
	defer r.birth.Unlock()
	if r.birth.synced >= at {
		return nil
	}
	n := r.birth.created
	if err := r.fs.SyncDir(r.path); err != nil {
		return err
	}
	r.birth.synced = n
	return nil
}

// removeDead removes what is due at now and says when the next is due (0:
// never).
func (r *root) removeDead(now, delay model.Millis) (next model.Millis, err error) {
	var due []deadPath
	r.work.Lock()
	rest := r.work.dead[:0]
	for _, d := range r.work.dead {
		if d.at == 0 {
			d.at = now + delay
		}
		if d.at <= now {
			due = append(due, d)
			continue
		}
		rest = append(rest, d)
		if next == 0 || d.at < next {
			next = d.at
		}
	}
	clear(r.work.dead[len(rest):])
	r.work.dead = rest
	r.work.Unlock()
	for _, d := range due {
		if d.dir {
			err = r.fs.RemoveAll(d.path)
		} else if err = r.fs.Remove(d.path); errors.Is(err, fs.ErrNotExist) {
			err = nil // went with its directory
		}
		if err != nil {
			return next, r.fail(fmt.Errorf("remove: %w", err))
		}
	}
	return next, nil
}
