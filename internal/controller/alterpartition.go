package controller

import (
	"slices"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// alterPartition decides AlterPartition, by which leaders change their ISR.
// Source: ReplicationControlManager.alterPartition; KIP-497, KIP-841, KIP-903.
func (s *state) alterPartition(_ *Request, req *wire.AlterPartitionRequest, version int16) (result, error) {
	if len(req.Topics) == 0 {
		return result{resp: &wire.AlterPartitionResponse{}}, nil
	}
	if err := s.checkEpoch(req.BrokerId, req.BrokerEpoch); err != nil {
		return result{}, err
	}
	resp := &wire.AlterPartitionResponse{}
	var recs []metadata.Record
	for i := range req.Topics {
		rt := &req.Topics[i]
		out := wire.AlterPartitionResponseTopicData{TopicId: rt.TopicId, TopicName: rt.TopicName}
		topic := s.tip.Topics.ByID(rt.TopicId)
		for j := range rt.Partitions {
			rp := &rt.Partitions[j]
			if topic == nil {
				out.Partitions = append(out.Partitions, wire.AlterPartitionResponsePartitionData{PartitionIndex: rp.PartitionIndex, ErrorCode: kerr.UnknownTopicId})
				continue
			}
			if version < 3 {
				rp.NewIsrWithEpochs = nil
				for _, id := range rp.NewIsr {
					rp.NewIsrWithEpochs = append(rp.NewIsrWithEpochs, wire.AlterPartitionRequestBrokerState{BrokerId: id, BrokerEpoch: -1})
				}
			}
			part, r, changed := s.alterOne(model.BrokerID(req.BrokerId), topic, rp)
			if changed {
				recs = append(recs, r)
			}
			out.Partitions = append(out.Partitions, part)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return result{records: recs, resp: resp, split: true}, nil
}

func (s *state) alterOne(from model.BrokerID, t *metadata.Topic, rp *wire.AlterPartitionRequestPartitionData) (out wire.AlterPartitionResponsePartitionData, r metadata.Record, changed bool) {
	out.PartitionIndex = rp.PartitionIndex
	if out.ErrorCode = s.checkAlter(from, t, rp); out.ErrorCode != kerr.None {
		return out, r, false
	}
	c := s.change(t, rp.PartitionIndex, s.active)
	if s.unclean(t.Name) {
		c.election = unclean
	}
	c.isr = isrIDs(rp)
	c.recovery = metadata.RecoveryState(rp.LeaderRecoveryState)
	p := t.Partitions[rp.PartitionIndex]
	r, changed = c.build()
	if changed {
		m := r.Msg.(*changeRecord)
		next, err := p.Merge(m)
		if err != nil {
			out.ErrorCode = kerr.UnknownServerError
			return out, r, false
		}
		p = next
		if m.Leader != int32(from) && m.Leader != int32(metadata.NoLeaderChange) {
			// The change completed a reassignment that took the leader away.
			out.ErrorCode = kerr.NewLeaderElected
			return out, r, true
		}
	}
	out.LeaderId, out.LeaderEpoch, out.PartitionEpoch = int32(p.Leader), int32(p.LeaderEpoch), p.PartitionEpoch
	out.Isr, out.LeaderRecoveryState = metadata.Int32s(p.ISR), int8(p.Recovery)
	return out, r, changed
}

type changeRecord = wire.PartitionChangeRecord

func isrIDs(rp *wire.AlterPartitionRequestPartitionData) []model.BrokerID {
	out := make([]model.BrokerID, len(rp.NewIsrWithEpochs))
	for i, b := range rp.NewIsrWithEpochs {
		out[i] = model.BrokerID(b.BrokerId)
	}
	return out
}

// checkAlter is what is wrong with a proposed ISR. A leader that is ahead of
// this controller talks to a controller that was deposed.
func (s *state) checkAlter(from model.BrokerID, t *metadata.Topic, rp *wire.AlterPartitionRequestPartitionData) kerr.Code {
	p := t.Partition(rp.PartitionIndex)
	if p == nil {
		return kerr.UnknownTopicOrPartition
	}
	isr := isrIDs(rp)
	recovery := metadata.RecoveryState(rp.LeaderRecoveryState)
	switch {
	case rp.LeaderEpoch > int32(p.LeaderEpoch), rp.PartitionEpoch > p.PartitionEpoch:
		return kerr.NotController
	case rp.LeaderEpoch < int32(p.LeaderEpoch):
		return kerr.FencedLeaderEpoch
	case from != p.Leader:
		return kerr.InvalidRequest
	case rp.PartitionEpoch < p.PartitionEpoch:
		return kerr.InvalidUpdateVersion
	case !validISR(p.Replicas, isr), !slices.Contains(isr, p.Leader):
		return kerr.InvalidRequest
	case recovery != metadata.Recovered && recovery != metadata.Recovering:
		return kerr.InvalidRequest
	case recovery == metadata.Recovering && (len(isr) > 1 || p.Recovery == metadata.Recovered):
		return kerr.InvalidRequest
	}
	for _, b := range rp.NewIsrWithEpochs {
		r := s.tip.Cluster.Broker(model.BrokerID(b.BrokerId))
		if r == nil || !r.Active() || b.BrokerEpoch != -1 && b.BrokerEpoch != int64(r.Epoch) {
			return kerr.IneligibleReplica
		}
	}
	return kerr.None
}

// validISR reports whether an ISR holds replicas only, each once, and any.
func validISR(replicas, isr []model.BrokerID) bool {
	for i, id := range isr {
		if !slices.Contains(replicas, id) || slices.Contains(isr[:i], id) {
			return false
		}
	}
	return len(isr) > 0
}
