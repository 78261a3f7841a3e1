package server

import (
	"log/slog"
	"math"

	"gregor/internal/clock"
	"gregor/internal/config"
	"gregor/internal/model"
)

// Options makes a Server.
type Options struct {
	// Node is the node's id, for log lines.
	Node model.BrokerID
	// Controller says that the listeners are a controller's.
	Controller bool
	// Listeners are bound in this order. Port 0 takes a free one (Server.Addr).
	Listeners []config.Listener
	// InterBroker is the listener that max.connections does not hold up.
	InterBroker string
	// Limits are the limits to start with; Server.SetLimits changes them.
	Limits Limits
	// ConnectionLimits may give a listener limits of its own.
	ConnectionLimits map[string]ListenerLimits
	// Handler serves the requests.
	Handler Handler
	Clock   clock.Clock
	// Log gets what Kafka logs under kafka.network.
	Log *slog.Logger
}

// Limits bound what clients may take. They can change while the server runs,
// apart from the memory and the socket options.
type Limits struct {
	// RequestMax is socket.request.max.bytes: a larger request closes its
	// connection.
	RequestMax int
	// QueuedMax is queued.max.request.bytes: requests being received hold at
	// most about this much memory; -1 is no limit.
	QueuedMax int64
	// Connections is max.connections.
	Connections int
	// PerIP is max.connections.per.ip, Overrides its exceptions by address.
	PerIP     int
	Overrides map[string]int
	// CreationRate is max.connection.creation.rate, per second.
	CreationRate int
	// MaxIdle is connections.max.idle.ms.
	MaxIdle model.Millis
	// Backlog is socket.listen.backlog.size.
	Backlog int
	// SendBuffer and ReceiveBuffer are socket.send.buffer.bytes and
	// socket.receive.buffer.bytes; -1 leaves them to the kernel.
	SendBuffer, ReceiveBuffer int
}

// DefaultLimits are Kafka's defaults.
func DefaultLimits() Limits {
	return Limits{
		RequestMax: 100 << 20, QueuedMax: -1,
		Connections: math.MaxInt32, PerIP: math.MaxInt32, CreationRate: math.MaxInt32,
		MaxIdle: 600_000, Backlog: 50, SendBuffer: 100 << 10, ReceiveBuffer: 100 << 10,
	}
}

// ListenerLimits are the limits a listener may have of its own
// (listener.name.NAME.max.connections and .max.connection.creation.rate); 0
// is none.
type ListenerLimits struct {
	Connections  int
	CreationRate int
}

// Bounds on one connection that Kafka does not need, since it serves one
// request of a connection at a time.
const (
	// maxSlots is how many responses may wait in a connection's ring.
	maxSlots = 1024
	// maxRingBytes is how many bytes of finished responses may wait there;
	// ranges of files do not count.
	maxRingBytes = 4 << 20
)

// Handler serves requests. Its methods are called by the goroutine of the
// connection.
type Handler interface {
	// Serve serves one request: the bytes of its frame without the size before
	// it. It answers through p exactly once, now or in EndPass, or not at all if
	// it returns an error, which closes the connection after one line in the
	// log. Answers are given in the order of the requests. frame is good until
	// EndPass has returned.
	Serve(p *Pass, frame []byte) error
	// EndPass is called once all requests that had arrived are served, before
	// the connection's responses are written. What Serve put off, to do it for
	// several requests at a time, is done here. An error is like Serve's.
	EndPass(p *Pass) error
	// AfterPass is called once they are written: for waking others.
	AfterPass(p *Pass)
	// Closed is called when the connection is gone, unless no request of it
	// was ever served.
	Closed(c *Conn)
}

// Parked is a request that waits for its answer.
type Parked interface {
	// Abandon is called if the connection goes away first. It may come together
	// with the Ticket's Begin and End, or even after them, which do nothing then:
	// t tells which request is meant.
	Abandon(t Ticket)
}
