package handler

import "gregor/internal/wire"

// updateRaftVoter serves UpdateRaftVoter, version 0: a voter tells the leader of the metadata
// quorum its addresses and the kraft.versions it knows (KIP-853).
func updateRaftVoter(c *Context, req *wire.UpdateRaftVoterRequest) {
	c.askQuorum(ClusterAction, req)
}
