package controller

import (
	"log/slog"

	"gregor/internal/metadata"
	"gregor/internal/model"
)

// snapshotter writes snapshots when enough was committed since the last one, or
// enough time went by. The loop hands it images; a goroutine writes one at a
// time. Source: SnapshotGenerator.
type snapshotter struct {
	to       Snapshots
	log      *slog.Logger
	maxBytes int64
	maxAge   model.Millis
	jobs     chan *metadata.Image
	done     chan struct{}

	bytes int64        // committed since the last snapshot
	since model.Millis // append time of the first batch after it, 0 if none
}

func newSnapshotter(o Options, log *slog.Logger) *snapshotter {
	s := &snapshotter{
		to: o.Snapshots, log: log,
		maxBytes: o.Config.Int("metadata.log.max.record.bytes.between.snapshots"),
		maxAge:   model.Millis(o.Config.Int("metadata.log.max.snapshot.interval.ms")),
		jobs:     make(chan *metadata.Image, 1), done: make(chan struct{}),
	}
	go s.run()
	return s
}

func (s *snapshotter) run() {
	defer close(s.done)
	for img := range s.jobs {
		if err := s.to.Write(img.At, img.Records()); err != nil {
			s.log.Error("A metadata snapshot could not be written.", "offset", int64(img.At.Offset)+1, "err", err)
		}
	}
}

// close waits for the snapshot that is being written.
func (s *snapshotter) close() {
	close(s.jobs)
	<-s.done
}

// loaded notes that the state came from a snapshot.
func (s *snapshotter) loaded(metadata.Provenance) { s.bytes, s.since = 0, 0 }

// after notes a committed batch. A snapshot is never taken inside a
// transaction, nor while another one is being written.
func (s *snapshotter) after(l *metadata.Loader, b metadata.Batch) {
	s.bytes += int64(b.Bytes)
	if s.since == 0 {
		s.since = b.AppendTime
	}
	due := s.maxBytes > 0 && s.bytes >= s.maxBytes || s.maxAge > 0 && b.AppendTime-s.since >= s.maxAge
	if s.to == nil || !due || l.InTransaction() {
		return
	}
	select {
	case s.jobs <- l.Image():
		s.bytes, s.since = 0, 0
	default:
	}
}
