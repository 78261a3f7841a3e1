package node

import (
	"fmt"
	"iter"
	"time"

	"gregor/internal/broker"
	"gregor/internal/controller"
	"gregor/internal/handler"
	"gregor/internal/kerr"
	"gregor/internal/klog"
	"gregor/internal/metadata"
	"gregor/internal/metalog"
	"gregor/internal/model"
	"gregor/internal/peer"
	"gregor/internal/server"
	"gregor/internal/wire"
)

func (n *Node) startController() error {
	bootstrap, source, err := n.meta.Bootstrap()
	if err != nil {
		return err
	}
	if source != "" {
		klog.Named(n.log, "kafka.server.ControllerServer", "").Info("Bootstrap metadata of " + source)
	}
	n.controller = controller.New(controller.Options{
		ID: n.conf.ID, ClusterID: n.dirs.ClusterID(), Log: n.meta, Snapshots: n.meta, Clock: n.clock,
		Config: n.conf.Values, Bootstrap: bootstrap, Seed: uint64(n.clock.Nanos()) ^ uint64(n.conf.ID)<<32,
		Logger:  klog.Named(n.log, "org.apache.kafka.controller.QuorumController", fmt.Sprintf("[QuorumController id=%d] ", n.conf.ID)),
		OnFatal: n.fail,
	})
	n.meta.Register(controllerFeed{n.controller})
	if !n.conf.Broker {
		n.meta.Register(&imageFeed{images: n.images, loader: metadata.NewLoader(), fail: n.fail})
	}
	n.ctlServices = n.newControllerServices()
	wheel := handler.NewWheel(n.clock)
	h := handler.New(handler.Options{Services: n.ctlServices, Listener: wire.ControllerListener, Wheel: wheel, Log: n.log})
	n.ctlServer, err = server.New(server.Options{
		Node: n.conf.ID, Controller: true, Listeners: n.conf.ControllerListeners, Limits: limits(n.conf.Values),
		ConnectionLimits: listenerLimits(n.conf.Values, n.conf.ControllerListeners), Handler: h, Clock: n.clock, Log: n.log,
	})
	return err
}

// controllerFeed hands what is committed to the controller.
type controllerFeed struct{ c *controller.Controller }

func (f controllerFeed) LoadSnapshot(r *metalog.SnapshotReader) {
	f.c.LoadSnapshot(r.Provenance(), snapshotRecords(r))
}
func (f controllerFeed) Commit(b metalog.Batch) { f.c.Commit(batchOf(b)) }
func (f controllerFeed) LeaderChange(leader model.BrokerID, epoch model.LeaderEpoch) {
	f.c.LeaderChange(leader, epoch)
}

// snapshotRecords yields the records of a snapshot, and last of all what went
// wrong.
func snapshotRecords(r *metalog.SnapshotReader) iter.Seq2[metadata.Record, error] {
	return func(yield func(metadata.Record, error) bool) {
		for rec := range r.Records() {
			if !yield(rec, nil) {
				return
			}
		}
		if err := r.Err(); err != nil {
			yield(metadata.Record{}, err)
		}
	}
}

// channel reaches the active controller for this node.
func (n *Node) channel() *broker.Channel {
	o := broker.ChannelOptions{Self: n.conf.ID, Peers: n.peers, Leader: n.activeController}
	if n.controller != nil {
		o.Local = func(req wire.Message, version int16, reply func(wire.Message)) {
			n.controller.Handle(controller.Request{Principal: "User:ANONYMOUS", Listener: n.conf.ControllerNames[0]}, req, version, reply)
		}
	}
	return broker.NewChannel(o)
}

// activeController is the leader of the metadata quorum and its address.
func (n *Node) activeController() (model.BrokerID, string, bool) {
	id, at, _, ok := n.meta.LeaderAndEpoch()
	if !ok {
		return model.NoBroker, "", false
	}
	return id, peer.Join(at.Host, int(at.Port)), true
}

// registerController tells the active controller of this one (KIP-919), until
// it is heard. It ends with the node: what it waits for is bounded.
func (n *Node) registerController() {
	req := &wire.ControllerRegistrationRequest{ControllerId: int32(n.conf.ID), IncarnationId: model.NewUUID()}
	for _, l := range n.conf.AdvertisedControllers {
		req.Listeners = append(req.Listeners, wire.ControllerRegistrationRequestListener{
			Name: l.Name, Host: hostOr(l.Host), Port: uint16(l.Port), SecurityProtocol: securityProtocol(l.Protocol),
		})
	}
	for name, r := range metadata.Supported() {
		req.Features = append(req.Features, wire.ControllerRegistrationRequestFeature{Name: name, MinSupportedVersion: r.Min, MaxSupportedVersion: r.Max})
	}
	ch := n.channel()
	var try func()
	try = func() {
		ch.Send(req, 5*time.Second, func(m wire.Message, err error) {
			r, _ := m.(*wire.ControllerRegistrationResponse)
			if err == nil && r != nil && (r.ErrorCode == kerr.None || r.ErrorCode == kerr.UnsupportedVersion) {
				return
			}
			c, _ := n.clock.After(time.Second)
			go func() {
				select {
				case <-c:
					try()
				case <-n.ended:
				}
			}()
		})
	}
	try()
}

// securityProtocol is the number of a security protocol.
func securityProtocol(name string) int16 {
	switch name {
	case "SSL":
		return 1
	case "SASL_PLAINTEXT":
		return 2
	case "SASL_SSL":
		return 3
	}
	return 0
}
