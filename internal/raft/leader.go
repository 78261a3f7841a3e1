package raft

import (
	"cmp"
	"slices"

	"gregor/internal/invariant"
	"gregor/internal/model"
)

// observerSession is how long a leader remembers an observer that fetches no
// more (LeaderState.OBSERVER_SESSION_TIMEOUT_MS).
const observerSession = 300_000

// maxObservers bounds what strangers can make a leader remember.
const maxObservers = 10_000

// leader serves the log, counts what the voters have, and commits what a
// majority of them has.
//
// *Invariant:* a voter's End is an offset it has told, or, for the leader, one
// that is synced; established implies hw > start.
type leader struct {
	start       model.Offset // of the epoch
	granting    []model.BrokerID
	replicas    map[model.BrokerID]*replica // the voters
	observers   map[Key]*replica
	established bool // hw was computed in this epoch: it may be told to others

	fetchedBy map[model.BrokerID]bool // since the last check of the quorum
	checkAt   model.Millis            // when to resign unless a majority fetches
	beginAt   model.Millis            // when to tell silent voters of this epoch
	parked    []parked
	resign    bool

	op       *voterChange // being made; one at a time
	volatile Voters       // kraft.version 0: the voters as they described themselves
	upgrade  *int16       // kraft.version that was asked for
}

type replica struct {
	Key
	endpoints    Endpoints
	end          model.Offset // -1 unknown
	lastFetch    model.Millis // -1 never
	lastCaughtUp model.Millis // -1 never
	lastFetchEnd model.Offset // the leader's log end at the last fetch
}

func newReplica(k Key, e Endpoints) *replica {
	return &replica{Key: k, endpoints: e, end: -1, lastFetch: -1, lastCaughtUp: -1, lastFetchEnd: -1}
}

func (n *Node) becomeLeader(granting []model.BrokerID) {
	invariant.Check(n.IsVoter() && n.leader == model.NoBroker, "node %d takes office in epoch %d of leader %d", n.cfg.ID, n.epoch, n.leader)
	l := &leader{
		start: n.log.end, granting: granting,
		replicas:  map[model.BrokerID]*replica{},
		observers: map[Key]*replica{},
		fetchedBy: map[model.BrokerID]bool{},
		checkAt:   n.now + n.cfg.FetchTimeout*3/2,
		beginAt:   n.now,
	}
	for _, v := range n.log.lastVoters() {
		l.replicas[v.ID] = newReplica(v.Key, v.Endpoints)
	}
	if n.log.lastVersion() == 0 {
		l.volatile = n.log.lastVoters().with(n.me())
	}
	n.leader, n.endpoints, n.voted = n.cfg.ID, n.cfg.Endpoints, None
	n.log.assign(n.epoch, n.log.end)
	n.become(l, true)
	n.peers.resetAll()
	n.emit(BecomeLeader{n.epoch, l.start})
	n.emit(l.opening(n))
}

// opening is the batch that opens the epoch. Without a record of its own epoch
// a leader cannot commit those of earlier ones. The first leader also copies
// kraft.version and voters out of the bootstrap checkpoint.
func (l *leader) opening(n *Node) AppendControl {
	a := AppendControl{Epoch: n.epoch, LeaderChange: &LeaderChange{
		Leader: n.cfg.ID, Voters: n.log.lastVoters().IDs(), Granting: l.granting,
	}}
	if v := n.log.lastVersion(); v > 0 {
		voters := n.log.lastVoters()
		if at, ok := n.log.lastVotersOffset(); ok && (at == -1 || voters.stale(n.me())) {
			a.KVersion, a.Voters = &v, voters.with(n.me())
		}
	}
	return a
}

func (l *leader) name() string { return "Leader" }

func (l *leader) poll(n *Node) model.Millis {
	if n.shutdown != 0 || l.resign || n.now >= l.quorumDeadline() {
		if n.now >= l.quorumDeadline() {
			n.note(true, "Did not receive fetch request from the majority of the voters within %dms", n.cfg.FetchTimeout*3/2)
		}
		n.becomeResigned(l.successors(n))
		return never
	}
	l.expireParked(n)
	next := min(l.quorumDeadline(), l.expireOp(n), l.nextParked())
	if n.now >= l.beginAt {
		for _, r := range l.byEnd() {
			if r.ID != n.cfg.ID && n.now-r.lastFetch >= n.cfg.FetchTimeout/2 {
				next = min(next, l.sendBegin(n, r))
			}
		}
		l.beginAt = n.now + max(n.cfg.FetchTimeout/2, 1)
	}
	if len(l.replicas) > 1 {
		next = min(next, l.beginAt)
	}
	return next
}

func (l *leader) sendBegin(n *Node, r *replica) model.Millis {
	a, ok := r.endpoints.Address(n.cfg.Listener)
	if !ok {
		return never
	}
	_, next := n.send(Peer{r.ID, a}, func() Request {
		return &BeginRequest{
			ClusterID: n.clusterID(), Epoch: n.epoch, Leader: n.cfg.ID,
			Endpoints: n.cfg.Endpoints, Voter: r.Key,
		}
	})
	return next
}

func (l *leader) grants(*Node, Key, bool, bool) bool { return false }

// close ends leadership: what waits on it is told so.
func (l *leader) close(n *Node) {
	l.dropOp(n)
	n.emit(StopLeading{})
	for _, p := range l.parked {
		n.emit(Reply{p.token, n.fetchError(notLeader)})
	}
	l.parked = nil
}

// quorumDeadline is when a majority must have fetched, so that a leader cut
// off from the others does not go on for ever (check quorum).
func (l *leader) quorumDeadline() model.Millis {
	if len(l.replicas) == 1 {
		return never
	}
	return l.checkAt
}

// heard notes that a voter follows this leader.
func (l *leader) heard(n *Node, k Key) {
	if r := l.replicas[k.ID]; r != nil && r.Matches(k) {
		l.fetchedBy[k.ID] = true
	}
	majority := len(l.replicas)/2 + 1
	if _, ok := l.replicas[n.cfg.ID]; ok {
		majority--
	}
	if len(l.fetchedBy) >= majority {
		clear(l.fetchedBy)
		l.checkAt = n.now + n.cfg.FetchTimeout*3/2
	}
}

// state is the record of a replica, which an observer gets on its first fetch;
// nil if too many are known.
func (l *leader) state(n *Node, k Key) *replica {
	if r := l.replicas[k.ID]; r != nil && r.Matches(k) {
		return r
	}
	if r := l.observers[k]; r != nil {
		return r
	}
	if len(l.observers) >= maxObservers {
		l.forgetObservers(n)
	}
	if len(l.observers) >= maxObservers {
		return nil
	}
	r := newReplica(k, nil)
	l.observers[k] = r
	return r
}

func (l *leader) forgetObservers(n *Node) {
	for k, r := range l.observers {
		if n.now-r.lastFetch >= observerSession && k != n.cfg.Key {
			delete(l.observers, k)
		}
	}
}

// followerAt notes that a replica has everything below at.
func (l *leader) followerAt(n *Node, k Key, at model.Offset) {
	if k.ID < 0 {
		return
	}
	r := l.state(n, k)
	if r == nil {
		return
	}
	if r.end > at {
		n.note(true, "Detected non-monotonic update of fetch offset from nodeId %v: %d -> %d", k, r.end, at)
	}
	if at >= n.log.end {
		r.lastCaughtUp = max(r.lastCaughtUp, n.now)
	} else if r.lastFetchEnd > 0 && at >= r.lastFetchEnd {
		r.lastCaughtUp = max(r.lastCaughtUp, r.lastFetch)
	}
	r.lastFetchEnd = n.log.end
	r.lastFetch = max(r.lastFetch, n.now)
	r.end = at
	l.heard(n, k)
	if l.replicas[k.ID] == r {
		l.commit(n)
	}
}

// byEnd are the voters, the most up to date first.
func (l *leader) byEnd() []*replica {
	out := make([]*replica, 0, len(l.replicas))
	for _, r := range l.replicas {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *replica) int {
		if c := cmp.Compare(b.end, a.end); c != 0 {
			return c
		}
		return compareKeys(a.Key, b.Key)
	})
	return out
}

func (l *leader) successors(n *Node) []Key {
	var out []Key
	for _, r := range l.byEnd() {
		if r.ID != n.cfg.ID {
			out = append(out, r.Key)
		}
	}
	return out
}

// commit raises the high watermark to what a majority of the voters has, once
// that reaches into this leader's epoch.
func (l *leader) commit(n *Node) {
	if len(l.replicas) == 0 {
		return
	}
	hw := l.byEnd()[len(l.replicas)/2].end
	if hw <= l.start {
		return
	}
	if l.established && hw <= n.hw {
		return // may go back when voters change: what is committed stays so
	}
	l.established = true
	n.raise(hw)
	l.opCommitted(n)
	l.wakeParked(n, true)
}

// Written reports that the shell wrote what was appended: the log ends at end
// now. controls are the voters and kraft.version records among it.
func (n *Node) Written(end model.Offset, controls []Control, now model.Millis) {
	n.at(now)
	l, ok := n.role.(*leader)
	invariant.Check(ok, "appended as a leader while %s", n.role.name())
	n.log.appended(end, nil, controls)
	for _, c := range controls {
		l.controlWritten(n, c)
	}
	l.wakeParked(n, false)
	n.finish()
}

// Synced reports that everything below end is durable here.
func (n *Node) Synced(end model.Offset, now model.Millis) {
	n.at(now)
	end = min(end, n.log.end)
	if end > n.log.synced {
		n.log.synced = end
	}
	if l, ok := n.role.(*leader); ok {
		l.ownEnd(n)
	}
	n.finish()
}

// ownEnd counts the leader's own copy, if it is a voter still.
func (l *leader) ownEnd(n *Node) {
	r := l.state(n, n.cfg.Key)
	if r == nil {
		return
	}
	r.end = n.log.synced
	if l.replicas[n.cfg.ID] == r {
		l.commit(n)
	}
}

// adopt makes the voter set in the log the one that counts.
func (l *leader) adopt(n *Node, vs Voters) {
	old := l.replicas
	l.replicas = map[model.BrokerID]*replica{}
	for _, v := range vs {
		r := old[v.ID]
		if r == nil || !r.Matches(v.Key) {
			if r = l.observers[v.Key]; r == nil {
				r = newReplica(v.Key, nil)
			}
		} else {
			delete(old, v.ID)
		}
		delete(l.observers, v.Key)
		r.Key, r.endpoints = v.Key, v.Endpoints
		l.replicas[v.ID] = r
	}
	for _, r := range old {
		r.endpoints = nil
		l.observers[r.Key] = r
	}
	l.ownEnd(n)
	l.commit(n)
}

// describe is DescribeQuorum's answer.
func (l *leader) describe(n *Node) *DescribeResponse {
	l.forgetObservers(n)
	d := &DescribeResponse{Leader: n.leaderInfo(), HighWatermark: -1}
	if l.established {
		d.HighWatermark = n.hw
	}
	one := func(r *replica) ReplicaState {
		s := ReplicaState{Key: r.Key, Endpoints: r.endpoints, End: r.end, LastFetch: r.lastFetch, LastCaughtUp: r.lastCaughtUp}
		if r.ID == n.cfg.ID {
			s.LastFetch, s.LastCaughtUp = n.now, n.now
		}
		return s
	}
	for _, r := range l.replicas {
		d.Voters = append(d.Voters, one(r))
	}
	for _, r := range l.observers {
		d.Observers = append(d.Observers, one(r))
	}
	for _, s := range [][]ReplicaState{d.Voters, d.Observers} {
		slices.SortFunc(s, func(a, b ReplicaState) int { return compareKeys(a.Key, b.Key) })
	}
	return d
}
