package handler

import (
	"gregor/internal/coordinator"
	"gregor/internal/group"
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// offsetFetch serves OffsetFetch (1-10): how far groups have read. Since
// version 8 for several groups (KIP-709), since 10 by topic id (KIP-848).
func offsetFetch(c *Context, req *wire.OffsetFetchRequest) {
	if c.Version < 8 {
		one := wire.OffsetFetchRequestGroup{GroupId: req.GroupId, MemberEpoch: -1}
		if req.Topics != nil || c.Version < 2 {
			one.Topics = make([]wire.OffsetFetchRequestTopics, len(req.Topics))
			for i, t := range req.Topics {
				one.Topics[i] = wire.OffsetFetchRequestTopics{Name: t.Name, PartitionIndexes: t.PartitionIndexes}
			}
		}
		req.Groups = []wire.OffsetFetchRequestGroup{one}
	}
	var d deferred
	resp := &wire.OffsetFetchResponse{Groups: make([]wire.OffsetFetchResponseGroup, len(req.Groups))}
	version := c.Version
	all := coordinator.NewGather(len(req.Groups), func() { d.reply(fetchedIn(resp, version)) })
	for i := range req.Groups {
		c.fetchGroup(&req.Groups[i], req.RequireStable, func(g *wire.OffsetFetchResponseGroup) {
			resp.Groups[i] = *g
			all.Done()
		})
	}
	d.settle(c)
}

// fetchGroup answers for one group.
func (c *Context) fetchGroup(req *wire.OffsetFetchRequestGroup, stable bool, reply func(*wire.OffsetFetchResponseGroup)) {
	if !c.Allowed(Describe, Group, req.GroupId) {
		reply(group.FetchError(c.Version, req, kerr.GroupAuthorizationFailed))
		return
	}
	if req.Topics == nil {
		c.fetchWhole(req, stable, reply)
		return
	}
	img := c.Services.Metadata.Image()
	var refused []wire.OffsetFetchResponseTopics
	kept := make([]wire.OffsetFetchRequestTopics, 0, len(req.Topics))
	for i := range req.Topics {
		t := &req.Topics[i]
		code := kerr.None
		if c.Version >= 10 {
			if known := img.Topics.ByID(t.TopicId); known != nil {
				t.Name = known.Name
			} else {
				code = kerr.UnknownTopicId
			}
		}
		if code == kerr.None && !c.Allowed(Describe, Topic, t.Name) {
			code = kerr.TopicAuthorizationFailed
		}
		if code == kerr.None {
			kept = append(kept, *t)
		} else {
			refused = append(refused, refuseOffsets(t, code))
		}
	}
	req.Topics = kept
	c.Services.Groups.OffsetFetch(c.groupContext(), req, stable, func(g *wire.OffsetFetchResponseGroup) {
		if g.ErrorCode == kerr.None {
			g.Topics = append(g.Topics, refused...)
		}
		reply(g)
	})
}

// fetchWhole answers with all offsets of a group of topics that may be seen.
func (c *Context) fetchWhole(req *wire.OffsetFetchRequestGroup, stable bool, reply func(*wire.OffsetFetchResponseGroup)) {
	img := c.Services.Metadata.Image()
	byID, services := c.Version >= 10, c.Services
	principal, host := c.Principal(), c.Host()
	c.Services.Groups.OffsetFetch(c.groupContext(), req, stable, func(g *wire.OffsetFetchResponseGroup) {
		seen := g.Topics[:0]
		for _, t := range g.Topics {
			if a := services.Authorizer; a != nil && !a.Allowed(principal, host, Describe, Topic, t.Name) {
				continue
			}
			if byID {
				known := img.Topics.ByName(t.Name)
				if known == nil {
					continue // it cannot be said without an id
				}
				t.TopicId = known.ID
			}
			seen = append(seen, t)
		}
		g.Topics = seen
		reply(g)
	})
}

func refuseOffsets(t *wire.OffsetFetchRequestTopics, code kerr.Code) wire.OffsetFetchResponseTopics {
	r := wire.OffsetFetchResponseTopics{Name: t.Name, TopicId: t.TopicId, Partitions: make([]wire.OffsetFetchResponsePartitions, len(t.PartitionIndexes))}
	for i, p := range t.PartitionIndexes {
		r.Partitions[i] = wire.OffsetFetchResponsePartitions{
			PartitionIndex: p, ErrorCode: code, CommittedOffset: -1, CommittedLeaderEpoch: int32(model.NoEpoch), Metadata: new(string),
		}
	}
	return r
}

// fetchedIn is the response in the form of the version: before 8 there is one
// group, without a name.
func fetchedIn(resp *wire.OffsetFetchResponse, version int16) *wire.OffsetFetchResponse {
	if version >= 8 {
		return resp
	}
	g := &resp.Groups[0]
	old := &wire.OffsetFetchResponse{ErrorCode: g.ErrorCode, Topics: make([]wire.OffsetFetchResponseTopic, len(g.Topics))}
	for i := range g.Topics {
		t := &g.Topics[i]
		partitions := make([]wire.OffsetFetchResponsePartition, len(t.Partitions))
		for j := range t.Partitions {
			p := &t.Partitions[j]
			partitions[j] = wire.OffsetFetchResponsePartition{
				PartitionIndex: p.PartitionIndex, CommittedOffset: p.CommittedOffset, CommittedLeaderEpoch: p.CommittedLeaderEpoch,
				Metadata: p.Metadata, ErrorCode: p.ErrorCode,
			}
		}
		old.Topics[i] = wire.OffsetFetchResponseTopic{Name: t.Name, Partitions: partitions}
	}
	return old
}
