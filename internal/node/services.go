package node

import "gregor/internal/handler"

// services are the owners that the broker's handlers ask.
func (b *brokerSide) services() *handler.Services {
	return &handler.Services{
		Self: b.n.conf.ID, ClusterID: b.n.dirs.ClusterID(),
		Metadata: b.publisher, Settings: b.settings, Replicas: b.replicas,
	}
}

// controllerServices are the owners that the controller's handlers ask.
func (n *Node) controllerServices() *handler.Services {
	return &handler.Services{Self: n.conf.ID, ClusterID: n.dirs.ClusterID()}
}
