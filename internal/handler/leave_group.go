package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// leaveGroup serves LeaveGroup (0-5): members leave a classic group, or are
// taken out by an administrator (KIP-345, 800).
func leaveGroup(c *Context, req *wire.LeaveGroupRequest) {
	if !c.Allowed(Read, Group, req.GroupId) {
		c.Reply(&wire.LeaveGroupResponse{ErrorCode: kerr.GroupAuthorizationFailed})
		return
	}
	version := c.Version
	var d deferred
	c.Services.Groups.LeaveGroup(c.groupContext(), req, func(r *wire.LeaveGroupResponse) {
		if version < 3 {
			// One member, whose error is that of the whole.
			if r.ErrorCode == kerr.None && len(r.Members) == 1 {
				r.ErrorCode = r.Members[0].ErrorCode
			}
			r.Members = nil
		}
		d.reply(r)
	})
	d.settle(c)
}
