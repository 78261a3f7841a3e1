package raft

import "gregor/internal/model"

// Effect is something the shell must do.
type Effect interface{ effect() }

// Persist makes the quorum state durable before the next effect is performed.
type Persist struct{ State QuorumState }

// Peer is whom a request goes to: a node by id, or a bootstrap server, whose
// id is not known yet (ID -2 and below).
type Peer struct {
	ID model.BrokerID
	Address
}

// Send sends a request. The answer, or Failed, comes back as Response(Corr, ...).
type Send struct {
	To   Peer
	Corr uint64
	Msg  Request
}

// Reply answers the request with this token. A FetchResponse without error,
// Diverging or Snapshot is followed by the records: see ReplyRecords.
type Reply struct {
	Token uint64
	Msg   Message
}

// ReplyRecords answers a fetch with Msg and the batches from From on, at most
// MaxBytes but at least one, all below End.
type ReplyRecords struct {
	Token    uint64
	Msg      *FetchResponse
	From     model.Offset
	End      model.Offset
	MaxBytes int32
}

// ReplySnapshot answers with Msg and the bytes of Msg.Snapshot from
// Msg.Position on, at most MaxBytes. The shell knows the file: SnapshotNotFound
// or PositionOutOfRange are its to say.
type ReplySnapshot struct {
	Token    uint64
	Msg      *FetchSnapshotResponse
	MaxBytes int32
}

// LeaderChange is the content of the first record of an epoch.
type LeaderChange struct {
	Leader   model.BrokerID
	Voters   []model.BrokerID
	Granting []model.BrokerID
}

// AppendControl appends one control batch: the records that are set, in the
// order of the fields.
type AppendControl struct {
	Epoch        model.LeaderEpoch
	LeaderChange *LeaderChange
	KVersion     *int16
	Voters       Voters
}

// BecomeLeader opens the log for appends of Epoch, the first at Base.
type BecomeLeader struct {
	Epoch model.LeaderEpoch
	Base  model.Offset
}

// StopLeading closes it: what was appended and not written yet is dropped.
type StopLeading struct{}

// WriteFetched appends batches received from the leader; with Sync they are
// durable before the next effect.
type WriteFetched struct {
	Records Records
	Sync    bool
}

// Truncate removes the log from To on.
type Truncate struct{ To model.Offset }

// SnapshotChunk writes a piece of a snapshot that is being fetched; Position 0
// begins it anew.
type SnapshotChunk struct {
	ID       ID
	Position int64
	Bytes    []byte
}

// InstallSnapshot completes a fetched snapshot: check it, make it durable, and
// let the log begin and end at its offset. The shell answers with Installed, or
// InstallFailed when the file turns out to be damaged.
type InstallSnapshot struct{ ID ID }

// DropSnapshot gives up a snapshot that is being fetched.
type DropSnapshot struct{ ID ID }

// HighWatermark says that everything below Offset is committed.
type HighWatermark struct{ Offset model.Offset }

// LeaderChanged says who leads, as far as this node knows. For this node's own
// leadership EpochStart is where its epoch begins: listeners hear of it once
// they have been given everything below and at it.
type LeaderChanged struct {
	Leader     model.BrokerID
	Epoch      model.LeaderEpoch
	EpochStart model.Offset
}

// Stopped says that a graceful shutdown is complete.
type Stopped struct{}

// Note is a line for the log: a transition or something odd a peer did.
type Note struct {
	Warn bool
	Text string
}

func (Persist) effect()         {}
func (Send) effect()            {}
func (Reply) effect()           {}
func (ReplyRecords) effect()    {}
func (ReplySnapshot) effect()   {}
func (AppendControl) effect()   {}
func (BecomeLeader) effect()    {}
func (StopLeading) effect()     {}
func (WriteFetched) effect()    {}
func (Truncate) effect()        {}
func (SnapshotChunk) effect()   {}
func (InstallSnapshot) effect() {}
func (DropSnapshot) effect()    {}
func (HighWatermark) effect()   {}
func (LeaderChanged) effect()   {}
func (Stopped) effect()         {}
func (Note) effect()            {}
