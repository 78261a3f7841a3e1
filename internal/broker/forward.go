package broker

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gregor/internal/controller"
	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// Client is who sent a request that is forwarded.
type Client struct {
	Principal string // such as User:ANONYMOUS
	ClientID  string
	Listener  string
	Host      netip.Addr
}

// Forwarder passes requests of clients on to the active controller, keeping who
// sent them: by Envelope (KIP-590) when it is another process.
type Forwarder struct {
	channel *Channel
	local   func(c Client, req wire.Message, version int16, reply func(wire.Message))
}

// NewForwarder is a Forwarder; local serves when the active controller is this
// process, and is nil if the node is no controller.
func NewForwarder(ch *Channel, local func(c Client, req wire.Message, version int16, reply func(wire.Message))) *Forwarder {
	return &Forwarder{ch, local}
}

// retryPause is how long a request waits before it is tried again after
// NOT_CONTROLLER or while there is no controller.
const retryPause = 20 * time.Millisecond

// Forward calls done once with the controller's answer, in the request's
// version, or with an error after timeout. While the active controller changes
// the request is tried again: the controller answers NOT_CONTROLLER only to
// requests of which nothing was done.
func (f *Forwarder) Forward(c Client, req wire.Message, version int16, timeout time.Duration, done func(wire.Message, error)) {
	f.try(c, req, version, time.Now().Add(timeout), done)
}

func (f *Forwarder) try(c Client, req wire.Message, version int16, deadline time.Time, done func(wire.Message, error)) {
	again := func(err error) {
		left := time.Until(deadline)
		if left <= retryPause {
			if err == nil {
				err = kerr.RequestTimedOut
			}
			done(nil, err)
			return
		}
		time.AfterFunc(retryPause, func() { f.try(c, req, version, deadline, done) })
	}
	id, _, ok := f.channel.o.Leader()
	if !ok {
		again(ErrNoController)
		return
	}
	if id == f.channel.o.Self && f.local != nil {
		f.local(c, req, version, func(m wire.Message) {
			if controller.IsNotController(m) {
				again(nil)
				return
			}
			done(m, nil)
		})
		return
	}
	env, err := envelope(c, req, version)
	if err != nil {
		done(nil, err)
		return
	}
	f.channel.Send(env, time.Until(deadline), func(m wire.Message, err error) {
		resp, err := opened(m, err, req, version)
		switch {
		case kerr.Of(err) == kerr.NotController:
			again(nil)
		default:
			done(resp, err)
		}
	})
}

// envelope wraps a request with its header and its sender.
func envelope(c Client, req wire.Message, version int16) (*wire.EnvelopeRequest, error) {
	var w wire.Writer
	if err := wire.EncodeRequest(&w, 0, &c.ClientID, req, version); err != nil {
		return nil, fmt.Errorf("forwarding %s: %w", wire.Name(req), err)
	}
	frame, err := w.Bytes()
	if err != nil {
		return nil, err
	}
	kind, name, _ := strings.Cut(c.Principal, ":")
	p, err := wire.Append([]byte{0, 0}, &wire.DefaultPrincipalData{Type: kind, Name: name}, 0)
	if err != nil {
		return nil, err
	}
	return &wire.EnvelopeRequest{RequestData: frame[4:], RequestPrincipal: p, ClientHostAddress: c.Host.Unmap().AsSlice()}, nil
}

// opened takes an answer out of its envelope.
func opened(m wire.Message, err error, req wire.Message, version int16) (wire.Message, error) {
	if err != nil {
		return nil, err
	}
	env, ok := m.(*wire.EnvelopeResponse)
	if !ok {
		return nil, fmt.Errorf("the controller answers an Envelope with %s", wire.Name(m))
	}
	if env.ErrorCode != kerr.None {
		return nil, env.ErrorCode
	}
	var r wire.Reader
	r.Reset(env.ResponseData, false)
	if _, err := wire.DecodeResponseHeader(&r, wire.APIByKey(req.APIKey()), version); err != nil {
		return nil, err
	}
	resp := wire.NewResponse(req.APIKey())
	resp.Decode(&r, version)
	r.End()
	return resp, r.Err()
}
