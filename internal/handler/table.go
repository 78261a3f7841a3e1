package handler

import "gregor/internal/wire"

// row says who serves a key, on the listeners of brokers and of controllers.
type row struct{ broker, controller side }

// side is the function for one kind of listener, and whether the owner it needs
// is there.
type side struct {
	serve Func
	needs func(*Services) bool
}

const keyCount = wire.KeyUnregisterController + 1

// table is every key that is served, by key.
var table = [keyCount]row{
	wire.KeyApiVersions: {broker: side{apiVersions, nil}, controller: side{apiVersions, nil}},

	wire.KeyFetch:            {controller: side{with(fetchMetadataLog), quorum}},
	wire.KeyVote:             {controller: side{with(vote), quorum}},
	wire.KeyBeginQuorumEpoch: {controller: side{with(beginQuorumEpoch), quorum}},
	wire.KeyEndQuorumEpoch:   {controller: side{with(endQuorumEpoch), quorum}},
	wire.KeyDescribeQuorum:   {controller: side{with(describeQuorum), quorum}},
	wire.KeyFetchSnapshot:    {controller: side{with(fetchSnapshot), quorum}},
	wire.KeyAddRaftVoter:     {controller: side{with(addRaftVoter), quorum}},
	wire.KeyRemoveRaftVoter:  {controller: side{with(removeRaftVoter), quorum}},
	wire.KeyUpdateRaftVoter:  {controller: side{with(updateRaftVoter), quorum}},

	wire.KeyOffsetCommit:    {broker: side{with(offsetCommit), groups}},
	wire.KeyOffsetFetch:     {broker: side{with(offsetFetch), groups}},
	wire.KeyFindCoordinator: {broker: side{with(findCoordinator), groups}},
	wire.KeyJoinGroup:       {broker: side{with(joinGroup), groups}},
	wire.KeyHeartbeat:       {broker: side{with(heartbeat), groups}},
	wire.KeyLeaveGroup:      {broker: side{with(leaveGroup), groups}},
	wire.KeySyncGroup:       {broker: side{with(syncGroup), groups}},
	wire.KeyDescribeGroups:  {broker: side{with(describeGroups), groups}},
	wire.KeyListGroups:      {broker: side{with(listGroups), groups}},
	wire.KeyDeleteGroups:    {broker: side{with(deleteGroups), groups}},
	wire.KeyOffsetDelete:    {broker: side{with(offsetDelete), groups}},
}
