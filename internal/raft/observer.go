package raft

import "gregor/internal/model"

// pollObserver is the follower's business in a replica that is no voter: it
// fetches for ever, and a controller that is configured to do so joins the
// voters (KIP-1186 auto-join).
func (f *follower) pollObserver(n *Node) model.Millis {
	if n.shutdown != 0 {
		return never
	}
	join := n.cfg.Voter && n.cfg.AutoJoin && n.log.lastVersion() > 0
	if !join || n.now < f.updateAt {
		next := f.fetchFromBest(n)
		if join {
			next = min(next, f.updateAt)
		}
		return next
	}
	sent, next := n.send(f.leaderPeer(n), func() Request {
		// Its id with another directory is this node before it lost its disk:
		// that voter has to go first.
		if old, ok := n.log.lastVoters().Get(n.cfg.ID); ok {
			return &RemoveVoterRequest{ClusterID: n.clusterID(), Voter: old.Key}
		}
		return &AddVoterRequest{
			ClusterID: n.clusterID(), Timeout: n.cfg.RequestTimeout,
			Voter: n.cfg.Key, Endpoints: n.cfg.Endpoints,
		}
	})
	if sent {
		f.updateAt = n.now + n.cfg.FetchTimeout
	}
	return next
}
