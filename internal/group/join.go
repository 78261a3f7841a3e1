package group

import (
	"encoding/hex"
	"fmt"

	"gregor/internal/coordinator"
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// freshTimeout is how long a member may wait for the answer to its first join
// (group.new.member.join.timeout, which Kafka does not let be set).
const freshTimeout model.Millis = 5 * 60 * 1000

// Versions of JoinGroup.
const (
	memberIDRequired = 4 // a member without id must come back with one (KIP-394)
	skipAssignment   = 9 // a returning static leader is told not to assign (KIP-814)
)

// joinGroup decides on a JoinGroup. j is answered at once, or parked with the
// member.
func (s *Shard) joinGroup(c *Context, req *wire.JoinGroupRequest, j *joining, out *coordinator.Out) error {
	e, exists := s.groups.Get(req.GroupId)
	g, ok := e.(*classic)
	switch {
	case exists && !ok:
		j.answer(&wire.JoinGroupResponse{ErrorCode: kerr.InconsistentGroupProtocol, GenerationId: -1})
		return nil
	case !exists && req.MemberId != "":
		j.answer(&wire.JoinGroupResponse{ErrorCode: kerr.UnknownMemberId, GenerationId: -1, MemberId: req.MemberId})
		return nil
	case !exists:
		g = s.create(req.GroupId, out.Now)
	}
	var err error
	switch {
	case !s.accepts(g, req.MemberId):
		s.dropRefused(g, req.MemberId)
		j.answer(&wire.JoinGroupResponse{ErrorCode: kerr.GroupMaxSizeReached, GenerationId: -1})
	case req.MemberId == "":
		s.joinNew(c, req, g, j, out)
	default:
		err = s.joinAgain(c, req, g, j, out)
	}
	if !exists && err == nil && out.Len() == 0 {
		// A new group must be in the log, or it would not be seen by those who
		// look at committed state.
		s.writeNew(g, j, out)
	}
	s.checkGroup(g)
	return err
}

// dropRefused removes a member that the full group has no place for.
func (s *Shard) dropRefused(g *classic, id string) {
	if m := g.byID[id]; m != nil {
		s.removeMember(g, m)
	}
	s.dropPending(g, id)
}

// accepts reports whether a member may join as far as group.max.size goes.
// While the group rebalances those count who have joined, so that the last to
// come back are turned away if the size was lowered.
func (s *Shard) accepts(g *classic, id string) bool {
	m := g.byID[id]
	switch g.state {
	case PreparingRebalance:
		return m != nil && m.join != nil || g.awaiting < s.cfg.MaxSize
	case CompletingRebalance, Stable:
		return m != nil || len(g.members) < s.cfg.MaxSize
	}
	return true
}

func refuseJoin(j *joining, id string, code kerr.Code) {
	j.answer(&wire.JoinGroupResponse{ErrorCode: code, GenerationId: -1, MemberId: id})
}

func (s *Shard) joinNew(c *Context, req *wire.JoinGroupRequest, g *classic, j *joining, out *coordinator.Out) {
	switch {
	case g.state == Dead:
		refuseJoin(j, "", kerr.CoordinatorNotAvailable)
	case !g.supports(req.ProtocolType, req.Protocols):
		refuseJoin(j, "", kerr.InconsistentGroupProtocol)
	case req.GroupInstanceId != nil:
		s.joinStatic(c, req, g, s.memberID(*req.GroupInstanceId), j, out)
	case c.Version >= memberIDRequired:
		id := s.memberID(c.ClientID)
		s.log.Info(fmt.Sprintf("Dynamic member with unknown member id joins group %s in %s state. Created a new member id %s and requesting the member to rejoin with this id.",
			g.id, g.state, id))
		s.addPending(g, id, out.Now+model.Millis(req.SessionTimeoutMs))
		refuseJoin(j, id, kerr.MemberIdRequired)
	default:
		id := s.memberID(c.ClientID)
		s.log.Info(fmt.Sprintf("Dynamic member with unknown member id joins group %s in state %s. Created a new member id %s and added the member to the group.",
			g.id, g.state, id))
		s.addMember(c, req, g, id, j, out)
	}
}

// memberID is a new member id: a name and a random id in Java's notation.
func (s *Shard) memberID(name string) string {
	u := s.newID()
	b := make([]byte, 0, len(name)+37)
	b = append(b, name...)
	for _, part := range [][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		b = append(b, '-')
		b = hex.AppendEncode(b, part)
	}
	return string(b)
}

func (s *Shard) joinStatic(c *Context, req *wire.JoinGroupRequest, g *classic, id string, j *joining, out *coordinator.Out) {
	existing, ok := g.static[*req.GroupInstanceId]
	if !ok {
		s.log.Info(fmt.Sprintf("Static member with groupInstanceId=%s and unknown member id joins group %s in %s state. Created a new member id %s for this member and added to the group.",
			*req.GroupInstanceId, g.id, g.state, id))
		s.addMember(c, req, g, id, j, out)
		return
	}
	s.log.Info(fmt.Sprintf("Static member with groupInstanceId=%s and unknown member id joins group %s in %s state. Replacing previously mapped member %s with this groupInstanceId.",
		*req.GroupInstanceId, g.id, g.state, existing))
	s.replaceStatic(c, req, g, g.byID[existing], id, j, out)
}

// joinAgain is a join with a member id.
func (s *Shard) joinAgain(c *Context, req *wire.JoinGroupRequest, g *classic, j *joining, out *coordinator.Out) error {
	id := req.MemberId
	switch {
	case g.state == Dead:
		refuseJoin(j, id, kerr.CoordinatorNotAvailable)
		return nil
	case !g.supports(req.ProtocolType, req.Protocols):
		refuseJoin(j, id, kerr.InconsistentGroupProtocol)
		return nil
	case g.pending[id] != nil:
		if req.GroupInstanceId != nil {
			return kerr.UnknownServerError.With(fmt.Sprintf("Received unexpected JoinGroup with groupInstanceId=%s for pending member with memberId=%s", *req.GroupInstanceId, id))
		}
		s.log.Info(fmt.Sprintf("Pending dynamic member with id %s joins group %s in %s state. Adding to the group now.", id, g.id, g.state))
		s.addMember(c, req, g, id, j, out)
		return nil
	}
	if err := g.validate(id, req.GroupInstanceId); err != nil {
		refuseJoin(j, id, kerr.Of(err))
		return nil
	}
	m := g.byID[id]
	same := sameProtocols(m.protocols, req.Protocols)
	switch {
	case g.state == PreparingRebalance:
		s.updateMember(c, req, g, m, j, fmt.Sprintf("Member %s is joining group during %s; client reason: %s", id, g.state, joinReason(req)), out)
	case g.state == CompletingRebalance && same, g.state == Stable && same && g.leader != id:
		// It did not get the answer, or it is a follower with nothing new.
		j.answer(g.joinResponse(m))
	case g.state == Stable && g.leader == id:
		// So the leader can have the assignment redone when it knows of
		// something that its metadata does not tell.
		s.updateMember(c, req, g, m, j, fmt.Sprintf("Leader %s re-joining group during %s; client reason: %s", id, g.state, joinReason(req)), out)
	case g.is(CompletingRebalance, Stable):
		s.updateMember(c, req, g, m, j, fmt.Sprintf("Updating metadata for member %s during %s; client reason: %s", id, g.state, joinReason(req)), out)
	default:
		refuseJoin(j, id, kerr.UnknownMemberId)
	}
	return nil
}

func joinReason(req *wire.JoinGroupRequest) string {
	if req.Reason == nil || *req.Reason == "" {
		return "not provided"
	}
	return *req.Reason
}

// addPending notes an id that was handed out.
func (s *Shard) addPending(g *classic, id string, deadline model.Millis) {
	t := &coordinator.Timer{Fire: func(out *coordinator.Out) error {
		if !s.current(g) || g.pending[id] == nil {
			return nil
		}
		s.log.Info(fmt.Sprintf("Pending member %s in group %s has been removed after session timeout expiration.", id, g.id))
		delete(g.pending, id)
		if g.state == PreparingRebalance && g.allJoined() {
			s.completeJoin(g, out)
		}
		return nil
	}}
	if g.pending == nil {
		g.pending = map[string]*coordinator.Timer{}
	}
	g.pending[id] = t
	s.timers.Set(t, deadline)
}

func (s *Shard) dropPending(g *classic, id string) {
	if t := g.pending[id]; t != nil {
		s.timers.Stop(t)
		delete(g.pending, id)
	}
}

// addMember adds a member and rebalances.
func (s *Shard) addMember(c *Context, req *wire.JoinGroupRequest, g *classic, id string, j *joining, out *coordinator.Out) {
	s.dropPending(g, id)
	m := &member{
		id: id, instance: req.GroupInstanceId, clientID: c.ClientID, clientHost: c.ClientHost,
		protocolType: req.ProtocolType, fresh: true,
		terms: terms{req.Protocols, rebalanceTimeout(c, req), model.Millis(req.SessionTimeoutMs)},
	}
	if g.state == PreparingRebalance && g.was == Empty {
		g.joined = true
	}
	g.add(m, j)
	// It cannot send heartbeats yet, and a lost connection is not noticed
	// while its request is parked; if it is still there it will come again.
	s.keepAlive(g, m, freshTimeout, out.Now)
	s.prepareOrComplete(g, fmt.Sprintf("Adding new member %s with group instance id %s; client reason: %s", id, orNull(req.GroupInstanceId), joinReason(req)), out)
}

// rebalanceTimeout is what the request says; version 0 has none of its own.
func rebalanceTimeout(c *Context, req *wire.JoinGroupRequest) model.Millis {
	if c.Version == 0 {
		return model.Millis(req.SessionTimeoutMs)
	}
	return model.Millis(req.RebalanceTimeoutMs)
}

func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// updateMember parks the join of a member and rebalances.
func (s *Shard) updateMember(c *Context, req *wire.JoinGroupRequest, g *classic, m *member, j *joining, reason string, out *coordinator.Out) {
	// Whoever waits under this id has been given up by the client.
	g.answerJoin(m, &wire.JoinGroupResponse{ErrorCode: kerr.RebalanceInProgress, GenerationId: -1, MemberId: m.id})
	g.update(m, terms{req.Protocols, rebalanceTimeout(c, req), model.Millis(req.SessionTimeoutMs)}, j)
	s.prepareOrComplete(g, reason, out)
}

// replaceStatic lets a static member come back under a new member id. Without
// need the group does not rebalance for it.
func (s *Shard) replaceStatic(c *Context, req *wire.JoinGroupRequest, g *classic, old *member, id string, j *joining, out *coordinator.Out) {
	leader := g.leader
	s.timers.Stop(&old.deadline)
	m := g.replace(old, id)
	s.keepAlive(g, m, m.session, out.Now)
	before := m.terms
	g.update(m, terms{req.Protocols, rebalanceTimeout(c, req), model.Millis(req.SessionTimeoutMs)}, j)
	switch g.state {
	case Stable:
		if g.choose() != *g.protocol {
			s.prepareOrComplete(g, fmt.Sprintf("Group's selectedProtocol will change because static member %s with instance id %s joined with change of protocol; client reason: %s",
				id, *req.GroupInstanceId, joinReason(req)), out)
			return
		}
		s.log.Info("Static member which joins during Stable stage and doesn't affect the selected protocol will not trigger a rebalance.")
		s.writeGeneration(g, nil, out)
		out.Then(func(err error, out *coordinator.Out) {
			if err != nil {
				s.takeBackStatic(g, m, before, old.id, leader, j, err, out)
				return
			}
			r := g.joinResponse(m)
			if c.Version >= skipAssignment {
				r.SkipAssignment = g.leader == id
			} else {
				// It is told of the old leader, so that it does not assign.
				r.Leader, r.Members = leader, nil
			}
			g.answerJoin(m, r)
		})
	case CompletingRebalance:
		// The leader may be assigning to the old id already.
		s.prepare(g, fmt.Sprintf("Updating metadata for static member %s with instance id %s; client reason: %s", id, *req.GroupInstanceId, joinReason(req)), out)
	default:
		s.completeIfAllJoined(g, out)
	}
}

// takeBackStatic undoes replaceStatic when it could not be written.
func (s *Shard) takeBackStatic(g *classic, m *member, before terms, oldID, leader string, j *joining, err error, out *coordinator.Out) {
	s.log.Warn(fmt.Sprintf("Failed to persist metadata for group %s static member %s with group instance id %s due to %v. Reverting to old member id %s.",
		g.id, m.id, *m.instance, err, oldID))
	if g.byID[m.id] == m {
		g.update(m, before, nil)
		s.timers.Stop(&m.deadline)
		back := g.replace(m, oldID)
		s.keepAlive(g, back, back.session, out.Now)
	}
	j.answer(&wire.JoinGroupResponse{
		ErrorCode: groupWriteError(err), GenerationId: g.generation, ProtocolName: g.protocol, ProtocolType: g.typ(), Leader: leader,
	})
}
