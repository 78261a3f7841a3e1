package handler

import "gregor/internal/wire"

// brokerRegistration serves BrokerRegistration, versions 0 to 4, on a controller: a
// broker joins the cluster, fenced at first (KIP-631, KIP-858).
func brokerRegistration(c *Context, req *wire.BrokerRegistrationRequest) { c.decide(req) }
