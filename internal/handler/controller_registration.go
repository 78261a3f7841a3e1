package handler

import "gregor/internal/wire"

// controllerRegistration serves ControllerRegistration, version 0, on a controller: a
// controller tells its addresses and what it supports (KIP-919).
func controllerRegistration(c *Context, req *wire.ControllerRegistrationRequest) { c.decide(req) }
