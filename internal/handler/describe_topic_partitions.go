package handler

import (
	"slices"
	"strings"

	"gregor/internal/controller"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/wire"
)

// describeTopicPartitions serves DescribeTopicPartitions, version 0: partitions
// page by page, with their eligible leader replicas (KIP-966). A page goes on at
// a cursor. Source: DescribeTopicPartitionsRequestHandler.
func describeTopicPartitions(c *Context, req *wire.DescribeTopicPartitionsRequest) {
	q := &metadataQuery{c: c, img: c.Services.Metadata.Image(), listener: c.Listener()}
	from := ""
	if req.Cursor != nil {
		from = req.Cursor.TopicName
	}
	names, err := pageNames(q.img, req, from)
	if err != nil {
		c.Reply(pageFailed(req, kerr.Of(err)))
		return
	}
	limit := max(min(int(c.Services.Settings.Values().Int("max.request.partition.size.limit")), int(req.ResponsePartitionLimit)), 1)
	p := &page{q: q, req: req, left: limit, all: len(req.Topics) == 0, resp: &wire.DescribeTopicPartitionsResponse{}}
	for name := range names {
		if !p.add(name) {
			break
		}
	}
	p.resp.Topics = append(p.resp.Topics, p.refused...)
	c.Reply(p.resp)
}

// pageNames are the topics from the cursor on, by name.
func pageNames(img *metadata.Image, req *wire.DescribeTopicPartitionsRequest, from string) (func(func(string) bool), error) {
	if req.Cursor != nil && req.Cursor.PartitionIndex < 0 {
		return nil, kerr.InvalidRequest.With("DescribeTopicPartitionsRequest cursor partition must be valid: " + req.Cursor.TopicName)
	}
	if len(req.Topics) == 0 {
		return func(yield func(string) bool) {
			for t := range img.Topics.From(from) {
				if !yield(t.Name) {
					return
				}
			}
		}, nil
	}
	var names []string
	for i := range req.Topics {
		if n := req.Topics[i].Name; n >= from {
			names = append(names, n)
		}
	}
	if req.Cursor != nil && !slices.Contains(names, from) {
		return nil, kerr.InvalidRequest.With("DescribeTopicPartitionsRequest topic list should contain the cursor topic: " + from)
	}
	slices.SortFunc(names, strings.Compare)
	return slices.Values(slices.Compact(names)), nil
}

func pageFailed(req *wire.DescribeTopicPartitionsRequest, code kerr.Code) *wire.DescribeTopicPartitionsResponse {
	resp := &wire.DescribeTopicPartitionsResponse{}
	for i := range req.Topics {
		resp.Topics = append(resp.Topics, wire.DescribeTopicPartitionsResponseTopic{
			ErrorCode: code, Name: &req.Topics[i].Name, TopicAuthorizedOperations: noOperations,
		})
	}
	return resp
}

// page gathers topics until it is full.
type page struct {
	q       *metadataQuery
	req     *wire.DescribeTopicPartitionsRequest
	left    int
	all     bool // of all topics those that cannot be seen are left out
	resp    *wire.DescribeTopicPartitionsResponse
	refused []wire.DescribeTopicPartitionsResponseTopic
}

// add adds a topic, or as much of it as fits; false ends the page.
func (p *page) add(name string) bool {
	c := p.q.c
	out := wire.DescribeTopicPartitionsResponseTopic{Name: &name, IsInternal: internalTopic(name), TopicAuthorizedOperations: noOperations}
	if !c.Allowed(Describe, Topic, name) {
		if !p.all {
			out.ErrorCode, out.IsInternal = kerr.TopicAuthorizationFailed, false
			p.refused = append(p.refused, out)
		}
		return true
	}
	if p.left == 0 {
		p.resp.NextCursor = &wire.DescribeTopicPartitionsResponseCursor{TopicName: name}
		return false
	}
	out.TopicAuthorizedOperations = c.Operations(Topic, name)
	t := p.q.img.Topics.ByName(name)
	if t == nil {
		if out.ErrorCode = kerr.UnknownTopicOrPartition; controller.CheckTopicName(name) != "" {
			out.ErrorCode = kerr.InvalidTopicException
		}
		p.resp.Topics = append(p.resp.Topics, out)
		return true
	}
	out.TopicId = t.ID
	start := 0
	if p.req.Cursor != nil && p.req.Cursor.TopicName == name {
		start = int(p.req.Cursor.PartitionIndex)
	}
	end := min(len(t.Partitions), start+p.left)
	for n := start; n < end; n++ {
		out.Partitions = append(out.Partitions, p.partition(int32(n), t.Partitions[n]))
	}
	p.resp.Topics = append(p.resp.Topics, out)
	if end < len(t.Partitions) {
		p.resp.NextCursor = &wire.DescribeTopicPartitionsResponseCursor{TopicName: name, PartitionIndex: int32(end)}
		return false
	}
	p.left -= len(out.Partitions)
	return true
}

func (p *page) partition(n int32, part *metadata.Partition) wire.DescribeTopicPartitionsResponsePartition {
	var m wire.MetadataResponsePartition
	p.q.partition(&m, n, part, nil)
	return wire.DescribeTopicPartitionsResponsePartition{
		PartitionIndex: n, LeaderId: m.LeaderId, LeaderEpoch: m.LeaderEpoch, ReplicaNodes: metadata.Int32s(part.Replicas), IsrNodes: metadata.Int32s(part.ISR),
		OfflineReplicas: m.OfflineReplicas, EligibleLeaderReplicas: metadata.Int32s(part.ELR()), LastKnownElr: metadata.Int32s(part.LastKnownELR()),
	}
}
