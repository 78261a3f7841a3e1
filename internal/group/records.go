package group

import (
	"fmt"

	"gregor/internal/coordinator"
	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// Versions of values as Kafka 4.4 writes them.
const (
	groupVersion  = 3
	offsetVersion = 4
	// expiringOffsetVersion is for a commit that says itself when it expires,
	// as OffsetCommit did up to version 4. It has neither epoch nor topic id.
	expiringOffsetVersion = 1
)

// writeGeneration writes the group's members and their assignments: those
// given, or those they have.
func (s *Shard) writeGeneration(g *classic, assignment map[string][]byte, out *coordinator.Out) {
	v := &wire.GroupMetadataValue{
		ProtocolType: g.protocolType, Generation: g.generation, Protocol: g.protocol,
		CurrentStateTimestamp: int64(g.since),
		Members:               make([]wire.GroupMetadataValueMemberMetadata, len(g.members)),
	}
	if g.leader != "" {
		leader := g.leader
		v.Leader = &leader
	}
	for i, m := range g.members {
		given := m.assignment
		if assignment != nil {
			given = assignment[m.id]
		}
		var subscription []byte
		if g.protocol != nil {
			subscription, _ = m.metadata(*g.protocol)
		}
		v.Members[i] = wire.GroupMetadataValueMemberMetadata{
			MemberId: m.id, GroupInstanceId: m.instance, ClientId: m.clientID, ClientHost: m.clientHost,
			RebalanceTimeout: int32(m.rebalance), SessionTimeout: int32(m.session),
			Subscription: subscription, Assignment: given,
		}
	}
	out.Put(&wire.GroupMetadataKey{Group: g.id}, v, groupVersion)
	out.NoReplay()
}

// writeNew writes a group that was just made, without members.
func (s *Shard) writeNew(g *classic, j *joining, out *coordinator.Out) {
	out.Put(&wire.GroupMetadataKey{Group: g.id}, &wire.GroupMetadataValue{CurrentStateTimestamp: int64(g.since)}, groupVersion)
	out.NoReplay()
	out.Then(func(err error, _ *coordinator.Out) {
		if err != nil {
			s.log.Warn(fmt.Sprintf("Failed to write empty metadata for group %s: %v", g.id, err))
			refuseJoin(j, "", groupWriteError(err))
		}
	})
}

func groupTombstone(id string, out *coordinator.Out) {
	out.Tombstone(&wire.GroupMetadataKey{Group: id})
}

// groupWriteError is how members are told that a group could not be written.
func groupWriteError(err error) kerr.Code {
	switch c := kerr.Of(err); c {
	case kerr.UnknownTopicOrPartition, kerr.NotEnoughReplicas, kerr.RequestTimedOut:
		return kerr.CoordinatorNotAvailable
	case kerr.NotLeaderOrFollower, kerr.KafkaStorageError:
		return kerr.NotCoordinator
	case kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidFetchSize:
		return kerr.UnknownServerError
	default:
		return c
	}
}

// operationError is how clients are told that an operation failed
// (CoordinatorOperationExceptionHelper).
func operationError(err error) kerr.Code {
	if kerr.Of(err) == kerr.NetworkException {
		return kerr.CoordinatorLoadInProgress
	}
	return groupWriteError(err)
}
