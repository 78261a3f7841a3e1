package vfs

import (
	"io"
)

// Op is a kind of operation that Faulty can make fail.
type Op uint8

// The operations, one for each method that does I/O.
const (
	OpOpen Op = iota
	OpCreate
	OpRename
	OpRemove
	OpMkdir
	OpReadDir
	OpStat
	OpSyncDir
	OpRead
	OpWrite
	OpSync
	OpTruncate
	OpAllocate
)

// Faulty passes everything on to FS, unless Fail says otherwise. Fail is
// called before every operation, from any goroutine; the error it returns is
// the operation's, wrapped with the name. A write that is to fail writes half
// of its bytes first.
type Faulty struct {
	FS
	Fail func(op Op, name string) error
}

func (f *Faulty) check(op Op, name string) error {
	if f.Fail == nil {
		return nil
	}
	return pathErr(opNames[op], name, f.Fail(op, name))
}

var opNames = [...]string{
	OpOpen: "open", OpCreate: "open", OpRename: "rename", OpRemove: "remove", OpMkdir: "mkdir",
	OpReadDir: "readdirent", OpStat: "stat", OpSyncDir: "sync", OpRead: "read", OpWrite: "write",
	OpSync: "fsync", OpTruncate: "truncate", OpAllocate: "fallocate",
}

func (f *Faulty) file(g File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return &faultyFile{g, f}, nil
}

// Open implements FS.
func (f *Faulty) Open(name string) (File, error) {
	if err := f.check(OpOpen, name); err != nil {
		return nil, err
	}
	return f.file(f.FS.Open(name))
}

// OpenRW implements FS.
func (f *Faulty) OpenRW(name string) (File, error) {
	if err := f.check(OpOpen, name); err != nil {
		return nil, err
	}
	return f.file(f.FS.OpenRW(name))
}

// Create implements FS.
func (f *Faulty) Create(name string) (File, error) {
	if err := f.check(OpCreate, name); err != nil {
		return nil, err
	}
	return f.file(f.FS.Create(name))
}

// Rename implements FS.
func (f *Faulty) Rename(oldname, newname string) error {
	if err := f.check(OpRename, oldname); err != nil {
		return err
	}
	return f.FS.Rename(oldname, newname)
}

// Remove implements FS.
func (f *Faulty) Remove(name string) error {
	if err := f.check(OpRemove, name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// RemoveAll implements FS.
func (f *Faulty) RemoveAll(name string) error {
	if err := f.check(OpRemove, name); err != nil {
		return err
	}
	return f.FS.RemoveAll(name)
}

// Mkdir implements FS.
func (f *Faulty) Mkdir(name string) error {
	if err := f.check(OpMkdir, name); err != nil {
		return err
	}
	return f.FS.Mkdir(name)
}

// MkdirAll implements FS.
func (f *Faulty) MkdirAll(name string) error {
	if err := f.check(OpMkdir, name); err != nil {
		return err
	}
	return f.FS.MkdirAll(name)
}

// ReadDir implements FS.
func (f *Faulty) ReadDir(name string) ([]string, error) {
	if err := f.check(OpReadDir, name); err != nil {
		return nil, err
	}
	return f.FS.ReadDir(name)
}

// Stat implements FS.
func (f *Faulty) Stat(name string) (Info, error) {
	if err := f.check(OpStat, name); err != nil {
		return Info{}, err
	}
	return f.FS.Stat(name)
}

// SyncDir implements FS.
func (f *Faulty) SyncDir(name string) error {
	if err := f.check(OpSyncDir, name); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

// SyncAll implements FS.
func (f *Faulty) SyncAll(name string) error {
	if err := f.check(OpSync, name); err != nil {
		return err
	}
	return f.FS.SyncAll(name)
}

// Lock implements FS.
func (f *Faulty) Lock(name string) (io.Closer, error) {
	if err := f.check(OpOpen, name); err != nil {
		return nil, err
	}
	return f.FS.Lock(name)
}

type faultyFile struct {
	File
	f *Faulty
}

func (g *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := g.f.check(OpRead, g.Name()); err != nil {
		return 0, err
	}
	return g.File.ReadAt(p, off)
}

func (g *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := g.f.check(OpWrite, g.Name()); err != nil {
		n, _ := g.File.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	return g.File.WriteAt(p, off)
}

func (g *faultyFile) WritevAt(bufs [][]byte, off int64) (int, error) {
	if err := g.f.check(OpWrite, g.Name()); err != nil {
		n, _ := g.File.WriteAt(bufs[0][:len(bufs[0])/2], off)
		return n, err
	}
	return g.File.WritevAt(bufs, off)
}

func (g *faultyFile) Datasync() error {
	if err := g.f.check(OpSync, g.Name()); err != nil {
		return err
	}
	return g.File.Datasync()
}

func (g *faultyFile) Sync() error {
	if err := g.f.check(OpSync, g.Name()); err != nil {
		return err
	}
	return g.File.Sync()
}

func (g *faultyFile) Truncate(size int64) error {
	if err := g.f.check(OpTruncate, g.Name()); err != nil {
		return err
	}
	return g.File.Truncate(size)
}

func (g *faultyFile) Allocate(off, n int64) error {
	if err := g.f.check(OpAllocate, g.Name()); err != nil {
		return err
	}
	return g.File.Allocate(off, n)
}
