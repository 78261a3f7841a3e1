package group

import (
	"bytes"

	"gregor/internal/coordinator"
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// refuse is why a request about a group is not even looked at. Requests about
// offsets may name the empty group.
func (s *Service) refuse(group string, emptyToo bool) kerr.Code {
	switch {
	case s.partitions.Load() == 0:
		return kerr.CoordinatorNotAvailable
	case group == "" && !emptyToo:
		return kerr.InvalidGroupId
	}
	return kerr.None
}

// JoinGroup joins or rejoins a member; it may be answered much later.
func (s *Service) JoinGroup(c *Context, req *wire.JoinGroupRequest, reply func(*wire.JoinGroupResponse)) {
	code := s.refuse(req.GroupId, false)
	if t := model.Millis(req.SessionTimeoutMs); code == kerr.None && (t < s.o.Config.MinSessionTimeout || t > s.o.Config.MaxSessionTimeout) {
		code = kerr.InvalidSessionTimeout
	}
	if code != kerr.None {
		reply(&wire.JoinGroupResponse{ErrorCode: code, GenerationId: -1, MemberId: req.MemberId})
		return
	}
	for i := range req.Protocols {
		req.Protocols[i].Metadata = bytes.Clone(req.Protocols[i].Metadata) // the member keeps it
	}
	who := *c
	j := &joining{reply}
	s.rt.Write(s.Partition(req.GroupId), c.Now, func(sh *Shard, out *coordinator.Out) error {
		return sh.joinGroup(&who, req, j, out)
	}, func(err error) {
		if err != nil {
			j.answer(&wire.JoinGroupResponse{ErrorCode: operationError(err), GenerationId: -1})
		}
	})
}

// SyncGroup hands in or fetches assignments; it may be answered much later.
func (s *Service) SyncGroup(c *Context, req *wire.SyncGroupRequest, reply func(*wire.SyncGroupResponse)) {
	if code := s.refuse(req.GroupId, false); code != kerr.None {
		reply(&wire.SyncGroupResponse{ErrorCode: code})
		return
	}
	for i := range req.Assignments {
		req.Assignments[i].Assignment = bytes.Clone(req.Assignments[i].Assignment) // the member keeps it
	}
	taken := false
	s.rt.Write(s.Partition(req.GroupId), c.Now, func(sh *Shard, out *coordinator.Out) error {
		taken = true // answered by the machine from now on, errors included
		sh.syncGroup(req, reply, out)
		return nil
	}, func(err error) {
		if err != nil && !taken {
			reply(&wire.SyncGroupResponse{ErrorCode: operationError(err)})
		}
	})
}

// Heartbeat keeps a member alive.
func (s *Service) Heartbeat(c *Context, req *wire.HeartbeatRequest, reply func(*wire.HeartbeatResponse)) {
	if code := s.refuse(req.GroupId, false); code != kerr.None {
		reply(&wire.HeartbeatResponse{ErrorCode: code})
		return
	}
	code := kerr.None
	s.rt.Write(s.Partition(req.GroupId), c.Now, func(sh *Shard, out *coordinator.Out) error {
		code = sh.heartbeat(req, out)
		return nil
	}, func(err error) {
		// A group that is being loaded does not lose its members meanwhile.
		if err != nil && kerr.Of(err) != kerr.CoordinatorLoadInProgress {
			code = operationError(err)
		}
		reply(&wire.HeartbeatResponse{ErrorCode: code})
	})
}

// LeaveGroup removes members. Requests before version 3 have one member, in
// MemberId.
func (s *Service) LeaveGroup(c *Context, req *wire.LeaveGroupRequest, reply func(*wire.LeaveGroupResponse)) {
	if code := s.refuse(req.GroupId, false); code != kerr.None {
		reply(&wire.LeaveGroupResponse{ErrorCode: code})
		return
	}
	if c.Version < 3 {
		req.Members = []wire.LeaveGroupRequestMemberIdentity{{MemberId: req.MemberId}}
	}
	var members []wire.LeaveGroupResponseMemberResponse
	s.rt.Write(s.Partition(req.GroupId), c.Now, func(sh *Shard, out *coordinator.Out) (err error) {
		members, err = sh.leaveGroup(req, out)
		return err
	}, func(err error) {
		switch {
		case err == nil:
			reply(&wire.LeaveGroupResponse{Members: members})
		case kerr.Of(err) == kerr.UnknownMemberId: // there is no such group
			members = make([]wire.LeaveGroupResponseMemberResponse, len(req.Members))
			for i := range req.Members {
				m := &req.Members[i]
				members[i] = wire.LeaveGroupResponseMemberResponse{MemberId: m.MemberId, GroupInstanceId: m.GroupInstanceId, ErrorCode: kerr.UnknownMemberId}
			}
			reply(&wire.LeaveGroupResponse{Members: members})
		default:
			reply(&wire.LeaveGroupResponse{ErrorCode: operationError(err)})
		}
	})
}

// OffsetCommit stores offsets. Topics must exist and have both name and id.
func (s *Service) OffsetCommit(c *Context, req *wire.OffsetCommitRequest, reply func(*wire.OffsetCommitResponse)) {
	if code := s.refuse(req.GroupId, true); code != kerr.None {
		reply(commitError(req, code))
		return
	}
	who := *c
	var resp *wire.OffsetCommitResponse
	s.rt.Write(s.Partition(req.GroupId), c.Now, func(sh *Shard, out *coordinator.Out) (err error) {
		resp, err = sh.commitOffsets(&who, req, out)
		return err
	}, func(err error) {
		if err != nil {
			resp = commitError(req, operationError(err))
		}
		reply(resp)
	})
}

// commitError says code of every partition.
func commitError(req *wire.OffsetCommitRequest, code kerr.Code) *wire.OffsetCommitResponse {
	resp := &wire.OffsetCommitResponse{Topics: make([]wire.OffsetCommitResponseTopic, len(req.Topics))}
	for i := range req.Topics {
		t := &req.Topics[i]
		answers := make([]wire.OffsetCommitResponsePartition, len(t.Partitions))
		for j := range t.Partitions {
			answers[j] = wire.OffsetCommitResponsePartition{PartitionIndex: t.Partitions[j].PartitionIndex, ErrorCode: code}
		}
		resp.Topics[i] = wire.OffsetCommitResponseTopic{Name: t.Name, TopicId: t.TopicId, Partitions: answers}
	}
	return resp
}

// OffsetFetch reads the offsets of one group; Topics nil asks for all. Topics
// must have names; those of version 10 also ids, which are compared.
func (s *Service) OffsetFetch(c *Context, req *wire.OffsetFetchRequestGroup, requireStable bool, reply func(*wire.OffsetFetchResponseGroup)) {
	if code := s.refuse(req.GroupId, true); code != kerr.None {
		reply(FetchError(c.Version, req, code))
		return
	}
	version := c.Version
	var resp *wire.OffsetFetchResponseGroup
	done := func(err error) {
		if err != nil {
			resp = FetchError(version, req, fetchErrorCode(err, requireStable))
		}
		reply(resp)
	}
	if requireStable {
		// A write without records: its answer waits for what it has read.
		s.rt.Write(s.Partition(req.GroupId), c.Now, func(sh *Shard, _ *coordinator.Out) error {
			resp = sh.fetchOffsets(req, true)
			return nil
		}, done)
		return
	}
	s.rt.Read(s.Partition(req.GroupId), c.Now, func(sh *Shard) error {
		resp = sh.fetchOffsets(req, false)
		return nil
	}, done)
}

// fetchErrorCode spares clients before 3.9 a code they do not know.
func fetchErrorCode(err error, requireStable bool) kerr.Code {
	if !requireStable {
		return kerr.Of(err)
	}
	switch kerr.Of(err) {
	case kerr.UnknownTopicOrPartition, kerr.NotEnoughReplicas, kerr.RequestTimedOut:
		return kerr.NotCoordinator
	}
	return operationError(err)
}

// FetchError says code of a group, or, in version 1, of every partition.
func FetchError(version int16, req *wire.OffsetFetchRequestGroup, code kerr.Code) *wire.OffsetFetchResponseGroup {
	resp := &wire.OffsetFetchResponseGroup{GroupId: req.GroupId}
	if version >= 2 {
		resp.ErrorCode = code
		return resp
	}
	for i := range req.Topics {
		t := wire.OffsetFetchResponseTopics{Name: req.Topics[i].Name}
		for _, p := range req.Topics[i].PartitionIndexes {
			t.Partitions = append(t.Partitions, wire.OffsetFetchResponsePartitions{
				PartitionIndex: p, ErrorCode: code, CommittedOffset: -1, CommittedLeaderEpoch: -1, Metadata: &noMetadata,
			})
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}

// OffsetDelete deletes offsets of topics that the group is not subscribed to.
func (s *Service) OffsetDelete(c *Context, req *wire.OffsetDeleteRequest, reply func(*wire.OffsetDeleteResponse)) {
	if code := s.refuse(req.GroupId, false); code != kerr.None {
		reply(&wire.OffsetDeleteResponse{ErrorCode: code})
		return
	}
	var resp *wire.OffsetDeleteResponse
	s.rt.Write(s.Partition(req.GroupId), c.Now, func(sh *Shard, out *coordinator.Out) (err error) {
		resp, err = sh.deleteOffsets(req, out)
		return err
	}, func(err error) {
		if err != nil {
			resp = &wire.OffsetDeleteResponse{ErrorCode: operationError(err)}
		}
		reply(resp)
	})
}

// ListGroups lists the groups that this broker coordinates.
func (s *Service) ListGroups(c *Context, req *wire.ListGroupsRequest, reply func(*wire.ListGroupsResponse)) {
	if code := s.refuse("", true); code != kerr.None {
		reply(&wire.ListGroupsResponse{ErrorCode: code})
		return
	}
	partitions := s.rt.Partitions()
	lists := make([][]wire.ListGroupsResponseListedGroup, len(partitions))
	codes := make([]kerr.Code, len(partitions))
	all := coordinator.NewGather(len(partitions), func() {
		resp := &wire.ListGroupsResponse{Groups: []wire.ListGroupsResponseListedGroup{}}
		for i, list := range lists {
			if code := codes[i]; code != kerr.None && code != kerr.NotCoordinator {
				reply(&wire.ListGroupsResponse{ErrorCode: code})
				return
			}
			resp.Groups = append(resp.Groups, list...)
		}
		reply(resp)
	})
	f := newFilter(req)
	for i, p := range partitions {
		s.rt.Read(p, c.Now, func(sh *Shard) error {
			lists[i] = sh.listGroups(&f)
			return nil
		}, func(err error) {
			if err != nil {
				codes[i] = operationError(err)
			}
			all.Done()
		})
	}
}

// byPartition sorts groups by the partition they live in, keeping their
// positions.
func (s *Service) byPartition(groups []string) (partitions []int32, at [][]int) {
	index := map[int32]int{}
	for i, id := range groups {
		p := s.Partition(id)
		n, ok := index[p]
		if !ok {
			n = len(partitions)
			index[p] = n
			partitions, at = append(partitions, p), append(at, nil)
		}
		at[n] = append(at[n], i)
	}
	return partitions, at
}

// DescribeGroups describes classic groups.
func (s *Service) DescribeGroups(c *Context, groups []string, reply func([]wire.DescribeGroupsResponseDescribedGroup)) {
	list := make([]wire.DescribeGroupsResponseDescribedGroup, len(groups))
	fail := func(i int, code kerr.Code) {
		list[i] = wire.DescribeGroupsResponseDescribedGroup{GroupId: groups[i], ErrorCode: code, AuthorizedOperations: noOperations}
	}
	if code := s.refuse("", true); code != kerr.None {
		for i := range groups {
			fail(i, code)
		}
		reply(list)
		return
	}
	version := c.Version
	partitions, at := s.byPartition(groups)
	all := coordinator.NewGather(len(partitions), func() { reply(list) })
	for n, p := range partitions {
		s.rt.Read(p, c.Now, func(sh *Shard) error {
			for _, i := range at[n] {
				list[i] = sh.describeGroup(version, groups[i])
			}
			return nil
		}, func(err error) {
			if err != nil {
				for _, i := range at[n] {
					fail(i, operationError(err))
				}
			}
			all.Done()
		})
	}
}

// DeleteGroups deletes empty groups with their offsets.
func (s *Service) DeleteGroups(c *Context, groups []string, reply func([]wire.DeleteGroupsResponseDeletableGroupResult)) {
	list := make([]wire.DeleteGroupsResponseDeletableGroupResult, len(groups))
	fail := func(i int, code kerr.Code) {
		list[i] = wire.DeleteGroupsResponseDeletableGroupResult{GroupId: groups[i], ErrorCode: code}
	}
	if code := s.refuse("", true); code != kerr.None {
		for i := range groups {
			fail(i, code)
		}
		reply(list)
		return
	}
	partitions, at := s.byPartition(groups)
	all := coordinator.NewGather(len(partitions), func() { reply(list) })
	for n, p := range partitions {
		s.rt.Write(p, c.Now, func(sh *Shard, out *coordinator.Out) error {
			ids := make([]string, len(at[n]))
			for k, i := range at[n] {
				ids[k] = groups[i]
			}
			for k, r := range sh.deleteGroups(ids, out) {
				list[at[n][k]] = r
			}
			return nil
		}, func(err error) {
			if err != nil {
				for _, i := range at[n] {
					fail(i, operationError(err))
				}
			}
			all.Done()
		})
	}
}
