package server

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"gregor/internal/clock"
	"gregor/internal/config"
	"gregor/internal/klog"
)

// Server listens for one role, broker or controller, of a node. All methods
// are safe for concurrent use.
type Server struct {
	handler    Handler
	clock      clock.Clock
	controller bool
	limits     atomic.Pointer[Limits]
	budget     *budget
	quotas     *quotas
	listeners  []*listener
	numbers    atomic.Uint64
	log        struct{ server, acceptor, processor, selector *slog.Logger }

	wg   sync.WaitGroup // every goroutine of the server
	stop chan struct{}

	mu struct {
		sync.Mutex
		closed bool
		conns  *Conn // a list
		count  int
		ticks  int64 // of the janitor
	}
}

// listener is one bound endpoint.
type listener struct {
	config.Listener
	tcp *net.TCPListener
}

func (l *listener) local() netip.AddrPort { return l.tcp.Addr().(*net.TCPAddr).AddrPort() }

// New binds the listeners. Connections queue up in the kernel until Start.
func New(o Options) (*Server, error) {
	s := &Server{handler: o.Handler, clock: o.Clock, controller: o.Controller, stop: make(chan struct{})}
	s.loggers(o)
	limits := o.Limits
	s.limits.Store(&limits)
	s.budget = newBudget(limits.QueuedMax)
	s.quotas = newQuotas(o)
	for _, l := range o.Listeners {
		b, err := s.bind(l)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.listeners = append(s.listeners, b)
	}
	return s, nil
}

func (s *Server) loggers(o Options) {
	kind := "BROKER"
	if o.Controller {
		kind = "CONTROLLER"
	}
	prefix := fmt.Sprintf("[SocketServer listenerType=%s, nodeId=%d] ", kind, o.Node)
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s.log.server = klog.Named(log, "kafka.network.SocketServer", prefix)
	s.log.acceptor = klog.Named(log, "kafka.network.DataPlaneAcceptor", "")
	s.log.processor = klog.Named(log, "kafka.network.Processor", "")
	s.log.selector = klog.Named(log, "org.apache.kafka.common.network.Selector", prefix)
}

// Addr is the address a listener is bound to; false if there is no such
// listener.
func (s *Server) Addr(name string) (netip.AddrPort, bool) {
	for _, l := range s.listeners {
		if l.Name == name {
			return l.local(), true
		}
	}
	return netip.AddrPort{}, false
}

// SetLimits puts limits in force. Memory and socket options stay.
func (s *Server) SetLimits(l Limits) {
	s.limits.Store(&l)
	s.quotas.set(l)
}

// Connections is the number of open connections.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.count
}

// Start accepts connections.
func (s *Server) Start() {
	s.log.server.Info("Enabling request processing.")
	for _, l := range s.listeners {
		if s.hire() {
			go s.accept(l)
		}
	}
	if s.hire() {
		go s.watch()
	}
}

// Close closes listeners and connections and waits for their goroutines.
// Requests being served end; responses that were not written yet are lost.
func (s *Server) Close() {
	s.mu.Lock()
	first := !s.mu.closed
	s.mu.closed = true
	s.mu.Unlock()
	if first {
		s.log.server.Info("Stopping socket server request processors")
		close(s.stop)
		s.quotas.close()
		for _, l := range s.listeners {
			_ = l.tcp.Close()
		}
		for _, c := range s.all() {
			c.Close(nil)
		}
	}
	s.wg.Wait()
	if first {
		s.log.server.Info("Stopped socket server request processors")
	}
}

// hire counts a new goroutine, unless the server is closed.
func (s *Server) hire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return false
	}
	s.wg.Add(1)
	return true
}

// admit puts c in the list and starts its owner; false if the server is closed.
func (s *Server) admit(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return false
	}
	c.next = s.mu.conns
	if c.next != nil {
		c.next.prev = c
	}
	s.mu.conns = c
	s.mu.count++
	c.idleSince = s.mu.ticks
	s.wg.Add(1)
	go c.run()
	return true
}

// forget takes c, whose owner ends, out of the list.
func (s *Server) forget(c *Conn) {
	s.mu.Lock()
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		s.mu.conns = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	s.mu.count--
	s.mu.Unlock()
	s.quotas.left(c.listener.Name, c.remote.Addr())
	s.wg.Done()
}

func (s *Server) all() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Conn, 0, s.mu.count)
	for c := s.mu.conns; c != nil; c = c.next {
		out = append(out, c)
	}
	return out
}

// lookEvery is how often the janitor looks at all connections.
const lookEvery = time.Second

// watch is the janitor: it closes connections that were idle for too long, and
// has those that rest give back memory.
func (s *Server) watch() {
	defer s.wg.Done()
	for {
		every := lookEvery
		if idle := s.maxIdle(); idle > 0 {
			every = min(every, max(idle/8, 10*time.Millisecond))
		}
		tick, stop := s.clock.After(every)
		select {
		case <-tick:
			s.sweep(every)
		case <-s.stop:
			stop()
			return
		}
	}
}

func (s *Server) maxIdle() time.Duration {
	return time.Duration(s.limits.Load().MaxIdle) * time.Millisecond
}

// sweep is one look at all connections, every after the last one.
func (s *Server) sweep(every time.Duration) {
	idle := s.maxIdle()
	s.mu.Lock()
	s.mu.ticks++
	now := s.mu.ticks
	var old, resting []*Conn
	for c := s.mu.conns; c != nil; c = c.next {
		switch {
		case c.touched.CompareAndSwap(true, false):
			c.idleSince = now
		case idle > 0 && time.Duration(now-c.idleSince)*every > idle:
			old = append(old, c)
		case c.deep.Load():
			resting = append(resting, c)
		}
	}
	s.mu.Unlock()
	for _, c := range old {
		c.Close(nil)
	}
	for _, c := range resting {
		c.t.nudge()
	}
}

// evict closes the connection that was idle the longest, of a listener that
// is not protected (KIP-402).
func (s *Server) evict(except string) {
	s.mu.Lock()
	var oldest *Conn
	for c := s.mu.conns; c != nil; c = c.next {
		if c.listener.Name != except && (oldest == nil || c.idleSince <= oldest.idleSince) {
			oldest = c
		}
	}
	s.mu.Unlock()
	if oldest != nil {
		oldest.Close(nil)
	}
}

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
