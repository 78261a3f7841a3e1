package partition

import (
	"fmt"
	"math"

	"gregor/internal/kerr"
	"gregor/internal/model"
)

// DeleteRecords raises the log start to to (-1: the high watermark), as
// leader. low is the low watermark: the smallest log start of the live
// replicas; when it is below target, the request waits (Park with
// WaitLowWatermark and target, then LowWatermark). The error carries Kafka's
// code.
func (p *Partition) DeleteRecords(to model.Offset, now model.Millis, woken *Woken) (target, low model.Offset, epoch model.LeaderEpoch, err error) {
	p.write.Lock()
	defer p.write.Unlock()
	if c := p.openWriting(now, woken); c != kerr.None {
		return 0, 0, 0, c
	}
	p.state.Lock()
	c := &p.state.core
	leads, hw, epoch := c.leads(), c.highWatermark, c.epoch
	p.state.Unlock()
	cfg := p.cfg.Load().Log
	switch {
	case !leads:
		return 0, 0, 0, kerr.NotLeaderOrFollower.With(fmt.Sprintf("Leader not local for partition %s on broker %d", p.Name(), p.env.Self))
	case cfg.Compact && !cfg.Delete:
		return 0, 0, 0, kerr.PolicyViolation.With(fmt.Sprintf("Records of partition %s can not be deleted due to the configured policy", p.Name()))
	case to == -1:
		to = hw
	case to < 0:
		return 0, 0, 0, kerr.OffsetOutOfRange.With(fmt.Sprintf("The offset %d for partition %s is not valid", to, p.Name()))
	}
	if to > hw {
		return 0, 0, 0, kerr.OffsetOutOfRange.With(fmt.Sprintf("Cannot increment the log start offset to %d of partition %s since it is larger than the high watermark %d", to, p.Name(), hw))
	}
	if _, err := p.log.SetLogStart(to); err != nil {
		return 0, 0, 0, wrap(err)
	}
	p.startMoved(woken)
	p.state.Lock()
	defer p.state.Unlock()
	return to, c.lowWatermark(p.env.Peers), epoch, nil
}

// startMoved follows a log whose start has moved; write is held.
func (p *Partition) startMoved(woken *Woken) {
	unstable := p.unstable()
	p.state.Lock()
	defer p.state.Unlock()
	if p.state.core.open {
		p.wake(p.state.core.startRaised(p.log.LogStart(), unstable), wakeAnyway, woken)
	}
}

// Retain deletes the segments that retention is over for, and returns how
// many. A log that was not open is closed again.
func (p *Partition) Retain(now model.Millis, woken *Woken) (int, error) {
	p.write.Lock()
	defer p.write.Unlock()
	p.state.Lock()
	open, gone := p.state.core.open, p.state.gone
	p.state.Unlock()
	if gone != kerr.None {
		return 0, nil
	}
	n, err := p.log.DeleteOldSegments(now, p.retainable())
	if open {
		p.startMoved(woken)
	} else if e := p.log.Unload(); err == nil {
		err = e
	}
	return n, err
}

// retainable is the offset below which retention may delete: the high
// watermark. The only replica of a partition has committed all it has, so its
// log need not be opened to say so.
func (p *Partition) retainable() model.Offset {
	p.state.Lock()
	defer p.state.Unlock()
	c := &p.state.core
	switch {
	case c.open:
		return c.highWatermark
	case c.leads() && c.rf == nil:
		return math.MaxInt64
	case p.state.kept != model.NoOffset:
		return p.state.kept
	}
	return p.log.HighWatermark()
}

// LowWatermark is the smallest log start of the live replicas, for a
// DeleteRecords that was woken.
func (p *Partition) LowWatermark(epoch model.LeaderEpoch) (model.Offset, kerr.Code) {
	p.state.Lock()
	defer p.state.Unlock()
	c := &p.state.core
	switch {
	case p.state.gone != kerr.None:
		return model.NoOffset, p.state.gone
	case !c.leads() || c.epoch != epoch || !c.open:
		return model.NoOffset, kerr.NotLeaderOrFollower
	}
	return c.lowWatermark(p.env.Peers), kerr.None
}

// Unload closes the log's files if nobody has used the partition since before
// and nobody waits on it. It reports whether it did.
func (p *Partition) Unload(before model.Millis) (bool, error) {
	p.write.Lock()
	defer p.write.Unlock()
	p.state.Lock()
	c := &p.state.core
	idle := c.open && p.state.gone == kerr.None && p.state.used < before && p.state.waiters.first == nil && c.rf == nil && c.unstable == model.NoOffset
	if idle {
		p.state.kept = c.highWatermark
		c.closed()
	}
	p.state.Unlock()
	if !idle {
		return false, nil
	}
	return true, p.log.Unload()
}

// Recover checks the log after a crash, unless it is open already, and closes
// it again.
func (p *Partition) Recover(now model.Millis) error {
	p.write.Lock()
	defer p.write.Unlock()
	p.state.Lock()
	idle := !p.state.core.open && p.state.gone == kerr.None
	p.state.Unlock()
	if !idle {
		return nil
	}
	if err := p.log.Load(now); err != nil {
		return err
	}
	return p.log.Unload()
}

// ExpireProducers forgets producers that have not written for expiry
// (producer.id.expiration.ms). An unloaded log is left alone: it drops them
// when it loads.
func (p *Partition) ExpireProducers(now, expiry model.Millis) {
	p.write.Lock()
	defer p.write.Unlock()
	if p.log.Loaded() {
		p.producers().Expire(now, expiry)
	}
}
