// Package peer keeps connections to other nodes and sends requests over them.
//
// A Client is one other node under one address. It dials when the first
// request is sent, asks for the peer's ApiVersions, then pipelines requests:
// each goes out in the highest version that both sides know. Answers come in
// the order of the requests, as Kafka's servers send them.
//
//	p := peer.NewPool(peer.Options{ClientID: "broker-1"})
//	c := p.Get("10.0.0.3:9093")
//	resp, err := c.Do(req, 2*time.Second)                                          // waits
//	c.Send(req, 2*time.Second, func(resp wire.Message, err error) { ... })         // does not
//
// # When things break
//
// A request fails with ErrDisconnected when the connection cannot be made or
// breaks, and at once while the backoff after a failed dial lasts: whoever asks
// may know another node. It fails with ErrTimeout when its time is over; as the
// answers behind it would be stuck too, the connection is given up then. Nothing is
// sent twice: whether a request whose connection broke was carried out is not
// known.
//
// # Goroutines
//
// An open connection has two, a writer and a reader; a client that is not
// connected and has nothing to send has none. Close ends them and fails what is
// pending. Callbacks run on these goroutines: they must not block, and must not
// call Close.
package peer
