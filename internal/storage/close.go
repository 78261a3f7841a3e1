package storage

import (
	"errors"
	"sync"

	"gregor/internal/model"
)

// Unload closes the log's files and frees its memory, after making everything
// durable and writing what a later Load needs; for partitions idle for long.
// Files that readers hold stay open until released.
func (l *Log) Unload() error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	return l.shutLocked(false)
}

// Close is Unload for good: the directory may then be opened with Clean.
// Further calls answer ErrDeleted.
func (l *Log) Close() error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	return l.shutLocked(true)
}

// recoverIdle checks what a crash left, of a log nobody has used yet.
func (l *Log) recoverIdle(now model.Millis) error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	l.mu.Lock()
	todo := l.st == nil && !l.clean && !l.closed
	var err error
	if todo {
		_, err = l.loadedLocked(now)
	}
	l.mu.Unlock()
	if !todo || err != nil {
		return err
	}
	return l.shutLocked(false)
}

// shutLocked is Unload, and Close with forGood. The caller holds wmu.
func (l *Log) shutLocked(forGood bool) error {
	if err := l.settle(); err != nil {
		return err
	}
	if err := l.Flush(); err != nil {
		return err
	}
	l.letGo(forGood)
	return nil
}

// letGo drops what a load can bring back, of a log that is durable. The caller
// holds wmu.
func (l *Log) letGo(forGood bool) {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = l.closed || forGood
	if st := l.st; st != nil {
		l.retainFrom = l.foresee(st, l.Config())
		l.doomAll(st)
		l.st, l.clean, l.keptEnd = nil, true, l.LogEnd()
		l.end.Store(int64(model.NoOffset))
	}
}

// bulkSync is the number of logs with something to sync from which closing
// them syncs the whole file system once instead of every file.
var bulkSync = 64

// closing is a log in the middle of being closed with others.
type closing struct {
	l    *Log
	work flushWork
	todo bool // work has to be synced
}

// closeAll closes logs of one directory for good, with some helpers.
func (r *root) closeAll(logs []*Log, workers int) error {
	list := make([]closing, len(logs))
	for i, l := range logs {
		list[i].l = l
		l.wmu.Lock()
		defer l.wmu.Unlock()
	}
	err := each(list, workers, func(c *closing) (err error) {
		if err = c.l.settle(); err == nil {
			c.work, c.todo = c.l.collect(model.NoOffset)
		}
		return err
	})
	if err != nil {
		return err
	}
	todo := 0
	for i := range list {
		if list[i].todo {
			todo++
		}
	}
	if err := r.syncClosing(list, workers, todo > bulkSync); err != nil {
		return r.fail(err)
	}
	for i := range list {
		if list[i].todo {
			list[i].l.synced(list[i].work)
		}
		list[i].l.letGo(true)
	}
	return nil
}

func (r *root) syncClosing(list []closing, workers int, bulk bool) error {
	err := each(list, workers, func(c *closing) error {
		switch {
		case !c.todo:
			return nil
		case bulk:
			return c.l.writeEpochs(c.work, false)
		}
		return c.l.sync(c.work)
	})
	if err == nil && bulk {
		err = r.fs.SyncAll(r.path)
	}
	return err
}

// each calls f for all elements, shared out among some goroutines, and returns
// the first error of each.
func each[T any](list []T, workers int, f func(*T) error) error {
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := w; i < len(list); i += workers {
				if err := f(&list[i]); err != nil && errs[w] == nil {
					errs[w] = err
				}
			}
		}()
	}
	wg.Wait()
	return errors.Join(errs...)
}

// settle writes the active segment's indexes and a producer snapshot.
func (l *Log) settle() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.root.offline(); err != nil {
		return err
	}
	if l.st == nil {
		return nil
	}
	s := l.st.active()
	if s.maxKnown || s.size > 0 {
		if err := s.loadMax(); err != nil {
			return l.failed("close", err)
		}
	}
	if s.offsets.dirty() || s.times.dirty() || s.allocated > s.size || s.lateMax() {
		if err := s.seal(); err != nil {
			return l.failed("close", err)
		}
	}
	return l.failed("snapshot", l.snapshot(l.st))
}

// dirty reports whether the file is not what it must be: rows are only in
// memory, or too many in the file.
func (x *sparse) dirty() bool { return len(x.tail) > 0 || x.ragged }

// lateMax reports whether the time index lacks the row for the largest
// timestamp.
func (s *segment) lateMax() bool {
	t, _ := s.times.lastTime(s.base)
	return s.exists && s.maxTime > t
}

// abandon lets go of everything without writing: the partition is about to be
// deleted, or its directory is offline. The caller holds all locks.
func (l *Log) abandon() {
	l.closed = true
	if l.st != nil {
		l.doomAll(l.st)
		l.st = nil
		l.end.Store(int64(model.NoOffset))
	}
}
