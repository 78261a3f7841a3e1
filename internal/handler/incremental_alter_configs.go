package handler

import (
	"fmt"
	"slices"
	"strings"

	"gregor/internal/config"
	"gregor/internal/kerr"
	"gregor/internal/klog"
	"gregor/internal/metadata"
	"gregor/internal/wire"
)

// The operations of IncrementalAlterConfigs (KIP-339).
const (
	setConfig      int8 = 0
	deleteConfig   int8 = 1
	appendConfig   int8 = 2
	subtractConfig int8 = 3
)

type (
	alterResource = wire.IncrementalAlterConfigsRequestAlterConfigsResource
	alterAnswer   = wire.IncrementalAlterConfigsResponseAlterConfigsResourceResponse
)

// incrementalAlterConfigs serves IncrementalAlterConfigs, versions 0 to 1, on a
// broker (KIP-339, KIP-412). The levels of loggers are changed here; what
// concerns this broker itself is checked here; the active controller decides the
// rest.
func incrementalAlterConfigs(c *Context, req *wire.IncrementalAlterConfigsRequest) {
	answered := c.preprocess(req)
	rest := &wire.IncrementalAlterConfigsRequest{ValidateOnly: req.ValidateOnly}
	for i := range req.Resources {
		if answered[i] == nil {
			rest.Resources = append(rest.Resources, req.Resources[i])
		}
	}
	assemble := func(m wire.Message) wire.Message { return assembleIncremental(req, answered, m) }
	if len(rest.Resources) == 0 {
		c.Reply(assemble(&wire.IncrementalAlterConfigsResponse{}))
		return
	}
	c.forwardTo(rest, assemble)
}

// incrementalAlterConfigsHere serves it on a controller, whose loggers can be
// changed too.
func incrementalAlterConfigsHere(c *Context, req *wire.IncrementalAlterConfigsRequest) {
	answered := resourceErrors{}
	rest := &wire.IncrementalAlterConfigsRequest{ValidateOnly: req.ValidateOnly}
	for i := range req.Resources {
		if r := &req.Resources[i]; metadata.ResourceType(r.ResourceType) == metadata.BrokerLoggerResource {
			answered[i] = &resourceError{c.alterLoggers(r, req.ValidateOnly, c.Allowed(ClusterAction, Cluster, ClusterName))}
		} else {
			rest.Resources = append(rest.Resources, *r)
		}
	}
	if len(answered) == 0 {
		c.decide(req)
		return
	}
	if len(rest.Resources) == 0 {
		c.Reply(assembleIncremental(req, answered, &wire.IncrementalAlterConfigsResponse{}))
		return
	}
	later := c.Later()
	c.Services.Decide(c.sender(), rest, c.Version, func(m wire.Message) { later.Reply(assembleIncremental(req, answered, m)) })
}

// preprocess answers what needs no controller, and refuses what it need not see.
func (c *Context) preprocess(req *wire.IncrementalAlterConfigsRequest) resourceErrors {
	seen := map[resourceKey]int{}
	for i := range req.Resources {
		seen[resourceKey{req.Resources[i].ResourceType, req.Resources[i].ResourceName}]++
	}
	answered := resourceErrors{}
	for i := range req.Resources {
		r := &req.Resources[i]
		err := c.preIncrement(r, seen[resourceKey{r.ResourceType, r.ResourceName}])
		if err == nil && metadata.ResourceType(r.ResourceType) == metadata.BrokerLoggerResource {
			answered[i] = &resourceError{c.alterLoggers(r, req.ValidateOnly, c.Allowed(AlterConfigs, Cluster, ClusterName))}
		} else if err != nil {
			answered[i] = &resourceError{err}
		}
	}
	return answered
}

func (c *Context) preIncrement(r *alterResource, times int) error {
	if times > 1 {
		return kerr.InvalidRequest.With("Each resource must appear at most once.")
	}
	names := map[string]bool{}
	var null []string
	for _, k := range r.Configs {
		if names[k.Name] {
			return kerr.InvalidRequest.With("Error due to duplicate config keys")
		}
		names[k.Name] = true
		if k.ConfigOperation != deleteConfig && k.Value == nil {
			null = append(null, k.Name)
		}
	}
	if len(null) > 0 {
		return kerr.InvalidRequest.With("Null value not supported for : " + strings.Join(null, ", "))
	}
	switch metadata.ResourceType(r.ResourceType) {
	case metadata.BrokerResource:
		if err := c.checkBrokerName(r.ResourceName); err != nil {
			return err
		}
		props := c.ownSettings(r.ResourceName)
		if err := applyOperations(props, r); err != nil {
			return err
		}
		return invalidRequest(c.checkBrokerChange(r.ResourceName, props))
	case metadata.BrokerLoggerResource, metadata.TopicResource, metadata.ClientMetricsResource, metadata.GroupResource:
		return nil
	}
	return kerr.InvalidRequest.With(fmt.Sprintf("Unknown resource type %d", r.ResourceType))
}

// applyOperations makes props what a broker's settings would be.
func applyOperations(props map[string]string, r *alterResource) error {
	for _, op := range r.Configs {
		switch op.ConfigOperation {
		case setConfig:
			props[op.Name] = *op.Value
		case deleteConfig:
			delete(props, op.Name)
		case appendConfig, subtractConfig:
			text, err := combineList(props, op)
			if err != nil {
				return err
			}
			props[op.Name] = text
		default:
			return kerr.InvalidRequest.With(fmt.Sprintf("Unknown operations type %d", op.ConfigOperation))
		}
	}
	return nil
}

func combineList(props map[string]string, op wire.IncrementalAlterConfigsRequestAlterableConfig) (string, error) {
	verb := "append"
	if op.ConfigOperation == subtractConfig {
		verb = "subtract"
	}
	k, ok := config.Broker.Lookup(op.Name)
	if !ok {
		return "", kerr.InvalidConfig.With("Unknown config name: " + op.Name)
	}
	if k.Type != config.List {
		return "", kerr.InvalidConfig.With("Config value " + verb + " is not allowed for config key: " + op.Name)
	}
	text, set := props[op.Name]
	if !set {
		text = k.Default
	}
	list := slices.DeleteFunc(strings.Split(text, ","), func(s string) bool { return s == "" })
	for v := range strings.SplitSeq(*op.Value, ",") {
		i := slices.Index(list, v)
		switch {
		case op.ConfigOperation == appendConfig && i < 0:
			list = append(list, v)
		case op.ConfigOperation == subtractConfig && i >= 0:
			list = slices.Delete(list, i, i+1)
		}
	}
	return strings.Join(list, ","), nil
}

// levels are what a logger can be set to (LogLevelConfig).
var levels = []string{"DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN"}

// alterLoggers changes the levels of this process's loggers: all or none.
// Source: RuntimeLoggerManager.
func (c *Context) alterLoggers(r *alterResource, validateOnly, allowed bool) error {
	if !allowed {
		return kerr.ClusterAuthorizationFailed
	}
	if err := c.checkLoggerNode(r.ResourceName); err != nil {
		return err
	}
	for _, op := range r.Configs {
		if err := c.checkLogger(op); err != nil {
			return err
		}
	}
	if validateOnly {
		return nil
	}
	for _, op := range r.Configs {
		if op.ConfigOperation == deleteConfig {
			c.Services.Admin.Loggers.Unset(op.Name)
			continue
		}
		level, err := klog.ParseLevel(*op.Value)
		if err != nil {
			return invalidRequest(err)
		}
		c.Services.Admin.Loggers.Set(op.Name, level)
	}
	return nil
}

func (c *Context) checkLoggerNode(name string) error {
	var id int32
	if _, err := fmt.Sscanf(name, "%d", &id); err != nil || fmt.Sprint(id) != name {
		return kerr.InvalidRequest.With("Node id must be an integer, but it is: " + name)
	}
	if id != int32(c.Services.Self) {
		return kerr.InvalidRequest.With(fmt.Sprintf("Unexpected node id. Expected %d, but received %d", int32(c.Services.Self), id))
	}
	return nil
}

func (c *Context) checkLogger(op wire.IncrementalAlterConfigsRequestAlterableConfig) error {
	exists := c.Services.Admin.Loggers != nil && c.Services.Admin.Loggers.Known(op.Name)
	missing := kerr.InvalidConfig.With("Logger " + op.Name + " does not exist!")
	switch op.ConfigOperation {
	case setConfig:
		switch {
		case !exists:
			return missing
		case op.Value == nil || !slices.Contains(levels, *op.Value):
			level := "null"
			if op.Value != nil {
				level = *op.Value
			}
			return kerr.InvalidConfig.With("Cannot set the log level of " + op.Name + " to " + level + " as it is not a supported log level. Valid log levels are " + strings.Join(levels, ", "))
		}
	case deleteConfig:
		switch {
		case !exists:
			return missing
		case op.Name == "root":
			return kerr.InvalidRequest.With("Removing the log level of the root logger is not allowed")
		}
	case appendConfig:
		return kerr.InvalidRequest.With("APPEND operation is not allowed for the BROKER_LOGGER resource")
	case subtractConfig:
		return kerr.InvalidRequest.With("SUBTRACT operation is not allowed for the BROKER_LOGGER resource")
	default:
		return kerr.InvalidRequest.With(fmt.Sprintf("Unknown operation type %d is not allowed for the BROKER_LOGGER resource", op.ConfigOperation))
	}
	return nil
}

// assembleIncremental joins what was answered here with the controller's answer.
func assembleIncremental(req *wire.IncrementalAlterConfigsRequest, answered resourceErrors, m wire.Message) wire.Message {
	theirs, ok := m.(*wire.IncrementalAlterConfigsResponse)
	if !ok {
		return m
	}
	byKey := map[resourceKey]alterAnswer{}
	for _, r := range theirs.Responses {
		byKey[resourceKey{r.ResourceType, r.ResourceName}] = r
	}
	out := &wire.IncrementalAlterConfigsResponse{ThrottleTimeMs: theirs.ThrottleTimeMs}
	for i := range req.Resources {
		r := &req.Resources[i]
		a, told := byKey[resourceKey{r.ResourceType, r.ResourceName}]
		if e := answered[i]; e != nil {
			a = alterAnswer{ResourceType: r.ResourceType, ResourceName: r.ResourceName}
			a.ErrorCode, a.ErrorMessage = e.code()
		} else if !told {
			a = alterAnswer{ErrorCode: kerr.UnknownServerError, ResourceType: r.ResourceType, ResourceName: r.ResourceName}
		}
		out.Responses = append(out.Responses, a)
	}
	return out
}
