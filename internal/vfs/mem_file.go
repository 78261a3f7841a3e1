package vfs

import (
	"io"
	"slices"
	"syscall"
)

func (f *memFile) Name() string { return f.name }
func (f *memFile) Fd() int      { return NoFd }
func (f *memFile) Close() error { return nil }

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.m.mu.off {
		return 0, pathErr("read", f.name, ErrPowerCut)
	}
	if off >= int64(len(f.d.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.d.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return f.writeLocked(p, off)
}

func (f *memFile) WritevAt(bufs [][]byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return f.writeLocked(slices.Concat(bufs...), off)
}

func (f *memFile) writeLocked(p []byte, off int64) (int, error) {
	if f.ro {
		return 0, pathErr("write", f.name, syscall.EBADF)
	}
	cut, err := f.m.changeLocked()
	if err != nil {
		return 0, pathErr("write", f.name, err)
	}
	if room := f.m.mu.capacity - f.m.mu.used + int64(len(f.d.data)) - off; room < int64(len(p)) {
		p, err = p[:max(room, 0)], syscall.ENOSPC
	}
	if cut {
		err = ErrPowerCut
	}
	end := off + int64(len(p))
	if grow := end - int64(len(f.d.data)); grow > 0 && len(p) > 0 {
		f.d.data = resize(f.d.data, end)
		f.m.mu.used += grow
	}
	if len(p) > 0 {
		copy(f.d.data[off:], p)
		f.d.writes = append(f.d.writes, memWrite{off: off, data: slices.Clone(p)})
		f.d.modTime = f.m.mu.now
	}
	return len(p), pathErr("write", f.name, err)
}

func (f *memFile) Datasync() error { return f.Sync() }

func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	cut, err := f.m.changeLocked()
	if err == nil && cut {
		err = ErrPowerCut
	}
	if err != nil {
		return pathErr("fsync", f.name, err)
	}
	f.d.durable, f.d.writes = slices.Clone(f.d.data), nil
	return nil
}

func (f *memFile) Truncate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.ro {
		return pathErr("truncate", f.name, syscall.EINVAL)
	}
	cut, err := f.m.changeLocked()
	if err != nil {
		return pathErr("truncate", f.name, err)
	}
	f.m.mu.used += size - int64(len(f.d.data))
	f.d.data = resize(f.d.data, size)
	f.d.writes = append(f.d.writes, memWrite{off: size, trunc: true})
	if cut {
		return pathErr("truncate", f.name, ErrPowerCut)
	}
	return nil
}

// Allocate succeeds without effect.
func (f *memFile) Allocate(off, n int64) error { return nil }

func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.m.mu.off {
		return 0, pathErr("stat", f.name, ErrPowerCut)
	}
	return int64(len(f.d.data)), nil
}
