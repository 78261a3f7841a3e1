package server

import (
	"sync"

	"gregor/internal/invariant"
	"gregor/internal/model"
)

// Pass is one turn of a connection: the requests that one read found. It is
// reused for other connections afterwards.
type Pass struct {
	// Conn is the connection.
	Conn *Conn
	// Now is the time the requests were read.
	Now model.Millis
	// Local is the Handler's: it stays with the Pass when that is reused, so
	// that what it allocates it allocates once.
	Local any
	// Flusher takes connections whose holes are filled during the pass; they
	// are written at its end, after this one.
	Flusher Flusher

	out    *Response // responses given at once, not yet in the ring
	owed   int       // requests served that have no answer yet
	failed bool      // the last of them never gets one
}

var passes = sync.Pool{New: func() any { return new(Pass) }}

func getPass(c *Conn) *Pass {
	p := passes.Get().(*Pass)
	p.Conn = c
	return p
}

func putPass(p *Pass) {
	p.Conn = nil
	passes.Put(p)
}

// flushAt is how many bytes of responses are gathered before they are written
// without waiting for the end of the pass.
const flushAt = 256 << 10

// answer notes that the oldest request without an answer gets it.
func (p *Pass) answer() {
	invariant.Check(p.owed > 0, "a request has one answer")
	p.owed--
}

// Begin begins the answer to the oldest request of the pass that has none.
// Encode into it, Hold what it refers to, and call End.
func (p *Pass) Begin() *Response {
	p.answer()
	if p.out == nil {
		p.out = getResponse()
	}
	return p.out
}

// End ends what Begin began. The error is that of the Writer; pass it on as
// Serve's error. The responses of the pass that were not pushed yet are lost
// with it.
func (p *Pass) End() error {
	if err := p.out.Err(); err != nil {
		p.out.free()
		p.out = nil
		return err
	}
	if p.out.Len() >= flushAt {
		p.push()
		p.Conn.flush(false)
	}
	return nil
}

// Skip says that the oldest request without an answer gets none.
func (p *Pass) Skip() {
	p.answer()
}

// Later leaves a hole for the answer to the oldest request without one. parked is
// told if the connection goes away first; it may be nil. With inOrder no later
// request is served before the hole is filled.
func (p *Pass) Later(parked Parked, inOrder bool) Ticket {
	p.answer()
	p.push()
	return p.Conn.leaveHole(parked, inOrder)
}

// push puts the responses given at once into the ring.
func (p *Pass) push() {
	if p.out != nil {
		p.Conn.pushDone(p.out)
		p.out = nil
	}
}

// end ends a pass: first what the handler put off, then this connection's
// responses, then those of others, and only then a wait for this one's socket.
func (p *Pass) end() error {
	c := p.Conn
	err := c.srv.handler.EndPass(p)
	invariant.Check(err != nil || p.failed || p.owed == 0, "%d requests were not answered", p.owed)
	p.owed, p.failed = 0, false
	p.push()
	full := c.flush(false)
	c.srv.handler.AfterPass(p)
	p.Flusher.Flush()
	if full {
		c.flush(true)
	}
	if err != nil {
		return &requestError{err}
	}
	return nil
}

// Ticket is the place of an answer still to come, in the order of its
// connection. It is used once, by Begin and End or by Skip or Close.
type Ticket struct {
	c   *Conn
	seq uint64
}

// Conn is the connection that waits.
func (t Ticket) Conn() *Conn { return t.c }

// Begin begins the answer.
func (t Ticket) Begin() *Response { return getResponse() }

// End fills the hole with r. With f the connection is written when f is
// flushed, otherwise at once, without blocking. If r cannot be encoded the
// connection is closed.
func (t Ticket) End(r *Response, f *Flusher) {
	if err := r.Err(); err != nil {
		r.free()
		t.Close(err)
		return
	}
	t.c.fill(t.seq, r, f)
}

// Skip fills the hole with nothing: the request gets no answer after all.
func (t Ticket) Skip(f *Flusher) { t.c.fill(t.seq, nil, f) }

// Close closes the connection instead of answering.
func (t Ticket) Close(err error) { t.c.Close(err) }

// Flusher collects connections that have something to send, to write each
// once. The zero value is empty. Not safe for concurrent use.
type Flusher struct{ conns []*Conn }

func (f *Flusher) add(c *Conn) {
	if n := len(f.conns); n > 0 && f.conns[n-1] == c {
		return
	}
	f.conns = append(f.conns, c)
}

// Flush writes the collected connections without blocking.
func (f *Flusher) Flush() {
	for i, c := range f.conns {
		f.conns[i] = nil
		c.kick()
	}
	f.conns = f.conns[:0]
}
