package metalog

import (
	"sync"

	"gregor/internal/model"
	"gregor/internal/raft"
)

// recentBytes bounds the batches that are kept in memory for listeners that
// have not had them yet; those that are further behind read the log.
const recentBytes = 16 << 20

// published is what the loop has told the rest of the node: how far the log is
// committed, who leads. Listeners wait on it.
type published struct {
	mu struct {
		sync.Mutex
		hw       model.Offset // -1 unknown
		start    model.Offset // log start
		end      model.Offset
		snapshot *raft.ID // the newest that is not the bootstrap checkpoint
		leader   raft.LeaderChanged
		address  raft.Address // the leader's
		voters   raft.Voters
		version  int16 // kraft.version
		recent   []Batch
		bytes    int
		feeds    []*feed // f.next of each is written with the lock held
		stopped  bool
	}
	changed sync.Cond
}

func newPublished() *published {
	p := &published{}
	p.changed.L = &p.mu
	p.mu.hw = -1
	p.mu.leader = raft.LeaderChanged{Leader: model.NoBroker, Epoch: -1}
	return p
}

// update changes what is published and wakes who waits.
func (p *published) update(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.changed.Broadcast()
}

// keep remembers batches that were written, in order.
func (p *published) keep(entries []entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.mu.recent
	if k := len(r); k > 0 && len(entries) > 0 && r[k-1].Last+1 != entries[0].Base {
		r, p.mu.bytes = nil, 0
	}
	for _, e := range entries {
		r = append(r, e.Batch)
		p.mu.bytes += e.Bytes
	}
	for len(r) > 0 && p.mu.bytes > recentBytes {
		p.mu.bytes -= r[0].Bytes
		r = r[1:]
	}
	p.mu.recent = r
}

// trimLocked drops what all listeners have had.
func (p *published) trimLocked() {
	if len(p.mu.feeds) == 0 {
		return
	}
	least := p.mu.feeds[0].next
	for _, f := range p.mu.feeds[1:] {
		least = min(least, f.next)
	}
	r := p.mu.recent
	for len(r) > 0 && r[0].Last < least {
		p.mu.bytes -= r[0].Bytes
		r[0] = Batch{}
		r = r[1:]
	}
	if len(r) == 0 {
		r = nil
	}
	p.mu.recent = r
}

// forget drops remembered batches from an offset on.
func (p *published) forget(from model.Offset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.mu.recent
	for len(r) > 0 && r[len(r)-1].Last >= from {
		p.mu.bytes -= r[len(r)-1].Bytes
		r = r[:len(r)-1]
	}
	p.mu.recent = r
}

// recentLocked is the remembered batch that begins at an offset.
func (p *published) recentLocked(at model.Offset) (Batch, bool) {
	r := p.mu.recent
	if len(r) == 0 || at < r[0].Base || at > r[len(r)-1].Last {
		return Batch{}, false
	}
	lo, hi := 0, len(r)
	for lo < hi {
		if mid := (lo + hi) / 2; r[mid].Base < at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(r) && r[lo].Base == at {
		return r[lo], true
	}
	return Batch{}, false
}
