package handler

import "gregor/internal/wire"

// allocateProducerIDs serves AllocateProducerIds, version 0, on a controller: a
// broker gets a block of producer ids (KIP-730).
func allocateProducerIDs(c *Context, req *wire.AllocateProducerIdsRequest) { c.decide(req) }
