package metalog

import (
	"sync"

	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/raft"
)

// maxPending bounds the bytes that wait to be written.
const maxPending = 64 << 20

// accumulator is where appends wait for the goroutine that writes. It assigns
// the offsets.
//
// *Invariant:* while open, next is the end of the log plus what is pending.
type accumulator struct {
	wake func() // tells the writer that something is pending
	mu   struct {
		sync.Mutex
		enc     encoder
		open    bool
		epoch   model.LeaderEpoch
		next    model.Offset
		pending []entry
		bytes   int
		closed  bool
	}
	space sync.Cond // something was taken, or leadership ended
}

// entry is one batch that was appended here.
type entry struct {
	Batch
	data     []byte
	controls []raft.Control
}

func newAccumulator(wake func()) *accumulator {
	a := &accumulator{wake: wake}
	a.space.L = &a.mu
	return a
}

// begin opens for the appends of an epoch.
func (a *accumulator) begin(epoch model.LeaderEpoch, base model.Offset) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.open, a.mu.epoch, a.mu.next = true, epoch, base
}

// end closes, and drops what was not taken.
func (a *accumulator) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.open, a.mu.pending, a.mu.bytes = false, nil, 0
	a.space.Broadcast()
}

// close is end for ever.
func (a *accumulator) close() {
	a.end()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.closed = true
	a.space.Broadcast()
}

func (a *accumulator) readyLocked(epoch model.LeaderEpoch) error {
	for a.mu.open && a.mu.epoch == epoch && a.mu.bytes > maxPending {
		a.space.Wait()
	}
	switch {
	case a.mu.closed:
		return ErrClosed
	case !a.mu.open || a.mu.epoch != epoch:
		return ErrNotLeader
	}
	return nil
}

// append encodes records as one batch and gives it the next offsets.
func (a *accumulator) append(epoch model.LeaderEpoch, recs []metadata.Record, now model.Millis) (last model.Offset, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.readyLocked(epoch); err != nil {
		return model.NoOffset, err
	}
	if len(recs) == 0 {
		return a.mu.next - 1, nil
	}
	data, err := a.mu.enc.data(a.mu.next, epoch, recs, now)
	if err != nil {
		return model.NoOffset, err
	}
	e := entry{data: data}
	e.Batch = Batch{Base: a.mu.next, Last: a.mu.next + model.Offset(len(recs)) - 1, Epoch: epoch, AppendTime: now, Records: recs, Bytes: len(data)}
	a.addLocked(e)
	return e.Last, nil
}

// control appends a control batch of the core's.
func (a *accumulator) control(c raft.AppendControl, now model.Millis) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	data, known, err := a.mu.enc.controls(a.mu.next, c, now)
	if err != nil {
		return err
	}
	e := entry{data: data, controls: known}
	e.Batch = Batch{Base: a.mu.next, Last: a.mu.enc.b.NextOffset() - 1, Epoch: c.Epoch, AppendTime: now, Bytes: len(data)}
	a.addLocked(e)
	return nil
}

func (a *accumulator) addLocked(e entry) {
	a.mu.pending = append(a.mu.pending, e)
	a.mu.bytes += len(e.data)
	a.mu.next = e.Last + 1
	if len(a.mu.pending) == 1 {
		a.wake()
	}
}

// take removes everything pending.
func (a *accumulator) take() []entry {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.mu.pending
	a.mu.pending, a.mu.bytes = nil, 0
	a.space.Broadcast()
	return p
}

// end is the offset of the next append; ok is false when not leading.
func (a *accumulator) next() (o model.Offset, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.next, a.mu.open
}
