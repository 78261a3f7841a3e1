package record

import (
	"slices"

	"gregor/internal/model"
)

// Origin says who appends, and so how much is checked (Kafka's AppendOrigin).
type Origin uint8

// The origins.
const (
	// Client is a produce request: everything is checked.
	Client Origin = iota
	// Coordinator is the broker itself, for internal topics and transaction
	// markers: epochs are checked, sequence numbers are not.
	Coordinator
	// Replication is a follower: the leader has checked.
	Replication
)

// keptBatches is how many of a producer's last batches are remembered to tell
// a retry from new data; it bounds max.in.flight.requests.per.connection of
// idempotent clients.
const keptBatches = 5

// Producers is what one partition knows of its idempotent and transactional
// producers: the last sequence numbers and epochs of each, and the open
// transactions. It is a fold over the batches of the log: Apply is called for
// each, in order, and Check before a leader appends one.
//
// The zero value is an empty table; it costs 16 bytes until a producer shows
// up. Not safe for concurrent use.
type Producers struct {
	end model.Offset
	t   *table
}

type table struct {
	byID map[model.ProducerID]*producer
	// verify holds the producers whose transaction is being verified (KIP-890).
	verify map[model.ProducerID]*verification
	guards uint64
	// open are the transactions without a marker yet, by first offset.
	open []openTxn
	// done are the transactions whose marker is not below the high watermark
	// yet, by first offset.
	done []doneTxn
}

type openTxn struct {
	first model.Offset
	id    model.ProducerID
}

type doneTxn struct{ first, last model.Offset }

// producer is one producer's state.
//
// *Invariant:* batches[:n] are in the order they were appended, all of epoch.
type producer struct {
	lastTime   model.Millis
	txnFirst   model.Offset // model.NoOffset when no transaction is open
	coordEpoch int32
	epoch      model.ProducerEpoch
	n          uint8
	batches    [keptBatches]batchMeta
}

type batchMeta struct {
	lastOffset model.Offset
	time       model.Millis
	lastSeq    int32
	delta      int32 // lastOffset - first offset
}

func (m *batchMeta) firstSeq() int32 { return SubSequence(m.lastSeq, m.delta) }

func (p *producer) empty() bool { return p == nil || p.n == 0 }

func (p *producer) lastSeq() int32 {
	if p.empty() {
		return NoSequence
	}
	return p.batches[p.n-1].lastSeq
}

func (p *producer) setEpoch(e model.ProducerEpoch) {
	if p.epoch != e {
		p.epoch, p.n = e, 0
	}
}

func (p *producer) add(m batchMeta) {
	if p.n == keptBatches {
		copy(p.batches[:], p.batches[1:])
		p.n--
	}
	p.batches[p.n] = m
	p.n++
}

// CompletedTxn is a transaction that a marker ended.
type CompletedTxn struct {
	Producer model.ProducerID
	// First is the offset of the transaction's first record, Last that of the
	// marker.
	First, Last model.Offset
	Aborted     bool
	// LastStable is the last stable offset once the transaction counts as
	// done: the first offset of the next open transaction, else Last+1. It
	// stands in the transaction index.
	LastStable model.Offset
}

// ProducerInfo is one producer as DescribeProducers shows it.
type ProducerInfo struct {
	ID               model.ProducerID
	Epoch            model.ProducerEpoch
	LastSequence     int32
	LastTimestamp    model.Millis
	CoordinatorEpoch int32
	// TxnFirst is the first offset of the open transaction, or model.NoOffset.
	TxnFirst model.Offset
}

// End is the offset up to which (exclusive) the log was folded in.
func (ps *Producers) End() model.Offset { return ps.end }

// SetEnd says that the log was folded in up to o, also when the batches before
// it had no producer.
func (ps *Producers) SetEnd(o model.Offset) { ps.end = o }

// Reset empties the table and sets End to o.
func (ps *Producers) Reset(o model.Offset) { *ps = Producers{end: o} }

// Len is the number of producers known.
func (ps *Producers) Len() int {
	if ps.t == nil {
		return 0
	}
	return len(ps.t.byID)
}

// Empty reports whether there is neither a producer nor a transaction that
// waits for the high watermark.
func (ps *Producers) Empty() bool {
	return ps.t == nil || len(ps.t.byID) == 0 && len(ps.t.done) == 0
}

func (ps *Producers) get(id model.ProducerID) *producer {
	if ps.t == nil {
		return nil
	}
	return ps.t.byID[id]
}

func (ps *Producers) mutable() *table {
	if ps.t == nil {
		ps.t = &table{byID: make(map[model.ProducerID]*producer)}
	}
	return ps.t
}

// Each calls f for every producer, in no order, until f returns false.
func (ps *Producers) Each(f func(ProducerInfo) bool) {
	if ps.t == nil {
		return
	}
	for id, p := range ps.t.byID {
		if !f(ProducerInfo{
			ID: id, Epoch: p.epoch, LastSequence: p.lastSeq(), LastTimestamp: p.lastTime,
			CoordinatorEpoch: p.coordEpoch, TxnFirst: p.txnFirst,
		}) {
			return
		}
	}
}

// Expire forgets the producers without an open transaction that have not
// written for expiry (producer.id.expiration.ms), and verifications as old.
func (ps *Producers) Expire(now model.Millis, expiry model.Millis) {
	if ps.t == nil {
		return
	}
	for id, p := range ps.t.byID {
		if p.expired(now, expiry) {
			delete(ps.t.byID, id)
		}
	}
	for id, v := range ps.t.verify {
		if now-v.since >= expiry {
			delete(ps.t.verify, id)
		}
	}
	if len(ps.t.byID) == 0 && len(ps.t.verify) == 0 && len(ps.t.open) == 0 && len(ps.t.done) == 0 && ps.t.guards == 0 {
		ps.t = nil
	}
}

func (p *producer) expired(now, expiry model.Millis) bool {
	return p.txnFirst == model.NoOffset && now-p.lastTime >= expiry
}

// FirstUnstable is the first offset that read_committed consumers may not see
// yet: that of the oldest transaction that is open, or whose marker the high
// watermark has not passed. ok is false when there is none.
func (ps *Producers) FirstUnstable() (o model.Offset, ok bool) {
	if ps.t == nil {
		return 0, false
	}
	if len(ps.t.open) > 0 {
		o, ok = ps.t.open[0].first, true
	}
	if len(ps.t.done) > 0 && (!ok || ps.t.done[0].first < o) {
		o, ok = ps.t.done[0].first, true
	}
	return o, ok
}

// FirstUndecided is the first offset of the oldest open transaction.
func (ps *Producers) FirstUndecided() (o model.Offset, ok bool) {
	if ps.t == nil || len(ps.t.open) == 0 {
		return 0, false
	}
	return ps.t.open[0].first, true
}

// OldestTxnTime is the time of the last write of the producer whose open
// transaction is the oldest; ok is false when none is open.
func (ps *Producers) OldestTxnTime() (t model.Millis, ok bool) {
	if ps.t == nil || len(ps.t.open) == 0 {
		return 0, false
	}
	p := ps.t.byID[ps.t.open[0].id]
	if p == nil {
		return 0, false
	}
	return p.lastTime, true
}

// PassedHighWatermark forgets the ended transactions whose marker lies below
// hw, which lets FirstUnstable move on.
func (ps *Producers) PassedHighWatermark(hw model.Offset) {
	if ps.t == nil || len(ps.t.done) == 0 {
		return
	}
	ps.t.done = slices.DeleteFunc(ps.t.done, func(d doneTxn) bool { return d.last < hw })
}

// AdvanceLogStart follows a log whose start moved to o. Producers are kept:
// their state may outlive their records.
func (ps *Producers) AdvanceLogStart(o model.Offset) {
	ps.PassedHighWatermark(o)
	ps.end = max(ps.end, o)
}

// Apply folds in an appended batch, whoever appended it, and sets End behind
// it. It reports the transaction that the batch ended, if it did.
func (ps *Producers) Apply(b Batch) (done CompletedTxn, ok bool) {
	ps.end = b.NextOffset()
	if b.Magic() < Magic || !b.HasProducer() {
		return CompletedTxn{}, false
	}
	if b.Control() {
		return ps.applyMarker(b)
	}
	p := ps.touch(b.ProducerID())
	p.setEpoch(b.ProducerEpoch())
	p.add(batchMeta{
		lastOffset: b.LastOffset(), time: b.MaxTimestamp(),
		lastSeq: b.LastSequence(), delta: b.LastOffsetDelta(),
	})
	p.lastTime = b.MaxTimestamp()
	if b.Transactional() && p.txnFirst == model.NoOffset {
		p.txnFirst = b.BaseOffset()
		ps.t.insertOpen(openTxn{b.BaseOffset(), b.ProducerID()})
	}
	ps.verified(b)
	return CompletedTxn{}, false
}

// verified drops a verification once the transaction is written or ended.
// A marker of transactions version 2 leaves that of the producer's next
// transaction, whose epoch it bears, alone.
func (ps *Producers) verified(b Batch) {
	v := ps.verification(b.ProducerID())
	if v == nil || !b.Transactional() || v.bumpable && b.Control() && b.ProducerEpoch() == v.epoch {
		return
	}
	delete(ps.t.verify, b.ProducerID())
}

func (ps *Producers) touch(id model.ProducerID) *producer {
	t := ps.mutable()
	p := t.byID[id]
	if p == nil {
		p = &producer{epoch: NoProducerEpoch, coordEpoch: -1, lastTime: NoTimestamp, txnFirst: model.NoOffset}
		t.byID[id] = p
	}
	return p
}

func (ps *Producers) applyMarker(b Batch) (CompletedTxn, bool) {
	m, time, ok := MarkerOf(b)
	if !ok {
		return CompletedTxn{}, false
	}
	p := ps.touch(b.ProducerID())
	first := p.txnFirst
	p.setEpoch(b.ProducerEpoch())
	p.coordEpoch, p.lastTime, p.txnFirst = m.CoordinatorEpoch, time, model.NoOffset
	ps.verified(b)
	if first == model.NoOffset {
		return CompletedTxn{}, false
	}
	t := ps.t
	t.open = slices.DeleteFunc(t.open, func(o openTxn) bool { return o.first == first })
	t.insertDone(doneTxn{first, b.BaseOffset()})
	c := CompletedTxn{
		Producer: b.ProducerID(), First: first, Last: b.BaseOffset(),
		Aborted: !m.Commit, LastStable: b.BaseOffset() + 1,
	}
	if len(t.open) > 0 {
		c.LastStable = t.open[0].first
	}
	return c, true
}

func (t *table) insertOpen(o openTxn) {
	i, _ := slices.BinarySearchFunc(t.open, o, func(a, b openTxn) int { return int(a.first - b.first) })
	t.open = slices.Insert(t.open, i, o)
}

func (t *table) insertDone(d doneTxn) {
	i, _ := slices.BinarySearchFunc(t.done, d, func(a, b doneTxn) int { return int(a.first - b.first) })
	t.done = slices.Insert(t.done, i, d)
}
