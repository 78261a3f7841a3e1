package metalog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/vfs"
)

// Format is what kafka-storage format writes about the metadata log.
type Format struct {
	// KVersion is kraft.version: 0 for a static quorum, whose voters are in
	// the configuration; 1 for a dynamic one.
	KVersion int16
	// Voters is the first voter set of a dynamic quorum (--standalone,
	// --initial-controllers); nil with --no-initial-controllers.
	Voters raft.Voters
	// Records are what the first active controller writes into the empty log:
	// FeatureLevelRecords, metadata.version first, then UserScramCredentialRecords.
	Records []metadata.Record
	Now     model.Millis
}

// WriteFormat writes __cluster_metadata-0/00000000000000000000-0000000000.checkpoint
// below metadataLogDir, as Apache Kafka 4.4 does; only a node with the
// controller role gets one. It is there completely or not at all.
func WriteFormat(fsys vfs.FS, metadataLogDir string, f Format) error {
	if f.KVersion == 0 && f.Voters != nil {
		return fmt.Errorf("voter set %v not expected when the kraft.version is 0", f.Voters.IDs())
	}
	dir := PartitionDir(metadataLogDir)
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	if err := fsys.SyncDir(metadataLogDir); err != nil {
		return err
	}
	s := SnapshotSpec{ID: raft.BootstrapID, LastContained: f.Now, Now: f.Now, KVersion: f.KVersion, Voters: f.Voters}
	return WriteSnapshot(fsys, dir, s, slices.Values(f.Records))
}

// ReadBootstrap finds the records that the first active controller must write
// into an empty log: in the checkpoint 0-0 of Kafka 4.4, or else in the
// bootstrap.checkpoint of older ones. source names the file; it is empty if
// there is none.
func ReadBootstrap(fsys vfs.FS, metadataLogDir string) (records []metadata.Record, source string, err error) {
	for _, path := range []string{
		snapshotPath(PartitionDir(metadataLogDir), raft.BootstrapID),
		filepath.Join(metadataLogDir, bootstrapName),
	} {
		r, err := OpenSnapshot(fsys, path, raft.BootstrapID)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, path, err
		}
		for rec := range r.Records() {
			records = append(records, rec)
		}
		err = r.Close()
		if e := r.Err(); e != nil {
			err = e
		}
		if err != nil {
			return nil, path, err
		}
		// Kafka 3.9 to 4.3 put voters into 0-0 and records into the other.
		if len(records) > 0 {
			return records, path, nil
		}
	}
	return nil, "", nil
}
