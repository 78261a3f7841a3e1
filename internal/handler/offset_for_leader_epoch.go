package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// offsetForLeaderEpoch serves OffsetForLeaderEpoch, versions 2 to 4: where the
// records of a leader epoch end, for followers and consumers that find out
// whether they have records which were lost (KIP-101, 279, 320).
func offsetForLeaderEpoch(c *Context, req *wire.OffsetForLeaderEpochRequest) {
	resp := &wire.OffsetForLeaderEpochResponse{Topics: make([]wire.OffsetForLeaderEpochResponseOffsetForLeaderTopicResult, len(req.Topics))}
	broker := c.Allowed(ClusterAction, Cluster, ClusterName)
	for i := range req.Topics {
		t, rt := &req.Topics[i], &resp.Topics[i]
		allowed := broker || c.Allowed(Describe, Topic, t.Topic)
		rt.Topic, rt.Partitions = t.Topic, make([]wire.OffsetForLeaderEpochResponseEpochEndOffset, len(t.Partitions))
		for j := range t.Partitions {
			q, r := &t.Partitions[j], &rt.Partitions[j]
			*r = wire.OffsetForLeaderEpochResponseEpochEndOffset{Partition: q.Partition, LeaderEpoch: -1, EndOffset: -1}
			if !allowed {
				r.ErrorCode = kerr.TopicAuthorizationFailed
				continue
			}
			p, code := c.Services.Replicas.PartitionOf(t.Topic, q.Partition)
			if code != kerr.None {
				r.ErrorCode = code
				continue
			}
			e := p.EndOffsetForEpoch(model.LeaderEpoch(q.LeaderEpoch), model.LeaderEpoch(q.CurrentLeaderEpoch), false, c.Now)
			r.ErrorCode = e.Code
			if e.Code == kerr.None {
				r.LeaderEpoch, r.EndOffset = int32(e.Epoch), int64(e.End)
			}
		}
	}
	resp.ThrottleTimeMs = c.Throttle(RequestQuota, 0)
	c.Reply(resp)
}
