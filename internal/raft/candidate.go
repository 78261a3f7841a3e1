package raft

import (
	"gregor/internal/invariant"
	"gregor/internal/model"
)

// candidate is a voter that stands for election in a new epoch, having voted
// for itself. When it cannot win it waits for its timeout, so that others come
// first.
type candidate struct {
	election
	electionAt model.Millis
}

func (n *Node) newCandidate() *candidate {
	return &candidate{newElection(n.log.lastVoters(), n.cfg.ID), n.now + n.electionTimeout()}
}

func (n *Node) becomeCandidate() {
	invariant.Check(n.IsVoter(), "%v is no voter and stands for election", n.cfg.Key)
	n.newEpoch(n.epoch + 1)
	n.leader, n.endpoints, n.voted = model.NoBroker, nil, n.cfg.Key
	c := n.newCandidate()
	n.become(c, true)
	n.peers.resetAll()
	c.advance(n)
}

// advance takes office once a majority has voted for it.
func (c *candidate) advance(n *Node) {
	if c.won() {
		n.becomeLeader(c.granting())
	}
}

func (c *candidate) name() string { return "Candidate" }

func (c *candidate) poll(n *Node) model.Millis {
	if n.shutdown == 0 && n.now >= c.electionAt {
		n.note(false, "Election was not granted, transitioning to prospective")
		n.becomeProspective()
		return never
	}
	next := c.ask(n, false)
	if n.shutdown != 0 {
		return next
	}
	return min(next, c.electionAt)
}

func (c *candidate) grants(_ *Node, _ Key, upToDate, pre bool) bool { return pre && upToDate }
