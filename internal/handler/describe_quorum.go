package handler

import "gregor/internal/wire"

// describeQuorum serves DescribeQuorum, versions 0 to 2, on a controller: voters and
// observers of the metadata log and how far they are, as the leader sees them
// (KIP-595, KIP-836, KIP-853).
func describeQuorum(c *Context, req *wire.DescribeQuorumRequest) {
	c.askQuorum(Describe, req)
}
