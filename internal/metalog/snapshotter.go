package metalog

import (
	"fmt"
	"sync"

	"gregor/internal/metadata"
	"gregor/internal/model"
)

// Snapshotter writes snapshots when enough was committed since the last one,
// or enough time went by (SnapshotGenerator). One per node is enough: that of
// the controller if there is one, else the broker's.
//
// Its methods but Close are for the one goroutine of a listener. It has a
// goroutine of its own, which Close ends.
type Snapshotter struct {
	l        *Log
	maxBytes int64
	maxAge   model.Millis
	bytes    int64
	since    model.Millis // append time of the first batch after the last snapshot; 0 if none
	jobs     chan *metadata.Image
	once     sync.Once
	done     chan struct{}
}

// NewSnapshotter takes metadata.log.max.record.bytes.between.snapshots and
// metadata.log.max.snapshot.interval.ms (0: time does not matter).
func NewSnapshotter(l *Log, maxBytes int64, maxAge model.Millis) *Snapshotter {
	s := &Snapshotter{l: l, maxBytes: maxBytes, maxAge: maxAge, jobs: make(chan *metadata.Image, 1), done: make(chan struct{})}
	go s.run()
	return s
}

// Loaded says that the state came from a snapshot.
func (s *Snapshotter) Loaded() { s.bytes, s.since = 0, 0 }

// After notes a committed batch, which led to image. Inside of a metadata
// transaction image is nil: no snapshot may be taken there.
func (s *Snapshotter) After(b Batch, image *metadata.Image) {
	s.bytes += int64(b.Bytes)
	if s.since == 0 {
		s.since = b.AppendTime
	}
	due := s.maxBytes > 0 && s.bytes >= s.maxBytes || s.maxAge > 0 && b.AppendTime-s.since >= s.maxAge
	if !due || image == nil {
		return
	}
	select {
	case s.jobs <- image:
		s.bytes, s.since = 0, 0
	default: // one is being written: ask again with the next batch
	}
}

func (s *Snapshotter) run() {
	defer close(s.done)
	for img := range s.jobs {
		if err := s.l.Write(img.At, img.Records()); err != nil {
			s.l.o.Logger.Error(fmt.Sprintf("A snapshot of the metadata at offset %d could not be written: %v", img.At.Offset, err))
		}
	}
}

// Close waits for the snapshot that is being written. After must not be called
// any more.
func (s *Snapshotter) Close() {
	s.once.Do(func() { close(s.jobs) })
	<-s.done
}
