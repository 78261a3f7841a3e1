package node

import (
	"net/netip"
	"time"

	"gregor/internal/broker"
	"gregor/internal/config"
	"gregor/internal/handler"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// services are the owners that the broker's handlers ask.
func (b *brokerSide) services() *handler.Services {
	return &handler.Services{
		Self: b.n.conf.ID, ClusterID: b.n.dirs.ClusterID(),
		Metadata: b.n.images, Settings: b.settings, Replicas: b.replicas, LogDirs: b.replicas,
		ProducerIDs: b.ids, Groups: b.groups, TopicCreator: b.topics,
		Admin: handler.Admin{Forward: b.forwardFor, Layers: b.settings.Layers, Loggers: b.n.levels},
	}
}

// forwardFor passes a client's request on to the active controller.
func (b *brokerSide) forwardFor(from handler.Sender, req wire.Message, version int16, timeout time.Duration, done func(wire.Message, error)) {
	host, _ := netip.ParseAddr(from.Host)
	c := broker.Client{Principal: from.Principal, ClientID: from.ClientID, Listener: from.Listener, Host: host}
	b.forward.Forward(c, req, version, timeout, done)
}

// newControllerServices are the owners that the controller's handlers ask.
func (n *Node) newControllerServices() *handler.Services {
	return &handler.Services{
		Self: n.conf.ID, ClusterID: n.dirs.ClusterID(), Quorum: n.meta, Metadata: n.images,
		Admin: handler.Admin{
			Controller: n.controller, Loggers: n.levels,
			Leader: func() model.BrokerID { id, _ := n.meta.Leader(); return id },
			Layers: func() config.Layers { return config.Layers{Static: n.conf.Values} },
		},
	}
}

// forwarder passes requests of clients on to the active controller.
func (n *Node) forwarder(ch *broker.Channel) *broker.Forwarder {
	if n.controller == nil {
		return broker.NewForwarder(ch, nil)
	}
	return broker.NewForwarder(ch, func(c broker.Client, req wire.Message, version int16, reply func(wire.Message)) {
		from := handler.Sender{Principal: c.Principal, Host: c.Host.String(), ClientID: c.ClientID, Listener: c.Listener, Forwarded: true}
		n.ctlServices.Decide(from, req, version, reply)
	})
}
