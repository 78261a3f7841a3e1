package handler

import (
	"cmp"
	"fmt"

	"gregor/internal/model"
	"gregor/internal/server"
	"gregor/internal/wire"
)

// Context is one request being served. It is reused for the next one.
type Context struct {
	// API is the request's key, Version its version.
	API     *wire.API
	Version int16
	// Now is when the request was read.
	Now model.Millis
	// Services are the owners.
	Services *Services

	h           *Handlers
	local       *local
	pass        *server.Pass
	conn        *connection
	correlation int32
	payload     []byte // the request behind its header
	err         error  // of Reply
	body        wire.Reader
	header      wire.RequestHeader
}

// connection is what the handlers keep of a connection.
type connection struct {
	clientID  string // of the last request
	host      string // "" if nobody has asked yet
	principal string
}

// anonymous is the principal of everyone on a listener without authentication.
const anonymous = "User:ANONYMOUS"

// Decode decodes the request into m, which then aliases nothing but byte
// fields. The error is to be returned: it closes the connection.
func (c *Context) Decode(m wire.Message) error {
	return c.decode(m, false)
}

// decodeAlias is Decode for a request that is done with before EndPass: its
// strings are views of the frame.
func (c *Context) decodeAlias(m wire.Message) error { return c.decode(m, true) }

func (c *Context) decode(m wire.Message, alias bool) error {
	r := &c.body
	r.Reset(c.payload, alias)
	m.Decode(r, c.Version)
	if err := r.Err(); err != nil {
		return fmt.Errorf("Error getting request for apiKey: %s, apiVersion: %d, connectionId: %s, listenerName: ListenerName(%s), principal: %s: %w",
			constantName(c.API), c.Version, c.ConnectionID(), c.Listener(), c.Principal(), err)
	}
	return nil
}

// Reply answers the request.
func (c *Context) Reply(m wire.Message) {
	err := wire.EncodeResponse(&c.pass.Begin().Writer, c.correlation, m, c.Version)
	if e := c.pass.End(); e != nil {
		c.err = cmp.Or(err, e)
	}
}

// Skip says that the request gets no answer.
func (c *Context) Skip() { c.pass.Skip() }

// Later answers the request later. Until then the connection's next request
// is not served.
func (c *Context) Later() Later { return c.later(nil, true) }

// LaterUnordered is Later for requests that do not mind what comes after them.
// parked is told if the connection goes away first; it may be nil.
func (c *Context) LaterUnordered(parked server.Parked) Later { return c.later(parked, false) }

func (c *Context) later(parked server.Parked, inOrder bool) Later {
	return Later{t: c.pass.Later(parked, inOrder), correlation: c.correlation, version: c.Version}
}

// Later is the place of an answer. It is used once, from any goroutine.
type Later struct {
	t           server.Ticket
	correlation int32
	version     int16
}

// Reply answers, and writes to the connection without blocking.
func (l Later) Reply(m wire.Message) { l.ReplyInto(m, nil) }

// ReplyInto answers; the connection is written when f is flushed.
func (l Later) ReplyInto(m wire.Message, f *server.Flusher) {
	r := l.t.Begin()
	_ = wire.EncodeResponse(&r.Writer, l.correlation, m, l.version) // End sees the error
	l.t.End(r, f)
}

// Close closes the connection instead of answering.
func (l Later) Close(err error) { l.t.Close(err) }

// ClientID is the client's name for itself, "" if none.
func (c *Context) ClientID() string { return c.conn.clientID }

// Principal is who the client is, such as User:ANONYMOUS.
func (c *Context) Principal() string { return c.conn.principal }

// Host is the client's address, such as 127.0.0.1.
func (c *Context) Host() string {
	if c.conn.host == "" {
		c.conn.host = c.pass.Conn.Remote().Addr().String()
	}
	return c.conn.host
}

// Listener is the name of the listener the request came in by.
func (c *Context) Listener() string { return c.pass.Conn.Listener() }

// Controller reports whether that is a controller's listener.
func (c *Context) Controller() bool { return c.pass.Conn.Controller() }

// ConnectionID names the connection as Kafka's logs do.
func (c *Context) ConnectionID() string { return c.pass.Conn.ID() }
