package handler

import "gregor/internal/wire"

// brokerHeartbeat serves BrokerHeartbeat, versions 0 to 2, on a controller: a broker
// is alive, wants to serve, or wants to stop (KIP-631, KIP-858).
func brokerHeartbeat(c *Context, req *wire.BrokerHeartbeatRequest) { c.decide(req) }
