package raft

import (
	"flag"
	"fmt"
	"testing"

	"gregor/internal/model"
)

var seeds = flag.Int("seeds", 0, "how many seeds each simulation runs; 0: a few")

func forSeeds(t *testing.T, few int, run func(t *testing.T, seed int64)) {
	k := few
	if *seeds > 0 {
		k = *seeds
	}
	for i := 0; i < k; i++ {
		t.Run(fmt.Sprint("seed", i), func(t *testing.T) { run(t, int64(i)) })
	}
}

// chaos makes trouble for a while, and then expects the cluster to recover.
func chaos(s *sim, length model.Millis, snapshots, members bool) {
	for _, id := range s.ids {
		s.start(id)
	}
	s.loss, s.dup = s.rnd.Float64()*0.15, s.rnd.Float64()*0.1
	until := s.now + length
	s.run(length, func() {
		if s.rnd.Intn(8) == 0 {
			s.produce()
		}
		if until-s.now < 0 || s.rnd.Intn(60) != 0 {
			return
		}
		id := s.ids[s.rnd.Intn(len(s.ids))]
		switch s.rnd.Intn(8) {
		case 0, 1:
			if s.nodes[id].n != nil {
				s.crash(id)
			} else {
				s.start(id)
			}
		case 2:
			if s.nodes[id].n == nil {
				s.start(id)
			}
		case 3: // one-way cut
			o := s.ids[s.rnd.Intn(len(s.ids))]
			s.cut[[2]model.BrokerID{id, o}] = true
		case 4: // a node alone
			for _, o := range s.ids {
				s.cut[[2]model.BrokerID{id, o}] = true
				s.cut[[2]model.BrokerID{o, id}] = true
			}
		case 5:
			clear(s.cut)
		case 6:
			s.nodes[id].paused = s.now + model.Millis(s.rnd.Intn(6000))
		case 7:
			if snapshots {
				s.snapshot(id)
			}
			if members {
				s.changeMembers()
			}
		}
	})
	s.settle()
}

// changeMembers asks the leader to add or remove a voter.
func (s *sim) changeMembers() {
	l := s.leaderNode()
	if l == nil || l.paused > s.now {
		return
	}
	id := s.ids[s.rnd.Intn(len(s.ids))]
	if !s.nodes[id].cfg.Voter {
		return
	}
	var r Request = &RemoveVoterRequest{Voter: Key{id, dirOf(id)}}
	if _, in := l.n.Voters().Get(id); !in {
		r = &AddVoterRequest{Voter: Key{id, dirOf(id)}, Endpoints: addrOf(id), AckWhenCommitted: true}
	} else if len(l.n.Voters()) <= 2 {
		return
	}
	s.ask(l, packet{req: r})
}

func TestSimOneVoter(t *testing.T) {
	forSeeds(t, 4, func(t *testing.T, seed int64) {
		chaos(newSim(t, seed, 1, 2, 0, seed%2 == 0), 30_000, true, false)
	})
}

func TestSimThreeVoters(t *testing.T) {
	forSeeds(t, 8, func(t *testing.T, seed int64) {
		chaos(newSim(t, seed, 3, 1, 0, seed%2 == 0), 40_000, true, false)
	})
}

func TestSimFiveVoters(t *testing.T) {
	forSeeds(t, 4, func(t *testing.T, seed int64) {
		chaos(newSim(t, seed, 5, 1, 0, false), 40_000, true, false)
	})
}

func TestSimMembership(t *testing.T) {
	forSeeds(t, 6, func(t *testing.T, seed int64) {
		chaos(newSim(t, seed, 3, 2, 2, false), 60_000, true, true)
	})
}

// Without faults there is one election, and the log goes on.
func TestSimQuiet(t *testing.T) {
	for _, voters := range []int{1, 3, 5} {
		s := newSim(t, 1, voters, 1, 0, false)
		for _, id := range s.ids {
			s.start(id)
		}
		s.run(20_000, func() { s.produce() })
		if s.elected != 1 {
			t.Errorf("%d voters: %d elections without a fault", voters, s.elected)
		}
		if len(s.commit) < 1000 {
			t.Errorf("%d voters: only %d records committed", voters, len(s.commit))
		}
		s.settle()
	}
}
