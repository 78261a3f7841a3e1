package handler

import (
	"sync/atomic"

	"gregor/internal/group"
	"gregor/internal/wire"
)

// Groups is the group coordinator. It answers through the last argument of a
// method, before that returns or later, from any goroutine.
type Groups interface {
	// Partition is the partition of __consumer_offsets that a group lives in.
	Partition(group string) int32
	// Topic is __consumer_offsets as it is to be created.
	Topic() wire.CreateTopicsRequestCreatableTopic

	JoinGroup(*group.Context, *wire.JoinGroupRequest, func(*wire.JoinGroupResponse))
	SyncGroup(*group.Context, *wire.SyncGroupRequest, func(*wire.SyncGroupResponse))
	Heartbeat(*group.Context, *wire.HeartbeatRequest, func(*wire.HeartbeatResponse))
	LeaveGroup(*group.Context, *wire.LeaveGroupRequest, func(*wire.LeaveGroupResponse))
	OffsetCommit(*group.Context, *wire.OffsetCommitRequest, func(*wire.OffsetCommitResponse))
	OffsetFetch(*group.Context, *wire.OffsetFetchRequestGroup, bool, func(*wire.OffsetFetchResponseGroup))
	OffsetDelete(*group.Context, *wire.OffsetDeleteRequest, func(*wire.OffsetDeleteResponse))
	ListGroups(*group.Context, *wire.ListGroupsRequest, func(*wire.ListGroupsResponse))
	DescribeGroups(*group.Context, []string, func([]wire.DescribeGroupsResponseDescribedGroup))
	DeleteGroups(*group.Context, []string, func([]wire.DeleteGroupsResponseDeletableGroupResult))
}

// TopicCreator makes topics that the broker needs itself.
type TopicCreator interface {
	// CreateTopic asks the controller for a topic and does not wait. A topic
	// that is being asked for is not asked for again.
	CreateTopic(topic wire.CreateTopicsRequestCreatableTopic)
}

// groups says whether the owner is there.
func groups(s *Services) bool { return s.Groups != nil }

// groupContext is what the coordinator is told about the requester.
func (c *Context) groupContext() *group.Context {
	return &group.Context{ClientID: c.ClientID(), ClientHost: "/" + c.Host(), Version: c.Version, Now: c.Now}
}

// deferred is an answer that may be given before or after the handler's
// function returns. Given before, it goes out with the others of the pass and
// leaves no hole in the order of responses.
type deferred struct {
	state atomic.Int32
	resp  wire.Message
	later Later
}

// The states of a deferred.
const (
	unanswered int32 = iota
	answeredEarly
	waiting
)

// reply is for the owner, once.
func (d *deferred) reply(m wire.Message) {
	d.resp = m
	if d.state.CompareAndSwap(unanswered, answeredEarly) {
		return
	}
	d.later.Reply(m)
}

// settle is for the handler, at its end.
func (d *deferred) settle(c *Context) {
	if d.state.Load() == answeredEarly {
		c.Reply(d.resp)
		return
	}
	d.later = c.Later()
	if !d.state.CompareAndSwap(unanswered, waiting) {
		d.later.Reply(d.resp) // answered just now
	}
}
