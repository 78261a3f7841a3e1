package handler

import "gregor/internal/wire"

// alterPartitionReassignments serves AlterPartitionReassignments, versions 0 to 1, on a broker: the
// active controller moves replicas to other brokers (KIP-455, KIP-860).
func alterPartitionReassignments(c *Context, req *wire.AlterPartitionReassignmentsRequest) {
	c.forward(req)
}

// alterPartitionReassignmentsHere serves it on a controller.
func alterPartitionReassignmentsHere(c *Context, req *wire.AlterPartitionReassignmentsRequest) {
	c.decide(req)
}
