package controller

import (
	"slices"

	"gregor/internal/metadata"
	"gregor/internal/model"
)

// move says which broker comes or goes; model.NoBroker where none does.
type move struct {
	remove  model.BrokerID // leaves ISRs and leadership
	add     model.BrokerID // may lead although it is still fenced
	unclean model.BrokerID // went down uncleanly: leaves ISRs, ELRs and leadership
}

// moved are the changes of the partitions that which picks. Source:
// ReplicationControlManager.generateLeaderAndIsrUpdates.
func (s *state) moved(m move, which func(*metadata.Partition) bool) []metadata.Record {
	var recs []metadata.Record
	for t := range s.tip.Topics.All() {
		var rules *topicRules
		for n, p := range t.Partitions {
			if !which(p) {
				continue
			}
			if rules == nil {
				rules = s.rules(t)
			}
			if r, ok := s.moveOne(m, t, int32(n), rules); ok {
				recs = append(recs, r)
			}
		}
	}
	return recs
}

// topicRules are the settings of a topic that elections go by.
type topicRules struct {
	unclean bool
	minISR  int
}

func (s *state) rules(t *metadata.Topic) *topicRules {
	return &topicRules{s.unclean(t.Name), s.minISR(t)}
}

func (s *state) moveOne(m move, t *metadata.Topic, n int32, rules *topicRules) (metadata.Record, bool) {
	c := s.change(t, n, func(id model.BrokerID) bool {
		return id != m.remove && id != m.unclean && (id == m.add || s.active(id))
	})
	c.minISR = rules.minISR
	if rules.unclean {
		c.election = unclean
	}
	c.uncleanShutdown = m.unclean
	c.isr = without(c.isr, m.remove, m.unclean)
	return c.build()
}

func inISR(id model.BrokerID) func(*metadata.Partition) bool {
	return func(p *metadata.Partition) bool { return p.Leader == id || slices.Contains(p.ISR, id) }
}

func inELR(id model.BrokerID) func(*metadata.Partition) bool {
	return func(p *metadata.Partition) bool { return slices.Contains(p.ELR(), id) }
}

func leaderless(p *metadata.Partition) bool { return p.Leader == model.NoBroker }

// leads reports whether a broker leads any partition.
func (s *state) leads(id model.BrokerID) bool {
	for t := range s.tip.Topics.All() {
		if slices.ContainsFunc(t.Partitions, func(p *metadata.Partition) bool { return p.Leader == id }) {
			return true
		}
	}
	return false
}
