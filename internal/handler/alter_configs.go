package handler

import (
	"fmt"
	"strings"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/wire"
)

// resourceKey tells the resources of an alter request apart.
type resourceKey struct {
	kind int8
	name string
}

// resourceError is what this node answers for one resource; nil is left to the
// controller.
type resourceErrors map[int]*resourceError

type resourceError struct{ err error }

// alterConfigs serves AlterConfigs, versions 0 to 2, on a broker: all settings of
// resources are replaced (KIP-133). What concerns this broker itself is checked
// here; the active controller decides.
func alterConfigs(c *Context, req *wire.AlterConfigsRequest) {
	seen := map[resourceKey]int{}
	for i := range req.Resources {
		seen[resourceKey{req.Resources[i].ResourceType, req.Resources[i].ResourceName}]++
	}
	answered := resourceErrors{}
	rest := &wire.AlterConfigsRequest{ValidateOnly: req.ValidateOnly}
	for i := range req.Resources {
		r := &req.Resources[i]
		if err := c.preAlter(r, seen[resourceKey{r.ResourceType, r.ResourceName}]); err != nil {
			answered[i] = &resourceError{err}
			continue
		}
		rest.Resources = append(rest.Resources, *r)
	}
	assemble := func(m wire.Message) wire.Message { return assembleAlter(req, answered, m) }
	if len(rest.Resources) == 0 {
		c.Reply(assemble(&wire.AlterConfigsResponse{}))
		return
	}
	c.forwardTo(rest, assemble)
}

// alterConfigsHere serves it on a controller.
func alterConfigsHere(c *Context, req *wire.AlterConfigsRequest) { c.decide(req) }

func (c *Context) preAlter(r *wire.AlterConfigsRequestAlterConfigsResource, times int) error {
	if times > 1 {
		return kerr.InvalidRequest.With("Each resource must appear at most once.")
	}
	props, names := map[string]string{}, map[string]bool{}
	var null []string
	for _, k := range r.Configs {
		if names[k.Name] {
			return kerr.InvalidRequest.With("Error due to duplicate config keys")
		}
		names[k.Name] = true
		if k.Value == nil {
			null = append(null, k.Name)
		} else {
			props[k.Name] = *k.Value
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
		return invalidRequest(c.checkBrokerChange(r.ResourceName, props))
	case metadata.TopicResource, metadata.ClientMetricsResource, metadata.GroupResource:
		return nil
	}
	return kerr.InvalidRequest.With(fmt.Sprintf("Unknown resource type %d", r.ResourceType))
}

// assembleAlter joins what was answered here with the controller's answer.
func assembleAlter(req *wire.AlterConfigsRequest, answered resourceErrors, m wire.Message) wire.Message {
	theirs, ok := m.(*wire.AlterConfigsResponse)
	if !ok {
		return m
	}
	byKey := map[resourceKey]wire.AlterConfigsResponseAlterConfigsResourceResponse{}
	for _, r := range theirs.Responses {
		byKey[resourceKey{r.ResourceType, r.ResourceName}] = r
	}
	out := &wire.AlterConfigsResponse{ThrottleTimeMs: theirs.ThrottleTimeMs}
	for i := range req.Resources {
		r := &req.Resources[i]
		a, told := byKey[resourceKey{r.ResourceType, r.ResourceName}]
		if e := answered[i]; e != nil {
			a = wire.AlterConfigsResponseAlterConfigsResourceResponse{ResourceType: r.ResourceType, ResourceName: r.ResourceName}
			a.ErrorCode, a.ErrorMessage = e.code()
		} else if !told {
			a = wire.AlterConfigsResponseAlterConfigsResourceResponse{ErrorCode: kerr.UnknownServerError, ResourceType: r.ResourceType, ResourceName: r.ResourceName}
		}
		out.Responses = append(out.Responses, a)
	}
	return out
}

func (e *resourceError) code() (kerr.Code, *string) {
	if e.err == nil {
		return kerr.None, nil
	}
	return apiError(e.err)
}
