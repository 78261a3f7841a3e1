package metalog

import (
	"gregor/internal/kerr"
	"gregor/internal/raft"
	"gregor/internal/wire"
)

// requestOut is the wire's form of a request of the core.
func requestOut(r raft.Request) wire.Message {
	switch r := r.(type) {
	case *raft.VoteRequest:
		m := wire.NewVoteRequest()
		m.ClusterId, m.VoterId = r.ClusterID, int32(r.Voter.ID)
		m.Topics = []wire.VoteRequestTopicData{{TopicName: Topic, Partitions: []wire.VoteRequestPartitionData{{
			ReplicaEpoch: int32(r.Epoch), ReplicaId: int32(r.Candidate.ID), ReplicaDirectoryId: r.Candidate.Dir,
			VoterDirectoryId: r.Voter.Dir, LastOffsetEpoch: int32(r.Last.Epoch), LastOffset: int64(r.Last.Offset), PreVote: r.PreVote,
		}}}}
		return m
	case *raft.BeginRequest:
		m := wire.NewBeginQuorumEpochRequest()
		m.ClusterId, m.VoterId = r.ClusterID, int32(r.Voter.ID)
		m.Topics = []wire.BeginQuorumEpochRequestTopicData{{TopicName: Topic, Partitions: []wire.BeginQuorumEpochRequestPartitionData{{
			VoterDirectoryId: r.Voter.Dir, LeaderId: int32(r.Leader), LeaderEpoch: int32(r.Epoch),
		}}}}
		for _, e := range r.Endpoints {
			m.LeaderEndpoints = append(m.LeaderEndpoints, wire.BeginQuorumEpochRequestLeaderEndpoint{Name: e.Listener, Host: e.Host, Port: e.Port})
		}
		return m
	case *raft.EndRequest:
		return endOut(r)
	case *raft.FetchRequest:
		return fetchOut(r)
	case *raft.FetchSnapshotRequest:
		m := wire.NewFetchSnapshotRequest()
		m.ClusterId, m.ReplicaId, m.MaxBytes = r.ClusterID, int32(r.Replica.ID), r.MaxBytes
		m.Topics = []wire.FetchSnapshotRequestTopicSnapshot{{Name: Topic, Partitions: []wire.FetchSnapshotRequestPartitionSnapshot{{
			CurrentLeaderEpoch: int32(r.Epoch), Position: r.Position, ReplicaDirectoryId: r.Replica.Dir,
			SnapshotId: wire.FetchSnapshotRequestSnapshotId{EndOffset: int64(r.Snapshot.Offset), Epoch: int32(r.Snapshot.Epoch)},
		}}}}
		return m
	case *raft.AddVoterRequest:
		m := wire.NewAddRaftVoterRequest()
		m.ClusterId, m.TimeoutMs, m.AckWhenCommitted = r.ClusterID, int32(r.Timeout), r.AckWhenCommitted
		m.VoterId, m.VoterDirectoryId = int32(r.Voter.ID), r.Voter.Dir
		for _, e := range r.Endpoints {
			m.Listeners = append(m.Listeners, wire.AddRaftVoterRequestListener{Name: e.Listener, Host: e.Host, Port: e.Port})
		}
		return m
	case *raft.RemoveVoterRequest:
		m := wire.NewRemoveRaftVoterRequest()
		m.ClusterId, m.VoterId, m.VoterDirectoryId = r.ClusterID, int32(r.Voter.ID), r.Voter.Dir
		return m
	case *raft.UpdateVoterRequest:
		m := wire.NewUpdateRaftVoterRequest()
		m.ClusterId, m.CurrentLeaderEpoch = r.ClusterID, int32(r.Epoch)
		m.VoterId, m.VoterDirectoryId = int32(r.Voter.ID), r.Voter.Dir
		m.KRaftVersionFeature.MinSupportedVersion, m.KRaftVersionFeature.MaxSupportedVersion = r.Voter.Versions.Min, r.Voter.Versions.Max
		for _, e := range r.Voter.Endpoints {
			m.Listeners = append(m.Listeners, wire.UpdateRaftVoterRequestListener{Name: e.Listener, Host: e.Host, Port: e.Port})
		}
		return m
	}
	m := wire.NewApiVersionsRequest() // raft.VersionsRequest
	m.ClientSoftwareName, m.ClientSoftwareVersion = "gregor", "dev"
	return m
}

func endOut(r *raft.EndRequest) wire.Message {
	p := wire.EndQuorumEpochRequestPartitionData{LeaderId: int32(r.Leader), LeaderEpoch: int32(r.Epoch)}
	for _, k := range r.Preferred {
		p.PreferredSuccessors = append(p.PreferredSuccessors, int32(k.ID))
		p.PreferredCandidates = append(p.PreferredCandidates, wire.EndQuorumEpochRequestReplicaInfo{CandidateId: int32(k.ID), CandidateDirectoryId: k.Dir})
	}
	m := wire.NewEndQuorumEpochRequest()
	m.ClusterId = r.ClusterID
	m.Topics = []wire.EndQuorumEpochRequestTopicData{{TopicName: Topic, Partitions: []wire.EndQuorumEpochRequestPartitionData{p}}}
	for _, e := range r.Endpoints {
		m.LeaderEndpoints = append(m.LeaderEndpoints, wire.EndQuorumEpochRequestLeaderEndpoint{Name: e.Listener, Host: e.Host, Port: e.Port})
	}
	return m
}

func fetchOut(r *raft.FetchRequest) wire.Message {
	m := wire.NewFetchRequest()
	m.ClusterId, m.MaxBytes, m.MaxWaitMs = r.ClusterID, r.MaxBytes, int32(r.MaxWait)
	m.ReplicaState.ReplicaId = int32(r.Replica.ID)
	p := wire.NewFetchRequestFetchPartition()
	p.CurrentLeaderEpoch, p.LastFetchedEpoch = int32(r.Epoch), int32(r.LastEpoch)
	p.FetchOffset, p.HighWatermark, p.ReplicaDirectoryId = int64(r.Offset), int64(r.HighWatermark), r.Replica.Dir
	m.Topics = []wire.FetchRequestFetchTopic{{Topic: Topic, TopicId: TopicID, Partitions: []wire.FetchRequestFetchPartition{*p}}}
	return fetchRequest{m}
}

// fetchRequest is a FetchRequest whose version is not known yet: 15 moved the
// replica's id.
type fetchRequest struct{ *wire.FetchRequest }

// AtVersion is the request in the form of a version (peer.Versioned).
func (f fetchRequest) AtVersion(version int16) wire.Message {
	m := *f.FetchRequest
	if version < 15 {
		m.ReplicaId = m.ReplicaState.ReplicaId
		m.ReplicaState = *wire.NewFetchRequestReplicaState()
	}
	return &m
}

// asker is who asked, as far as the form of the answer depends on it.
type asker struct {
	key      int16
	version  int16
	listener string
}

// leaderAddress is the leader's address on the listener the question came by.
func (a asker) leaderAddress(l raft.Leader) (raft.Address, bool) {
	if l.ID < 0 {
		return raft.Address{}, false
	}
	return l.Endpoints.Address(a.listener)
}

// responseOut is the wire's form of an answer of the core.
func (a asker) responseOut(r raft.Message) wire.Message {
	switch r := r.(type) {
	case *raft.VoteResponse:
		m := wire.NewVoteResponse()
		m.ErrorCode = r.Top
		if r.Top != kerr.None {
			return m
		}
		m.Topics = []wire.VoteResponseTopicData{{TopicName: Topic, Partitions: []wire.VoteResponsePartitionData{{
			ErrorCode: r.Code, LeaderId: int32(r.Leader.ID), LeaderEpoch: int32(r.Leader.Epoch), VoteGranted: r.Granted,
		}}}}
		if to, ok := a.leaderAddress(r.Leader); ok && a.version >= 1 {
			m.NodeEndpoints = []wire.VoteResponseNodeEndpoint{{NodeId: int32(r.Leader.ID), Host: to.Host, Port: to.Port}}
		}
		return m
	case *raft.BeginResponse:
		m := wire.NewBeginQuorumEpochResponse()
		m.ErrorCode = r.Top
		if r.Top != kerr.None {
			return m
		}
		m.Topics = []wire.BeginQuorumEpochResponseTopicData{{TopicName: Topic, Partitions: []wire.BeginQuorumEpochResponsePartitionData{{
			ErrorCode: r.Code, LeaderId: int32(r.Leader.ID), LeaderEpoch: int32(r.Leader.Epoch),
		}}}}
		if to, ok := a.leaderAddress(r.Leader); ok && a.version >= 1 {
			m.NodeEndpoints = []wire.BeginQuorumEpochResponseNodeEndpoint{{NodeId: int32(r.Leader.ID), Host: to.Host, Port: to.Port}}
		}
		return m
	case *raft.EndResponse:
		m := wire.NewEndQuorumEpochResponse()
		m.ErrorCode = r.Top
		if r.Top != kerr.None {
			return m
		}
		m.Topics = []wire.EndQuorumEpochResponseTopicData{{TopicName: Topic, Partitions: []wire.EndQuorumEpochResponsePartitionData{{
			ErrorCode: r.Code, LeaderId: int32(r.Leader.ID), LeaderEpoch: int32(r.Leader.Epoch),
		}}}}
		if to, ok := a.leaderAddress(r.Leader); ok && a.version >= 1 {
			m.NodeEndpoints = []wire.EndQuorumEpochResponseNodeEndpoint{{NodeId: int32(r.Leader.ID), Host: to.Host, Port: to.Port}}
		}
		return m
	case *raft.FetchResponse:
		return a.fetchOut(r)
	case *raft.FetchSnapshotResponse:
		return a.fetchSnapshotOut(r)
	case *raft.DescribeResponse:
		return a.describeOut(r)
	case *raft.AddVoterResponse:
		m := wire.NewAddRaftVoterResponse()
		m.ErrorCode, m.ErrorMessage = r.Code, message(r.Code, r.Msg)
		return m
	case *raft.RemoveVoterResponse:
		m := wire.NewRemoveRaftVoterResponse()
		m.ErrorCode, m.ErrorMessage = r.Code, message(r.Code, r.Msg)
		return m
	case *raft.UpdateVoterResponse:
		m := wire.NewUpdateRaftVoterResponse()
		m.ErrorCode = r.Code
		m.CurrentLeader.LeaderId, m.CurrentLeader.LeaderEpoch = int32(r.Leader.ID), int32(r.Leader.Epoch)
		if to, ok := a.leaderAddress(r.Leader); ok {
			m.CurrentLeader.Host, m.CurrentLeader.Port = to.Host, int32(to.Port)
		}
		return m
	case *raft.Failed:
		return errorResponse(a.key, r.Code)
	}
	return errorResponse(a.key, kerr.UnknownServerError)
}

func message(c kerr.Code, msg string) *string {
	if c == kerr.None || msg == "" {
		return nil
	}
	return &msg
}

func (a asker) fetchOut(r *raft.FetchResponse) wire.Message {
	m := wire.NewFetchResponse()
	m.ErrorCode = r.Top
	if r.Top != kerr.None {
		return m
	}
	p := wire.NewFetchResponsePartitionData()
	p.ErrorCode, p.HighWatermark, p.LogStartOffset = r.Code, int64(r.HighWatermark), int64(r.LogStart)
	p.CurrentLeader.LeaderId, p.CurrentLeader.LeaderEpoch = int32(r.Leader.ID), int32(r.Leader.Epoch)
	if r.Diverging != nil {
		p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = int32(r.Diverging.Epoch), int64(r.Diverging.Offset)
	}
	if r.Snapshot != nil {
		p.SnapshotId.Epoch, p.SnapshotId.EndOffset = int32(r.Snapshot.Epoch), int64(r.Snapshot.Offset)
	}
	p.Records.Bytes = r.Records.Bytes
	if p.Records.Bytes == nil {
		p.Records.Bytes = []byte{}
	}
	m.Responses = []wire.FetchResponseFetchableTopicResponse{{Topic: Topic, TopicId: TopicID, Partitions: []wire.FetchResponsePartitionData{*p}}}
	if to, ok := a.leaderAddress(r.Leader); ok && a.version >= 17 {
		m.NodeEndpoints = []wire.FetchResponseNodeEndpoint{{NodeId: int32(r.Leader.ID), Host: to.Host, Port: int32(to.Port)}}
	}
	return m
}

func (a asker) fetchSnapshotOut(r *raft.FetchSnapshotResponse) wire.Message {
	m := wire.NewFetchSnapshotResponse()
	m.ErrorCode = r.Top
	if r.Top != kerr.None {
		return m
	}
	p := wire.FetchSnapshotResponsePartitionSnapshot{ErrorCode: r.Code, Size: r.Size, Position: r.Position}
	p.SnapshotId.EndOffset, p.SnapshotId.Epoch = int64(r.Snapshot.Offset), int32(r.Snapshot.Epoch)
	p.CurrentLeader.LeaderId, p.CurrentLeader.LeaderEpoch = int32(r.Leader.ID), int32(r.Leader.Epoch)
	p.UnalignedRecords.Bytes = r.Bytes
	if p.UnalignedRecords.Bytes == nil {
		p.UnalignedRecords.Bytes = []byte{}
	}
	m.Topics = []wire.FetchSnapshotResponseTopicSnapshot{{Name: Topic, Partitions: []wire.FetchSnapshotResponsePartitionSnapshot{p}}}
	if to, ok := a.leaderAddress(r.Leader); ok && a.version >= 1 {
		m.NodeEndpoints = []wire.FetchSnapshotResponseNodeEndpoint{{NodeId: int32(r.Leader.ID), Host: to.Host, Port: to.Port}}
	}
	return m
}

func (a asker) describeOut(r *raft.DescribeResponse) wire.Message {
	m := wire.NewDescribeQuorumResponse()
	m.ErrorMessage = new(string)
	p := wire.DescribeQuorumResponsePartitionData{ErrorCode: r.Code, ErrorMessage: new(string)}
	if r.Code != kerr.None {
		p.ErrorMessage = message(r.Code, r.Code.Message())
		m.Topics = []wire.DescribeQuorumResponseTopicData{{TopicName: Topic, Partitions: []wire.DescribeQuorumResponsePartitionData{p}}}
		return m
	}
	p.LeaderId, p.LeaderEpoch, p.HighWatermark = int32(r.Leader.ID), int32(r.Leader.Epoch), int64(r.HighWatermark)
	p.CurrentVoters = a.replicas(r.Voters)
	p.Observers = a.replicas(r.Observers)
	m.Topics = []wire.DescribeQuorumResponseTopicData{{TopicName: Topic, Partitions: []wire.DescribeQuorumResponsePartitionData{p}}}
	if a.version < 2 {
		return m
	}
	for _, v := range r.Voters {
		n := wire.DescribeQuorumResponseNode{NodeId: int32(v.ID)}
		for _, e := range v.Endpoints {
			n.Listeners = append(n.Listeners, wire.DescribeQuorumResponseListener{Name: e.Listener, Host: e.Host, Port: e.Port})
		}
		m.Nodes = append(m.Nodes, n)
	}
	return m
}

func (a asker) replicas(in []raft.ReplicaState) []wire.DescribeQuorumResponseReplicaState {
	out := []wire.DescribeQuorumResponseReplicaState{}
	for _, s := range in {
		w := wire.DescribeQuorumResponseReplicaState{
			ReplicaId: int32(s.ID), LogEndOffset: int64(s.End),
			LastFetchTimestamp: int64(s.LastFetch), LastCaughtUpTimestamp: int64(s.LastCaughtUp),
		}
		if a.version >= 2 {
			w.ReplicaDirectoryId = s.Dir
		}
		out = append(out, w)
	}
	return out
}

// errorResponse answers a request that does not reach the core.
func errorResponse(key int16, c kerr.Code) wire.Message {
	m := wire.NewResponse(key)
	switch m := m.(type) {
	case *wire.VoteResponse:
		m.ErrorCode = c
	case *wire.BeginQuorumEpochResponse:
		m.ErrorCode = c
	case *wire.EndQuorumEpochResponse:
		m.ErrorCode = c
	case *wire.FetchResponse:
		m.ErrorCode = c
	case *wire.FetchSnapshotResponse:
		m.ErrorCode = c
	case *wire.DescribeQuorumResponse:
		m.ErrorCode = c
	case *wire.AddRaftVoterResponse:
		m.ErrorCode, m.ErrorMessage = c, message(c, c.Message())
	case *wire.RemoveRaftVoterResponse:
		m.ErrorCode, m.ErrorMessage = c, message(c, c.Message())
	case *wire.UpdateRaftVoterResponse:
		m.ErrorCode = c
	}
	return m
}

// misdirected answers a request that is not about the metadata log's
// partition, as Kafka does for each API.
func misdirected(m wire.Message) wire.Message {
	switch m := m.(type) {
	case *wire.DescribeQuorumRequest:
		return describeMisdirected(m)
	case *wire.FetchSnapshotRequest:
		if len(m.Topics) != 1 || len(m.Topics[0].Partitions) != 1 {
			return errorResponse(wire.KeyFetchSnapshot, kerr.InvalidRequest)
		}
		r := wire.NewFetchSnapshotResponse()
		r.Topics = []wire.FetchSnapshotResponseTopicSnapshot{{Name: m.Topics[0].Name, Partitions: []wire.FetchSnapshotResponsePartitionSnapshot{{
			Index: m.Topics[0].Partitions[0].Partition, ErrorCode: kerr.UnknownTopicOrPartition,
			UnalignedRecords: wire.Records{Bytes: []byte{}},
		}}}}
		return r
	}
	return errorResponse(m.APIKey(), kerr.InvalidRequest)
}

func describeMisdirected(m *wire.DescribeQuorumRequest) wire.Message {
	r := wire.NewDescribeQuorumResponse()
	r.ErrorMessage = new(string)
	for _, t := range m.Topics {
		rt := wire.DescribeQuorumResponseTopicData{TopicName: t.TopicName}
		for _, p := range t.Partitions {
			rt.Partitions = append(rt.Partitions, wire.DescribeQuorumResponsePartitionData{
				PartitionIndex: p.PartitionIndex, ErrorCode: kerr.UnknownTopicOrPartition,
				ErrorMessage: message(kerr.UnknownTopicOrPartition, kerr.UnknownTopicOrPartition.Message()),
			})
		}
		r.Topics = append(r.Topics, rt)
	}
	return r
}
