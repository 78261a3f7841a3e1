package partition

import (
	"errors"
	"fmt"
	"sync"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record"
)

// Append checks, numbers and appends a.Records as leader. Waiters that this
// makes ready are collected in woken; fire it when the pass is over.
func (p *Partition) Append(a *Append, woken *Woken) {
	a.clear()
	p.prepare(a, p.cfg.Load())
	if a.Code != kerr.None {
		return
	}
	p.combine(a, nil, woken)
}

// AppendGroup is Append for several batches of one pass, in order; those that
// pass the checks are written with one system call where possible. Each has
// its own result, and one that is refused does not keep the next from being
// appended.
func (p *Partition) AppendGroup(as []*Append, woken *Woken) {
	cfg := p.cfg.Load()
	ready := 0
	for _, a := range as {
		a.clear()
		p.prepare(a, cfg)
		if a.Code == kerr.None {
			ready++
		}
	}
	if ready > 0 {
		p.combine(nil, as, woken)
	}
}

func (a *Append) clear() {
	a.Code, a.Message, a.RecordErrors, a.Err = kerr.None, "", nil, nil
	a.BaseOffset, a.LastOffset, a.LogStart, a.Required = model.NoOffset, model.NoOffset, model.NoOffset, model.NoOffset
	a.LogAppendTime, a.LeaderEpoch = record.NoTimestamp, model.NoEpoch
	a.Committed, a.Duplicate = false, false
	a.Appended, a.Bytes, a.batch = 0, 0, nil
}

// fail sets the result to an error. Kafka tells the log start with some codes
// only (ReplicaManager.appendToLocalLog), and the message only with errors
// about single records.
func (a *Append) fail(err error, logStart model.Offset) {
	a.Err, a.Code = err, kerr.Of(err)
	a.batch = nil
	switch a.Code {
	case kerr.UnknownTopicOrPartition, kerr.NotLeaderOrFollower, kerr.MessageTooLarge, kerr.RecordListTooLarge,
		kerr.CorruptMessage, kerr.KafkaStorageError, kerr.UnknownTopicId:
	default:
		a.LogStart = logStart
	}
	var re *record.Error
	if errors.As(err, &re) && len(re.Records) > 0 {
		a.Message, a.RecordErrors = re.Msg, re.Records
	}
}

// prepare does what needs no lock: it checks the batch and rewrites it if the
// topic wants it so.
func (p *Partition) prepare(a *Append, cfg *Config) {
	var b record.Batch
	var err error
	if a.Origin == record.Client {
		// The version only matters to zstd before version 7, which the
		// handler has refused.
		b, err = record.CheckProduce(a.Records, 9)
	} else {
		b, err = oneBatch(a.Records)
	}
	if err != nil {
		a.fail(err, model.NoOffset)
		return
	}
	p.state.Lock()
	err = p.mayAppend(a)
	p.state.Unlock()
	if err != nil {
		a.fail(err, p.log.LogStart())
		return
	}
	var v record.Valid
	v, a.buf, err = record.Validate(b, cfg.Rules, p.Name(), a.Origin, a.Now, a.buf)
	if err != nil {
		a.fail(err, p.log.LogStart())
		return
	}
	a.batch = v.Batch
	if cfg.Rules.LogAppendTime {
		a.LogAppendTime = a.Now
	}
}

func oneBatch(records []byte) (record.Batch, error) {
	b, rest, err := record.Next(records)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes behind the batch", len(rest))
	}
	if err != nil {
		return nil, kerr.InvalidRecord.With(fmt.Sprintf("append by a coordinator is not one batch: %v", err))
	}
	return b, nil
}

// mayAppend checks the role; state is held.
func (p *Partition) mayAppend(a *Append) error {
	if p.state.gone != kerr.None {
		return p.state.gone
	}
	code, msg := p.state.core.mayAppend(a.Acks, a.Epoch)
	switch {
	case code == kerr.None:
		return nil
	case msg != "":
		return code.With(msg + " for partition " + p.Name().String())
	}
	return code
}

// pass is one turn of appending: the batches that passed the checks and await
// one write. Pooled; its slices grow to the size of the largest turn.
type pass struct {
	units  [][]byte
	owners []*Append
	next   model.Offset // of the next batch
	epoch  model.LeaderEpoch
	woken  *Woken
}

var passes = sync.Pool{New: func() any { return new(pass) }}

// appendWriting appends the batches of one turn; write is held.
func (p *Partition) appendWriting(t *pass, a *Append) {
	if a.batch == nil {
		return
	}
	if code := p.admit(t, a); code != nil {
		a.fail(code, p.log.LogStart())
		return
	}
	b := a.batch
	if b.HasProducer() && !p.producerAllows(t, a) {
		return
	}
	b.SetBaseOffset(t.next)
	b.SetLeaderEpoch(t.epoch)
	a.BaseOffset, a.LastOffset, a.LeaderEpoch = t.next, b.LastOffset(), t.epoch
	t.next = b.NextOffset()
	t.units, t.owners = append(t.units, b), append(t.owners, a)
}

// admit looks at the role again, now that it cannot change, and opens the log
// for the first batch.
func (p *Partition) admit(t *pass, a *Append) error {
	if t.next == model.NoOffset {
		if c := p.openWriting(a.Now, t.woken); c != kerr.None {
			return c
		}
	}
	p.state.Lock()
	defer p.state.Unlock()
	if err := p.mayAppend(a); err != nil {
		return err
	}
	p.state.used = max(p.state.used, a.Now)
	if t.next == model.NoOffset {
		t.next, t.epoch = p.state.core.logEnd, p.state.core.epoch
	}
	return nil
}

// producerAllows checks sequence, epoch and transaction. false: a has its
// result, as an error or as a duplicate.
func (p *Partition) producerAllows(t *pass, a *Append) bool {
	for i := len(t.units) - 1; i >= 0; i-- {
		if prev := record.Batch(t.units[i]); prev.ProducerID() == a.batch.ProducerID() {
			if a.Origin == record.Client && t.owners[i].Origin == record.Client && record.Follows(prev, a.batch) {
				return true
			}
			// The producer's state must be up to date before it is asked.
			p.flush(t)
			break
		}
	}
	if a.batch == nil {
		return false
	}
	c := record.CheckParams{
		TP: p.Name(), Offset: t.next, Origin: a.Origin, Guard: a.Guard, TxnVersion: a.TxnVersion,
		Verify: p.env.VerifyTxns != nil && p.env.VerifyTxns.Load(),
	}
	d, dup, err := p.producers().Check(a.batch, &c)
	switch {
	case err != nil:
		a.fail(err, p.log.LogStart())
	case dup:
		p.duplicate(a, d)
	}
	return err == nil && !dup
}

// duplicate answers a retry as the first attempt was.
func (p *Partition) duplicate(a *Append, d record.Duplicate) {
	p.state.Lock()
	defer p.state.Unlock()
	c := &p.state.core
	a.Duplicate = true
	a.BaseOffset, a.LastOffset, a.LogAppendTime = d.First, d.Last, d.Timestamp
	a.LogStart, a.LeaderEpoch, a.Required = c.logStart, c.epoch, d.Last+1
	a.Committed = c.highWatermark >= a.Required
}

// flush writes what has gathered and settles the results; write is held.
func (p *Partition) flush(t *pass) {
	if len(t.units) == 0 {
		return
	}
	n, err := p.log.Append(t.units, t.owners[0].Now)
	if n > 0 {
		bytes := int64(0)
		for _, u := range t.units[:n] {
			bytes += int64(len(u))
		}
		p.appended(t, n, bytes)
	}
	if err != nil && n == len(t.units) {
		// All is written, but the sync that flush.messages asks for failed.
		n = 0
	}
	for _, a := range t.owners[n:] {
		a.BaseOffset, a.LastOffset, a.LogAppendTime = model.NoOffset, model.NoOffset, record.NoTimestamp
		a.Appended, a.Bytes, a.Committed, a.Required = 0, 0, false, model.NoOffset
		a.fail(wrap(err), p.log.LogStart())
	}
	clear(t.units)
	clear(t.owners)
	t.units, t.owners = t.units[:0], t.owners[:0]
	t.next = p.log.LogEnd()
}

// wrap gives an error of storage Kafka's code and keeps its text.
func wrap(err error) error {
	if err == nil {
		return kerr.UnknownServerError.With("append was cut short without a reason")
	}
	return code(err).With(err.Error())
}

// appended moves the offsets after the first n owners' batches were written,
// and tells them and who waits.
func (p *Partition) appended(t *pass, n int, bytes int64) {
	unstable := p.unstable()
	p.state.Lock()
	c := &p.state.core
	e := c.appended(p.log.LogEnd(), unstable, t.owners[0].Now, p.env.LagMax, p.env.Peers)
	if c.rf != nil {
		// How much of it the high watermark has passed is not known here.
		bytes = wakeAnyway
	}
	p.wake(e, bytes, t.woken)
	if e.highWatermark && unstable != model.NoOffset {
		p.producers().PassedHighWatermark(c.highWatermark)
		p.wake(c.decided(p.unstable()), wakeAnyway, t.woken)
	}
	hw, start := c.highWatermark, c.logStart
	p.state.Unlock()
	for _, a := range t.owners[:n] {
		a.Required = a.LastOffset + 1
		a.Committed = hw >= a.Required
		a.LogStart = start
		a.Appended, a.Bytes = int(a.batch.Count()), len(a.batch)
	}
}
