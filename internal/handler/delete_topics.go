package handler

import "gregor/internal/wire"

// deleteTopics serves DeleteTopics, versions 1 to 6, on a broker: the active
// controller deletes topics, by name or by id (KIP-4, KIP-516).
func deleteTopics(c *Context, req *wire.DeleteTopicsRequest) { c.forward(req) }

// deleteTopicsHere serves it on a controller.
func deleteTopicsHere(c *Context, req *wire.DeleteTopicsRequest) { c.decide(req) }
