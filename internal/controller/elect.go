package controller

import (
	"fmt"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// The election types of ElectLeaders.
const (
	electPreferred int8 = 0
	electUnclean   int8 = 1
)

type elected = wire.ElectLeadersResponsePartitionResult

func electError(r *wire.ElectLeadersRequest, e apiError) *wire.ElectLeadersResponse {
	out := &wire.ElectLeadersResponse{ErrorCode: e.code}
	for _, t := range r.TopicPartitions {
		res := wire.ElectLeadersResponseReplicaElectionResult{Topic: t.Topic}
		for _, n := range t.Partitions {
			res.PartitionResult = append(res.PartitionResult, elected{PartitionId: n, ErrorCode: e.code, ErrorMessage: e.msg})
		}
		out.ReplicaElectionResults = append(out.ReplicaElectionResults, res)
	}
	return out
}

// electLeaders decides ElectLeaders. Source:
// ReplicationControlManager.electLeaders; KIP-183, KIP-460.
func (s *state) electLeaders(_ *Request, req *wire.ElectLeadersRequest) (result, error) {
	resp := &wire.ElectLeadersResponse{}
	if req.TopicPartitions != nil && len(req.TopicPartitions) == 0 {
		return result{resp: resp}, nil
	}
	if req.ElectionType != electPreferred && req.ElectionType != electUnclean {
		return result{}, kerr.InvalidRequest.With(fmt.Sprintf("Unknown election type %d", req.ElectionType))
	}
	var recs []metadata.Record
	one := func(topic string, n int32) apiError {
		r, e := s.electLeader(topic, n, req.ElectionType)
		if !e.failed() {
			recs = append(recs, r)
		}
		return e
	}
	if req.TopicPartitions == nil {
		for t := range s.tip.Topics.All() {
			res := wire.ElectLeadersResponseReplicaElectionResult{Topic: t.Name}
			for n := range t.Partitions {
				// Of all partitions, those that need nothing are not told.
				if e := one(t.Name, int32(n)); e.code != kerr.ElectionNotNeeded {
					res.PartitionResult = append(res.PartitionResult, elected{PartitionId: int32(n), ErrorCode: e.code, ErrorMessage: e.msg})
				}
			}
			resp.ReplicaElectionResults = append(resp.ReplicaElectionResults, res)
		}
	}
	for _, t := range req.TopicPartitions {
		res := wire.ElectLeadersResponseReplicaElectionResult{Topic: t.Topic}
		for _, n := range t.Partitions {
			e := one(t.Topic, n)
			res.PartitionResult = append(res.PartitionResult, elected{PartitionId: n, ErrorCode: e.code, ErrorMessage: e.msg})
		}
		resp.ReplicaElectionResults = append(resp.ReplicaElectionResults, res)
	}
	if err := tooMany(recs); err != nil {
		return result{}, err
	}
	return result{records: recs, resp: resp, split: true}, nil
}

func (s *state) electLeader(topic string, n int32, kind int8) (metadata.Record, apiError) {
	t := s.tip.Topics.ByName(topic)
	if t == nil {
		return metadata.Record{}, fail(kerr.UnknownTopicOrPartition, "No such topic as "+topic)
	}
	p := t.Partition(n)
	if p == nil {
		return metadata.Record{}, fail(kerr.UnknownTopicOrPartition, fmt.Sprintf("No such partition as %s-%d", topic, n))
	}
	if kind == electPreferred && p.Leader == p.Preferred() || kind == electUnclean && p.Leader != model.NoBroker {
		return metadata.Record{}, failPlain(kerr.ElectionNotNeeded)
	}
	c := s.change(t, n, s.active)
	c.election = preferred
	if kind == electUnclean {
		c.election = unclean
	}
	r, ok := c.build()
	switch {
	case ok:
		return r, apiError{}
	case kind == electPreferred:
		return r, failPlain(kerr.PreferredLeaderNotAvailable)
	}
	return r, failPlain(kerr.EligibleLeadersNotAvailable)
}

// maxElections bounds the elections of one periodic round.
const maxElections = 1000

// balanceLeaders elects preferred leaders where others lead
// (auto.leader.rebalance.enable). more tells that there may be more to do.
func (s *state) balanceLeaders() (recs []metadata.Record, more bool) {
	for t := range s.tip.Topics.All() {
		for n, p := range t.Partitions {
			if p.Leader == p.Preferred() {
				continue
			}
			c := s.change(t, int32(n), s.active)
			c.election = preferred
			if r, ok := c.build(); ok {
				if recs = append(recs, r); len(recs) >= maxElections {
					return recs, true
				}
			}
		}
	}
	return recs, false
}

// electUncleanly gives partitions without a leader one, where the topic allows
// to lose records for it.
func (s *state) electUncleanly() (recs []metadata.Record, more bool) {
	for t := range s.tip.Topics.All() {
		for n, p := range t.Partitions {
			if p.Leader != model.NoBroker || !s.unclean(t.Name) {
				continue
			}
			if r, e := s.electLeader(t.Name, int32(n), electUnclean); !e.failed() {
				if recs = append(recs, r); len(recs) >= maxElections {
					return recs, true
				}
			}
		}
	}
	return recs, false
}
