package partition

import (
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/storage"
)

// Read finds what r asks for. A follower's fetch counts as its acknowledgement
// of what it has, which may commit records and so wake others.
func (p *Partition) Read(r *Read, woken *Woken) {
	r.clear()
	offsets, code := p.admitRead(r, woken)
	if code == kerr.None {
		code = p.read(r, offsets)
	}
	if code != kerr.None {
		r.Code = code
		return
	}
	r.HighWatermark, r.LastStable, r.LogStart, r.LogEnd = offsets.HighWatermark, offsets.LastStable, offsets.LogStart, offsets.LogEnd
	if r.Follower == model.NoBroker || r.Again || r.Diverging.Epoch != model.NoEpoch {
		return
	}
	p.state.Lock()
	e, code := p.state.core.followerFetched(r.Follower, r.FollowerEpoch, r.Offset, r.FollowerStart, offsets.LogEnd, r.Now, p.env.LagMax, p.env.Peers)
	p.wakeAndPropose(e, r.Now, woken)
	p.state.Unlock()
	if code != kerr.None {
		r.Release()
		r.clear()
		r.Code = code
		return
	}
	if e.highWatermark {
		p.settle(woken)
	}
}

func (r *Read) clear() {
	r.Code, r.Records, r.Aborted = kerr.None, storage.Fetch{}, r.Aborted[:0]
	r.HighWatermark, r.LastStable, r.LogStart, r.LogEnd, r.Bound = model.NoOffset, model.NoOffset, model.NoOffset, model.NoOffset, model.NoOffset
	r.Diverging = storage.EpochEnd{Epoch: model.NoEpoch, End: model.NoOffset}
	r.Epoch = model.NoEpoch
}

// admitRead checks role and epoch and takes a snapshot of the offsets from
// before the read, so that a record appended meanwhile does not make a
// follower look as if it lagged.
func (p *Partition) admitRead(r *Read, woken *Woken) (o Offsets, code kerr.Code) {
	p.state.Lock()
	defer p.state.Unlock()
	c := &p.state.core
	// Epoch and role first: a broker that does not lead need not open a log
	// to say so.
	if code = p.serve(r.CurrentEpoch, r.AnyReplica); code != kerr.None {
		return o, code
	}
	if !c.open {
		p.state.Unlock()
		code = p.open(r.Now, woken)
		p.state.Lock()
		if code == kerr.None {
			code = p.serve(r.CurrentEpoch, r.AnyReplica)
		}
		if code != kerr.None {
			return o, code
		}
	}
	p.state.used = max(p.state.used, r.Now)
	if r.Follower != model.NoBroker && c.find(r.Follower) == nil {
		// Not known as a replica, perhaps not yet: it shall try again.
		if r.CurrentEpoch != model.NoEpoch {
			return o, kerr.UnknownLeaderEpoch
		}
		return o, kerr.NotLeaderOrFollower
	}
	r.Epoch = c.epoch
	r.Bound = c.bound(r.Isolation)
	return Offsets{c.logStart, c.lastStable, c.highWatermark, c.logEnd}, kerr.None
}

// serve is core.serve of a partition that may be gone; state is held.
func (p *Partition) serve(current model.LeaderEpoch, anyReplica bool) kerr.Code {
	if p.state.gone != kerr.None {
		return p.state.gone
	}
	return p.state.core.serve(current, anyReplica)
}

func (p *Partition) read(r *Read, o Offsets) kerr.Code {
	if r.LastFetched != model.NoEpoch {
		if diverged, c := p.diverged(r, o); c != kerr.None || diverged {
			return c
		}
	}
	if r.Offset < o.LogStart {
		return kerr.OffsetOutOfRange
	}
	var err error
	r.Records, err = p.log.Read(r.Offset, r.Bound, r.MaxBytes, r.MinOne)
	if err != nil {
		return code(err)
	}
	if r.Isolation == ReadCommitted && r.Records.Len > 0 {
		r.Aborted, err = p.log.AbortedTxns(r.Offset, r.Records.Next)
		if err != nil {
			r.Release()
			return code(err)
		}
	}
	return kerr.None
}

// diverged compares the reader's last epoch with ours.
func (p *Partition) diverged(r *Read, o Offsets) (bool, kerr.Code) {
	end, err := p.log.EndOffsetForEpoch(r.LastFetched)
	if err != nil {
		return false, code(err)
	}
	if end.Epoch == model.NoEpoch || end.End == model.NoOffset || r.Offset < o.LogStart {
		return false, kerr.OffsetOutOfRange
	}
	if end.Epoch < r.LastFetched || end.End < r.Offset {
		r.Diverging = end
		return true, kerr.None
	}
	return false, kerr.None
}

// List answers ListOffsets for a timestamp or one of the special values. iso
// is ReadAll for followers and debugging consumers; anyReplica lets a follower
// answer (debugging consumers). now is the time of the request.
func (p *Partition) List(t model.Millis, iso Isolation, current model.LeaderEpoch, anyReplica bool, now model.Millis) ListResult {
	none := ListResult{Timestamp: -1, Offset: model.NoOffset, Epoch: model.NoEpoch}
	fail := func(c kerr.Code) ListResult {
		none.Code = c
		return none
	}
	r := Read{CurrentEpoch: current, AnyReplica: anyReplica, Follower: model.NoBroker, Isolation: iso, Now: now}
	var woken Woken
	o, c := p.admitRead(&r, &woken)
	woken.Fire()
	if c != kerr.None {
		return fail(c)
	}
	p.state.Lock()
	lagging := iso != ReadAll && p.state.core.lagsBehindEpoch()
	p.state.Unlock()
	switch t {
	case Latest:
		if lagging {
			return fail(kerr.OffsetNotAvailable)
		}
		return ListResult{Timestamp: -1, Offset: r.Bound, Epoch: r.Epoch}
	case Earliest, EarliestLocal:
		start := p.log.LogStart()
		epoch, err := p.log.EpochAt(start)
		if err != nil {
			return fail(code(err))
		}
		return ListResult{Timestamp: -1, Offset: max(start, o.LogStart), Epoch: epoch}
	case LatestTiered, EarliestPendingUpload:
		return none // without tiered storage there is none
	}
	to, ok, err := p.lookup(t)
	switch {
	case err != nil:
		return fail(code(err))
	case ok && to.Offset < r.Bound:
		return ListResult{Timestamp: to.Timestamp, Offset: to.Offset, Epoch: to.Epoch}
	case lagging:
		return fail(kerr.OffsetNotAvailable)
	}
	return none
}

func (p *Partition) lookup(t model.Millis) (storage.TimestampOffset, bool, error) {
	if t == MaxTimestamp {
		return p.log.MaxTimestamp()
	}
	return p.log.OffsetForTime(t)
}

// EndOffsetForEpoch answers OffsetForLeaderEpoch. anyReplica lets a follower
// answer.
func (p *Partition) EndOffsetForEpoch(epoch, current model.LeaderEpoch, anyReplica bool, now model.Millis) EpochEndResult {
	r := Read{CurrentEpoch: current, AnyReplica: anyReplica, Follower: model.NoBroker, Now: now}
	var woken Woken
	_, c := p.admitRead(&r, &woken)
	woken.Fire()
	if c != kerr.None {
		return EpochEndResult{Code: c, Epoch: model.NoEpoch, End: model.NoOffset}
	}
	end, err := p.log.EndOffsetForEpoch(epoch)
	if err != nil {
		return EpochEndResult{Code: code(err), Epoch: model.NoEpoch, End: model.NoOffset}
	}
	return EpochEndResult{Epoch: end.Epoch, End: end.End}
}

// Committed tells a produce with acks=-1 that was woken whether it is done,
// and with which code: None, NOT_ENOUGH_REPLICAS_AFTER_APPEND (it is written,
// on too few replicas), or NOT_LEADER_OR_FOLLOWER if the leadership it was
// appended under is over. required and epoch are those of Append.
func (p *Partition) Committed(required model.Offset, epoch model.LeaderEpoch) (done bool, code kerr.Code) {
	p.state.Lock()
	defer p.state.Unlock()
	if p.state.gone != kerr.None {
		return true, p.state.gone
	}
	return p.state.core.committed(required, epoch)
}
