// Package raft is the consensus core of the metadata quorum: Kafka's KRaft
// (KIP-595, KIP-630 snapshots, KIP-853 voter changes, KIP-996 pre-vote) as a
// pure state machine. It decides; internal/metalog does.
//
// A Node takes events (requests, responses, the passing of time, facts about
// what the shell wrote) and returns effects as values. The shell performs them
// in the order given, one after the other, before it hands in the next event:
//
//	n := raft.New(cfg, init)
//	n.Start(now)
//	for {
//		perform(n.Effects())            // Persist, Send, Reply, Write..., in order
//		ev := wait until n.Deadline()   // or an event
//		n.Tick(now) / n.Request(...) / n.Response(...) / n.Written(...)
//	}
//
// # What the shell promises
//
//   - Persist is durable before the effect that follows it is performed.
//   - WriteFetched with Sync is durable before the effect that follows it.
//   - AppendControl is written behind everything that was appended before it,
//     and reported by Written, before the next event.
//   - Synced(end) is called only when everything below end is durable.
//   - An effect that cannot be performed (a failed write or fsync) ends the
//     node: nothing is known about the disk any more.
//
// # Roles
//
// One file per role. A voter goes from unattached to prospective (asks for
// pre-votes), candidate (a new epoch, its own vote made durable), leader, and
// back; follower fetches; resigned is a leader that has given up its epoch and
// tells the others. voted.go holds the vote rules shared by unattached and
// prospective. Who is no voter is an observer: it is only ever unattached or
// follower (observer.go).
//
// # Invariants
//
// Asserted here and checked over whole simulated clusters in the tests: at most
// one leader per epoch; a node's epoch and high watermark never go back; a
// vote, once given, holds for its epoch, also across a crash; nothing below a
// high watermark is truncated; a leader counts its own copy only when synced.
package raft
