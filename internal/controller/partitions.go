package controller

import (
	"fmt"
	"math"
	"slices"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// createPartitions decides CreatePartitions. Source:
// ControllerApis.createPartitions, ReplicationControlManager.createPartitions.
func (s *state) createPartitions(ctx *Request, req *wire.CreatePartitionsRequest) (result, error) {
	type answer = wire.CreatePartitionsResponseCreatePartitionsTopicResult
	resp := &wire.CreatePartitionsResponse{}
	count := map[string]int{}
	for _, t := range req.Topics {
		count[t.Name]++
	}
	if err := s.checkAdditional(req, count); err != nil {
		return result{}, err
	}
	var records []metadata.Record
	var done []answer
	for i := range req.Topics {
		t := &req.Topics[i]
		switch {
		case count[t.Name] < 0:
		case count[t.Name] > 1:
			count[t.Name] = -1
			resp.Results = append(resp.Results, answer{Name: t.Name, ErrorCode: kerr.InvalidRequest, ErrorMessage: ptr("Duplicate topic name.")})
		case !ctx.allowed(OpAlter, KindTopic, t.Name):
			resp.Results = append(resp.Results, answer{Name: t.Name, ErrorCode: kerr.TopicAuthorizationFailed})
		default:
			recs, err := s.addPartitions(t)
			records = append(records, recs...)
			e := failOf(err)
			done = append(done, answer{Name: t.Name, ErrorCode: e.code, ErrorMessage: e.msg})
		}
		if err := tooMany(records); err != nil {
			return result{}, err
		}
	}
	resp.Results = append(resp.Results, done...)
	if req.ValidateOnly {
		return result{resp: resp}, nil
	}
	return result{records: records, resp: resp}, nil
}

// checkAdditional refuses a request for too many partitions at once.
func (s *state) checkAdditional(req *wire.CreatePartitionsRequest, count map[string]int) error {
	total := 0
	for i := range req.Topics {
		t := &req.Topics[i]
		if topic := s.tip.Topics.ByName(t.Name); topic != nil && count[t.Name] == 1 {
			total += max(0, int(t.Count)-len(topic.Partitions))
		}
	}
	if total > maxPartitionsPerRequest {
		return kerr.PolicyViolation.With("Excessively large number of additional partitions per request.")
	}
	return nil
}

func (s *state) addPartitions(t *wire.CreatePartitionsRequestCreatePartitionsTopic) ([]metadata.Record, error) {
	topic := s.tip.Topics.ByName(t.Name)
	if topic == nil {
		return nil, kerr.UnknownTopicOrPartition
	}
	have := len(topic.Partitions)
	add := int(t.Count) - have
	switch {
	case add == 0:
		return nil, kerr.InvalidPartitions.With(fmt.Sprintf("Topic already has %d partition(s).", have))
	case add < 0:
		return nil, kerr.InvalidPartitions.With(fmt.Sprintf("The topic %s currently has %d partition(s); %d would not be an increase.", t.Name, have, t.Count))
	case t.Assignments != nil && len(t.Assignments) != add:
		return nil, kerr.InvalidReplicaAssignment.With(fmt.Sprintf("Attempted to add %d additional partition(s), but only %d assignment(s) were specified.", add, len(t.Assignments)))
	case have == 0:
		return nil, kerr.UnknownServerError.With("Invalid state: topic " + t.Name + " appears to have no partitions.")
	}
	rf := len(topic.Partitions[0].Replicas)
	if rf > math.MaxInt16 {
		return nil, kerr.UnknownServerError.With(fmt.Sprintf("Invalid replication factor %d: expected a number equal to less than %d", rf, math.MaxInt16))
	}
	var p *placer
	if t.Assignments == nil {
		p = newPlacer(s)
		if err := p.check(rf); err != nil {
			return nil, err
		}
	}
	var recs []metadata.Record
	for i := range add {
		part, err := s.addPartition(t, p, have, i, rf)
		if err != nil {
			return nil, err
		}
		recs = append(recs, metadata.Record{Msg: part.Record(topic.ID, int32(have+i), s.version(), false), Version: s.version().Partition()})
	}
	return recs, nil
}

// addPartition is the i-th new partition, placed by p or as the request says.
func (s *state) addPartition(t *wire.CreatePartitionsRequestCreatePartitionsTopic, p *placer, have, i, rf int) (*metadata.Partition, error) {
	if p != nil {
		replicas := p.place(rf)
		isr := s.activeOnly(replicas)
		if len(isr) == 0 {
			return nil, kerr.InvalidReplicationFactor.With(fmt.Sprintf("Unable to replicate the partition %d time(s): All brokers are currently fenced or in controlled shutdown.", rf))
		}
		return s.newPartition(replicas, isr), nil
	}
	replicas := metadata.BrokerIDs(t.Assignments[i].BrokerIds)
	if err := s.checkAssignment(replicas, rf); err != nil {
		return nil, err
	}
	isr := s.activeOnly(replicas)
	if len(isr) == 0 {
		return nil, kerr.InvalidReplicaAssignment.With(fmt.Sprintf("All brokers specified in the manual partition assignment for partition %d are fenced or in controlled shutdown.", have+i))
	}
	return s.newPartition(replicas, isr), nil
}

// checkAssignment checks replicas that a user chose; rf is -1 if any number
// will do.
func (s *state) checkAssignment(replicas []model.BrokerID, rf int) error {
	if len(replicas) == 0 {
		return kerr.InvalidReplicaAssignment.With("The manual partition assignment includes an empty replica list.")
	}
	sorted := slices.Clone(replicas)
	slices.Sort(sorted)
	for i, id := range sorted {
		b := s.tip.Cluster.Broker(id)
		if b == nil {
			return kerr.InvalidReplicaAssignment.With(fmt.Sprintf("The manual partition assignment includes broker %d, but no such broker is registered.", id))
		}
		if !b.Roomy() {
			return kerr.InvalidReplicaAssignment.With(fmt.Sprintf("The manual partition assignment includes broker %d, but all its log directories are cordoned.", id))
		}
		if i > 0 && sorted[i-1] == id {
			return kerr.InvalidReplicaAssignment.With(fmt.Sprintf("The manual partition assignment includes the broker %d more than once.", id))
		}
	}
	if rf >= 0 && len(replicas) != rf {
		return kerr.InvalidReplicaAssignment.With(fmt.Sprintf("The manual partition assignment includes a partition with %d replica(s), but this is not consistent with previous partitions, which have %d replica(s).", len(replicas), rf))
	}
	return nil
}
