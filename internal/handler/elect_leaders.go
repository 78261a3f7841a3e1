package handler

import "gregor/internal/wire"

// electLeaders serves ElectLeaders, versions 0 to 2, on a broker: the active
// controller elects preferred or unclean leaders (KIP-183, KIP-460).
func electLeaders(c *Context, req *wire.ElectLeadersRequest) { c.forward(req) }

// electLeadersHere serves it on a controller.
func electLeadersHere(c *Context, req *wire.ElectLeadersRequest) { c.decide(req) }
