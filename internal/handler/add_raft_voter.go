package handler

import "gregor/internal/wire"

// addRaftVoter serves AddRaftVoter, versions 0 and 1: a controller joins the voters of the
// metadata quorum (KIP-853).
func addRaftVoter(c *Context, req *wire.AddRaftVoterRequest) {
	c.askQuorum(Alter, req)
}
