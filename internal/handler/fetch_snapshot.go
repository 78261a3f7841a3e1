package handler

import "gregor/internal/wire"

// fetchSnapshot serves FetchSnapshot, versions 0 and 1: a replica of the metadata log whose
// next record is gone fetches a snapshot, piece by piece (KIP-630, KIP-853).
func fetchSnapshot(c *Context, req *wire.FetchSnapshotRequest) {
	c.askQuorum(ClusterAction, req)
}
