package raft

import (
	"fmt"
	"slices"

	"gregor/internal/kerr"
	"gregor/internal/model"
)

const notLeader = kerr.NotLeaderOrFollower

// maxWait bounds how long a fetch is held, whatever it asks for.
const maxWait = 60_000

// parked is a fetch that waits for records or for the high watermark.
type parked struct {
	token uint64
	req   *FetchRequest
	until model.Millis
}

// onFetch answers a fetch now, or parks it.
func (n *Node) onFetch(token uint64, r *FetchRequest) {
	if !n.clusterOK(r.ClusterID) {
		n.emit(Reply{token, &FetchResponse{Top: kerr.InconsistentClusterId}})
		return
	}
	if r.MaxWait < 0 || r.Offset < 0 || r.LastEpoch < 0 || r.LastEpoch > r.Epoch {
		n.emit(Reply{token, n.fetchError(kerr.InvalidRequest)})
		return
	}
	n.tryFetch(token, r, r.MaxWait > 0)
}

// tryFetch answers a fetch. If it may wait and there is nothing to tell the
// follower, it is parked instead.
func (n *Node) tryFetch(token uint64, r *FetchRequest, mayWait bool) {
	if c := n.leaderOnly(r.Epoch); c != kerr.None {
		n.emit(Reply{token, n.fetchError(c)})
		return
	}
	l := n.role.(*leader)
	if r.Replica.ID == n.cfg.ID {
		n.emit(Reply{token, n.fetchError(kerr.UnknownServerError)})
		return
	}
	v, id := n.log.validate(r.Offset, r.LastEpoch)
	resp := n.fetchError(kerr.None)
	switch v {
	case diverging:
		resp.Diverging = &id
	case fromSnapshot:
		resp.Snapshot = &id
	case valid:
		l.followerAt(n, r.Replica, r.Offset)
	}
	if l.established {
		resp.HighWatermark = n.hw
	}
	if v == valid && r.Offset < n.log.end {
		n.emit(ReplyRecords{token, resp, r.Offset, n.log.end, r.MaxBytes})
		return
	}
	news := v != valid || r.HighWatermark < resp.HighWatermark
	if news || !mayWait || len(l.parked) >= n.cfg.MaxParked {
		n.emit(Reply{token, resp})
		return
	}
	l.unpark(n, r.Replica)
	l.parked = append(l.parked, parked{token, r, n.now + min(r.MaxWait, maxWait)})
}

// unpark answers what a replica has waiting: it asks anew, so it has given up
// on that.
func (l *leader) unpark(n *Node, k Key) {
	i := slices.IndexFunc(l.parked, func(p parked) bool { return k.ID >= 0 && p.req.Replica == k })
	if i < 0 {
		return
	}
	p := l.parked[i]
	l.parked = slices.Delete(l.parked, i, i+1)
	n.tryFetch(p.token, p.req, false)
}

// fetchError is an answer without records.
func (n *Node) fetchError(c kerr.Code) *FetchResponse {
	return &FetchResponse{Code: c, Leader: n.leaderInfo(), LogStart: n.log.start, HighWatermark: -1}
}

// wakeParked answers the fetches that have something to read now, or all when
// the high watermark moved.
func (l *leader) wakeParked(n *Node, all bool) {
	if len(l.parked) == 0 {
		return
	}
	wake := l.parked
	l.parked = nil
	for _, p := range wake {
		if !all && p.req.Offset >= n.log.end {
			l.parked = append(l.parked, p)
			continue
		}
		n.tryFetch(p.token, p.req, false)
	}
}

func (l *leader) expireParked(n *Node) {
	var due []parked
	l.parked = slices.DeleteFunc(l.parked, func(p parked) bool {
		if n.now >= p.until {
			due = append(due, p)
			return true
		}
		return false
	})
	for _, p := range due {
		n.tryFetch(p.token, p.req, false)
	}
}

func (l *leader) nextParked() model.Millis {
	next := never
	for _, p := range l.parked {
		next = min(next, p.until)
	}
	return next
}

// onFetchSnapshot answers with a piece of a snapshot. The bootstrap checkpoint
// is nobody else's: its content is in the log.
func (n *Node) onFetchSnapshot(token uint64, r *FetchSnapshotRequest) {
	if !n.clusterOK(r.ClusterID) {
		n.emit(Reply{token, &FetchSnapshotResponse{Top: kerr.InconsistentClusterId}})
		return
	}
	resp := &FetchSnapshotResponse{Leader: n.leaderInfo()}
	resp.Code = n.leaderOnly(r.Epoch)
	if resp.Code == kerr.None && (r.Snapshot == BootstrapID || !slices.Contains(n.log.snapshots, r.Snapshot)) {
		resp.Code = kerr.SnapshotNotFound
	}
	if resp.Code == kerr.None && r.Position < 0 {
		resp.Code = kerr.PositionOutOfRange
	}
	if resp.Code != kerr.None {
		n.emit(Reply{token, resp})
		return
	}
	if r.Replica.ID != n.cfg.ID {
		n.role.(*leader).heard(n, r.Replica)
	}
	resp.Snapshot, resp.Position = r.Snapshot, r.Position
	n.emit(ReplySnapshot{token, resp, r.MaxBytes})
}

// SnapshotTaken says that this node wrote a snapshot of its own.
func (n *Node) SnapshotTaken(id ID, now model.Millis) {
	n.at(now)
	n.log.addSnapshot(id)
	n.finish()
}

// Cleaned says that the log begins at start now; snapshots before it are gone.
func (n *Node) Cleaned(start model.Offset, now model.Millis) {
	n.at(now)
	n.log.clean(start)
	n.finish()
}

// CheckSnapshot says whether a snapshot of this id may be written here: it must
// be committed and agree with the log. newer is true if there is one already
// that covers it.
func (n *Node) CheckSnapshot(id ID) (newer bool, err error) {
	if s, ok := n.log.latest(); ok && s.Offset >= id.Offset && s != BootstrapID || id.Offset < n.log.start {
		return true, nil
	}
	if id.Offset > n.hw {
		return false, fmt.Errorf("Cannot create a snapshot with an id (%v) greater than the high-watermark (%d)", id, n.hw)
	}
	if end := n.log.endOf(id.Epoch); end.Epoch != id.Epoch || end.Offset < id.Offset {
		return false, fmt.Errorf("Snapshot id (%v) is not valid according to the log: it has %v", id, end)
	}
	return false, nil
}
