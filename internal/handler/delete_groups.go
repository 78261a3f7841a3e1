package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// deleteGroups serves DeleteGroups (0-3): empty groups are forgotten with
// their offsets (KIP-229).
func deleteGroups(c *Context, req *wire.DeleteGroupsRequest) {
	var refused []wire.DeleteGroupsResponseDeletableGroupResult
	var allowed []string
	seen := make(map[string]struct{}, len(req.GroupsNames))
	for _, id := range req.GroupsNames {
		if _, again := seen[id]; again {
			continue
		}
		seen[id] = struct{}{}
		switch {
		case c.Allowed(Delete, Group, id):
			allowed = append(allowed, id)
		default:
			refused = append(refused, wire.DeleteGroupsResponseDeletableGroupResult{GroupId: id, ErrorCode: kerr.GroupAuthorizationFailed})
		}
	}
	var d deferred
	c.Services.Groups.DeleteGroups(c.groupContext(), allowed, func(list []wire.DeleteGroupsResponseDeletableGroupResult) {
		d.reply(&wire.DeleteGroupsResponse{Results: append(list, refused...)})
	})
	d.settle(c)
}
