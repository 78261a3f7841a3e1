package raft

import (
	"slices"

	"gregor/internal/model"
)

// resigned is a leader that has given up its epoch: it tells the voters, so
// that they need not wait for a timeout, and answers as before that it is the
// epoch's leader, but serves nothing.
type resigned struct {
	preferred  []Key
	unacked    []model.BrokerID
	electionAt model.Millis
}

func (n *Node) newResigned(preferred []Key) *resigned {
	return &resigned{
		preferred:  preferred,
		unacked:    slices.DeleteFunc(n.log.lastVoters().IDs(), func(id model.BrokerID) bool { return id == n.cfg.ID }),
		electionAt: n.now + n.electionTimeout(),
	}
}

func (n *Node) becomeResigned(preferred []Key) {
	n.leave()
	n.become(n.newResigned(preferred), false)
	n.peers.resetAll()
}

func (r *resigned) name() string { return "Resigned" }

func (r *resigned) poll(n *Node) model.Millis {
	if n.shutdown == 0 && n.now >= r.electionAt {
		// The next epoch: this one's leader cannot follow itself.
		n.becomeUnattached(n.epoch+1, model.NoBroker)
		return never
	}
	next := never
	for _, id := range r.unacked {
		v, _ := n.log.lastVoters().Get(id)
		a, ok := v.Endpoints.Address(n.cfg.Listener)
		if !ok {
			continue
		}
		_, again := n.send(Peer{id, a}, func() Request {
			return &EndRequest{
				ClusterID: n.clusterID(), Epoch: n.epoch, Leader: n.cfg.ID,
				Endpoints: n.cfg.Endpoints, Preferred: r.preferred,
			}
		})
		next = min(next, again)
	}
	if n.shutdown != 0 {
		return next
	}
	return min(next, r.electionAt)
}

func (r *resigned) grants(_ *Node, _ Key, upToDate, pre bool) bool { return pre && upToDate }

func (r *resigned) acked(id model.BrokerID) {
	r.unacked = slices.DeleteFunc(r.unacked, func(x model.BrokerID) bool { return x == id })
}
