package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func each(t *testing.T, f func(t *testing.T, fsys FS, dir string)) {
	t.Run("os", func(t *testing.T) { f(t, OS, t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		m := NewMem(1)
		must(t, m.MkdirAll("/a/b"))
		f(t, m, "/a/b")
	})
	t.Run("faulty", func(t *testing.T) { f(t, &Faulty{FS: OS}, t.TempDir()) })
}

func read(t *testing.T, fsys FS, name string) string {
	t.Helper()
	b, err := ReadFile(fsys, name, 1<<20)
	must(t, err)
	return string(b)
}

func TestFiles(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "f")
		if _, err := fsys.OpenRW(name); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("OpenRW of a missing file: %v", err)
		}
		f, err := fsys.Create(name)
		must(t, err)
		if n, err := f.WritevAt([][]byte{[]byte("ab"), nil, []byte("cde")}, 2); n != 5 || err != nil {
			t.Fatal(n, err)
		}
		if got := read(t, fsys, name); got != "\x00\x00abcde" {
			t.Fatalf("%q", got)
		}
		must(t, f.Allocate(7, 4096))
		if n, err := f.Size(); n != 7 || err != nil {
			t.Fatalf("size %d after Allocate: %v", n, err)
		}
		must(t, f.Truncate(4))
		b := make([]byte, 8)
		if n, err := f.ReadAt(b, 2); n != 2 || err != io.EOF {
			t.Fatal(n, err)
		}
		must(t, f.Datasync())
		must(t, f.Sync())
		must(t, f.Close())
		if _, err := ReadFile(fsys, name, 3); err == nil {
			t.Error("ReadFile does not mind its limit")
		}
		f, err = fsys.Create(name)
		must(t, err)
		if n, _ := f.Size(); n != 0 {
			t.Error("Create does not empty the file")
		}
		must(t, f.Close())
	})
}

func TestWritevOfManyBuffers(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		f, err := fsys.Create(filepath.Join(dir, "f"))
		must(t, err)
		var bufs [][]byte
		var want []byte
		for i := range 3000 {
			b := bytes.Repeat([]byte{byte(i)}, i%7)
			bufs, want = append(bufs, b), append(want, b...)
		}
		n, err := f.WritevAt(bufs, 0)
		must(t, err)
		if n != len(want) || read(t, fsys, f.Name()) != string(want) {
			t.Error("other bytes than were given")
		}
		must(t, f.Close())
	})
}

func TestDirectories(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		p := func(s string) string { return filepath.Join(dir, s) }
		must(t, fsys.MkdirAll(p("x/y")))
		if err := fsys.Mkdir(p("x")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Mkdir of what exists: %v", err)
		}
		must(t, WriteFile(fsys, p("x/y/f"), []byte("1"), true))
		must(t, WriteFile(fsys, p("x/y/f"), []byte("2"), false))
		if got := read(t, fsys, p("x/y/f")); got != "2" {
			t.Errorf("%q", got)
		}
		names, err := fsys.ReadDir(p("x/y"))
		if err != nil || !slices.Equal(names, []string{"f"}) {
			t.Error(names, err)
		}
		if err := fsys.Remove(p("x")); err == nil {
			t.Error("removed a directory that is not empty")
		}
		must(t, fsys.Rename(p("x"), p("z")))
		i, err := fsys.Stat(p("z/y/f"))
		if err != nil || i.IsDir || i.Size != 1 || i.Name != "f" {
			t.Errorf("%+v %v", i, err)
		}
		must(t, fsys.SyncDir(p("z")))
		must(t, fsys.SyncAll(dir))
		must(t, fsys.RemoveAll(p("z")))
		must(t, fsys.RemoveAll(p("z")))
		if ok, err := Exists(fsys, p("z")); ok || err != nil {
			t.Error(ok, err)
		}
		if total, usable, err := fsys.Usage(dir); err != nil || total <= 0 || usable > total {
			t.Error(total, usable, err)
		}
	})
}

func TestLock(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, ".lock")
		l, err := fsys.Lock(name)
		must(t, err)
		if _, err := fsys.Lock(name); !errors.Is(err, ErrLocked) {
			t.Fatalf("locked twice: %v", err)
		}
		must(t, l.Close())
		l, err = fsys.Lock(name)
		must(t, err)
		must(t, l.Close())
	})
}

// TestMemCrash: what was synced stays, what was not may go, in any part.
func TestMemCrash(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(300) {
		m := NewMem(seed)
		must(t, m.Mkdir("/d"))
		must(t, m.SyncDir("/"))
		f, err := m.Create("/d/f")
		must(t, err)
		_, err = f.WriteAt([]byte("synced"), 0)
		must(t, err)
		must(t, f.Sync())
		must(t, m.SyncDir("/d"))
		_, err = f.WriteAt(bytes.Repeat([]byte("x"), 2*memSector), 6)
		must(t, err)
		g, err := m.Create("/d/g")
		must(t, err)
		must(t, g.Sync())
		m.Crash()
		if _, err := f.ReadAt(make([]byte, 1), 0); err != nil {
			t.Fatal("the file of before the crash must be harmless:", err)
		}
		b := read(t, m, "/d/f")
		if !strings.HasPrefix(b, "synced") {
			t.Fatalf("seed %d: synced bytes are gone: %q", seed, b)
		}
		x := strings.Count(b, "x")
		switch {
		case x == 0 && len(b) == 6:
			seen["none"] = true
		case x == 2*memSector:
			seen["all"] = true
		case strings.Contains(b, "\x00"):
			seen["hole"] = true
		default:
			seen["torn"] = true
		}
		ok, err := Exists(m, "/d/g")
		must(t, err)
		if ok {
			seen["name kept"] = true
		} else {
			seen["name lost"] = true
		}
	}
	for _, what := range []string{"none", "all", "hole", "torn", "name kept", "name lost"} {
		if !seen[what] {
			t.Errorf("no crash left: %s", what)
		}
	}
}

func TestMemSyncAll(t *testing.T) {
	for seed := range uint64(20) {
		m := NewMem(seed)
		must(t, m.MkdirAll("/a/b"))
		must(t, WriteFile(m, "/a/b/f", []byte("x"), false))
		must(t, m.SyncAll("/"))
		m.Crash()
		if got := read(t, m, "/a/b/f"); got != "x" {
			t.Fatalf("seed %d: %q", seed, got)
		}
	}
}

func TestMemKillKeepsAll(t *testing.T) {
	m := NewMem(1)
	must(t, WriteFile(m, "/f", []byte("x"), false))
	m.Kill()
	if got := read(t, m, "/f"); got != "x" {
		t.Errorf("%q", got)
	}
}

// TestMemDirectoryOrder: of the changes to a directory a prefix survives.
func TestMemDirectoryOrder(t *testing.T) {
	for seed := range uint64(100) {
		m := NewMem(seed)
		for _, n := range []string{"a", "b", "c", "d"} {
			_, err := m.Create("/" + n)
			must(t, err)
		}
		m.Crash()
		names, err := m.ReadDir("/")
		must(t, err)
		if !slices.Equal(names, []string{"a", "b", "c", "d"}[:len(names)]) {
			t.Fatalf("seed %d: %v", seed, names)
		}
	}
}

func TestMemPowerCut(t *testing.T) {
	m := NewMem(1)
	f, err := m.Create("/f")
	must(t, err)
	m.CutAfter(2)
	_, err = f.WriteAt([]byte("a"), 0)
	must(t, err)
	if err := f.Sync(); !errors.Is(err, ErrPowerCut) {
		t.Fatalf("the second operation: %v", err)
	}
	if _, err := f.WriteAt([]byte("a"), 0); !errors.Is(err, ErrPowerCut) || !m.Off() {
		t.Fatalf("after it: %v", err)
	}
	m.Crash()
	must(t, WriteFile(m, "/f", []byte("x"), true))
}

func TestMemFull(t *testing.T) {
	m := NewMem(1)
	m.SetCapacity(10)
	f, err := m.Create("/f")
	must(t, err)
	if n, err := f.WriteAt(make([]byte, 16), 0); n != 10 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(n, err)
	}
	must(t, f.Truncate(0))
	if n, err := f.WriteAt(make([]byte, 10), 0); n != 10 || err != nil {
		t.Fatal(n, err)
	}
	must(t, m.Remove("/f"))
	if _, usable, _ := m.Usage("/"); usable != 10 {
		t.Errorf("%d usable", usable)
	}
}

func TestFaulty(t *testing.T) {
	bad := errors.New("bad")
	var fail Op
	y := &Faulty{FS: NewMem(1), Fail: func(op Op, name string) error {
		if op == fail && strings.HasSuffix(name, "f") {
			return bad
		}
		return nil
	}}
	fail = OpSync
	f, err := y.Create("/f")
	must(t, err)
	if err := f.Datasync(); !errors.Is(err, bad) {
		t.Error(err)
	}
	fail = OpWrite
	if n, err := f.WriteAt(make([]byte, 8), 0); n != 4 || !errors.Is(err, bad) {
		t.Error(n, err)
	}
	fail = OpOpen
	if _, err := y.OpenRW("/f"); !errors.Is(err, bad) {
		t.Error(err)
	}
}

func TestOpenFilesLimit(t *testing.T) {
	if n := OpenFilesLimit(); n < 64 {
		t.Errorf("%d open files", n)
	}
}
