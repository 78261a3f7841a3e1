package raft

import (
	"fmt"
	"slices"

	"gregor/internal/invariant"
	"gregor/internal/kerr"
	"gregor/internal/model"
)

// Node is one replica of the metadata log, voter or observer. It is driven by
// one caller at a time.
//
// *Invariant:* epoch and hw never decrease; voted never changes within an epoch
// once it is set, except that winning the election makes it superfluous.
type Node struct {
	cfg     Config
	rng     rng
	now     model.Millis
	effects []Effect
	due     model.Millis

	role      role
	epoch     model.LeaderEpoch
	leader    model.BrokerID // model.NoBroker if not known
	endpoints Endpoints      // the leader's
	voted     Key
	hw        model.Offset // -1 unknown

	log   logState
	peers peers

	told     LeaderChanged // what listeners were told last
	shutdown model.Millis  // deadline of a graceful shutdown; 0: not asked for
	stopped  bool
}

// role is what a node does in its epoch.
type role interface {
	name() string
	// poll does what is due, perhaps leaving the role, and returns when it
	// must be called again.
	poll(n *Node) model.Millis
	// grants decides a vote; it changes nothing.
	grants(n *Node, candidate Key, upToDate, pre bool) bool
}

// New is a node that has not started. state is nil if there is no quorum-state
// file. The error, if any, says what in the files does not fit.
func New(cfg Config, state *QuorumState, log LogState) (*Node, error) {
	cfg = cfg.Defaults()
	if cfg.Dir.IsZero() {
		return nil, fmt.Errorf("the node's metadata directory has no directory.id")
	}
	n := &Node{
		cfg: cfg, rng: rng(cfg.Seed ^ uint64(cfg.ID)*0x9e3779b97f4a7c15),
		leader: model.NoBroker, voted: None, hw: -1,
		log:   newLogState(log, cfg.Static),
		peers: newPeers(cfg),
		told:  LeaderChanged{Leader: model.NoBroker, Epoch: -1},
	}
	if state == nil {
		state = &QuorumState{Leader: model.NoBroker, Voted: None}
	}
	if state.Epoch < 0 {
		return nil, fmt.Errorf("quorum-state holds the negative epoch %d", state.Epoch)
	}
	n.epoch, n.leader, n.voted = state.Epoch, state.Leader, state.Voted
	return n, nil
}

// Start begins at now. A voter that is alone is the leader when it returns.
func (n *Node) Start(now model.Millis) {
	n.now = now
	last := n.log.lastEpoch()
	switch {
	case n.epoch < last:
		n.note(true, "Epoch from quorum store file is %d, which is smaller than last written epoch %d in the log", n.epoch, last)
		n.epoch, n.leader, n.voted = last, model.NoBroker, None
		n.role = n.newUnattached()
	case n.leader == n.cfg.ID:
		n.endpoints = n.cfg.Endpoints
		n.voted = None
		n.role = n.newResigned(nil)
	case n.leader == model.NoBroker && n.voted.Matches(n.cfg.Key) && n.IsVoter():
		n.role = n.newCandidate()
	case n.leader != model.NoBroker:
		v, _ := n.log.lastVoters().Get(n.leader)
		if _, ok := v.Endpoints.Address(n.cfg.Listener); ok {
			n.endpoints = v.Endpoints
			n.role = n.newFollower()
		} else {
			n.role = n.newUnattached()
		}
	default:
		n.role = n.newUnattached()
	}
	n.persist()
	n.note(false, "Starting as %s in epoch %d", n.role.name(), n.epoch)
	if n.onlyVoter() {
		// Nobody else can object: no timeout is waited for.
		if c, ok := n.role.(*candidate); ok {
			c.advance(n)
		} else {
			n.becomeProspective()
		}
	}
	n.finish()
}

// Effects returns what is to be done, in order, and forgets it. The slice is
// the caller's.
func (n *Node) Effects() []Effect {
	e := n.effects
	n.effects = nil
	return e
}

// Deadline is when Tick must be called, if nothing else happens before.
func (n *Node) Deadline() model.Millis { return n.due }

// Tick lets time pass.
func (n *Node) Tick(now model.Millis) {
	n.at(now)
	n.finish()
}

// Shutdown asks for a graceful end within timeout: a leader hands over first.
// Stopped says when.
func (n *Node) Shutdown(timeout model.Millis, now model.Millis) {
	n.at(now)
	if n.shutdown == 0 {
		n.shutdown = now + max(timeout, 1)
	}
	n.finish()
}

// Resign gives up leadership of epoch; nothing happens if it is gone already.
func (n *Node) Resign(epoch model.LeaderEpoch, now model.Millis) {
	n.at(now)
	if l, ok := n.role.(*leader); ok && n.epoch == epoch {
		l.resign = true
	}
	n.finish()
}

// at moves the node's time; it never goes back.
func (n *Node) at(now model.Millis) { n.now = max(n.now, now) }

// finish polls until nothing changes, and tells listeners of a new leader.
func (n *Node) finish() {
	if n.stopped {
		n.due = never
		return
	}
	for i := 0; ; i++ {
		invariant.Check(i < 100, "role %s in epoch %d never settles", n.role.name(), n.epoch)
		if n.shutdownComplete() {
			return
		}
		was := n.role
		n.due = was.poll(n)
		if n.role == was {
			break
		}
	}
	if n.shutdown != 0 {
		n.due = min(n.due, n.shutdown)
	}
	n.tellListeners()
}

func (n *Node) shutdownComplete() bool {
	if n.shutdown == 0 {
		return false
	}
	remote := n.leader != model.NoBroker && n.leader != n.cfg.ID
	if n.now < n.shutdown && n.IsVoter() && !n.onlyVoter() && !remote {
		return false
	}
	n.leave()
	n.stopped, n.due = true, never
	n.emit(Stopped{})
	return true
}

func (n *Node) tellListeners() {
	now := LeaderChanged{Leader: n.leader, Epoch: n.epoch, EpochStart: -1}
	switch r := n.role.(type) {
	case *leader:
		now.EpochStart = r.start
	case *resigned: // leads no more, and nobody else does yet
		now.Leader = model.NoBroker
	}
	if now != n.told {
		n.told = now
		n.emit(now)
	}
}

func (n *Node) emit(e Effect) { n.effects = append(n.effects, e) }

func (n *Node) note(warn bool, format string, args ...any) {
	n.emit(Note{warn, fmt.Sprintf(format, args...)})
}

// persist asks for the quorum state to be made durable. Only the last of
// several in a row matters: nothing was said or done between them.
func (n *Node) persist() {
	s := Persist{QuorumState{
		Epoch: n.epoch, Leader: n.leader, Voted: n.voted,
		Voters: n.log.lastVoters(), KVersion: n.log.lastVersion(),
	}}
	for i := len(n.effects) - 1; i >= 0; i-- {
		if _, ok := n.effects[i].(Note); ok {
			continue
		}
		if _, ok := n.effects[i].(Persist); ok {
			n.effects = slices.Delete(n.effects, i, i+1)
		}
		break
	}
	n.emit(s)
}

// leave ends the current role's business before another takes over.
func (n *Node) leave() {
	switch r := n.role.(type) {
	case *leader:
		r.close(n)
	case *follower:
		r.close(n)
	}
}

// become replaces the role. In a durable transition the state is on disk
// before anybody can learn of it.
func (n *Node) become(r role, durable bool) {
	n.note(false, "Transition to %s in epoch %d from %s", r.name(), n.epoch, n.role.name())
	n.role = r
	if durable {
		n.persist()
	}
}

// newEpoch enters epoch; within the same epoch the vote stands.
func (n *Node) newEpoch(epoch model.LeaderEpoch) {
	invariant.Check(epoch >= n.epoch, "epoch goes back from %d to %d", n.epoch, epoch)
	if epoch > n.epoch {
		n.voted = None
	}
	n.epoch = epoch
}

// raise lifts the high watermark.
func (n *Node) raise(to model.Offset) {
	invariant.Check(to >= n.hw && to <= n.log.end, "high watermark goes from %d to %d with the log's end at %d", n.hw, to, n.log.end)
	if to > n.hw {
		n.hw = to
		n.emit(HighWatermark{to})
	}
}

// IsVoter reports whether this replica is in the voter set in force.
func (n *Node) IsVoter() bool { return n.cfg.Voter && n.log.lastVoters().Has(n.cfg.Key) }

func (n *Node) onlyVoter() bool { return n.cfg.Voter && n.log.lastVoters().Only(n.cfg.Key) }

// electionTimeout is random within [timeout, 2*timeout); none when alone.
func (n *Node) electionTimeout() model.Millis {
	if n.onlyVoter() {
		return 0
	}
	e := n.cfg.ElectionTimeout
	if e == 0 {
		return 0
	}
	return e + model.Millis(n.rng.next()%uint64(e))
}

// Epoch is the current epoch.
func (n *Node) Epoch() model.LeaderEpoch { return n.epoch }

// Leader is the leader of the current epoch, model.NoBroker if not known.
func (n *Node) Leader() model.BrokerID { return n.leader }

// LeaderAddress is where the leader is reached; ok is false if not known.
func (n *Node) LeaderAddress() (a Address, ok bool) {
	if n.leader == model.NoBroker {
		return a, false
	}
	return n.endpoints.Address(n.cfg.Listener)
}

// IsLeader reports whether this node leads the current epoch.
func (n *Node) IsLeader() bool { _, ok := n.role.(*leader); return ok }

// HighWatermark is the end of what is known to be committed; -1 if unknown.
func (n *Node) HighWatermark() model.Offset { return n.hw }

// End is the log's end.
func (n *Node) End() model.Offset { return n.log.end }

// Role is the name of the current role, as Kafka names it.
func (n *Node) Role() string { return n.role.name() }

// Voters is the voter set in force.
func (n *Node) Voters() Voters { return n.log.lastVoters() }

// KVersion is the kraft.version in force.
func (n *Node) KVersion() int16 { return n.log.lastVersion() }

// VotersAt is the voter set and kraft.version of a snapshot that ends at end;
// voters is nil when they are not part of the log.
func (n *Node) VotersAt(end model.Offset) (voters Voters, version int16) { return n.log.at(end) }

// leaderInfo is what responses say about the quorum.
func (n *Node) leaderInfo() Leader {
	return Leader{Epoch: n.epoch, ID: n.leader, Endpoints: n.endpoints}
}

// send asks a peer unless it is busy or backing off, and returns when it may
// be asked next, or the answer is overdue.
func (n *Node) send(to Peer, build func() Request) (sent bool, next model.Millis) {
	if w := n.peers.wait(to.ID, n.now); w > 0 {
		return false, w
	}
	msg := build()
	n.emit(Send{To: to, Corr: n.peers.send(to, msg, n.now), Msg: msg})
	return true, n.now + n.cfg.RequestTimeout
}

// clusterOK: a request that names another cluster is refused.
func (n *Node) clusterOK(id *string) bool { return id == nil || *id == n.cfg.ClusterID }

func (n *Node) clusterID() *string { id := n.cfg.ClusterID; return &id }

// leaderOnly checks a request that only the leader of its epoch may answer.
func (n *Node) leaderOnly(epoch model.LeaderEpoch) kerr.Code {
	switch {
	case epoch < n.epoch:
		return kerr.FencedLeaderEpoch
	case epoch > n.epoch:
		return kerr.UnknownLeaderEpoch
	case !n.IsLeader():
		return kerr.NotLeaderOrFollower
	case n.shutdown != 0:
		return kerr.BrokerNotAvailable
	}
	return kerr.None
}

// rng is splitmix64: seeded, so that a simulation can be run again.
type rng uint64

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
