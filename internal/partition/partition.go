package partition

import (
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record"
)

// Partition is one replica of a partition. Get it from replica.Set; hold it no
// longer than a request.
type Partition struct {
	topic string
	index int32
	id    model.TopicID
}

// Topic is the topic's name.
func (p *Partition) Topic() string { return p.topic }

// Index is the partition's number.
func (p *Partition) Index() int32 { return p.index }

// TopicID is the topic's id.
func (p *Partition) TopicID() model.TopicID { return p.id }

// Leader is the leader this replica knows of, and its epoch.
func (p *Partition) Leader() (model.BrokerID, model.LeaderEpoch) {
	return model.NoBroker, model.NoEpoch
}

// IsLeader reports whether this broker leads.
func (p *Partition) IsLeader() bool { return false }

// Config is the configuration in force.
func (p *Partition) Config() *Config { return nil }

// Append checks, numbers and appends a.Records as leader. Waiters that this
// makes ready are collected in woken; fire it when the pass is over.
func (p *Partition) Append(a *Append, woken *Woken) {}

// AppendGroup is Append for several batches of one pass, in order; those that
// pass the checks are written with one system call where possible. Each has
// its own result, and one that is refused does not keep the next from being
// appended.
func (p *Partition) AppendGroup(as []*Append, woken *Woken) {}

// Read finds what r asks for. Records that follow fetches make visible wake
// others; a follower's fetch counts as its acknowledgement.
func (p *Partition) Read(r *Read, woken *Woken) {}

// Park puts w in the list until the offset its kind is about has gone beyond
// at (WaitVisible, WaitStable, WaitEnd: pass Read.Bound) or has reached it
// (WaitCommitted: Append.Required; WaitLowWatermark), or the leader epoch
// changes or the partition goes away. false: that is so already, w is not
// parked; look again.
func (p *Partition) Park(w *Waiter, kind WaitKind, at model.Offset) bool { return false }

// Unpark takes w off the list. true: w will not be woken. false: it was not
// parked, or its Wake has come or is coming, and w may not be reused before.
func (p *Partition) Unpark(w *Waiter) bool { return false }

// Committed tells a produce with acks=-1 that was woken whether the high
// watermark has reached required, and if not, why it never will: an error code
// if the epoch is over (NOT_LEADER_OR_FOLLOWER). done with
// NOT_ENOUGH_REPLICAS_AFTER_APPEND says it is written, on too few replicas.
func (p *Partition) Committed(required model.Offset, epoch model.LeaderEpoch) (done bool, code kerr.Code) {
	return false, kerr.NotLeaderOrFollower
}

// List answers ListOffsets for a timestamp or one of the special values.
// client is false for followers and debugging consumers, which see up to the
// log end; anyReplica lets a follower answer (debugging consumers).
func (p *Partition) List(t model.Millis, iso Isolation, current model.LeaderEpoch, anyReplica bool) ListResult {
	return ListResult{}
}

// EndOffsetForEpoch answers OffsetForLeaderEpoch.
func (p *Partition) EndOffsetForEpoch(epoch, current model.LeaderEpoch) EpochEndResult {
	return EpochEndResult{}
}

// DeleteRecords raises the log start to to (-1: the high watermark). low is
// the low watermark: the smallest log start of the live replicas; when it is
// below to, the request waits (WaitLowWatermark, to).
func (p *Partition) DeleteRecords(to model.Offset, woken *Woken) (target, low model.Offset, err error) {
	return 0, 0, kerr.NotLeaderOrFollower
}

// LowWatermark is the smallest log start of the live replicas.
func (p *Partition) LowWatermark() (model.Offset, kerr.Code) { return 0, kerr.NotLeaderOrFollower }

// Producers appends what DescribeProducers shows to dst.
func (p *Partition) Producers(dst []record.ProducerInfo) ([]record.ProducerInfo, kerr.Code) {
	return dst, kerr.NotLeaderOrFollower
}

// StartVerification begins the first write of a transaction; see
// record.Producers.StartVerification.
func (p *Partition) StartVerification(id model.ProducerID, e model.ProducerEpoch, seq int32, bumpable bool, now model.Millis) (record.Guard, error) {
	return record.NoGuard, kerr.NotLeaderOrFollower
}

// Offsets is a snapshot of the offsets; it loads the log if need be.
func (p *Partition) Offsets() (Offsets, error) { return Offsets{}, kerr.NotLeaderOrFollower }
