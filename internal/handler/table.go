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
	wire.KeyProduce:              {broker: side{produce, replicas}},
	wire.KeyFetch:                {broker: side{fetch, replicas}, controller: side{with(fetchMetadataLog), quorum}},
	wire.KeyListOffsets:          {broker: side{with(listOffsets), replicas}},
	wire.KeyApiVersions:          {broker: side{apiVersions, nil}, controller: side{apiVersions, nil}},
	wire.KeyDeleteRecords:        {broker: side{with(deleteRecords), replicas}},
	wire.KeyInitProducerId:       {broker: side{with(initProducerID), producerIDs}},
	wire.KeyOffsetForLeaderEpoch: {broker: side{with(offsetForLeaderEpoch), replicas}},
	wire.KeyDescribeLogDirs:      {broker: side{with(describeLogDirs), logDirs}},
	wire.KeyDescribeProducers:    {broker: side{with(describeProducers), replicas}},

	wire.KeyMetadata:                {broker: side{with(clusterMetadata), hasMetadata}},
	wire.KeyCreateTopics:            {broker: side{with(createTopics), forwarder}, controller: side{with(createTopicsHere), decider}},
	wire.KeyDeleteTopics:            {broker: side{with(deleteTopics), forwarder}, controller: side{with(deleteTopicsHere), decider}},
	wire.KeyCreatePartitions:        {broker: side{with(createPartitions), forwarder}, controller: side{with(createPartitionsHere), decider}},
	wire.KeyDescribeConfigs:         {broker: side{with(describeConfigs), settled}, controller: side{with(describeConfigs), settled}},
	wire.KeyAlterConfigs:            {broker: side{with(alterConfigs), forwarder}, controller: side{with(alterConfigsHere), decider}},
	wire.KeyIncrementalAlterConfigs: {broker: side{with(incrementalAlterConfigs), forwarder}, controller: side{with(incrementalAlterConfigsHere), decider}},
	wire.KeyListConfigResources:     {broker: side{with(listConfigResources), hasMetadata}},
	wire.KeyDescribeCluster:         {broker: side{with(describeCluster), hasMetadata}, controller: side{with(describeControllers), decider}},
	wire.KeyDescribeTopicPartitions: {broker: side{with(describeTopicPartitions), hasMetadata}},
	wire.KeyElectLeaders:            {broker: side{with(electLeaders), forwarder}, controller: side{with(electLeadersHere), decider}},
	wire.KeyUpdateFeatures:          {broker: side{with(updateFeatures), forwarder}, controller: side{with(updateFeaturesHere), decider}},
	wire.KeyUnregisterBroker:        {broker: side{with(unregisterBroker), forwarder}, controller: side{with(unregisterBrokerHere), decider}},
	wire.KeyUnregisterController:    {broker: side{with(unregisterController), forwarder}, controller: side{with(unregisterControllerHere), decider}},

	wire.KeyAlterPartitionReassignments: {broker: side{with(alterPartitionReassignments), forwarder}, controller: side{with(alterPartitionReassignmentsHere), decider}},
	wire.KeyListPartitionReassignments:  {broker: side{with(listPartitionReassignments), forwarder}, controller: side{with(listPartitionReassignmentsHere), decider}},

	wire.KeyEnvelope:               {controller: side{with(envelope), decider}},
	wire.KeyAlterPartition:         {controller: side{with(alterPartition), decider}},
	wire.KeyBrokerRegistration:     {controller: side{with(brokerRegistration), decider}},
	wire.KeyBrokerHeartbeat:        {controller: side{with(brokerHeartbeat), decider}},
	wire.KeyControllerRegistration: {controller: side{with(controllerRegistration), decider}},
	wire.KeyAllocateProducerIds:    {controller: side{with(allocateProducerIDs), decider}},
	wire.KeyAssignReplicasToDirs:   {controller: side{with(assignReplicasToDirs), decider}},

	wire.KeyVote:             {controller: side{with(vote), quorum}},
	wire.KeyBeginQuorumEpoch: {controller: side{with(beginQuorumEpoch), quorum}},
	wire.KeyEndQuorumEpoch:   {controller: side{with(endQuorumEpoch), quorum}},
	wire.KeyDescribeQuorum:   {broker: side{with(passOn[wire.DescribeQuorumRequest]), forwarder}, controller: side{with(describeQuorum), quorum}},
	wire.KeyFetchSnapshot:    {controller: side{with(fetchSnapshot), quorum}},
	wire.KeyAddRaftVoter:     {broker: side{with(passOn[wire.AddRaftVoterRequest]), forwarder}, controller: side{with(addRaftVoter), quorum}},
	wire.KeyRemoveRaftVoter:  {broker: side{with(passOn[wire.RemoveRaftVoterRequest]), forwarder}, controller: side{with(removeRaftVoter), quorum}},
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

// The owners that rows need.
func replicas(s *Services) bool    { return s.Replicas != nil }
func logDirs(s *Services) bool     { return s.LogDirs != nil }
func producerIDs(s *Services) bool { return s.ProducerIDs != nil }
