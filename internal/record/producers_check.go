package record

import (
	"gregor/internal/kerr"
	"gregor/internal/model"
)

// Guard proves that the coordinator has confirmed a transaction before its
// first write here (KIP-890). NoGuard proves nothing.
type Guard uint64

// NoGuard is the guard of whoever did not verify.
const NoGuard Guard = 0

// verification is a producer's transaction on its way to be confirmed.
type verification struct {
	since    model.Millis
	guard    Guard
	lowest   int32
	epoch    model.ProducerEpoch
	bumpable bool
}

// Duplicate is a batch that was appended before, as the answer to its retry
// tells it.
type Duplicate struct {
	First, Last model.Offset
	Timestamp   model.Millis
}

// CheckParams is what Check needs besides the batch.
type CheckParams struct {
	// TP is the partition, for messages.
	TP model.TopicPartition
	// Offset is where the batch would stand.
	Offset model.Offset
	Origin Origin
	// Guard is what StartVerification gave, for the first write of a
	// transaction.
	Guard Guard
	// Verify is transaction.partition.verification.enable.
	Verify bool
	// TxnVersion is the transaction.version a marker was written under; 2 and
	// above demand a newer epoch (KIP-1228). Not used for data.
	TxnVersion int16
}

// Check says whether a leader may append b, which has a producer. A non-nil
// error is an *Error with Kafka's code: INVALID_PRODUCER_EPOCH,
// OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_TXN_STATE, TRANSACTION_COORDINATOR_FENCED.
// If b is a retry of one of the producer's last five batches, dup is true: b
// is not appended, and d is the answer. Check changes nothing.
func (ps *Producers) Check(b Batch, c *CheckParams) (d Duplicate, dup bool, err error) {
	p := ps.get(b.ProducerID())
	if c.Origin == Client {
		if m := p.find(b); m != nil {
			return Duplicate{m.lastOffset - model.Offset(m.delta), m.lastOffset, m.time}, true, nil
		}
	}
	if c.Origin == Replication {
		return Duplicate{}, false, nil
	}
	if err := ps.checkTxn(p, b, c); err != nil {
		return Duplicate{}, false, err
	}
	if b.Control() {
		return Duplicate{}, false, p.checkMarker(b, c)
	}
	if err := p.checkEpoch(b, c, -1); err != nil {
		return Duplicate{}, false, err
	}
	if c.Origin == Client {
		if err := ps.checkSequence(p, b, c); err != nil {
			return Duplicate{}, false, err
		}
	}
	if p != nil && p.txnFirst != model.NoOffset && !b.Transactional() {
		return Duplicate{}, false, refuse(kerr.InvalidTxnState,
			"Expected transactional write from producer %d at offset (offset=%d, segment=[-1:-1]) in partition %s", b.ProducerID(), c.Offset, c.TP)
	}
	return Duplicate{}, false, nil
}

// Follows reports whether next may be appended right behind prev, which was
// checked and is not applied yet, without asking Check: both are of the same
// producer and epoch, neither is of a transaction, and the sequence goes on.
// A caller that appends several batches at once asks this first, and applies
// prev before it calls Check if the answer is no.
func Follows(prev, next Batch) bool {
	return prev.ProducerID() == next.ProducerID() && prev.ProducerEpoch() == next.ProducerEpoch() &&
		!prev.Transactional() && !next.Transactional() && !prev.Control() && !next.Control() &&
		inSequence(prev.LastSequence(), next.BaseSequence())
}

func (p *producer) find(b Batch) *batchMeta {
	if p.empty() || b.ProducerEpoch() != p.epoch {
		return nil
	}
	first, last := b.BaseSequence(), b.LastSequence()
	for i := range p.batches[:p.n] {
		if m := &p.batches[i]; m.lastSeq == last && m.firstSeq() == first {
			return m
		}
	}
	return nil
}

// checkTxn refuses a transactional batch that neither continues the producer's
// open transaction nor starts one the coordinator confirmed.
func (ps *Producers) checkTxn(p *producer, b Batch, c *CheckParams) error {
	if !b.Transactional() || p.inTxn(b.ProducerEpoch()) {
		return nil
	}
	if p != nil && b.ProducerEpoch() < p.epoch {
		return staleEpoch(b.ProducerID(), b.ProducerEpoch(), p.epoch)
	}
	if !c.Verify || b.Control() {
		return nil
	}
	v := ps.verification(b.ProducerID())
	if v == nil || c.Guard == NoGuard || v.guard != c.Guard {
		return refuse(kerr.InvalidTxnState, "Record was not part of an ongoing transaction")
	}
	return nil
}

func (p *producer) inTxn(e model.ProducerEpoch) bool {
	return p != nil && p.txnFirst != model.NoOffset && p.epoch == e
}

func staleEpoch(id model.ProducerID, got, seen model.ProducerEpoch) *Error {
	return refuse(kerr.InvalidProducerEpoch, "Epoch of producer %d is %d, which is smaller than the last seen epoch %d", id, got, seen)
}

func (p *producer) checkEpoch(b Batch, c *CheckParams, txnVersion int16) error {
	if p == nil {
		return nil
	}
	e := b.ProducerEpoch()
	cmp := "<"
	bad := e < p.epoch
	if txnVersion >= 2 {
		cmp, bad = "<=", e <= p.epoch
		// A marker that is sent again after it was written: its transaction
		// has ended, so a second marker does no harm (KAFKA-19999).
		if e == p.epoch && (p.txnFirst == model.NoOffset || e == maxEpoch) {
			return nil
		}
	}
	if !bad {
		return nil
	}
	return refuse(kerr.InvalidProducerEpoch, "Epoch of producer %d at offset %d in %s is %d, which is %s the last seen epoch %d (TV%d)",
		b.ProducerID(), c.Offset, c.TP, e, cmp, p.epoch, txnVersion)
}

const maxEpoch model.ProducerEpoch = 1<<15 - 1

func (ps *Producers) checkSequence(p *producer, b Batch, c *CheckParams) error {
	first := b.BaseSequence()
	id := b.ProducerID()
	if v := ps.verification(id); v != nil {
		if v.bumpable && first != 0 && p.empty() {
			return refuse(kerr.OutOfOrderSequenceNumber, "Invalid sequence number for producer %d at offset %d in partition %s: %d"+
				" (incoming seq. number). Expected sequence 0 for transactions v2 idempotent producer with no existing state.",
				id, c.Offset, c.TP, first)
		}
		if first > v.lowest {
			return refuse(kerr.OutOfOrderSequenceNumber, "Out of order sequence number for producer %d at offset %d in partition %s: %d"+
				" (incoming seq. number), %d (earliest seen sequence)", id, c.Offset, c.TP, first, v.lowest)
		}
	}
	// Without state any number is taken: the records that would tell may have
	// been deleted (KIP-360).
	if p == nil || p.epoch == NoProducerEpoch {
		return nil
	}
	if e := b.ProducerEpoch(); e != p.epoch {
		if first != 0 {
			return refuse(kerr.OutOfOrderSequenceNumber, "Invalid sequence number for new epoch of producer %dat offset %d in partition %s: %d (request epoch), %d (seq. number), %d (current producer epoch)",
				id, c.Offset, c.TP, e, first, p.epoch)
		}
		return nil
	}
	if last := p.lastSeq(); !inSequence(last, first) {
		return refuse(kerr.OutOfOrderSequenceNumber, "Out of order sequence number for producer %d at offset %d in partition %s: %d (incoming seq. number), %d (current end sequence number)",
			id, c.Offset, c.TP, first, last)
	}
	return nil
}

func inSequence(last, next int32) bool {
	return int64(next) == int64(last)+1 || next == 0 && last == maxInt32
}

func (p *producer) checkMarker(b Batch, c *CheckParams) error {
	m, _, ok := MarkerOf(b)
	if !ok {
		return nil
	}
	if err := p.checkEpoch(b, c, c.TxnVersion); err != nil {
		return err
	}
	if p != nil && p.coordEpoch > m.CoordinatorEpoch {
		return refuse(kerr.TransactionCoordinatorFenced, "Invalid coordinator epoch for producerId %d at offset %d in partition %s: %d (zombie), %d (current)",
			b.ProducerID(), c.Offset, c.TP, m.CoordinatorEpoch, p.coordEpoch)
	}
	return nil
}

func (ps *Producers) verification(id model.ProducerID) *verification {
	if ps.t == nil || ps.t.verify == nil {
		return nil
	}
	return ps.t.verify[id]
}

// StartVerification begins the first write of a transaction: it returns
// NoGuard if the producer's transaction is open here already, and otherwise
// the guard to pass to Check once the coordinator has confirmed. seq is the
// base sequence of the batch that waits; bumpable says that the producer
// speaks transactions version 2. The error is INVALID_PRODUCER_EPOCH.
func (ps *Producers) StartVerification(id model.ProducerID, e model.ProducerEpoch, seq int32, bumpable bool, now model.Millis) (Guard, error) {
	p := ps.get(id)
	if p != nil && e < p.epoch {
		return NoGuard, staleEpoch(id, e, p.epoch)
	}
	if p.inTxn(e) {
		return NoGuard, nil
	}
	t := ps.mutable()
	if t.verify == nil {
		t.verify = make(map[model.ProducerID]*verification)
	}
	v := t.verify[id]
	if v == nil {
		t.guards++
		v = &verification{since: now, guard: Guard(t.guards), lowest: seq, epoch: e, bumpable: bumpable}
		t.verify[id] = v
	}
	if e == v.epoch && seq < v.lowest {
		v.lowest = seq
	}
	if e > v.epoch {
		v.epoch, v.lowest = e, seq
	}
	return v.guard, nil
}
