package node

import (
	"fmt"

	"gregor/internal/metadata"
	"gregor/internal/metalog"
	"gregor/internal/model"
)

// publisher is the broker's listener of the metadata log: it replays what is
// committed into images and tells everybody of each, in the one order written
// in publish. It is called by one goroutine.
type publisher struct {
	b      *brokerSide
	loader *metadata.Loader
	// started: the replicas have taken a first image.
	started bool
}

func newPublisher(b *brokerSide) *publisher {
	return &publisher{b: b, loader: metadata.NewLoader()}
}

// LoadSnapshot begins anew with a snapshot.
func (p *publisher) LoadSnapshot(r *metalog.SnapshotReader) {
	d, err := p.loader.Snapshot(r.Provenance(), snapshotRecords(r))
	if err != nil {
		p.b.n.fail(fmt.Errorf("metadata snapshot: %w", err))
		return
	}
	p.publish(d)
}

// Commit replays a batch.
func (p *publisher) Commit(b metalog.Batch) {
	steps, err := p.loader.Batch(batchOf(b))
	if err != nil {
		p.b.n.fail(err)
		return
	}
	for _, d := range steps {
		p.publish(d)
	}
}

// LeaderChange tells those who talk to the active controller.
func (p *publisher) LeaderChange(model.BrokerID, model.LeaderEpoch) { p.b.life.LeaderChanged() }

// publish is the order in which this broker learns of new metadata: settings
// first, since partitions are made with them; partitions before the image that
// names them, so that what Metadata answers can be asked for; coordinators after
// the partitions they live in; and last the broker's own life, which tells the
// controller that all of this has happened.
//
// Nothing is done with partitions before the image shows this run of the broker:
// until then it may be old, and what it does not name may be there all the same.
func (p *publisher) publish(d *metadata.Delta) {
	img, now := d.Next(), p.b.n.clock.Now()
	p.b.settings.apply(d, img)
	switch {
	case p.started:
		p.b.replicas.Apply(d, img, now)
	case p.complete(img):
		p.started = true
		p.b.replicas.Start(img, now)
		d = metadata.Between(metadata.Empty(), img)
	default:
		p.b.n.images.newest.Store(img)
		return
	}
	p.b.n.images.newest.Store(img)
	p.b.groups.Publish(d, img)
	p.b.life.Published(img)
}

func (p *publisher) complete(img *metadata.Image) bool {
	b := img.Cluster.Broker(p.b.n.conf.ID)
	return b != nil && b.Incarnation == p.b.life.Incarnation()
}

func batchOf(b metalog.Batch) metadata.Batch {
	return metadata.Batch{Base: b.Base, Last: b.Last, Epoch: b.Epoch, AppendTime: b.AppendTime, Records: b.Records, Bytes: b.Bytes}
}
