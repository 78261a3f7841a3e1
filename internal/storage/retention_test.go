package storage

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

// five makes a log of five segments of one batch, a second apart.
func five(t *testing.T, fs vfs.FS, edit func(*Config)) *testLog {
	one := len(batch(0, 0, 1, 100, 1))
	tl := newTestLog(t, fs, "/d", func(c *Config) {
		c.SegmentBytes = one
		if edit != nil {
			edit(c)
		}
	})
	for i := range 5 {
		_, err := tl.Append([][]byte{batch(tl.LogEnd(), 0, 1, 100, model.Millis(1000*i))}, 1)
		must(t, err)
	}
	return tl
}

func TestRetention(t *testing.T) {
	one := int64(len(batch(0, 0, 1, 100, 1)))
	const all = model.Offset(100)
	for _, c := range []struct {
		name  string
		edit  func(*Config)
		now   model.Millis
		hw    model.Offset
		start model.Offset
		want  []model.Offset
	}{
		{"nothing", nil, 1 << 40, all, 0, []model.Offset{0, 1, 2, 3, 4}},
		{"time", func(c *Config) { c.RetentionMs = 2000 }, 4500, all, 0, []model.Offset{3, 4}},
		{"time, not yet", func(c *Config) { c.RetentionMs = 2000 }, 2000, all, 0, []model.Offset{0, 1, 2, 3, 4}},
		{"time, just", func(c *Config) { c.RetentionMs = 2000 }, 2001, all, 0, []model.Offset{1, 2, 3, 4}},
		{"time takes the active segment too", func(c *Config) { c.RetentionMs = 1 }, 1 << 40, all, 0, []model.Offset{5}},
		{"time 0", func(c *Config) { c.RetentionMs = 0 }, 3500, all, 0, []model.Offset{4}},
		{"never above the high watermark", func(c *Config) { c.RetentionMs = 1 }, 1 << 40, 2, 0, []model.Offset{2, 3, 4}},
		{"size", func(c *Config) { c.RetentionBytes = 2 * one }, 0, all, 0, []model.Offset{3, 4}},
		{"size, one byte more", func(c *Config) { c.RetentionBytes = 2*one + 1 }, 0, all, 0, []model.Offset{2, 3, 4}},
		{"size, larger than the log", func(c *Config) { c.RetentionBytes = 6 * one }, 0, all, 0, []model.Offset{0, 1, 2, 3, 4}},
		{"size 0", func(c *Config) { c.RetentionBytes = 0 }, 0, all, 0, []model.Offset{5}},
		{"log start", nil, 0, all, 3, []model.Offset{3, 4}},
		{"log start at the end", nil, 0, all, 5, []model.Offset{4}},
		{"compaction only: log start, no size", func(c *Config) { c.Delete, c.Compact, c.RetentionBytes = false, true, 0 }, 0, all, 2, []model.Offset{2, 3, 4}},
		{"no policy", func(c *Config) { c.Delete, c.RetentionMs = false, 1 }, 1 << 40, all, 0, []model.Offset{0, 1, 2, 3, 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tl := five(t, vfs.NewMem(1), c.edit)
			if c.start > 0 {
				raised, err := tl.SetLogStart(c.start)
				if !raised || err != nil {
					t.Fatal(raised, err)
				}
			}
			n, err := tl.DeleteOldSegments(c.now, c.hw)
			must(t, err)
			tl.wantBases(c.want...)
			if n != 5-len(c.want) && !slices.Equal(c.want, []model.Offset{5}) {
				t.Errorf("%d segments removed", n)
			}
			if want := max(c.start, c.want[0]); tl.LogStart() != want || tl.LogEnd() != 5 {
				t.Errorf("[%d, %d), want [%d, 5)", tl.LogStart(), tl.LogEnd(), want)
			}
			must(t, tl.Close())
			tl.open(LogOptions{Clean: true, LogStart: tl.LogStart()})
			tl.wantBases(c.want...)
			if tl.LogEnd() != 5 {
				t.Errorf("log end %d after reopening", tl.LogEnd())
			}
			tl.put(0, 1, 10)
			tl.all()
		})
	}
}

// TestRetentionByFileTime: records without a timestamp age with their file.
func TestRetentionByFileTime(t *testing.T) {
	fs := vfs.NewMem(1)
	fs.SetTime(10_000)
	one := len(batch(0, 0, 1, 100, -1))
	tl := newTestLog(t, fs, "/d", func(c *Config) { c.SegmentBytes, c.RetentionMs = one, 100 })
	for range 2 {
		_, err := tl.Append([][]byte{batch(tl.LogEnd(), 0, 1, 100, -1)}, 1)
		must(t, err)
	}
	n, err := tl.DeleteOldSegments(10_100, 2)
	if n != 0 || err != nil {
		t.Fatal(n, err)
	}
	n, err = tl.DeleteOldSegments(10_101, 2)
	if n != 2 || err != nil {
		t.Fatal(n, err)
	}
}

// TestDeletedFilesWait for their delay, and for readers that still hold them.
func TestDeletedFilesWait(t *testing.T) {
	mem := vfs.NewMem(1)
	tl := five(t, mem, func(c *Config) { c.FileDeleteDelayMs = 1000 })
	f, err := tl.Read(0, model.NoOffset, 1<<20, true)
	must(t, err)
	_, err = tl.SetLogStart(2)
	must(t, err)
	_, err = tl.DeleteOldSegments(5000, 5)
	must(t, err)
	deleted := func() (n int) {
		names, err := mem.ReadDir(tl.dir)
		must(t, err)
		for _, x := range names {
			if strings.HasSuffix(x, deletedSuffix) {
				n++
			}
		}
		return n
	}
	if n := deleted(); n != 6 {
		t.Errorf("%d .deleted files, want three of each of two segments", n)
	}
	must(t, tl.RemoveDeleted(5999))
	if n := deleted(); n != 6 {
		t.Errorf("%d .deleted files before the delay is over", n)
	}
	must(t, tl.RemoveDeleted(6000))
	if n := deleted(); n != 0 {
		t.Errorf("%d .deleted files after it", n)
	}
	b := make([]byte, f.Len)
	if _, err := f.File.ReadAt(b, f.Off); err != nil || !(header{b}).valid() {
		t.Errorf("a read in flight: %v", err)
	}
	f.File.Release()
	if f.File.pins.Load() != shut {
		t.Error("the file stays open")
	}
	if _, err := tl.Read(1, model.NoOffset, 100, true); err == nil {
		t.Error("deleted records are served")
	}
}

func TestRetentionSparesUnloadedLogs(t *testing.T) {
	mem := vfs.NewMem(1)
	format(t, mem, "/d")
	cfg := DefaultConfig()
	cfg.RetentionMs = 1000
	d, err := OpenDirs(Options{FS: mem, Paths: []string{"/d"}, NodeID: 1}, 1)
	must(t, err)
	l, err := d.Create(testTP, model.NewUUID(), model.DirectoryID{}, cfg)
	must(t, err)
	_, err = l.Append([][]byte{batch(0, 0, 1, 10, 5000)}, 5000)
	must(t, err)
	must(t, l.Unload())
	due := func(now model.Millis) bool { return len(slices.Collect(d.RetentionDue(now))) > 0 }
	if due(6000) {
		t.Error("due although nothing is old enough")
	}
	if !due(6001) {
		t.Error("not due although the record is old")
	}
	n, err := l.DeleteOldSegments(6001, 1)
	if n != 1 || err != nil || l.Loaded() {
		t.Errorf("%d segments, %v, loaded %v", n, err, l.Loaded())
	}
	if due(1 << 50) {
		t.Error("an empty log is due")
	}
	longer := *cfg
	l.SetConfig(&longer)
	if !due(6000) {
		t.Error("a new configuration is not looked at")
	}
}

// TestKafkaNamesInADirectory checks what a user sees.
func TestKafkaNamesInADirectory(t *testing.T) {
	mem := vfs.NewMem(1)
	tl := five(t, mem, nil)
	must(t, tl.Close())
	names, err := mem.ReadDir(tl.dir)
	must(t, err)
	for _, want := range []string{"00000000000000000000.log", "00000000000000000000.index", "00000000000000000000.timeindex",
		"00000000000000000004.log", "00000000000000000004.index", "00000000000000000004.timeindex", "00000000000000000004.snapshot",
		"00000000000000000005.snapshot", "leader-epoch-checkpoint"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing in %v", want, names)
		}
	}
	if _, err := mem.Stat(filepath.Join(tl.dir, "00000000000000000000.snapshot")); err == nil {
		t.Error("a snapshot at 0")
	}
}
