package handler

import "gregor/internal/wire"

// createTopics serves CreateTopics, versions 2 to 7, on a broker: the active
// controller makes topics (KIP-4, KIP-464, KIP-525).
func createTopics(c *Context, req *wire.CreateTopicsRequest) { c.forward(req) }

// createTopicsHere serves it on a controller.
func createTopicsHere(c *Context, req *wire.CreateTopicsRequest) { c.decide(req) }
