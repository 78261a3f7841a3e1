package group

import (
	"fmt"
	"slices"
	"strings"

	"gregor/internal/coordinator"
	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// syncGroup decides on a SyncGroup. The leader hands in everybody's
// assignment, the others wait for theirs.
func (s *Shard) syncGroup(req *wire.SyncGroupRequest, reply func(*wire.SyncGroupResponse), out *coordinator.Out) {
	refuse := func(code kerr.Code) { reply(&wire.SyncGroupResponse{ErrorCode: code}) }
	g := s.classicOf(req.GroupId)
	if g == nil || g.isEmpty() {
		refuse(kerr.UnknownMemberId)
		return
	}
	if code := g.validateSync(req); code != kerr.None {
		refuse(code)
		return
	}
	m := g.byID[req.MemberId]
	switch g.state {
	case PreparingRebalance:
		refuse(kerr.RebalanceInProgress)
	case CompletingRebalance:
		// Whoever waits under this id has been given up by the client.
		g.answerSync(m, &wire.SyncGroupResponse{ErrorCode: kerr.RebalanceInProgress})
		m.sync = reply
		s.synced(g, m)
		if g.leader == m.id {
			s.assign(g, req, out)
		}
	case Stable:
		s.synced(g, m)
		reply(g.syncResponse(m))
	}
	s.checkGroup(g)
}

func (g *classic) validateSync(req *wire.SyncGroupRequest) kerr.Code {
	if g.state == Dead {
		return kerr.CoordinatorNotAvailable
	}
	if err := g.validate(req.MemberId, req.GroupInstanceId); err != nil {
		return kerr.Of(err)
	}
	switch {
	case req.GenerationId != g.generation:
		return kerr.IllegalGeneration
	case differ(req.ProtocolType, g.typ()), differ(req.ProtocolName, g.protocol):
		return kerr.InconsistentGroupProtocol
	}
	return kerr.None
}

// differ reports whether both are there and not the same.
func differ(a, b *string) bool { return a != nil && b != nil && *a != *b }

func (g *classic) syncResponse(m *member) *wire.SyncGroupResponse {
	return &wire.SyncGroupResponse{ProtocolType: g.typ(), ProtocolName: g.protocol, Assignment: m.assignment}
}

// synced notes that a member has asked for its assignment.
func (s *Shard) synced(g *classic, m *member) {
	delete(g.pendingSync, m.id)
	if len(g.pendingSync) == 0 {
		s.timers.Stop(&g.sync)
	}
}

// assign writes the leader's assignment; when that is committed the group is
// stable.
func (s *Shard) assign(g *classic, req *wire.SyncGroupRequest, out *coordinator.Out) {
	s.log.Info(fmt.Sprintf("Assignment received from leader %s for group %s for generation %d. The group has %d members, %d of which are static.",
		req.MemberId, g.id, g.generation, len(g.members), len(g.static)))
	assignment := make(map[string][]byte, len(g.members))
	for i := range req.Assignments {
		assignment[req.Assignments[i].MemberId] = req.Assignments[i].Assignment
	}
	var missing []string
	for _, m := range g.members {
		if _, ok := assignment[m.id]; !ok {
			assignment[m.id] = nil
			missing = append(missing, m.id)
		}
	}
	if len(missing) > 0 {
		s.log.Warn(fmt.Sprintf("Setting empty assignments for members [%s] of %s for generation %d.", strings.Join(missing, ", "), g.id, g.generation))
	}
	generation := g.generation
	s.writeGeneration(g, assignment, out)
	out.Then(func(err error, out *coordinator.Out) {
		// Others may have joined meanwhile.
		if !s.current(g) || g.state != CompletingRebalance || g.generation != generation {
			return
		}
		if err != nil {
			code := groupWriteError(err)
			s.resetAssignments(g, code, out.Now)
			s.prepareOrComplete(g, fmt.Sprintf("Error %s when storing group assignment during SyncGroup (member: %s).", code.Name(), req.MemberId), out)
			return
		}
		for _, m := range g.members {
			m.assignment = assignment[m.id]
		}
		for _, m := range slices.Clone(g.members) {
			if g.answerSync(m, g.syncResponse(m)) {
				s.keepAlive(g, m, m.session, out.Now)
			}
		}
		g.become(Stable, out.Now)
		s.checkGroup(g)
	})
}

// heartbeat decides on a Heartbeat.
func (s *Shard) heartbeat(req *wire.HeartbeatRequest, out *coordinator.Out) kerr.Code {
	g := s.classicOf(req.GroupId)
	switch {
	case g == nil:
		return kerr.UnknownMemberId
	case g.state == Dead:
		return kerr.CoordinatorNotAvailable
	}
	if err := g.validate(req.MemberId, req.GroupInstanceId); err != nil {
		return kerr.Of(err)
	}
	if req.GenerationId != g.generation {
		return kerr.IllegalGeneration
	}
	m := g.byID[req.MemberId]
	s.keepAlive(g, m, m.session, out.Now)
	if g.state == PreparingRebalance {
		return kerr.RebalanceInProgress
	}
	return kerr.None
}

// leaveGroup decides on a LeaveGroup, which names members by id, or static
// ones by instance id alone.
func (s *Shard) leaveGroup(req *wire.LeaveGroupRequest, out *coordinator.Out) ([]wire.LeaveGroupResponseMemberResponse, error) {
	g := s.classicOf(req.GroupId)
	switch {
	case g == nil:
		return nil, kerr.UnknownMemberId
	case g.state == Dead:
		return nil, kerr.CoordinatorNotAvailable
	}
	answers := make([]wire.LeaveGroupResponseMemberResponse, len(req.Members))
	var left []string
	for i := range req.Members {
		m := &req.Members[i]
		code := s.leave(g, m)
		answers[i] = wire.LeaveGroupResponseMemberResponse{MemberId: m.MemberId, GroupInstanceId: m.GroupInstanceId, ErrorCode: code}
		if code == kerr.None {
			left = append(left, m.MemberId)
		}
	}
	if len(left) > 0 {
		switch g.state {
		case Stable, CompletingRebalance:
			s.prepareOrComplete(g, fmt.Sprintf("explicit `LeaveGroup` request for (%s) members.", strings.Join(left, ", ")), out)
		case PreparingRebalance:
			s.completeIfAllJoined(g, out)
		}
	}
	s.checkGroup(g)
	return answers, nil
}

func (s *Shard) leave(g *classic, who *wire.LeaveGroupRequestMemberIdentity) kerr.Code {
	reason := "not provided"
	if who.Reason != nil {
		reason = *who.Reason
	}
	id := who.MemberId
	switch {
	case id == "":
		if who.GroupInstanceId == nil || g.static[*who.GroupInstanceId] == "" {
			return kerr.UnknownMemberId
		}
		id = g.static[*who.GroupInstanceId]
	case g.pending[id] != nil:
		s.dropPending(g, id)
		s.log.Info(fmt.Sprintf("[Group %s] Pending member %s has left group through explicit `LeaveGroup` request; client reason: %s", g.id, id, reason))
		return kerr.None
	default:
		if err := g.validate(id, who.GroupInstanceId); err != nil {
			return kerr.Of(err)
		}
	}
	s.log.Info(fmt.Sprintf("[Group %s] Member %s has left group through explicit `LeaveGroup` request; client reason: %s", g.id, id, reason))
	m := g.byID[id]
	g.answerJoin(m, &wire.JoinGroupResponse{ErrorCode: kerr.UnknownMemberId, GenerationId: -1})
	s.removeMember(g, m)
	return kerr.None
}
