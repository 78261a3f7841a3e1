package storage

import (
	"errors"
	"slices"
	"testing"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

func (tl *testLog) bases() (out []model.Offset) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	for _, s := range tl.st.segs {
		out = append(out, s.base)
	}
	return out
}

func (tl *testLog) wantBases(want ...model.Offset) {
	tl.t.Helper()
	if got := tl.bases(); !slices.Equal(got, want) {
		tl.t.Errorf("segments %v, want %v", got, want)
	}
}

func TestRollBySize(t *testing.T) {
	one := len(batch(0, 0, 1, 100, 1))
	tl := newTestLog(t, vfs.NewMem(1), "/d", func(c *Config) { c.SegmentBytes = 3 * one })
	for range 7 {
		tl.put(0, 1, 100)
	}
	tl.wantBases(0, 3, 6)
	// Several units in one call roll in the same places.
	var units [][]byte
	for i := range 7 {
		units = append(units, batch(7+model.Offset(i), 0, 1, 100, 1))
	}
	n, err := tl.Append(units, 1)
	if n != 7 || err != nil {
		t.Fatal(n, err)
	}
	tl.wantBases(0, 3, 6, 9, 12)
	if _, err := tl.Append([][]byte{batch(14, 0, 1, 4*one, 1)}, 1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an append larger than a segment: %v", err)
	}
	tl.all()
}

// TestRollByTime: the records' own time counts, measured from the first
// batch's largest timestamp; the wall clock only for batches without a time.
func TestRollByTime(t *testing.T) {
	tl := newTestLog(t, vfs.NewMem(1), "/d", func(c *Config) { c.SegmentMs = 1000 })
	add := func(at model.Millis, now model.Millis) {
		t.Helper()
		_, err := tl.Append([][]byte{batch(tl.LogEnd(), 0, 1, 1, at)}, now)
		must(t, err)
	}
	add(5000, 0)
	add(6000, 100_000)
	tl.wantBases(0)
	add(6001, 0)
	tl.wantBases(0, 2)
	add(1, 0) // back in time: no reason to roll
	tl.wantBases(0, 2)
	must(t, tl.Unload())
	must(t, tl.Load(0))
	add(7002, 0) // 6001 is read again from the file
	tl.wantBases(0, 2, 4)
	must(t, tl.TruncateFully(10, model.NoOffset))
	add(-1, 50) // created at 50
	add(-1, 1050)
	tl.wantBases(10)
	add(-1, 1051)
	tl.wantBases(10, 12)
}

func TestRollJitter(t *testing.T) {
	seen := map[model.Millis]bool{}
	tl := newTestLog(t, vfs.NewMem(1), "/d", func(c *Config) { c.SegmentMs, c.SegmentJitterMs = 1000, 400 })
	for i := range 50 {
		j := tl.jitter(model.Offset(i), tl.Config())
		if j < 0 || j >= 400 || j != tl.jitter(model.Offset(i), tl.Config()) {
			t.Fatalf("jitter %d", j)
		}
		seen[j] = true
	}
	if len(seen) < 20 {
		t.Errorf("%d different jitters of 50", len(seen))
	}
}

func TestRollByIndexSize(t *testing.T) {
	tl := newTestLog(t, vfs.NewMem(1), "/d", func(c *Config) { c.SegmentIndexBytes, c.IndexIntervalBytes = 48, 1 })
	for range 12 {
		tl.put(0, 1, 100) // a row for each batch but the first; 4 time rows less the reserved one
	}
	tl.wantBases(0, 4, 8)
	must(t, tl.Close())
	tl.open(LogOptions{Clean: true})
	tl.wantBases(0, 4, 8)
}

func TestRollByOffsetOverflow(t *testing.T) {
	tl := newTestLog(t, vfs.NewMem(1), "/d", func(c *Config) { c.Compact = true })
	tl.put(0, 1, 10)
	for _, o := range []model.Offset{1<<31 - 1, 1 << 31, 5 << 31} {
		if _, err := tl.AppendFollower([][]byte{batch(o, 0, 1, 10, 1)}, 1); err != nil {
			t.Fatal(err)
		}
	}
	tl.wantBases(0, 1<<31, 5<<31)
	for _, clean := range []bool{true, false} {
		must(t, tl.Close())
		tl.open(LogOptions{Clean: clean, RecoveryPoint: 0})
		tl.wantBases(0, 1<<31, 5<<31)
		for from, want := range map[model.Offset]model.Offset{0: 1 << 31, 1: 1 << 31, 1<<31 - 1: 1 << 31, 1 << 31: 5 << 31, 1<<31 + 1: 5<<31 + 1, 5 << 31: 5<<31 + 1} {
			f, err := tl.Read(from, model.NoOffset, 1<<20, true)
			if err != nil || f.Len == 0 {
				t.Fatalf("read at %d: %+v %v", from, f, err)
			}
			f.File.Release()
			if f.Next != want {
				t.Errorf("read at %d goes on at %d, want %d", from, f.Next, want)
			}
		}
	}
}

func TestAppendRefusesOtherOffsets(t *testing.T) {
	tl := newTestLog(t, vfs.NewMem(1), "/d", nil)
	tl.put(0, 3, 10)
	for _, o := range []model.Offset{0, 2, 4} {
		if _, err := tl.Append([][]byte{batch(o, 0, 1, 10, 1)}, 1); !errors.Is(err, ErrOffsetOrder) {
			t.Errorf("append at %d: %v", o, err)
		}
	}
	if _, err := tl.AppendFollower([][]byte{batch(2, 0, 1, 10, 1)}, 1); !errors.Is(err, ErrOffsetOrder) {
		t.Errorf("follower append at 2: %v", err)
	}
	good, bad := batch(3, 0, 1, 10, 1), batch(9, 0, 1, 10, 1)
	if n, err := tl.Append([][]byte{good, bad}, 1); n != 1 || !errors.Is(err, ErrOffsetOrder) {
		t.Errorf("a good and a bad unit: %d, %v", n, err)
	}
	if n, err := tl.Append([][]byte{good[:20]}, 1); n != 0 || !errors.Is(err, ErrCorrupt) {
		t.Errorf("half a batch: %d, %v", n, err)
	}
	if n, err := tl.Append([][]byte{{}}, 1); n != 0 || !errors.Is(err, ErrCorrupt) {
		t.Errorf("nothing: %d, %v", n, err)
	}
	if tl.LogEnd() != 4 {
		t.Errorf("log end %d", tl.LogEnd())
	}
	tl.all()
}

// TestSpaceIsReservedOnlyForLargeLogs, ahead of the data and given back.
func TestSpaceIsReservedOnlyForLargeLogs(t *testing.T) {
	var asked []int64
	fs := &vfs.Faulty{FS: vfs.NewMem(1)}
	fs.Fail = func(op vfs.Op, name string) error {
		if op == vfs.OpAllocate {
			asked = append(asked, 1)
			if len(asked) > 1 {
				return vfs.ErrUnsupported
			}
		}
		return nil
	}
	tl := newTestLog(t, fs, "/d", nil)
	for range 100 {
		tl.put(0, 1, 1000)
	}
	if len(asked) != 0 {
		t.Errorf("100 KiB made %d reservations", len(asked))
	}
	for range 100 {
		tl.put(0, 1, 100_000)
	}
	if len(asked) < 2 || len(asked) > 20 {
		t.Errorf("10 MiB made %d reservations", len(asked))
	}
	tl.all()
}
