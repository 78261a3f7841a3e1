package handler

import "gregor/internal/wire"

// unregisterBroker serves UnregisterBroker, version 0, on a broker: the active
// controller forgets a broker (KIP-631).
func unregisterBroker(c *Context, req *wire.UnregisterBrokerRequest) { c.forward(req) }

// unregisterBrokerHere serves it on a controller.
func unregisterBrokerHere(c *Context, req *wire.UnregisterBrokerRequest) { c.decide(req) }
