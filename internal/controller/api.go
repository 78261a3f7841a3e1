package controller

import (
	"iter"
	"log/slog"

	"gregor/internal/clock"
	"gregor/internal/config"
	"gregor/internal/metadata"
	"gregor/internal/model"
)

// Log is the metadata log, as the controller needs it.
type Log interface {
	// Append writes records as one batch, or several that are atomic together,
	// and returns the offset of the last one at once. It fails if this node is
	// not the leader of epoch.
	Append(epoch model.LeaderEpoch, recs []metadata.Record) (last model.Offset, err error)
	// Resign gives leadership up.
	Resign(epoch model.LeaderEpoch)
	// End is the offset the next record would get.
	End() model.Offset
	// Leader is the leader as far as this node knows, model.NoBroker if none.
	Leader() (model.BrokerID, model.LeaderEpoch)
	// Voters are the ids of the voters.
	Voters() []model.BrokerID
	// KRaftVersion is the kraft.version in force.
	KRaftVersion() int16
	// UpgradeKRaftVersion changes it, or only checks whether it could.
	UpgradeKRaftVersion(epoch model.LeaderEpoch, version int16, validateOnly bool) error
}

// Snapshots writes snapshots of the metadata log. Write is called by one
// goroutine of the controller, without holding up the loop.
type Snapshots interface {
	// Write writes a snapshot that contains everything up to at, and lets the
	// log delete what it covers.
	Write(at metadata.Provenance, recs iter.Seq[metadata.Record]) error
}

// Request is who asks, and how.
type Request struct {
	Principal string // such as User:ANONYMOUS
	ClientID  string
	Listener  string // the listener it came in by
	// Forwarded is set when a broker passed the request on for a client.
	Forwarded bool
	// Deadline is when the request is given up if it is still waiting for its
	// turn; 0 is never. Requests with a timeout of their own need none.
	Deadline model.Millis
	// Allowed says whether the principal may do op to a resource; nil allows
	// all. It is called from the controller's goroutine.
	Allowed func(op Operation, resource ResourceKind, name string) bool
}

// Operation is an ACL operation; the numbers are the protocol's.
type Operation int8

// The operations that the controller asks about.
const (
	OpCreate          Operation = 5
	OpDelete          Operation = 6
	OpAlter           Operation = 7
	OpDescribe        Operation = 8
	OpClusterAction   Operation = 9
	OpDescribeConfigs Operation = 10
	OpAlterConfigs    Operation = 11
)

// ResourceKind is the type of an ACL's resource; the numbers are the protocol's.
type ResourceKind int8

// The types of resources that the controller asks about.
const (
	KindTopic   ResourceKind = 2
	KindGroup   ResourceKind = 3
	KindCluster ResourceKind = 4
)

// ClusterName is the name of the one resource of KindCluster.
const ClusterName = "kafka-cluster"

func (r *Request) allowed(op Operation, kind ResourceKind, name string) bool {
	return r.Allowed == nil || r.Allowed(op, kind, name)
}

// Options are what a controller is made of.
type Options struct {
	ID        model.BrokerID
	ClusterID string
	Log       Log
	Snapshots Snapshots // nil writes none
	Clock     clock.Clock
	// Config is the node's configuration file: defaults of topics, timeouts.
	Config *config.Values
	// Bootstrap is what the first active controller writes into an empty log:
	// the records of kafka-storage format.
	Bootstrap []metadata.Record
	// Seed is for the placement of replicas.
	Seed uint64
	// NewID makes topic ids; nil is model.NewUUID.
	NewID func() model.UUID
	// Logger is nil for none.
	Logger *slog.Logger
	// OnFatal is told of a committed record that cannot be replayed: the node
	// must stop.
	OnFatal func(error)
	// MaxQueue is how many requests may wait; 0 is 10,000.
	MaxQueue int
}
