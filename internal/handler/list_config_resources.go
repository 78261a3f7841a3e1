package handler

import (
	"slices"
	"strconv"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/wire"
)

// listConfigResources serves ListConfigResources, versions 0 to 1: what has
// settings, by kind; version 0 knows client metrics subscriptions only (KIP-714,
// KIP-1142).
func listConfigResources(c *Context, req *wire.ListConfigResourcesRequest) {
	resp := &wire.ListConfigResourcesResponse{}
	if !c.Allowed(DescribeConfigs, Cluster, ClusterName) {
		resp.ErrorCode = kerr.ClusterAuthorizationFailed
		c.Reply(resp)
		return
	}
	known := []metadata.ResourceType{metadata.GroupResource, metadata.ClientMetricsResource, metadata.BrokerLoggerResource, metadata.BrokerResource, metadata.TopicResource}
	if c.Version == 0 {
		known = []metadata.ResourceType{metadata.ClientMetricsResource}
	}
	for _, t := range req.ResourceTypes {
		if !slices.Contains(known, metadata.ResourceType(t)) {
			resp.ErrorCode = kerr.UnsupportedVersion
			c.Reply(resp)
			return
		}
	}
	img := c.Services.Metadata.Image()
	for _, t := range known {
		if len(req.ResourceTypes) == 0 || slices.Contains(req.ResourceTypes, int8(t)) {
			for name := range resources(img, t, c.Listener()) {
				resp.ConfigResources = append(resp.ConfigResources, wire.ListConfigResourcesResponseConfigResource{ResourceName: name, ResourceType: int8(t)})
			}
		}
	}
	c.Reply(resp)
}

// resources are those of one kind.
func resources(img *metadata.Image, t metadata.ResourceType, listener string) func(func(string) bool) {
	return func(yield func(string) bool) {
		switch t {
		case metadata.TopicResource:
			for topic := range img.Topics.All() {
				if !yield(topic.Name) {
					return
				}
			}
		case metadata.BrokerResource, metadata.BrokerLoggerResource:
			for b := range img.Cluster.Brokers() {
				if _, ok := b.Endpoint(listener); ok && !yield(strconv.Itoa(int(b.ID))) {
					return
				}
			}
		default:
			for name := range img.Configs.OfType(t) {
				if !yield(name) {
					return
				}
			}
		}
	}
}
