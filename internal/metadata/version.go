package metadata

import (
	"fmt"
	"strings"
)

// Version is a level of the feature metadata.version: it decides which records,
// in which versions, may be written to the metadata log.
type Version int16

// The levels that the code asks about, named by the Kafka release that brought
// them. Source: MetadataVersion of Apache Kafka 4.4.
const (
	NoVersion Version = 0 // nothing is finalized yet

	V3_3_IV3 Version = 7
	V3_4_IV0 Version = 8
	V3_5_IV0 Version = 9
	V3_5_IV1 Version = 10
	V3_5_IV2 Version = 11
	V3_6_IV0 Version = 12
	V3_6_IV1 Version = 13
	V3_6_IV2 Version = 14
	V3_7_IV0 Version = 15
	V3_7_IV1 Version = 16
	V3_7_IV2 Version = 17
	V3_7_IV3 Version = 18
	V3_7_IV4 Version = 19
	V3_8_IV0 Version = 20
	V3_9_IV0 Version = 21
	V4_0_IV0 Version = 22
	V4_0_IV1 Version = 23
	V4_0_IV2 Version = 24
	V4_0_IV3 Version = 25
	V4_1_IV0 Version = 26
	V4_1_IV1 Version = 27
	V4_2_IV0 Version = 28
	V4_2_IV1 Version = 29
	V4_3_IV0 Version = 30
	V4_4_IV0 Version = 31
	V4_4_IV1 Version = 32
	V4_4_IV2 Version = 33

	// MinVersion and MaxVersion are the levels this software supports.
	MinVersion = V3_3_IV3
	MaxVersion = V4_4_IV2
)

// versions are the names of the levels from MinVersion on. changed tells that
// the level brought a new record or field, so that going below it may lose data.
var versions = [...]struct {
	name    string
	changed bool
}{
	{"3.3-IV3", true}, {"3.4-IV0", true}, {"3.5-IV0", false}, {"3.5-IV1", false}, {"3.5-IV2", true},
	{"3.6-IV0", false}, {"3.6-IV1", true}, {"3.6-IV2", true}, {"3.7-IV0", true}, {"3.7-IV1", false},
	{"3.7-IV2", true}, {"3.7-IV3", false}, {"3.7-IV4", false}, {"3.8-IV0", false}, {"3.9-IV0", false},
	{"4.0-IV0", false}, {"4.0-IV1", true}, {"4.0-IV2", false}, {"4.0-IV3", false}, {"4.1-IV0", false},
	{"4.1-IV1", false}, {"4.2-IV0", false}, {"4.2-IV1", false}, {"4.3-IV0", true}, {"4.4-IV0", false},
	{"4.4-IV1", true}, {"4.4-IV2", true},
}

// Known reports whether v is a level this software supports.
func (v Version) Known() bool { return MinVersion <= v && v <= MaxVersion }

// String is Kafka's name of the level, such as 4.4-IV2.
func (v Version) String() string {
	if !v.Known() {
		return fmt.Sprintf("unknown(%d)", int16(v))
	}
	return versions[v-MinVersion].name
}

// Release is the Kafka release of the level, such as 4.4.
func (v Version) Release() string {
	r, _, _ := strings.Cut(v.String(), "-")
	return r
}

// Changed reports whether the level brought new records or fields.
func (v Version) Changed() bool { return v.Known() && versions[v-MinVersion].changed }

// ParseVersion finds a level by name: 4.4-IV2, 4.4 (the last of the release),
// 4.4.0 (what follows the second part does not count).
func ParseVersion(s string) (Version, error) {
	key := s
	if parts := strings.Split(s, "."); len(parts) > 2 {
		key = parts[0] + "." + parts[1]
	}
	for v := MaxVersion; v >= MinVersion; v-- {
		if v.String() == key || v.Release() == key {
			return v, nil
		}
	}
	var all []string
	for v := MinVersion; v <= MaxVersion; v++ {
		all = append(all, v.String())
	}
	return 0, fmt.Errorf("Unknown metadata.version '%s'. Supported metadata.version are: %s", s, strings.Join(all, ", "))
}

// What a level allows.

// Scram allows SCRAM credentials in the log.
func (v Version) Scram() bool { return v >= V3_5_IV2 }

// EpochBumpOnShrink requires a new leader epoch when an ISR shrinks (KAFKA-15021).
func (v Version) EpochBumpOnShrink() bool { return v < V3_6_IV0 }

// Transactions allows metadata transactions (KIP-868).
func (v Version) Transactions() bool { return v >= V3_6_IV1 }

// DelegationTokens allows delegation tokens in the log.
func (v Version) DelegationTokens() bool { return v >= V3_6_IV2 }

// ControllerRegistration allows controllers to register (KIP-919).
func (v Version) ControllerRegistration() bool { return v >= V3_7_IV0 }

// Directories allows the assignment of replicas to directories (KIP-858).
func (v Version) Directories() bool { return v >= V3_7_IV2 }

// ELR allows eligible leader replicas in the log (KIP-966).
func (v Version) ELR() bool { return v >= V4_0_IV1 }

// Cordoned allows cordoned log directories in the log (KIP-1066).
func (v Version) Cordoned() bool { return v >= V4_3_IV0 }

// CIDRACLs allows address ranges as hosts of ACLs (KIP-1276).
func (v Version) CIDRACLs() bool { return v >= V4_4_IV1 }

// ControllerUnregistration allows controllers to be unregistered.
func (v Version) ControllerUnregistration() bool { return v >= V4_4_IV2 }

// RegisterBroker is the version of RegisterBrokerRecord to write.
func (v Version) RegisterBroker() int16 {
	switch {
	case v.Cordoned():
		return 4
	case v.Directories():
		return 3
	case v >= V3_4_IV0:
		return 2
	}
	return 1
}

// Partition is the version of PartitionRecord and of PartitionChangeRecord to write.
func (v Version) Partition() int16 {
	switch {
	case v.ELR():
		return 2
	case v.Directories():
		return 1
	}
	return 0
}

// Fetch is the highest Fetch version for replication.
func (v Version) Fetch() int16 {
	switch {
	case v >= V4_1_IV1:
		return 18
	case v >= V3_9_IV0:
		return 17
	case v >= V3_7_IV4:
		return 16
	case v >= V3_5_IV1:
		return 15
	case v >= V3_5_IV0:
		return 14
	}
	return 13
}

// ListOffsets is the highest ListOffsets version for replication.
func (v Version) ListOffsets() int16 {
	switch {
	case v >= V4_2_IV1:
		return 11
	case v >= V4_0_IV3:
		return 10
	case v >= V3_9_IV0:
		return 9
	case v >= V3_5_IV0:
		return 8
	}
	return 7
}
