package server

import (
	"math"
	"net/netip"
	"sync"
	"time"
)

// quotas counts connections against max.connections, the listeners' own
// limits, max.connections.per.ip, and how fast they come (KIP-402, KIP-612).
// As in Kafka the acceptor waits when there are too many or they come too
// fast, and turns a connection away when its address has too many.
type quotas struct {
	interBroker string
	listeners   int

	mu struct {
		sync.Mutex
		changed *sync.Cond
		limits  Limits
		own     map[string]ListenerLimits
		total   int
		byName  map[string]int
		byIP    map[netip.Addr]int
		all     pace
		paces   map[string]*pace
		closed  bool
	}
}

func newQuotas(o Options) *quotas {
	q := &quotas{interBroker: o.InterBroker, listeners: len(o.Listeners)}
	q.mu.changed = sync.NewCond(&q.mu.Mutex)
	q.mu.limits = o.Limits
	q.mu.own = o.ConnectionLimits
	q.mu.byName = map[string]int{}
	q.mu.byIP = map[netip.Addr]int{}
	q.mu.paces = map[string]*pace{}
	for _, l := range o.Listeners {
		q.mu.paces[l.Name] = &pace{}
	}
	return q
}

func (q *quotas) set(l Limits) {
	q.mu.Lock()
	q.mu.limits = l
	q.mu.changed.Broadcast()
	q.mu.Unlock()
}

func (q *quotas) close() {
	q.mu.Lock()
	q.mu.closed = true
	q.mu.changed.Broadcast()
	q.mu.Unlock()
}

// protected reports whether max.connections does not hold up the listener.
func (q *quotas) protected(name string) bool { return name == q.interBroker && q.listeners > 1 }

// enter counts a connection in, waiting for a place if need be. ok is false
// if its address has too many, or the server is closed. evict says that there
// are now more than max.connections.
func (q *quotas) enter(name string, ip netip.Addr) (ok, evict bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.mu.closed && !q.roomLocked(name) {
		q.mu.changed.Wait()
	}
	if !q.paceLocked(name) {
		return false, false
	}
	if q.mu.byIP[ip] >= q.perIPLocked(ip) {
		return false, false
	}
	q.mu.byIP[ip]++
	q.mu.byName[name]++
	q.mu.total++
	return true, q.mu.total > q.mu.limits.Connections
}

func (q *quotas) roomLocked(name string) bool {
	if own := q.mu.own[name].Connections; own > 0 && q.mu.byName[name] >= own {
		return false
	}
	return q.protected(name) || q.mu.total < q.mu.limits.Connections
}

// paceLocked waits for as long as the creation rates ask for; false if the
// server is closed.
func (q *quotas) paceLocked(name string) bool {
	now := time.Now()
	wait := q.mu.paces[name].take(now, q.mu.own[name].CreationRate)
	if !q.protected(name) {
		wait = max(wait, q.mu.all.take(now, q.mu.limits.CreationRate))
	}
	if wait > 0 {
		end := now.Add(wait)
		t := time.AfterFunc(wait, func() {
			q.mu.Lock()
			q.mu.changed.Broadcast()
			q.mu.Unlock()
		})
		for !q.mu.closed && time.Now().Before(end) {
			q.mu.changed.Wait()
		}
		t.Stop()
	}
	return !q.mu.closed
}

func (q *quotas) perIPLocked(ip netip.Addr) int {
	if n, ok := q.mu.limits.Overrides[ip.String()]; ok {
		return n
	}
	return q.mu.limits.PerIP
}

// over is the limit of an address, and whether it has reached it.
func (q *quotas) over(ip netip.Addr) (int, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.perIPLocked(ip)
	return n, q.mu.byIP[ip] >= n
}

// left counts a connection out.
func (q *quotas) left(name string, ip netip.Addr) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mu.byIP[ip]--; q.mu.byIP[ip] <= 0 {
		delete(q.mu.byIP, ip)
	}
	q.mu.byName[name]--
	q.mu.total--
	q.mu.changed.Broadcast()
}

// pace spaces events out to a rate, letting a second's worth through at once.
type pace struct{ due time.Time }

// take is how long to wait before the next event at rate per second; 0 or
// less, or Kafka's default of 2147483647, is no limit.
func (p *pace) take(now time.Time, rate int) time.Duration {
	if rate <= 0 || rate == math.MaxInt32 {
		return 0
	}
	if p.due.Before(now) {
		p.due = now
	}
	wait := p.due.Sub(now) - time.Second
	p.due = p.due.Add(time.Second / time.Duration(rate))
	return max(wait, 0)
}
