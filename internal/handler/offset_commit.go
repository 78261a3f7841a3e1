package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/wire"
)

// offsetCommit serves OffsetCommit (2-10): a member, or an administrator,
// stores how far a group has read. Since version 10 by topic id (KIP-848).
func offsetCommit(c *Context, req *wire.OffsetCommitRequest) {
	if !c.Allowed(Read, Group, req.GroupId) {
		resp := &wire.OffsetCommitResponse{}
		for i := range req.Topics {
			refuseCommit(resp, &req.Topics[i], kerr.GroupAuthorizationFailed)
		}
		c.Reply(resp)
		return
	}
	refused := &wire.OffsetCommitResponse{}
	req.Topics = c.committable(req.Topics, refused)
	if len(req.Topics) == 0 {
		c.Reply(refused)
		return
	}
	var d deferred
	byID := c.Version >= 10
	c.Services.Groups.OffsetCommit(c.groupContext(), req, func(r *wire.OffsetCommitResponse) {
		d.reply(mergeCommits(refused, r, byID))
	})
	d.settle(c)
}

// committable keeps the topics and partitions that exist and may be read, with
// name and id; refused takes the others.
func (c *Context) committable(topics []wire.OffsetCommitRequestTopic, refused *wire.OffsetCommitResponse) []wire.OffsetCommitRequestTopic {
	img := c.Services.Metadata.Image()
	kept := topics[:0]
	for i := range topics {
		t := &topics[i]
		var known *metadata.Topic
		if c.Version >= 10 {
			if known = img.Topics.ByID(t.TopicId); known == nil {
				refuseCommit(refused, t, kerr.UnknownTopicId)
				continue
			}
			t.Name = known.Name
		}
		if !c.Allowed(Read, Topic, t.Name) {
			refuseCommit(refused, t, kerr.TopicAuthorizationFailed)
			continue
		}
		if known == nil {
			if known = img.Topics.ByName(t.Name); known == nil {
				refuseCommit(refused, t, kerr.UnknownTopicOrPartition)
				continue
			}
			t.TopicId = known.ID
		}
		partitions := t.Partitions[:0]
		var missing *wire.OffsetCommitResponseTopic
		for j := range t.Partitions {
			p := &t.Partitions[j]
			if known.Partition(p.PartitionIndex) != nil {
				partitions = append(partitions, *p)
				continue
			}
			if missing == nil {
				refused.Topics = append(refused.Topics, wire.OffsetCommitResponseTopic{Name: t.Name, TopicId: t.TopicId})
				missing = &refused.Topics[len(refused.Topics)-1]
			}
			missing.Partitions = append(missing.Partitions, wire.OffsetCommitResponsePartition{PartitionIndex: p.PartitionIndex, ErrorCode: kerr.UnknownTopicOrPartition})
		}
		if t.Partitions = partitions; len(partitions) > 0 {
			kept = append(kept, *t)
		}
	}
	return kept
}

// refuseCommit says code of all partitions of a topic.
func refuseCommit(resp *wire.OffsetCommitResponse, t *wire.OffsetCommitRequestTopic, code kerr.Code) {
	r := wire.OffsetCommitResponseTopic{Name: t.Name, TopicId: t.TopicId, Partitions: make([]wire.OffsetCommitResponsePartition, len(t.Partitions))}
	for i := range t.Partitions {
		r.Partitions[i] = wire.OffsetCommitResponsePartition{PartitionIndex: t.Partitions[i].PartitionIndex, ErrorCode: code}
	}
	resp.Topics = append(resp.Topics, r)
}

// mergeCommits adds what was done to what was refused, topic by topic.
func mergeCommits(refused, done *wire.OffsetCommitResponse, byID bool) *wire.OffsetCommitResponse {
	if len(refused.Topics) == 0 {
		return done
	}
	name := func(t *wire.OffsetCommitResponseTopic) string {
		if byID {
			return string(t.TopicId[:])
		}
		return t.Name
	}
	at := make(map[string]int, len(refused.Topics))
	for i := range refused.Topics {
		at[name(&refused.Topics[i])] = i
	}
	for i := range done.Topics {
		t := &done.Topics[i]
		if j, ok := at[name(t)]; ok {
			refused.Topics[j].Partitions = append(refused.Topics[j].Partitions, t.Partitions...)
		} else {
			refused.Topics = append(refused.Topics, *t)
		}
	}
	return refused
}
