// Package group is Kafka's groups: members that share the partitions of topics
// among themselves, and the offsets they have read to. It is pure; it runs on
// the shards of internal/coordinator, one for each partition of
// __consumer_offsets.
//
//	s := group.New(group.Options{…}); s.Start()
//	s.Publish(delta, image)                       // elections, deleted topics
//	s.JoinGroup(ctx, request, func(*wire.JoinGroupResponse) { … })
//	s.Close()
//
// A method of Service answers through its last argument, exactly once: before
// it returns or later, from any goroutine. The request must stay as it is until
// then; nothing of it is kept afterwards.
//
// # Classic groups
//
// Members elect a leader among themselves that assigns (KIP-62, 345, 394, 559,
// 800, 814):
//
//	Empty ──join──▶ PreparingRebalance ──all joined, or time is up──▶ CompletingRebalance
//	  ▲                 ▲    │                                          │         │
//	  └──nobody left────┼────┘              ┌──member joins, leaves, is lost      │ leader's
//	                    └───────────────────┤                                     │ SyncGroup
//	                                        └────────────── Stable ◀──────────────┘
//
// The members and the state of a group are soft: they change at once, and only
// a finished generation is written (GroupMetadataValue). Offsets are hard: they
// change by replay.
//
// Other kinds of groups have records in the same topic; those found there are
// remembered by name and kind, so that a classic group cannot take their place.
//
// Source: GroupMetadataManager, ClassicGroup, OffsetMetadataManager and
// GroupCoordinatorService of Apache Kafka 4.3.
package group
