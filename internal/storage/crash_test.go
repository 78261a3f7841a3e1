package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/vfs"
)

var crashSeeds = flag.Int("crash.seeds", 100, "random histories of the crash test")

// TestCrashes runs random histories of a node's log directory on a disk that
// loses power at a random point, or a process that is killed there, and
// compares what comes back with a model:
//
//   - everything a Flush acknowledged is there, as written;
//   - everything served was appended at that offset once, is whole, and goes on
//     without a gap; leader epochs do not go back;
//   - after kill -9, or a clean shutdown, nothing at all is missing.
func TestCrashes(t *testing.T) {
	seeds := make([]uint64, *crashSeeds)
	for i := range seeds {
		seeds[i] = uint64(i)
	}
	if s := os.Getenv("CRASH_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		must(t, err)
		seeds = []uint64{n}
	}
	defer func(n int) { bulkSync = n }(bulkSync)
	for _, seed := range seeds {
		bulkSync = int(seed % 4)
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { newHistory(t, seed).run() }) {
			return
		}
	}
}

// history is one run: the file system, the directories, and the model.
type history struct {
	t     *testing.T
	r     *rand.Rand
	ids   *rand.Rand
	fs    *vfs.Mem
	dirs  *Dirs
	now   model.Millis
	epoch model.LeaderEpoch
	parts map[model.TopicPartition]*twin
	trace []string
}

// twin is what the model knows of one partition.
type twin struct {
	id      model.TopicID
	batches [][]byte // in the log now
	start   model.Offset
	end     model.Offset
	flushed model.Offset               // durable below this
	lowered bool                       // cut below the log start, and not touched since
	ever    map[model.Offset][][]byte  // all batches ever appended, by base
	older   map[model.TopicID]*twin    // earlier partitions of the name
	acked   map[model.ProducerID]int32 // last sequence in the log, for idempotent producers
}

const crashRoot = "/d"

var traceLen = func() int {
	if os.Getenv("CRASH_SEED") != "" {
		return 1 << 20
	}
	return 60
}()

func crashConfig(topic string) *Config {
	c := DefaultConfig()
	c.SegmentBytes, c.IndexIntervalBytes, c.SegmentIndexBytes = 4000, 200, 400
	c.RetentionMs, c.FileDeleteDelayMs = -1, 50
	c.Compact = topic == compacted
	return c
}

// compacted is a topic whose followers see gaps.
const compacted = "b"

// gaps reports whether offsets are missing in the log. Its end may then fall
// back to that of the last record.
func gaps(l *Log) bool { return l.Partition().Topic == compacted }

func (h *history) anyPartition() model.TopicPartition {
	if n := h.r.IntN(4); n < 3 {
		return model.TopicPartition{Topic: "a", Partition: int32(n)}
	}
	return model.TopicPartition{Topic: compacted}
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{t: t, r: rand.New(rand.NewPCG(seed, 7)), ids: rand.New(rand.NewPCG(seed, 8)), fs: vfs.NewMem(seed), now: 1_700_000_000_000, parts: map[model.TopicPartition]*twin{}}
	must(t, h.fs.MkdirAll(crashRoot))
	must(t, WriteMetaProperties(h.fs, crashRoot, MetaProperties{Version: 1, Cluster: "c", NodeID: 1, DirectoryID: h.uuid()}, h.now))
	must(t, h.fs.SyncDir("/"))
	must(t, h.fs.SyncDir(crashRoot))
	for !h.reopen() {
		h.fs.Crash()
	}
	h.fs.CutAfter(-1)
	return h
}

func (h *history) fatalf(format string, args ...any) {
	h.t.Helper()
	for _, s := range h.trace[max(0, len(h.trace)-traceLen):] {
		h.t.Log(s)
	}
	for tp := range h.parts {
		h.t.Log(tp)
		dumpDir(h.t, h.fs, crashRoot+"/"+tp.String())
	}
	h.t.Fatalf(format, args...)
}

func (h *history) run() {
	for range 4 {
		if h.r.IntN(3) > 0 {
			h.fs.CutAfter(1 + h.r.IntN(250))
		}
		h.session()
		h.restart()
	}
}

// session does random work until the power goes or the session ends.
func (h *history) session() {
	for range 20 + h.r.IntN(120) {
		h.now += model.Millis(h.r.IntN(30))
		err := h.step()
		if h.fs.Off() {
			h.trace = append(h.trace, fmt.Sprintf("power cut: %v", err))
			return
		}
		if err != nil {
			h.fatalf("without a power cut: %v", err)
		}
	}
}

func (h *history) pick() (*Log, *twin) {
	tp := h.anyPartition()
	l := h.dirs.Log(tp)
	if l == nil {
		return nil, nil
	}
	return l, h.parts[tp]
}

func (h *history) step() error {
	n := h.r.IntN(100)
	switch {
	case n < 4:
		return h.create()
	case n < 5:
		h.trace = append(h.trace, "checkpoint points")
		return h.dirs.CheckpointRecoveryPoints()
	case n < 7:
		h.trace = append(h.trace, "checkpoint starts")
		return h.dirs.CheckpointLogStarts()
	case n < 12:
		h.trace = append(h.trace, "background")
		_, err := h.dirs.Background(h.now)
		return err
	case n < 13:
		h.trace = append(h.trace, "recover")
		return h.dirs.Recover(h.now, nil)
	}
	l, w := h.pick()
	if l == nil {
		return h.create()
	}
	if err := l.Load(h.now); err != nil {
		return err
	}
	switch {
	case n < 60:
		return h.append(l, w)
	case n < 72:
		end := l.LogEnd()
		h.trace = append(h.trace, fmt.Sprintf("%v flush to %d", l.Partition(), end))
		if err := l.Flush(); err != nil {
			return err
		}
		w.flushed, w.lowered = end, false
		return nil
	case n < 76:
		h.trace = append(h.trace, fmt.Sprintf("%v roll at %d", l.Partition(), l.LogEnd()))
		return l.Roll(h.now)
	case n < 81:
		return h.truncate(l, w)
	case n < 83:
		to := l.LogEnd() + model.Offset(h.r.IntN(50))
		h.trace = append(h.trace, fmt.Sprintf("%v truncate fully to %d", l.Partition(), to))
		w.flushed, w.start, w.end, w.batches = 0, to, to, nil
		return l.TruncateFully(to, model.NoOffset)
	case n < 88:
		to := l.LogStart() + model.Offset(h.r.Int64N(int64(l.LogEnd()-l.LogStart())+1))
		h.trace = append(h.trace, fmt.Sprintf("%v log start %d", l.Partition(), to))
		w.start = max(w.start, to)
		if _, err := l.SetLogStart(to); err != nil {
			return err
		}
		_, err := l.DeleteOldSegments(h.now, l.LogEnd())
		return err
	case n < 91:
		h.trace = append(h.trace, fmt.Sprintf("%v unload at %d", l.Partition(), l.LogEnd()))
		end := l.LogEnd()
		if err := l.Unload(); err != nil {
			return err
		}
		w.flushed, w.lowered = end, false
		return nil
	case n < 93:
		h.trace = append(h.trace, fmt.Sprintf("%v delete", l.Partition()))
		h.forget(l.Partition())
		return h.dirs.Delete(l, h.now)
	default:
		h.verify(l, w, false)
		return nil
	}
}

func (h *history) create() error {
	tp := h.anyPartition()
	if h.dirs.Log(tp) != nil {
		return nil
	}
	w := &twin{id: h.uuid(), ever: map[model.Offset][][]byte{}, older: map[model.TopicID]*twin{}, acked: map[model.ProducerID]int32{}}
	if old := h.parts[tp]; old != nil {
		w.older = old.older
		w.older[old.id] = old
	}
	h.parts[tp] = w
	h.trace = append(h.trace, fmt.Sprintf("%v create %s", tp, w.id))
	_, err := h.dirs.Create(tp, w.id, model.DirectoryID{}, crashConfig(tp.Topic))
	return err
}

// forget notes that the partition was deleted; its directory may come back.
func (h *history) forget(tp model.TopicPartition) {
	if w := h.parts[tp]; w != nil {
		w.flushed = 0
	}
}

func (h *history) append(l *Log, w *twin) error {
	if h.r.IntN(6) == 0 {
		h.epoch++
		if err := l.AssignEpoch(h.epoch); err != nil {
			return err
		}
	}
	w.lowered, w.flushed = false, min(w.flushed, l.LogEnd())
	next, add := l.LogEnd(), l.Append
	if gaps(l) {
		add = l.AppendFollower
	}
	var units [][]byte
	for range 1 + h.r.IntN(3) {
		var u []byte
		for range 1 + h.r.IntN(2) {
			n := 1 + h.r.IntN(4)
			if gaps(l) && h.r.IntN(3) == 0 {
				next += model.Offset(h.r.IntN(20))
			}
			b := batchOf(next, h.epoch, n, h.r.IntN(400), h.now, func(s *record.Spec) {
				if h.r.IntN(2) == 0 {
					s.ProducerID, s.ProducerEpoch = model.ProducerID(h.r.IntN(3)), 0
					s.BaseSequence = w.acked[s.ProducerID]
					w.acked[s.ProducerID] += int32(n)
				}
			})
			u = append(u, b...)
			w.ever[next] = append(w.ever[next], b)
			next += model.Offset(n)
		}
		units = append(units, u)
	}
	h.trace = append(h.trace, fmt.Sprintf("%v append [%d, %d) epoch %d", l.Partition(), l.LogEnd(), next, h.epoch))
	n, err := add(units, h.now)
	for _, u := range units[:n] {
		w.add(u)
	}
	if err != nil && !h.fs.Off() {
		return fmt.Errorf("append: %w", err)
	}
	return nil
}

func (w *twin) add(u []byte) {
	for len(u) > 0 {
		var b record.Batch
		b, u, _ = record.Next(u)
		w.batches = append(w.batches, b)
		w.end = b.NextOffset()
	}
}

func (h *history) truncate(l *Log, w *twin) error {
	if len(w.batches) == 0 {
		return nil
	}
	i := h.r.IntN(len(w.batches))
	to := record.Batch(w.batches[i]).BaseOffset()
	h.trace = append(h.trace, fmt.Sprintf("%v truncate %d to %d", l.Partition(), l.LogEnd(), to))
	h.epoch++ // a follower truncates because there is a new leader
	w.batches, w.end = w.batches[:i], to
	w.lowered = to < w.start
	w.flushed, w.start = min(w.flushed, to), min(w.start, to)
	_, err := l.TruncateTo(to)
	return err
}

// restart ends the session one way or another and compares.
func (h *history) restart() {
	how := h.r.IntN(4)
	complete := true
	switch {
	case h.fs.Off() || how == 0:
		h.trace = append(h.trace, "--- crash")
		h.fs.Crash()
		complete = false
	case how == 1:
		h.trace = append(h.trace, "--- kill")
		h.fs.Kill()
	default:
		h.trace = append(h.trace, "--- close")
		if err := h.dirs.Close(h.now, 5, nil); h.fs.Off() {
			h.trace = append(h.trace, "power cut in close")
			h.fs.Crash()
			complete = false
			break
		} else if err != nil {
			h.fatalf("close: %v", err)
		}
		for tp, w := range h.parts {
			if h.dirs.Log(tp) != nil {
				w.flushed, w.lowered = w.end, false
			}
		}
		if h.r.IntN(2) == 0 {
			h.trace = append(h.trace, "--- and power cut")
			h.fs.Crash()
		}
	}
	h.now += 1000
	for !h.reopen() {
		h.trace = append(h.trace, "--- crash while starting")
		h.fs.Crash()
		complete = false
	}
	h.fs.CutAfter(-1)
	for _, tp := range h.names() {
		w, l := h.parts[tp], h.dirs.Log(tp)
		if l == nil {
			if w.flushed > w.start {
				h.fatalf("%v is gone, with %d flushed records", tp, w.flushed)
			}
			continue
		}
		h.identify(l, w, tp)
	}
	for l := range h.dirs.Logs() {
		if w := h.parts[l.Partition()]; w != nil {
			h.verify(l, w, !complete || w.lowered)
			h.adopt(l, w)
		}
	}
}

// reopen starts the node again and loads all logs; false if the power went.
func (h *history) reopen() bool {
	if h.r.IntN(3) == 0 {
		h.fs.CutAfter(1 + h.r.IntN(20))
	}
	if os.Getenv("CRASH_SEED") != "" {
		for tp := range h.parts {
			h.t.Log("before", tp)
			dumpDir(h.t, h.fs, crashRoot+"/"+tp.String())
		}
	}
	var err error
	h.dirs, err = OpenDirs(Options{FS: h.fs, Paths: []string{crashRoot}, NodeID: 1, Config: crashConfig, MaxFiles: 8, Workers: 1, NewUUID: h.uuid}, h.now)
	if h.fs.Off() {
		return false
	}
	if err != nil {
		h.fatalf("open: %v", err)
	}
	for l := range h.dirs.Logs() {
		err := l.Load(h.now)
		if h.fs.Off() {
			return false
		}
		if err != nil {
			h.fatalf("load: %v", err)
		}
	}
	return true
}

func (h *history) uuid() (id model.UUID) {
	binary.BigEndian.PutUint64(id[:], h.ids.Uint64())
	binary.BigEndian.PutUint64(id[8:], h.ids.Uint64())
	return id
}

func (h *history) names() []model.TopicPartition {
	return slices.SortedFunc(maps.Keys(h.parts), func(a, b model.TopicPartition) int { return strings.Compare(a.String(), b.String()) })
}

// identify finds which incarnation came back.
func (h *history) identify(l *Log, w *twin, tp model.TopicPartition) {
	id := l.TopicID()
	if id == w.id {
		return
	}
	if w.flushed > w.start {
		h.fatalf("%v came back as %s, not %s, with flushed records", tp, id, w.id)
	}
	if old := w.older[id]; old != nil {
		old.older = w.older
		h.parts[tp] = old
		return
	}
	if !id.IsZero() {
		h.fatalf("%v came back with the unknown id %s", tp, id)
	}
	// Neither the id nor the deletion of an earlier partition of the name were
	// durable, nor was a record: what came back may be the earlier one.
	must(h.t, l.SetTopicID(w.id))
	for _, old := range w.older {
		for o, b := range old.ever {
			w.ever[o] = append(w.ever[o], b...)
		}
	}
}

// verify compares the log with the model; after a crash what was not flushed
// may be missing, or what was truncated be back.
func (h *history) verify(l *Log, w *twin, crashed bool) {
	h.t.Helper()
	got, err := readBatches(l)
	if err != nil {
		if h.fs.Off() && errors.Is(err, vfs.ErrPowerCut) {
			return
		}
		h.fatalf("%v: read: %v", l.Partition(), err)
	}
	if crashed {
		h.plausible(l, w, got)
		return
	}
	if l.LogEnd() != w.end && !(gaps(l) && l.LogEnd() < w.end) || l.LogStart() < w.start && h.dirs.Log(l.Partition()) == nil {
		h.fatalf("%v: [%d, %d), the model says [%d, %d)", l.Partition(), l.LogStart(), l.LogEnd(), w.start, w.end)
	}
	want := w.batches
	for len(want) > 0 && record.Batch(want[0]).LastOffset() < l.LogStart() {
		want = want[1:]
	}
	if len(got) != len(want) {
		h.fatalf("%v: %d batches, want %d", l.Partition(), len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			h.fatalf("%v: other bytes at %d", l.Partition(), record.Batch(want[i]).BaseOffset())
		}
	}
}

func (h *history) plausible(l *Log, w *twin, got [][]byte) {
	h.t.Helper()
	if l.LogEnd() < w.flushed && !gaps(l) {
		h.fatalf("%v: ends at %d, flushed up to %d", l.Partition(), l.LogEnd(), w.flushed)
	}
	flushed := map[model.Offset][]byte{}
	for _, b := range w.batches {
		if x := record.Batch(b); x.LastOffset() < w.flushed && x.LastOffset() >= max(w.start, l.LogStart()) {
			flushed[x.BaseOffset()] = b
		}
	}
	epoch := model.NoEpoch
	for _, b := range got {
		x := record.Batch(b)
		if x.LeaderEpoch() < epoch {
			h.fatalf("%v: epoch %d after %d at %d", l.Partition(), x.LeaderEpoch(), epoch, x.BaseOffset())
		}
		epoch = x.LeaderEpoch()
		known := false
		for _, e := range w.ever[x.BaseOffset()] {
			known = known || bytes.Equal(e, b)
		}
		if !known {
			h.fatalf("%v: a batch at %d that was never appended", l.Partition(), x.BaseOffset())
		}
		if f, ok := flushed[x.BaseOffset()]; ok {
			if !bytes.Equal(f, b) {
				h.fatalf("%v: the flushed batch at %d is another", l.Partition(), x.BaseOffset())
			}
			delete(flushed, x.BaseOffset())
		}
	}
	for o := range flushed {
		h.fatalf("%v: the flushed batch at %d is gone; log is [%d, %d)", l.Partition(), o, l.LogStart(), l.LogEnd())
	}
	if e, err := l.LatestEpoch(); err != nil || epoch != model.NoEpoch && e < epoch {
		h.fatalf("%v: latest epoch %d, records have %d (%v)", l.Partition(), e, epoch, err)
	}
}

// adopt takes the log as it is for the model's truth.
func (h *history) adopt(l *Log, w *twin) {
	got, err := readBatches(l)
	must(h.t, err)
	w.lowered = false
	w.batches, w.start, w.end, w.flushed = got, l.LogStart(), l.LogEnd(), l.RecoveryPoint()
	// The table of producers is that of the records there are.
	ps := l.Producers()
	ps.Each(func(p record.ProducerInfo) bool {
		w.acked[p.ID] = max(w.acked[p.ID], p.LastSequence+1)
		return true
	})
}

// readBatches reads the whole log and checks that it is sound.
func readBatches(l *Log) ([][]byte, error) {
	var out [][]byte
	next := l.LogStart()
	for next < l.LogEnd() {
		f, err := l.Read(next, model.NoOffset, 1000, true)
		if err != nil {
			return nil, err
		}
		if f.Len == 0 && l.Config().Compact {
			break // the end of what was compacted away, or of a truncation there
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
			if x, b, err = record.Next(b); err != nil {
				return nil, err
			}
			if !x.Valid() {
				return nil, fmt.Errorf("corrupt batch at %d", next)
			}
			if x.BaseOffset() > next && !l.Config().Compact || x.LastOffset() < next {
				return nil, fmt.Errorf("batch [%d, %d] where %d was expected", x.BaseOffset(), x.LastOffset(), next)
			}
			out, next = append(out, x), x.NextOffset()
		}
		if next != f.Next && !(l.Config().Compact && f.Next > next) {
			return nil, fmt.Errorf("piece ends at %d but says Next %d", next, f.Next)
		}
		next = f.Next
	}
	return out, nil
}
