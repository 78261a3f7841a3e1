package storage

import (
	"encoding/binary"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/vfs"
)

func (tl *testLog) path(base model.Offset, suffix string) string {
	return filepath.Join(tl.dir, fileName(base, suffix))
}

func (tl *testLog) mem() *vfs.Mem { return tl.fs.(*vfs.Mem) }

// grown is a closed log of some segments.
func grown(t *testing.T, edit func(*Config)) (*testLog, []model.Offset) {
	tl := newTestLog(t, vfs.NewMem(1), "/d", func(c *Config) {
		c.SegmentBytes, c.IndexIntervalBytes = 2000, 300
		if edit != nil {
			edit(c)
		}
	})
	for range 30 {
		tl.put(1, 2, 100)
	}
	bases := tl.bases()
	must(t, tl.Close())
	return tl, bases
}

func TestTornTail(t *testing.T) {
	for cut := int64(1); cut < 400; cut += 7 {
		tl, _ := grown(t, nil)
		last := tl.bases0()
		st, err := tl.fs.Stat(tl.path(last, logSuffix))
		must(t, err)
		f, err := tl.fs.OpenRW(tl.path(last, logSuffix))
		must(t, err)
		must(t, f.Truncate(st.Size-cut))
		tl.open(LogOptions{Clean: false})
		got := tl.all()
		if n := len(got); n >= 30 || n < 28 {
			t.Fatalf("cut %d: %d batches", cut, n)
		}
		tl.put(2, 1, 10)
		tl.all()
	}
}

// bases0 is the base of the last segment on disk.
func (tl *testLog) bases0() (last model.Offset) {
	names, err := tl.fs.ReadDir(tl.dir)
	must(tl.t, err)
	for _, n := range names {
		if o, ok := offsetOfName(n); ok && strings.HasSuffix(n, logSuffix) {
			last = max(last, o)
		}
	}
	return last
}

// TestCorruptionInTheMiddle ends the log there, and later segments go.
func TestCorruptionInTheMiddle(t *testing.T) {
	tl, bases := grown(t, nil)
	f, err := tl.fs.OpenRW(tl.path(bases[1], logSuffix))
	must(t, err)
	b := []byte{0}
	_, err = f.ReadAt(b, 700)
	must(t, err)
	_, err = f.WriteAt([]byte{b[0] ^ 1}, 700)
	must(t, err)
	var said []string
	tl.open(LogOptions{Warn: func(m string) { said = append(said, m) }})
	if got := tl.bases(); !slices.Equal(got, bases[:2]) {
		t.Errorf("segments %v of %v", got, bases)
	}
	got := tl.all()
	if last := got[len(got)-1]; last < bases[1] || last > bases[2] {
		t.Errorf("the log ends with the batch at %d", last)
	}
	if len(said) != 2 || !strings.Contains(said[0], "at byte offset") || !strings.Contains(said[0], "crc") {
		t.Errorf("warnings %q", said)
	}
	tl.put(3, 1, 10)
	tl.all()
	// Below the recovery point nobody looks.
	tl, bases = grown(t, nil)
	tl.open(LogOptions{RecoveryPoint: 60})
	tl.wantBases(bases...)
}

func TestMissingOrDamagedIndexes(t *testing.T) {
	for _, clean := range []bool{true, false} {
		for _, damage := range []func(*testLog, model.Offset){
			func(tl *testLog, o model.Offset) { must(t, tl.fs.Remove(tl.path(o, indexSuffix))) },
			func(tl *testLog, o model.Offset) { must(t, tl.fs.Remove(tl.path(o, timeIndexSuffix))) },
		} {
			tl, bases := grown(t, nil)
			want := map[string]string{}
			for _, o := range bases {
				for _, s := range []string{indexSuffix, timeIndexSuffix} {
					b, err := vfs.ReadFile(tl.fs, tl.path(o, s), 1<<20)
					must(t, err)
					want[tl.path(o, s)] = string(b)
				}
			}
			damage(tl, bases[0])
			damage(tl, bases[len(bases)-1])
			tl.open(LogOptions{Clean: clean, RecoveryPoint: 40})
			if n := len(tl.all()); n != 30 {
				t.Errorf("%d batches", n)
			}
			must(t, tl.Close())
			for path, w := range want {
				b, err := vfs.ReadFile(tl.fs, path, 1<<20)
				must(t, err)
				if string(b) != w {
					t.Errorf("clean %v: %s is not as it was", clean, path)
				}
			}
		}
	}
	// A crash leaves Kafka's preallocated index, full of zeros behind its rows.
	tl, bases := grown(t, nil)
	for _, s := range []string{indexSuffix, timeIndexSuffix} {
		f, err := tl.fs.OpenRW(tl.path(bases[len(bases)-1], s))
		must(t, err)
		must(t, f.Truncate(10<<20/12*12))
	}
	tl.open(LogOptions{RecoveryPoint: 60})
	if n := len(tl.all()); n != 30 {
		t.Errorf("%d batches", n)
	}
	must(t, tl.Close())
	st, err := tl.fs.Stat(tl.path(bases[len(bases)-1], indexSuffix))
	must(t, err)
	if st.Size > 1000 {
		t.Errorf("the index keeps its %d bytes", st.Size)
	}
}

func (tl *testLog) rename(from, to string) { must(tl.t, tl.fs.Rename(from, to)) }

// TestInterruptedSwap: .swap files are finished work and take the place of
// what they cover; .cleaned and .deleted are not.
func TestInterruptedSwap(t *testing.T) {
	tl, bases := grown(t, nil)
	one, two := bases[1], bases[2]
	// Segment one and two were compacted into one, which is called .swap now.
	data, err := vfs.ReadFile(tl.fs, tl.path(one, logSuffix), 1<<20)
	must(t, err)
	more, err := vfs.ReadFile(tl.fs, tl.path(two, logSuffix), 1<<20)
	must(t, err)
	for _, s := range []string{logSuffix, indexSuffix, timeIndexSuffix} {
		tl.rename(tl.path(one, s), tl.path(one, s+swapSuffix))
	}
	must(t, vfs.WriteFile(tl.fs, tl.path(one, logSuffix+swapSuffix), append(data, more...), true))
	must(t, vfs.WriteFile(tl.fs, tl.path(bases[3], logSuffix+deletedSuffix), data, true))
	must(t, vfs.WriteFile(tl.fs, filepath.Join(tl.dir, "x.checkpoint.deleted"), data, true))
	tl.open(LogOptions{})
	if n := len(tl.all()); n != 30 {
		t.Errorf("%d batches", n)
	}
	tl.wantBases(slices.Delete(slices.Clone(bases), 2, 3)...)
	names, _ := tl.fs.ReadDir(tl.dir)
	for _, n := range names {
		if strings.HasSuffix(n, swapSuffix) || strings.HasSuffix(n, deletedSuffix) && n != "x.checkpoint.deleted" {
			t.Errorf("%s is left", n)
		}
	}
	if !slices.Contains(names, "x.checkpoint.deleted") {
		t.Error("a KRaft snapshot was removed")
	}
}

// TestInterruptedSplit: a .swap at or above a .cleaned is half of a split.
func TestInterruptedSplit(t *testing.T) {
	tl, bases := grown(t, nil)
	data, err := vfs.ReadFile(tl.fs, tl.path(bases[1], logSuffix), 1<<20)
	must(t, err)
	must(t, vfs.WriteFile(tl.fs, tl.path(bases[1], logSuffix+cleanedSuffix), data[:500], true))
	must(t, vfs.WriteFile(tl.fs, tl.path(bases[2], logSuffix+swapSuffix), data[:10], true))
	tl.open(LogOptions{Clean: true})
	tl.wantBases(bases...)
	if n := len(tl.all()); n != 30 {
		t.Errorf("%d batches", n)
	}
}

func TestOrphanedIndexes(t *testing.T) {
	tl, bases := grown(t, nil)
	must(t, vfs.WriteFile(tl.fs, tl.path(999, indexSuffix), []byte("12345678"), true))
	tl.open(LogOptions{Clean: true})
	tl.wantBases(bases...)
	if ok, _ := vfs.Exists(tl.fs, tl.path(999, indexSuffix)); ok {
		t.Error("the index without data is left")
	}
}

// TestLogStartAboveLogEnd: files were removed by hand.
func TestLogStartAboveLogEnd(t *testing.T) {
	tl, _ := grown(t, nil)
	tl.open(LogOptions{Clean: true, LogStart: 1000})
	if tl.LogStart() != 1000 || tl.LogEnd() != 1000 {
		t.Errorf("[%d, %d)", tl.LogStart(), tl.LogEnd())
	}
	tl.put(5, 1, 10)
	if got := tl.all(); !slices.Equal(got, []model.Offset{1000}) {
		t.Error(got)
	}
}

// TestLegacyMessageSets: logs of old brokers hold messages of magic 0 and 1,
// which are walked over and kept.
func TestLegacyMessageSets(t *testing.T) {
	legacy := func(o model.Offset, magic byte, at model.Millis) []byte {
		b := make([]byte, 12, 64)
		binary.BigEndian.PutUint64(b, uint64(o))
		b = append(b, 0, 0, 0, 0, magic, 0)
		if magic == 1 {
			b = binary.BigEndian.AppendUint64(b, uint64(at))
		}
		b = binary.BigEndian.AppendUint32(b, 0xffffffff)
		b = append(binary.BigEndian.AppendUint32(b, 5), "hello"...)
		binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
		binary.BigEndian.PutUint32(b[12:], crc32.ChecksumIEEE(b[16:]))
		return b
	}
	fs := vfs.NewMem(1)
	must(t, fs.MkdirAll("/d/t-0"))
	var data []byte
	for i := range model.Offset(40) {
		data = append(data, legacy(i, byte(i%2), 1000+model.Millis(i))...)
	}
	bad := legacy(40, 1, 1)
	bad[30] ^= 1
	must(t, vfs.WriteFile(fs, "/d/t-0/00000000000000000000.log", append(data, bad...), true))
	tl := &testLog{t: t, fs: fs, dir: "/d/t-0", cfg: DefaultConfig(), now: 5000}
	tl.open(LogOptions{})
	if tl.LogEnd() != 40 {
		t.Fatalf("log end %d", tl.LogEnd())
	}
	tl.put(1, 2, 10)
	f, err := tl.Read(7, model.NoOffset, 60, true)
	must(t, err)
	b := make([]byte, f.Len)
	_, err = f.File.ReadAt(b, f.Off)
	must(t, err)
	f.File.Release()
	if o := record.Batch(b).BaseOffset(); o != 7 {
		t.Errorf("read at 7 begins at %d", o)
	}
	to, ok, err := tl.OffsetForTime(2000)
	if err != nil || !ok || to.Offset != 40 {
		t.Errorf("%+v %v %v", to, ok, err)
	}
}

// TestProducersSurvive restarts and crashes, wherever snapshots were taken.
func TestProducersSurvive(t *testing.T) {
	for _, how := range []string{"close", "unload", "kill", "crash after flush", "truncate", "snapshot torn"} {
		t.Run(how, func(t *testing.T) {
			tl := newTestLog(t, vfs.NewMem(3), "/d", func(c *Config) { c.SegmentBytes = 1000 })
			seq := map[model.ProducerID]int32{}
			add := func(id model.ProducerID) {
				b := batchOf(tl.LogEnd(), 0, 2, 50, tl.now, func(s *record.Spec) {
					s.ProducerID, s.ProducerEpoch, s.BaseSequence = id, 3, seq[id]
				})
				seq[id] += 2
				_, err := tl.Append([][]byte{b}, tl.now)
				must(t, err)
			}
			for i := range 20 {
				add(model.ProducerID(i % 3))
			}
			o := LogOptions{}
			switch how {
			case "close":
				must(t, tl.Close())
				o.Clean = true
			case "unload":
				must(t, tl.Unload())
				must(t, tl.Load(tl.now))
			case "kill":
				tl.mem().Kill()
			case "crash after flush":
				must(t, tl.Flush())
				o.RecoveryPoint = tl.LogEnd()
				tl.mem().Crash()
			case "truncate":
				to := tl.LogEnd()
				add(1)
				add(2)
				_, err := tl.TruncateTo(to)
				must(t, err)
				seq[1], seq[2] = seq[1]-2, seq[2]-2
			case "snapshot torn":
				must(t, tl.Close())
				must(t, vfs.WriteFile(tl.fs, tl.path(40, snapshotSuffix), []byte("torn"), true))
				o.Clean = true
			}
			if how != "unload" && how != "truncate" {
				tl.open(o)
			}
			got := map[model.ProducerID]int32{}
			tl.Producers().Each(func(p record.ProducerInfo) bool {
				got[p.ID] = p.LastSequence + 1
				return true
			})
			for id, n := range seq {
				if got[id] != n {
					t.Errorf("producer %d goes on at %d, want %d", id, got[id], n)
				}
			}
			if tl.Producers().End() != tl.LogEnd() {
				t.Errorf("producers end at %d, log at %d", tl.Producers().End(), tl.LogEnd())
			}
		})
	}
}

// TestAbortedTransactions are found in the segment of their marker, also after
// a crash and a truncation.
func TestAbortedTransactions(t *testing.T) {
	tl := newTestLog(t, vfs.NewMem(1), "/d", func(c *Config) { c.SegmentBytes = 700 })
	txn := func(id model.ProducerID) {
		_, err := tl.Append([][]byte{batchOf(tl.LogEnd(), 0, 3, 50, 1, func(s *record.Spec) {
			s.ProducerID, s.ProducerEpoch, s.BaseSequence, s.Transactional = id, 0, 0, true
		})}, 1)
		must(t, err)
	}
	end := func(id model.ProducerID, commit bool) {
		s := record.NewSpec()
		s.BaseOffset, s.ProducerID, s.ProducerEpoch, s.Transactional, s.Control, s.LeaderEpoch = tl.LogEnd(), id, 0, true, true, 0
		var b record.Builder
		b.Reset(s)
		b.AppendMarker(1, record.Marker{Commit: commit})
		x, err := b.Build()
		must(t, err)
		_, err = tl.Append([][]byte{x}, 1)
		must(t, err)
	}
	txn(1)           // 0..2
	txn(2)           // 3..5
	end(1, true)     // 6
	txn(3)           // 7..9
	end(2, false)    // 10
	txn(1)           // 11..13
	end(3, false)    // 14
	end(1, false)    // 15
	tl.put(0, 1, 10) // 16
	check := func() {
		t.Helper()
		for _, c := range []struct {
			from, to model.Offset
			want     []AbortedTxn
		}{
			{0, 17, []AbortedTxn{{2, 3}, {3, 7}, {1, 11}}},
			{0, 3, nil},
			{0, 4, []AbortedTxn{{2, 3}}},
			{10, 11, []AbortedTxn{{2, 3}, {3, 7}}},
			{11, 12, []AbortedTxn{{3, 7}, {1, 11}}},
			{15, 17, []AbortedTxn{{1, 11}}},
			{16, 17, nil},
		} {
			got, err := tl.AbortedTxns(c.from, c.to)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("[%d, %d): %v, want %v (%v)", c.from, c.to, got, c.want, err)
			}
		}
	}
	check()
	must(t, tl.Unload())
	must(t, tl.Load(1))
	check()
	tl.mem().Kill()
	tl.open(LogOptions{RecoveryPoint: 9})
	check()
	tl.mem().Kill()
	tl.open(LogOptions{})
	check()
	_, err := tl.TruncateTo(15)
	must(t, err)
	got, err := tl.AbortedTxns(0, 15)
	if err != nil || !slices.Equal(got, []AbortedTxn{{2, 3}, {3, 7}}) {
		t.Errorf("after truncation: %v %v", got, err)
	}
	if o, ok := tl.Producers().FirstUndecided(); !ok || o != 11 {
		t.Errorf("open transaction at %d %v, want 11", o, ok)
	}
	rows := int64(0)
	for _, o := range tl.bases() {
		if st, err := tl.fs.Stat(tl.path(o, txnIndexSuffix)); err == nil {
			rows += st.Size
		}
	}
	if rows != 2*txnRow {
		t.Errorf("%d bytes in .txnindex files", rows)
	}
}
