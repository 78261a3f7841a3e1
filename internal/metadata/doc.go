// Package metadata is what a KRaft cluster knows about itself: the records of
// __cluster_metadata replayed into an immutable Image, the Delta that says what
// a run of records changed, and the feature levels that decide which records
// may be written. It is pure.
//
//	d := metadata.NewDelta(image)           // image is never changed
//	for _, r := range batch.Records {
//		if err := d.Replay(r); err != nil { … }   // the log is damaged, or from the future
//	}
//	next := d.Image(metadata.Provenance{Offset: last, Epoch: epoch, Time: now})
//	for t := range d.Topics() { … }         // what changed, for publishers
//
// A snapshot is read with NewSnapshotDelta, whose image starts empty and whose
// changes are those against the image it replaces; Image.Records writes one. A
// Loader does both for the committed log, metadata transactions included.
//
// # Sharing
//
// An Image holds its maps as persistent trees (tree.go): a Delta copies the
// path to what it changes, once, and shares the rest with its base. Ten
// thousand topics cost a few kilobytes of copies per change, so that a
// controller can keep one Image per batch that is not committed yet.
//
// Everything reachable from an Image is read-only for everybody, for ever.
//
// Source: org.apache.kafka.image and org.apache.kafka.metadata of Apache Kafka
// 4.3; MetadataVersion and Feature of 4.4; KIP-584 and KIP-1022 (features).
package metadata
