package handler

import "gregor/internal/wire"

// updateFeatures serves UpdateFeatures, versions 0 to 2, on a broker: the active
// controller changes feature levels (KIP-584, KIP-778).
func updateFeatures(c *Context, req *wire.UpdateFeaturesRequest) { c.forward(req) }

// updateFeaturesHere serves it on a controller.
func updateFeaturesHere(c *Context, req *wire.UpdateFeaturesRequest) { c.decide(req) }
