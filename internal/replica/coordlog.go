package replica

import (
	"sync"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/record"
)

// CoordinatorLog is a partition of an internal topic as the coordinator on it
// uses it (coordinator.Log). Its methods are called by one goroutine at a time.
type CoordinatorLog struct {
	p *partition.Partition
	a partition.Append
	r partition.Read
}

// NewCoordinatorLog is the log over p.
func NewCoordinatorLog(p *partition.Partition) *CoordinatorLog {
	return &CoordinatorLog{p: p, a: partition.Append{Acks: -1, Origin: record.Coordinator, TxnVersion: -1}}
}

// Append appends one batch as leader of the epoch. base is the offset of its
// first record, hw the high watermark afterwards.
func (c *CoordinatorLog) Append(batch []byte, epoch model.LeaderEpoch, now model.Millis) (base, hw model.Offset, err error) {
	c.a.Records, c.a.Epoch, c.a.Now = batch, epoch, now
	var woken partition.Woken
	c.p.Append(&c.a, &woken)
	woken.Fire()
	c.a.Records = nil
	if c.a.Code != kerr.None {
		return model.NoOffset, model.NoOffset, c.a.Err
	}
	return c.a.BaseOffset, c.HighWatermark(), nil
}

// HighWatermark is the offset below which everything is committed.
func (c *CoordinatorLog) HighWatermark() model.Offset {
	hw, _ := c.p.HighWatermark()
	return hw
}

// caller is a parked call.
type caller struct {
	w  partition.Waiter
	fn func()
}

var callers = sync.Pool{New: func() any { return new(caller) }}

// Wake makes the call.
func (k *caller) Wake(*partition.Waiter) {
	fn := k.fn
	*k = caller{}
	callers.Put(k)
	fn()
}

// Await has fn called once when the high watermark has reached at, or the
// leadership has changed. false: that is so already, fn will not be called.
func (c *CoordinatorLog) Await(at model.Offset, epoch model.LeaderEpoch, fn func()) bool {
	k := callers.Get().(*caller)
	k.fn, k.w.Waker = fn, k
	if c.p.Park(&k.w, partition.WaitCommitted, at, epoch) {
		return true
	}
	*k = caller{}
	callers.Put(k)
	return false
}

// Bounds are the log's first offset, its end, and the high watermark.
func (c *CoordinatorLog) Bounds(now model.Millis) (start, end, hw model.Offset, err error) {
	o, err := c.p.Offsets(now)
	return o.LogStart, o.LogEnd, o.HighWatermark, err
}

// Read reads whole batches from the one that holds offset, at most about
// len(buf) bytes but at least one batch, committed or not, into buf or
// something larger. Nothing is the end of the log.
func (c *CoordinatorLog) Read(offset model.Offset, buf []byte, now model.Millis) ([]byte, error) {
	c.r.Offset, c.r.MaxBytes, c.r.MinOne, c.r.Now = offset, len(buf), true, now
	c.r.Isolation, c.r.AnyReplica = partition.ReadAll, true
	c.r.CurrentEpoch, c.r.LastFetched, c.r.Follower = model.NoEpoch, model.NoEpoch, model.NoBroker
	var woken partition.Woken
	c.p.Read(&c.r, &woken)
	woken.Fire()
	if c.r.Code != kerr.None {
		return nil, c.r.Code
	}
	defer c.r.Release()
	n := c.r.Records.Len
	if n == 0 {
		return nil, nil
	}
	if n > len(buf) {
		buf = make([]byte, n)
	}
	if _, err := c.r.Records.File.ReadAt(buf[:n], c.r.Records.Off); err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// MaxBatch is the largest batch the topic takes, in bytes.
func (c *CoordinatorLog) MaxBatch() int { return int(c.p.Config().Rules.MaxMessageBytes) }
