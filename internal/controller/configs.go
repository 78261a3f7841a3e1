package controller

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"gregor/internal/config"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// The operations of IncrementalAlterConfigs (KIP-339).
const (
	opSet      int8 = 0
	opDelete   int8 = 1
	opAppend   int8 = 2
	opSubtract int8 = 3
)

const (
	minISRConfig   = "min.insync.replicas"
	cordonedConfig = "cordoned.log.dirs"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func configRecord(r metadata.Resource, name string, value *string) metadata.Record {
	return metadata.V0(&wire.ConfigRecord{ResourceType: int8(r.Type), ResourceName: r.Name, Name: name, Value: value})
}

// checkSize refuses what does not fit into a record's string.
func checkSize(v string) apiError {
	if len(v) > 32767 {
		return fail(kerr.InvalidConfig, "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.")
	}
	return apiError{}
}

// altered gathers what an alter request does: resources named once, allowed,
// and known. It serves both requests.
type altered struct {
	s       *state
	ctx     *Request
	count   map[metadata.Resource]int
	records []metadata.Record
}

// refuse is why a resource is not even tried; done says that it was answered
// already.
func (a *altered) refuse(r metadata.Resource) (e apiError, done bool) {
	switch {
	case r.Type.String() == "UNKNOWN":
		return fail(kerr.UnsupportedVersion, "Unknown resource type "+strconv.Itoa(int(r.Type))+"."), false
	case a.count[r] < 0:
		return apiError{}, true
	case a.count[r] > 1:
		a.count[r] = -1
		return fail(kerr.InvalidRequest, "Duplicate resource."), false
	}
	return a.authorize(r), false
}

func (a *altered) authorize(r metadata.Resource) apiError {
	switch r.Type {
	case metadata.BrokerResource, metadata.ClientMetricsResource:
		if !a.ctx.allowed(OpAlterConfigs, KindCluster, ClusterName) {
			return failPlain(kerr.ClusterAuthorizationFailed)
		}
	case metadata.TopicResource:
		if !a.ctx.allowed(OpAlterConfigs, KindTopic, r.Name) {
			return failPlain(kerr.TopicAuthorizationFailed)
		}
	case metadata.GroupResource:
		if !a.ctx.allowed(OpAlterConfigs, KindGroup, r.Name) {
			return failPlain(kerr.GroupAuthorizationFailed)
		}
	default:
		return fail(kerr.InvalidRequest, "Unexpected resource type "+r.Type.String()+".")
	}
	return apiError{}
}

// finish is the decision, once all resources are looked at.
func (a *altered) finish(resp wire.Message, validateOnly bool) (result, error) {
	recs := append(a.records, a.s.clearELR(a.records)...)
	if err := tooMany(recs); err != nil {
		return result{}, err
	}
	if validateOnly {
		recs = nil
	}
	return result{records: recs, resp: resp}, nil
}

// incrementalAlter decides IncrementalAlterConfigs. Source: ControllerApis,
// ConfigurationControlManager.incrementalAlterConfigs.
func (s *state) incrementalAlter(ctx *Request, req *wire.IncrementalAlterConfigsRequest) (result, error) {
	resp := &wire.IncrementalAlterConfigsResponse{}
	a := &altered{s: s, ctx: ctx, count: map[metadata.Resource]int{}}
	for i := range req.Resources {
		a.count[metadata.Resource{Type: metadata.ResourceType(req.Resources[i].ResourceType), Name: req.Resources[i].ResourceName}]++
	}
	for i := range req.Resources {
		res := &req.Resources[i]
		r := metadata.Resource{Type: metadata.ResourceType(res.ResourceType), Name: res.ResourceName}
		e, done := a.refuse(r)
		if done {
			continue
		}
		if !e.failed() {
			for _, op := range res.Configs {
				if op.ConfigOperation < opSet || op.ConfigOperation > opSubtract {
					return result{}, kerr.UnknownServerError // Kafka fails the request at it
				}
			}
			e = a.apply(r, res.Configs)
		}
		resp.Responses = append(resp.Responses, wire.IncrementalAlterConfigsResponseAlterConfigsResourceResponse{
			ErrorCode: e.code, ErrorMessage: e.msg, ResourceType: res.ResourceType, ResourceName: res.ResourceName,
		})
	}
	return a.finish(resp, req.ValidateOnly)
}

// apply works one resource's operations out; either all of them count or none.
func (a *altered) apply(r metadata.Resource, ops []wire.IncrementalAlterConfigsRequestAlterableConfig) apiError {
	old := a.s.tip.Configs.Of(r)
	set := map[string]*string{}
	for _, op := range ops {
		var was *string
		if v, ok := old[op.Name]; ok {
			was = &v
		}
		now, e := combine(r.Type, op, was)
		if e.failed() {
			return e
		}
		if r.Type != metadata.BrokerResource && equal(was, now) {
			continue
		}
		// A broker setting is written even if it stays, so that brokers load
		// what it names, such as a keystore, anew (KAFKA-14136).
		set[op.Name] = now
	}
	if e := a.check(r, set, nil); e.failed() {
		return e
	}
	for _, name := range sortedKeys(set) {
		a.records = append(a.records, configRecord(r, name, set[name]))
	}
	return apiError{}
}

func equal(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// combine is the value a setting has after one operation, nil for none.
func combine(t metadata.ResourceType, op wire.IncrementalAlterConfigsRequestAlterableConfig, was *string) (*string, apiError) {
	switch op.ConfigOperation {
	case opSet:
		return op.Value, apiError{}
	case opDelete:
		return nil, apiError{}
	}
	k := lookup(t, op.Name)
	if k == nil || k.Type != config.List {
		verb := "APPEND"
		if op.ConfigOperation == opSubtract {
			verb = "SUBTRACT"
		}
		return nil, fail(kerr.InvalidConfig, "Can't "+verb+" to key "+op.Name+" because its type is not LIST.")
	}
	if op.Value == nil {
		return nil, fail(kerr.InvalidRequest, "Null value not supported for : "+op.Name)
	}
	text := k.Default
	if was != nil {
		text = *was
	}
	list := slices.DeleteFunc(strings.Split(text, ","), func(s string) bool { return s == "" })
	for v := range strings.SplitSeq(*op.Value, ",") {
		i := slices.Index(list, v)
		switch {
		case op.ConfigOperation == opAppend && i < 0:
			list = append(list, v)
		case op.ConfigOperation == opSubtract && i >= 0:
			list = slices.Delete(list, i, i+1)
		}
	}
	return ptr(strings.Join(list, ",")), apiError{}
}

// lookup finds a setting of a kind of resource, nil if it is not known.
func lookup(t metadata.ResourceType, name string) *config.Key {
	tables := map[metadata.ResourceType]*config.Table{
		metadata.TopicResource: config.Topic, metadata.BrokerResource: config.Broker,
		metadata.GroupResource: config.Group, metadata.ClientMetricsResource: config.ClientMetrics,
	}
	if table := tables[t]; table != nil {
		if k, ok := table.Lookup(name); ok {
			return k
		}
	}
	return nil
}

// legacyAlter decides AlterConfigs, which replaces all settings of a resource.
func (s *state) legacyAlter(ctx *Request, req *wire.AlterConfigsRequest) (result, error) {
	resp := &wire.AlterConfigsResponse{}
	a := &altered{s: s, ctx: ctx, count: map[metadata.Resource]int{}}
	for i := range req.Resources {
		a.count[metadata.Resource{Type: metadata.ResourceType(req.Resources[i].ResourceType), Name: req.Resources[i].ResourceName}]++
	}
	for i := range req.Resources {
		res := &req.Resources[i]
		r := metadata.Resource{Type: metadata.ResourceType(res.ResourceType), Name: res.ResourceName}
		e, done := a.refuse(r)
		if done {
			continue
		}
		if !e.failed() {
			e = a.replace(r, res.Configs)
		}
		resp.Responses = append(resp.Responses, wire.AlterConfigsResponseAlterConfigsResourceResponse{
			ErrorCode: e.code, ErrorMessage: e.msg, ResourceType: res.ResourceType, ResourceName: res.ResourceName,
		})
	}
	return a.finish(resp, req.ValidateOnly)
}

func (a *altered) replace(r metadata.Resource, configs []wire.AlterConfigsRequestAlterableConfig) apiError {
	old := a.s.tip.Configs.Of(r)
	set, named := map[string]*string{}, map[string]bool{}
	for _, c := range configs {
		named[c.Name] = true
		was, ok := old[c.Name]
		if r.Type != metadata.BrokerResource && ok && equal(&was, c.Value) {
			continue
		}
		set[c.Name] = c.Value
	}
	var dropped []string
	for _, name := range sortedKeys(old) {
		if !named[name] {
			dropped = append(dropped, name)
		}
	}
	if e := a.check(r, set, dropped); e.failed() {
		return e
	}
	for _, name := range sortedKeys(set) {
		a.records = append(a.records, configRecord(r, name, set[name]))
	}
	for _, name := range dropped {
		a.records = append(a.records, configRecord(r, name, nil))
	}
	return apiError{}
}

// check validates what a resource's settings would be.
func (a *altered) check(r metadata.Resource, set map[string]*string, dropped []string) apiError {
	old := a.s.tip.Configs.Of(r)
	all := maps.Clone(old)
	if all == nil {
		all = map[string]string{}
	}
	for _, name := range sortedKeys(set) {
		v := set[name]
		if e := a.guard(r, name, v, old[name]); e.failed() {
			return e
		}
		if v == nil {
			delete(all, name)
			continue
		}
		if e := checkSize(*v); e.failed() {
			return e
		}
		all[name] = *v
	}
	for _, name := range dropped {
		if e := a.guard(r, name, nil, old[name]); e.failed() {
			return e
		}
		delete(all, name)
	}
	if err := a.s.validateConfigs(r, all, old); err != nil {
		return failOf(err)
	}
	return a.s.checkExists(r)
}

// guard protects the settings that other parts of the cluster rely on.
func (a *altered) guard(r metadata.Resource, name string, v *string, old string) apiError {
	if r.Type != metadata.BrokerResource {
		return apiError{}
	}
	switch {
	case name == minISRConfig && r.Name != "" && a.s.tip.Features.ELR():
		return fail(kerr.InvalidConfig, "Broker-level min.insync.replicas cannot be altered while ELR is enabled.")
	case name == minISRConfig && r.Name == "" && v == nil && a.s.tip.Features.ELR():
		return fail(kerr.InvalidConfig, "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")
	case name == cordonedConfig && !a.s.version().Cordoned():
		return fail(kerr.InvalidConfig, "The cordoned.log.dirs configuration value cannot be set because it requires metadata.version >= "+metadata.V4_3_IV0.String())
	case name == cordonedConfig && !a.ctx.Forwarded && v != nil && strings.TrimSpace(*v) != "":
		// The controller knows no paths; only the broker can check new ones.
		have := config.SplitList(strings.TrimSpace(old))
		for _, d := range config.SplitList(strings.TrimSpace(*v)) {
			if !slices.Contains(have, d) {
				return fail(kerr.InvalidConfig, "When updating cordoned.log.dirs via controllers,  the new value must be a subset of the current configuration value.")
			}
		}
	}
	return apiError{}
}

// checkExists refuses settings of what does not exist.
func (s *state) checkExists(r metadata.Resource) apiError {
	switch r.Type {
	case metadata.BrokerResource:
		if r.Name == "" {
			return apiError{}
		}
		n, err := strconv.ParseInt(r.Name, 10, 32)
		if err != nil {
			return fail(kerr.InvalidRequest, "Invalid broker name "+r.Name)
		}
		id := model.BrokerID(n)
		if s.tip.Cluster.Broker(id) == nil && s.tip.Cluster.Controller(id) == nil && !slices.Contains(s.quorum.Voters(), id) {
			return fail(kerr.BrokerIdNotRegistered, "No node with id "+strconv.Itoa(int(id))+" found.")
		}
	case metadata.TopicResource:
		if s.tip.Topics.ByName(r.Name) == nil {
			return fail(kerr.UnknownTopicOrPartition, "The topic '"+r.Name+"' does not exist.")
		}
	}
	return apiError{}
}

// clearELR are the records that a change of min.insync.replicas needs: the
// eligible replicas were chosen by the old one.
func (s *state) clearELR(recs []metadata.Record) []metadata.Record {
	if !s.tip.Features.ELR() {
		return nil
	}
	var out []metadata.Record
	for _, r := range recs {
		m, ok := r.Msg.(*wire.ConfigRecord)
		if !ok || m.Name != minISRConfig {
			continue
		}
		c := &wire.ClearElrRecord{}
		if metadata.ResourceType(m.ResourceType) == metadata.TopicResource {
			c.TopicName = m.ResourceName
		}
		out = append(out, metadata.V0(c))
	}
	return out
}
