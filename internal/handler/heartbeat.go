package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// heartbeat serves Heartbeat (0-4): a member of a classic group is alive
// (KIP-345).
func heartbeat(c *Context, req *wire.HeartbeatRequest) {
	if !c.Allowed(Read, Group, req.GroupId) {
		c.Reply(&wire.HeartbeatResponse{ErrorCode: kerr.GroupAuthorizationFailed})
		return
	}
	var d deferred
	c.Services.Groups.Heartbeat(c.groupContext(), req, func(r *wire.HeartbeatResponse) { d.reply(r) })
	d.settle(c)
}
