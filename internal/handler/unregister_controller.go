package handler

import "gregor/internal/wire"

// unregisterController serves UnregisterController, version 0, on a broker: the
// active controller forgets a controller (KIP-919).
func unregisterController(c *Context, req *wire.UnregisterControllerRequest) { c.forward(req) }

// unregisterControllerHere serves it on a controller.
func unregisterControllerHere(c *Context, req *wire.UnregisterControllerRequest) { c.decide(req) }
