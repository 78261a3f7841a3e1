package metalog

import (
	"strings"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/wire"
)

// This file and convert_out.go translate between the wire's messages, which
// could carry many partitions, and the core's, which know of one.

func endpoint(listener, host string, port uint16) raft.Endpoint {
	return raft.Endpoint{Listener: strings.ToUpper(listener), Address: raft.Address{Host: host, Port: port}}
}

// requestIn is the core's form of a request from the wire; nil if it is not
// for this log's partition.
func requestIn(m wire.Message) raft.Request {
	switch m := m.(type) {
	case *wire.VoteRequest:
		return voteIn(m)
	case *wire.BeginQuorumEpochRequest:
		return beginIn(m)
	case *wire.EndQuorumEpochRequest:
		return endIn(m)
	case *wire.FetchRequest:
		return fetchIn(m)
	case *wire.FetchSnapshotRequest:
		return fetchSnapshotIn(m)
	case *wire.DescribeQuorumRequest:
		if len(m.Topics) == 1 && m.Topics[0].TopicName == Topic && len(m.Topics[0].Partitions) == 1 && m.Topics[0].Partitions[0].PartitionIndex == 0 {
			return &raft.DescribeRequest{}
		}
	case *wire.AddRaftVoterRequest:
		r := &raft.AddVoterRequest{
			ClusterID: m.ClusterId, Timeout: model.Millis(m.TimeoutMs), AckWhenCommitted: m.AckWhenCommitted,
			Voter: raft.Key{ID: model.BrokerID(m.VoterId), Dir: m.VoterDirectoryId},
		}
		for _, l := range m.Listeners {
			r.Endpoints = append(r.Endpoints, endpoint(l.Name, l.Host, l.Port))
		}
		return r
	case *wire.RemoveRaftVoterRequest:
		return &raft.RemoveVoterRequest{ClusterID: m.ClusterId, Voter: raft.Key{ID: model.BrokerID(m.VoterId), Dir: m.VoterDirectoryId}}
	case *wire.UpdateRaftVoterRequest:
		r := &raft.UpdateVoterRequest{ClusterID: m.ClusterId, Epoch: model.LeaderEpoch(m.CurrentLeaderEpoch)}
		r.Voter.Key = raft.Key{ID: model.BrokerID(m.VoterId), Dir: m.VoterDirectoryId}
		r.Voter.Versions = raft.VersionRange{Min: m.KRaftVersionFeature.MinSupportedVersion, Max: m.KRaftVersionFeature.MaxSupportedVersion}
		for _, l := range m.Listeners {
			r.Voter.Endpoints = append(r.Voter.Endpoints, endpoint(l.Name, l.Host, l.Port))
		}
		return r
	}
	return nil
}

func voteIn(m *wire.VoteRequest) raft.Request {
	if len(m.Topics) != 1 || m.Topics[0].TopicName != Topic || len(m.Topics[0].Partitions) != 1 || m.Topics[0].Partitions[0].PartitionIndex != 0 {
		return nil
	}
	p := m.Topics[0].Partitions[0]
	return &raft.VoteRequest{
		ClusterID: m.ClusterId, Epoch: model.LeaderEpoch(p.ReplicaEpoch), PreVote: p.PreVote,
		Candidate: raft.Key{ID: model.BrokerID(p.ReplicaId), Dir: p.ReplicaDirectoryId},
		Voter:     raft.Key{ID: model.BrokerID(m.VoterId), Dir: p.VoterDirectoryId},
		Last:      raft.ID{Offset: model.Offset(p.LastOffset), Epoch: model.LeaderEpoch(p.LastOffsetEpoch)},
	}
}

func beginIn(m *wire.BeginQuorumEpochRequest) raft.Request {
	if len(m.Topics) != 1 || m.Topics[0].TopicName != Topic || len(m.Topics[0].Partitions) != 1 || m.Topics[0].Partitions[0].PartitionIndex != 0 {
		return nil
	}
	p := m.Topics[0].Partitions[0]
	r := &raft.BeginRequest{
		ClusterID: m.ClusterId, Epoch: model.LeaderEpoch(p.LeaderEpoch), Leader: model.BrokerID(p.LeaderId),
		Voter: raft.Key{ID: model.BrokerID(m.VoterId), Dir: p.VoterDirectoryId},
	}
	for _, e := range m.LeaderEndpoints {
		r.Endpoints = append(r.Endpoints, endpoint(e.Name, e.Host, e.Port))
	}
	return r
}

func endIn(m *wire.EndQuorumEpochRequest) raft.Request {
	if len(m.Topics) != 1 || m.Topics[0].TopicName != Topic || len(m.Topics[0].Partitions) != 1 || m.Topics[0].Partitions[0].PartitionIndex != 0 {
		return nil
	}
	p := m.Topics[0].Partitions[0]
	r := &raft.EndRequest{ClusterID: m.ClusterId, Epoch: model.LeaderEpoch(p.LeaderEpoch), Leader: model.BrokerID(p.LeaderId)}
	for _, c := range p.PreferredCandidates {
		r.Preferred = append(r.Preferred, raft.Key{ID: model.BrokerID(c.CandidateId), Dir: c.CandidateDirectoryId})
	}
	if len(r.Preferred) == 0 { // version 0 knows ids only
		for _, id := range p.PreferredSuccessors {
			r.Preferred = append(r.Preferred, raft.Key{ID: model.BrokerID(id)})
		}
	}
	for _, e := range m.LeaderEndpoints {
		r.Endpoints = append(r.Endpoints, endpoint(e.Name, e.Host, e.Port))
	}
	return r
}

func fetchIn(m *wire.FetchRequest) raft.Request {
	if len(m.Topics) != 1 || m.Topics[0].TopicId != TopicID && m.Topics[0].Topic != Topic || len(m.Topics[0].Partitions) != 1 || m.Topics[0].Partitions[0].Partition != 0 {
		return nil
	}
	p := m.Topics[0].Partitions[0]
	id := m.ReplicaState.ReplicaId
	if id < 0 {
		id = m.ReplicaId // before version 15
	}
	return &raft.FetchRequest{
		ClusterID: m.ClusterId, Replica: raft.Key{ID: model.BrokerID(id), Dir: p.ReplicaDirectoryId},
		Epoch: model.LeaderEpoch(p.CurrentLeaderEpoch), Offset: model.Offset(p.FetchOffset),
		LastEpoch: model.LeaderEpoch(p.LastFetchedEpoch), HighWatermark: model.Offset(p.HighWatermark),
		MaxWait: model.Millis(m.MaxWaitMs), MaxBytes: m.MaxBytes,
	}
}

func fetchSnapshotIn(m *wire.FetchSnapshotRequest) raft.Request {
	if len(m.Topics) != 1 || m.Topics[0].Name != Topic || len(m.Topics[0].Partitions) != 1 || m.Topics[0].Partitions[0].Partition != 0 {
		return nil
	}
	p := m.Topics[0].Partitions[0]
	return &raft.FetchSnapshotRequest{
		ClusterID: m.ClusterId, Replica: raft.Key{ID: model.BrokerID(m.ReplicaId), Dir: p.ReplicaDirectoryId},
		Epoch: model.LeaderEpoch(p.CurrentLeaderEpoch), Position: p.Position, MaxBytes: m.MaxBytes,
		Snapshot: raft.ID{Offset: model.Offset(p.SnapshotId.EndOffset), Epoch: model.LeaderEpoch(p.SnapshotId.Epoch)},
	}
}

// leaderIn is what a response says about the leader; host is empty if it gives
// no address.
func (c *codec) leaderIn(id, epoch int32, host string, port uint16) raft.Leader {
	l := raft.Leader{ID: model.BrokerID(id), Epoch: model.LeaderEpoch(epoch)}
	if id < 0 {
		l.ID = model.NoBroker
	} else if host != "" {
		l.Endpoints = raft.Endpoints{endpoint(c.listener, host, port)}
	}
	return l
}

// codec knows what is the same in all messages of this node.
type codec struct{ listener string }

// unusable stands for a response that is not about this log's partition.
var unusable = &raft.Failed{Code: kerr.UnknownServerError}

// responseIn is the core's form of a response.
func (c *codec) responseIn(m wire.Message) raft.Message {
	switch m := m.(type) {
	case *wire.VoteResponse:
		r := &raft.VoteResponse{Top: m.ErrorCode}
		if m.ErrorCode != kerr.None {
			return r
		}
		if len(m.Topics) != 1 || m.Topics[0].TopicName != Topic || len(m.Topics[0].Partitions) != 1 {
			return unusable
		}
		p := m.Topics[0].Partitions[0]
		r.Code, r.Granted = p.ErrorCode, p.VoteGranted
		host, port := findVote(m.NodeEndpoints, p.LeaderId)
		r.Leader = c.leaderIn(p.LeaderId, p.LeaderEpoch, host, port)
		return r
	case *wire.BeginQuorumEpochResponse:
		r := &raft.BeginResponse{Top: m.ErrorCode}
		if m.ErrorCode != kerr.None {
			return r
		}
		if len(m.Topics) != 1 || m.Topics[0].TopicName != Topic || len(m.Topics[0].Partitions) != 1 {
			return unusable
		}
		p := m.Topics[0].Partitions[0]
		r.Code = p.ErrorCode
		var host string
		var port uint16
		for _, e := range m.NodeEndpoints {
			if e.NodeId == p.LeaderId {
				host, port = e.Host, e.Port
			}
		}
		r.Leader = c.leaderIn(p.LeaderId, p.LeaderEpoch, host, port)
		return r
	case *wire.EndQuorumEpochResponse:
		r := &raft.EndResponse{Top: m.ErrorCode}
		if m.ErrorCode != kerr.None {
			return r
		}
		if len(m.Topics) != 1 || m.Topics[0].TopicName != Topic || len(m.Topics[0].Partitions) != 1 {
			return unusable
		}
		p := m.Topics[0].Partitions[0]
		r.Code = p.ErrorCode
		var host string
		var port uint16
		for _, e := range m.NodeEndpoints {
			if e.NodeId == p.LeaderId {
				host, port = e.Host, e.Port
			}
		}
		r.Leader = c.leaderIn(p.LeaderId, p.LeaderEpoch, host, port)
		return r
	case *wire.FetchSnapshotResponse:
		return c.fetchSnapshotResponseIn(m)
	case *wire.AddRaftVoterResponse:
		return &raft.AddVoterResponse{Code: m.ErrorCode, Msg: text(m.ErrorMessage)}
	case *wire.RemoveRaftVoterResponse:
		return &raft.RemoveVoterResponse{Code: m.ErrorCode, Msg: text(m.ErrorMessage)}
	case *wire.UpdateRaftVoterResponse:
		l := m.CurrentLeader
		return &raft.UpdateVoterResponse{Code: m.ErrorCode, Leader: c.leaderIn(l.LeaderId, l.LeaderEpoch, l.Host, uint16(l.Port))}
	case *wire.ApiVersionsResponse:
		r := &raft.VersionsResponse{Code: m.ErrorCode}
		for _, f := range m.SupportedFeatures {
			if f.Name == "kraft.version" {
				r.Versions = &raft.VersionRange{Min: f.MinVersion, Max: f.MaxVersion}
			}
		}
		return r
	}
	return unusable
}

func findVote(es []wire.VoteResponseNodeEndpoint, id int32) (string, uint16) {
	for _, e := range es {
		if e.NodeId == id {
			return e.Host, e.Port
		}
	}
	return "", 0
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// fetchResponseIn needs to know where the log ends to check the records.
func (c *codec) fetchResponseIn(m *wire.FetchResponse, end model.Offset, lastEpoch model.LeaderEpoch, from string) (raft.Message, error) {
	r := &raft.FetchResponse{Top: m.ErrorCode}
	if m.ErrorCode != kerr.None {
		return r, nil
	}
	if len(m.Responses) != 1 || m.Responses[0].TopicId != TopicID && m.Responses[0].Topic != Topic ||
		len(m.Responses[0].Partitions) != 1 || m.Responses[0].Partitions[0].PartitionIndex != 0 {
		return unusable, nil
	}
	p := m.Responses[0].Partitions[0]
	r.Code, r.LogStart, r.HighWatermark = p.ErrorCode, model.Offset(p.LogStartOffset), model.Offset(p.HighWatermark)
	var host string
	var port uint16
	for _, e := range m.NodeEndpoints {
		if e.NodeId == p.CurrentLeader.LeaderId {
			host, port = e.Host, uint16(e.Port)
		}
	}
	r.Leader = c.leaderIn(p.CurrentLeader.LeaderId, p.CurrentLeader.LeaderEpoch, host, port)
	if p.DivergingEpoch.Epoch >= 0 {
		r.Diverging = &raft.ID{Offset: model.Offset(p.DivergingEpoch.EndOffset), Epoch: model.LeaderEpoch(p.DivergingEpoch.Epoch)}
	}
	if p.SnapshotId.Epoch >= 0 || p.SnapshotId.EndOffset >= 0 {
		r.Snapshot = &raft.ID{Offset: model.Offset(p.SnapshotId.EndOffset), Epoch: model.LeaderEpoch(p.SnapshotId.Epoch)}
	}
	if p.ErrorCode != kerr.None || r.Diverging != nil || r.Snapshot != nil || len(p.Records.Bytes) == 0 {
		return r, nil
	}
	s, err := scanBatches(p.Records.Bytes, end, lastEpoch, from)
	if len(s.units) > 0 {
		r.Records = raft.Records{Bytes: p.Records.Bytes[:size(s.units)], Base: end, Last: s.last, Epochs: s.epochs, Controls: s.controls}
	}
	return r, err
}

func size(units [][]byte) (n int) {
	for _, u := range units {
		n += len(u)
	}
	return n
}

func (c *codec) fetchSnapshotResponseIn(m *wire.FetchSnapshotResponse) raft.Message {
	r := &raft.FetchSnapshotResponse{Top: m.ErrorCode}
	if m.ErrorCode != kerr.None {
		return r
	}
	if len(m.Topics) != 1 || m.Topics[0].Name != Topic || len(m.Topics[0].Partitions) != 1 || m.Topics[0].Partitions[0].Index != 0 {
		return unusable
	}
	p := m.Topics[0].Partitions[0]
	r.Code, r.Size, r.Position = p.ErrorCode, p.Size, p.Position
	r.Snapshot = raft.ID{Offset: model.Offset(p.SnapshotId.EndOffset), Epoch: model.LeaderEpoch(p.SnapshotId.Epoch)}
	r.Bytes = p.UnalignedRecords.Bytes
	var host string
	var port uint16
	for _, e := range m.NodeEndpoints {
		if e.NodeId == p.CurrentLeader.LeaderId {
			host, port = e.Host, e.Port
		}
	}
	r.Leader = c.leaderIn(p.CurrentLeader.LeaderId, p.CurrentLeader.LeaderEpoch, host, port)
	return r
}
