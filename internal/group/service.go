package group

import (
	"log/slog"

	"gregor/internal/clock"
	"gregor/internal/coordinator"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// TopicName is the topic that groups live in.
const TopicName = "__consumer_offsets"

// Options makes a Service.
type Options struct {
	Config Config
	// Self is this broker's id.
	Self model.BrokerID
	// Open finds a partition of the topic that this broker leads.
	Open func(partition int32) (coordinator.Log, error)
	// NewID yields random ids for members (model.NewUUID).
	NewID func() model.UUID
	Clock clock.Clock
	// Log gets what Kafka logs as GroupCoordinator.
	Log *slog.Logger
}

// Service is the group coordinator of a broker. Safe for concurrent use.
type Service struct{ o Options }

// Context is who asks.
type Context struct {
	ClientID string
	// ClientHost is the client's address with a slash before it, as Kafka shows
	// it: /127.0.0.1.
	ClientHost string
	// Version is the version of the request.
	Version int16
	Now     model.Millis
}

// New is a Service that leads nothing yet.
func New(o Options) *Service { return &Service{o} }

// Start starts the timers. Requests before the first Publish are answered with
// COORDINATOR_NOT_AVAILABLE.
func (s *Service) Start() {}

// Close ends all groups; what is parked is answered.
func (s *Service) Close() {}

// Publish takes a change of the cluster's metadata, after the replicas have
// taken it: partitions won and lost, topics deleted.
func (s *Service) Publish(delta *metadata.Delta, image *metadata.Image) {}

// Partition is the partition that group lives in.
func (s *Service) Partition(group string) int32 { return 0 }

// Topic is __consumer_offsets as it is to be created.
func (s *Service) Topic() wire.CreateTopicsRequestCreatableTopic {
	return wire.CreateTopicsRequestCreatableTopic{}
}

// JoinGroup joins or rejoins a member; it may be answered much later.
func (s *Service) JoinGroup(c *Context, req *wire.JoinGroupRequest, reply func(*wire.JoinGroupResponse)) {
}

// SyncGroup hands in or fetches assignments; it may be answered much later.
func (s *Service) SyncGroup(c *Context, req *wire.SyncGroupRequest, reply func(*wire.SyncGroupResponse)) {
}

// Heartbeat keeps a member alive.
func (s *Service) Heartbeat(c *Context, req *wire.HeartbeatRequest, reply func(*wire.HeartbeatResponse)) {
}

// LeaveGroup removes members. Requests before version 3 have one member, in
// MemberId.
func (s *Service) LeaveGroup(c *Context, req *wire.LeaveGroupRequest, reply func(*wire.LeaveGroupResponse)) {
}

// OffsetCommit stores offsets. Topics must exist and have both name and id.
func (s *Service) OffsetCommit(c *Context, req *wire.OffsetCommitRequest, reply func(*wire.OffsetCommitResponse)) {
}

// OffsetFetch reads the offsets of one group; Topics nil asks for all. Topics
// must have names; those of version 10 also ids, which are compared.
func (s *Service) OffsetFetch(c *Context, req *wire.OffsetFetchRequestGroup, requireStable bool, reply func(*wire.OffsetFetchResponseGroup)) {
}

// OffsetDelete deletes offsets of topics that the group is not subscribed to.
func (s *Service) OffsetDelete(c *Context, req *wire.OffsetDeleteRequest, reply func(*wire.OffsetDeleteResponse)) {
}

// ListGroups lists the groups that this broker coordinates.
func (s *Service) ListGroups(c *Context, req *wire.ListGroupsRequest, reply func(*wire.ListGroupsResponse)) {
}

// DescribeGroups describes classic groups.
func (s *Service) DescribeGroups(c *Context, groups []string, reply func([]wire.DescribeGroupsResponseDescribedGroup)) {
}

// DeleteGroups deletes empty groups with their offsets.
func (s *Service) DeleteGroups(c *Context, groups []string, reply func([]wire.DeleteGroupsResponseDeletableGroupResult)) {
}
