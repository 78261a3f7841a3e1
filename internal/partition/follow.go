package partition

import (
	"gregor/internal/kerr"
	"gregor/internal/model"
)

// Followed is a piece of the leader's log, as a follower's fetch brought it.
type Followed struct {
	// Records are whole batches, not kept.
	Records []byte
	// Epoch is the leader epoch the fetch was made under; a later one refuses
	// the records.
	Epoch model.LeaderEpoch
	// HighWatermark and LogStart are the leader's.
	HighWatermark, LogStart model.Offset
	Now                     model.Millis
}

// AppendFollower appends what was fetched from the leader and takes over its
// high watermark and log start. The error carries Kafka's code;
// NOT_LEADER_OR_FOLLOWER means that the fetch is out of date.
func (p *Partition) AppendFollower(f *Followed, woken *Woken) error {
	p.write.Lock()
	defer p.write.Unlock()
	if c := p.openWriting(f.Now, woken); c != kerr.None {
		return c
	}
	p.state.Lock()
	stale := p.state.core.leads() || p.state.core.epoch != f.Epoch
	p.state.used = max(p.state.used, f.Now)
	p.state.Unlock()
	if stale {
		return kerr.NotLeaderOrFollower
	}
	if len(f.Records) > 0 {
		if _, err := p.log.AppendFollower([][]byte{f.Records}, f.Now); err != nil {
			return wrap(err)
		}
	}
	if start := min(f.LogStart, p.log.LogEnd()); start > p.log.LogStart() {
		if _, err := p.log.SetLogStart(start); err != nil {
			return wrap(err)
		}
	}
	unstable := p.unstable()
	p.state.Lock()
	e := p.state.core.followed(p.log.LogStart(), p.log.LogEnd(), f.HighWatermark, unstable)
	p.wake(e, wakeAnyway, woken)
	p.state.Unlock()
	p.settleWriting(woken)
	return nil
}

// Truncate removes a follower's records at and above to, where its log has
// gone another way than the leader's.
func (p *Partition) Truncate(to model.Offset, epoch model.LeaderEpoch, now model.Millis, woken *Woken) error {
	return p.rebuild(epoch, now, woken, func() error {
		_, err := p.log.TruncateTo(to)
		return err
	})
}

// StartAgain removes everything and begins again at start, because the leader
// no longer has what would come next.
func (p *Partition) StartAgain(start model.Offset, epoch model.LeaderEpoch, now model.Millis, woken *Woken) error {
	return p.rebuild(epoch, now, woken, func() error { return p.log.TruncateFully(start, model.NoOffset) })
}

func (p *Partition) rebuild(epoch model.LeaderEpoch, now model.Millis, woken *Woken, cut func() error) error {
	p.write.Lock()
	defer p.write.Unlock()
	if c := p.openWriting(now, woken); c != kerr.None {
		return c
	}
	p.state.Lock()
	stale := p.state.core.leads() || p.state.core.epoch != epoch
	p.state.Unlock()
	if stale {
		return kerr.NotLeaderOrFollower
	}
	if err := cut(); err != nil {
		return wrap(err)
	}
	unstable := p.unstable()
	p.state.Lock()
	defer p.state.Unlock()
	p.state.core.truncated(p.log.LogStart(), p.log.LogEnd(), unstable)
	return nil
}

// CheckISR proposes an ISR without the followers that have lagged behind for
// replica.lag.time.max.ms; call it every half of that.
func (p *Partition) CheckISR(now model.Millis, woken *Woken) {
	p.state.Lock()
	defer p.state.Unlock()
	p.wakeAndPropose(p.state.core.lagging(now, p.env.LagMax), now, woken)
}

// Proposed takes the controller's answer to a Proposal: code None with the
// partition's new ISR and epochs, or the partition's error.
func (p *Partition) Proposed(seq uint32, code kerr.Code, isr []model.BrokerID, epoch model.LeaderEpoch, partitionEpoch int32, now model.Millis, woken *Woken) {
	p.state.Lock()
	e, again := p.state.core.proposed(seq, code, isr, epoch, partitionEpoch, now, p.env.LagMax, p.env.Peers)
	e.propose = e.propose || again
	p.wakeAndPropose(e, now, woken)
	p.state.Unlock()
	if e.highWatermark {
		p.settle(woken)
	}
}

// wakeAndPropose is wake for changes that may ask for another ISR; state is
// held.
func (p *Partition) wakeAndPropose(e effects, now model.Millis, woken *Woken) {
	if e.propose {
		p.env.Propose(p, p.state.core.proposal(p.env.BrokerEpoch(), now, p.env.LagMax))
	}
	p.wake(e, wakeAnyway, woken)
}
