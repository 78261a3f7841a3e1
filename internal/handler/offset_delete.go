package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// offsetDelete serves OffsetDelete (0): offsets of a group are forgotten
// (KIP-496).
func offsetDelete(c *Context, req *wire.OffsetDeleteRequest) {
	if !c.Allowed(Delete, Group, req.GroupId) {
		c.Reply(&wire.OffsetDeleteResponse{ErrorCode: kerr.GroupAuthorizationFailed})
		return
	}
	img := c.Services.Metadata.Image()
	refused := &wire.OffsetDeleteResponse{}
	kept := req.Topics[:0]
	for i := range req.Topics {
		t := &req.Topics[i]
		known := img.Topics.ByName(t.Name)
		code := kerr.UnknownTopicOrPartition
		if !c.Allowed(Read, Topic, t.Name) {
			code, known = kerr.TopicAuthorizationFailed, nil
		}
		r := wire.OffsetDeleteResponseTopic{Name: t.Name}
		partitions := t.Partitions[:0]
		for _, p := range t.Partitions {
			if known != nil && known.Partition(p.PartitionIndex) != nil {
				partitions = append(partitions, p)
			} else {
				r.Partitions = append(r.Partitions, wire.OffsetDeleteResponsePartition{PartitionIndex: p.PartitionIndex, ErrorCode: code})
			}
		}
		if len(r.Partitions) > 0 || len(partitions) == 0 && known == nil {
			refused.Topics = append(refused.Topics, r)
		}
		if t.Partitions = partitions; len(partitions) > 0 {
			kept = append(kept, *t)
		}
	}
	req.Topics = kept
	var d deferred
	c.Services.Groups.OffsetDelete(c.groupContext(), req, func(r *wire.OffsetDeleteResponse) {
		if r.ErrorCode == kerr.None && len(refused.Topics) > 0 {
			r = mergeDeletes(refused, r)
		}
		d.reply(r)
	})
	d.settle(c)
}

// mergeDeletes adds what was done to what was refused, topic by topic.
func mergeDeletes(refused, done *wire.OffsetDeleteResponse) *wire.OffsetDeleteResponse {
	at := make(map[string]int, len(refused.Topics))
	for i := range refused.Topics {
		at[refused.Topics[i].Name] = i
	}
	for i := range done.Topics {
		t := &done.Topics[i]
		if j, ok := at[t.Name]; ok {
			refused.Topics[j].Partitions = append(refused.Topics[j].Partitions, t.Partitions...)
		} else {
			refused.Topics = append(refused.Topics, *t)
		}
	}
	return refused
}
