package node

import (
	"gregor/internal/broker"
	"gregor/internal/controller"
	"gregor/internal/handler"
	"gregor/internal/wire"
)

// services are the owners that the broker's handlers ask.
func (b *brokerSide) services() *handler.Services {
	return &handler.Services{
		Self: b.n.conf.ID, ClusterID: b.n.dirs.ClusterID(),
		Metadata: b.publisher, Settings: b.settings, Replicas: b.replicas, LogDirs: b.replicas,
		ProducerIDs: b.ids, Groups: b.groups, TopicCreator: b.topics,
	}
}

// controllerServices are the owners that the controller's handlers ask.
func (n *Node) controllerServices() *handler.Services {
	return &handler.Services{Self: n.conf.ID, ClusterID: n.dirs.ClusterID(), Quorum: n.meta}
}

// forwarder passes requests of clients on to the active controller.
func (n *Node) forwarder(ch *broker.Channel) *broker.Forwarder {
	if n.controller == nil {
		return broker.NewForwarder(ch, nil)
	}
	return broker.NewForwarder(ch, func(c broker.Client, req wire.Message, version int16, reply func(wire.Message)) {
		ctx := controller.Request{Principal: c.Principal, ClientID: c.ClientID, Listener: c.Listener, Forwarded: true}
		n.controller.Handle(ctx, req, version, reply)
	})
}
