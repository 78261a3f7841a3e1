package raft

import "gregor/internal/model"

// election counts the votes of one round among the voters at its beginning.
type election struct {
	voters  Voters
	granted map[model.BrokerID]bool // by who answered
}

func newElection(vs Voters, self model.BrokerID) election {
	return election{voters: vs, granted: map[model.BrokerID]bool{self: true}}
}

func (e *election) majority() int { return len(e.voters)/2 + 1 }

func (e *election) count() (granted, open int) {
	open = len(e.voters)
	for _, v := range e.voters {
		if yes, answered := e.granted[v.ID]; answered {
			open--
			if yes {
				granted++
			}
		}
	}
	return granted, open
}

func (e *election) won() bool {
	granted, _ := e.count()
	return granted >= e.majority()
}

// lost: not even all open votes would make a majority.
func (e *election) lost() bool {
	granted, open := e.count()
	return granted+open < e.majority()
}

// record notes an answer; a granted vote cannot be taken back.
func (e *election) record(id model.BrokerID, granted bool) {
	if !e.granted[id] {
		e.granted[id] = granted
	}
}

func (e *election) granting() []model.BrokerID {
	var out []model.BrokerID
	for _, v := range e.voters {
		if e.granted[v.ID] {
			out = append(out, v.ID)
		}
	}
	return out
}

// ask sends the vote request to everybody who has not answered.
func (e *election) ask(n *Node, pre bool) model.Millis {
	next := never
	if e.lost() {
		return next
	}
	for _, v := range e.voters {
		if _, answered := e.granted[v.ID]; answered {
			continue
		}
		a, ok := v.Endpoints.Address(n.cfg.Listener)
		if !ok {
			continue
		}
		_, again := n.send(Peer{v.ID, a}, func() Request {
			return &VoteRequest{
				ClusterID: n.clusterID(), Epoch: n.epoch, Candidate: n.cfg.Key,
				Voter: v.Key, Last: n.log.id(), PreVote: pre,
			}
		})
		next = min(next, again)
	}
	return next
}
