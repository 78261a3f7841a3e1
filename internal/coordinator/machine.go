package coordinator

import (
	"gregor/internal/model"
	"gregor/internal/wire"
)

// Machine is the state machine of one shard. Its methods are called by one
// goroutine at a time, and none of them blocks. State that outlives the shard
// changes in Replay and ReplayMarker only, and is kept in Maps.
type Machine interface {
	// Replay applies a record. An error fails the load or the operation: only
	// a bug or a damaged log causes one.
	Replay(r *Record) error
	// ReplayMarker applies the end of a transaction.
	ReplayMarker(id model.ProducerID, epoch model.ProducerEpoch, commit bool)
	// Loaded is called once all of the log is replayed, before the first
	// operation.
	Loaded(out *Out)
	// Unloaded is called when the shard ends: requests that the machine has
	// parked are to be answered.
	Unloaded()
}

// Out takes what a decision yields.
type Out struct {
	// Now is the time of the decision.
	Now model.Millis

	records  []outRecord
	noReplay bool
	atomic   bool
	then     func(err error, out *Out)
}

type outRecord struct {
	key, value wire.Record
	version    int16
}

// Put adds a record. The messages must not change any more.
func (o *Out) Put(key, value wire.Record, version int16) {
	o.records = append(o.records, outRecord{key, value, version})
}

// Tombstone adds a record that deletes key.
func (o *Out) Tombstone(key wire.Record) { o.Put(key, nil, 0) }

// Len is the number of records so far.
func (o *Out) Len() int { return len(o.records) }

// NoReplay has the records written and not replayed: what they say is the
// machine's state already.
func (o *Out) NoReplay() { o.noReplay = true }

// Atomic has all records written in one batch.
func (o *Out) Atomic() { o.atomic = true }

// Then has fn called when the records are committed, or, with the error, when
// they cannot be. What fn puts into its own Out is written as well.
func (o *Out) Then(fn func(err error, out *Out)) { o.then = fn }

func (o *Out) reset(now model.Millis) {
	clear(o.records)
	*o = Out{Now: now, records: o.records[:0]}
}
