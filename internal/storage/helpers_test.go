package storage

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/vfs"
)

// testLog opens logs in dir again and again.
type testLog struct {
	*Log
	t   testing.TB
	fs  vfs.FS
	dir string
	cfg *Config
	now model.Millis
}

var testTP = model.TopicPartition{Topic: "t", Partition: 0}

func newTestLog(t testing.TB, fs vfs.FS, dir string, edit func(*Config)) *testLog {
	cfg := DefaultConfig()
	cfg.RetentionMs = -1
	if edit != nil {
		edit(cfg)
	}
	tl := &testLog{t: t, fs: fs, dir: filepath.Join(dir, testTP.String()), cfg: cfg, now: 1_700_000_000_000}
	tl.open(LogOptions{Clean: true})
	return tl
}

func (tl *testLog) open(o LogOptions) {
	tl.t.Helper()
	o.FS, o.Dir, o.Partition, o.Config = tl.fs, tl.dir, testTP, tl.cfg
	l, err := OpenLog(o)
	if err != nil {
		tl.t.Fatal(err)
	}
	if err := l.Load(tl.now); err != nil {
		tl.t.Fatal(err)
	}
	tl.Log = l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// batch makes a batch of n records at base, each with a value of size bytes.
func batch(base model.Offset, epoch model.LeaderEpoch, n, size int, at model.Millis) []byte {
	return batchOf(base, epoch, n, size, at, nil)
}

func batchOf(base model.Offset, epoch model.LeaderEpoch, n, size int, at model.Millis, edit func(*record.Spec)) []byte {
	s := record.NewSpec()
	s.BaseOffset, s.LeaderEpoch = base, epoch
	if edit != nil {
		edit(&s)
	}
	var b record.Builder
	b.Reset(s)
	for i := range n {
		v := make([]byte, size)
		copy(v, fmt.Sprintf("%d", base+model.Offset(i)))
		b.Append(at+model.Millis(i), nil, v)
	}
	out, err := b.Build()
	if err != nil {
		panic(err)
	}
	return append([]byte(nil), out...)
}

// put appends one batch of n records.
func (tl *testLog) put(epoch model.LeaderEpoch, n, size int) {
	tl.t.Helper()
	tl.now++
	if _, err := tl.Append([][]byte{batch(tl.LogEnd(), epoch, n, size, tl.now)}, tl.now); err != nil {
		tl.t.Fatal(err)
	}
}

// all reads the log from its start to its end, checks every batch and that
// offsets go on without a gap, and returns the offsets of the batches.
func (tl *testLog) all() []model.Offset {
	tl.t.Helper()
	out, err := readAll(tl.Log, 1<<20)
	if err != nil {
		tl.t.Fatal(err)
	}
	return out
}

func readAll(l *Log, maxBytes int) ([]model.Offset, error) {
	var out []model.Offset
	next := l.LogStart()
	first := true
	for next < l.LogEnd() {
		f, err := l.Read(next, model.NoOffset, maxBytes, true)
		if err != nil {
			return nil, err
		}
		if f.Len == 0 {
			return nil, fmt.Errorf("nothing at %d of %d", next, l.LogEnd())
		}
		b := make([]byte, f.Len)
		_, err = f.File.ReadAt(b, f.Off)
		f.File.Release()
		if err != nil {
			return nil, err
		}
		for len(b) > 0 {
			var x record.Batch
			x, b, err = record.Next(b)
			if err != nil {
				return nil, err
			}
			if !x.Valid() {
				return nil, fmt.Errorf("corrupt batch at %d", next)
			}
			if x.BaseOffset() != next && !(first && x.BaseOffset() < next) {
				return nil, fmt.Errorf("batch at %d where %d was expected", x.BaseOffset(), next)
			}
			first = false
			out = append(out, x.BaseOffset())
			next = x.NextOffset()
		}
		if next != f.Next {
			return nil, fmt.Errorf("piece ends at %d but says Next %d", next, f.Next)
		}
	}
	return out, nil
}

// dumpDir logs what a partition's directory holds.
func dumpDir(t testing.TB, fs vfs.FS, dir string) {
	names, _ := fs.ReadDir(dir)
	base := filepath.Base(dir)
	l := &Log{root: &root{fs: fs, path: filepath.Dir(dir), files: &fileSet{fs: fs, max: 4}}}
	l.name.Store(&base)
	for _, n := range names {
		st, _ := fs.Stat(filepath.Join(dir, n))
		t.Logf("  %s %d", n, st.Size)
		o, _ := offsetOfName(n)
		var f File
		f.init(l, o, strings.TrimPrefix(n, fileName(o, "")))
		switch filepath.Ext(n) {
		case logSuffix:
			if f.pin(false) != nil {
				continue
			}
			w := walk(&f, 0, st.Size)
			for w.next() {
				t.Logf("    batch at %d: [%d, %d] epoch %d", w.at, w.h.b.BaseOffset(), w.h.last(), w.h.epoch())
			}
			t.Logf("    ends at %d: %v", w.pos, w.done())
		case indexSuffix:
			b, _ := vfs.ReadFile(fs, filepath.Join(dir, n), 1<<20)
			for ; len(b) >= offsetRow; b = b[offsetRow:] {
				last, pos := offsetOfRow(o, b)
				t.Logf("    row %d at %d", last, pos)
			}
		}
	}
}
