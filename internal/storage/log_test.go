package storage

import (
	"testing"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

func TestAppendReadReopen(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"os": vfs.OS, "mem": vfs.NewMem(1)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, fs.MkdirAll(dir))
			tl := newTestLog(t, fs, dir, func(c *Config) { c.SegmentBytes = 20_000 })
			for i := range 300 {
				tl.put(model.LeaderEpoch(i/100), 1+i%5, 100+i)
			}
			want := tl.all()
			end := tl.LogEnd()
			if n, _ := tl.Segments(); n < 5 {
				t.Fatalf("only %d segments", n)
			}
			must(t, tl.Close())
			tl.open(LogOptions{Clean: true})
			if got := tl.all(); len(got) != len(want) || tl.LogEnd() != end {
				t.Fatalf("reopened: %d batches to %d, want %d to %d", len(got), tl.LogEnd(), len(want), end)
			}
			if e, _ := tl.LatestEpoch(); e != 2 {
				t.Errorf("latest epoch %d", e)
			}
			tl.put(2, 1, 10)
			size, err := tl.Size()
			must(t, err)
			must(t, tl.Unload())
			if n, err := tl.Size(); n != size || err != nil || tl.Loaded() {
				t.Fatalf("unloaded: %d bytes of %d, %v", n, size, err)
			}
			must(t, tl.Load(tl.now))
			tl.put(2, 1, 10)
			if got := tl.all(); len(got) != len(want)+2 {
				t.Fatalf("%d batches after unload, want %d", len(got), len(want)+2)
			}
			must(t, tl.Close())
		})
	}
}
