package server

import "errors"

// leaveHole takes a place in the ring for an answer to come.
func (c *Conn) leaveHole(parked Parked, inOrder bool) Ticket {
	c.mayBe.Store(true)
	c.mu.Lock()
	seq := c.pushLocked(slot{parked: parked, inOrder: inOrder})
	c.mu.Unlock()
	return Ticket{c, seq}
}

func (c *Conn) pushLocked(s slot) uint64 {
	if c.mu.ring == nil {
		c.mu.ring = rings.Get().(*ring)
		c.mu.ring.head, c.mu.ring.tail = c.mu.seq, c.mu.seq
	}
	c.mu.seq++
	return c.mu.ring.push(s)
}

// pushDone puts a finished response at the end of the ring, or, when nothing is
// before it, where the writer will find it without.
func (c *Conn) pushDone(r *Response) {
	c.mu.Lock()
	closed := c.mu.closed
	switch {
	case closed:
	case c.mu.ring.empty() && !c.mu.writing && c.out == nil:
		c.out = newSender(r)
	default:
		c.mayBe.Store(true)
		c.pushLocked(slot{r: r, size: r.Cap(), done: true})
	}
	c.mu.Unlock()
	if closed {
		r.free()
	}
}

// fill fills the hole seq.
func (c *Conn) fill(seq uint64, r *Response, f *Flusher) {
	c.mu.Lock()
	closed, oldest := c.mu.closed, false
	if !closed {
		oldest = c.mu.ring.fill(seq, r)
	}
	c.mu.Unlock()
	switch {
	case closed:
		if r != nil {
			r.free()
		}
	case !oldest:
		c.poke() // its being in order may have held up the owner
	case f != nil:
		f.add(c)
	default:
		c.kick()
	}
}

// kick writes what is ready without blocking; a full socket is left to a
// goroutine of its own.
func (c *Conn) kick() {
	if c.flush(false) && c.srv.hire() {
		go func() {
			defer c.srv.wg.Done()
			c.flush(true)
		}()
	}
}

// flush writes what is ready, unless somebody else is at it. full reports that
// the socket takes no more and something is left; with wait that is waited
// for instead.
func (c *Conn) flush(wait bool) (full bool) {
	if !c.beWriter() {
		return false
	}
	for c.load() {
		err := c.t.send(c.out, wait)
		if err == errAgain {
			c.mu.Lock()
			c.mu.writing = false
			closed := c.mu.closed
			c.mu.Unlock()
			if closed {
				c.shut()
			}
			return !closed
		}
		c.out.free()
		c.out = nil
		if err != nil {
			c.writeFailed(err)
			return false
		}
		c.touch()
	}
	return false
}

// beWriter makes the caller the writer if there is none and something to do.
func (c *Conn) beWriter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.writing || c.mu.closed || c.out == nil && !c.mu.ring.ready() {
		return false
	}
	c.mu.writing = true
	return true
}

// load makes sure the writer has something to send; else it is the writer no
// longer.
func (c *Conn) load() bool {
	if c.out != nil {
		return true
	}
	c.mu.Lock()
	if c.mu.closed || !c.mu.ring.ready() {
		c.mu.writing = false
		closed := c.mu.closed
		c.mu.Unlock()
		if closed {
			c.shut()
		}
		return false
	}
	r := c.popReadyLocked()
	wake := c.mu.wake
	c.mu.Unlock()
	if wake != nil {
		c.poke()
	}
	if r == nil { // only requests that get no answer
		return c.load()
	}
	c.out = newSender(r)
	return true
}

// popReadyLocked takes the oldest responses off, small ones put together.
func (c *Conn) popReadyLocked() *Response {
	var first *Response
	for c.mu.ring.ready() {
		next := c.mu.ring.at(c.mu.ring.head).r
		if first != nil && next != nil && !joins(first, next) {
			return first
		}
		c.mu.ring.pop()
		switch {
		case next == nil:
		case first == nil:
			first = next
		default:
			b, _ := next.Bytes()
			_, _ = first.Write(b)
			next.free()
		}
	}
	return first
}

// joins reports whether b may be copied behind a.
func joins(a, b *Response) bool {
	return len(b.Segments()) <= 1 && len(b.held) == 0 && a.Len()+b.Len() <= keepWriter
}

// writeFailed ends the connection of the writer.
func (c *Conn) writeFailed(err error) {
	c.mu.Lock()
	c.mu.writing = false
	c.mu.Unlock()
	c.shut()
	var file *fileError
	if errors.As(err, &file) || errors.Is(err, errShort) {
		c.complain(&requestError{err})
	}
}

// shut closes the socket and drops what was to be sent. It may be called by
// anyone, several times; if there is a writer, that one calls it again.
func (c *Conn) shut() {
	c.mu.Lock()
	first := !c.mu.closed
	c.mu.closed = true
	var rest *ring
	var out *sender
	if !c.mu.writing {
		out, c.out = c.out, nil
	}
	rest, c.mu.ring = c.mu.ring, nil
	c.mu.Unlock()
	if first {
		c.t.shut()
		c.poke()
	}
	out.free()
	if rest == nil {
		return
	}
	for q := rest.head; q < rest.tail; q++ {
		s := rest.at(q)
		if s.r != nil {
			s.r.free()
		}
		if s.parked != nil {
			s.parked.Abandon(Ticket{c, q})
		}
	}
	clear(rest.slots)
	rest.free()
}
