// Package controller is the KRaft controller: it decides what is written to the
// metadata log.
//
// # Shape
//
// Every request is decided by a pure function
//
//	(s *state, request, now) -> records, response
//
// in a file per topic: topics.go, partitions.go, isr.go, brokers.go, configs.go,
// features.go, ... They see the tip, the committed image with everything on top
// of it that was appended and is not committed yet, and change nothing.
// controller.go is the shell: one goroutine takes requests and what the metadata
// log says, decides, replays the records into a new tip, appends the records of
// many requests at once, and sends each response when its records are committed.
//
//	c := controller.New(controller.Options{...})
//	log.Register(c)                                // c is the log's listener
//	c.Handle(ctx, request, version, reply)         // any goroutine; reply is called once
//	c.Close()
//
// # Leadership
//
// LeaderChange with this node as the leader makes it active: if the log holds no
// metadata.version yet, the records of kafka-storage format are written first.
// When leadership is lost, or an append fails, everything that is not committed
// is dropped and its requests are answered NOT_CONTROLLER; the image of the last
// commit is still at hand, so nothing is undone record by record.
//
// *Invariant:* the tip is the committed image plus the records of all pending
// appends, in order; every append keeps the image it led to, so that a commit
// only has to move a pointer.
//
// # Limits
//
// At most Options.MaxQueue requests wait for the loop; more are answered with a
// timeout, which clients retry. A request may write at most
// 10,000 records (Kafka's limit).
//
// Source: QuorumController, ReplicationControlManager, ClusterControlManager,
// ConfigurationControlManager, FeatureControlManager, BrokerHeartbeatManager
// of Apache Kafka 4.3; KIP-631, KIP-704, KIP-858, KIP-866, KIP-966.
package controller
