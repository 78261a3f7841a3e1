// Package handler answers requests: a file per API key, each of which checks
// what the request may ask, calls one owner, and turns what that says into the
// response. Who serves which key is in one table, table.go.
//
// # Adding a key
//
//  1. A file named after the key (heartbeat.go) with a function. Most keys are
//     not hot; theirs takes the decoded request, which nobody else holds:
//
//     // heartbeat serves Heartbeat: a member of a classic group is alive.
//     func heartbeat(c *Context, req *wire.HeartbeatRequest) {
//     if !c.Allowed(Read, Group, req.GroupId) {
//     c.Reply(&wire.HeartbeatResponse{ErrorCode: kerr.GroupAuthorizationFailed})
//     return
//     }
//     later := c.Later()
//     c.Services.Groups.Heartbeat(c.Group(), req, func(r *wire.HeartbeatResponse) { later.Reply(r) })
//     }
//
//  2. A field of Services for the owner, with a narrow interface declared beside
//     the functions that use it.
//
//  3. A row of the table: wire.KeyHeartbeat, with(heartbeat), and the function
//     that says whether the owner is there. A key without its owner is neither
//     served nor advertised.
//
// # Rules
//
//   - A Context, and what it hands out, is good until the function returns. What
//     is answered later uses a Later, which is a value.
//   - Answer exactly once: Reply, Later, or Skip.
//   - Later keeps the order of effects too: the next request of the connection
//     is not looked at before the answer is given, as in Kafka. Produce and
//     Fetch, which may go on side by side, use LaterUnordered.
//   - Later.Reply may be called before Later's caller returns, and from any
//     goroutine, without locks of the callee held: it may write to the socket.
//     Whoever answers many at once uses ReplyInto and flushes at the end.
//   - Never block in a function: it is the connection's goroutine, and others'
//     answers may wait behind it.
//
// # Time
//
// Requests that wait with a deadline (a fetch, a produce with acks=-1, a
// delete of records) are in one Wheel.
//
// Source: KafkaApis, ControllerApis and RequestHandlerHelper of Apache Kafka 4.3.
package handler
