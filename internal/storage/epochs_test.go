package storage

import (
	"path/filepath"
	"slices"
	"testing"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

func epochsOf(pairs ...int) (c epochCache) {
	for i := 0; i < len(pairs); i += 2 {
		c.assign(model.LeaderEpoch(pairs[i]), model.Offset(pairs[i+1]))
	}
	return c
}

func (c *epochCache) want(t *testing.T, pairs ...int) {
	t.Helper()
	var want []epochEntry
	for i := 0; i < len(pairs); i += 2 {
		want = append(want, epochEntry{model.LeaderEpoch(pairs[i]), model.Offset(pairs[i+1])})
	}
	if !slices.Equal(c.entries, want) {
		t.Errorf("entries %v, want %v", c.entries, want)
	}
}

func TestEpochAssign(t *testing.T) {
	for _, c := range []struct{ in, want []int }{
		{[]int{2, 10, 2, 11}, []int{2, 10}},                 // the first offset stays
		{[]int{2, 10, 2, 9}, []int{2, 9}},                   // unless an earlier one comes
		{[]int{2, 10, 3, 10}, []int{3, 10}},                 // an epoch without records
		{[]int{2, 6, 3, 5}, []int{3, 5}},                    // contradiction: the newer wins
		{[]int{2, 6, 1, 7}, []int{1, 7}},                    // an older epoch later in the log
		{[]int{2, 6, 3, 8, 4, 11, 3, 9}, []int{2, 6, 3, 9}}, //
		{[]int{2, 6, -1, 7}, []int{2, 6}},                   // batches without an epoch
		{[]int{0, 0, 1, 100, 2, 200}, []int{0, 0, 1, 100, 2, 200}},
	} {
		e := epochsOf(c.in...)
		e.want(t, c.want...)
	}
}

func TestEpochEnd(t *testing.T) {
	e := epochsOf(2, 10, 4, 20, 7, 35)
	for epoch, want := range map[model.LeaderEpoch]EpochEnd{
		-1: {-1, -1},
		0:  {0, 10}, // before all known: their first offset
		1:  {1, 10},
		2:  {2, 20},
		3:  {2, 20},
		4:  {4, 35},
		6:  {4, 35},
		7:  {7, 50},
		8:  {-1, -1}, // unknown
	} {
		if got := e.endOf(epoch, 50); got != want {
			t.Errorf("end of epoch %d: %+v, want %+v", epoch, got, want)
		}
	}
	var none epochCache
	if got := none.endOf(3, 50); got != (EpochEnd{-1, -1}) {
		t.Errorf("%+v", got)
	}
	for o, want := range map[model.Offset]model.LeaderEpoch{0: -1, 9: -1, 10: 2, 19: 2, 20: 4, 100: 7} {
		if got := e.at(o); got != want {
			t.Errorf("epoch at %d: %d, want %d", o, got, want)
		}
	}
}

func TestEpochTruncate(t *testing.T) {
	for end, want := range map[model.Offset][]int{5: {}, 10: {}, 11: {2, 10}, 20: {2, 10}, 35: {2, 10, 4, 20}, 36: {2, 10, 4, 20, 7, 35}} {
		e := epochsOf(2, 10, 4, 20, 7, 35)
		e.truncateEnd(end)
		e.want(t, want...)
	}
	for start, want := range map[model.Offset][]int{5: {2, 10, 4, 20, 7, 35}, 10: {2, 10, 4, 20, 7, 35}, 15: {2, 15, 4, 20, 7, 35}, 20: {4, 20, 7, 35}, 40: {7, 40}} {
		e := epochsOf(2, 10, 4, 20, 7, 35)
		e.truncateStart(start)
		e.want(t, want...)
	}
}

func TestEpochsSurvive(t *testing.T) {
	for _, how := range []string{"close", "kill"} {
		t.Run(how, func(t *testing.T) {
			fs := vfs.NewMem(1)
			tl := newTestLog(t, fs, "/d", nil)
			for e := range model.LeaderEpoch(4) {
				must(t, tl.AssignEpoch(2*e))
				tl.put(2*e, 3, 10)
			}
			must(t, tl.AssignEpoch(9)) // without records
			if e, err := tl.LatestEpoch(); e != 9 || err != nil {
				t.Fatal(e, err)
			}
			if how == "close" {
				must(t, tl.Close())
			} else {
				fs.Kill()
			}
			tl.open(LogOptions{Clean: how == "close"})
			if e, _ := tl.LatestEpoch(); e != 6 {
				t.Errorf("latest epoch %d, want that of the last record", e)
			}
			for epoch, want := range map[model.LeaderEpoch]EpochEnd{0: {0, 3}, 1: {0, 3}, 4: {4, 9}, 6: {6, 12}, 7: {-1, -1}} {
				if got, err := tl.EndOffsetForEpoch(epoch); got != want || err != nil {
					t.Errorf("end of %d: %+v, want %+v (%v)", epoch, got, want, err)
				}
			}
		})
	}
}

// TestUnloadedLogsRememberTheirEpoch without opening anything.
func TestUnloadedLogsRememberTheirEpoch(t *testing.T) {
	tl := newTestLog(t, vfs.NewMem(1), "/d", nil)
	tl.put(1, 3, 10)
	must(t, tl.Unload())
	must(t, tl.AssignEpoch(5))
	must(t, tl.AssignEpoch(6))
	if tl.Loaded() {
		t.Fatal("AssignEpoch loads")
	}
	must(t, tl.Load(1))
	if end, err := tl.EndOffsetForEpoch(1); end != (EpochEnd{1, 3}) || err != nil {
		t.Errorf("%+v %v", end, err)
	}
	if e, _ := tl.LatestEpoch(); e != 6 {
		t.Errorf("latest epoch %d", e)
	}
	if e, _ := tl.EpochAt(2); e != 1 {
		t.Errorf("epoch at 2: %d", e)
	}
}

// TestIdlePartitionsAreNotSynced: after a restart every partition gets an
// epoch; that alone writes nothing.
func TestIdlePartitionsAreNotSynced(t *testing.T) {
	fs := vfs.NewMem(1)
	tl := newTestLog(t, fs, "/d", nil)
	tl.put(1, 3, 10)
	must(t, tl.Unload())
	before := fs.Ops()
	must(t, tl.AssignEpoch(2))
	must(t, tl.Load(1))
	must(t, tl.Unload())
	must(t, tl.Close())
	if n := fs.Ops() - before; n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestDamagedEpochFile(t *testing.T) {
	for _, content := range []string{"", "0\n", "0\n2\n1 0\n", "0\n1\n1 0", "1\n0\n", "0\n1\nx y\n", "\x00\x00\x00"} {
		fs := vfs.NewMem(1)
		tl := newTestLog(t, fs, "/d", nil)
		tl.put(3, 2, 10)
		tl.put(5, 2, 10)
		must(t, tl.Close())
		must(t, vfs.WriteFile(fs, filepath.Join(tl.dir, epochCheckpointName), []byte(content), true))
		tl.open(LogOptions{Clean: true, RecoveryPoint: 4})
		e, err := tl.LatestEpoch()
		must(t, err)
		if empty := content == "" || content == "0\n"; e != 5 && !empty || empty && e != model.NoEpoch {
			t.Errorf("%q: latest epoch %d", content, e)
		}
		tl.all()
	}
}
