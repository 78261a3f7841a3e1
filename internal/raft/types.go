package raft

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gregor/internal/model"
)

// ID names a point in the log: an end offset and the epoch of the record
// before it. Snapshots are named by it.
type ID struct {
	Offset model.Offset
	Epoch  model.LeaderEpoch
}

// BootstrapID names the checkpoint that kafka-storage format writes. It is not
// committed and never sent to another node: the first leader copies its content
// into the log.
var BootstrapID = ID{0, 0}

// Compare orders ids by epoch, then offset: which log is more up to date.
func (a ID) Compare(b ID) int {
	if c := cmp.Compare(a.Epoch, b.Epoch); c != 0 {
		return c
	}
	return cmp.Compare(a.Offset, b.Offset)
}

// String is Kafka's text form.
func (a ID) String() string {
	return fmt.Sprintf("OffsetAndEpoch(offset=%d, epoch=%d)", a.Offset, a.Epoch)
}

// Key names a replica: node id and the directory.id of its metadata directory.
// A zero directory means that it is not known (kraft.version 0).
type Key struct {
	ID  model.BrokerID
	Dir model.DirectoryID
}

// None is the absence of a replica.
var None = Key{ID: model.NoBroker}

// Matches reports whether o is the replica k means: same id, and the same
// directory unless k's is not known.
func (k Key) Matches(o Key) bool {
	return k.ID == o.ID && (k.Dir.IsZero() || k.Dir == o.Dir)
}

// String is Kafka's text form.
func (k Key) String() string {
	if k.Dir.IsZero() {
		return fmt.Sprintf("ReplicaKey(id=%d, directoryId=<undefined>)", k.ID)
	}
	return fmt.Sprintf("ReplicaKey(id=%d, directoryId=%s)", k.ID, k.Dir)
}

func compareKeys(a, b Key) int {
	if c := cmp.Compare(a.ID, b.ID); c != 0 {
		return c
	}
	return slices.Compare(a.Dir[:], b.Dir[:])
}

// Address is a host and a port.
type Address struct {
	Host string
	Port uint16
}

// Endpoint is the address of a node under a listener name (upper case).
type Endpoint struct {
	Listener string
	Address
}

// Endpoints are the addresses of one node, at most one per listener.
type Endpoints []Endpoint

// Address is the address under a listener name.
func (e Endpoints) Address(listener string) (Address, bool) {
	for _, x := range e {
		if x.Listener == listener {
			return x.Address, true
		}
	}
	return Address{}, false
}

// Equal compares regardless of order.
func (e Endpoints) Equal(o Endpoints) bool {
	if len(e) != len(o) {
		return false
	}
	for _, x := range e {
		if a, ok := o.Address(x.Listener); !ok || a != x.Address {
			return false
		}
	}
	return true
}

// VersionRange is the kraft.version levels a node supports, both ends included.
type VersionRange struct{ Min, Max int16 }

// Has reports whether v lies in the range.
func (r VersionRange) Has(v int16) bool { return r.Min <= v && v <= r.Max }

// Supported is the kraft.version range of this implementation.
var Supported = VersionRange{0, 1}

// Voter is a member of a voter set.
type Voter struct {
	Key
	Endpoints Endpoints
	Versions  VersionRange
}

// Equal compares all fields.
func (v Voter) Equal(o Voter) bool {
	return v.Key == o.Key && v.Versions == o.Versions && v.Endpoints.Equal(o.Endpoints)
}

// Voters is a voter set, sorted by node id; ids are unique. It is never
// changed in place.
type Voters []Voter

// NewVoters sorts and checks a voter set.
func NewVoters(vs ...Voter) (Voters, error) {
	out := slices.Clone(vs)
	slices.SortFunc(out, func(a, b Voter) int { return cmp.Compare(a.ID, b.ID) })
	for i, v := range out {
		if v.ID < 0 {
			return nil, fmt.Errorf("voter set holds the negative node id %d", v.ID)
		}
		if i > 0 && out[i-1].ID == v.ID {
			return nil, fmt.Errorf("voter set holds node id %d twice", v.ID)
		}
	}
	return out, nil
}

// Get is the voter with a node id.
func (vs Voters) Get(id model.BrokerID) (Voter, bool) {
	i, ok := slices.BinarySearchFunc(vs, id, func(v Voter, id model.BrokerID) int { return cmp.Compare(v.ID, id) })
	if !ok {
		return Voter{}, false
	}
	return vs[i], true
}

// Has reports whether k is a voter.
func (vs Voters) Has(k Key) bool {
	v, ok := vs.Get(k.ID)
	return ok && v.Key.Matches(k)
}

// Only reports whether k is the one voter.
func (vs Voters) Only(k Key) bool { return len(vs) == 1 && vs.Has(k) }

// IDs are the node ids, sorted.
func (vs Voters) IDs() []model.BrokerID {
	out := make([]model.BrokerID, len(vs))
	for i, v := range vs {
		out[i] = v.ID
	}
	return out
}

// Equal compares two sets.
func (vs Voters) Equal(o Voters) bool { return slices.EqualFunc(vs, o, Voter.Equal) }

// with is the set with v in place of the voter of the same id.
func (vs Voters) with(v Voter) Voters {
	out := slices.Clone(vs)
	for i := range out {
		if out[i].ID == v.ID {
			out[i] = v
			return out
		}
	}
	out = append(out, v)
	slices.SortFunc(out, func(a, b Voter) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// without is the set without the voter k; ok is false if it is none or the last.
func (vs Voters) without(k Key) (Voters, bool) {
	old, found := vs.Get(k.ID)
	if !found || old.Key != k || len(vs) < 2 {
		return nil, false
	}
	return slices.DeleteFunc(slices.Clone(vs), func(v Voter) bool { return v.ID == k.ID }), true
}

// stale reports whether me is in the set under other addresses or versions.
func (vs Voters) stale(me Voter) bool {
	v, ok := vs.Get(me.ID)
	return ok && v.Key.Matches(me.Key) && !v.Equal(me)
}

// supports reports whether every voter supports a kraft.version.
func (vs Voters) supports(version int16) bool {
	for _, v := range vs {
		if !v.Versions.Has(version) {
			return false
		}
	}
	return true
}

// keysString is Kafka's text form of a set of replica keys.
func (vs Voters) keysString() string {
	var s []string
	for _, v := range vs {
		s = append(s, v.Key.String())
	}
	return "[" + strings.Join(s, ", ") + "]"
}

// QuorumState is what must survive a crash: Kafka's quorum-state file.
type QuorumState struct {
	Epoch    model.LeaderEpoch
	Leader   model.BrokerID // model.NoBroker if not known
	Voted    Key            // None if no vote was given in Epoch
	Voters   Voters         // written by kraft.version 0 only
	KVersion int16          // kraft.version in force: decides the file's version
}

// EpochStart is an epoch and the offset of its first record.
type EpochStart struct {
	Epoch model.LeaderEpoch
	Start model.Offset
}

// Control is a control record that the core must know, with its offset; -1
// when it comes from the bootstrap checkpoint.
type Control struct {
	Offset   model.Offset
	Voters   Voters // KRaftVoters; nil if this is a KRaftVersion
	KVersion int16  // KRaftVersion
}

// LogState is the shape of the local log when the node starts.
type LogState struct {
	Start     model.Offset
	End       model.Offset
	Epochs    []EpochStart // ascending
	Snapshots []ID         // ascending
	Controls  []Control    // of the latest snapshot and of the log, in order
}

// Config is what a node is.
type Config struct {
	Key
	ClusterID string
	// Voter says that the node may be a voter: it has the controller role.
	Voter bool
	// Listener is the name under which nodes reach each other: the first of
	// controller.listener.names.
	Listener string
	// Endpoints are this node's own advertised controller listeners.
	Endpoints Endpoints
	// Static is controller.quorum.voters; empty in a dynamic quorum.
	Static Voters
	// Bootstrap is controller.quorum.bootstrap.servers, or the static voters'
	// addresses.
	Bootstrap []Address

	ElectionTimeout    model.Millis // controller.quorum.election.timeout.ms
	FetchTimeout       model.Millis // controller.quorum.fetch.timeout.ms
	ElectionBackoffMax model.Millis // controller.quorum.election.backoff.max.ms
	RequestTimeout     model.Millis // controller.quorum.request.timeout.ms
	RetryBackoff       model.Millis // controller.quorum.retry.backoff.ms
	FetchWait          model.Millis // how long a leader may hold a fetch; Kafka: 500
	FetchMaxBytes      int32        // controller.quorum.fetch.max.bytes
	SnapshotMaxBytes   int32        // controller.quorum.fetch.snapshot.max.bytes
	AutoJoin           bool         // controller.quorum.auto.join.enable
	MaxParked          int          // fetches held at most; more are answered at once
	Seed               uint64       // for election timeouts
}

// Defaults fills in Kafka's defaults where a setting is 0.
func (c Config) Defaults() Config {
	def := func(p *model.Millis, v model.Millis) {
		if *p == 0 {
			*p = v
		}
	}
	def(&c.ElectionTimeout, 1000)
	def(&c.FetchTimeout, 2000)
	def(&c.ElectionBackoffMax, 1000)
	def(&c.RequestTimeout, 2000)
	def(&c.RetryBackoff, 20)
	def(&c.FetchWait, 500)
	if c.FetchMaxBytes == 0 {
		c.FetchMaxBytes = 1 << 20
	}
	if c.SnapshotMaxBytes == 0 {
		c.SnapshotMaxBytes = 1 << 20
	}
	if c.MaxParked == 0 {
		c.MaxParked = 10_000
	}
	return c
}
