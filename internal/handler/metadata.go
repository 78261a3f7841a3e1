package handler

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"gregor/internal/controller"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// clusterMetadata serves Metadata, versions 0 to 13: brokers and topics, as this broker
// knows them; topics that do not exist may be created on the way
// (auto.create.topics.enable). Source: KafkaApis.handleTopicMetadataRequest,
// KRaftMetadataCache; KIP-430, KIP-516.
func clusterMetadata(c *Context, req *wire.MetadataRequest) {
	if err := checkMetadata(req, c.Version); err != nil {
		c.Reply(metadataFailed(req, kerr.Of(err)))
		return
	}
	q := &metadataQuery{c: c, img: c.Services.Metadata.Image(), listener: c.Listener(), req: req}
	q.all = req.Topics == nil || c.Version == 0 && len(req.Topics) == 0
	resp := &wire.MetadataResponse{ClusterId: &c.Services.ClusterID, ClusterAuthorizedOperations: noOperations}
	q.brokers(resp)
	if q.all {
		q.everything(resp)
	} else {
		q.named(resp)
	}
	if c.Version >= 8 && c.Version <= 10 && req.IncludeClusterAuthorizedOperations {
		resp.ClusterAuthorizedOperations = c.clusterOperations()
	}
	c.Reply(resp)
}

// clusterOperations are the requester's on the cluster, none if it may not
// describe it.
func (c *Context) clusterOperations() int32 {
	if !c.Allowed(Describe, Cluster, ClusterName) {
		return 0
	}
	return c.Operations(Cluster, ClusterName)
}

func checkMetadata(req *wire.MetadataRequest, version int16) error {
	for i := range req.Topics {
		t := &req.Topics[i]
		if t.Name == nil && version < 12 {
			return kerr.InvalidRequest.With(fmt.Sprintf("Topic name can not be null for version %d", version))
		}
		if !t.TopicId.IsZero() && version < 12 {
			return kerr.InvalidRequest.With(fmt.Sprintf("Topic IDs are not supported in requests for version %d", version))
		}
	}
	return nil
}

func metadataFailed(req *wire.MetadataRequest, code kerr.Code) *wire.MetadataResponse {
	resp := wire.NewMetadataResponse()
	resp.ErrorCode = code
	empty := ""
	for i := range req.Topics {
		t := wire.MetadataResponseTopic{ErrorCode: code, Name: req.Topics[i].Name, TopicId: req.Topics[i].TopicId, TopicAuthorizedOperations: noOperations}
		if t.Name == nil {
			t.Name = &empty
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}

// metadataQuery answers one Metadata from one image.
type metadataQuery struct {
	c        *Context
	req      *wire.MetadataRequest
	img      *metadata.Image
	listener string
	all      bool
}

// brokers are those alive with the client's listener. There is no controller
// that clients could talk to; any broker stands in for it, which spreads the
// requests that are forwarded.
func (q *metadataQuery) brokers(resp *wire.MetadataResponse) {
	resp.Brokers = make([]wire.MetadataResponseBroker, 0, q.img.Cluster.NumBrokers())
	alive := 0
	resp.ControllerId = -1
	for b := range q.img.Cluster.Brokers() {
		if b.Fenced {
			continue
		}
		if alive++; rand.IntN(alive) == 0 {
			resp.ControllerId = int32(b.ID)
		}
		if e, ok := b.Endpoint(q.listener); ok {
			resp.Brokers = append(resp.Brokers, wire.MetadataResponseBroker{NodeId: int32(b.ID), Host: e.Host, Port: int32(e.Port), Rack: b.Rack})
		}
	}
}

func (q *metadataQuery) everything(resp *wire.MetadataResponse) {
	resp.Topics = make([]wire.MetadataResponseTopic, 0, q.img.Topics.Len())
	for t := range q.img.Topics.All() {
		if q.c.Allowed(Describe, Topic, t.Name) {
			resp.Topics = append(resp.Topics, q.topic(t))
		}
	}
}

func (q *metadataQuery) named(resp *wire.MetadataResponse) {
	resp.Topics = make([]wire.MetadataResponseTopic, 0, len(q.req.Topics))
	byID := slices.ContainsFunc(q.req.Topics, func(t wire.MetadataRequestTopic) bool { return !t.TopicId.IsZero() })
	var seen map[string]bool
	if len(q.req.Topics) > 1 {
		seen = make(map[string]bool, len(q.req.Topics))
	}
	for i := range q.req.Topics {
		r := &q.req.Topics[i]
		if byID {
			if !r.TopicId.IsZero() {
				resp.Topics = append(resp.Topics, q.byID(r.TopicId))
			}
			continue
		}
		if r.Name == nil || seen[*r.Name] {
			continue
		}
		if seen != nil {
			seen[*r.Name] = true
		}
		resp.Topics = append(resp.Topics, q.byName(*r.Name))
	}
}

func missing(code kerr.Code, name *string, id model.TopicID) wire.MetadataResponseTopic {
	t := wire.MetadataResponseTopic{ErrorCode: code, Name: name, TopicId: id, TopicAuthorizedOperations: noOperations}
	if name != nil {
		t.IsInternal = internalTopic(*name)
	}
	return t
}

func (q *metadataQuery) byID(id model.TopicID) wire.MetadataResponseTopic {
	t := q.img.Topics.ByID(id)
	switch {
	case t == nil:
		return missing(kerr.UnknownTopicId, nil, id)
	case !q.c.Allowed(Describe, Topic, t.Name):
		// Ids are not secret, names are.
		return missing(kerr.TopicAuthorizationFailed, nil, id)
	}
	return q.topic(t)
}

func (q *metadataQuery) byName(name string) wire.MetadataResponseTopic {
	if !q.c.Allowed(Describe, Topic, name) {
		t := missing(kerr.TopicAuthorizationFailed, &name, model.TopicID{})
		t.IsInternal = false
		return t
	}
	if t := q.img.Topics.ByName(name); t != nil && len(t.Partitions) > 0 {
		return q.topic(t)
	}
	creates := q.req.AllowAutoTopicCreation && q.c.Services.TopicCreator != nil && q.c.Services.Settings.Values().Bool("auto.create.topics.enable")
	if creates && !q.c.Allowed(Create, Cluster, ClusterName) && !q.c.Allowed(Create, Topic, name) {
		return missing(kerr.TopicAuthorizationFailed, &name, model.TopicID{})
	}
	if controller.CheckTopicName(name) != "" {
		return q.operations(missing(kerr.InvalidTopicException, &name, model.TopicID{}))
	}
	if creates {
		q.c.Services.TopicCreator.CreateTopic(q.c.Services.autoTopic(name))
	}
	return q.operations(missing(kerr.UnknownTopicOrPartition, &name, model.TopicID{}))
}

// autoTopic is a topic as it is created because somebody asked for it. Source:
// DefaultAutoTopicCreationManager.
func (s *Services) autoTopic(name string) wire.CreateTopicsRequestCreatableTopic {
	if name == "__consumer_offsets" && s.Groups != nil {
		return s.Groups.Topic()
	}
	t := wire.CreateTopicsRequestCreatableTopic{Name: name, NumPartitions: -1, ReplicationFactor: -1}
	v := s.Settings.Values()
	if v.IsSet("num.partitions") {
		t.NumPartitions = int32(v.Int("num.partitions"))
	}
	if v.IsSet("default.replication.factor") {
		t.ReplicationFactor = int16(v.Int("default.replication.factor"))
	}
	return t
}

func (q *metadataQuery) operations(t wire.MetadataResponseTopic) wire.MetadataResponseTopic {
	if q.c.Version >= 8 && q.req.IncludeTopicAuthorizedOperations && t.Name != nil {
		t.TopicAuthorizedOperations = q.c.Operations(Topic, *t.Name)
	}
	return t
}

func (q *metadataQuery) topic(t *metadata.Topic) wire.MetadataResponseTopic {
	out := wire.MetadataResponseTopic{Name: &t.Name, TopicId: t.ID, IsInternal: internalTopic(t.Name), TopicAuthorizedOperations: noOperations}
	out.Partitions = make([]wire.MetadataResponsePartition, len(t.Partitions))
	n := 0
	for _, p := range t.Partitions {
		n += len(p.Replicas) + len(p.ISR)
	}
	ids := make([]int32, 0, n) // of all partitions
	for i, p := range t.Partitions {
		ids = q.partition(&out.Partitions[i], int32(i), p, ids)
	}
	return q.operations(out)
}

// partition fills one in. Version 0 hides replicas that are not alive, and
// tells of it by an error.
func (q *metadataQuery) partition(out *wire.MetadataResponsePartition, n int32, p *metadata.Partition, ids []int32) []int32 {
	filter := q.c.Version == 0
	out.PartitionIndex, out.LeaderEpoch, out.LeaderId = n, int32(p.LeaderEpoch), -1
	out.ReplicaNodes, ids = q.nodes(p.Replicas, filter, ids)
	out.IsrNodes, ids = q.nodes(p.ISR, filter, ids)
	for _, r := range p.Replicas {
		if q.offline(r, p) {
			out.OfflineReplicas = append(out.OfflineReplicas, int32(r))
		}
	}
	leader := q.img.Cluster.Broker(p.Leader)
	if leader == nil {
		out.ErrorCode = kerr.LeaderNotAvailable
		return ids
	}
	if _, ok := leader.Endpoint(q.listener); !ok {
		// Since version 6 a missing listener can be told from a missing leader.
		if out.ErrorCode = kerr.LeaderNotAvailable; q.c.Version >= 6 {
			out.ErrorCode = kerr.ListenerNotFound
		}
		return ids
	}
	out.LeaderId = int32(p.Leader)
	if len(out.ReplicaNodes) < len(p.Replicas) || len(out.IsrNodes) < len(p.ISR) {
		out.ErrorCode = kerr.ReplicaNotAvailable
	}
	return ids
}

// nodes puts ids behind those in arena and returns both.
func (q *metadataQuery) nodes(in []model.BrokerID, filter bool, arena []int32) (out, rest []int32) {
	at := len(arena)
	for _, id := range in {
		if filter {
			b := q.img.Cluster.Broker(id)
			if b == nil || b.Fenced {
				continue
			}
			if _, ok := b.Endpoint(q.listener); !ok {
				continue
			}
		}
		arena = append(arena, int32(id))
	}
	return arena[at:len(arena):len(arena)], arena
}

// offline reports whether a replica cannot be reached by the client: its
// broker is gone, fenced or not on the listener, or its directory has failed.
func (q *metadataQuery) offline(id model.BrokerID, p *metadata.Partition) bool {
	b := q.img.Cluster.Broker(id)
	if b == nil || b.Fenced {
		return true
	}
	if _, ok := b.Endpoint(q.listener); !ok {
		return true
	}
	dir, ok := p.Dir(id)
	return ok && !b.Online(dir)
}
