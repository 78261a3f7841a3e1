package raft

import (
	"gregor/internal/kerr"
	"gregor/internal/model"
)

// Message is a request or a response of the protocol: the one partition of
// __cluster_metadata that the wire messages carry, flattened. The shell checks
// that topic and partition are right and adds them.
type Message interface{ message() }

// Request is a message that asks for an answer.
type Request interface {
	Message
	request()
}

// Leader is what every response says about the quorum: the responder's epoch,
// and the epoch's leader and its address if known.
type Leader struct {
	Epoch     model.LeaderEpoch
	ID        model.BrokerID
	Endpoints Endpoints
}

// VoteRequest asks for a vote, or, as a pre-vote, whether it would be given.
type VoteRequest struct {
	ClusterID *string
	Epoch     model.LeaderEpoch
	Candidate Key
	Voter     Key // who is asked; ID -1 if not said (v0)
	Last      ID  // end of the candidate's log
	PreVote   bool
}

// VoteResponse answers a VoteRequest. Top is the error of the whole response,
// and then nothing else is said; so in all responses.
type VoteResponse struct {
	Top, Code kerr.Code
	Leader    Leader
	Granted   bool
}

// BeginRequest is BeginQuorumEpoch: a new leader presents itself.
type BeginRequest struct {
	ClusterID *string
	Epoch     model.LeaderEpoch
	Leader    model.BrokerID
	Endpoints Endpoints // the leader's; empty in v0
	Voter     Key       // who is told; ID -1 if not said (v0)
}

// BeginResponse answers a BeginRequest.
type BeginResponse struct {
	Top, Code kerr.Code
	Leader    Leader
}

// EndRequest is EndQuorumEpoch: the leader gives up its epoch.
type EndRequest struct {
	ClusterID *string
	Epoch     model.LeaderEpoch
	Leader    model.BrokerID
	Endpoints Endpoints
	Preferred []Key // who should follow, best first
}

// EndResponse answers an EndRequest.
type EndResponse struct {
	Top, Code kerr.Code
	Leader    Leader
}

// FetchRequest asks for the log from an offset on.
type FetchRequest struct {
	ClusterID     *string
	Replica       Key // ID -1: somebody who only reads
	Epoch         model.LeaderEpoch
	Offset        model.Offset
	LastEpoch     model.LeaderEpoch // of the record before Offset
	HighWatermark model.Offset      // the follower's; -1 unknown (before v18: largest)
	MaxWait       model.Millis
	MaxBytes      int32
}

// FetchResponse answers a FetchRequest. At most one of Diverging, Snapshot and
// Records says something.
type FetchResponse struct {
	Top, Code     kerr.Code
	Leader        Leader
	LogStart      model.Offset
	HighWatermark model.Offset
	Diverging     *ID
	Snapshot      *ID
	Records       Records
}

// Records are batches that a follower received and its shell has checked: CRC,
// offsets that go on from base to end without going back, epochs that do not
// go back.
type Records struct {
	Bytes      []byte
	Base, Last model.Offset // first and last offset; meaningless when Bytes is empty
	Epochs     []EpochStart // epochs that begin in them, and the first batch's
	Controls   []Control
}

// FetchSnapshotRequest asks for a piece of a snapshot.
type FetchSnapshotRequest struct {
	ClusterID *string
	Replica   Key
	Epoch     model.LeaderEpoch
	Snapshot  ID
	Position  int64
	MaxBytes  int32
}

// FetchSnapshotResponse answers a FetchSnapshotRequest.
type FetchSnapshotResponse struct {
	Top, Code kerr.Code
	Leader    Leader
	Snapshot  ID
	Size      int64
	Position  int64
	Bytes     []byte
}

// AddVoterRequest is AddRaftVoter (KIP-853).
type AddVoterRequest struct {
	ClusterID        *string
	Timeout          model.Millis
	Voter            Key
	Endpoints        Endpoints
	AckWhenCommitted bool
}

// AddVoterResponse answers an AddVoterRequest.
type AddVoterResponse struct {
	Code kerr.Code
	Msg  string
}

// RemoveVoterRequest is RemoveRaftVoter.
type RemoveVoterRequest struct {
	ClusterID *string
	Voter     Key
}

// RemoveVoterResponse answers a RemoveVoterRequest.
type RemoveVoterResponse struct {
	Code kerr.Code
	Msg  string
}

// UpdateVoterRequest is UpdateRaftVoter: a voter tells its addresses and the
// kraft.versions it supports.
type UpdateVoterRequest struct {
	ClusterID *string
	Epoch     model.LeaderEpoch
	Voter     Voter
}

// UpdateVoterResponse answers an UpdateVoterRequest.
type UpdateVoterResponse struct {
	Code   kerr.Code
	Leader Leader
}

// VersionsRequest is ApiVersions, sent to a replica that is to become a voter.
type VersionsRequest struct{}

// VersionsResponse is its answer: the kraft.version range, if it has one.
type VersionsResponse struct {
	Code     kerr.Code
	Versions *VersionRange
}

// DescribeRequest is DescribeQuorum.
type DescribeRequest struct{}

// DescribeResponse is the state of the quorum as its leader sees it.
type DescribeResponse struct {
	Code          kerr.Code
	Leader        Leader
	HighWatermark model.Offset
	Voters        []ReplicaState
	Observers     []ReplicaState
}

// ReplicaState is what a leader knows of a replica. Times are -1 when unknown.
type ReplicaState struct {
	Key
	Endpoints    Endpoints
	End          model.Offset // -1 unknown
	LastFetch    model.Millis
	LastCaughtUp model.Millis
}

// Failed stands in for the response to a request that got none: the connection
// broke, was refused, or the peer's versions do not fit (UnsupportedVersion).
type Failed struct{ Code kerr.Code }

func (*VoteRequest) message()           {}
func (*VoteResponse) message()          {}
func (*BeginRequest) message()          {}
func (*BeginResponse) message()         {}
func (*EndRequest) message()            {}
func (*EndResponse) message()           {}
func (*FetchRequest) message()          {}
func (*FetchResponse) message()         {}
func (*FetchSnapshotRequest) message()  {}
func (*FetchSnapshotResponse) message() {}
func (*AddVoterRequest) message()       {}
func (*AddVoterResponse) message()      {}
func (*RemoveVoterRequest) message()    {}
func (*RemoveVoterResponse) message()   {}
func (*UpdateVoterRequest) message()    {}
func (*UpdateVoterResponse) message()   {}
func (*VersionsRequest) message()       {}
func (*VersionsResponse) message()      {}
func (*DescribeRequest) message()       {}
func (*DescribeResponse) message()      {}
func (*Failed) message()                {}

func (*VoteRequest) request()          {}
func (*BeginRequest) request()         {}
func (*EndRequest) request()           {}
func (*FetchRequest) request()         {}
func (*FetchSnapshotRequest) request() {}
func (*AddVoterRequest) request()      {}
func (*RemoveVoterRequest) request()   {}
func (*UpdateVoterRequest) request()   {}
func (*VersionsRequest) request()      {}
func (*DescribeRequest) request()      {}
