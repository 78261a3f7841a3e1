package handler

import "gregor/internal/wire"

// removeRaftVoter serves RemoveRaftVoter, version 0: a controller leaves the voters of the
// metadata quorum (KIP-853).
func removeRaftVoter(c *Context, req *wire.RemoveRaftVoterRequest) {
	c.askQuorum(Alter, req)
}
