package handler

import "gregor/internal/wire"

// assignReplicasToDirs serves AssignReplicasToDirs, version 0, on a controller: a
// broker tells in which directories its replicas lie (KIP-858).
func assignReplicasToDirs(c *Context, req *wire.AssignReplicasToDirsRequest) { c.decide(req) }
