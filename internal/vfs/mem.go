package vfs

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Mem is a file system in memory that can lose power. It keeps apart what was
// synced and what was only written, and Crash leaves what a disk might hold:
//
//   - of the writes to a file since its last sync any subset, sector by
//     sector, in any order: a write may be torn, a later one survive an
//     earlier one, a file be longer than its data (the hole reads as zeros);
//   - of the changes to a directory since its last SyncDir a prefix: entries
//     go to the disk in the order they were made, as a journal writes them;
//   - a file whose name survived though its data was never synced may be empty.
//
// CutAfter makes the power go in the middle of work: from the nth write,
// truncation, sync or directory change on every operation fails with
// ErrPowerCut until Restart.
//
// Mem is safe for concurrent use. It has a capacity, to play a full disk.
type Mem struct {
	mu struct {
		sync.Mutex
		root     *memDir
		ops      int // changes so far
		cutAfter int // -1: never
		off      bool
		capacity int64
		used     int64
		locks    map[string]bool
		seed     uint64
		now      int64
	}
}

const memSector = 512

// memNode is a file or a directory.
type memNode interface{ isDir() bool }

type memDir struct {
	entries map[string]memNode
	// durable are the entries as of the last SyncDir, log what was done since.
	durable map[string]memNode
	log     []memChange
}

// memChange is one change of a directory's entries: node under name, or nil.
// The two halves of a rename within a directory count as one.
type memChange struct {
	name string
	node memNode
	more []memChange
}

type memData struct {
	data    []byte
	durable []byte
	writes  []memWrite // since the last sync
	modTime int64
}

// memWrite is a write at off, or a truncation to off with data nil.
type memWrite struct {
	off   int64
	data  []byte
	trunc bool
}

func (*memDir) isDir() bool  { return true }
func (*memData) isDir() bool { return false }

// NewMem is an empty file system; seed decides what its crashes leave.
func NewMem(seed uint64) *Mem {
	m := &Mem{}
	m.mu.root = newMemDir()
	m.mu.cutAfter = -1
	m.mu.capacity = 1 << 62
	m.mu.locks = map[string]bool{}
	m.mu.seed = seed
	return m
}

func newMemDir() *memDir {
	return &memDir{entries: map[string]memNode{}, durable: map[string]memNode{}}
}

// SetCapacity limits the bytes in files; a write beyond answers ENOSPC.
func (m *Mem) SetCapacity(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.capacity = n
}

// SetTime is the modification time files get from now on, in milliseconds.
func (m *Mem) SetTime(ms int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.now = ms
}

// Ops is the number of changing operations so far.
func (m *Mem) Ops() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.ops
}

// CutAfter cuts the power at the nth changing operation from now on (1: the
// next one, which may be done in part). Negative: never.
func (m *Mem) CutAfter(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.cutAfter = -1
	if n >= 0 {
		m.mu.cutAfter = m.mu.ops + n
	}
}

// Crash cuts the power now, if it is still on, and restarts with what the disk
// holds. Files opened before are dead.
func (m *Mem) Crash() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.seed++
	r := rand.New(rand.NewPCG(m.mu.seed, 1))
	crashDir(m.mu.root, r)
	m.restartLocked()
}

// Kill restarts with everything that was written, synced or not: what kill -9
// of the process leaves.
func (m *Mem) Kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.restartLocked()
}

func (m *Mem) restartLocked() {
	m.mu.root = cloneDir(m.mu.root)
	m.mu.off, m.mu.cutAfter = false, -1
	m.mu.locks = map[string]bool{}
	m.mu.used = usage(m.mu.root)
}

func usage(n memNode) (sum int64) {
	switch n := n.(type) {
	case *memData:
		return int64(len(n.data))
	case *memDir:
		for _, e := range n.entries {
			sum += usage(e)
		}
	}
	return sum
}

// cloneDir copies the tree, so that files open before do not reach it.
func cloneDir(d *memDir) *memDir {
	seen := map[memNode]memNode{}
	var clone func(n memNode) memNode
	clone = func(n memNode) memNode {
		if n == nil {
			return nil
		}
		if c, ok := seen[n]; ok {
			return c
		}
		switch n := n.(type) {
		case *memData:
			c := &memData{data: slices.Clone(n.data), durable: slices.Clone(n.durable), writes: slices.Clone(n.writes), modTime: n.modTime}
			seen[n] = c
			return c
		case *memDir:
			c := newMemDir()
			seen[n] = c
			for k, e := range n.entries {
				c.entries[k] = clone(e)
			}
			for k, e := range n.durable {
				c.durable[k] = clone(e)
			}
			for _, ch := range n.log {
				cc := memChange{name: ch.name, node: clone(ch.node)}
				for _, x := range ch.more {
					cc.more = append(cc.more, memChange{name: x.name, node: clone(x.node)})
				}
				c.log = append(c.log, cc)
			}
			return c
		}
		return nil
	}
	return clone(d).(*memDir)
}

// crashDir makes entries and data what a disk may hold, and that durable.
func crashDir(d *memDir, r *rand.Rand) {
	keep := r.IntN(len(d.log) + 1)
	for _, c := range d.log[:keep] {
		c.apply(d.durable)
	}
	d.entries, d.log = maps.Clone(d.durable), nil
	names := slices.Sorted(maps.Keys(d.entries))
	for _, n := range names {
		switch e := d.entries[n].(type) {
		case *memDir:
			crashDir(e, r)
		case *memData:
			e.crash(r)
		}
	}
}

func (c memChange) apply(to map[string]memNode) {
	for _, x := range append([]memChange{c}, c.more...) {
		if x.node == nil {
			delete(to, x.name)
		} else {
			to[x.name] = x.node
		}
	}
}

// crash keeps any of the sectors written since the last sync.
func (f *memData) crash(r *rand.Rand) {
	data := slices.Clone(f.durable)
	// With some chance all or nothing: the cases that are easy to miss when
	// every crash is a mess.
	mode := r.IntN(4)
	for _, w := range f.writes {
		if mode == 0 {
			break
		}
		all := mode == 1
		if w.trunc {
			if all || r.IntN(2) == 0 {
				data = resize(data, w.off)
			}
			continue
		}
		for at := w.off; at < w.off+int64(len(w.data)); {
			next := min((at/memSector+1)*memSector, w.off+int64(len(w.data)))
			if all || r.IntN(3) > 0 {
				data = resize(data, max(int64(len(data)), next))
				copy(data[at:next], w.data[at-w.off:next-w.off])
			} else if r.IntN(3) == 0 {
				data = resize(data, max(int64(len(data)), next)) // size without data
			}
			at = next
		}
	}
	f.data, f.durable, f.writes = data, slices.Clone(data), nil
}

func resize(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}

// change counts an operation that changes something. cut reports that the
// power goes with it; the operation may be done in part.
func (m *Mem) changeLocked() (cut bool, err error) {
	if m.mu.off {
		return false, ErrPowerCut
	}
	m.mu.ops++
	if m.mu.cutAfter >= 0 && m.mu.ops >= m.mu.cutAfter {
		m.mu.off = true
		return true, nil
	}
	return false, nil
}

// Off reports whether the power was cut.
func (m *Mem) Off() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.off
}

func split(name string) []string {
	name = strings.Trim(path.Clean(strings.ReplaceAll(name, "\\", "/")), "/")
	if name == "" || name == "." {
		return nil
	}
	return strings.Split(name, "/")
}

func (m *Mem) lookupLocked(name string) (memNode, error) {
	if m.mu.off {
		return nil, ErrPowerCut
	}
	var n memNode = m.mu.root
	for _, p := range split(name) {
		d, ok := n.(*memDir)
		if !ok {
			return nil, syscall.ENOTDIR
		}
		if n, ok = d.entries[p]; !ok {
			return nil, fs.ErrNotExist
		}
	}
	return n, nil
}

func (m *Mem) parentLocked(name string) (*memDir, string, error) {
	parts := split(name)
	if len(parts) == 0 {
		return nil, "", fs.ErrInvalid
	}
	n, err := m.lookupLocked(path.Dir(path.Clean(name)))
	if err != nil {
		return nil, "", err
	}
	d, ok := n.(*memDir)
	if !ok {
		return nil, "", syscall.ENOTDIR
	}
	return d, parts[len(parts)-1], nil
}

func (d *memDir) set(name string, n memNode) {
	c := memChange{name: name, node: n}
	c.apply(d.entries)
	d.log = append(d.log, c)
}

type memFile struct {
	m    *Mem
	d    *memData
	name string
	ro   bool
}

func (m *Mem) open(name string, ro bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookupLocked(name)
	if err != nil {
		return nil, pathErr("open", name, err)
	}
	d, ok := n.(*memData)
	if !ok {
		return nil, pathErr("open", name, syscall.EISDIR)
	}
	return &memFile{m, d, name, ro}, nil
}

// Open implements FS.
func (m *Mem) Open(name string) (File, error) { return m.open(name, true) }

// OpenRW implements FS.
func (m *Mem) OpenRW(name string) (File, error) { return m.open(name, false) }

// Create implements FS.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.parentLocked(name)
	if err != nil {
		return nil, pathErr("open", name, err)
	}
	cut, err := m.changeLocked()
	if err != nil {
		return nil, pathErr("open", name, err)
	}
	switch n := d.entries[base].(type) {
	case *memDir:
		return nil, pathErr("open", name, syscall.EISDIR)
	case *memData:
		m.mu.used -= int64(len(n.data))
		n.data = nil
		n.writes = append(n.writes, memWrite{trunc: true})
	default:
		d.set(base, &memData{modTime: m.mu.now})
	}
	if cut {
		return nil, pathErr("open", name, ErrPowerCut)
	}
	return &memFile{m, d.entries[base].(*memData), name, false}, nil
}

// Rename implements FS.
func (m *Mem) Rename(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, a, err := m.parentLocked(oldname)
	if err != nil {
		return pathErr("rename", oldname, err)
	}
	to, b, err := m.parentLocked(newname)
	if err != nil {
		return pathErr("rename", oldname, err)
	}
	n, ok := from.entries[a]
	if !ok {
		return pathErr("rename", oldname, fs.ErrNotExist)
	}
	if old, ok := to.entries[b].(*memDir); ok && (len(old.entries) > 0 || !n.isDir()) {
		return pathErr("rename", oldname, syscall.ENOTEMPTY)
	}
	cut, err := m.changeLocked()
	if err != nil {
		return pathErr("rename", oldname, err)
	}
	if old, ok := to.entries[b].(*memData); ok {
		m.mu.used -= int64(len(old.data))
	}
	if from == to {
		c := memChange{name: a, more: []memChange{{name: b, node: n}}}
		c.apply(from.entries)
		from.log = append(from.log, c)
	} else {
		from.set(a, nil)
		to.set(b, n)
	}
	if cut {
		return pathErr("rename", oldname, ErrPowerCut)
	}
	return nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.parentLocked(name)
	if err != nil {
		return pathErr("remove", name, err)
	}
	n, ok := d.entries[base]
	if !ok {
		return pathErr("remove", name, fs.ErrNotExist)
	}
	if sub, ok := n.(*memDir); ok && len(sub.entries) > 0 {
		return pathErr("remove", name, syscall.ENOTEMPTY)
	}
	cut, err := m.changeLocked()
	if err != nil {
		return pathErr("remove", name, err)
	}
	m.mu.used -= usage(n)
	d.set(base, nil)
	if cut {
		return pathErr("remove", name, ErrPowerCut)
	}
	return nil
}

// RemoveAll implements FS. Each entry below is a change of its own.
func (m *Mem) RemoveAll(name string) error {
	names, err := m.ReadDir(name)
	if err == nil {
		for _, n := range names {
			if err := m.RemoveAll(path.Join(name, n)); err != nil {
				return err
			}
		}
	}
	err = m.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Mkdir implements FS.
func (m *Mem) Mkdir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.parentLocked(name)
	if err != nil {
		return pathErr("mkdir", name, err)
	}
	if _, ok := d.entries[base]; ok {
		return pathErr("mkdir", name, fs.ErrExist)
	}
	cut, err := m.changeLocked()
	if err != nil {
		return pathErr("mkdir", name, err)
	}
	d.set(base, newMemDir())
	if cut {
		return pathErr("mkdir", name, ErrPowerCut)
	}
	return nil
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(name string) error {
	parts := split(name)
	for i := range parts {
		err := m.Mkdir("/" + path.Join(parts[:i+1]...))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if i, err := m.Stat(name); err == nil && !i.IsDir {
		return pathErr("mkdir", name, syscall.ENOTDIR)
	}
	return nil
}

// ReadDir implements FS; the names come sorted.
func (m *Mem) ReadDir(name string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookupLocked(name)
	if err != nil {
		return nil, pathErr("open", name, err)
	}
	d, ok := n.(*memDir)
	if !ok {
		return nil, pathErr("readdirent", name, syscall.ENOTDIR)
	}
	return slices.Sorted(maps.Keys(d.entries)), nil
}

// Stat implements FS.
func (m *Mem) Stat(name string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookupLocked(name)
	if err != nil {
		return Info{}, pathErr("stat", name, err)
	}
	i := Info{Name: path.Base(name), IsDir: n.isDir()}
	if f, ok := n.(*memData); ok {
		i.Size, i.ModTime = int64(len(f.data)), f.modTime
	}
	return i, nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookupLocked(name)
	if err != nil {
		return pathErr("sync", name, err)
	}
	d, ok := n.(*memDir)
	if !ok {
		return pathErr("sync", name, syscall.ENOTDIR)
	}
	cut, err := m.changeLocked()
	if err == nil && cut {
		err = ErrPowerCut
	}
	if err != nil {
		return pathErr("sync", name, err)
	}
	d.durable, d.log = maps.Clone(d.entries), nil
	return nil
}

// SyncAll implements FS.
func (m *Mem) SyncAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	cut, err := m.changeLocked()
	if err == nil && cut {
		err = ErrPowerCut
	}
	if err == nil {
		syncTree(m.mu.root)
	}
	return pathErr("syncfs", name, err)
}

func syncTree(n memNode) {
	switch n := n.(type) {
	case *memData:
		n.durable, n.writes = slices.Clone(n.data), nil
	case *memDir:
		n.durable, n.log = maps.Clone(n.entries), nil
		for _, e := range n.entries {
			syncTree(e)
		}
	}
}

// Usage implements FS.
func (m *Mem) Usage(string) (total, usable int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.capacity, max(m.mu.capacity-m.mu.used, 0), nil
}

type memLock struct {
	m    *Mem
	name string
}

// Lock implements FS.
func (m *Mem) Lock(name string) (io.Closer, error) {
	if _, err := m.Stat(name); errors.Is(err, fs.ErrNotExist) {
		if _, err := m.Create(name); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	name = path.Clean(name)
	if m.mu.locks[name] {
		return nil, pathErr("lock", name, ErrLocked)
	}
	m.mu.locks[name] = true
	return &memLock{m, name}, nil
}

// Close gives the lock back.
func (l *memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	delete(l.m.mu.locks, l.name)
	return nil
}
