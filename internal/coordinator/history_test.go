package coordinator

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"gregor/internal/model"
)

// TestMapAgainstModel: whatever is put, deleted, committed and undone, over
// two Maps of one History, the newest and the committed content are those of
// snapshots taken at every offset.
func TestMapAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type state [2]map[int]int
		copyOf := func(s state) state { return state{maps.Clone(s[0]), maps.Clone(s[1])} }
		h := &History{}
		ms := [2]*Map[int, int]{NewMap[int, int](h), NewMap[int, int](h)}
		now := state{{}, {}}
		// before[i] is the state before the changes at offset i.
		before := []state{copyOf(now)}
		committed := model.Offset(0)
		steps := rapid.IntRange(1, 80).Draw(t, "steps")
		for range steps {
			switch which, k := rapid.IntRange(0, 1).Draw(t, "map"), rapid.IntRange(0, 4).Draw(t, "key"); rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1:
				v := rapid.IntRange(0, 100).Draw(t, "value")
				ms[which].Put(k, v)
				now[which][k] = v
			case 2:
				ms[which].Delete(k)
				delete(now[which], k)
			case 3:
				before = append(before, copyOf(now))
				h.move(model.Offset(len(before) - 1))
			case 4:
				committed = model.Offset(rapid.IntRange(int(committed), len(before)-1).Draw(t, "commit"))
				h.commit(committed)
			case 5:
				to := rapid.IntRange(int(committed), len(before)-1).Draw(t, "revert")
				now = copyOf(before[to])
				before = before[:to+1]
				h.revert(model.Offset(to))
			}
			for i, m := range ms {
				if got := maps.Collect(m.All); !maps.Equal(got, now[i]) {
					t.Fatalf("map %d is %v, want %v", i, got, now[i])
				}
				want := before[committed][i]
				if got := maps.Collect(m.AllCommitted); !maps.Equal(got, want) {
					t.Fatalf("map %d is committed as %v, want %v", i, got, want)
				}
				for k := range 5 {
					v, ok := m.Committed(k)
					if w, has := want[k]; v != w || ok != has {
						t.Fatalf("map %d: key %d is committed as %v %v, want %v %v", i, k, v, ok, w, has)
					}
				}
			}
		}
		for i, m := range ms {
			if m.Len() != len(now[i]) {
				t.Fatalf("map %d has length %d, want %d", i, m.Len(), len(now[i]))
			}
			if h.pending() == 0 && m.Empty() != (m.Len() == 0) {
				t.Fatalf("map %d keeps slots of deleted keys", i)
			}
		}
	})
}
