package server

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"gregor/internal/model"
)

var (
	errAgain  = errors.New("server: nothing there, or the socket is full")
	errClosed = errors.New("server: the connection is closed")
)

// transport is the bytes under a connection. read and send that would block
// return errAgain; send with wait blocks instead.
type transport interface {
	// serve calls the owner's turn whenever there may be something to read,
	// until that returns true or the connection is closed.
	serve() error
	// read reads what is there; more says that there may be more.
	read(p []byte) (n int, more bool, err error)
	send(s *sender, wait bool) error
	local() netip.AddrPort
	// nudge makes serve return os.ErrDeadlineExceeded as soon as it waits; calm
	// undoes that.
	nudge()
	calm()
	// shut makes the others return and blocks nobody; close frees the
	// descriptor, once serve has returned.
	shut()
	close()
}

// Conn is one connection.
type Conn struct {
	srv      *Server
	listener *listener
	t        transport
	remote   netip.AddrPort
	number   uint64
	touched  atomic.Bool // since the janitor looked last
	mayBe    atomic.Bool // the ring may not be empty, or a throttle hold

	deep atomic.Bool // its goroutine has served requests

	// Local is the Handler's, for the goroutine of the connection only.
	Local any

	// Of the owner goroutine.
	in     input
	served bool  // a request was served
	turns  uint8 // how often something was read, up to a few
	cause  error // why it ends

	// out is what is being sent. It belongs to the writer, or to who holds mu
	// while there is none.
	out *sender

	mu struct {
		sync.Mutex
		ring    *ring
		seq     uint64 // of the next slot; tickets of a connection never repeat
		writing bool   // somebody is the writer
		closed  bool
		resume  int64 // throttled until then, by clock.Nanos; 0: not
		wake    chan struct{}
	}

	// Of the server's list.
	prev, next *Conn
	idleSince  int64 // ticks of the janitor
}

// Listener is the name of the listener the connection came in by.
func (c *Conn) Listener() string { return c.listener.Name }

// Protocol is its security protocol.
func (c *Conn) Protocol() string { return c.listener.Protocol }

// Controller reports whether it is a controller's listener.
func (c *Conn) Controller() bool { return c.srv.controller }

// Remote is the client's address.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// ID names the connection in logs, as Kafka does: local and remote address,
// a processor, which is always 0 here, and a running number.
func (c *Conn) ID() string {
	b := make([]byte, 0, 64)
	b = appendAddr(b, c.t.local())
	b = append(b, '-')
	b = appendAddr(b, c.remote)
	b = append(b, "-0-"...)
	return string(strconv.AppendUint(b, c.number, 10))
}

func appendAddr(b []byte, a netip.AddrPort) []byte {
	b = a.Addr().Unmap().AppendTo(b)
	b = append(b, ':')
	return strconv.AppendUint(b, uint64(a.Port()), 10)
}

// run is the owner goroutine. One that has served requests has a larger stack
// than one that only waits, and keeps it; so the janitor has connections that
// rest for a second or two change over to a new goroutine.
func (c *Conn) run() {
	err := c.t.serve()
	if c.cause == nil && errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.calm()
		c.deep.Store(false)
		go c.run()
		return
	}
	if c.cause == nil {
		c.cause = err
	}
	c.shut()
	c.t.close()
	c.in.drop(c.srv.budget)
	if c.served {
		c.srv.handler.Closed(c)
	}
	c.srv.forget(c)
}

// turn serves what there is to read. It returns true when the connection is
// to end.
func (c *Conn) turn() (done bool) {
	c.touch()
	if !c.deep.Load() {
		c.deep.Store(true)
	}
	p := getPass(c)
	err := c.readAll(p)
	putPass(p)
	if err == nil {
		c.rest()
		return false
	}
	c.cause = err
	c.complain(err)
	return true
}

func (c *Conn) touch() {
	if !c.touched.Load() {
		c.touched.Store(true)
	}
}

func (c *Conn) readAll(p *Pass) error {
	for {
		if err := c.room(); err != nil {
			return err
		}
		n, more, err := c.t.read(c.in.free())
		if err == errAgain {
			return nil
		}
		if err != nil {
			return err
		}
		c.in.end += n
		p.Now = c.srv.clock.Now()
		err = c.frames(p)
		if e := p.end(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
		if !more && c.settled() {
			return nil
		}
	}
}

// settled reports whether the connection has gone on for a while. Then a read
// that finds less than there was room for is not followed by another that
// finds nothing. A client that has closed its side together with its last
// request is missed by that, until the janitor looks; for short connections,
// where this is more likely, it is found out at once.
func (c *Conn) settled() bool {
	const turns = 16
	if c.turns < turns {
		c.turns++
	}
	return c.turns == turns
}

// room makes room to read into, waiting for memory if need be.
func (c *Conn) room() error {
	n := c.in.wants()
	if n > 0 && !c.srv.budget.take(int64(n), c) {
		if err := c.sleepUntil(func() bool { return c.srv.budget.take(int64(n), c) }); err != nil {
			return err
		}
	}
	c.in.grow(n, c.srv.budget)
	return nil
}

// frames serves the complete requests in the buffer.
func (c *Conn) frames(p *Pass) error {
	for {
		frame, err := c.in.frame(c.srv.limits.Load().RequestMax)
		if frame == nil || err != nil {
			return err
		}
		if err := c.await(p); err != nil {
			return err
		}
		p.owed++
		c.served = true
		if err := c.srv.handler.Serve(p, frame); err != nil {
			p.failed = true
			return &requestError{err}
		}
	}
}

// await waits until the next request may be served.
func (c *Conn) await(p *Pass) error {
	if !c.mayBe.Load() || c.mayServe() {
		return nil
	}
	if err := p.end(); err != nil {
		return err
	}
	if err := c.sleepUntil(c.mayServe); err != nil {
		return err
	}
	p.Now = c.srv.clock.Now()
	return nil
}

func (c *Conn) mayServe() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.resume > 0 && c.srv.clock.Nanos() >= c.mu.resume {
		c.mu.resume = 0
	}
	throttled := c.mu.resume > 0
	c.mayBe.Store(throttled || !c.mu.ring.empty())
	return !throttled && !c.mu.ring.full()
}

// sleepUntil blocks the owner until ok, which is asked again after every poke
// and when a throttle ends. The error is that the connection is closed.
func (c *Conn) sleepUntil(ok func() bool) error {
	if ok() {
		return nil
	}
	for {
		c.mu.Lock()
		if c.mu.wake == nil {
			c.mu.wake = make(chan struct{}, 1)
		}
		wake, resume, closed := c.mu.wake, c.mu.resume, c.mu.closed
		c.mu.Unlock()
		if closed {
			return errClosed
		}
		if ok() {
			return nil
		}
		if resume == 0 {
			<-wake
			continue
		}
		over, stop := c.srv.clock.After(time.Duration(resume - c.srv.clock.Nanos()))
		select {
		case <-wake:
		case <-over:
		}
		stop()
	}
}

// Throttle has no request of the connection served for d milliseconds, apart
// from those that are being served.
func (c *Conn) Throttle(d model.Millis) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.resume = max(c.mu.resume, c.srv.clock.Nanos()+int64(d)*int64(time.Millisecond))
	c.mayBe.Store(true)
}

// poke wakes the owner if it sleeps.
func (c *Conn) poke() {
	c.mu.Lock()
	wake := c.mu.wake
	c.mu.Unlock()
	if wake != nil {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// rest lets go of what an idle connection does not need.
func (c *Conn) rest() {
	c.in.rest(c.srv.budget)
	if c.mayBe.Load() {
		c.mu.Lock()
		if c.mu.ring.empty() {
			c.mu.ring.free()
			c.mu.ring = nil
		}
		c.mayBe.Store(!c.mu.ring.empty() || c.mu.resume > 0)
		c.mu.Unlock()
	}
}

// Close ends the connection. The owner finds out and cleans up.
func (c *Conn) Close(cause error) {
	c.shut()
	if cause != nil {
		c.complain(&requestError{cause})
	}
}

// ErrQuiet closes a connection without a line in the log: the Handler has
// written one of its own.
var ErrQuiet = errors.New("server: closed by the handler")

// requestError is a request that ends its connection.
type requestError struct{ err error }

func (e *requestError) Error() string { return e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

// complain logs why a connection is closed, unless the client just left.
func (c *Conn) complain(err error) {
	var frame *frameError
	var request *requestError
	switch {
	case errors.Is(err, ErrQuiet):
	case errors.As(err, &frame):
		c.srv.log.selector.Warn(fmt.Sprintf("Unexpected error from /%s (channelId=%s); closing connection: %s", c.remote.Addr(), c.ID(), frame))
	case errors.As(err, &request):
		c.srv.log.processor.Error(fmt.Sprintf("Closing socket for %s because of error: %s", c.ID(), request))
	}
}
