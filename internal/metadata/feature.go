package metadata

import "sort"

// The names of the features. Source: Feature of Apache Kafka 4.4.
const (
	FeatureMetadata    = "metadata.version"
	FeatureKRaft       = "kraft.version"
	FeatureTransaction = "transaction.version"
	FeatureGroup       = "group.version"
	FeatureELR         = "eligible.leader.replicas.version"
	FeatureShare       = "share.version"
	FeatureStreams     = "streams.version"
)

// Range is the levels of a feature that a node supports, both ends included.
type Range struct{ Min, Max int16 }

// Has reports whether level lies in the range.
func (r Range) Has(level int16) bool { return r.Min <= level && level <= r.Max }

// Feature describes a feature other than metadata.version.
type Feature struct {
	Name string
	Max  int16 // the minimum is 0
	// Since gives, for each level from 1 on, the metadata.version from which
	// new clusters have it by default.
	Since []Version
	// Needs gives, for each level from 1 on, the metadata.version it depends
	// on; 0 is none.
	Needs []Version
}

// Features are the features other than metadata.version, in Kafka's order.
var Features = []Feature{
	{Name: FeatureKRaft, Max: 1, Since: []Version{V3_9_IV0}, Needs: []Version{0}},
	{Name: FeatureTransaction, Max: 2, Since: []Version{V4_0_IV2, V4_0_IV2}, Needs: []Version{0, 0}},
	{Name: FeatureGroup, Max: 1, Since: []Version{V4_0_IV0}, Needs: []Version{0}},
	{Name: FeatureELR, Max: 1, Since: []Version{V4_1_IV0}, Needs: []Version{V4_0_IV1}},
	{Name: FeatureShare, Max: 2, Since: []Version{V4_2_IV0, V4_4_IV0}, Needs: []Version{0, 0}},
	{Name: FeatureStreams, Max: 1, Since: []Version{V4_2_IV1}, Needs: []Version{0}},
}

// FeatureByName finds a feature other than metadata.version.
func FeatureByName(name string) (*Feature, bool) {
	for i := range Features {
		if Features[i].Name == name {
			return &Features[i], true
		}
	}
	return nil, false
}

// DefaultLevel is the level of the feature in a new cluster of version v.
func (f *Feature) DefaultLevel(v Version) int16 {
	level := int16(0)
	for i, since := range f.Since {
		if v < since {
			break
		}
		level = int16(i + 1)
	}
	return level
}

// Supported are the levels this software supports, metadata.version among
// them, as brokers and controllers register and advertise them.
func Supported() map[string]Range {
	m := map[string]Range{FeatureMetadata: {int16(MinVersion), int16(MaxVersion)}}
	for _, f := range Features {
		m[f.Name] = Range{0, f.Max}
	}
	return m
}

// DefaultLevels are the levels of a new cluster of version v, metadata.version
// left out and kraft.version too, which is not a feature record; levels of 0
// are left out.
func DefaultLevels(v Version) map[string]int16 {
	m := map[string]int16{}
	for i := range Features {
		f := &Features[i]
		if l := f.DefaultLevel(v); l > 0 && f.Name != FeatureKRaft {
			m[f.Name] = l
		}
	}
	return m
}

// Levels are the finalized features of a cluster.
type Levels struct {
	// Version is metadata.version; NoVersion before the first record.
	Version Version
	// Other are the levels above 0 of the other features, sorted by name.
	Other []Level
}

// Level is the finalized level of a feature.
type Level struct {
	Name  string
	Level int16
}

// Get is the finalized level of a feature, 0 if there is none.
func (l Levels) Get(name string) int16 {
	if name == FeatureMetadata {
		return int16(l.Version)
	}
	if i, ok := l.find(name); ok {
		return l.Other[i].Level
	}
	return 0
}

// ELR reports whether eligible leader replicas are on.
func (l Levels) ELR() bool { return l.Get(FeatureELR) >= 1 }

func (l Levels) find(name string) (int, bool) {
	i := sort.Search(len(l.Other), func(i int) bool { return l.Other[i].Name >= name })
	return i, i < len(l.Other) && l.Other[i].Name == name
}

// with is l with one feature other than metadata.version set; 0 removes it.
func (l Levels) with(name string, level int16) Levels {
	i, ok := l.find(name)
	out := make([]Level, 0, len(l.Other)+1)
	out = append(out, l.Other[:i]...)
	if level != 0 {
		out = append(out, Level{name, level})
	}
	if ok {
		i++
	}
	l.Other = append(out, l.Other[i:]...)
	return l
}
