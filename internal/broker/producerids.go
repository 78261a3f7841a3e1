package broker

import (
	"fmt"
	"sync"
	"time"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// ProducerIDs hands out producer ids from blocks that the controller gives
// (KIP-730). The next block is asked for while the present one lasts, so that
// nobody waits for it. Safe for concurrent use.
type ProducerIDs struct {
	channel Sender
	self    model.BrokerID
	epoch   func() model.BrokerEpoch

	mu struct {
		sync.Mutex
		next, end   model.ProducerID // of the present block
		after, stop model.ProducerID // of the next one
		asking      bool
		waiting     []func(model.ProducerID, error)
	}
}

// maxWaiting bounds those who wait for the first block.
const maxWaiting = 10_000

// NewProducerIDs is a ProducerIDs without a block.
func NewProducerIDs(self model.BrokerID, channel Sender, epoch func() model.BrokerEpoch) *ProducerIDs {
	return &ProducerIDs{channel: channel, self: self, epoch: epoch}
}

// Next calls done once with a producer id that nobody had before, or with an
// error whose code is COORDINATOR_LOAD_IN_PROGRESS; at once if a block is there.
func (p *ProducerIDs) Next(done func(model.ProducerID, error)) {
	p.mu.Lock()
	if id, ok := p.takeLocked(); ok {
		ask := p.wantLocked()
		p.mu.Unlock()
		if ask {
			p.ask()
		}
		done(id, nil)
		return
	}
	if len(p.mu.waiting) >= maxWaiting {
		p.mu.Unlock()
		done(-1, kerr.CoordinatorLoadInProgress)
		return
	}
	p.mu.waiting = append(p.mu.waiting, done)
	ask := p.wantLocked()
	p.mu.Unlock()
	if ask {
		p.ask()
	}
}

func (p *ProducerIDs) takeLocked() (model.ProducerID, bool) {
	m := &p.mu
	if m.next == m.end {
		m.next, m.end, m.after, m.stop = m.after, m.stop, 0, 0
	}
	if m.next == m.end {
		return -1, false
	}
	m.next++
	return m.next - 1, true
}

// wantLocked reports whether a block must be asked for now: none is on the way
// and less than a tenth of the present one, with none behind it, is left.
func (p *ProducerIDs) wantLocked() bool {
	m := &p.mu
	if m.asking || m.after != m.stop || m.end-m.next > blockLow {
		return false
	}
	m.asking = true
	return true
}

const (
	blockLow   = 100 // of Kafka's blocks of 1,000
	askTimeout = 5 * time.Second
)

func (p *ProducerIDs) ask() {
	req := &wire.AllocateProducerIdsRequest{BrokerId: int32(p.self), BrokerEpoch: int64(p.epoch())}
	p.channel.Send(req, askTimeout, func(m wire.Message, err error) {
		r, _ := m.(*wire.AllocateProducerIdsResponse)
		if err == nil && r != nil && r.ErrorCode != kerr.None {
			err = fmt.Errorf("AllocateProducerIds: %w", r.ErrorCode)
		}
		p.mu.Lock()
		p.mu.asking = false
		if err == nil && r != nil {
			start := model.ProducerID(r.ProducerIdStart)
			p.mu.after, p.mu.stop = start, start+model.ProducerID(r.ProducerIdLen)
		}
		served, failed := p.serveLocked(err)
		p.mu.Unlock()
		for _, f := range served {
			f()
		}
		for _, done := range failed {
			done(-1, kerr.CoordinatorLoadInProgress)
		}
	})
}

// serveLocked gives ids to those who wait. Those for whom there is none are
// failed: the client asks again, as it does with Kafka.
func (p *ProducerIDs) serveLocked(err error) (served []func(), failed []func(model.ProducerID, error)) {
	for i, done := range p.mu.waiting {
		id, ok := p.takeLocked()
		if !ok {
			failed = append(failed, p.mu.waiting[i:]...)
			break
		}
		served = append(served, func() { done(id, nil) })
	}
	p.mu.waiting = nil
	return served, failed
}
