package node

import (
	"io"
	"sync"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/record"
)

// coordinatorLog is a partition as a coordinator uses it.
type coordinatorLog struct {
	p    *partition.Partition
	pool sync.Pool // of *partition.Append
}

// Append appends one batch as the leader of that epoch.
func (l *coordinatorLog) Append(batch []byte, epoch model.LeaderEpoch, now model.Millis) (base, hw model.Offset, err error) {
	a, _ := l.pool.Get().(*partition.Append)
	if a == nil {
		a = new(partition.Append)
	}
	a.Records, a.Acks, a.Origin, a.Now, a.Epoch, a.TxnVersion = batch, -1, record.Coordinator, now, epoch, -1
	var woken partition.Woken
	l.p.Append(a, &woken)
	base, code, cause := a.BaseOffset, a.Code, a.Err
	a.Records, a.Err = nil, nil
	l.pool.Put(a)
	woken.Fire()
	if code != kerr.None {
		if cause != nil {
			return 0, 0, code.With(cause.Error())
		}
		return 0, 0, code
	}
	return base, l.HighWatermark(), nil
}

// HighWatermark is the offset below which everything is committed.
func (l *coordinatorLog) HighWatermark() model.Offset {
	hw, _ := l.p.HighWatermark()
	return hw
}

// awaited wakes a function.
type awaited struct {
	w  partition.Waiter
	fn func()
}

// Wake runs the function.
func (a *awaited) Wake(*partition.Waiter) { a.fn() }

// Await has fn called when the high watermark has reached at, or the
// leadership has changed.
func (l *coordinatorLog) Await(at model.Offset, epoch model.LeaderEpoch, fn func()) bool {
	a := &awaited{fn: fn}
	a.w.Waker = a
	return l.p.Park(&a.w, partition.WaitCommitted, at, epoch)
}

// Bounds are the log's first offset, its end, and the high watermark.
func (l *coordinatorLog) Bounds(now model.Millis) (start, end, hw model.Offset, err error) {
	o, err := l.p.Offsets(now)
	return o.LogStart, o.LogEnd, o.HighWatermark, err
}

// Read reads whole batches from the one that holds offset.
func (l *coordinatorLog) Read(offset model.Offset, buf []byte, now model.Millis) ([]byte, error) {
	r := partition.Read{
		Offset: offset, MaxBytes: len(buf), MinOne: true, Isolation: partition.ReadAll,
		CurrentEpoch: model.NoEpoch, LastFetched: model.NoEpoch, Follower: model.NoBroker, Now: now,
	}
	var woken partition.Woken
	l.p.Read(&r, &woken)
	woken.Fire()
	if r.Code != kerr.None {
		return nil, r.Code
	}
	defer r.Release()
	if r.Records.Len == 0 {
		return nil, nil
	}
	if r.Records.Len > len(buf) {
		buf = make([]byte, r.Records.Len)
	}
	n, err := r.Records.File.ReadAt(buf[:r.Records.Len], r.Records.Off)
	if err == io.EOF && n == r.Records.Len {
		err = nil
	}
	return buf[:n], err
}

// MaxBatch is the largest batch the topic takes, in bytes.
func (l *coordinatorLog) MaxBatch() int { return int(l.p.Config().Rules.MaxMessageBytes) }
