package peer

import (
	"net"
	"strconv"
	"sync"
)

// Pool keeps one Client per address. Safe for concurrent use.
type Pool struct {
	o  Options
	mu struct {
		sync.Mutex
		clients map[string]*Client
		closed  bool
	}
}

// NewPool is an empty pool.
func NewPool(o Options) *Pool {
	p := &Pool{o: o}
	p.mu.clients = map[string]*Client{}
	return p
}

// Get is the client of an address (host:port).
func (p *Pool) Get(address string) *Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.mu.clients[address]
	if c == nil {
		c = New(address, p.o)
		if p.mu.closed {
			c.Close()
			return c
		}
		p.mu.clients[address] = c
	}
	return c
}

// Retain closes the clients of all addresses that keep does not name.
func (p *Pool) Retain(keep func(address string) bool) {
	for _, c := range p.take(keep) {
		c.Close()
	}
}

func (p *Pool) take(keep func(string) bool) (gone []*Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for a, c := range p.mu.clients {
		if !keep(a) {
			gone = append(gone, c)
			delete(p.mu.clients, a)
		}
	}
	return gone
}

// Close closes all clients and waits for their goroutines.
func (p *Pool) Close() {
	p.mu.Lock()
	p.mu.closed = true
	p.mu.Unlock()
	p.Retain(func(string) bool { return false })
}

// Join is host and port as an address, with brackets around an IPv6 host.
func Join(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
