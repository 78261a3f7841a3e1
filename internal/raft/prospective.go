package raft

import "gregor/internal/model"

// prospective is a voter that asks, in its old epoch, whether it would be
// elected (KIP-996). Only then does it disturb the others with a new epoch.
type prospective struct {
	election
	electionAt model.Millis
}

func (n *Node) newProspective() *prospective {
	return &prospective{newElection(n.log.lastVoters(), n.cfg.ID), n.now + n.electionTimeout()}
}

func (n *Node) becomeProspective() {
	p := n.newProspective()
	n.leave()
	n.become(p, false)
	n.peers.resetAll()
	p.advance(n)
}

// advance stands for election once a majority would elect.
func (p *prospective) advance(n *Node) {
	if p.won() {
		n.becomeCandidate()
	}
}

// fail goes back to whom it followed, or to nobody.
func (p *prospective) fail(n *Node) {
	if _, ok := n.LeaderAddress(); ok {
		n.becomeFollower(n.epoch, n.leader, n.endpoints)
		return
	}
	n.becomeUnattached(n.epoch, n.leader)
}

func (p *prospective) name() string { return "Prospective" }

func (p *prospective) poll(n *Node) model.Millis {
	if n.shutdown == 0 && n.now >= p.electionAt {
		n.note(false, "Election timed out before receiving sufficient vote responses to become candidate")
		p.fail(n)
		return never
	}
	next := p.ask(n, true)
	if n.shutdown != 0 {
		return next
	}
	return min(next, p.electionAt)
}

func (p *prospective) grants(n *Node, c Key, upToDate, pre bool) bool {
	return n.freeToVote(c, upToDate, pre)
}

// onVoteAnswer counts an answer to this node's vote request.
func (n *Node) onVoteAnswer(from model.BrokerID, granted bool) {
	switch r := n.role.(type) {
	case *prospective:
		r.record(from, granted)
		if r.won() {
			r.advance(n)
		} else if r.lost() {
			n.note(false, "Insufficient remaining votes to become candidate")
			r.fail(n)
		}
	case *candidate:
		r.record(from, granted)
		if r.won() {
			r.advance(n)
		} else if r.lost() {
			n.note(false, "Insufficient remaining votes to become leader")
		}
	}
}
