package raft

import (
	"gregor/internal/invariant"
	"gregor/internal/kerr"
	"gregor/internal/model"
)

// freeToVote is the rule of a replica that follows nobody: one vote per epoch,
// for a log at least as long as its own, and none once a leader is known. A
// pre-vote binds nobody, so only the log counts.
func (n *Node) freeToVote(c Key, upToDate, pre bool) bool {
	switch {
	case pre:
		return upToDate
	case n.voted != None:
		return n.voted.Matches(c)
	case n.leader != model.NoBroker:
		return false
	}
	return upToDate
}

// vote gives this epoch's vote to c. It is durable before the answer leaves.
func (n *Node) vote(c Key) {
	invariant.Check(n.voted == None && c.ID != n.cfg.ID, "vote in epoch %d for %v after %v", n.epoch, c, n.voted)
	n.voted = c
	switch n.role.(type) {
	case *prospective:
		n.become(n.newProspective(), true)
	default:
		n.become(n.newUnattached(), true)
	}
}

// onVote answers a VoteRequest.
func (n *Node) onVote(r *VoteRequest) *VoteResponse {
	if !n.clusterOK(r.ClusterID) {
		return &VoteResponse{Top: kerr.InconsistentClusterId}
	}
	answer := func(c kerr.Code, granted bool) *VoteResponse {
		return &VoteResponse{Code: c, Granted: granted, Leader: n.leaderInfo()}
	}
	// A candidate has raised its epoch above its log's; a prospective has not.
	illegal := r.Last.Epoch >= r.Epoch
	if r.PreVote {
		illegal = r.Last.Epoch > r.Epoch
	}
	if r.Last.Offset < 0 || r.Last.Epoch < 0 || illegal {
		return answer(kerr.InvalidRequest, false)
	}
	if c := n.voterOnly(r.Candidate.ID, r.Epoch); c != kerr.None {
		return answer(c, false)
	}
	if r.Epoch > n.epoch {
		n.becomeUnattached(r.Epoch, model.NoBroker)
	}
	if !n.meant(r.Voter) {
		n.note(true, "A replica %d sent a voter key %v in the VOTE request that doesn't match the local key %v; rejecting the vote", r.Candidate.ID, r.Voter, n.cfg.Key)
		return answer(kerr.InvalidVoterKey, false)
	}
	granted := r.Candidate.ID != n.cfg.ID && n.role.grants(n, r.Candidate, r.Last.Compare(n.log.id()) >= 0, r.PreVote)
	if granted && !r.PreVote && n.voted == None {
		n.vote(r.Candidate)
	}
	verdict := "rejected"
	if granted {
		verdict = "granted"
	}
	n.note(false, "Vote request from %v with epoch %d and log end %v (preVote=%t) is %s", r.Candidate, r.Epoch, r.Last, r.PreVote, verdict)
	return answer(kerr.None, granted)
}

// voterOnly checks a request by which leadership is gained or given up. The
// sender need not be in this node's voter set: it may know a newer one.
func (n *Node) voterOnly(from model.BrokerID, epoch model.LeaderEpoch) kerr.Code {
	switch {
	case epoch < n.epoch:
		return kerr.FencedLeaderEpoch
	case from < 0:
		return kerr.InvalidRequest
	}
	return kerr.None
}

// meant reports whether a request says it is for this replica; requests of old
// versions do not say.
func (n *Node) meant(k Key) bool {
	return k.ID < 0 || k.ID == n.cfg.ID && (k.Dir.IsZero() || k.Dir == n.cfg.Dir)
}
