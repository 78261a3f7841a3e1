// Package kerr holds Kafka's error codes as Go error values, with the message
// Kafka's clients show for each and whether a client may retry.
//
// Source: the protocol error table of Apache Kafka 4.4 (codes -1 to 136).
package kerr

import (
	"errors"
	"strconv"
)

// Code is a protocol error code as it stands on the wire (int16). The zero
// value, None, means success. A Code is an error value: compare with ==, or
// errors.Is through wrapping.
type Code int16

// The codes of Kafka's protocol.
const (
	UnknownServerError                     Code = -1
	None                                   Code = 0
	OffsetOutOfRange                       Code = 1
	CorruptMessage                         Code = 2
	UnknownTopicOrPartition                Code = 3
	InvalidFetchSize                       Code = 4
	LeaderNotAvailable                     Code = 5
	NotLeaderOrFollower                    Code = 6
	RequestTimedOut                        Code = 7
	BrokerNotAvailable                     Code = 8
	ReplicaNotAvailable                    Code = 9
	MessageTooLarge                        Code = 10
	StaleControllerEpoch                   Code = 11
	OffsetMetadataTooLarge                 Code = 12
	NetworkException                       Code = 13
	CoordinatorLoadInProgress              Code = 14
	CoordinatorNotAvailable                Code = 15
	NotCoordinator                         Code = 16
	InvalidTopicException                  Code = 17
	RecordListTooLarge                     Code = 18
	NotEnoughReplicas                      Code = 19
	NotEnoughReplicasAfterAppend           Code = 20
	InvalidRequiredAcks                    Code = 21
	IllegalGeneration                      Code = 22
	InconsistentGroupProtocol              Code = 23
	InvalidGroupId                         Code = 24
	UnknownMemberId                        Code = 25
	InvalidSessionTimeout                  Code = 26
	RebalanceInProgress                    Code = 27
	InvalidCommitOffsetSize                Code = 28
	TopicAuthorizationFailed               Code = 29
	GroupAuthorizationFailed               Code = 30
	ClusterAuthorizationFailed             Code = 31
	InvalidTimestamp                       Code = 32
	UnsupportedSaslMechanism               Code = 33
	IllegalSaslState                       Code = 34
	UnsupportedVersion                     Code = 35
	TopicAlreadyExists                     Code = 36
	InvalidPartitions                      Code = 37
	InvalidReplicationFactor               Code = 38
	InvalidReplicaAssignment               Code = 39
	InvalidConfig                          Code = 40
	NotController                          Code = 41
	InvalidRequest                         Code = 42
	UnsupportedForMessageFormat            Code = 43
	PolicyViolation                        Code = 44
	OutOfOrderSequenceNumber               Code = 45
	DuplicateSequenceNumber                Code = 46
	InvalidProducerEpoch                   Code = 47
	InvalidTxnState                        Code = 48
	InvalidProducerIdMapping               Code = 49
	InvalidTransactionTimeout              Code = 50
	ConcurrentTransactions                 Code = 51
	TransactionCoordinatorFenced           Code = 52
	TransactionalIdAuthorizationFailed     Code = 53
	SecurityDisabled                       Code = 54
	OperationNotAttempted                  Code = 55
	KafkaStorageError                      Code = 56
	LogDirNotFound                         Code = 57
	SaslAuthenticationFailed               Code = 58
	UnknownProducerId                      Code = 59
	ReassignmentInProgress                 Code = 60
	DelegationTokenAuthDisabled            Code = 61
	DelegationTokenNotFound                Code = 62
	DelegationTokenOwnerMismatch           Code = 63
	DelegationTokenRequestNotAllowed       Code = 64
	DelegationTokenAuthorizationFailed     Code = 65
	DelegationTokenExpired                 Code = 66
	InvalidPrincipalType                   Code = 67
	NonEmptyGroup                          Code = 68
	GroupIdNotFound                        Code = 69
	FetchSessionIdNotFound                 Code = 70
	InvalidFetchSessionEpoch               Code = 71
	ListenerNotFound                       Code = 72
	TopicDeletionDisabled                  Code = 73
	FencedLeaderEpoch                      Code = 74
	UnknownLeaderEpoch                     Code = 75
	UnsupportedCompressionType             Code = 76
	StaleBrokerEpoch                       Code = 77
	OffsetNotAvailable                     Code = 78
	MemberIdRequired                       Code = 79
	PreferredLeaderNotAvailable            Code = 80
	GroupMaxSizeReached                    Code = 81
	FencedInstanceId                       Code = 82
	EligibleLeadersNotAvailable            Code = 83
	ElectionNotNeeded                      Code = 84
	NoReassignmentInProgress               Code = 85
	GroupSubscribedToTopic                 Code = 86
	InvalidRecord                          Code = 87
	UnstableOffsetCommit                   Code = 88
	ThrottlingQuotaExceeded                Code = 89
	ProducerFenced                         Code = 90
	ResourceNotFound                       Code = 91
	DuplicateResource                      Code = 92
	UnacceptableCredential                 Code = 93
	InconsistentVoterSet                   Code = 94
	InvalidUpdateVersion                   Code = 95
	FeatureUpdateFailed                    Code = 96
	PrincipalDeserializationFailure        Code = 97
	SnapshotNotFound                       Code = 98
	PositionOutOfRange                     Code = 99
	UnknownTopicId                         Code = 100
	DuplicateBrokerRegistration            Code = 101
	BrokerIdNotRegistered                  Code = 102
	InconsistentTopicId                    Code = 103
	InconsistentClusterId                  Code = 104
	TransactionalIdNotFound                Code = 105
	FetchSessionTopicIdError               Code = 106
	IneligibleReplica                      Code = 107
	NewLeaderElected                       Code = 108
	OffsetMovedToTieredStorage             Code = 109
	FencedMemberEpoch                      Code = 110
	UnreleasedInstanceId                   Code = 111
	UnsupportedAssignor                    Code = 112
	StaleMemberEpoch                       Code = 113
	MismatchedEndpointType                 Code = 114
	UnsupportedEndpointType                Code = 115
	UnknownControllerId                    Code = 116
	UnknownSubscriptionId                  Code = 117
	TelemetryTooLarge                      Code = 118
	InvalidRegistration                    Code = 119
	TransactionAbortable                   Code = 120
	InvalidRecordState                     Code = 121
	ShareSessionNotFound                   Code = 122
	InvalidShareSessionEpoch               Code = 123
	FencedStateEpoch                       Code = 124
	InvalidVoterKey                        Code = 125
	DuplicateVoter                         Code = 126
	VoterNotFound                          Code = 127
	InvalidRegularExpression               Code = 128
	RebootstrapRequired                    Code = 129
	StreamsInvalidTopology                 Code = 130
	StreamsInvalidTopologyEpoch            Code = 131
	StreamsTopologyFenced                  Code = 132
	ShareSessionLimitReached               Code = 133
	GroupDeletionFailed                    Code = 134
	StreamsTopologyDescriptionUpdateFailed Code = 135
	ControllerIdNotRegistered              Code = 136
)

type info struct {
	name      string // Kafka's constant name
	exception string // simple name of the Java client's exception class
	message   string // Kafka's default message
	retriable bool
}

var table = map[Code]info{
	UnknownServerError:                     {"UNKNOWN_SERVER_ERROR", "UnknownServerException", "The server experienced an unexpected error when processing the request.", false},
	None:                                   {"NONE", "", "", false},
	OffsetOutOfRange:                       {"OFFSET_OUT_OF_RANGE", "OffsetOutOfRangeException", "The requested offset is not within the range of offsets maintained by the server.", false},
	CorruptMessage:                         {"CORRUPT_MESSAGE", "CorruptRecordException", "This message has failed its CRC checksum, exceeds the valid size, has a null key for a compacted topic, or is otherwise corrupt.", true},
	UnknownTopicOrPartition:                {"UNKNOWN_TOPIC_OR_PARTITION", "UnknownTopicOrPartitionException", "This server does not host this topic-partition.", true},
	InvalidFetchSize:                       {"INVALID_FETCH_SIZE", "InvalidFetchSizeException", "The requested fetch size is invalid.", false},
	LeaderNotAvailable:                     {"LEADER_NOT_AVAILABLE", "LeaderNotAvailableException", "There is no leader for this topic-partition as we are in the middle of a leadership election.", true},
	NotLeaderOrFollower:                    {"NOT_LEADER_OR_FOLLOWER", "NotLeaderOrFollowerException", "For requests intended only for the leader, this error indicates that the broker is not the current leader. For requests intended for any replica, this error indicates that the broker is not a replica of the topic partition.", true},
	RequestTimedOut:                        {"REQUEST_TIMED_OUT", "TimeoutException", "The request timed out.", true},
	BrokerNotAvailable:                     {"BROKER_NOT_AVAILABLE", "BrokerNotAvailableException", "The broker is not available.", false},
	ReplicaNotAvailable:                    {"REPLICA_NOT_AVAILABLE", "ReplicaNotAvailableException", "The replica is not available for the requested topic-partition. Produce/Fetch requests and other requests intended only for the leader or follower return NOT_LEADER_OR_FOLLOWER if the broker is not a replica of the topic-partition.", true},
	MessageTooLarge:                        {"MESSAGE_TOO_LARGE", "RecordTooLargeException", "The request included a message larger than the max message size the server will accept.", false},
	StaleControllerEpoch:                   {"STALE_CONTROLLER_EPOCH", "ControllerMovedException", "The controller moved to another broker.", false},
	OffsetMetadataTooLarge:                 {"OFFSET_METADATA_TOO_LARGE", "OffsetMetadataTooLarge", "The metadata field of the offset request was too large.", false},
	NetworkException:                       {"NETWORK_EXCEPTION", "NetworkException", "The server disconnected before a response was received.", true},
	CoordinatorLoadInProgress:              {"COORDINATOR_LOAD_IN_PROGRESS", "CoordinatorLoadInProgressException", "The coordinator is loading and hence can't process requests.", true},
	CoordinatorNotAvailable:                {"COORDINATOR_NOT_AVAILABLE", "CoordinatorNotAvailableException", "The coordinator is not available.", true},
	NotCoordinator:                         {"NOT_COORDINATOR", "NotCoordinatorException", "This is not the correct coordinator.", true},
	InvalidTopicException:                  {"INVALID_TOPIC_EXCEPTION", "InvalidTopicException", "The request attempted to perform an operation on an invalid topic.", false},
	RecordListTooLarge:                     {"RECORD_LIST_TOO_LARGE", "RecordBatchTooLargeException", "The request included message batch larger than the configured segment size on the server.", false},
	NotEnoughReplicas:                      {"NOT_ENOUGH_REPLICAS", "NotEnoughReplicasException", "Messages are rejected since there are fewer in-sync replicas than required.", true},
	NotEnoughReplicasAfterAppend:           {"NOT_ENOUGH_REPLICAS_AFTER_APPEND", "NotEnoughReplicasAfterAppendException", "Messages are written to the log, but to fewer in-sync replicas than required.", true},
	InvalidRequiredAcks:                    {"INVALID_REQUIRED_ACKS", "InvalidRequiredAcksException", "Produce request specified an invalid value for required acks.", false},
	IllegalGeneration:                      {"ILLEGAL_GENERATION", "IllegalGenerationException", "Specified group generation id is not valid.", false},
	InconsistentGroupProtocol:              {"INCONSISTENT_GROUP_PROTOCOL", "InconsistentGroupProtocolException", "The group member's supported protocols are incompatible with those of existing members or first group member tried to join with empty protocol type or empty protocol list.", false},
	InvalidGroupId:                         {"INVALID_GROUP_ID", "InvalidGroupIdException", "The group id is invalid.", false},
	UnknownMemberId:                        {"UNKNOWN_MEMBER_ID", "UnknownMemberIdException", "The coordinator is not aware of this member.", false},
	InvalidSessionTimeout:                  {"INVALID_SESSION_TIMEOUT", "InvalidSessionTimeoutException", "The session timeout is not within the range allowed by the broker (as configured by group.min.session.timeout.ms and group.max.session.timeout.ms).", false},
	RebalanceInProgress:                    {"REBALANCE_IN_PROGRESS", "RebalanceInProgressException", "The group is rebalancing, so a rejoin is needed.", false},
	InvalidCommitOffsetSize:                {"INVALID_COMMIT_OFFSET_SIZE", "InvalidCommitOffsetSizeException", "The committing offset data size is not valid.", false},
	TopicAuthorizationFailed:               {"TOPIC_AUTHORIZATION_FAILED", "TopicAuthorizationException", "Topic authorization failed.", false},
	GroupAuthorizationFailed:               {"GROUP_AUTHORIZATION_FAILED", "GroupAuthorizationException", "Group authorization failed.", false},
	ClusterAuthorizationFailed:             {"CLUSTER_AUTHORIZATION_FAILED", "ClusterAuthorizationException", "Cluster authorization failed.", false},
	InvalidTimestamp:                       {"INVALID_TIMESTAMP", "InvalidTimestampException", "The timestamp of the message is out of acceptable range.", false},
	UnsupportedSaslMechanism:               {"UNSUPPORTED_SASL_MECHANISM", "UnsupportedSaslMechanismException", "The broker does not support the requested SASL mechanism.", false},
	IllegalSaslState:                       {"ILLEGAL_SASL_STATE", "IllegalSaslStateException", "Request is not valid given the current SASL state.", false},
	UnsupportedVersion:                     {"UNSUPPORTED_VERSION", "UnsupportedVersionException", "The version of API is not supported.", false},
	TopicAlreadyExists:                     {"TOPIC_ALREADY_EXISTS", "TopicExistsException", "Topic with this name already exists.", false},
	InvalidPartitions:                      {"INVALID_PARTITIONS", "InvalidPartitionsException", "Number of partitions is below 1.", false},
	InvalidReplicationFactor:               {"INVALID_REPLICATION_FACTOR", "InvalidReplicationFactorException", "Replication factor is below 1 or larger than the number of available brokers.", false},
	InvalidReplicaAssignment:               {"INVALID_REPLICA_ASSIGNMENT", "InvalidReplicaAssignmentException", "Replica assignment is invalid.", false},
	InvalidConfig:                          {"INVALID_CONFIG", "InvalidConfigurationException", "Configuration is invalid.", false},
	NotController:                          {"NOT_CONTROLLER", "NotControllerException", "This is not the correct controller for this cluster.", true},
	InvalidRequest:                         {"INVALID_REQUEST", "InvalidRequestException", "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details.", false},
	UnsupportedForMessageFormat:            {"UNSUPPORTED_FOR_MESSAGE_FORMAT", "UnsupportedForMessageFormatException", "The message format version on the broker does not support the request.", false},
	PolicyViolation:                        {"POLICY_VIOLATION", "PolicyViolationException", "Request parameters do not satisfy the configured policy.", false},
	OutOfOrderSequenceNumber:               {"OUT_OF_ORDER_SEQUENCE_NUMBER", "OutOfOrderSequenceException", "The broker received an out of order sequence number.", false},
	DuplicateSequenceNumber:                {"DUPLICATE_SEQUENCE_NUMBER", "DuplicateSequenceException", "The broker received a duplicate sequence number.", false},
	InvalidProducerEpoch:                   {"INVALID_PRODUCER_EPOCH", "InvalidProducerEpochException", "Producer attempted to produce with an old epoch.", false},
	InvalidTxnState:                        {"INVALID_TXN_STATE", "InvalidTxnStateException", "The producer attempted a transactional operation in an invalid state.", false},
	InvalidProducerIdMapping:               {"INVALID_PRODUCER_ID_MAPPING", "InvalidPidMappingException", "The producer attempted to use a producer id which is not currently assigned to its transactional id.", false},
	InvalidTransactionTimeout:              {"INVALID_TRANSACTION_TIMEOUT", "InvalidTxnTimeoutException", "The transaction timeout is larger than the maximum value allowed by the broker (as configured by transaction.max.timeout.ms).", false},
	ConcurrentTransactions:                 {"CONCURRENT_TRANSACTIONS", "ConcurrentTransactionsException", "The producer attempted to update a transaction while another concurrent operation on the same transaction was ongoing.", true},
	TransactionCoordinatorFenced:           {"TRANSACTION_COORDINATOR_FENCED", "TransactionCoordinatorFencedException", "Indicates that the transaction coordinator sending a WriteTxnMarker is no longer the current coordinator for a given producer.", false},
	TransactionalIdAuthorizationFailed:     {"TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "TransactionalIdAuthorizationException", "Transactional Id authorization failed.", false},
	SecurityDisabled:                       {"SECURITY_DISABLED", "SecurityDisabledException", "Security features are disabled.", false},
	OperationNotAttempted:                  {"OPERATION_NOT_ATTEMPTED", "OperationNotAttemptedException", "The broker did not attempt to execute this operation. This may happen for batched RPCs where some operations in the batch failed, causing the broker to respond without trying the rest.", false},
	KafkaStorageError:                      {"KAFKA_STORAGE_ERROR", "KafkaStorageException", "Disk error when trying to access log file on the disk.", true},
	LogDirNotFound:                         {"LOG_DIR_NOT_FOUND", "LogDirNotFoundException", "The user-specified log directory is not found in the broker config.", false},
	SaslAuthenticationFailed:               {"SASL_AUTHENTICATION_FAILED", "SaslAuthenticationException", "SASL Authentication failed.", false},
	UnknownProducerId:                      {"UNKNOWN_PRODUCER_ID", "UnknownProducerIdException", "This exception is raised by the broker if it could not locate the producer metadata associated with the producerId in question. This could happen if, for instance, the producer's records were deleted because their retention time had elapsed. Once the last records of the producerId are removed, the producer's metadata is removed from the broker, and future appends by the producer will return this exception.", false},
	ReassignmentInProgress:                 {"REASSIGNMENT_IN_PROGRESS", "ReassignmentInProgressException", "A partition reassignment is in progress.", false},
	DelegationTokenAuthDisabled:            {"DELEGATION_TOKEN_AUTH_DISABLED", "DelegationTokenDisabledException", "Delegation Token feature is not enabled.", false},
	DelegationTokenNotFound:                {"DELEGATION_TOKEN_NOT_FOUND", "DelegationTokenNotFoundException", "Delegation Token is not found on server.", false},
	DelegationTokenOwnerMismatch:           {"DELEGATION_TOKEN_OWNER_MISMATCH", "DelegationTokenOwnerMismatchException", "Specified Principal is not valid Owner/Renewer.", false},
	DelegationTokenRequestNotAllowed:       {"DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", "UnsupportedByAuthenticationException", "Delegation Token requests are not allowed on PLAINTEXT/1-way SSL channels and on delegation token authenticated channels.", false},
	DelegationTokenAuthorizationFailed:     {"DELEGATION_TOKEN_AUTHORIZATION_FAILED", "DelegationTokenAuthorizationException", "Delegation Token authorization failed.", false},
	DelegationTokenExpired:                 {"DELEGATION_TOKEN_EXPIRED", "DelegationTokenExpiredException", "Delegation Token is expired.", false},
	InvalidPrincipalType:                   {"INVALID_PRINCIPAL_TYPE", "InvalidPrincipalTypeException", "Supplied principalType is not supported.", false},
	NonEmptyGroup:                          {"NON_EMPTY_GROUP", "GroupNotEmptyException", "The group is not empty.", false},
	GroupIdNotFound:                        {"GROUP_ID_NOT_FOUND", "GroupIdNotFoundException", "The group id does not exist.", false},
	FetchSessionIdNotFound:                 {"FETCH_SESSION_ID_NOT_FOUND", "FetchSessionIdNotFoundException", "The fetch session ID was not found.", true},
	InvalidFetchSessionEpoch:               {"INVALID_FETCH_SESSION_EPOCH", "InvalidFetchSessionEpochException", "The fetch session epoch is invalid.", true},
	ListenerNotFound:                       {"LISTENER_NOT_FOUND", "ListenerNotFoundException", "There is no listener on the leader broker that matches the listener on which metadata request was processed.", true},
	TopicDeletionDisabled:                  {"TOPIC_DELETION_DISABLED", "TopicDeletionDisabledException", "Topic deletion is disabled.", false},
	FencedLeaderEpoch:                      {"FENCED_LEADER_EPOCH", "FencedLeaderEpochException", "The leader epoch in the request is older than the epoch on the broker.", true},
	UnknownLeaderEpoch:                     {"UNKNOWN_LEADER_EPOCH", "UnknownLeaderEpochException", "The leader epoch in the request is newer than the epoch on the broker.", true},
	UnsupportedCompressionType:             {"UNSUPPORTED_COMPRESSION_TYPE", "UnsupportedCompressionTypeException", "The requesting client does not support the compression type of given partition.", false},
	StaleBrokerEpoch:                       {"STALE_BROKER_EPOCH", "StaleBrokerEpochException", "Broker epoch has changed.", false},
	OffsetNotAvailable:                     {"OFFSET_NOT_AVAILABLE", "OffsetNotAvailableException", "The leader high watermark has not caught up from a recent leader election so the offsets cannot be guaranteed to be monotonically increasing.", true},
	MemberIdRequired:                       {"MEMBER_ID_REQUIRED", "MemberIdRequiredException", "The group member needs to have a valid member id before actually entering a consumer group.", false},
	PreferredLeaderNotAvailable:            {"PREFERRED_LEADER_NOT_AVAILABLE", "PreferredLeaderNotAvailableException", "The preferred leader was not available.", true},
	GroupMaxSizeReached:                    {"GROUP_MAX_SIZE_REACHED", "GroupMaxSizeReachedException", "The group has reached its maximum size.", false},
	FencedInstanceId:                       {"FENCED_INSTANCE_ID", "FencedInstanceIdException", "The broker rejected this static consumer since another consumer with the same group.instance.id has registered with a different member.id.", false},
	EligibleLeadersNotAvailable:            {"ELIGIBLE_LEADERS_NOT_AVAILABLE", "EligibleLeadersNotAvailableException", "Eligible topic partition leaders are not available.", true},
	ElectionNotNeeded:                      {"ELECTION_NOT_NEEDED", "ElectionNotNeededException", "Leader election not needed for topic partition.", true},
	NoReassignmentInProgress:               {"NO_REASSIGNMENT_IN_PROGRESS", "NoReassignmentInProgressException", "No partition reassignment is in progress.", false},
	GroupSubscribedToTopic:                 {"GROUP_SUBSCRIBED_TO_TOPIC", "GroupSubscribedToTopicException", "Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it.", false},
	InvalidRecord:                          {"INVALID_RECORD", "InvalidRecordException", "This record has failed the validation on broker and hence will be rejected.", false},
	UnstableOffsetCommit:                   {"UNSTABLE_OFFSET_COMMIT", "UnstableOffsetCommitException", "There are unstable offsets that need to be cleared.", true},
	ThrottlingQuotaExceeded:                {"THROTTLING_QUOTA_EXCEEDED", "ThrottlingQuotaExceededException", "The throttling quota has been exceeded.", true},
	ProducerFenced:                         {"PRODUCER_FENCED", "ProducerFencedException", "There is a newer producer with the same transactionalId which fences the current one.", false},
	ResourceNotFound:                       {"RESOURCE_NOT_FOUND", "ResourceNotFoundException", "A request illegally referred to a resource that does not exist.", false},
	DuplicateResource:                      {"DUPLICATE_RESOURCE", "DuplicateResourceException", "A request illegally referred to the same resource twice.", false},
	UnacceptableCredential:                 {"UNACCEPTABLE_CREDENTIAL", "UnacceptableCredentialException", "Requested credential would not meet criteria for acceptability.", false},
	InconsistentVoterSet:                   {"INCONSISTENT_VOTER_SET", "InconsistentVoterSetException", "Indicates that the either the sender or recipient of a voter-only request is not one of the expected voters.", false},
	InvalidUpdateVersion:                   {"INVALID_UPDATE_VERSION", "InvalidUpdateVersionException", "The given update version was invalid.", false},
	FeatureUpdateFailed:                    {"FEATURE_UPDATE_FAILED", "FeatureUpdateFailedException", "Unable to update finalized features due to an unexpected server error.", false},
	PrincipalDeserializationFailure:        {"PRINCIPAL_DESERIALIZATION_FAILURE", "PrincipalDeserializationException", "Request principal deserialization failed during forwarding. This indicates an internal error on the broker cluster security setup.", false},
	SnapshotNotFound:                       {"SNAPSHOT_NOT_FOUND", "SnapshotNotFoundException", "Requested snapshot was not found.", false},
	PositionOutOfRange:                     {"POSITION_OUT_OF_RANGE", "PositionOutOfRangeException", "Requested position is not greater than or equal to zero, and less than the size of the snapshot.", false},
	UnknownTopicId:                         {"UNKNOWN_TOPIC_ID", "UnknownTopicIdException", "This server does not host this topic ID.", true},
	DuplicateBrokerRegistration:            {"DUPLICATE_BROKER_REGISTRATION", "DuplicateBrokerRegistrationException", "This broker ID is already in use.", false},
	BrokerIdNotRegistered:                  {"BROKER_ID_NOT_REGISTERED", "BrokerIdNotRegisteredException", "The given broker ID was not registered.", false},
	InconsistentTopicId:                    {"INCONSISTENT_TOPIC_ID", "InconsistentTopicIdException", "The log's topic ID did not match the topic ID in the request.", true},
	InconsistentClusterId:                  {"INCONSISTENT_CLUSTER_ID", "InconsistentClusterIdException", "The clusterId in the request does not match that found on the server.", false},
	TransactionalIdNotFound:                {"TRANSACTIONAL_ID_NOT_FOUND", "TransactionalIdNotFoundException", "The transactionalId could not be found.", false},
	FetchSessionTopicIdError:               {"FETCH_SESSION_TOPIC_ID_ERROR", "FetchSessionTopicIdException", "The fetch session encountered inconsistent topic ID usage.", true},
	IneligibleReplica:                      {"INELIGIBLE_REPLICA", "IneligibleReplicaException", "The new ISR contains at least one ineligible replica.", false},
	NewLeaderElected:                       {"NEW_LEADER_ELECTED", "NewLeaderElectedException", "The AlterPartition request successfully updated the partition state but the leader has changed.", false},
	OffsetMovedToTieredStorage:             {"OFFSET_MOVED_TO_TIERED_STORAGE", "OffsetMovedToTieredStorageException", "The requested offset is moved to tiered storage.", false},
	FencedMemberEpoch:                      {"FENCED_MEMBER_EPOCH", "FencedMemberEpochException", "The member epoch is fenced by the group coordinator. The member must abandon all its partitions and rejoin.", false},
	UnreleasedInstanceId:                   {"UNRELEASED_INSTANCE_ID", "UnreleasedInstanceIdException", "The instance ID is still used by another member in the consumer group. That member must leave first.", false},
	UnsupportedAssignor:                    {"UNSUPPORTED_ASSIGNOR", "UnsupportedAssignorException", "The assignor or its version range is not supported by the consumer group.", false},
	StaleMemberEpoch:                       {"STALE_MEMBER_EPOCH", "StaleMemberEpochException", "The member epoch is stale. The member must retry after receiving its updated member epoch via the ConsumerGroupHeartbeat API.", false},
	MismatchedEndpointType:                 {"MISMATCHED_ENDPOINT_TYPE", "MismatchedEndpointTypeException", "The request was sent to an endpoint of the wrong type.", false},
	UnsupportedEndpointType:                {"UNSUPPORTED_ENDPOINT_TYPE", "UnsupportedEndpointTypeException", "This endpoint type is not supported yet.", false},
	UnknownControllerId:                    {"UNKNOWN_CONTROLLER_ID", "UnknownControllerIdException", "This controller ID is not known.", false},
	UnknownSubscriptionId:                  {"UNKNOWN_SUBSCRIPTION_ID", "UnknownSubscriptionIdException", "Client sent a push telemetry request with an invalid or outdated subscription ID.", false},
	TelemetryTooLarge:                      {"TELEMETRY_TOO_LARGE", "TelemetryTooLargeException", "Client sent a push telemetry request larger than the maximum size the broker will accept.", false},
	InvalidRegistration:                    {"INVALID_REGISTRATION", "InvalidRegistrationException", "The controller has considered the broker registration to be invalid.", false},
	TransactionAbortable:                   {"TRANSACTION_ABORTABLE", "TransactionAbortableException", "The server encountered an error with the transaction. The client can abort the transaction to continue using this transactional ID.", false},
	InvalidRecordState:                     {"INVALID_RECORD_STATE", "InvalidRecordStateException", "The record state is invalid. The acknowledgement of delivery could not be completed.", false},
	ShareSessionNotFound:                   {"SHARE_SESSION_NOT_FOUND", "ShareSessionNotFoundException", "The share session was not found.", true},
	InvalidShareSessionEpoch:               {"INVALID_SHARE_SESSION_EPOCH", "InvalidShareSessionEpochException", "The share session epoch is invalid.", true},
	FencedStateEpoch:                       {"FENCED_STATE_EPOCH", "FencedStateEpochException", "The coordinator rejected the request because the state epoch did not match.", false},
	InvalidVoterKey:                        {"INVALID_VOTER_KEY", "InvalidVoterKeyException", "The voter key doesn't match the receiving replica's key.", false},
	DuplicateVoter:                         {"DUPLICATE_VOTER", "DuplicateVoterException", "The voter is already part of the set of voters.", false},
	VoterNotFound:                          {"VOTER_NOT_FOUND", "VoterNotFoundException", "The voter is not part of the set of voters.", false},
	InvalidRegularExpression:               {"INVALID_REGULAR_EXPRESSION", "InvalidRegularExpression", "The regular expression is not valid.", false},
	RebootstrapRequired:                    {"REBOOTSTRAP_REQUIRED", "RebootstrapRequiredException", "Client metadata is stale. The client should rebootstrap to obtain new metadata.", false},
	StreamsInvalidTopology:                 {"STREAMS_INVALID_TOPOLOGY", "StreamsInvalidTopologyException", "The supplied topology is invalid.", false},
	StreamsInvalidTopologyEpoch:            {"STREAMS_INVALID_TOPOLOGY_EPOCH", "StreamsInvalidTopologyEpochException", "The supplied topology epoch is invalid.", false},
	StreamsTopologyFenced:                  {"STREAMS_TOPOLOGY_FENCED", "StreamsTopologyFencedException", "The supplied topology epoch is outdated.", false},
	ShareSessionLimitReached:               {"SHARE_SESSION_LIMIT_REACHED", "ShareSessionLimitReachedException", "The limit of share sessions has been reached.", true},
	GroupDeletionFailed:                    {"GROUP_DELETION_FAILED", "GroupDeletionFailedException", "DeleteGroups could not complete; see the error message on the per-group result for details.", false},
	StreamsTopologyDescriptionUpdateFailed: {"STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED", "StreamsTopologyDescriptionUpdateFailedException", "The broker could not process the topology description update; see the error message for details.", false},
	ControllerIdNotRegistered:              {"CONTROLLER_ID_NOT_REGISTERED", "ControllerIdNotRegisteredException", "The given controller ID was not registered.", false},
}

// Name is Kafka's constant name, such as UNKNOWN_TOPIC_OR_PARTITION.
func (c Code) Name() string {
	if i, ok := table[c]; ok {
		return i.name
	}
	return "UNKNOWN_CODE_" + strconv.Itoa(int(c))
}

// Message is the default message of Kafka's clients for the code; empty for None.
func (c Code) Message() string { return table[c].message }

// Exception is the simple class name of the Java client's exception, as the
// command-line tools print it; empty for None.
func (c Code) Exception() string { return table[c].exception }

// Retriable reports whether a client may send the same request again.
func (c Code) Retriable() bool { return table[c].retriable }

// Error makes Code an error: its default message.
func (c Code) Error() string {
	if m := table[c].message; m != "" {
		return m
	}
	return c.Name()
}

// Error is a Code with a message of its own, as responses that have an
// ErrorMessage field carry it.
type Error struct {
	Code Code
	Msg  string
}

// With gives c a message of its own.
func (c Code) With(msg string) *Error { return &Error{Code: c, Msg: msg} }

func (e *Error) Error() string { return e.Msg }

// Unwrap lets errors.Is(err, kerr.X) see the code.
func (e *Error) Unwrap() error { return e.Code }

// Of is the code of err: None for nil, UnknownServerError for an error that
// carries none.
func Of(err error) Code {
	if err == nil {
		return None
	}
	var c Code
	if errors.As(err, &c) {
		return c
	}
	return UnknownServerError
}
