package controller

import (
	"slices"

	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// election says how hard a change tries to find a leader.
type election int8

const (
	// online keeps the leader if it may stay, else takes one of the ISR.
	online election = iota
	// preferred takes the first replica if it may lead.
	preferred
	// unclean takes any replica that is alive, when none of the ISR is.
	unclean
)

// change builds the PartitionChangeRecord that takes a partition to a target.
// Source: PartitionChangeBuilder.
type change struct {
	s     *state
	p     *metadata.Partition
	topic *metadata.Topic
	n     int32

	may      func(model.BrokerID) bool // may it lead, as far as brokers go
	election election
	elr      bool // eligible leader replicas are on
	minISR   int  // of the topic; -1 if not looked up yet

	isr, replicas, removing, adding, elrTarget []model.BrokerID
	dirs                                       map[model.BrokerID]model.DirectoryID
	uncleanShutdown                            model.BrokerID
	recovery                                   metadata.RecoveryState
}

// change begins with the partition as it is.
func (s *state) change(t *metadata.Topic, n int32, may func(model.BrokerID) bool) *change {
	p := t.Partitions[n]
	return &change{
		s: s, p: p, topic: t, n: n, may: may, elr: s.tip.Features.ELR(), minISR: -1,
		isr: p.ISR, replicas: p.Replicas, removing: p.Removing(), adding: p.Adding(), elrTarget: p.ELR(),
		uncleanShutdown: model.NoBroker, recovery: p.Recovery,
	}
}

// mayLead adds to may that the replica's directory is online.
func (c *change) mayLead(id model.BrokerID) bool {
	if !c.may(id) {
		return false
	}
	dir, ok := c.p.Dir(id)
	return !ok || c.s.online(id, dir)
}

// eligible reports whether a replica may lead without loss.
func (c *change) eligible(id model.BrokerID) bool {
	return (slices.Contains(c.isr, id) || len(c.isr) == 0 && slices.Contains(c.elrTarget, id)) && c.mayLead(id)
}

// elect is the leader, and whether records may be lost by it.
func (c *change) elect() (leader model.BrokerID, lossy bool) {
	if c.election == preferred && len(c.replicas) > 0 && c.eligible(c.replicas[0]) {
		return c.replicas[0], false
	}
	if c.eligible(c.p.Leader) {
		return c.p.Leader, false
	}
	if i := slices.IndexFunc(c.replicas, c.eligible); i >= 0 {
		return c.replicas[i], false
	}
	if last, ok := c.lastKnown(); ok {
		return last, true
	}
	if c.election == unclean {
		if i := slices.IndexFunc(c.replicas, c.mayLead); i >= 0 {
			return c.replicas[i], true
		}
	}
	return model.NoBroker, false
}

// lastKnown is the last leader, which ELR keeps in LastKnownELR, when ISR and
// ELR are empty and it is back.
func (c *change) lastKnown() (model.BrokerID, bool) {
	last := c.p.LastKnownELR()
	if !c.elr || len(c.elrTarget) > 0 || len(c.isr) > 0 || len(last) != 1 || !c.mayLead(last[0]) {
		return 0, false
	}
	return last[0], true
}

// build is the record; ok is false if nothing changes.
func (c *change) build() (metadata.Record, bool) {
	m := wire.NewPartitionChangeRecord()
	m.TopicId, m.PartitionId = c.topic.ID, c.n
	c.completeReassignment()
	c.fillELR()
	c.tryElection(m)
	if m.Leader == int32(metadata.NoLeaderChange) && !containsAll(c.replicas, c.p.Replicas) {
		m.Leader = int32(c.p.Leader) // a reassignment ends: bump the leader epoch
	}
	c.setELR(m)
	if m.Isr == nil && (len(c.isr) > 0 || c.elr) && !slices.Equal(c.isr, c.p.ISR) {
		m.Isr = metadata.Int32s(c.isr)
	}
	if c.s.version().EpochBumpOnShrink() && m.Leader == int32(metadata.NoLeaderChange) && m.Isr != nil && !containsAll(metadata.BrokerIDs(m.Isr), c.p.ISR) {
		m.Leader = int32(c.p.Leader)
	}
	c.setLastLeader(m)
	c.setAssignment(m)
	if c.recovery != c.p.Recovery {
		m.LeaderRecoveryState = int8(c.recovery)
	}
	if isNoOp(m) {
		return metadata.Record{}, false
	}
	return metadata.Record{Msg: m, Version: c.s.version().Partition()}, true
}

func isNoOp(m *wire.PartitionChangeRecord) bool {
	return m.Isr == nil && m.EligibleLeaderReplicas == nil && m.LastKnownElr == nil && m.Leader == int32(metadata.NoLeaderChange) &&
		m.Replicas == nil && m.RemovingReplicas == nil && m.AddingReplicas == nil &&
		m.LeaderRecoveryState == int8(metadata.NoRecoveryChange) && m.Directories == nil
}

func (c *change) tryElection(m *wire.PartitionChangeRecord) {
	leader, lossy := c.elect()
	if leader == c.p.Leader {
		return
	}
	if slices.Contains(c.elrTarget, leader) {
		c.isr = []model.BrokerID{leader}
		c.elrTarget = without(c.elrTarget, leader)
	}
	m.Leader = int32(leader)
	if lossy {
		// Only the new leader's log counts from here on.
		m.Isr = []int32{int32(leader)}
		if c.p.Recovery != metadata.Recovering {
			m.LeaderRecoveryState = int8(metadata.Recovering)
		}
	}
}

// fillELR moves who leaves the ISR to the ELR while the ISR is below
// min.insync.replicas.
func (c *change) fillELR() {
	if !c.elr {
		return
	}
	if c.minISR < 0 {
		c.minISR = c.s.minISR(c.topic)
	}
	if len(c.isr) >= c.minISR {
		c.elrTarget = nil
		return
	}
	var out []model.BrokerID
	for _, id := range append(slices.Clone(c.elrTarget), c.p.ISR...) {
		if !slices.Contains(c.isr, id) && id != c.uncleanShutdown && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	c.elrTarget = out
}

// setELR writes the ELR; an unclean election empties it, and so does switching
// the feature off.
func (c *change) setELR(m *wire.PartitionChangeRecord) {
	if m.Isr != nil || !c.elr {
		c.elrTarget = nil
	}
	if !slices.Equal(c.elrTarget, c.p.ELR()) {
		m.EligibleLeaderReplicas = metadata.Int32s(c.elrTarget)
	}
}

// setLastLeader keeps the leader that a partition had when it lost its last one.
func (c *change) setLastLeader(m *wire.PartitionChangeRecord) {
	if !c.elr {
		return
	}
	last := c.p.LastKnownELR()
	switch {
	case m.Leader == int32(model.NoBroker) && len(last) == 0:
		m.LastKnownElr = []int32{int32(c.p.Leader)}
	case m.Leader >= 0 && len(last) > 0:
		m.LastKnownElr = []int32{}
	}
}

func (c *change) setAssignment(m *wire.PartitionChangeRecord) {
	if len(c.replicas) > 0 {
		if c.s.version().Directories() {
			if dirs := c.targetDirs(); !slices.Equal(dirs, c.p.Dirs) {
				m.Directories = dirs
			}
		}
		if !slices.Equal(c.replicas, c.p.Replicas) {
			m.Replicas = metadata.Int32s(c.replicas)
		}
	}
	if !slices.Equal(c.removing, c.p.Removing()) {
		m.RemovingReplicas = metadata.Int32s(c.removing)
	}
	if !slices.Equal(c.adding, c.p.Adding()) {
		m.AddingReplicas = metadata.Int32s(c.adding)
	}
}

func (c *change) targetDirs() []model.DirectoryID {
	if c.dirs == nil && slices.Equal(c.replicas, c.p.Replicas) {
		return c.p.Dirs
	}
	out := make([]model.DirectoryID, len(c.replicas))
	for i, r := range c.replicas {
		dir, ok := c.dirs[r]
		if !ok {
			dir, ok = c.p.Dir(r)
		}
		if !ok {
			dir = c.s.defaultDir(r)
		}
		out[i] = dir
	}
	return out
}

// completeReassignment ends a reassignment whose new replicas are all in sync.
// Source: PartitionReassignmentReplicas.
func (c *change) completeReassignment() {
	if len(c.removing)+len(c.adding) == 0 {
		return
	}
	isr, replicas := without(c.isr, c.removing...), without(c.replicas, c.removing...)
	if len(c.removing) > 0 && (len(isr) == 0 || len(replicas) == 0) {
		return
	}
	if !containsAll(isr, c.adding) {
		return
	}
	// Fewer replicas than before: wait for all of them, or the ISR would shrink.
	if len(c.adding) < len(c.removing) && !containsAll(isr, replicas) {
		return
	}
	c.isr, c.replicas, c.removing, c.adding = isr, replicas, nil, nil
}

// without is s without some elements; it shares memory with s if none is in it.
func without(s []model.BrokerID, drop ...model.BrokerID) []model.BrokerID {
	if !slices.ContainsFunc(s, func(id model.BrokerID) bool { return slices.Contains(drop, id) }) {
		return s
	}
	var out []model.BrokerID
	for _, id := range s {
		if !slices.Contains(drop, id) {
			out = append(out, id)
		}
	}
	return out
}

func containsAll(s, of []model.BrokerID) bool {
	for _, id := range of {
		if !slices.Contains(s, id) {
			return false
		}
	}
	return true
}
