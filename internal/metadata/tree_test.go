package metadata

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// check verifies order, fill and depth of a tree.
func (t tree[K, V]) check(tt *rapid.T) {
	depth := -1
	var walk func(n *node[K, V], d int)
	walk = func(n *node[K, V], d int) {
		if n != t.root && (len(n.keys) < degree-1 || len(n.keys) > maxItems) {
			tt.Fatalf("node holds %d entries", len(n.keys))
		}
		if len(n.vals) != len(n.keys) {
			tt.Fatalf("%d keys, %d values", len(n.keys), len(n.vals))
		}
		if n.kids == nil {
			if depth >= 0 && d != depth {
				tt.Fatalf("leaves at depths %d and %d", depth, d)
			}
			depth = d
			return
		}
		if len(n.kids) != len(n.keys)+1 {
			tt.Fatalf("%d children of %d keys", len(n.kids), len(n.keys))
		}
		for _, k := range n.kids {
			walk(k, d+1)
		}
	}
	if t.root != nil {
		walk(t.root, 0)
	}
}

func TestTreeIsAMapWhoseSnapshotsStay(t *testing.T) {
	type snap struct {
		tree tree[int, int]
		want map[int]int
	}
	rapid.Check(t, func(t *rapid.T) {
		tr := tree[int, int]{cmp: cmp.Compare[int]}
		model := map[int]int{}
		var snaps []snap
		e := new(edit)
		space := rapid.SampledFrom([]int{10, 200, 3000}).Draw(t, "space")
		steps := rapid.IntRange(1, 1500).Draw(t, "steps")
		grow := rapid.IntRange(1, 9).Draw(t, "grow")
		seed := uint64(rapid.Uint32().Draw(t, "seed"))
		next := func(n int) int { // one draw seeds many steps: fast
			seed = seed*6364136223846793005 + 1442695040888963407
			return int(seed>>33) % n
		}
		for range steps {
			k := next(space)
			switch op := next(20); {
			case op == 0 && len(snaps) < 20:
				snaps = append(snaps, snap{tr, maps.Clone(model)})
				e = new(edit)
			case op%10 < grow:
				v := next(1 << 20)
				tr.set(e, k, v)
				model[k] = v
			default:
				_, had := model[k]
				if tr.del(e, k) != had {
					t.Fatalf("del(%d) said %v", k, !had)
				}
				delete(model, k)
			}
		}
		tr.check(t)
		for _, s := range append(snaps, snap{tr, model}) {
			if s.tree.len != len(s.want) || !maps.Equal(maps.Collect(s.tree.all()), s.want) {
				t.Fatalf("tree differs from its model: %d entries, want %d", s.tree.len, len(s.want))
			}
			keys := slices.Sorted(maps.Keys(s.want))
			at := next(space)
			var got []int
			for k := range s.tree.from(at) {
				got = append(got, k)
			}
			i, _ := slices.BinarySearch(keys, at)
			if !slices.Equal(got, keys[i:]) {
				t.Fatalf("from(%d) gave %v, want %v", at, got, keys[i:])
			}
			if v, ok := s.tree.get(at); ok != (maps.Collect(s.tree.all())[at] == v && slices.Contains(keys, at)) {
				t.Fatalf("get(%d) = %d, %v", at, v, ok)
			}
		}
	})
}

func BenchmarkTreeSetOneEach(b *testing.B) {
	tr := tree[int, int]{cmp: cmp.Compare[int]}
	for i := range 10000 {
		tr.set(new(edit), i*7919%10007, i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tr.set(new(edit), i%10000, i)
	}
}
