// Package peer keeps connections to other nodes and sends requests over them.
//
// A Client is one other node under one address. It dials when the first
// request is sent, asks for the peer's ApiVersions, then pipelines requests:
// each goes out in the highest version both sides know. A broken connection
// fails what is in flight; the next request dials again, not sooner than the
// backoff allows. A Pool keeps one Client per address.
//
//	p := peer.NewPool(peer.Options{ClientID: "broker-1", Dial: dial, Clock: clk})
//	c := p.Get("10.0.0.3:9093")
//	resp, err := c.Do(req, deadline)             // waits
//	c.Send(req, deadline, func(resp wire.Message, err error) { ... }) // does not
//
// Errors: ErrUnsupported when the versions do not overlap, ErrTimeout,
// ErrDisconnected (also: refused, no route), ErrBusy when too much is in flight,
// ErrClosed. Close ends the goroutines, two per open connection.
package peer
