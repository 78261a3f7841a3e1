// Package partition is one replica of one partition on this broker: who leads
// it, what may be read, when an append counts as committed, and who waits for
// that. core.go decides and is pure; partition.go and the files beside it are
// the shell over storage.Log.
//
// # Calling
//
// All methods of Partition are safe for concurrent use. Append, AppendGroup and
// Read take request structs with their result inside; the caller keeps and
// reuses them, so that a request in steady state allocates nothing.
//
// A produce:
//
//	a.Records, a.Acks, a.Now = view, acks, now // aliases the frame, is patched in place
//	p.Append(&a, &woken)
//	if a.Code == kerr.None && acks == -1 && !a.Committed {
//		if !p.Park(&w, partition.WaitCommitted, a.Required, a.LeaderEpoch) {
//			// over already; when woken too:
//			done, code := p.Committed(a.Required, a.LeaderEpoch)
//		}
//	}
//
// A fetch:
//
//	p.Read(&r, &woken) // r.Records is a piece of a file; r.Release() when sent
//	if too little {
//		if !p.Park(&w, partition.WaitVisible, r.Bound, r.Epoch) {
//			// something came since: read again
//		}
//	}
//
// Append, Origin and the epochs of Read have no useful zero value where a field
// means "not told": set model.NoEpoch, model.NoBroker.
//
// # Waiting
//
// A parked request is a Waiter in the partition's list: no goroutine, no timer.
// Whoever makes a parked request ready collects it in a Woken and calls
// Woken.Fire at the end of its pass, without locks held. Deadlines are the
// business of the caller, who holds all waiters in one timing wheel and calls
// Waiter.Unpark when one is over. See wait.go.
//
// # Locks
//
// A partition has two mutexes, taken in this order: write serializes what
// changes the log (appends, truncation, leadership, load), state guards core
// and the list of waiters and is held for a few instructions only. Reads take
// state alone. Neither is held across an fsync or while waiters are fired; write
// is held across the write system call.
//
// Source: kafka.cluster.Partition, UnifiedLog and ReplicaManager of Apache
// Kafka 4.3; KIP-101, KIP-279, KIP-320 (leader epochs), KIP-497 and KIP-966
// (ISR), KIP-392 (reading from followers).
package partition
