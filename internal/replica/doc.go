// Package replica is this broker's partitions: it makes them when the metadata
// says so, finds them by name or id without allocating, drives what they need
// from time to time, and puts them away at shutdown.
//
//	set, err := replica.New(replica.Options{…})          // lists directories, opens no log
//	set.Apply(delta, image, now)                         // become leader, follower; create, delete
//	p, code := set.Partition(topicBytes, index)          // handlers
//	p, code := set.PartitionByID(topicID, index)
//	set.Close(brokerEpoch, now)                          // clean shutdown
//
// Source: ReplicaManager and LogManager of Apache Kafka 4.3; KIP-516 (topic
// ids), KIP-858 (directory ids).
package replica
