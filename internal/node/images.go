package node

import (
	"sync/atomic"

	"gregor/internal/metadata"
	"gregor/internal/metalog"
	"gregor/internal/model"
)

// images is the newest image of the metadata that this node has, for whoever
// answers questions about the cluster.
type images struct {
	newest atomic.Pointer[metadata.Image]
}

func newImages() *images {
	i := &images{}
	i.newest.Store(metadata.Empty())
	return i
}

// Image is the newest image, never nil.
func (i *images) Image() *metadata.Image { return i.newest.Load() }

// imageFeed makes the images of a node that is no broker. It is the listener of
// the metadata log that does only this: the controller's own images run ahead of
// what is committed.
type imageFeed struct {
	images *images
	loader *metadata.Loader
	fail   func(error)
}

// LoadSnapshot begins anew with a snapshot.
func (f *imageFeed) LoadSnapshot(r *metalog.SnapshotReader) {
	if _, err := f.loader.Snapshot(r.Provenance(), snapshotRecords(r)); err != nil {
		f.fail(err)
		return
	}
	f.images.newest.Store(f.loader.Image())
}

// Commit replays a batch.
func (f *imageFeed) Commit(b metalog.Batch) {
	if _, err := f.loader.Batch(batchOf(b)); err != nil {
		f.fail(err)
		return
	}
	f.images.newest.Store(f.loader.Image())
}

// LeaderChange is not an image's business.
func (f *imageFeed) LeaderChange(model.BrokerID, model.LeaderEpoch) {}
