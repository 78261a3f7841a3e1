package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
)

// ErrUnsupported means the file system cannot do it (Allocate on tmpfs of old
// kernels, for example). The caller goes on without.
var ErrUnsupported = errors.New("not supported by this file system")

// ErrLocked means that another process, or this one, holds the lock.
var ErrLocked = errors.New("locked by another process")

// ErrPowerCut is what every operation on a Mem answers from the moment its
// power was cut until Restart.
var ErrPowerCut = errors.New("power cut")

// NoFd is File.Fd of a file that is not backed by the operating system.
const NoFd = -1

// File is an open file. ReadAt is safe together with anything; the other
// methods are for one caller at a time.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// WritevAt writes bufs one after the other from off on, in one system
	// call where possible, and returns the number of bytes written. bufs and
	// what it points to are left as they were.
	WritevAt(bufs [][]byte, off int64) (int, error)
	// Datasync makes the data written so far durable, with the size needed to
	// read it back.
	Datasync() error
	// Sync makes the data and all attributes durable.
	Sync() error
	// Truncate sets the size; space allocated beyond it is given back.
	Truncate(size int64) error
	// Allocate reserves blocks for [off, off+n) without changing the size.
	// ErrUnsupported when the file system cannot.
	Allocate(off, n int64) error
	// Size is the size in bytes.
	Size() (int64, error)
	// Fd is the descriptor for sendfile and the like, NoFd if there is none.
	// It is valid until Close.
	Fd() int
	// Name is the path the file was opened by.
	Name() string
}

// Info describes a directory entry.
type Info struct {
	Name    string // base name
	Size    int64  // bytes; 0 for directories
	IsDir   bool
	ModTime int64 // milliseconds since 1970
}

// FS is a file system. Errors wrap fs.ErrNotExist, fs.ErrExist,
// syscall.ENOSPC and so on: test with errors.Is.
type FS interface {
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// OpenRW opens an existing file for reading and writing.
	OpenRW(name string) (File, error)
	// Create makes an empty file, or empties an existing one, for reading and
	// writing.
	Create(name string) (File, error)
	// Rename replaces newname, if it exists, in one step.
	Rename(oldname, newname string) error
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// RemoveAll removes name and what is below it; nil if it does not exist.
	RemoveAll(name string) error
	// Mkdir makes one directory; fs.ErrExist if the name is taken.
	Mkdir(name string) error
	// MkdirAll makes name and its missing parents.
	MkdirAll(name string) error
	// ReadDir lists the base names in a directory in no particular order.
	ReadDir(name string) ([]string, error)
	// Stat describes name.
	Stat(name string) (Info, error)
	// SyncDir makes the directory's entries durable.
	SyncDir(name string) error
	// SyncAll makes everything on the file system name lies on durable: files,
	// directories and all. Worth it for many files at once.
	SyncAll(name string) error
	// Usage is the size of the file system name lies on, and what of it can
	// still be used, in bytes.
	Usage(name string) (total, usable int64, err error)
	// Lock takes the exclusive lock that Java's FileChannel.tryLock takes on
	// the file, which is created if missing. ErrLocked if it is held, also
	// within this process.
	Lock(name string) (io.Closer, error)
}

// Exists reports whether name exists.
func Exists(fsys FS, name string) (bool, error) {
	_, err := fsys.Stat(name)
	if err == nil {
		return true, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return false, err
}

// ReadFile reads the whole of name. A file larger than max bytes is an error.
func ReadFile(fsys FS, name string, max int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > max {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("file is larger than expected")}
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return b, nil
}

// WriteFile replaces name by a file that holds data: name+".tmp" is written
// and renamed, so a reader sees the old or the new content. With sync the data
// and then the directory are made durable before it returns; without, a power
// cut may leave the old content, or a torn new one.
func WriteFile(fsys FS, name string, data []byte, sync bool) error {
	tmp := name + ".tmp"
	f, err := fsys.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil && sync {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := fsys.Rename(tmp, name); err != nil {
		return err
	}
	if sync {
		return fsys.SyncDir(filepath.Dir(name))
	}
	return nil
}

// pathErr is err with what was done to which file, as package os gives it.
func pathErr(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}
