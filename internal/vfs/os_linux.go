package vfs

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// OS is the operating system's file system.
var OS FS = osFS{}

type osFS struct{}

type osFile struct {
	fd   int
	name string
}

// OpenFilesLimit is RLIMIT_NOFILE, which the Go runtime raises to the hard
// limit when the process starts.
func OpenFilesLimit() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 1024
	}
	return int(min(l.Cur, 1<<20))
}

const dirMode, fileMode = 0o755, 0o644

// ignoringEINTR calls fn until a signal does not interrupt it.
func ignoringEINTR(fn func() error) error {
	for {
		if err := fn(); err != unix.EINTR {
			return err
		}
	}
}

// open keeps away from os.File: its finalizer, poller registration and 150
// bytes of state buy nothing for a regular file.
func open(name string, flags int) (File, error) {
	var fd int
	err := ignoringEINTR(func() (err error) {
		fd, err = unix.Open(name, flags|unix.O_CLOEXEC, fileMode)
		return err
	})
	if err != nil {
		return nil, pathErr("open", name, err)
	}
	return &osFile{fd: fd, name: name}, nil
}

func (osFS) Open(name string) (File, error)   { return open(name, unix.O_RDONLY) }
func (osFS) OpenRW(name string) (File, error) { return open(name, unix.O_RDWR) }
func (osFS) Create(name string) (File, error) {
	return open(name, unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC)
}

func (osFS) Rename(oldname, newname string) error {
	return pathErr("rename", oldname, unix.Rename(oldname, newname))
}
func (osFS) Remove(name string) error    { return os.Remove(name) }
func (osFS) RemoveAll(name string) error { return os.RemoveAll(name) }
func (osFS) Mkdir(name string) error     { return pathErr("mkdir", name, unix.Mkdir(name, dirMode)) }
func (osFS) MkdirAll(name string) error  { return os.MkdirAll(name, dirMode) }

func (osFS) ReadDir(name string) ([]string, error) {
	d, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

func (osFS) Stat(name string) (Info, error) {
	st, err := os.Stat(name)
	if err != nil {
		return Info{}, err
	}
	i := Info{Name: st.Name(), IsDir: st.IsDir(), ModTime: st.ModTime().UnixMilli()}
	if !i.IsDir {
		i.Size = st.Size()
	}
	return i, nil
}

func (osFS) SyncDir(name string) error {
	f, err := open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (osFS) SyncAll(name string) error {
	f, err := open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer f.Close()
	return pathErr("syncfs", name, ignoringEINTR(func() error { return unix.Syncfs(f.Fd()) }))
}

func (osFS) Usage(name string) (total, usable int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(name, &st); err != nil {
		return 0, 0, pathErr("statfs", name, err)
	}
	return int64(st.Blocks) * st.Bsize, int64(st.Bavail) * st.Bsize, nil
}

// locks are the lock files of this process: POSIX record locks, which Java
// uses, do not exclude the process that holds them.
var locks struct {
	sync.Mutex
	held map[[2]uint64]bool // device, inode
}

type osLock struct {
	f  *osFile
	id [2]uint64
}

func (osFS) Lock(name string) (io.Closer, error) {
	f, err := open(name, unix.O_RDWR|unix.O_CREAT)
	if err != nil {
		return nil, err
	}
	l := &osLock{f: f.(*osFile)}
	if err := l.take(); err != nil {
		// Closing any descriptor of the file drops the process's record
		// locks on it, so a file this process holds is left open here.
		if !errors.Is(err, errHeldHere) {
			_ = f.Close()
		}
		return nil, err
	}
	return l, nil
}

var errHeldHere = pathErr("lock", "this process", ErrLocked)

func (l *osLock) take() error {
	var st unix.Stat_t
	if err := unix.Fstat(l.f.fd, &st); err != nil {
		return pathErr("lock", l.f.name, err)
	}
	l.id = [2]uint64{st.Dev, st.Ino}
	locks.Lock()
	defer locks.Unlock()
	if locks.held[l.id] {
		return errHeldHere
	}
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	err := unix.FcntlFlock(uintptr(l.f.fd), unix.F_SETLK, &lk)
	if err == unix.EAGAIN || err == unix.EACCES {
		return pathErr("lock", l.f.name, ErrLocked)
	}
	if err != nil {
		return pathErr("lock", l.f.name, err)
	}
	if locks.held == nil {
		locks.held = map[[2]uint64]bool{}
	}
	locks.held[l.id] = true
	return nil
}

// Close gives the lock back.
func (l *osLock) Close() error {
	locks.Lock()
	defer locks.Unlock()
	delete(locks.held, l.id)
	return l.f.Close()
}

func (f *osFile) Name() string { return f.name }
func (f *osFile) Fd() int      { return f.fd }

func (f *osFile) Close() error { return pathErr("close", f.name, unix.Close(f.fd)) }

func (f *osFile) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		m, err := unix.Pread(f.fd, p[n:], off+int64(n))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return n, pathErr("read", f.name, err)
		}
		if m == 0 {
			return n, io.EOF
		}
		n += m
	}
	return n, nil
}

func (f *osFile) WriteAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		m, err := unix.Pwrite(f.fd, p[n:], off+int64(n))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return n, pathErr("write", f.name, err)
		}
		n += m
	}
	return n, nil
}

// maxIovs is IOV_MAX of Linux.
const maxIovs = 1024

func (f *osFile) WritevAt(bufs [][]byte, off int64) (int, error) {
	if len(bufs) == 1 {
		return f.WriteAt(bufs[0], off)
	}
	n := 0
	for len(bufs) > 0 {
		part := bufs[:min(len(bufs), maxIovs)]
		bufs = bufs[len(part):]
		want := 0
		for _, b := range part {
			want += len(b)
		}
		m, err := unix.Pwritev(f.fd, part, off+int64(n))
		if err != nil && err != unix.EINTR {
			return n, pathErr("write", f.name, err)
		}
		m = max(m, 0)
		n += m
		if m < want {
			k, err := f.writeRest(part, m, off+int64(n))
			n += k
			if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// writeRest writes what a short pwritev left of bufs after its first done bytes.
func (f *osFile) writeRest(bufs [][]byte, done int, off int64) (int, error) {
	n := 0
	for _, b := range bufs {
		if done >= len(b) {
			done -= len(b)
			continue
		}
		m, err := f.WriteAt(b[done:], off+int64(n))
		n += m
		if err != nil {
			return n, err
		}
		done = 0
	}
	return n, nil
}

func (f *osFile) Datasync() error {
	return pathErr("fdatasync", f.name, ignoringEINTR(func() error { return unix.Fdatasync(f.fd) }))
}

func (f *osFile) Sync() error {
	return pathErr("fsync", f.name, ignoringEINTR(func() error { return unix.Fsync(f.fd) }))
}

func (f *osFile) Truncate(size int64) error {
	return pathErr("truncate", f.name, ignoringEINTR(func() error { return unix.Ftruncate(f.fd, size) }))
}

func (f *osFile) Allocate(off, n int64) error {
	err := ignoringEINTR(func() error { return unix.Fallocate(f.fd, unix.FALLOC_FL_KEEP_SIZE, off, n) })
	if err == unix.EOPNOTSUPP || err == unix.ENOSYS {
		err = ErrUnsupported
	}
	return pathErr("fallocate", f.name, err)
}

func (f *osFile) Size() (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return 0, pathErr("stat", f.name, err)
	}
	return st.Size, nil
}
