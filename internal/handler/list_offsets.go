package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/wire"
)

// Replica ids of requests that are not from brokers.
const (
	consumerReplica  int32 = -1
	debuggingReplica int32 = -2
)

// listOffsets serves ListOffsets, versions 1 to 11: the first offset at or
// after a time, or one of the special ones (KIP-79, 734, 405, 1005, 1023).
func listOffsets(c *Context, req *wire.ListOffsetsRequest) {
	resp := &wire.ListOffsetsResponse{Topics: []wire.ListOffsetsResponseListOffsetsTopicResponse{}}
	count := map[partitionKey]int{}
	for i := range req.Topics {
		for j := range req.Topics[i].Partitions {
			count[partitionKey{topic: req.Topics[i].Name, index: req.Topics[i].Partitions[j].PartitionIndex}]++
		}
	}
	for i := range req.Topics {
		t := &req.Topics[i]
		rt := wire.ListOffsetsResponseListOffsetsTopicResponse{Name: t.Name}
		allowed := c.Allowed(Describe, Topic, t.Name)
		for j := range t.Partitions {
			p := &t.Partitions[j]
			r := *wire.NewListOffsetsResponseListOffsetsPartitionResponse()
			r.PartitionIndex = p.PartitionIndex
			key := partitionKey{topic: t.Name, index: p.PartitionIndex}
			switch n := count[key]; {
			case !allowed:
				r.ErrorCode = kerr.TopicAuthorizationFailed
			case n == 0: // told already that it is named twice
				continue
			case n > 1:
				r.ErrorCode = kerr.InvalidRequest
				count[key] = 0
			case !knownTime(model.Millis(p.Timestamp), c.Version):
				r.ErrorCode = kerr.UnsupportedVersion
			default:
				c.listOffset(req, t.Name, p, &r)
			}
			rt.Partitions = append(rt.Partitions, r)
		}
		if len(rt.Partitions) > 0 {
			resp.Topics = append(resp.Topics, rt)
		}
	}
	resp.ThrottleTimeMs = c.Throttle(RequestQuota, 0)
	c.Reply(resp)
}

// knownTime reports whether the version of ListOffsets knows the special time.
func knownTime(t model.Millis, version int16) bool {
	switch t {
	case partition.Latest, partition.Earliest:
		return true
	case partition.MaxTimestamp:
		return version >= 7
	case partition.EarliestLocal:
		return version >= 8
	case partition.LatestTiered:
		return version >= 9
	case partition.EarliestPendingUpload:
		return version >= 11
	}
	return t >= 0
}

func (c *Context) listOffset(req *wire.ListOffsetsRequest, topic string, q *wire.ListOffsetsRequestListOffsetsPartition, r *wire.ListOffsetsResponseListOffsetsPartitionResponse) {
	p, code := c.Services.Replicas.PartitionOf(topic, q.PartitionIndex)
	if code != kerr.None {
		r.ErrorCode = code
		return
	}
	iso := partition.ReadAll
	if req.ReplicaId == consumerReplica {
		iso = partition.ReadUncommitted
		if req.IsolationLevel == 1 {
			iso = partition.ReadCommitted
		}
	}
	l := p.List(model.Millis(q.Timestamp), iso, model.LeaderEpoch(q.CurrentLeaderEpoch), req.ReplicaId == debuggingReplica, c.Now)
	switch {
	case l.Code == kerr.OffsetNotAvailable && c.Version < 5:
		r.ErrorCode = kerr.LeaderNotAvailable
	case l.Code != kerr.None:
		r.ErrorCode = l.Code
	default:
		r.Timestamp, r.Offset = int64(l.Timestamp), int64(l.Offset)
		if c.Version >= 4 {
			r.LeaderEpoch = int32(l.Epoch)
		}
	}
}
