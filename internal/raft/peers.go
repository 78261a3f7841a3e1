package raft

import (
	"slices"

	"gregor/internal/model"
)

// never is a deadline that does not come.
const never = model.Millis(1<<62 - 1)

// peers remembers what was asked of whom: at most one request in flight per
// peer, a pause after a failure, and no waiting beyond the request timeout.
type peers struct {
	backoff, timeout model.Millis
	bootstrap        []Peer
	conns            []conn // few: voters and bootstrap servers
	corr             uint64
}

type conn struct {
	to     Peer
	corr   uint64 // 0: nothing in flight
	asked  Request
	sentAt model.Millis
	until  model.Millis // backing off; 0 if not
}

func newPeers(cfg Config) peers {
	p := peers{backoff: cfg.RetryBackoff, timeout: cfg.RequestTimeout}
	for i, a := range cfg.Bootstrap {
		p.bootstrap = append(p.bootstrap, Peer{ID: model.BrokerID(-2 - i), Address: a})
	}
	if len(cfg.Bootstrap) == 0 {
		for _, v := range cfg.Static {
			if a, ok := v.Endpoints.Address(cfg.Listener); ok {
				p.bootstrap = append(p.bootstrap, Peer{ID: v.ID, Address: a})
			}
		}
	}
	return p
}

func (p *peers) find(id model.BrokerID) *conn {
	for i := range p.conns {
		if p.conns[i].to.ID == id {
			return &p.conns[i]
		}
	}
	return nil
}

func (p *peers) byCorr(corr uint64) *conn {
	for i := range p.conns {
		if p.conns[i].corr == corr {
			return &p.conns[i]
		}
	}
	return nil
}

// reset forgets a peer: it may be asked at once, and what it may still answer
// is ignored.
func (p *peers) reset(id model.BrokerID) {
	p.conns = slices.DeleteFunc(p.conns, func(c conn) bool { return c.to.ID == id })
}

func (p *peers) resetAll() { p.conns = p.conns[:0] }

func (p *peers) timedOut(id model.BrokerID, now model.Millis) bool {
	c := p.find(id)
	return c != nil && c.corr != 0 && now >= c.sentAt+p.timeout
}

func (p *peers) backingOff(id model.BrokerID, now model.Millis) bool {
	c := p.find(id)
	return c != nil && c.corr == 0 && now < c.until
}

// wait is when the peer may be asked again; 0 if now.
func (p *peers) wait(id model.BrokerID, now model.Millis) model.Millis {
	c := p.find(id)
	switch {
	case c == nil:
		return 0
	case c.corr != 0 && now < c.sentAt+p.timeout:
		return c.sentAt + p.timeout
	case c.corr == 0 && now < c.until:
		return c.until
	}
	return 0
}

// anyInflight forgets what timed out or has backed off long enough, and
// reports whether an answer is still awaited from anybody, and until when.
func (p *peers) anyInflight(now model.Millis) (bool, model.Millis) {
	p.conns = slices.DeleteFunc(p.conns, func(c conn) bool { return p.wait(c.to.ID, now) == 0 })
	for i := range p.conns {
		if p.conns[i].corr != 0 {
			return true, p.conns[i].sentAt + p.timeout
		}
	}
	return false, 0
}

// pick is a bootstrap server that may be asked, beginning with a random one;
// or else when one may be.
func (p *peers) pick(now model.Millis, random uint64) (Peer, bool, model.Millis) {
	if busy, until := p.anyInflight(now); busy {
		return Peer{}, false, until
	}
	k := len(p.bootstrap)
	next := never
	for i := range p.bootstrap {
		to := p.bootstrap[(int(random%uint64(k))+i)%k]
		w := p.wait(to.ID, now)
		if w == 0 {
			return to, true, 0
		}
		next = min(next, w)
	}
	return Peer{}, false, next
}

// send notes a request to a peer that wait said may be asked.
func (p *peers) send(to Peer, msg Request, now model.Millis) uint64 {
	p.corr++
	c := p.find(to.ID)
	if c == nil {
		p.conns = append(p.conns, conn{})
		c = &p.conns[len(p.conns)-1]
	}
	*c = conn{to: to, corr: p.corr, asked: msg, sentAt: now}
	return p.corr
}

// done notes the answer to corr, if it is still awaited after it was handled.
func (p *peers) done(corr uint64, ok bool, now model.Millis) {
	c := p.byCorr(corr)
	switch {
	case c == nil:
	case ok:
		p.reset(c.to.ID)
	default:
		c.corr, c.asked, c.until = 0, nil, now+p.backoff
	}
}
