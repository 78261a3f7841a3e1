package handler

import "gregor/internal/wire"

// alterPartition serves AlterPartition, versions 2 to 3, on a controller: a leader
// changes the ISR of its partitions (KIP-497, KIP-841, KIP-903).
func alterPartition(c *Context, req *wire.AlterPartitionRequest) { c.decide(req) }
