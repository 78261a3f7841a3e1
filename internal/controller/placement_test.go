package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// cluster is a state with brokers: racks[i] is the rack of broker i ("" none),
// fenced ones in fenced.
func clusterState(t testing.TB, racks []string, fenced map[int]bool, seed uint64) *state {
	s := newState(t, nil)
	s.rng = newRNG(seed)
	d := metadata.NewDelta(s.tip)
	for i, r := range racks {
		m := wire.NewRegisterBrokerRecord()
		m.BrokerId, m.Fenced, m.LogDirs = int32(i), fenced[i], []model.UUID{id(i)}
		if r != "" {
			m.Rack = &r
		}
		if err := d.Replay(metadata.Record{Msg: m, Version: 4}); err != nil {
			t.Fatal(err)
		}
	}
	s.tip = d.Image(metadata.Provenance{})
	return s
}

// TestPlacementRules checks what Kafka promises of placement, on random
// clusters: distinct replicas, an unfenced leader, racks used evenly within a
// partition, leaders spread evenly over the partitions.
func TestPlacementRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		names := rapid.SampledFrom([][]string{{""}, {"a"}, {"a", "b"}, {"a", "b", "c"}, {"", "a"}}).Draw(rt, "racks")
		n := rapid.IntRange(1, 12).Draw(rt, "brokers")
		racks, fenced := make([]string, n), map[int]bool{}
		unfenced := 0
		for i := range racks {
			racks[i] = names[rapid.IntRange(0, len(names)-1).Draw(rt, "rack")]
			if fenced[i] = rapid.IntRange(0, 4).Draw(rt, "fenced") == 0; !fenced[i] {
				unfenced++
			}
		}
		rf := rapid.IntRange(1, 5).Draw(rt, "rf")
		s := clusterState(t, racks, fenced, rapid.Uint64().Draw(rt, "seed"))
		p := newPlacer(s)
		err := p.check(rf)
		if want := rf <= n && unfenced > 0; (err == nil) != want {
			rt.Fatalf("%d replicas on %d brokers, %d unfenced: %v", rf, n, unfenced, err)
		}
		if err != nil {
			return
		}
		leaders := map[model.BrokerID]int{}
		rounds := rapid.IntRange(1, 4).Draw(rt, "rounds")
		for range rounds * unfenced {
			replicas := p.place(rf)
			checkPlaced(rt, replicas, rf, racks, fenced)
			leaders[replicas[0]]++
		}
		if len(names) == 1 { // in one rack, each leads once a round
			for b, k := range leaders {
				if k != rounds {
					rt.Fatalf("broker %d leads %d of %d rounds: %v", b, k, rounds, leaders)
				}
			}
		}
	})
}

func checkPlaced(t *rapid.T, replicas []model.BrokerID, rf int, racks []string, fenced map[int]bool) {
	sorted := slices.Clone(replicas)
	slices.Sort(sorted)
	if len(replicas) != rf || len(slices.Compact(sorted)) != rf {
		t.Fatalf("%d replicas wanted, got %v", rf, replicas)
	}
	if fenced[int(replicas[0])] {
		t.Fatalf("the fenced broker %d was made leader", replicas[0])
	}
	perRack := map[string]int{}
	for _, r := range replicas {
		perRack[racks[r]]++
	}
	size := map[string]int{}
	for _, r := range racks {
		size[r]++
	}
	// No rack holds two more than another that has brokers left.
	for a, n := range perRack {
		for b := range size {
			if m := perRack[b]; n > m+1 && m < size[b] && a != b {
				t.Fatalf("rack %q has %d replicas and %q %d of %d: %v", a, n, b, m, size[b], replicas)
			}
		}
	}
}

func TestPlacementIsRepeatedBySeed(t *testing.T) {
	place := func(seed uint64) string {
		p := newPlacer(clusterState(t, []string{"a", "a", "b", "b", "c"}, nil, seed))
		var out []string
		for range 20 {
			out = append(out, fmt.Sprint(p.place(3)))
		}
		return fmt.Sprint(out)
	}
	if place(1) != place(1) {
		t.Fatal("one seed, two placements")
	}
	if place(1) == place(2) && place(2) == place(3) {
		t.Fatal("the seed does not matter")
	}
}

// TestSpreadOverTopics creates many topics of one partition: their leaders must
// spread, which is what the random start is for.
func TestSpreadOverTopics(t *testing.T) {
	s := clusterState(t, []string{"a", "b", "c", "a", "b", "c"}, nil, 7)
	leaders := map[model.BrokerID]int{}
	const n = 6000
	for range n {
		leaders[newPlacer(s).place(3)[0]]++
	}
	for b, k := range leaders {
		if k < n/6*8/10 || k > n/6*12/10 {
			t.Fatalf("broker %d leads %d of %d: %v", b, k, n, leaders)
		}
	}
}

func TestCollisions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.StringMatching(`[a._]{1,6}`)
		d := metadata.NewDelta(metadata.Empty())
		norm := map[string]bool{}
		for i, n := range rapid.SliceOfNDistinct(name, 0, 20, rapid.ID[string]).Draw(rt, "names") {
			if err := d.Replay(metadata.V0(&wire.TopicRecord{Name: n, TopicId: id(i)})); err != nil {
				rt.Fatal(err)
			}
			norm[unify(n)] = true
		}
		img := d.Image(metadata.Provenance{})
		n := name.Draw(rt, "new")
		found := collision(img.Topics, n)
		want := norm[unify(n)] && strings.ContainsAny(n, "._")
		if (found != "") != want || found != "" && (unify(found) != unify(n) || img.Topics.ByName(found) == nil) {
			rt.Fatalf("collision(%q) = %q, want one: %v", n, found, want)
		}
	})
}

func unify(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] == '.' {
			b[i] = '_'
		}
	}
	return string(b)
}
