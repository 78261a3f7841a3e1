package handler

import "gregor/internal/wire"

// fetchMetadataLog serves Fetch on a controller: replicas of the metadata log read it, wait
// for more, and learn who leads (KIP-595, KIP-630). Brokers serve it in fetch.go.
func fetchMetadataLog(c *Context, req *wire.FetchRequest) {
	c.askQuorum(ClusterAction, req)
}
