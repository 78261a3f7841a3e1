package controller

import (
	"fmt"
	"slices"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

type reassigned = wire.AlterPartitionReassignmentsResponseReassignablePartitionResponse

func reassignError(r *wire.AlterPartitionReassignmentsRequest, e apiError) *wire.AlterPartitionReassignmentsResponse {
	out := wire.NewAlterPartitionReassignmentsResponse()
	out.ErrorCode, out.ErrorMessage = e.code, e.msg
	for _, t := range r.Topics {
		res := wire.AlterPartitionReassignmentsResponseReassignableTopicResponse{Name: t.Name}
		for _, p := range t.Partitions {
			res.Partitions = append(res.Partitions, reassigned{PartitionIndex: p.PartitionIndex, ErrorCode: e.code, ErrorMessage: e.msg})
		}
		out.Responses = append(out.Responses, res)
	}
	return out
}

// alterReassignments decides AlterPartitionReassignments. Source:
// ReplicationControlManager.alterPartitionReassignments; KIP-455, KIP-860.
func (s *state) alterReassignments(_ *Request, req *wire.AlterPartitionReassignmentsRequest) (result, error) {
	resp := wire.NewAlterPartitionReassignmentsResponse()
	if len(req.Topics) == 0 {
		return result{resp: resp}, nil
	}
	resp.AllowReplicationFactorChange = req.AllowReplicationFactorChange
	var recs []metadata.Record
	for _, t := range req.Topics {
		res := wire.AlterPartitionReassignmentsResponseReassignableTopicResponse{Name: t.Name}
		for i := range t.Partitions {
			r, ok, err := s.reassign(t.Name, &t.Partitions[i], req.AllowReplicationFactorChange)
			if ok {
				recs = append(recs, r)
			}
			e := failOf(err)
			res.Partitions = append(res.Partitions, reassigned{PartitionIndex: t.Partitions[i].PartitionIndex, ErrorCode: e.code, ErrorMessage: e.msg})
		}
		resp.Responses = append(resp.Responses, res)
	}
	if err := tooMany(recs); err != nil {
		return result{}, err
	}
	return result{records: recs, resp: resp}, nil
}

func (s *state) reassign(name string, target *wire.AlterPartitionReassignmentsRequestReassignablePartition, allowRF bool) (r metadata.Record, ok bool, err error) {
	t := s.tip.Topics.ByName(name)
	if t == nil {
		return r, false, kerr.UnknownTopicOrPartition.With("Unable to find a topic named " + name + ".")
	}
	p := t.Partition(target.PartitionIndex)
	if p == nil {
		return r, false, kerr.UnknownTopicOrPartition.With(fmt.Sprintf("Unable to find partition %s:%d.", name, target.PartitionIndex))
	}
	c := s.change(t, target.PartitionIndex, s.active)
	if target.Replicas == nil {
		err = c.revert()
	} else {
		err = c.retarget(metadata.BrokerIDs(target.Replicas), allowRF)
	}
	if err != nil {
		return r, false, err
	}
	r, ok = c.build()
	return r, ok, nil
}

// retarget begins a reassignment: the target's replicas first, then those to
// be removed, which stay until the new ones are in sync.
func (c *change) retarget(target []model.BrokerID, allowRF bool) error {
	if err := c.s.checkAssignment(target, -1); err != nil {
		return err
	}
	if !allowRF {
		have := len(without(c.p.Replicas, c.p.Removing()...))
		if have != len(target) {
			return kerr.InvalidReplicationFactor.With(fmt.Sprintf("The replication factor is changed from %d to %d", have, len(target)))
		}
	}
	removing, adding := slices.Clone(without(c.p.Replicas, target...)), slices.Clone(without(target, c.p.Replicas...))
	slices.Sort(removing)
	slices.Sort(adding)
	c.replicas = append(slices.Clone(target), removing...)
	if len(removing) > 0 {
		c.removing = removing
	}
	if len(adding) > 0 {
		c.adding = adding
	}
	return nil
}

// revert cancels a reassignment: what it adds goes, what it removes stays.
func (c *change) revert() error {
	if !c.p.Reassigning() {
		return kerr.NoReassignmentInProgress
	}
	allowed := c.s.unclean(c.topic.Name)
	c.replicas, c.isr = without(c.p.Replicas, c.p.Adding()...), without(c.p.ISR, c.p.Adding()...)
	if len(c.replicas) == 0 {
		return kerr.InvalidReplicaAssignment.With("Invalid replica assignment: addingReplicas contains all replicas.")
	}
	if len(c.isr) == 0 {
		if !allowed {
			return kerr.InvalidReplicaAssignment.With(fmt.Sprintf("Unable to revert partition assignment for %s:%d because it would require an unclean leader election.", c.topic.Name, c.n))
		}
		c.isr = c.replicas[:1:1]
	}
	if allowed {
		c.election = unclean
	}
	c.removing, c.adding = nil, nil
	return nil
}

// listReassignments answers ListPartitionReassignments from the committed image.
func listReassignments(img *metadata.Image, req *wire.ListPartitionReassignmentsRequest) *wire.ListPartitionReassignmentsResponse {
	resp := &wire.ListPartitionReassignmentsResponse{}
	list := func(t *metadata.Topic, numbers []int32) {
		out := wire.ListPartitionReassignmentsResponseOngoingTopicReassignment{Name: t.Name}
		for _, n := range numbers {
			if p := t.Partition(n); p != nil && p.Reassigning() {
				out.Partitions = append(out.Partitions, wire.ListPartitionReassignmentsResponseOngoingPartitionReassignment{
					PartitionIndex: n, Replicas: metadata.Int32s(p.Replicas),
					AddingReplicas: metadata.Int32s(p.Adding()), RemovingReplicas: metadata.Int32s(p.Removing()),
				})
			}
		}
		if len(out.Partitions) > 0 {
			resp.Topics = append(resp.Topics, out)
		}
	}
	if req.Topics == nil {
		for t := range img.Topics.All() {
			var numbers []int32
			for n, p := range t.Partitions {
				if p.Reassigning() {
					numbers = append(numbers, int32(n))
				}
			}
			list(t, numbers)
		}
		return resp
	}
	for _, t := range req.Topics {
		if topic := img.Topics.ByName(t.Name); topic != nil {
			list(topic, t.PartitionIndexes)
		}
	}
	return resp
}
