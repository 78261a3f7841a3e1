package handler

import (
	"net/netip"

	"gregor/internal/controller"
	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// envelope serves Envelope, version 0, on a controller: a request that a broker
// passes on for a client, whose principal and address stand in the envelope
// (KIP-590). The answer to it is wrapped again; NOT_CONTROLLER is told outside
// too, so that the broker looks for the active controller.
func envelope(c *Context, env *wire.EnvelopeRequest) {
	from, req, version, correlation, err := c.unwrap(env)
	if err != nil {
		c.Reply(&wire.EnvelopeResponse{ErrorCode: kerr.Of(err)})
		return
	}
	later := c.Later()
	c.Services.Decide(from, req, version, func(m wire.Message) { later.Reply(wrapped(m, version, correlation)) })
}

// wrapped puts an answer into an envelope.
func wrapped(m wire.Message, version int16, correlation int32) *wire.EnvelopeResponse {
	if controller.IsNotController(m) {
		return &wire.EnvelopeResponse{ErrorCode: kerr.NotController}
	}
	var w wire.Writer
	if err := wire.EncodeResponse(&w, correlation, m, version); err != nil {
		return &wire.EnvelopeResponse{ErrorCode: kerr.UnknownServerError}
	}
	frame, err := w.Bytes()
	if err != nil {
		return &wire.EnvelopeResponse{ErrorCode: kerr.UnknownServerError}
	}
	const size = 4 // the length before the frame stays outside
	return &wire.EnvelopeResponse{ResponseData: frame[size:]}
}

// unwrap takes the request out of its envelope.
func (c *Context) unwrap(env *wire.EnvelopeRequest) (from Sender, req wire.Message, version int16, correlation int32, err error) {
	if !c.Allowed(ClusterAction, Cluster, ClusterName) {
		return from, nil, 0, 0, kerr.ClusterAuthorizationFailed
	}
	var p wire.DefaultPrincipalData
	if err := principal(env.RequestPrincipal, &p); err != nil {
		return from, nil, 0, 0, kerr.PrincipalDeserializationFailure
	}
	host, ok := netip.AddrFromSlice(env.ClientHostAddress)
	if !ok {
		return from, nil, 0, 0, kerr.InvalidRequest
	}
	var r wire.Reader
	r.Reset(env.RequestData, false)
	var h wire.RequestHeader
	api, err := wire.DecodeRequestHeader(&r, &h)
	if err != nil {
		return from, nil, 0, 0, kerr.UnsupportedVersion
	}
	if !forwardable(api.Key) {
		return from, nil, 0, 0, kerr.InvalidRequest
	}
	if !api.Accepts(wire.ControllerListener, h.RequestApiVersion) {
		return from, nil, 0, 0, kerr.UnsupportedVersion
	}
	req = wire.NewRequest(api.Key)
	req.Decode(&r, h.RequestApiVersion)
	r.End()
	if r.Err() != nil {
		return from, nil, 0, 0, kerr.UnsupportedVersion
	}
	from = Sender{Principal: p.Type + ":" + p.Name, Host: host.Unmap().String(), Listener: c.Listener(), Forwarded: true}
	if h.ClientId != nil {
		from.ClientID = *h.ClientId
	}
	return from, req, h.RequestApiVersion, h.CorrelationId, nil
}

// forwardable says whether brokers pass a key on for clients, here: those that
// Decide knows and that clients may ask for.
func forwardable(key int16) bool {
	if _, ok := asked[key]; ok {
		return true
	}
	op, ok := decided[key]
	return ok && (op != ClusterAction || key == wire.KeyAllocateProducerIds)
}

// principal reads Kafka's DefaultPrincipalData with its version before it.
func principal(b []byte, p *wire.DefaultPrincipalData) error {
	if len(b) < 2 {
		return kerr.PrincipalDeserializationFailure
	}
	return wire.Unmarshal(b[2:], p, int16(b[0])<<8|int16(b[1]))
}
