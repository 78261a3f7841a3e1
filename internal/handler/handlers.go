package handler

import (
	"fmt"
	"log/slog"
	"strings"

	"gregor/internal/klog"
	"gregor/internal/partition"
	"gregor/internal/server"
	"gregor/internal/wire"
)

// Handlers serves the requests of one server, broker's or controller's. It is
// its server.Handler.
type Handlers struct {
	services *Services
	listener wire.Listener
	serve    [keyCount]Func // by key, nil: not served
	versions versions
	wheel    *Wheel
	fetches  *sessions
	cached   settingsCache
	firing   firing
	log      *slog.Logger
}

// Func serves one request. An error closes the connection.
type Func func(*Context) error

// with serves with f, which takes the request decoded.
func with[Q any, P interface {
	*Q
	wire.Message
}](f func(*Context, *Q)) Func {
	return func(c *Context) error {
		req := new(Q)
		if err := c.Decode(P(req)); err != nil {
			return err
		}
		f(c, req)
		return nil
	}
}

// Options makes Handlers.
type Options struct {
	Services *Services
	// Listener is the kind of the server's listeners.
	Listener wire.Listener
	// Wheel holds what waits with a deadline.
	Wheel *Wheel
	// Log gets what Kafka logs as KafkaApis; nil is none.
	Log *slog.Logger
	// FetchSessions is max.incremental.fetch.session.cache.slots.
	FetchSessions int
}

// New is the Handlers of a server. The services must be complete.
func New(o Options) *Handlers {
	h := &Handlers{services: o.Services, listener: o.Listener, wheel: o.Wheel, fetches: newSessions(o.FetchSessions)}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h.log = klog.Named(log, "kafka.server.KafkaApis", fmt.Sprintf("[KafkaApi-%d] ", o.Services.Self))
	for key := range table {
		api := wire.APIByKey(int16(key))
		side := table[key].broker
		if o.Listener == wire.ControllerListener {
			side = table[key].controller
		}
		if _, _, ok := api.Advertised(o.Listener); ok && side.serve != nil && (side.needs == nil || side.needs(o.Services)) {
			h.serve[key] = side.serve
		}
	}
	h.versions.init(h)
	return h
}

// local is what the handlers keep with a Pass: what a request needs while it
// is served, reused for the next.
type local struct {
	ctx     Context
	woken   partition.Woken
	flusher server.Flusher
	produce produceWork

	apiVersions wire.ApiVersionsRequest
}

func (h *Handlers) local(p *server.Pass) *local {
	l, ok := p.Local.(*local)
	if !ok {
		l = new(local)
		l.ctx.local = l
		p.Local = l
	}
	if l.ctx.h != h {
		l.ctx.h, l.ctx.Services = h, h.services
	}
	return l
}

// Serve serves one request.
func (h *Handlers) Serve(p *server.Pass, frame []byte) error {
	l := h.local(p)
	c := &l.ctx
	c.body.Reset(frame, true)
	api, err := wire.DecodeRequestHeader(&c.body, &c.header)
	if err != nil {
		return badHeader(frame, err)
	}
	c.API, c.Version, c.correlation = api, c.header.RequestApiVersion, c.header.CorrelationId
	c.payload = frame[c.body.Offset():]
	c.pass, c.Now, c.err = p, p.Now, nil
	c.connect()
	if api.Key != wire.KeyProduce {
		if err := l.produce.finish(c); err != nil {
			return err
		}
	}
	f := h.serve[api.Key]
	if f == nil || !api.Accepts(h.listener, c.Version) {
		if api.Key == wire.KeyApiVersions {
			h.unsupported(c)
			return c.err
		}
		return h.disabled(api, c.Version)
	}
	if err := f(c); err != nil {
		return err
	}
	return c.err
}

// connect finds or makes what is kept of the connection.
func (c *Context) connect() {
	conn, ok := c.pass.Conn.Local.(*connection)
	if !ok {
		conn = &connection{principal: anonymous}
		c.pass.Conn.Local = conn
	}
	c.conn = conn
	id := ""
	if c.header.ClientId != nil {
		id = *c.header.ClientId
	}
	if conn.clientID != id {
		conn.clientID = strings.Clone(id)
	}
}

func badHeader(frame []byte, err error) error {
	return fmt.Errorf("Error parsing request header. Our best guess of the apiKeyId is: %d: %w", guess(frame), err)
}

func guess(frame []byte) int16 {
	if len(frame) < 2 {
		return -1
	}
	return int16(frame[0])<<8 | int16(frame[1])
}

func (h *Handlers) disabled(api *wire.API, version int16) error {
	name := constantName(api)
	switch {
	case api.Key >= wire.KeyLeaderAndIsr && api.Key <= wire.KeyControlledShutdown:
		return fmt.Errorf("Unsupported api with key %d (%s) and version %d", api.Key, api.Name, version)
	case version <= api.MaxVersion:
		return fmt.Errorf("Received request for disabled api with key %d (%s) and version %d", api.Key, name, version)
	}
	return fmt.Errorf("Received request for api with key %d (%s) and unsupported version %d", api.Key, name, version)
}

// EndPass does what Serve put off.
func (h *Handlers) EndPass(p *server.Pass) error {
	l := h.local(p)
	err := l.produce.finish(&l.ctx)
	if c := &l.ctx; len(c.payload) > keepFrame {
		c.payload = nil
		c.body.Reset(nil, true)
		if c.header.ClientId != nil {
			*c.header.ClientId = ""
		}
	}
	return err
}

// AfterPass wakes the requests that the pass made ready.
func (h *Handlers) AfterPass(p *server.Pass) {
	l := h.local(p)
	h.firing.fire(&l.woken, &l.flusher)
}

// Closed is told that a connection is gone.
func (h *Handlers) Closed(*server.Conn) {}

// constantName is the key's name in Java, such as API_VERSIONS.
func constantName(api *wire.API) string {
	var b strings.Builder
	for i, r := range api.Name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToUpper(string(r)))
	}
	return b.String()
}
