package group

import (
	"fmt"
	"slices"
	"strings"

	"gregor/internal/coordinator"
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// keepAlive puts off the loss of a member to timeout from now.
func (s *Shard) keepAlive(g *classic, m *member, timeout, now model.Millis) {
	if m.deadline.Fire == nil {
		m.deadline.Fire = func(out *coordinator.Out) error { s.lose(g, m, out); return nil }
	}
	s.timers.Set(&m.deadline, now+timeout)
}

// lose removes a member whose session has run out, unless it waits for us.
func (s *Shard) lose(g *classic, m *member, out *coordinator.Out) {
	if !s.current(g) || g.byID[m.id] != m || m.alive() {
		return
	}
	s.log.Info(fmt.Sprintf("Member %s in group %s has failed, removing it from the group.", m.id, g.id))
	g.answerJoin(m, &wire.JoinGroupResponse{ErrorCode: kerr.UnknownMemberId, GenerationId: -1})
	s.removeMember(g, m)
	switch {
	case g.is(Stable, CompletingRebalance):
		s.prepareOrComplete(g, fmt.Sprintf("removing member %s on heartbeat expiration.", m.id), out)
	case g.state == PreparingRebalance && g.allJoined():
		s.completeJoin(g, out)
	}
	s.checkGroup(g)
}

// removeMember removes a member; its parked join must have been answered.
func (s *Shard) removeMember(g *classic, m *member) {
	s.timers.Stop(&m.deadline)
	g.answerSync(m, &wire.SyncGroupResponse{ErrorCode: kerr.UnknownMemberId})
	g.remove(m)
}

// prepareOrComplete begins a rebalance, or goes on with the one under way.
func (s *Shard) prepareOrComplete(g *classic, reason string, out *coordinator.Out) {
	if g.canRebalance() {
		s.prepare(g, reason, out)
	} else {
		s.completeIfAllJoined(g, out)
	}
}

// prepare begins a rebalance.
func (s *Shard) prepare(g *classic, reason string, out *coordinator.Out) {
	if g.state == CompletingRebalance {
		s.resetAssignments(g, kerr.RebalanceInProgress, out.Now)
	}
	clear(g.pendingSync)
	s.timers.Stop(&g.sync)
	first := g.state == Empty
	if first {
		delay := s.cfg.InitialRebalanceDelay
		s.gather(g, delay, max(g.rebalanceTimeout()-delay, 0), out.Now)
	}
	g.become(PreparingRebalance, out.Now)
	s.log.Info(fmt.Sprintf("Preparing to rebalance group %s in state %s with old generation %d (reason: %s).", g.id, g.state, g.generation, reason))
	switch {
	case first:
	case g.allJoined():
		s.completeJoin(g, out)
	default:
		s.joinBy(g, out.Now+g.rebalanceTimeout())
	}
}

// joinBy has the join phase end at the latest then.
func (s *Shard) joinBy(g *classic, at model.Millis) {
	g.join.Fire = func(out *coordinator.Out) error {
		if s.current(g) {
			s.completeJoin(g, out)
			s.checkGroup(g)
		}
		return nil
	}
	s.timers.Set(&g.join, at)
}

// gather waits for delay before the first rebalance of a group is completed,
// and again as long as members come, for remaining at most.
func (s *Shard) gather(g *classic, delay, remaining, now model.Millis) {
	s.timers.Stop(&g.join)
	g.join.Fire = func(out *coordinator.Out) error {
		switch {
		case !s.current(g):
		case g.joined && remaining != 0:
			g.joined = false
			s.gather(g, min(s.cfg.InitialRebalanceDelay, remaining), max(remaining-delay, 0), out.Now)
		default:
			s.completeJoin(g, out)
		}
		return nil
	}
	s.timers.Set(&g.join, now+delay)
}

// completeIfAllJoined ends the join phase if nobody is missing. The first
// rebalance of a group ends by time alone.
func (s *Shard) completeIfAllJoined(g *classic, out *coordinator.Out) {
	if g.state == PreparingRebalance && g.was != Empty && g.allJoined() {
		s.completeJoin(g, out)
	}
}

// completeJoin ends the join phase: who has not come is no member any more,
// and the others get to know the new generation.
func (s *Shard) completeJoin(g *classic, out *coordinator.Out) {
	s.timers.Stop(&g.join)
	if g.state != PreparingRebalance {
		return
	}
	var late []string
	for _, m := range slices.Clone(g.members) {
		if m.join == nil && m.instance == nil {
			s.removeMember(g, m)
			late = append(late, m.id)
		}
	}
	if len(late) > 0 {
		s.log.Info(fmt.Sprintf("Group %s removed dynamic members who haven't joined: [%s]", g.id, strings.Join(late, ", ")))
	}
	if !g.electJoined() && len(g.members) > 0 {
		// Only static members are left and none has come; their sessions end it.
		s.log.Error(fmt.Sprintf("Group %s could not complete rebalance because no members rejoined.", g.id))
		s.joinBy(g, out.Now+g.rebalanceTimeout())
		return
	}
	g.nextGeneration(out.Now)
	if g.state == Empty {
		s.log.Info(fmt.Sprintf("Group %s with generation %d is now empty.", g.id, g.generation))
		s.writeGeneration(g, nil, out)
		out.Then(func(err error, _ *coordinator.Out) {
			if err != nil {
				s.log.Warn(fmt.Sprintf("Failed to write empty metadata for group %s: %s", g.id, groupWriteError(err).Message()))
			}
		})
		return
	}
	s.log.Info(fmt.Sprintf("Stabilized group %s generation %d with %d members.", g.id, g.generation, len(g.members)))
	if g.pendingSync == nil {
		g.pendingSync = map[string]struct{}{}
	}
	for _, m := range g.members {
		g.answerJoin(m, g.joinResponse(m))
		s.keepAlive(g, m, m.session, out.Now)
		m.fresh = false
		g.pendingSync[m.id] = struct{}{}
	}
	s.syncBy(g, out.Now+g.rebalanceTimeout())
}

// syncBy has the sync phase of this generation end at the latest then.
func (s *Shard) syncBy(g *classic, at model.Millis) {
	generation := g.generation
	s.timers.Stop(&g.sync)
	g.sync.Fire = func(out *coordinator.Out) error {
		if !s.current(g) || g.generation != generation || !g.is(CompletingRebalance, Stable) || len(g.pendingSync) == 0 {
			return nil
		}
		var late []string
		for _, m := range slices.Clone(g.members) {
			if _, ok := g.pendingSync[m.id]; ok {
				s.removeMember(g, m)
				late = append(late, m.id)
			}
		}
		s.prepare(g, fmt.Sprintf("Removing [%s] on pending sync request expiration", strings.Join(late, ", ")), out)
		s.checkGroup(g)
		return nil
	}
	s.timers.Set(&g.sync, at)
}

// resetAssignments answers those who wait for their assignment with an error.
func (s *Shard) resetAssignments(g *classic, code kerr.Code, now model.Millis) {
	for _, m := range g.members {
		m.assignment = nil
		if g.answerSync(m, &wire.SyncGroupResponse{ErrorCode: code}) {
			s.keepAlive(g, m, m.session, now)
		}
	}
}
