package handler

import "gregor/internal/wire"

// vote serves Vote, versions 0 to 2: a candidate of the metadata quorum asks for this
// voter's vote, or whether it would give it (KIP-595, KIP-853, KIP-996).
func vote(c *Context, req *wire.VoteRequest) {
	c.askQuorum(ClusterAction, req)
}
