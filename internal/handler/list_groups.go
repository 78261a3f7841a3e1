package handler

import (
	"slices"

	"gregor/internal/wire"
)

// listGroups serves ListGroups (0-5): the groups that this broker coordinates,
// by state (KIP-518) and type (KIP-848).
func listGroups(c *Context, req *wire.ListGroupsRequest) {
	all := c.Allowed(Describe, Cluster, ClusterName)
	services, principal, host := c.Services, c.Principal(), c.Host()
	var d deferred
	c.Services.Groups.ListGroups(c.groupContext(), req, func(r *wire.ListGroupsResponse) {
		if !all {
			r.Groups = slices.DeleteFunc(r.Groups, func(g wire.ListGroupsResponseListedGroup) bool {
				return !services.Authorizer.Allowed(principal, host, Describe, Group, g.GroupId)
			})
		}
		d.reply(r)
	})
	d.settle(c)
}
