package handler

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gregor/internal/config"
	"gregor/internal/controller"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/wire"
)

type described = wire.DescribeConfigsResponseDescribeConfigsResult

// describeConfigs serves DescribeConfigs, versions 1 to 4, on brokers and
// controllers: the settings of topics, this node, its loggers, groups and client
// metrics subscriptions, and where they come from (KIP-133, KIP-226, KIP-412,
// KIP-569). Source: ConfigHelper.
func describeConfigs(c *Context, req *wire.DescribeConfigsRequest) {
	resp := &wire.DescribeConfigsResponse{}
	var refused []described
	for i := range req.Resources {
		r := &req.Resources[i]
		out := described{ResourceType: r.ResourceType, ResourceName: r.ResourceName, ErrorMessage: new(string)}
		code, err := c.mayDescribe(r)
		if err != nil {
			c.Reply(describeFailed(req, err))
			return
		}
		if code != kerr.None {
			text := code.Message()
			out.ErrorCode, out.ErrorMessage = code, &text
			refused = append(refused, out)
			continue
		}
		entries, err := c.describeResource(r)
		if err == kerr.UnknownTopicOrPartition {
			out.ErrorCode = kerr.UnknownTopicOrPartition
		} else if err != nil {
			out.ErrorCode, out.ErrorMessage = apiError(err)
		}
		for _, e := range entries {
			out.Configs = append(out.Configs, describedEntry(e, req))
		}
		resp.Results = append(resp.Results, out)
	}
	resp.Results = append(resp.Results, refused...)
	c.Reply(resp)
}

// describeFailed is the answer to a request that failed as a whole.
func describeFailed(req *wire.DescribeConfigsRequest, err error) *wire.DescribeConfigsResponse {
	resp := &wire.DescribeConfigsResponse{}
	code := kerr.Of(err)
	text := code.Message()
	for i := range req.Resources {
		r := &req.Resources[i]
		resp.Results = append(resp.Results, described{ErrorCode: code, ErrorMessage: &text, ResourceType: r.ResourceType, ResourceName: r.ResourceName})
	}
	return resp
}

// mayDescribe is why the requester may not see a resource's settings. The
// error is for a kind that does not exist, which fails the whole request.
func (c *Context) mayDescribe(r *wire.DescribeConfigsRequestDescribeConfigsResource) (kerr.Code, error) {
	switch metadata.ResourceType(r.ResourceType) {
	case metadata.BrokerResource, metadata.BrokerLoggerResource, metadata.ClientMetricsResource:
		if !c.Allowed(DescribeConfigs, Cluster, ClusterName) {
			return kerr.ClusterAuthorizationFailed, nil
		}
	case metadata.TopicResource:
		if !c.Allowed(DescribeConfigs, Topic, r.ResourceName) {
			return kerr.TopicAuthorizationFailed, nil
		}
	case metadata.GroupResource:
		if !c.Allowed(DescribeConfigs, Group, r.ResourceName) {
			return kerr.GroupAuthorizationFailed, nil
		}
	default:
		return kerr.None, kerr.InvalidRequest
	}
	return kerr.None, nil
}

func (c *Context) describeResource(r *wire.DescribeConfigsRequestDescribeConfigsResource) ([]config.Entry, error) {
	img, layers := c.Services.Metadata.Image(), c.Services.Admin.Layers()
	own := img.Configs.Of(metadata.Resource{Type: metadata.ResourceType(r.ResourceType), Name: r.ResourceName})
	keys := r.ConfigurationKeys
	if len(keys) == 0 {
		keys = nil // all of them
	}
	switch metadata.ResourceType(r.ResourceType) {
	case metadata.TopicResource:
		if why := controller.CheckTopicName(r.ResourceName); why != "" {
			return nil, kerr.InvalidTopicException.With(why)
		}
		if img.Topics.ByName(r.ResourceName) == nil {
			return nil, kerr.UnknownTopicOrPartition
		}
		return layers.TopicEntries(own, keys), nil
	case metadata.BrokerResource:
		if r.ResourceName == "" {
			return layers.DefaultEntries(keys), nil
		}
		if err := c.isSelf(r.ResourceName, "Unexpected broker id, expected %d or empty string, but received %s"); err != nil {
			return nil, err
		}
		return layers.BrokerEntries(keys), nil
	case metadata.BrokerLoggerResource:
		if r.ResourceName == "" {
			return nil, kerr.InvalidRequest.With("Broker id must not be empty")
		}
		if err := c.isSelf(r.ResourceName, "Unexpected broker id, expected %d but received %s"); err != nil {
			return nil, err
		}
		return c.loggers(keys), nil
	case metadata.ClientMetricsResource:
		if r.ResourceName == "" {
			return nil, kerr.InvalidRequest.With("Client metrics subscription name must not be empty")
		}
		return config.ClientMetricsEntries(own, keys), nil
	}
	if r.ResourceName == "" {
		return nil, kerr.InvalidRequest.With("Group name must not be empty")
	}
	return layers.GroupEntries(own, keys), nil
}

// isSelf refuses the name of another node.
func (c *Context) isSelf(name, format string) error {
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return kerr.InvalidRequest.With("Broker id must be an integer, but it is: " + name)
	}
	if id != int64(c.Services.Self) {
		return kerr.InvalidRequest.With(fmt.Sprintf(format, int32(c.Services.Self), name))
	}
	return nil
}

// loggers are the levels of this process's loggers.
func (c *Context) loggers(keys []string) []config.Entry {
	if c.Services.Admin.Loggers == nil {
		return nil
	}
	var out []config.Entry
	for name, level := range c.Services.Admin.Loggers.All() {
		if keys == nil || slices.Contains(keys, name) {
			out = append(out, config.Entry{Name: name, Value: &level, Source: config.SourceDynamicLogger})
		}
	}
	slices.SortFunc(out, func(a, b config.Entry) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func describedEntry(e config.Entry, req *wire.DescribeConfigsRequest) wire.DescribeConfigsResponseDescribeConfigsResourceResult {
	out := wire.DescribeConfigsResponseDescribeConfigsResourceResult{
		Name: e.Name, Value: e.Value, ReadOnly: e.ReadOnly,
		ConfigSource: int8(e.Source), IsSensitive: e.Sensitive, ConfigType: int8(e.Type),
	}
	if req.IncludeSynonyms {
		for _, s := range e.Synonyms {
			out.Synonyms = append(out.Synonyms, wire.DescribeConfigsResponseDescribeConfigsSynonym{Name: s.Name, Value: s.Value, Source: int8(s.Source)})
		}
	}
	if req.IncludeDocumentation && e.Doc != "" {
		out.Documentation = &e.Doc
	}
	return out
}
