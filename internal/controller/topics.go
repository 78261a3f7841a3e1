package controller

import (
	"fmt"
	"strings"

	"gregor/internal/config"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

const metadataTopic = "__cluster_metadata"

// maxPartitionsPerRequest bounds what one CreateTopics may create.
const maxPartitionsPerRequest = 10_000

// createTopics decides CreateTopics. Source: ControllerApis.createTopics and
// ReplicationControlManager.createTopics.
func (s *state) createTopics(ctx *Request, req *wire.CreateTopicsRequest) (result, error) {
	c := &creation{s: s, ctx: ctx, cluster: ctx.allowed(OpCreate, KindCluster, ClusterName)}
	count := make(map[string]int, len(req.Topics))
	for i := range req.Topics {
		count[req.Topics[i].Name]++
	}
	if err := s.checkTotal(req, count); err != nil {
		return result{}, err
	}
	resp := &wire.CreateTopicsResponse{Topics: make([]wire.CreateTopicsResponseCreatableTopicResult, 0, len(req.Topics))}
	var refused []wire.CreateTopicsResponseCreatableTopicResult
	for i := range req.Topics {
		t := &req.Topics[i]
		switch e := c.refuse(t.Name, count[t.Name]); {
		case count[t.Name] < 0: // a repeated name is answered once
		case e.failed():
			refused = append(refused, createError(t.Name, e))
			if count[t.Name] > 1 {
				count[t.Name] = -1
			}
		default:
			resp.Topics = append(resp.Topics, c.create(t))
		}
		if err := tooMany(c.records); err != nil {
			return result{}, err
		}
	}
	resp.Topics = append(resp.Topics, refused...)
	if req.ValidateOnly {
		return result{resp: resp}, nil
	}
	return result{records: c.records, resp: resp}, nil
}

// checkTotal refuses a request for too many partitions at once.
func (s *state) checkTotal(req *wire.CreateTopicsRequest, count map[string]int) error {
	total := 0
	for i := range req.Topics {
		t := &req.Topics[i]
		switch {
		case count[t.Name] > 1:
		case len(t.Assignments) > 0:
			total += len(t.Assignments)
		case t.NumPartitions == -1:
			total += int(s.static.Int("num.partitions"))
		case t.NumPartitions > 0:
			total += int(t.NumPartitions)
		}
	}
	if total > maxPartitionsPerRequest {
		return kerr.PolicyViolation.With("Excessively large number of partitions per request.")
	}
	return nil
}

func createError(name string, e apiError) wire.CreateTopicsResponseCreatableTopicResult {
	return wire.CreateTopicsResponseCreatableTopicResult{
		Name: name, ErrorCode: e.code, ErrorMessage: e.msg, NumPartitions: -1, ReplicationFactor: -1,
		Configs: []wire.CreateTopicsResponseCreatableTopicConfigs{},
	}
}

// creation gathers the records of one CreateTopics.
type creation struct {
	s       *state
	ctx     *Request
	cluster bool // the principal may create any topic
	records []metadata.Record
}

// refuse is why a topic is not even tried.
func (c *creation) refuse(name string, count int) apiError {
	switch {
	case count > 1:
		return fail(kerr.InvalidRequest, "Duplicate topic name.")
	case name == metadataTopic:
		return fail(kerr.InvalidRequest, "Creation of internal topic "+metadataTopic+" is prohibited.")
	case !c.cluster && !c.ctx.allowed(OpCreate, KindTopic, name):
		return fail(kerr.TopicAuthorizationFailed, "Authorization failed.")
	}
	return apiError{}
}

// create decides one topic.
func (c *creation) create(t *wire.CreateTopicsRequestCreatableTopic) wire.CreateTopicsResponseCreatableTopicResult {
	overrides, e := c.validate(t)
	var parts []*metadata.Partition
	if !e.failed() {
		parts, e = c.place(t)
	}
	if e.failed() {
		return createError(t.Name, e)
	}
	id := c.s.newID()
	c.records = append(c.records, metadata.V0(&wire.TopicRecord{Name: t.Name, TopicId: id}))
	c.configRecords(t, overrides)
	for i, p := range parts {
		c.records = append(c.records, metadata.Record{Msg: p.Record(id, int32(i), c.s.version(), false), Version: c.s.version().Partition()})
	}
	out := wire.CreateTopicsResponseCreatableTopicResult{
		Name: t.Name, TopicId: id, NumPartitions: -1, ReplicationFactor: -1, Configs: []wire.CreateTopicsResponseCreatableTopicConfigs{},
	}
	if !c.ctx.allowed(OpDescribeConfigs, KindTopic, t.Name) {
		out.TopicConfigErrorCode = kerr.TopicAuthorizationFailed
		return out
	}
	out.NumPartitions, out.ReplicationFactor = int32(len(parts)), int16(len(parts[0].Replicas))
	out.Configs = c.s.describeNew(overrides)
	return out
}

// validate checks name and settings, and gives the settings as a map.
func (c *creation) validate(t *wire.CreateTopicsRequestCreatableTopic) (map[string]string, apiError) {
	if c.s.tip.Topics.ByName(t.Name) != nil {
		return nil, fail(kerr.TopicAlreadyExists, fmt.Sprintf("Topic '%s' already exists.", t.Name))
	}
	if why := checkTopicName(t.Name); why != "" {
		return nil, fail(kerr.InvalidTopicException, why)
	}
	if other := collision(c.s.tip.Topics, t.Name); other != "" {
		return nil, fail(kerr.InvalidTopicException, fmt.Sprintf("Topic '%s' collides with existing topic: %s", t.Name, other))
	}
	if len(t.Configs) == 0 {
		return nil, apiError{}
	}
	overrides := make(map[string]string, len(t.Configs))
	var null []string
	for _, k := range t.Configs {
		if k.Value == nil {
			null = append(null, k.Name)
		} else {
			overrides[k.Name] = *k.Value
		}
	}
	if len(null) > 0 {
		return nil, fail(kerr.InvalidConfig, "Null value not supported for topic configs: "+strings.Join(null, ","))
	}
	r := metadata.Resource{Type: metadata.TopicResource, Name: t.Name}
	for _, v := range overrides {
		if e := checkSize(v); e.failed() {
			return nil, e
		}
	}
	return overrides, failOf(c.s.validateConfigs(r, overrides, nil))
}

// configRecords go after the TopicRecord and before the PartitionRecords; a
// min.insync.replicas clears the ELR.
func (c *creation) configRecords(t *wire.CreateTopicsRequestCreatableTopic, overrides map[string]string) {
	var recs []metadata.Record
	for _, name := range sortedKeys(overrides) {
		recs = append(recs, configRecord(metadata.Resource{Type: metadata.TopicResource, Name: t.Name}, name, ptr(overrides[name])))
	}
	c.records = append(append(c.records, recs...), c.s.clearELR(recs)...)
}

// place decides the replicas of a new topic's partitions.
func (c *creation) place(t *wire.CreateTopicsRequestCreatableTopic) ([]*metadata.Partition, apiError) {
	s := c.s
	switch {
	case len(t.Assignments) > 0:
		return s.placeManually(t)
	case t.ReplicationFactor < -1 || t.ReplicationFactor == 0:
		return nil, fail(kerr.InvalidReplicationFactor, "Replication factor must be larger than 0, or -1 to use the default value.")
	case t.NumPartitions < -1 || t.NumPartitions == 0:
		return nil, fail(kerr.InvalidPartitions, "Number of partitions was set to an invalid non-positive value.")
	}
	n, rf := int(t.NumPartitions), int(t.ReplicationFactor)
	if n == -1 {
		n = int(s.static.Int("num.partitions"))
	}
	if rf == -1 {
		rf = int(s.static.Int("default.replication.factor"))
	}
	p := newPlacer(s)
	if err := p.check(rf); err != nil {
		return nil, fail(kerr.InvalidReplicationFactor, fmt.Sprintf("Unable to replicate the partition %d time(s): %s", rf, err))
	}
	parts := make([]*metadata.Partition, n)
	for i := range parts {
		replicas := p.place(rf)
		isr := s.activeOnly(replicas)
		if len(isr) == 0 {
			return nil, fail(kerr.InvalidReplicationFactor, fmt.Sprintf("Unable to replicate the partition %d time(s): All brokers are currently fenced or in controlled shutdown.", rf))
		}
		parts[i] = s.newPartition(replicas, isr)
	}
	return parts, apiError{}
}

func (s *state) placeManually(t *wire.CreateTopicsRequestCreatableTopic) ([]*metadata.Partition, apiError) {
	if t.ReplicationFactor != -1 {
		return nil, fail(kerr.InvalidRequest, "A manual partition assignment was specified, but replication factor was not set to -1.")
	}
	if t.NumPartitions != -1 {
		return nil, fail(kerr.InvalidRequest, "A manual partition assignment was specified, but numPartitions was not set to -1.")
	}
	rf := -1
	byIndex := make(map[int32]*metadata.Partition, len(t.Assignments))
	for _, a := range t.Assignments {
		if byIndex[a.PartitionIndex] != nil {
			return nil, fail(kerr.InvalidReplicaAssignment, fmt.Sprintf("Found multiple manual partition assignments for partition %d", a.PartitionIndex))
		}
		replicas := metadata.BrokerIDs(a.BrokerIds)
		if err := s.checkAssignment(replicas, rf); err != nil {
			return nil, failOf(err)
		}
		rf = len(replicas)
		isr := s.activeOnly(replicas)
		if len(isr) == 0 {
			return nil, fail(kerr.InvalidReplicaAssignment, fmt.Sprintf("All brokers specified in the manual partition assignment for partition %d are fenced or in controlled shutdown.", a.PartitionIndex))
		}
		byIndex[a.PartitionIndex] = s.newPartition(replicas, isr)
	}
	parts := make([]*metadata.Partition, len(byIndex))
	for i := range parts {
		if parts[i] = byIndex[int32(i)]; parts[i] == nil {
			return nil, fail(kerr.InvalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence")
		}
	}
	return parts, apiError{}
}

// activeOnly are the replicas that can be in the first ISR.
func (s *state) activeOnly(replicas []model.BrokerID) []model.BrokerID {
	var out []model.BrokerID
	for _, id := range replicas {
		if s.active(id) {
			out = append(out, id)
		}
	}
	return out
}

func (s *state) newPartition(replicas, isr []model.BrokerID) *metadata.Partition {
	dirs := make([]model.DirectoryID, len(replicas))
	for i, id := range replicas {
		dirs[i] = s.defaultDir(id)
	}
	return &metadata.Partition{Replicas: replicas, ISR: isr, Dirs: dirs, Leader: isr[0]}
}

// describeNew are the settings of a new topic, by name.
func (s *state) describeNew(overrides map[string]string) []wire.CreateTopicsResponseCreatableTopicConfigs {
	c := s.inherited()
	if len(overrides) == 0 && c.entries != nil {
		return c.entries
	}
	var out []wire.CreateTopicsResponseCreatableTopicConfigs
	for _, e := range c.layers.TopicEntries(overrides, nil) {
		out = append(out, createdConfig(e))
	}
	if len(overrides) == 0 {
		c.entries = out
	}
	return out
}

func createdConfig(e config.Entry) wire.CreateTopicsResponseCreatableTopicConfigs {
	return wire.CreateTopicsResponseCreatableTopicConfigs{
		Name: e.Name, Value: e.Value, ReadOnly: e.ReadOnly, ConfigSource: int8(e.Source), IsSensitive: e.Sensitive,
	}
}
