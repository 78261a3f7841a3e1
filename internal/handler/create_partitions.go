package handler

import "gregor/internal/wire"

// createPartitions serves CreatePartitions, versions 0 to 3, on a broker: the
// active controller adds partitions to topics (KIP-195).
func createPartitions(c *Context, req *wire.CreatePartitionsRequest) { c.forward(req) }

// createPartitionsHere serves it on a controller.
func createPartitionsHere(c *Context, req *wire.CreatePartitionsRequest) { c.decide(req) }
