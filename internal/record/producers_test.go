package record

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"gregor/internal/kerr"
	"gregor/internal/model"
)

// step is a batch as the tests send it.
type step struct {
	id     model.ProducerID
	epoch  model.ProducerEpoch
	seq    int32
	count  int
	txn    bool
	marker string // "commit", "abort" or "" for data
	coord  int32
}

func (s step) batch(at model.Offset) Batch {
	sp := NewSpec()
	sp.BaseOffset, sp.ProducerID, sp.ProducerEpoch, sp.BaseSequence = at, s.id, s.epoch, s.seq
	sp.Transactional = s.txn || s.marker != ""
	var bl Builder
	if s.marker != "" {
		sp.Control, sp.BaseSequence = true, NoSequence
		bl.Reset(sp)
		bl.AppendMarker(goldenTime+model.Millis(at), Marker{Commit: s.marker == "commit", CoordinatorEpoch: s.coord})
	} else {
		bl.Reset(sp)
		for range s.count {
			bl.Append(goldenTime+model.Millis(at), []byte("k"), []byte("v"))
		}
	}
	b, err := bl.Build()
	if err != nil {
		panic(err)
	}
	return b
}

func (s step) params(at model.Offset) *CheckParams {
	o := Client
	if s.marker != "" {
		o = Coordinator
	}
	return &CheckParams{TP: tp, Offset: at, Origin: o, TxnVersion: 1}
}

func TestProducerRules(t *testing.T) {
	type want struct {
		code kerr.Code
		msg  string
		dup  model.Offset // base offset of the duplicate, -1 none
	}
	ok := want{dup: -1}
	bad := func(c kerr.Code, format string, args ...any) want { return want{c, fmt.Sprintf(format, args...), -1} }
	data := func(seq int32, n int) step { return step{id: 7, epoch: 0, seq: seq, count: n} }
	for _, tc := range []struct {
		name  string
		steps []step
		last  want
	}{
		{"first sequence may be anything", []step{data(55, 3)}, ok},
		{"next", []step{data(0, 3), data(3, 2)}, ok},
		{"gap", []step{data(0, 3), data(4, 2)}, bad(kerr.OutOfOrderSequenceNumber,
			"Out of order sequence number for producer 7 at offset 3 in partition t-1: 4 (incoming seq. number), 2 (current end sequence number)")},
		{"retry of the last", []step{data(0, 3), data(0, 3)}, want{dup: 0}},
		{"retry of one of five", []step{data(0, 1), data(1, 1), data(2, 1), data(3, 1), data(4, 1), data(0, 1)}, want{dup: 0}},
		{"retry of the sixth last", []step{data(0, 1), data(1, 1), data(2, 1), data(3, 1), data(4, 1), data(5, 1), data(0, 1)},
			bad(kerr.OutOfOrderSequenceNumber, "Out of order sequence number for producer 7 at offset 6 in partition t-1: 0 (incoming seq. number), 5 (current end sequence number)")},
		{"retry cut another way", []step{data(0, 3), data(0, 2)}, bad(kerr.OutOfOrderSequenceNumber,
			"Out of order sequence number for producer 7 at offset 3 in partition t-1: 0 (incoming seq. number), 2 (current end sequence number)")},
		{"round to 0", []step{data(maxInt32-1, 2), data(0, 1)}, ok},
		{"round inside a batch", []step{data(maxInt32-1, 4), data(2, 1)}, ok},
		{"retry round", []step{data(maxInt32-1, 4), data(maxInt32-1, 4)}, want{dup: 0}},
		{"older epoch", []step{{id: 7, epoch: 3, count: 1}, {id: 7, epoch: 2, count: 1}}, bad(kerr.InvalidProducerEpoch,
			"Epoch of producer 7 at offset 1 in t-1 is 2, which is < the last seen epoch 3 (TV-1)")},
		{"newer epoch starts at 0", []step{{id: 7, epoch: 3, count: 1}, {id: 7, epoch: 4, count: 1}}, ok},
		{"newer epoch not at 0", []step{{id: 7, epoch: 3, count: 1}, {id: 7, epoch: 4, seq: 1, count: 1}}, bad(kerr.OutOfOrderSequenceNumber,
			"Invalid sequence number for new epoch of producer 7at offset 1 in partition t-1: 4 (request epoch), 1 (seq. number), 3 (current producer epoch)")},
		{"plain write in a transaction", []step{{id: 7, count: 1, txn: true}, {id: 7, seq: 1, count: 1}}, bad(kerr.InvalidTxnState,
			"Expected transactional write from producer 7 at offset (offset=1, segment=[-1:-1]) in partition t-1")},
		{"marker of an older coordinator", []step{{id: 7, count: 1, txn: true}, {id: 7, marker: "commit", coord: 5}, {id: 7, marker: "commit", coord: 4}}, bad(kerr.TransactionCoordinatorFenced,
			"Invalid coordinator epoch for producerId 7 at offset 2 in partition t-1: 4 (zombie), 5 (current)")},
		{"marker of an older epoch", []step{{id: 7, epoch: 2, count: 1, txn: true}, {id: 7, epoch: 1, marker: "abort"}}, bad(kerr.InvalidProducerEpoch,
			"Epoch of producer 7 is 1, which is smaller than the last seen epoch 2")},
		{"sequence goes on behind a marker", []step{{id: 7, count: 2, txn: true}, {id: 7, marker: "commit"}, {id: 7, seq: 2, count: 1, txn: true}}, ok},
		{"sequence 0 behind a marker of the same epoch", []step{{id: 7, count: 2, txn: true}, {id: 7, marker: "commit"}, {id: 7, seq: 0, count: 1, txn: true}}, bad(kerr.OutOfOrderSequenceNumber,
			"Out of order sequence number for producer 7 at offset 3 in partition t-1: 0 (incoming seq. number), 1 (current end sequence number)")},
		{"sequence 0 behind a marker of the next epoch", []step{{id: 7, count: 2, txn: true}, {id: 7, epoch: 1, marker: "commit"}, {id: 7, epoch: 1, seq: 0, count: 1, txn: true}}, ok},
		{"sequence 1 behind a marker of the next epoch", []step{{id: 7, count: 2, txn: true}, {id: 7, epoch: 1, marker: "commit"}, {id: 7, epoch: 1, seq: 1, count: 1, txn: true}}, bad(kerr.OutOfOrderSequenceNumber,
			"Out of order sequence number for producer 7 at offset 3 in partition t-1: 1 (incoming seq. number), -1 (current end sequence number)")},
	} {
		var ps Producers
		for i, s := range tc.steps {
			at := ps.End()
			b := s.batch(at)
			d, dup, err := ps.Check(b, s.params(at))
			if i < len(tc.steps)-1 {
				if err != nil || dup {
					t.Fatalf("%s: step %d: %v, duplicate %v", tc.name, i, err, dup)
				}
				ps.Apply(b)
				continue
			}
			if kerr.Of(err) != tc.last.code || err != nil && err.Error() != tc.last.msg {
				t.Errorf("%s: %v\nwant %s", tc.name, err, tc.last.msg)
			}
			if dup != (tc.last.dup >= 0) || dup && d.First != tc.last.dup {
				t.Errorf("%s: duplicate %v %+v", tc.name, dup, d)
			}
		}
	}
}

// Markers of transactions version 2 bear a newer epoch (KIP-1228).
func TestMarkerOfTransactionsV2(t *testing.T) {
	var ps Producers
	ps.Apply(step{id: 7, epoch: 2, count: 1, txn: true}.batch(0))
	check := func(epoch model.ProducerEpoch) kerr.Code {
		s := step{id: 7, epoch: epoch, marker: "commit"}
		p := s.params(ps.End())
		p.TxnVersion = 2
		_, _, err := ps.Check(s.batch(ps.End()), p)
		return kerr.Of(err)
	}
	if c := check(2); c != kerr.InvalidProducerEpoch {
		t.Errorf("marker of the same epoch: %v", c.Name())
	}
	if c := check(3); c != kerr.None {
		t.Errorf("marker of the next epoch: %v", c.Name())
	}
	ps.Apply(step{id: 7, epoch: 3, marker: "commit"}.batch(1))
	if c := check(3); c != kerr.None {
		t.Errorf("marker sent again: %v", c.Name())
	}
}

func TestVerification(t *testing.T) {
	var ps Producers
	s := step{id: 7, epoch: 1, seq: 4, count: 1, txn: true}
	p := s.params(0)
	p.Verify = true
	if _, _, err := ps.Check(s.batch(0), p); kerr.Of(err) != kerr.InvalidTxnState {
		t.Fatalf("without verification: %v", err)
	}
	g, err := ps.StartVerification(7, 1, 4, false, goldenTime)
	if err != nil || g == NoGuard {
		t.Fatal(g, err)
	}
	p.Guard = g + 1
	if _, _, err := ps.Check(s.batch(0), p); kerr.Of(err) != kerr.InvalidTxnState {
		t.Fatalf("with another guard: %v", err)
	}
	p.Guard = g
	if _, _, err := ps.Check(s.batch(0), p); err != nil {
		t.Fatal(err)
	}
	higher := s
	higher.seq = 5
	if _, _, err := ps.Check(higher.batch(0), p); kerr.Of(err) != kerr.OutOfOrderSequenceNumber {
		t.Fatalf("a higher sequence than the one verified: %v", err)
	}
	ps.Apply(s.batch(0))
	if g, err := ps.StartVerification(7, 1, 5, false, goldenTime); g != NoGuard || err != nil {
		t.Fatalf("in an open transaction: %v %v", g, err)
	}
	if _, err := ps.StartVerification(7, 0, 5, false, goldenTime); kerr.Of(err) != kerr.InvalidProducerEpoch {
		t.Fatalf("older epoch: %v", err)
	}
	ps.Apply(step{id: 7, epoch: 1, marker: "abort"}.batch(1))
	again, _ := ps.StartVerification(7, 1, 5, true, goldenTime)
	if again == g || again == NoGuard {
		t.Fatalf("guard %v is not a new one", again)
	}
	// With transactions version 2 a producer without state starts at 0.
	var fresh Producers
	_, _ = fresh.StartVerification(9, 0, 3, true, goldenTime)
	if _, _, err := fresh.Check(step{id: 9, seq: 3, count: 1}.batch(0), &CheckParams{Origin: Client}); kerr.Of(err) != kerr.OutOfOrderSequenceNumber {
		t.Fatalf("no state and sequence 3: %v", err)
	}
}

// naive keeps every batch ever appended and looks through them.
type naive struct {
	all  []Batch
	done map[model.Offset]model.Offset // first offset of ended transactions to their marker
}

func (n *naive) of(id model.ProducerID) (last []Batch, epoch model.ProducerEpoch, coord int32, open model.Offset) {
	epoch, coord, open = NoProducerEpoch, -1, model.NoOffset
	for _, b := range n.all {
		if b.ProducerID() != id {
			continue
		}
		if b.ProducerEpoch() != epoch {
			last = nil
		}
		epoch = b.ProducerEpoch()
		if m, _, ok := MarkerOf(b); b.Control() && ok {
			coord, open = m.CoordinatorEpoch, model.NoOffset
			continue
		}
		last = append(last, b)
		if b.Transactional() && open == model.NoOffset {
			open = b.BaseOffset()
		}
	}
	return last, epoch, coord, open
}

func (n *naive) check(s step, b Batch) (kerr.Code, bool) {
	last, epoch, coord, open := n.of(s.id)
	known := epoch != NoProducerEpoch
	if s.marker == "" && b.ProducerEpoch() == epoch {
		for i := max(0, len(last)-keptBatches); i < len(last); i++ {
			if last[i].BaseSequence() == b.BaseSequence() && last[i].Count() == b.Count() {
				return kerr.None, true
			}
		}
	}
	if known && b.ProducerEpoch() < epoch {
		return kerr.InvalidProducerEpoch, false
	}
	if s.marker != "" {
		if coord > s.coord {
			return kerr.TransactionCoordinatorFenced, false
		}
		return kerr.None, false
	}
	if known {
		expect := int32(0)
		if b.ProducerEpoch() == epoch && len(last) > 0 {
			expect = AddSequence(last[len(last)-1].BaseSequence(), last[len(last)-1].Count())
		}
		if b.BaseSequence() != expect {
			return kerr.OutOfOrderSequenceNumber, false
		}
	}
	if open != model.NoOffset && !s.txn {
		return kerr.InvalidTxnState, false
	}
	return kerr.None, false
}

// firstUnstable looks for the oldest transaction that is open or whose marker
// is at or above hw.
func (n *naive) firstUnstable(hw model.Offset) model.Offset {
	first := model.NoOffset
	note := func(o model.Offset) {
		if first == model.NoOffset || o < first {
			first = o
		}
	}
	open := make(map[model.ProducerID]model.Offset)
	for _, b := range n.all {
		if b.Control() {
			if f, ok := open[b.ProducerID()]; ok && b.BaseOffset() >= hw {
				note(f)
			}
			delete(open, b.ProducerID())
		} else if _, ok := open[b.ProducerID()]; !ok && b.Transactional() {
			open[b.ProducerID()] = b.BaseOffset()
		}
	}
	for _, f := range open {
		note(f)
	}
	return first
}

func TestProducersAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ps Producers
		var n naive
		hw := model.Offset(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			s := step{
				id:    model.ProducerID(rapid.IntRange(1, 3).Draw(t, "id")),
				epoch: model.ProducerEpoch(rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2}).Draw(t, "epoch")),
				count: rapid.IntRange(1, 3).Draw(t, "count"),
				txn:   rapid.Bool().Draw(t, "txn"),
				coord: int32(rapid.IntRange(0, 1).Draw(t, "coord")),
			}
			s.marker = rapid.SampledFrom([]string{"", "", "", "", "commit", "abort"}).Draw(t, "marker")
			// Mostly what comes next, sometimes a retry or nonsense.
			last, _, _, _ := n.of(s.id)
			switch k := rapid.IntRange(0, 9).Draw(t, "seq"); {
			case len(last) == 0:
				s.seq = int32(rapid.SampledFrom([]int{0, 0, maxInt32 - 2}).Draw(t, "start"))
			case k < 6:
				p := last[len(last)-1]
				s.seq, s.epoch = AddSequence(p.BaseSequence(), p.Count()), p.ProducerEpoch()
			case k < 9:
				p := last[rapid.IntRange(max(0, len(last)-7), len(last)-1).Draw(t, "retry")]
				s.seq, s.epoch, s.count = p.BaseSequence(), p.ProducerEpoch(), int(p.Count())
			default:
				s.seq = int32(rapid.IntRange(0, 10).Draw(t, "nonsense"))
			}
			at := ps.End()
			b := s.batch(at)
			want, wantDup := n.check(s, b)
			_, dup, err := ps.Check(b, s.params(at))
			if kerr.Of(err) != want || dup != wantDup {
				t.Fatalf("%+v: %v, duplicate %v; the model says %v, %v", s, err, dup, want.Name(), wantDup)
			}
			if err == nil && !dup {
				ps.Apply(b)
				n.all = append(n.all, b)
			}
			if rapid.IntRange(0, 3).Draw(t, "hw") == 0 {
				hw = model.Offset(rapid.IntRange(int(hw), int(ps.End())).Draw(t, "to"))
				ps.PassedHighWatermark(hw)
			}
			first, ok := ps.FirstUnstable()
			if !ok {
				first = model.NoOffset
			}
			if w := n.firstUnstable(hw); first != w {
				t.Fatalf("first unstable offset %d, the model says %d (high watermark %d)", first, w, hw)
			}
		}
		sameAfterSnapshot(t, &ps)
	})
}

// sameAfterSnapshot checks that a table and its snapshot agree in what a
// snapshot keeps.
func sameAfterSnapshot(t *rapid.T, ps *Producers) {
	var again Producers
	if err := again.LoadSnapshot(ps.AppendSnapshot(nil), ps.End(), goldenTime, 1<<40); err != nil {
		t.Fatal(err)
	}
	infos := func(ps *Producers) map[model.ProducerID]ProducerInfo {
		m := make(map[model.ProducerID]ProducerInfo)
		for i := range ps.Each {
			m[i.ID] = i
		}
		return m
	}
	a, b := infos(ps), infos(&again)
	if len(a) != len(b) {
		t.Fatalf("%d producers, %d after the snapshot", len(a), len(b))
	}
	for id, i := range a {
		if b[id] != i {
			t.Fatalf("producer %d is %+v after the snapshot, was %+v", id, b[id], i)
		}
	}
	x, okX := ps.FirstUndecided()
	y, okY := again.FirstUndecided()
	if x != y || okX != okY {
		t.Fatalf("first undecided %d %v, after the snapshot %d %v", x, okX, y, okY)
	}
}

func TestProducersExpire(t *testing.T) {
	var ps Producers
	ps.Apply(step{id: 1, count: 1}.batch(0))
	ps.Apply(step{id: 2, count: 1, txn: true}.batch(1))
	ps.Expire(goldenTime+999, 1000)
	if ps.Len() != 2 {
		t.Fatalf("%d producers before the time", ps.Len())
	}
	ps.Expire(goldenTime+5000, 1000)
	if ps.Len() != 1 || ps.get(2) == nil {
		t.Fatal("the producer with an open transaction must stay, the other go")
	}
	ps.Apply(step{id: 2, marker: "commit"}.batch(2))
	ps.PassedHighWatermark(3)
	ps.Expire(goldenTime+5000, 1000)
	if ps.Len() != 0 || ps.t != nil {
		t.Fatal("an empty table must cost nothing")
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	var ps Producers
	at := model.Offset(0)
	seq := int32(0)
	b := step{id: 1, count: 1}.batch(0)
	if n := testing.AllocsPerRun(200, func() {
		b.SetBaseOffset(at)
		patch32(b, posBaseSequence, seq)
		p := CheckParams{TP: tp, Offset: at}
		if _, dup, err := ps.Check(b, &p); dup || err != nil {
			t.Fatal(dup, err)
		}
		ps.Apply(b)
		at, seq = at+1, seq+1
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
