package handler

import (
	"gregor/internal/group"
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// Types of coordinators, in FindCoordinator's KeyType.
const (
	groupCoordinator int8 = 0
)

// findCoordinator serves FindCoordinator (0-6): which broker coordinates a
// group. Since version 4 for several at once (KIP-699). The first call has the
// topic made that groups live in.
func findCoordinator(c *Context, req *wire.FindCoordinatorRequest) {
	if c.Version >= 4 {
		resp := &wire.FindCoordinatorResponse{Coordinators: make([]wire.FindCoordinatorResponseCoordinator, len(req.CoordinatorKeys))}
		for i, key := range req.CoordinatorKeys {
			n, code, msg := c.coordinator(req.KeyType, key)
			resp.Coordinators[i] = wire.FindCoordinatorResponseCoordinator{
				Key: key, ErrorCode: code, ErrorMessage: &msg, NodeId: int32(n.id), Host: n.host, Port: n.port,
			}
		}
		c.Reply(resp)
		return
	}
	n, code, _ := c.coordinator(req.KeyType, req.Key)
	msg := "NONE"
	if code != kerr.None {
		msg = code.Message()
	}
	c.Reply(&wire.FindCoordinatorResponse{ErrorCode: code, ErrorMessage: &msg, NodeId: int32(n.id), Host: n.host, Port: n.port})
}

// coordinatorNode is where a coordinator is reached.
type coordinatorNode struct {
	id   model.BrokerID
	host string
	port int32
}

// noNode is the answer when there is none.
var noNode = coordinatorNode{id: -1, port: -1}

// coordinator finds the coordinator of a key. Kafka gives no message with the
// errors of a key, except when it knows none of that type.
func (c *Context) coordinator(kind int8, key string) (n coordinatorNode, code kerr.Code, msg string) {
	switch {
	case kind != groupCoordinator:
		return noNode, kerr.InvalidRequest, kerr.InvalidRequest.Message()
	case !c.Allowed(Describe, Group, key):
		return noNode, kerr.GroupAuthorizationFailed, ""
	}
	img := c.Services.Metadata.Image()
	topic := img.Topics.ByName(group.TopicName)
	if topic == nil {
		if t := c.Services.TopicCreator; t != nil {
			t.CreateTopic(c.Services.Groups.Topic())
		}
		return noNode, kerr.CoordinatorNotAvailable, ""
	}
	p := topic.Partition(c.Services.Groups.Partition(key))
	if p == nil || p.Leader == model.NoBroker {
		return noNode, kerr.CoordinatorNotAvailable, ""
	}
	b := img.Cluster.Broker(p.Leader)
	if b == nil || b.Fenced {
		return noNode, kerr.CoordinatorNotAvailable, ""
	}
	e, ok := b.Endpoint(c.Listener())
	if !ok {
		return noNode, kerr.CoordinatorNotAvailable, ""
	}
	return coordinatorNode{id: b.ID, host: e.Host, port: int32(e.Port)}, kerr.None, ""
}
