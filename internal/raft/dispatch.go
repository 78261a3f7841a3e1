package raft

import (
	"fmt"

	"gregor/internal/invariant"
	"gregor/internal/kerr"
	"gregor/internal/model"
)

// Request takes a request from another node; the answer is a Reply* effect
// with the same token, now or later.
func (n *Node) Request(token uint64, r Request, now model.Millis) {
	n.at(now)
	if n.stopped {
		n.emit(Reply{token, &Failed{kerr.BrokerNotAvailable}})
		return
	}
	switch r := r.(type) {
	case *VoteRequest:
		n.emit(Reply{token, n.onVote(r)})
	case *BeginRequest:
		n.emit(Reply{token, n.onBegin(r)})
	case *EndRequest:
		n.emit(Reply{token, n.onEnd(r)})
	case *FetchRequest:
		n.onFetch(token, r)
	case *FetchSnapshotRequest:
		n.onFetchSnapshot(token, r)
	case *AddVoterRequest:
		n.onAddVoter(token, r)
	case *RemoveVoterRequest:
		n.onRemoveVoter(token, r)
	case *UpdateVoterRequest:
		n.emit(Reply{token, n.onUpdateVoter(r)})
	case *DescribeRequest:
		l, ok := n.role.(*leader)
		if !ok {
			n.emit(Reply{token, &DescribeResponse{Code: notLeader}})
			break
		}
		n.emit(Reply{token, l.describe(n)})
	default:
		invariant.Check(false, "no such request: %T", r)
	}
	n.finish()
}

// onBegin answers BeginQuorumEpoch.
func (n *Node) onBegin(r *BeginRequest) *BeginResponse {
	if !n.clusterOK(r.ClusterID) {
		return &BeginResponse{Top: kerr.InconsistentClusterId}
	}
	answer := func(c kerr.Code) *BeginResponse { return &BeginResponse{Code: c, Leader: n.leaderInfo()} }
	if c := n.voterOnly(r.Leader, r.Epoch); c != kerr.None {
		return answer(c)
	}
	if !n.learn(r.Leader, r.Epoch, r.Endpoints) {
		return answer(kerr.UnknownServerError)
	}
	if !n.meant(r.Voter) {
		n.note(true, "Leader sent a voter key (%v) in the BEGIN_QUORUM_EPOCH request that doesn't match the local key %v; returning INVALID_VOTER_KEY", r.Voter, n.cfg.Key)
		return answer(kerr.InvalidVoterKey)
	}
	return answer(kerr.None)
}

// onEnd answers EndQuorumEpoch: the leader's favourite stands at once, the
// others one after the other.
func (n *Node) onEnd(r *EndRequest) *EndResponse {
	if !n.clusterOK(r.ClusterID) {
		return &EndResponse{Top: kerr.InconsistentClusterId}
	}
	answer := func(c kerr.Code) *EndResponse { return &EndResponse{Code: c, Leader: n.leaderInfo()} }
	if c := n.voterOnly(r.Leader, r.Epoch); c != kerr.None {
		return answer(c)
	}
	if !n.learn(r.Leader, r.Epoch, r.Endpoints) {
		return answer(kerr.UnknownServerError)
	}
	if f, ok := n.role.(*follower); ok && n.leader == r.Leader {
		f.timeoutAt = n.now + n.electionBackoff(r.Preferred)
	}
	return answer(kerr.None)
}

// electionBackoff staggers the successors of a leader that resigned: the first
// stands at once, each later one waits twice as long as the one before.
func (n *Node) electionBackoff(preferred []Key) model.Millis {
	pos := len(preferred)
	for i, k := range preferred {
		if k.Matches(n.cfg.Key) {
			pos = i
			break
		}
	}
	most := n.cfg.ElectionBackoffMax
	switch {
	case pos == 0 && len(preferred) > 0:
		return 0
	case pos >= len(preferred):
		return most
	}
	base := most >> min(len(preferred)-1, 62)
	return min(most, base<<min(pos-1, 32))
}

// learn takes a message's word for who leads an epoch not older than ours. It
// returns false if that contradicts what is known: then the message is wrong.
func (n *Node) learn(id model.BrokerID, epoch model.LeaderEpoch, e Endpoints) bool {
	if id == n.cfg.ID && !(n.leader == id && epoch == n.epoch) ||
		id != model.NoBroker && epoch == n.epoch && n.leader != model.NoBroker && id != n.leader {
		n.note(true, "Received request or response with leader %d and epoch %d which is inconsistent with current leader %d and epoch %d", id, epoch, n.leader, n.epoch)
		return false
	}
	if id == n.cfg.ID {
		return true
	}
	if id != model.NoBroker {
		e = n.endpointsOf(id, e)
	}
	_, reachable := e.Address(n.cfg.Listener)
	switch {
	case epoch > n.epoch && id != model.NoBroker && reachable:
		n.becomeFollower(epoch, id, e)
	case epoch > n.epoch:
		n.becomeUnattached(epoch, model.NoBroker)
	case id != model.NoBroker && reachable && (n.leader == model.NoBroker || len(e) > len(n.endpoints)):
		if _, mine := n.role.(*leader); !mine {
			n.becomeFollower(epoch, id, e)
		}
	}
	return true
}

// endpointsOf are the addresses a message gives for a node, or, as old versions
// give none, those in the voter set.
func (n *Node) endpointsOf(id model.BrokerID, e Endpoints) Endpoints {
	if _, ok := e.Address(n.cfg.Listener); ok {
		return e
	}
	v, _ := n.log.lastVoters().Get(id)
	return v.Endpoints
}

// Response takes the answer to the Send with this correlation id. An answer
// that is no longer awaited is ignored.
func (n *Node) Response(corr uint64, r Message, now model.Millis) {
	n.at(now)
	c := n.peers.byCorr(corr)
	if n.stopped || c == nil || corr == 0 {
		return
	}
	to, asked := c.to, c.asked
	n.peers.done(corr, n.answered(to, corr, asked, r), n.now)
	n.finish()
}

// answered handles a response; false makes the peer wait before it is asked
// again.
func (n *Node) answered(from Peer, corr uint64, asked Request, r Message) bool {
	if f, ok := r.(*Failed); ok {
		return n.failed(asked, corr, f.Code)
	}
	switch r := r.(type) {
	case *VoteResponse:
		if r.Top != kerr.None {
			return n.failed(asked, corr, r.Top)
		}
		handled, ok := n.common(r.Code, r.Leader)
		if !handled && r.Code == kerr.None {
			n.onVoteAnswer(from.ID, r.Granted)
			return true
		}
		return ok || !handled && n.unexpected(r.Code, "VOTE")
	case *BeginResponse:
		if r.Top != kerr.None {
			return n.failed(asked, corr, r.Top)
		}
		handled, ok := n.common(r.Code, r.Leader)
		return ok || !handled && (r.Code == kerr.None || n.unexpected(r.Code, "BEGIN_QUORUM_EPOCH"))
	case *EndResponse:
		if r.Top != kerr.None {
			return n.failed(asked, corr, r.Top)
		}
		handled, ok := n.common(r.Code, r.Leader)
		if s, resigned := n.role.(*resigned); !handled && resigned && r.Code == kerr.None {
			s.acked(from.ID)
			return true
		}
		return ok || !handled && n.unexpected(r.Code, "END_QUORUM_EPOCH")
	case *FetchResponse:
		return n.onFetchAnswer(asked, corr, r)
	case *FetchSnapshotResponse:
		if r.Top != kerr.None {
			return n.failed(asked, corr, r.Top)
		}
		handled, ok := n.common(r.Code, r.Leader)
		if f, following := n.role.(*follower); !handled && following {
			return f.onSnapshot(n, r)
		}
		return ok || !handled
	case *UpdateVoterResponse:
		return n.onUpdateAnswer(r)
	case *AddVoterResponse:
		return n.onJoinAnswer(r.Code, kerr.DuplicateVoter)
	case *RemoveVoterResponse:
		return n.onJoinAnswer(r.Code, kerr.VoterNotFound)
	case *VersionsResponse:
		return n.onVersions(corr, r)
	}
	n.note(true, "Unexpected response %T to %T", r, asked)
	return false
}

func (n *Node) onFetchAnswer(asked Request, corr uint64, r *FetchResponse) bool {
	if r.Top != kerr.None {
		return n.failed(asked, corr, r.Top)
	}
	handled, ok := n.common(r.Code, r.Leader)
	if handled {
		return ok
	}
	f, following := n.role.(*follower)
	if !following {
		return r.Code == kerr.None || n.unexpected(r.Code, "FETCH")
	}
	// What was asked may be older than what the node has come to since.
	if q, isFetch := asked.(*FetchRequest); !isFetch || q.Offset != n.log.end || f.installing {
		return true
	}
	return f.onFetched(n, r)
}

func (n *Node) onUpdateAnswer(r *UpdateVoterResponse) bool {
	handled, ok := n.common(r.Code, r.Leader)
	if handled {
		return ok
	}
	if r.Code != kerr.None && r.Code != kerr.UnsupportedVersion {
		return n.unexpected(r.Code, "UPDATE_RAFT_VOTER")
	}
	if f, following := n.role.(*follower); following {
		f.updated = true
		f.alive(n)
	}
	return true
}

// onJoinAnswer ends an attempt to join the voters; another follows later if it
// is still needed.
func (n *Node) onJoinAnswer(c, done kerr.Code) bool {
	if c != kerr.None && c != kerr.RequestTimedOut && c != done {
		return n.unexpected(c, "ADD_RAFT_VOTER or REMOVE_RAFT_VOTER")
	}
	if f, ok := n.role.(*follower); ok {
		f.updateAt = n.now + n.cfg.FetchTimeout
	}
	return true
}

// failed handles a request that was not answered as such.
func (n *Node) failed(asked Request, corr uint64, c kerr.Code) bool {
	if _, pre := n.role.(*prospective); pre && c == kerr.UnsupportedVersion {
		if _, vote := asked.(*VoteRequest); vote {
			n.note(false, "Prospective received unsupported version error in vote response in epoch %d, transitioning to Candidate state immediately since at least one voter doesn't support PreVote.", n.epoch)
			n.becomeCandidate()
			return true
		}
	}
	if _, versions := asked.(*VersionsRequest); versions {
		return n.onVersions(corr, &VersionsResponse{Code: c})
	}
	if c == kerr.UnsupportedVersion {
		if f, ok := n.role.(*follower); ok {
			if _, update := asked.(*UpdateVoterRequest); update { // a leader of an old release
				f.updated = true
				return true
			}
		}
	}
	if c == kerr.BrokerNotAvailable || c == kerr.NetworkException {
		return false
	}
	return n.unexpected(c, fmt.Sprintf("%T", asked))
}

func (n *Node) unexpected(c kerr.Code, api string) bool {
	n.note(true, "Unexpected error %s in %s response", c.Name(), api)
	return false
}

// common deals with what all responses say about epoch and leader. handled
// means that the rest of the response must be ignored; ok that the peer may be
// asked again at once.
func (n *Node) common(c kerr.Code, l Leader) (handled, ok bool) {
	was := n.role
	switch {
	case l.Epoch < n.epoch || c == kerr.UnknownLeaderEpoch:
		return true, false
	case l.Epoch > n.epoch || c == kerr.FencedLeaderEpoch || c == kerr.NotLeaderOrFollower:
		// Without news there is no point in asking again at once.
		return true, n.learn(l.ID, l.Epoch, l.Endpoints) && n.role != was
	case l.ID != model.NoBroker && (n.leader == model.NoBroker || len(n.endpoints) == 0):
		// News also to a node that started knowing the leader's id but not
		// its address.
		if !n.learn(l.ID, l.Epoch, l.Endpoints) {
			return true, false
		}
		return c != kerr.None, c != kerr.None
	case l.ID != model.NoBroker && l.ID != n.leader:
		return true, n.learn(l.ID, l.Epoch, l.Endpoints)
	case c == kerr.BrokerNotAvailable:
		return true, false
	case c == kerr.InvalidVoterKey:
		return true, true
	case c == kerr.InvalidRequest:
		return true, n.unexpected(c, "raft")
	}
	return false, false
}
