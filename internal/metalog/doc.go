// Package metalog is the shell of internal/raft: the log of __cluster_metadata,
// its snapshots, the quorum-state file, the raft RPCs; and the way from the
// quorum to this node's controller and broker.
//
//	l, err := metalog.Open(metalog.Options{...})   // reads files; nothing runs yet
//	l.Register(controller)
//	l.Register(brokerLoader)
//	l.Start()                                      // a quorum of one has elected itself when it returns
//	last, err := l.Append(epoch, records)          // only the leader of epoch
//	l.HandleRPC(listener, req, version, reply)     // Vote, Fetch, FetchSnapshot, ...
//	l.WriteSnapshot(id, lastContainedLogTime, records)
//	l.Resign(epoch)
//	l.Close()
//
// # Listeners
//
// A Listener gets everything that is committed, once and in order, from one
// goroutine of its own:
//
//	type Listener interface {
//		LoadSnapshot(*SnapshotReader)                     // forget all, begin with this
//		Commit(Batch)                                     // the next batch
//		LeaderChange(model.BrokerID, model.LeaderEpoch)   // in order with the batches
//	}
//
// LoadSnapshot comes first if there is a snapshot, and again when this node fell
// so far behind that the leader sent one. The checkpoint of kafka-storage format
// (id 0-0) is not committed and not delivered: Log.Bootstrap returns its records,
// and the first active controller appends them, as Kafka's does. A node hears of its own
// leadership after it was given every record before its epoch and the record
// that opens it, so that it decides on the full state. A listener that is slow holds up nobody
// but itself.
//
// # Durability
//
// Append assigns offsets and returns; one goroutine writes what has gathered
// and syncs it once. While a sync runs the next group gathers, so many waiting
// appends cost one fdatasync, and a lone append does not wait for company:
// controller.quorum.append.linger.ms, the longest an append may wait, is met
// without waiting. The high watermark counts this node's copy only when synced.
// A failed write or sync calls OnFatal: the node must stop.
//
// # Bad data
//
// A torn tail after the last sync is cut off when the log is opened. Anything
// else that cannot be read (a damaged snapshot, a batch with a bad CRC below
// the end, a record of an unknown type or version) is an *Error with file and
// offset, and the node does not start, or stops: it never guesses.
package metalog
