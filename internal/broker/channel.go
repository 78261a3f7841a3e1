package broker

import (
	"errors"
	"time"

	"gregor/internal/model"
	"gregor/internal/peer"
	"gregor/internal/wire"
)

// ErrNoController says that the active controller is not known at present.
var ErrNoController = errors.New("the active controller is not known")

// ChannelOptions is what a Channel needs.
type ChannelOptions struct {
	Self model.BrokerID
	// Local answers a request by this process's controller; nil if the node is
	// no controller.
	Local func(req wire.Message, version int16, reply func(wire.Message))
	// Leader is the active controller and its address (host:port); ok is false
	// while it is not known.
	Leader func() (id model.BrokerID, address string, ok bool)
	Peers  *peer.Pool
}

// Channel reaches the active controller, wherever it is. Safe for concurrent use.
type Channel struct{ o ChannelOptions }

// NewChannel is a Channel.
func NewChannel(o ChannelOptions) *Channel { return &Channel{o} }

// Send sends req to the active controller and calls done once with its answer,
// from any goroutine. The answer may be NOT_CONTROLLER: leadership moves.
func (c *Channel) Send(req wire.Message, timeout time.Duration, done func(wire.Message, error)) {
	id, address, ok := c.o.Leader()
	switch {
	case !ok:
		done(nil, ErrNoController)
	case id == c.o.Self && c.o.Local != nil:
		// The newest version that is advertised: what the two sides would have
		// agreed on over the network.
		_, version, _ := wire.APIByKey(req.APIKey()).Advertised(wire.ControllerListener)
		c.o.Local(req, version, func(m wire.Message) { done(m, nil) })
	default:
		c.o.Peers.Get(address).Send(req, timeout, done)
	}
}
