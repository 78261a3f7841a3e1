package storage

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/record/codec"
	"gregor/internal/vfs"
)

// drawn is a log of random batches, as appended, with what a search should find.
type drawn struct {
	tl      *testLog
	batches []record.Batch
	seg     []int // number of the segment of each batch
}

// drawLog makes a log with batches of all sizes, times that go back and forth,
// several segments, and gaps if gaps.
func drawLog(t *rapid.T, tb testing.TB, gaps bool) *drawn {
	d := &drawn{tl: newTestLog(tb, vfs.NewMem(1), "/d", func(c *Config) {
		c.SegmentBytes = rapid.IntRange(2000, 20_000).Draw(t, "segment.bytes")
		c.IndexIntervalBytes = rapid.SampledFrom([]int{0, 100, 1000, 4096}).Draw(t, "index.interval.bytes")
		c.Compact = gaps
	})}
	n := rapid.IntRange(0, 60).Draw(t, "batches")
	for range n {
		base := d.tl.LogEnd()
		if gaps {
			base += model.Offset(rapid.SampledFrom([]int{0, 0, 0, 1, 5, 100}).Draw(t, "gap"))
		}
		b := batchOf(base, 0, rapid.IntRange(1, 5).Draw(t, "records"), rapid.IntRange(0, 500).Draw(t, "value"),
			model.Millis(rapid.IntRange(0, 50).Draw(t, "time")), func(s *record.Spec) {
				s.Codec = rapid.SampledFrom([]codec.Type{codec.None, codec.None, codec.LZ4, codec.Zstd}).Draw(t, "codec")
			})
		if len(b) > d.tl.cfg.SegmentBytes {
			continue
		}
		if _, err := d.tl.AppendFollower([][]byte{b}, 1); err != nil {
			t.Fatal(err)
		}
		d.batches = append(d.batches, b)
		bases := d.tl.bases()
		d.seg = append(d.seg, len(bases))
	}
	switch rapid.IntRange(0, 2).Draw(t, "then") {
	case 1:
		if err := errors.Join(d.tl.Unload(), d.tl.Load(1)); err != nil {
			t.Fatal(err)
		}
	case 2:
		d.tl.mu.Lock()
		s := d.tl.st.active()
		if err := errors.Join(s.offsets.spill(1, false), s.times.spill(1, false)); err != nil && s.exists {
			t.Fatal(err)
		}
		d.tl.mu.Unlock()
	}
	return d
}

// TestRead compares Read with a search through all batches.
func TestRead(t *testing.T) {
	for _, gaps := range []bool{false, true} {
		t.Run(fmt.Sprintf("gaps=%v", gaps), rapid.MakeCheck(func(rt *rapid.T) {
			d := drawLog(rt, t, gaps)
			for range 20 {
				d.checkRead(rt)
			}
		}))
	}
}

func (d *drawn) checkRead(t *rapid.T) {
	end := d.tl.LogEnd()
	from := model.Offset(rapid.Int64Range(-1, int64(end)+1).Draw(t, "from"))
	bound := model.NoOffset
	if len(d.batches) > 0 && rapid.Bool().Draw(t, "bounded") {
		bound = d.batches[rapid.IntRange(0, len(d.batches)-1).Draw(t, "bound")].BaseOffset()
	}
	max := rapid.IntRange(0, 5000).Draw(t, "maxBytes")
	minOne := rapid.Bool().Draw(t, "minOne")
	f, err := d.tl.Read(from, bound, max, minOne)
	if from < 0 || from > end {
		var re *RangeError
		if !errors.As(err, &re) || !errors.Is(err, ErrOutOfRange) {
			t.Fatalf("read at %d of %d: %v", from, end, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	limit := end
	if bound >= 0 {
		limit = min(end, bound)
	}
	// The batches that may be served, all in one segment.
	first, last, size := -1, -1, 0
	for i, b := range d.batches {
		if b.LastOffset() < from || b.BaseOffset() >= limit || from >= limit {
			continue
		}
		if first < 0 {
			first = i
		}
		if d.seg[i] != d.seg[first] {
			break
		}
		if size+len(b) > max && !(minOne && i == first) {
			break
		}
		size += len(b)
		last = i
	}
	if first < 0 || last < 0 {
		if f.Len != 0 || f.File != nil || f.Next != from || f.Incomplete != (first >= 0) {
			t.Fatalf("read at %d of %d below %d, %d bytes, minOne %v: %+v", from, end, bound, max, minOne, f)
		}
		return
	}
	if f.Len != size || f.Incomplete {
		t.Fatalf("read at %d below %d, %d bytes, minOne %v: %+v, want %d bytes", from, bound, max, minOne, f, size)
	}
	b := make([]byte, f.Len)
	if _, err := f.File.ReadAt(b, f.Off); err != nil {
		t.Fatal(err)
	}
	f.File.Release()
	if base := record.Batch(b).BaseOffset(); base != d.batches[first].BaseOffset() {
		t.Fatalf("read at %d begins at %d, want %d", from, base, d.batches[first].BaseOffset())
	}
	if next := d.batches[last].NextOffset(); f.Next < next || last+1 < len(d.batches) && f.Next > d.batches[last+1].BaseOffset() {
		t.Fatalf("read at %d goes on at %d, the last batch ends before %d", from, f.Next, next)
	}
}

// TestLookupByTime compares OffsetForTime and MaxTimestamp with Kafka's rule:
// the first segment whose largest timestamp reaches t decides, and in it the
// first record from the log start on; -3 is the first record that bears the
// largest timestamp of the first segment that has it.
func TestLookupByTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := drawLog(rt, t, false)
		if end := d.tl.LogEnd(); end > 0 && rapid.Bool().Draw(rt, "deleteRecords") {
			if _, err := d.tl.SetLogStart(model.Offset(rapid.Int64Range(0, int64(end)).Draw(rt, "logStart"))); err != nil {
				rt.Fatal(err)
			}
		}
		for at := model.Millis(-1); at < 60; at++ {
			got, ok, err := d.tl.OffsetForTime(at)
			if err != nil {
				rt.Fatal(err)
			}
			want, wantOK := d.firstAt(at)
			if ok != wantOK || got != want {
				rt.Fatalf("time %d: %+v %v, want %+v %v", at, got, ok, want, wantOK)
			}
		}
		got, ok, err := d.tl.MaxTimestamp()
		if err != nil {
			rt.Fatal(err)
		}
		if want, wantOK := d.max(); ok != wantOK || got != want {
			rt.Fatalf("max: %+v %v, want %+v %v", got, ok, want, wantOK)
		}
	})
}

func (d *drawn) records(i int, f func(r *record.Record) bool) {
	var r record.Reader
	for r.Reset(d.batches[i]); r.Next(); {
		if !f(r.Record()) {
			return
		}
	}
}

func (d *drawn) firstAt(t model.Millis) (to TimestampOffset, ok bool) {
	seg := -1
	for i, b := range d.batches {
		if seg < 0 && b.MaxTimestamp() >= t {
			seg = d.seg[i]
		}
	}
	for i := range d.batches {
		if d.seg[i] != seg || ok {
			continue
		}
		d.records(i, func(r *record.Record) bool {
			if r.Timestamp >= t && r.Offset >= d.tl.LogStart() {
				to, ok = TimestampOffset{r.Timestamp, r.Offset, 0}, true
			}
			return !ok
		})
	}
	return to, ok
}

func (d *drawn) max() (to TimestampOffset, ok bool) {
	to.Timestamp = -1
	for i := range d.batches {
		d.records(i, func(r *record.Record) bool {
			if r.Timestamp > to.Timestamp {
				to, ok = TimestampOffset{r.Timestamp, r.Offset, 0}, true
			}
			return true
		})
	}
	if !ok {
		to = TimestampOffset{}
	}
	return to, ok
}

// TestReadOnUsesHints: a consumer that reads on finds its place in the
// hints.
func TestReadOnUsesHints(t *testing.T) {
	reads := 0
	fs := &vfs.Faulty{FS: vfs.NewMem(1), Fail: func(op vfs.Op, name string) error {
		if op == vfs.OpRead {
			reads++
		}
		return nil
	}}
	tl := newTestLog(t, fs, "/d", nil)
	tl.put(0, 1, 100)
	next := model.Offset(0)
	for range 50 {
		tl.put(0, 1, 100)
		f, err := tl.Read(next, model.NoOffset, 1<<20, true)
		must(t, err)
		if f.Len == 0 {
			t.Fatal("nothing")
		}
		f.File.Release()
		next = f.Next
	}
	if reads > 1 {
		t.Errorf("%d reads of the file to find 50 places", reads)
	}
}

func TestBytesBetween(t *testing.T) {
	tl := newTestLog(t, vfs.NewMem(1), "/d", func(c *Config) { c.SegmentBytes = 3000 })
	for range 20 {
		tl.put(0, 1, 500)
	}
	size, err := tl.Size()
	must(t, err)
	if n, err := tl.BytesBetween(0, 20); n != size || err != nil {
		t.Errorf("%d of %d bytes: %v", n, size, err)
	}
	for from := range model.Offset(20) {
		n, err := tl.BytesBetween(from, 20)
		must(t, err)
		exact := size * int64(20-from) / 20
		if n < exact-4096 || n > exact+4096 {
			t.Errorf("%d bytes from %d on, exactly %d", n, from, exact)
		}
	}
}
