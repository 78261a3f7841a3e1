package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// Quorum is this node's replica of the metadata log.
type Quorum interface {
	// HandleRPC serves a request of the metadata quorum. listener is the one it
	// came in by. reply is called once, from any goroutine; HandleRPC does not
	// block.
	HandleRPC(listener string, req wire.Message, version int16, reply func(wire.Message))
}

func quorum(s *Services) bool { return s.Quorum != nil }

// askQuorum passes a request on to the quorum, if its sender may do op to the
// cluster. Answers keep the order of the connection, as in Kafka.
func (c *Context) askQuorum(op Operation, req wire.Message) {
	if !c.Allowed(op, Cluster, ClusterName) {
		c.Reply(quorumRefused(req.APIKey()))
		return
	}
	later := c.Later()
	c.Services.Quorum.HandleRPC(c.Listener(), req, c.Version, later.Reply)
}

// quorumRefused is the answer to who may not ask.
func quorumRefused(key int16) wire.Message {
	const code = kerr.ClusterAuthorizationFailed
	text := code.Message()
	m := wire.NewResponse(key)
	switch m := m.(type) {
	case *wire.VoteResponse:
		m.ErrorCode = code
	case *wire.BeginQuorumEpochResponse:
		m.ErrorCode = code
	case *wire.EndQuorumEpochResponse:
		m.ErrorCode = code
	case *wire.FetchResponse:
		m.ErrorCode = code
	case *wire.FetchSnapshotResponse:
		m.ErrorCode = code
	case *wire.DescribeQuorumResponse:
		m.ErrorCode, m.ErrorMessage = code, &text
	case *wire.AddRaftVoterResponse:
		m.ErrorCode, m.ErrorMessage = code, &text
	case *wire.RemoveRaftVoterResponse:
		m.ErrorCode, m.ErrorMessage = code, &text
	case *wire.UpdateRaftVoterResponse:
		m.ErrorCode = code
	}
	return m
}
