package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// joinGroup serves JoinGroup (0-9): a member joins a classic group or joins it
// again; the answer comes when the others have (KIP-62, 345, 394, 559, 800, 814).
func joinGroup(c *Context, req *wire.JoinGroupRequest) {
	version := c.Version
	// Before version 7 the name of the protocol is never null, after it never empty.
	reply := func(r *wire.JoinGroupResponse) *wire.JoinGroupResponse {
		if version < 7 && r.ProtocolName == nil {
			r.ProtocolName = new(string)
		}
		return r
	}
	if !c.Allowed(Read, Group, req.GroupId) {
		c.Reply(reply(&wire.JoinGroupResponse{ErrorCode: kerr.GroupAuthorizationFailed, GenerationId: -1}))
		return
	}
	var d deferred
	c.Services.Groups.JoinGroup(c.groupContext(), req, func(r *wire.JoinGroupResponse) { d.reply(reply(r)) })
	d.settle(c)
}
