package handler

import "gregor/internal/wire"

// listPartitionReassignments serves ListPartitionReassignments, version 0, on a broker: the
// active controller tells which replicas are being moved (KIP-455).
func listPartitionReassignments(c *Context, req *wire.ListPartitionReassignmentsRequest) {
	c.forward(req)
}

// listPartitionReassignmentsHere serves it on a controller.
func listPartitionReassignmentsHere(c *Context, req *wire.ListPartitionReassignmentsRequest) {
	c.decide(req)
}
