// Package replica is this broker's partitions: it makes them when the metadata
// says so, finds them by name or id without allocating, drives what they need
// from time to time, and puts them away at shutdown.
//
//	set := replica.New(replica.Options{…})
//	set.Start(image, now)              // logs the metadata does not know are put aside
//	set.Apply(delta, image, now)       // become leader, follower; create, delete; settings
//	p, code := set.Partition(topicBytes, index)
//	p, code := set.PartitionByID(topicID, index)
//	set.Close(brokerEpoch, now)        // clean shutdown
//
// # Cost
//
// A partition nobody uses is a few hundred bytes here and in storage; its log
// is opened when it is first read or written. Start and Apply open no log, so
// ten thousand partitions are ready in a fraction of a second.
//
// # Concurrency
//
// Apply, Start and Close are for one goroutine (the metadata publisher); the
// lookups are for everyone. Topics lie in shards by name and by id, each with a
// lock that is held for the lookup alone. Two goroutines do the periodic work,
// one what is quick, one what may wait for the disk; Close ends both.
//
// Source: ReplicaManager and LogManager of Apache Kafka 4.3; KIP-516 (topic
// ids), KIP-858 (directory ids).
package replica
