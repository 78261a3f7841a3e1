package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// noOperations says that the requester did not ask what it may do.
const noOperations = -1 << 31

// describeGroups serves DescribeGroups (0-6): state and members of classic
// groups. Since version 3 what the requester may do to them (KIP-430), since 6
// an error for those that do not exist (KIP-1043).
func describeGroups(c *Context, req *wire.DescribeGroupsRequest) {
	var refused []wire.DescribeGroupsResponseDescribedGroup
	allowed := make([]string, 0, len(req.Groups))
	operations := make(map[string]int32)
	for _, id := range req.Groups {
		if !c.Allowed(Describe, Group, id) {
			refused = append(refused, wire.DescribeGroupsResponseDescribedGroup{GroupId: id, ErrorCode: kerr.GroupAuthorizationFailed, AuthorizedOperations: noOperations})
			continue
		}
		allowed = append(allowed, id)
		if c.Version >= 3 && req.IncludeAuthorizedOperations {
			operations[id] = c.Operations(Group, id)
		}
	}
	var d deferred
	c.Services.Groups.DescribeGroups(c.groupContext(), allowed, func(list []wire.DescribeGroupsResponseDescribedGroup) {
		for i := range list {
			if bits, ok := operations[list[i].GroupId]; ok && list[i].ErrorCode == kerr.None {
				list[i].AuthorizedOperations = bits
			}
		}
		d.reply(&wire.DescribeGroupsResponse{Groups: append(refused, list...)})
	})
	d.settle(c)
}
