package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// syncGroup serves SyncGroup (0-5): the leader of a classic group hands in the
// assignments, everybody gets theirs (KIP-345, 559).
func syncGroup(c *Context, req *wire.SyncGroupRequest) {
	if c.Version >= 5 && (req.ProtocolType == nil || req.ProtocolName == nil) {
		c.Reply(&wire.SyncGroupResponse{ErrorCode: kerr.InconsistentGroupProtocol})
		return
	}
	if !c.Allowed(Read, Group, req.GroupId) {
		c.Reply(&wire.SyncGroupResponse{ErrorCode: kerr.GroupAuthorizationFailed})
		return
	}
	var d deferred
	c.Services.Groups.SyncGroup(c.groupContext(), req, func(r *wire.SyncGroupResponse) { d.reply(r) })
	d.settle(c)
}
