package raft

import (
	"gregor/internal/invariant"
	"gregor/internal/kerr"
	"gregor/internal/model"
)

// follower fetches from the leader of its epoch. A voter that hears nothing
// for the fetch timeout asks for an election; an observer keeps asking the
// bootstrap servers as well.
type follower struct {
	timeoutAt  model.Millis
	updateAt   model.Millis // when to look whether the voter set knows this node rightly
	fetched    bool         // a fetch has succeeded: the leader is alive, no pre-votes
	updated    bool         // the leader knows this voter's endpoints (kraft.version 0)
	snapshot   *ID          // being fetched
	position   int64        // of the snapshot received so far
	installing bool         // the shell is at it: do not fetch
}

func (n *Node) newFollower() *follower {
	return &follower{timeoutAt: n.now + n.cfg.FetchTimeout, updateAt: n.now + n.cfg.FetchTimeout}
}

// becomeFollower follows the leader of epoch, whose address must be known.
func (n *Node) becomeFollower(epoch model.LeaderEpoch, leader model.BrokerID, e Endpoints) {
	_, ok := e.Address(n.cfg.Listener)
	invariant.Check(ok && leader != n.cfg.ID, "node %d cannot follow leader %d in epoch %d at %v", n.cfg.ID, leader, epoch, e)
	invariant.Check(epoch > n.epoch || n.leader == model.NoBroker || n.leader == leader, "epoch %d has two leaders, %d and %d", epoch, n.leader, leader)
	n.leave()
	n.newEpoch(epoch)
	n.leader, n.endpoints = leader, e
	n.become(n.newFollower(), true)
	n.peers.resetAll()
}

func (f *follower) name() string { return "Follower" }

func (f *follower) close(n *Node) {
	if f.snapshot != nil && !f.installing {
		n.emit(DropSnapshot{*f.snapshot})
		f.snapshot = nil
	}
}

func (f *follower) poll(n *Node) model.Millis {
	if f.installing {
		return never
	}
	if !n.IsVoter() {
		return f.pollObserver(n)
	}
	switch {
	case n.shutdown != 0:
		return never
	case n.now >= f.timeoutAt:
		n.note(false, "Transitioning to Prospective state due to fetch timeout")
		n.becomeProspective()
		return never
	case n.now >= f.updateAt && f.mustUpdate(n):
		sent, next := n.send(f.leaderPeer(n), func() Request {
			return &UpdateVoterRequest{ClusterID: n.clusterID(), Epoch: n.epoch, Voter: n.me()}
		})
		if sent {
			f.updateAt = n.now + n.cfg.FetchTimeout
		}
		return min(next, f.timeoutAt)
	case n.now >= f.updateAt:
		f.updateAt = n.now + n.cfg.FetchTimeout
	}
	return min(f.fetchFromBest(n), f.timeoutAt)
}

// me is this node as a voter.
func (n *Node) me() Voter { return Voter{n.cfg.Key, n.cfg.Endpoints, Supported} }

// mustUpdate: with kraft.version 1 when the log's voter set has this node under
// other addresses; with 0 once per leader, which keeps it in memory to be able
// to upgrade.
func (f *follower) mustUpdate(n *Node) bool {
	if n.log.lastVersion() > 0 {
		return n.log.lastVoters().stale(n.me())
	}
	return !f.updated
}

func (f *follower) leaderPeer(n *Node) Peer {
	a, ok := n.LeaderAddress()
	invariant.Check(ok, "follower in epoch %d without its leader's address", n.epoch)
	return Peer{n.leader, a}
}

// fetchFromBest asks the leader; while the leader does not answer, a bootstrap
// server, which may know of another.
func (f *follower) fetchFromBest(n *Node) model.Millis {
	to := f.leaderPeer(n)
	switch {
	case n.peers.timedOut(to.ID, n.now):
		n.peers.reset(to.ID)
		return n.fetchFromBootstrap()
	case n.peers.backingOff(to.ID, n.now):
		return min(n.fetchFromBootstrap(), n.peers.wait(to.ID, n.now))
	}
	if busy, until := n.peers.anyInflight(n.now); busy {
		return until
	}
	_, next := n.send(to, func() Request {
		if f.snapshot == nil {
			return n.fetchRequest()
		}
		return &FetchSnapshotRequest{
			ClusterID: n.clusterID(), Replica: n.cfg.Key, Epoch: n.epoch,
			Snapshot: *f.snapshot, Position: f.position, MaxBytes: n.cfg.SnapshotMaxBytes,
		}
	})
	return next
}

func (n *Node) fetchRequest() Request {
	return &FetchRequest{
		ClusterID: n.clusterID(), Replica: n.cfg.Key, Epoch: n.epoch,
		Offset: n.log.end, LastEpoch: n.log.lastEpoch(), HighWatermark: n.hw,
		MaxWait: n.cfg.FetchWait, MaxBytes: n.cfg.FetchMaxBytes,
	}
}

// fetchFromBootstrap asks any bootstrap server for the log: the answer names
// the leader.
func (n *Node) fetchFromBootstrap() model.Millis {
	if len(n.peers.bootstrap) == 0 {
		return never
	}
	to, ok, next := n.peers.pick(n.now, n.rng.next())
	if !ok {
		return next
	}
	_, next = n.send(to, n.fetchRequest)
	return next
}

func (f *follower) grants(_ *Node, _ Key, upToDate, pre bool) bool {
	return pre && upToDate && !f.fetched
}

func (f *follower) alive(n *Node) {
	f.timeoutAt = n.now + n.cfg.FetchTimeout
	f.fetched = true
}

// onFetched takes the leader's answer to a fetch.
func (f *follower) onFetched(n *Node, r *FetchResponse) bool {
	switch {
	case r.Code != kerr.None:
		return n.unexpected(r.Code, "FETCH")
	case r.Diverging != nil:
		if !f.diverge(n, *r.Diverging) {
			return false
		}
	case r.Snapshot != nil:
		if r.Snapshot.Epoch < 0 || r.Snapshot.Offset < 0 {
			n.note(true, "The leader %d sent an invalid snapshot id %v", n.leader, *r.Snapshot)
			return false
		}
		f.begin(n, *r.Snapshot)
	default:
		if !f.write(n, r) {
			return false
		}
	}
	f.alive(n)
	return true
}

func (f *follower) diverge(n *Node, d ID) bool {
	to := n.log.truncation(d)
	if d.Offset < n.hw || to < n.hw {
		n.note(true, "The leader %d requested truncation to offset %d, which is below the current high watermark %d; not truncating", n.leader, min(d.Offset, to), n.hw)
		return false
	}
	n.note(false, "Truncated to offset %d from Fetch response from leader %d", to, n.leader)
	n.log.truncate(to)
	n.emit(Truncate{to})
	return true
}

func (f *follower) begin(n *Node, id ID) {
	if s, ok := n.log.latest(); ok && s == id {
		n.note(false, "Leader %d returned a snapshot %v in the FETCH response which is already stored", n.leader, id)
		return
	}
	if id.Offset <= n.hw || id.Offset <= n.log.start {
		n.note(true, "The leader %d sent snapshot %v, which ends before the local high watermark %d or log start %d", n.leader, id, n.hw, n.log.start)
		return
	}
	f.close(n)
	f.snapshot, f.position = &id, 0
	n.note(false, "Fetching snapshot %v from Fetch response from leader %d", id, n.leader)
}

func (f *follower) write(n *Node, r *FetchResponse) bool {
	if len(r.Records.Bytes) > 0 {
		rec := r.Records
		if rec.Base != n.log.end {
			n.note(true, "The leader %d sent records from offset %d on, expected %d", n.leader, rec.Base, n.log.end)
			return false
		}
		for _, e := range rec.Epochs {
			if e.Epoch > n.epoch || e.Epoch < n.log.lastEpoch() {
				n.note(true, "The leader %d sent a record of epoch %d in epoch %d after one of epoch %d", n.leader, e.Epoch, n.epoch, n.log.lastEpoch())
				return false
			}
		}
		n.log.appended(rec.Last+1, rec.Epochs, rec.Controls)
		durable := n.cfg.Voter
		if durable {
			n.log.synced = n.log.end
		}
		n.emit(WriteFetched{rec, durable})
	}
	if hw := min(r.HighWatermark, n.log.end); hw > n.hw {
		n.raise(hw)
	}
	return true
}

// onSnapshot takes a piece of the snapshot that is being fetched.
func (f *follower) onSnapshot(n *Node, r *FetchSnapshotResponse) bool {
	if f.snapshot == nil || f.installing {
		return true
	}
	if r.Code == kerr.SnapshotNotFound || r.Code == kerr.None && (r.Snapshot.Offset < 0 || r.Snapshot.Epoch < 0) {
		n.note(false, "Leader doesn't know about snapshot id %v, returned error %s and snapshot id %v", *f.snapshot, r.Code.Name(), r.Snapshot)
		f.close(n)
		f.alive(n)
		return true
	}
	if r.Code != kerr.None {
		return n.unexpected(r.Code, "FETCH_SNAPSHOT")
	}
	got := f.position + int64(len(r.Bytes))
	if r.Snapshot != *f.snapshot || r.Position != f.position || got > r.Size || len(r.Bytes) == 0 {
		n.note(true, "Received a piece of snapshot %v at %d with %d bytes of %d, expected %v at %d; starting over", r.Snapshot, r.Position, len(r.Bytes), r.Size, *f.snapshot, f.position)
		f.close(n)
		return false
	}
	n.emit(SnapshotChunk{*f.snapshot, f.position, r.Bytes})
	f.position = got
	f.alive(n)
	if got == r.Size {
		f.installing = true
		n.emit(InstallSnapshot{*f.snapshot})
	}
	return true
}

// Installed says that a fetched snapshot is durable and the log begins at its
// end; controls are its KRaftVersion and Voters records.
func (n *Node) Installed(id ID, controls []Control, now model.Millis) {
	n.at(now)
	n.log.restart(id, controls)
	if id.Offset > n.hw {
		n.hw = id.Offset
		n.emit(HighWatermark{id.Offset})
	}
	n.note(false, "Fully truncated the log at (%d, %d) after downloading snapshot %v from leader %d", id.Offset, id.Epoch, id, n.leader)
	n.installed()
}

// InstallFailed says that the snapshot was damaged and has been removed; the
// log is as before.
func (n *Node) InstallFailed(now model.Millis) {
	n.at(now)
	n.installed()
}

func (n *Node) installed() {
	if f, ok := n.role.(*follower); ok && f.installing {
		f.snapshot, f.installing = nil, false
		f.alive(n)
	}
	n.finish()
}
