package raft

import "gregor/internal/model"

// unattached is a replica that knows its epoch but whom to follow it does not.
// It looks for a leader by fetching from bootstrap servers; a voter whose
// patience ends asks for an election.
type unattached struct {
	electionAt model.Millis // never for an observer
}

func (n *Node) newUnattached() *unattached {
	if !n.IsVoter() {
		return &unattached{electionAt: never}
	}
	return &unattached{electionAt: n.now + n.electionTimeout()}
}

// becomeUnattached enters epoch, in which leader (usually nobody) leads. What
// was left of an election timeout goes on: a stream of higher epochs must not
// put off an election for ever.
func (n *Node) becomeUnattached(epoch model.LeaderEpoch, leader model.BrokerID) {
	next := n.newUnattached()
	if n.IsVoter() {
		switch r := n.role.(type) {
		case *unattached:
			if r.electionAt != never {
				next.electionAt = r.electionAt
			}
		case *candidate:
			next.electionAt = r.electionAt
		case *prospective:
			if !r.lost() {
				next.electionAt = r.electionAt
			}
		case *resigned:
			next.electionAt = r.electionAt
		}
	}
	n.leave()
	n.newEpoch(epoch)
	n.leader, n.endpoints = leader, nil
	n.become(next, true)
	n.peers.resetAll()
}

func (u *unattached) name() string { return "Unattached" }

func (u *unattached) poll(n *Node) model.Millis {
	if n.IsVoter() && n.now >= u.electionAt {
		if n.shutdown == 0 {
			n.becomeProspective()
		}
		return never
	}
	if n.IsVoter() && n.shutdown != 0 {
		return never
	}
	return min(n.fetchFromBootstrap(), u.electionAt)
}

func (u *unattached) grants(n *Node, c Key, upToDate, pre bool) bool {
	return n.freeToVote(c, upToDate, pre)
}
