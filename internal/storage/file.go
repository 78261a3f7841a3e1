package storage

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

// File is one file of a segment. It is opened when needed and closed again by
// the node-wide LRU (fileSet) when nobody holds it.
//
// Who uses the file pins it: a pinned file stays open, also after it was
// removed from the directory, so bytes promised to a slow client can still be
// sent when retention has deleted the segment. A reader that got a File from
// Log.Read owns one pin and gives it back with Release.
type File struct {
	log    *Log
	base   model.Offset
	suffix string
	f      vfs.File
	// pins counts users; shut while the file is not open. Between 0 and shut
	// only fileSet, with its mutex held, moves it.
	pins atomic.Int32
	slot int32 // index in fileSet.open; guarded by its mutex
	used atomic.Bool
	// doomed: close as soon as the last pin goes.
	doomed atomic.Bool
}

const shut = -1 << 30

func (f *File) init(l *Log, base model.Offset, suffix string) {
	f.log, f.base, f.suffix = l, base, suffix
	f.pins.Store(shut)
}

func (f *File) path() string { return filepath.Join(f.log.Dir(), fileName(f.base, f.suffix)) }

// pin opens the file if need be and keeps it open until Release. create makes
// it if it is missing.
func (f *File) pin(create bool) error {
	for {
		n := f.pins.Load()
		if n < 0 {
			return f.log.root.files.open(f, create)
		}
		if f.pins.CompareAndSwap(n, n+1) {
			if !f.used.Load() {
				f.used.Store(true)
			}
			return nil
		}
	}
}

// Retain takes a further hold.
func (f *File) Retain() { f.pins.Add(1) }

// Release ends a hold that Read or Retain took.
func (f *File) Release() {
	if f.pins.Add(-1) == 0 && f.doomed.Load() {
		f.log.root.files.close(f)
	}
}

// doom closes the file as soon as nobody holds it. It is not opened again.
func (f *File) doom() {
	f.doomed.Store(true)
	if f.pins.Load() == 0 {
		f.log.root.files.close(f)
	}
}

// ReadAt reads from the segment file; the caller holds it.
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.f.ReadAt(p, off) }

// Fd is the descriptor, or vfs.NoFd; good until Release.
func (f *File) Fd() int { return f.f.Fd() }

// fileSet is the set of open segment files of a node. When more than max are
// open the one least recently pinned is closed (second chance); if all are
// pinned the limit gives way, since readers cannot wait for each other.
type fileSet struct {
	fs  vfs.FS
	max int
	mu  struct {
		sync.Mutex
		open []*File
		hand int
	}
}

func (s *fileSet) open(f *File, create bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := f.pins.Load(); n >= 0 {
		f.pins.Add(1) // somebody else opened it; only this mutex can shut it
		return nil
	}
	if f.doomed.Load() {
		return ErrDeleted
	}
	for len(s.mu.open) >= s.max && s.evictLocked() {
	}
	vf, err := s.fs.OpenRW(f.path())
	if create && errors.Is(err, fs.ErrNotExist) {
		vf, err = s.fs.Create(f.path())
	}
	if err != nil {
		return err
	}
	f.f, f.slot = vf, int32(len(s.mu.open))
	f.used.Store(true)
	s.mu.open = append(s.mu.open, f)
	f.pins.Store(1)
	return nil
}

// evictLocked closes one file nobody holds; false if there is none.
func (s *fileSet) evictLocked() bool {
	for range 2 * len(s.mu.open) {
		if s.mu.hand >= len(s.mu.open) {
			s.mu.hand = 0
		}
		f := s.mu.open[s.mu.hand]
		if f.pins.Load() == 0 && !f.used.Swap(false) && s.shutLocked(f) {
			return true
		}
		s.mu.hand++
	}
	return false
}

// shutLocked closes f unless it is held.
func (s *fileSet) shutLocked(f *File) bool {
	if !f.pins.CompareAndSwap(0, shut) {
		return false
	}
	last := s.mu.open[len(s.mu.open)-1]
	s.mu.open[f.slot], last.slot = last, f.slot
	s.mu.open[len(s.mu.open)-1] = nil
	s.mu.open = s.mu.open[:len(s.mu.open)-1]
	_ = f.f.Close() // what it held was synced, or is the page cache's now
	f.f = nil
	return true
}

func (s *fileSet) close(f *File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shutLocked(f)
}

func (s *fileSet) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.open)
}
