package metadata

import (
	"maps"
	"strings"
	"testing"
)

func TestVersions(t *testing.T) {
	if n := int(MaxVersion-MinVersion) + 1; n != len(versions) {
		t.Fatalf("%d names for %d levels", len(versions), n)
	}
	for in, want := range map[string]Version{
		"3.3-IV3": 7, "3.3": 7, "3.5": 11, "3.7-IV2": 17, "3.7": 19, "3.9.1": 21, "4.0": 25, "4.1": 27, "4.2": 29, "4.3": 30, "4.4": 33, "4.4.0": 33, "4.4-IV0": 31,
	} {
		if v, err := ParseVersion(in); err != nil || v != want {
			t.Errorf("ParseVersion(%q) = %d, %v; want %d", in, v, err, want)
		}
	}
	for _, in := range []string{"", "3.2", "4.5", "4.4-IV9", "x"} {
		_, err := ParseVersion(in)
		if err == nil || !strings.HasPrefix(err.Error(), "Unknown metadata.version '"+in+"'. Supported metadata.version are: 3.3-IV3, 3.4-IV0,") {
			t.Errorf("ParseVersion(%q): %v", in, err)
		}
	}
	// Facts printed by MetadataVersion of Kafka 4.4.0.
	for _, c := range []struct {
		v                              Version
		register, partition, fetch, lo int16
	}{
		{7, 1, 0, 13, 7}, {8, 2, 0, 13, 7}, {9, 2, 0, 14, 8}, {10, 2, 0, 15, 8}, {16, 2, 0, 15, 8}, {17, 3, 1, 15, 8}, {19, 3, 1, 16, 8},
		{21, 3, 1, 17, 9}, {22, 3, 1, 17, 9}, {23, 3, 2, 17, 9}, {25, 3, 2, 17, 10}, {27, 3, 2, 18, 10}, {29, 3, 2, 18, 11}, {30, 4, 2, 18, 11}, {33, 4, 2, 18, 11},
	} {
		if c.v.RegisterBroker() != c.register || c.v.Partition() != c.partition || c.v.Fetch() != c.fetch || c.v.ListOffsets() != c.lo {
			t.Errorf("%s: RegisterBroker %d, Partition %d, Fetch %d, ListOffsets %d; want %+v", c.v, c.v.RegisterBroker(), c.v.Partition(), c.v.Fetch(), c.v.ListOffsets(), c)
		}
	}
	changed := []Version{7, 8, 11, 13, 14, 15, 17, 23, 30, 32, 33}
	for v := MinVersion; v <= MaxVersion; v++ {
		want := false
		for _, c := range changed {
			want = want || c == v
		}
		if v.Changed() != want {
			t.Errorf("%s.Changed() = %v", v, !want)
		}
	}
}

func TestDefaultLevels(t *testing.T) {
	for v, want := range map[Version]map[string]int16{
		V3_9_IV0: {},
		V4_0_IV0: {FeatureGroup: 1},
		V4_0_IV3: {FeatureGroup: 1, FeatureTransaction: 2},
		V4_1_IV1: {FeatureGroup: 1, FeatureTransaction: 2, FeatureELR: 1},
		V4_2_IV1: {FeatureGroup: 1, FeatureTransaction: 2, FeatureELR: 1, FeatureShare: 1, FeatureStreams: 1},
		V4_4_IV2: {FeatureGroup: 1, FeatureTransaction: 2, FeatureELR: 1, FeatureShare: 2, FeatureStreams: 1},
	} {
		if got := DefaultLevels(v); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", v, got, want)
		}
	}
}

func TestLevels(t *testing.T) {
	var l Levels
	l = l.with("b", 2).with("a", 1).with("c", 3)
	before := l
	l = l.with("b", 0).with("a", 5)
	if l.Get("a") != 5 || l.Get("b") != 0 || l.Get("c") != 3 || len(l.Other) != 2 {
		t.Fatalf("%+v", l)
	}
	if before.Get("a") != 1 || before.Get("b") != 2 {
		t.Fatalf("an older value changed: %+v", before)
	}
}
