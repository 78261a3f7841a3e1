// Package node is the only wiring: it builds a broker, a controller or both
// from a configuration, in the one order that is right, says in which order
// they learn of new metadata, and stops them the other way round.
package node

import (
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"

	"gregor/internal/clock"
	"gregor/internal/config"
	"gregor/internal/controller"
	"gregor/internal/handler"
	"gregor/internal/klog"
	"gregor/internal/metalog"
	"gregor/internal/model"
	"gregor/internal/peer"
	"gregor/internal/server"
	"gregor/internal/storage"
	"gregor/internal/vfs"
)

// Version is gregor's own; the build sets it.
var Version = "dev"

// KafkaVersion is the release of Apache Kafka whose protocol is spoken.
const KafkaVersion = "4.4.0"

// Options is what a node is started with.
type Options struct {
	Props  map[string]string // the configuration file's settings
	Log    *slog.Logger
	Levels *klog.Levels
}

// Node is a running broker, controller or both.
type Node struct {
	conf   *config.Node
	clock  clock.Clock
	log    *slog.Logger
	levels *klog.Levels
	fs     vfs.FS
	failed chan error

	dirs        *storage.Dirs
	peers       *peer.Pool
	images      *images
	meta        *metalog.Log
	controller  *controller.Controller
	ctlServices *handler.Services
	ctlServer   *server.Server
	broker      *brokerSide

	stop  sync.Once
	ended chan struct{} // closed when it stops
}

// Start builds and starts a node, and returns when it serves. What was built is
// taken down again when something fails.
func Start(o Options) (*Node, error) {
	tuneMemory()
	n := &Node{clock: clock.System{}, log: o.Log, levels: o.Levels, fs: vfs.OS, failed: make(chan error, 1), ended: make(chan struct{}), images: newImages()}
	if err := n.configure(o.Props); err != nil {
		return nil, err
	}
	start := klog.Named(n.log, "kafka.server.KafkaRaftServer", fmt.Sprintf("[KafkaRaftServer nodeId=%d] ", n.conf.ID))
	if err := n.start(); err != nil {
		n.Stop()
		return nil, err
	}
	start.Info("Kafka version: " + KafkaVersion + " (gregor " + Version + ")")
	start.Info("Kafka Server started")
	return n, nil
}

// tuneMemory lets the heap grow to several times what is live before it is
// collected, since little is live, unless the operator has decided otherwise.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

func (n *Node) configure(props map[string]string) error {
	v, w1, err := config.Load(props)
	if err != nil {
		return err
	}
	conf, w2, err := config.NewNode(v)
	if err != nil {
		return err
	}
	n.conf = conf
	log := klog.Named(n.log, "kafka.server.KafkaConfig", "")
	for _, w := range append(w1, w2...) {
		log.Warn(string(w))
	}
	for i, d := range conf.LogDirs {
		if conf.LogDirs[i], err = filepath.Abs(d); err != nil {
			return err
		}
	}
	conf.MetadataLogDir, err = filepath.Abs(conf.MetadataLogDir)
	return err
}

// start is the order: directories, metadata log, controller with its listener,
// broker.
func (n *Node) start() error {
	if err := n.openDirs(); err != nil {
		return err
	}
	if err := n.openMetadataLog(); err != nil {
		return err
	}
	if n.conf.Controller {
		if err := n.startController(); err != nil {
			return err
		}
	}
	if n.conf.Broker {
		if err := n.newBroker(); err != nil {
			return err
		}
	}
	if err := n.meta.Start(); err != nil {
		return err
	}
	if n.ctlServer != nil {
		n.ctlServer.Start()
	}
	if n.conf.Controller {
		n.registerController()
	}
	if n.broker != nil {
		return n.broker.start()
	}
	return nil
}

func (n *Node) openDirs() error {
	v := n.conf.Values
	o := storage.Options{
		FS: n.fs, MetaDir: n.conf.MetadataLogDir, NodeID: n.conf.ID,
		Workers: int(v.Int("num.recovery.threads.per.data.dir")), ProducerExpiry: model.Millis(v.Int("producer.id.expiration.ms")),
		Defaults: topicConfig(v.ForTopic(nil)).Log,
		Warn:     func(s string) { klog.Named(n.log, "kafka.log.LogManager", "").Warn(s) },
	}
	if n.conf.Broker {
		o.Paths = n.conf.LogDirs
		o.OnOffline = n.dirFailed
	}
	var err error
	n.dirs, err = storage.OpenDirs(o, n.clock.Now())
	return err
}

// dirFailed hears of a directory that is out of use from now on.
func (n *Node) dirFailed(id model.DirectoryID, path string, err error) {
	klog.Named(n.log, "kafka.server.ReplicaManager", "").Error(fmt.Sprintf("Stopping serving logs in dir %s: %v", path, err))
	if path == n.conf.MetadataLogDir {
		n.fail(fmt.Errorf("the metadata log directory %s failed: %w", path, err))
		return
	}
	if b := n.broker; b != nil {
		go b.dirFailed(id)
	}
}

func (n *Node) openMetadataLog() error {
	v := n.conf.Values
	_, dir := n.dirs.MetaDir()
	h := fnv.New64a()
	_, _ = h.Write(dir[:])
	name := fmt.Sprintf("raft-client-%d", n.conf.ID)
	ms := func(key string) model.Millis { return model.Millis(v.Int(key)) }
	n.peers = peer.NewPool(peer.Options{ClientID: fmt.Sprintf("node-%d", n.conf.ID), SoftwareVersion: Version})
	var err error
	n.meta, err = metalog.Open(metalog.Options{
		FS: n.fs, Dir: n.conf.MetadataLogDir,
		Raft:         raftConfig(n.conf, n.dirs.ClusterID(), dir, h.Sum64()),
		Peers:        peer.NewPool(peer.Options{ClientID: name, SoftwareVersion: Version}),
		SegmentBytes: int(v.Int("metadata.log.segment.bytes")), SegmentMs: ms("metadata.log.segment.ms"),
		RetentionBytes: v.Int("metadata.max.retention.bytes"), RetentionMs: ms("metadata.max.retention.ms"),
		Clock: n.clock, Logger: klog.Named(n.log, "org.apache.kafka.raft.KafkaRaftClient", fmt.Sprintf("[RaftManager id=%d] ", n.conf.ID)),
		OnFatal: n.fail,
	})
	return err
}

// fail ends the node, from whatever goroutine: only the first reason counts.
func (n *Node) fail(err error) {
	select {
	case n.failed <- err:
	default:
	}
}

// Failed yields the reason when the node cannot go on. The caller then stops it.
func (n *Node) Failed() <-chan error { return n.failed }

// Stop stops a node in order: the broker hands its leaderships over and closes
// its logs, then the controller, then the metadata log.
func (n *Node) Stop() {
	n.stop.Do(func() {
		close(n.ended)
		log := klog.Named(n.log, "kafka.server.KafkaRaftServer", fmt.Sprintf("[KafkaRaftServer nodeId=%d] ", n.conf.ID))
		log.Info("shutting down")
		if err := n.takeDown(); err != nil {
			log.Error("shutdown: " + err.Error())
		}
		log.Info("shut down completed")
	})
}

func (n *Node) takeDown() error {
	var errs []error
	epoch := model.BrokerEpoch(-1)
	if n.broker != nil {
		epoch = n.broker.stop()
	}
	if n.ctlServer != nil {
		n.ctlServer.Close()
	}
	if n.meta != nil {
		errs = append(errs, n.meta.Close())
	}
	if n.controller != nil {
		n.controller.Close()
	}
	if n.peers != nil {
		n.peers.Close()
	}
	switch {
	case n.broker != nil:
		errs = append(errs, n.broker.closeLogs(epoch))
	case n.dirs != nil:
		errs = append(errs, n.dirs.Close(n.clock.Now(), epoch, func(*storage.Log) (model.Offset, bool) { return 0, false }))
	}
	return errors.Join(errs...)
}

// hostOr is the name nodes and clients are told where the configuration leaves
// it open: the machine's own.
func hostOr(host string) string {
	if host != "" {
		return host
	}
	if h, err := os.Hostname(); err == nil {
		return h
	}
	return "localhost"
}
