// Package server is the sockets: it listens, accepts within limits, cuts the
// byte stream into requests, hands them to a Handler in order, and writes the
// responses in order. It knows nothing of what a request means.
//
// # A connection
//
// One goroutine owns a connection. It sleeps without a buffer until bytes are
// there, borrows one, reads as much as there is, serves every complete request
// inline, and writes all their responses with one system call. Such a turn is
// a Pass. While a pass goes on, nothing is allocated: buffers, passes and
// responses are pooled, so that an idle connection keeps only its struct and a
// small stack.
//
// # Responses
//
// A Handler answers in one of three ways while it serves a request:
//
//   - at once: r := p.Begin(); encode into r; p.End().
//   - not at all (acks=0): p.Skip().
//   - later: t := p.Later(parked, inOrder) leaves a hole. t.Begin and t.End
//     fill it, once, from any goroutine.
//
// Responses after a hole wait in the connection's ring until the hole is
// filled. The ring is bounded: when it is full the connection is not read any
// further, which the client feels as TCP back-pressure. A hole that is inOrder
// also keeps later requests from being served before it is filled, as Kafka
// does for all requests; produce and fetch do without.
//
// Whoever fills holes of several connections collects them in a Flusher and
// writes each connection once at the end. Such writes never block: a full
// socket is handed to a goroutine of its own until it has drained.
//
// # Ownership
//
// A connection's input buffer and its place in the stream belong to the owner
// goroutine alone. What others touch is under Conn.mu: the ring, and who the
// one writer is. Locks are not nested: Conn.mu is never held while another
// lock is taken, nor during a system call.
//
// Source: SocketServer and Selector of Apache Kafka 4.3, for limits, messages
// and what closes a connection; KIP-72 (memory), KIP-402 and KIP-612
// (connection limits).
package server
