package handler

import "gregor/internal/wire"

// beginQuorumEpoch serves BeginQuorumEpoch, versions 0 and 1: the new leader of the metadata
// quorum presents itself (KIP-595, KIP-853).
func beginQuorumEpoch(c *Context, req *wire.BeginQuorumEpochRequest) {
	c.askQuorum(ClusterAction, req)
}
