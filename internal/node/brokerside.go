package node

import (
	"fmt"
	"sync/atomic"
	"time"

	"gregor/internal/broker"
	"gregor/internal/config"
	"gregor/internal/coordinator"
	"gregor/internal/group"
	"gregor/internal/handler"
	"gregor/internal/klog"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/replica"
	"gregor/internal/server"
	"gregor/internal/storage"
	"gregor/internal/wire"
)

// brokerSide is what makes a node a broker.
type brokerSide struct {
	n         *Node
	settings  *settings
	replicas  *replica.Set
	groups    *group.Service
	channel   *broker.Channel
	forward   *broker.Forwarder
	topics    *broker.TopicCreator
	ids       *broker.ProducerIDs
	life      *broker.Life
	publisher *publisher
	wheel     *handler.Wheel
	server    *server.Server
	started   bool
}

func (n *Node) newBroker() error {
	v := n.conf.Values
	b := &brokerSide{n: n, settings: newSettings(n.conf, klog.Named(n.log, "kafka.server.DynamicBrokerConfig", ""))}
	b.channel = n.channel()
	b.forward = n.forwarder(b.channel)
	b.topics = broker.NewTopicCreator(b.forward, n.conf.InterBroker, klog.Named(n.log, "kafka.server.DefaultAutoTopicCreationManager", ""))
	b.life = broker.NewLife(broker.LifeOptions{
		Registration: b.registration(), PreviousEpoch: n.dirs.PreviousBrokerEpoch(), Offline: b.offlineDirs, Channel: b.channel,
		Clock: n.clock, Log: n.log, Heartbeat: model.Millis(v.Int("broker.heartbeat.interval.ms")),
		Register: model.Millis(v.Int("initial.broker.registration.timeout.ms")), OnFatal: n.fail,
	})
	b.ids = broker.NewProducerIDs(n.conf.ID, b.channel, b.life.Epoch)
	verify := &atomic.Bool{}
	verify.Store(v.Bool("transaction.partition.verification.enable"))
	b.replicas = replica.New(replica.Options{
		Self: n.conf.ID, Dirs: n.dirs, Clock: n.clock, Log: klog.Named(n.log, "kafka.server.ReplicaManager", fmt.Sprintf("[ReplicaManager broker=%d] ", n.conf.ID)),
		TopicConfig: func(own map[string]string) *partition.Config {
			return topicConfig(b.settings.Values().ForTopic(own))
		},
		Timing:          func() replica.Timing { return timing(b.settings.Values()) },
		RecoveryThreads: int(v.Int("num.recovery.threads.per.data.dir")), LagMax: model.Millis(v.Int("replica.lag.time.max.ms")),
		VerifyTxns: verify, BrokerEpoch: b.life.Epoch,
	})
	b.groups = group.New(group.Options{
		Config: groupConfig(v), Self: n.conf.ID, Open: b.openOffsets, NewID: model.NewUUID, Clock: n.clock,
		Log: klog.Named(n.log, "org.apache.kafka.coordinator.group.GroupCoordinatorService", fmt.Sprintf("[GroupCoordinator id=%d] ", n.conf.ID)),
	})
	b.publisher = newPublisher(b)
	b.wheel = handler.NewWheel(n.clock)
	h := handler.New(handler.Options{
		Services: b.services(), Listener: wire.BrokerListener, Wheel: b.wheel, Log: n.log,
		FetchSessions: int(v.Int("max.incremental.fetch.session.cache.slots")),
	})
	var err error
	b.server, err = server.New(server.Options{
		Node: n.conf.ID, Listeners: n.conf.BrokerListeners, InterBroker: n.conf.InterBroker, Limits: limits(v),
		ConnectionLimits: listenerLimits(v, n.conf.BrokerListeners), Handler: h, Clock: n.clock, Log: n.log,
	})
	if err != nil {
		return err
	}
	b.settings.changed = b.reconfigured
	n.broker = b
	return nil
}

// registration is what the broker says of itself.
func (b *brokerSide) registration() wire.BrokerRegistrationRequest {
	n := b.n
	r := *wire.NewBrokerRegistrationRequest()
	r.BrokerId, r.ClusterId = int32(n.conf.ID), n.dirs.ClusterID()
	if rack := n.conf.Values.Str("broker.rack"); rack != "" {
		r.Rack = &rack
	}
	for _, l := range n.conf.AdvertisedBrokers {
		r.Listeners = append(r.Listeners, wire.BrokerRegistrationRequestListener{
			Name: l.Name, Host: hostOr(l.Host), Port: uint16(l.Port), SecurityProtocol: securityProtocol(l.Protocol),
		})
	}
	for name, f := range metadata.Supported() {
		r.Features = append(r.Features, wire.BrokerRegistrationRequestFeature{Name: name, MinSupportedVersion: f.Min, MaxSupportedVersion: f.Max})
	}
	for _, d := range n.dirs.List() {
		if d.Err == nil {
			r.LogDirs = append(r.LogDirs, d.ID)
		}
	}
	return r
}

func (b *brokerSide) offlineDirs() []model.DirectoryID {
	var out []model.DirectoryID
	for _, d := range b.n.dirs.List() {
		if d.Err != nil {
			out = append(out, d.ID)
		}
	}
	return out
}

// start joins the cluster and returns when the broker serves.
func (b *brokerSide) start() error {
	b.started = true
	b.wheel.Start()
	b.groups.Start()
	b.life.Start()
	b.n.meta.Register(b.publisher)
	select {
	case <-b.life.Serving():
	case err := <-b.n.failed:
		return err
	}
	b.server.Start()
	return nil
}

// dirFailed takes the partitions of a directory out of use; the next heartbeat
// tells the controller.
func (b *brokerSide) dirFailed(id model.DirectoryID) { b.replicas.DirFailed(id) }

// reconfigured takes settings that changed while the broker runs.
func (b *brokerSide) reconfigured(v *config.Values) {
	b.server.SetLimits(limits(v))
	b.replicas.Reconfigure(b.n.clock.Now())
}

// controlledShutdownLimit bounds how long the controller may take to move
// leaderships away.
const controlledShutdownLimit = 30 * time.Second

// stop hands leaderships over and stops serving. The epoch goes into the mark
// of a clean shutdown.
func (b *brokerSide) stop() model.BrokerEpoch {
	if b.started {
		b.life.Shutdown(controlledShutdownLimit)
	}
	epoch := b.life.Epoch()
	b.server.Close()
	if b.started {
		b.life.Close()
		b.groups.Close()
		b.wheel.Close()
	}
	return epoch
}

// closeLogs closes the logs, after nobody can ask for them any more.
func (b *brokerSide) closeLogs(epoch model.BrokerEpoch) error {
	if b.publisher.started {
		return b.replicas.Close(epoch, b.n.clock.Now())
	}
	return b.n.dirs.Close(b.n.clock.Now(), epoch, func(*storage.Log) (model.Offset, bool) { return 0, false })
}

// openOffsets finds a partition of the offsets topic that this broker leads.
func (b *brokerSide) openOffsets(index int32) (coordinator.Log, error) {
	p, code := b.replicas.PartitionOf(offsetsTopic, index)
	if p == nil {
		return nil, code
	}
	return &coordinatorLog{p: p}, nil
}

const offsetsTopic = "__consumer_offsets"
