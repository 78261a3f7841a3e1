package handler

import "gregor/internal/wire"

// endQuorumEpoch serves EndQuorumEpoch, versions 0 and 1: the leader of the metadata quorum
// gives up, and says who should follow (KIP-595, KIP-853).
func endQuorumEpoch(c *Context, req *wire.EndQuorumEpochRequest) {
	c.askQuorum(ClusterAction, req)
}
