package metalog

import (
	"log/slog"
	"time"

	"gregor/internal/clock"
	"gregor/internal/model"
	"gregor/internal/peer"
	"gregor/internal/raft"
	"gregor/internal/vfs"
)

// Options open the metadata log of a node.
type Options struct {
	FS  vfs.FS
	Dir string // metadata.log.dir, or the first of log.dirs
	// Raft is who this node is and the quorum's settings
	// (controller.quorum.*). Seed should differ from node to node.
	Raft raft.Config
	// Peers sends requests to other nodes. It should be this log's own: a
	// fetch that waits for news holds up what is behind it on a connection.
	Peers Peers

	SegmentBytes    int          // metadata.log.segment.bytes; default 1 GiB
	SegmentMs       model.Millis // metadata.log.segment.ms; default 7 days
	RetentionBytes  int64        // metadata.max.retention.bytes; negative: no limit
	RetentionMs     model.Millis // metadata.max.retention.ms; negative: no limit
	CleanInterval   model.Millis // between looks at retention; default 60 s
	Clean           bool         // the last shutdown was clean: log files need no recovery
	ShutdownTimeout model.Millis // for handing leadership over on Close; default 5 s

	Clock  clock.Clock
	Logger *slog.Logger // nil: none
	// OnFatal is called once, from some goroutine, when the log cannot go on:
	// the node must stop.
	OnFatal func(error)
}

// Peers is what the log needs of peer.Pool.
type Peers interface {
	Get(address string) *peer.Client
	Close()
}

func (o Options) defaults() Options {
	o.Raft = o.Raft.Defaults()
	def := func(p *model.Millis, v time.Duration) {
		if *p == 0 {
			*p = model.Millis(v.Milliseconds())
		}
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 1 << 30
	}
	def(&o.SegmentMs, 7*24*time.Hour)
	def(&o.CleanInterval, time.Minute)
	def(&o.ShutdownTimeout, 5*time.Second)
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnFatal == nil {
		o.OnFatal = func(err error) { panic(err) }
	}
	return o
}
