package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"gregor/internal/clock"
	"gregor/internal/wire"
)

// Errors of requests; test with errors.Is.
var (
	// ErrDisconnected: no connection, or it broke before the answer came.
	ErrDisconnected = errors.New("disconnected from the node")
	// ErrTimeout: no answer in time.
	ErrTimeout = errors.New("request timed out")
	// ErrUnsupported: there is no version of the request that both nodes know,
	// or the common one cannot express it.
	ErrUnsupported = errors.New("the node does not support the request")
	// ErrBusy: too many requests wait for this node.
	ErrBusy = errors.New("too many requests are waiting for the node")
	// ErrClosed: the client was closed.
	ErrClosed = errors.New("connection to the node is closed")
)

// Options are shared by the clients of a pool.
type Options struct {
	ClientID        string        // client.id of the requests
	SoftwareVersion string        // told in ApiVersions; default "dev"
	Dial            Dialer        // default: TCP
	DialTimeout     time.Duration // socket.connection.setup.timeout.ms; default 10 s
	Backoff         time.Duration // after the first failed dial; default 50 ms
	BackoffMax      time.Duration // it doubles up to here; default 1 s
	MaxPending      int           // requests queued and in flight; default 1000
	MaxResponse     int           // bytes of a response; default 100 MiB
	Clock           clock.Clock   // default: the system's
}

// Dialer opens a connection: plain TCP, or TLS and SASL on top of it.
type Dialer func(ctx context.Context, address string) (net.Conn, error)

func (o Options) defaults() Options {
	if o.SoftwareVersion == "" {
		o.SoftwareVersion = "dev"
	}
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.DialTimeout, 10*time.Second)
	def(&o.Backoff, 50*time.Millisecond)
	def(&o.BackoffMax, time.Second)
	if o.MaxPending <= 0 {
		o.MaxPending = 1000
	}
	if o.MaxResponse <= 0 {
		o.MaxResponse = 100 << 20
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	return o
}

// Versioned is a request that is put together only once its version is known.
type Versioned interface {
	wire.Message
	AtVersion(version int16) wire.Message
}

// Client sends requests to one address. Safe for concurrent use.
//
// *Invariant:* running is true exactly while a goroutine of run exists; while
// it is false, queue is empty. Every call is in queue or in a link's inflight
// list until it is completed, once.
type Client struct {
	addr string
	o    Options
	wg   sync.WaitGroup

	mu struct {
		sync.Mutex
		queue   []*call
		pending int // in queue and in flight
		running bool
		closed  bool
		link    *link // the open connection, once it is negotiated
		// backoff is the pause after the last failure, until its end on the
		// clock's Nanos.
		backoff time.Duration
		until   int64
	}
	wake chan struct{} // of run: the queue has something, or closed
	stop context.Context
	end  context.CancelFunc
}

// call is one request.
type call struct {
	req      wire.Message
	deadline int64 // on the clock's Nanos
	done     func(wire.Message, error)
	version  int16
	corr     int32
}

// New is a client of the node at address (host:port). Nothing is dialled yet.
func New(address string, o Options) *Client {
	c := &Client{addr: address, o: o.defaults(), wake: make(chan struct{}, 1)}
	c.stop, c.end = context.WithCancel(context.Background())
	return c
}

// Address is the address given to New.
func (c *Client) Address() string { return c.addr }

// Do sends req and waits for the answer, at most timeout.
func (c *Client) Do(req wire.Message, timeout time.Duration) (wire.Message, error) {
	type result struct {
		resp wire.Message
		err  error
	}
	ch := make(chan result, 1)
	c.Send(req, timeout, func(resp wire.Message, err error) { ch <- result{resp, err} })
	r := <-ch
	return r.resp, r.err
}

// Send queues req and returns. done is called once, from another goroutine or
// from this one before Send returns, with the answer or an error. req must not
// be changed before that. Byte fields of the answer are its own.
func (c *Client) Send(req wire.Message, timeout time.Duration, done func(resp wire.Message, err error)) {
	if err := c.enqueue(&call{req: req, deadline: c.o.Clock.Nanos() + int64(timeout), done: done}); err != nil {
		done(nil, c.wrap(err, req))
	}
}

func (c *Client) enqueue(x *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.mu.closed:
		return ErrClosed
	case c.mu.pending >= c.o.MaxPending:
		return ErrBusy
	case c.mu.link == nil && !c.mu.running && c.o.Clock.Nanos() < c.mu.until:
		return ErrDisconnected
	}
	c.mu.pending++
	c.mu.queue = append(c.mu.queue, x)
	if !c.mu.running {
		c.mu.running = true
		c.wg.Add(1)
		go c.run()
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}

func (c *Client) wrap(err error, req wire.Message) error {
	if req == nil {
		return fmt.Errorf("node at %s: %w", c.addr, err)
	}
	return fmt.Errorf("%s to node at %s: %w", wire.Name(req), c.addr, err)
}

// finish completes a call.
func (c *Client) finish(x *call, resp wire.Message, err error) {
	c.mu.Lock()
	c.mu.pending--
	c.mu.Unlock()
	if err != nil {
		err = c.wrap(err, x.req)
	}
	x.done(resp, err)
}

// Connected reports whether a connection is open and negotiated.
func (c *Client) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.link != nil
}

// Close breaks the connection, fails what is pending with ErrClosed and waits
// for the goroutines.
func (c *Client) Close() {
	c.mu.Lock()
	c.mu.closed = true
	c.mu.Unlock()
	c.end()
	c.wg.Wait()
}

// run owns the connection: it dials, then writes what is queued, until the
// connection breaks or the client is closed.
func (c *Client) run() {
	defer c.wg.Done()
	l, err := c.connect()
	if err == nil {
		c.setLink(l)
		err = l.write()
		l.close(err)
	}
	c.ended(err)
}

func (c *Client) setLink(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.link = l
	c.mu.backoff, c.mu.until = 0, 0
}

// ended fails what is still queued: a caller that wants it sent elsewhere must
// hear of it.
func (c *Client) ended(err error) {
	if err == nil {
		err = ErrDisconnected
	}
	c.mu.Lock()
	if c.mu.closed {
		err = ErrClosed
	}
	if c.mu.link == nil { // never got through
		c.mu.backoff = min(max(2*c.mu.backoff, c.o.Backoff), c.o.BackoffMax)
		c.mu.until = c.o.Clock.Nanos() + int64(c.mu.backoff)
	}
	c.mu.link = nil
	c.mu.running = false
	left := c.mu.queue
	c.mu.queue = nil
	c.mu.Unlock()
	for _, x := range left {
		c.finish(x, nil, err)
	}
}

// take empties the queue.
func (c *Client) take() []*call {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.mu.queue
	c.mu.queue = nil
	return q
}

// patience is how long those who wait for the connection will: nobody is left
// to hear of it after that.
func (c *Client) patience() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, last := c.o.Clock.Nanos(), int64(0)
	for _, x := range c.mu.queue {
		last = max(last, x.deadline-now)
	}
	return min(c.o.DialTimeout, max(time.Duration(last), time.Millisecond))
}

func (c *Client) connect() (*link, error) {
	timeout := c.patience()
	ctx, cancel := context.WithTimeout(c.stop, timeout)
	defer cancel()
	nc, err := c.o.Dial(ctx, c.addr)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDisconnected, err)
	}
	l := newLink(c, nc)
	if err := l.negotiate(timeout); err != nil {
		l.close(err)
		return nil, err
	}
	return l, nil
}
