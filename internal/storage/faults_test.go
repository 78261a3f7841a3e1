package storage

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

// TestFailedSyncTakesTheLogOffline: the kernel may have dropped what a failed
// fsync could not write, so nothing is acknowledged after it, and above all no
// second fsync is believed.
func TestFailedSyncTakesTheLogOffline(t *testing.T) {
	for _, flushMessages := range []bool{false, true} {
		syncs, fail := 0, false
		mem := vfs.NewMem(1)
		fs := &vfs.Faulty{FS: mem, Fail: func(op vfs.Op, name string) error {
			if op == vfs.OpSync && strings.HasSuffix(name, ".log") {
				if syncs++; fail {
					fail = false // the next one would succeed
					return syscall.EIO
				}
			}
			return nil
		}}
		tl := newTestLog(t, fs, "/d", func(c *Config) {
			if flushMessages {
				c.FlushMessages = 1
			}
		})
		tl.put(0, 1, 10)
		must(t, tl.Flush())
		fail = true
		n, err := tl.Append([][]byte{batch(tl.LogEnd(), 0, 1, 10, 1)}, 1)
		if flushMessages {
			if n != 0 || !errors.Is(err, ErrOffline) {
				t.Fatalf("append with flush.messages=1: %d, %v", n, err)
			}
		} else {
			must(t, err)
			if err := tl.Flush(); !errors.Is(err, ErrOffline) {
				t.Fatalf("flush: %v", err)
			}
		}
		if tl.RecoveryPoint() != 1 {
			t.Errorf("recovery point %d", tl.RecoveryPoint())
		}
		before := syncs
		for what, f := range map[string]func() error{
			"append": func() error { _, err := tl.Append([][]byte{batch(tl.LogEnd(), 0, 1, 10, 1)}, 1); return err },
			"flush":  tl.Flush, "close": tl.Close, "load": func() error { return tl.Load(1) },
			"read": func() error { _, err := tl.Read(0, model.NoOffset, 100, true); return err },
		} {
			if err := f(); !errors.Is(err, ErrOffline) {
				t.Errorf("%s after a failed fsync: %v", what, err)
			}
		}
		if syncs != before {
			t.Error("fsync was called again")
		}
	}
}

// TestFullDisk: appends fail without a trace, and go on once there is room.
func TestFullDisk(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		fs := vfs.NewMem(seed)
		tl := newTestLog(t, fs, "/d", func(c *Config) {
			c.SegmentBytes, c.IndexIntervalBytes = 5000, 100
		})
		fs.SetCapacity(int64(8000 + r.IntN(8000)))
		var want [][]byte
		failures := 0
		for failures < 5 {
			b := batch(tl.LogEnd(), 0, 1+r.IntN(3), r.IntN(300), 1)
			c := batch(tl.LogEnd()+model.Offset(recordsIn(b)), 0, 1, r.IntN(300), 1)
			n, err := tl.Append([][]byte{b, c}, 1)
			want = append(want, [][]byte{b, c}[:n]...)
			if err == nil {
				continue
			}
			if !errors.Is(err, ErrNoSpace) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			failures++
			got, err := readBatches(tl.Log)
			must(t, err)
			compare(t, got, want)
			total, _, _ := fs.Usage("/")
			fs.SetCapacity(total + int64(r.IntN(3000)))
		}
		fs.SetCapacity(1 << 30)
		tl.put(0, 1, 10)
		must(t, tl.Close())
		tl.open(LogOptions{Clean: true})
		got, err := readBatches(tl.Log)
		must(t, err)
		compare(t, got[:len(got)-1], want)
	}
}

func recordsIn(b []byte) int { return int(header{b}.last()-header{b}.b.BaseOffset()) + 1 }

func compare(t *testing.T, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d batches, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("batch %d differs", i)
		}
	}
}

// TestWriteErrorTakesTheDirectoryOffline, once, and tells the node.
func TestWriteErrorTakesTheDirectoryOffline(t *testing.T) {
	mem := vfs.NewMem(1)
	fs := &vfs.Faulty{FS: mem}
	format(t, fs, "/d")
	var told []string
	d, err := OpenDirs(Options{FS: fs, Paths: []string{"/d"}, NodeID: 1, OnOffline: func(_ model.DirectoryID, path string, err error) {
		told = append(told, path+": "+err.Error())
	}}, 1)
	must(t, err)
	a, err := d.Create(model.TopicPartition{Topic: "a"}, model.NewUUID(), model.DirectoryID{}, nil)
	must(t, err)
	b, err := d.Create(model.TopicPartition{Topic: "b"}, model.NewUUID(), model.DirectoryID{}, nil)
	must(t, err)
	must(t, a.Load(1))
	fs.Fail = func(op vfs.Op, name string) error {
		if op == vfs.OpWrite {
			return syscall.EIO
		}
		return nil
	}
	if _, err := a.Append([][]byte{batch(0, 0, 1, 1, 1)}, 1); !errors.Is(err, ErrOffline) {
		t.Fatal(err)
	}
	fs.Fail = nil
	if _, err := b.Append([][]byte{batch(0, 0, 1, 1, 1)}, 1); !errors.Is(err, ErrOffline) {
		t.Errorf("the other partition of the directory: %v", err)
	}
	if len(told) != 1 || !strings.HasPrefix(told[0], "/d: append a-0: write /d/a-0/") {
		t.Errorf("told %q", told)
	}
	if l := d.List(); l[0].Err == nil {
		t.Error("List says the directory is online")
	}
	if _, err := d.Create(model.TopicPartition{Topic: "c"}, model.NewUUID(), model.DirectoryID{}, nil); !errors.Is(err, ErrOffline) {
		t.Errorf("create: %v", err)
	}
}

// TestTooManyOpenFiles: a shortage of descriptors is no fault of the disk.
func TestTooManyOpenFiles(t *testing.T) {
	fs := &vfs.Faulty{FS: vfs.NewMem(1)}
	tl := newTestLog(t, fs, "/d", nil)
	tl.put(0, 1, 10)
	must(t, tl.Unload())
	fs.Fail = func(op vfs.Op, name string) error {
		if op == vfs.OpOpen {
			return syscall.EMFILE
		}
		return nil
	}
	if _, err := tl.Append([][]byte{batch(1, 0, 1, 1, 1)}, 1); !errors.Is(err, ErrNoSpace) {
		t.Fatal(err)
	}
	fs.Fail = nil
	must(t, tl.Load(1))
	tl.put(0, 1, 10)
	if got := tl.all(); len(got) != 2 {
		t.Error(got)
	}
}

// TestDamageIsAnError: header damage that a reader runs
// into is an error, not a panic or a wrong record.
func TestDamageIsAnError(t *testing.T) {
	fs := vfs.NewMem(1)
	tl := newTestLog(t, fs, "/d", nil)
	for range 10 {
		tl.put(0, 1, 100)
	}
	f, err := fs.OpenRW(tl.dir + "/00000000000000000000.log")
	must(t, err)
	_, err = f.WriteAt(make([]byte, 30), 340)
	must(t, err)
	if _, err := tl.Read(5, model.NoOffset, 100, true); !errors.Is(err, ErrCorrupt) {
		t.Errorf("read: %v", err)
	}
	if _, _, err := tl.OffsetForTime(tl.now); !errors.Is(err, ErrCorrupt) {
		t.Errorf("lookup: %v", err)
	}
	tl.put(0, 1, 10) // the log itself goes on
}

func format(t testing.TB, fs vfs.FS, dir string) {
	t.Helper()
	must(t, fs.MkdirAll(dir))
	must(t, WriteMetaProperties(fs, dir, MetaProperties{Version: 1, Cluster: "c", NodeID: 1, DirectoryID: model.NewUUID()}, 0))
	must(t, fs.SyncDir(filepath.Dir(dir)))
}
