package metalog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/vfs"
)

// Topic is the topic of the metadata log; it has one partition, 0.
const Topic = "__cluster_metadata"

// TopicID is its id in every cluster (Uuid.METADATA_TOPIC_ID).
var TopicID = model.TopicID{15: 1}

// bootstrapName is the file that kafka-storage format of Kafka 3.3 to 4.3 put
// into every log directory.
const bootstrapName = "bootstrap.checkpoint"

// Names of snapshots in the partition's directory: end offset and epoch, and
// what state the file is in (Snapshots.java).
const (
	snapshotSuffix = ".checkpoint"
	partSuffix     = ".checkpoint.part"
	deletedSuffix  = ".checkpoint.deleted"
)

// PartitionDir is the directory of the metadata log below metadata.log.dir.
func PartitionDir(metadataLogDir string) string {
	return filepath.Join(metadataLogDir, Topic+"-0")
}

// SnapshotName is the file name of a complete snapshot.
func SnapshotName(id raft.ID) string { return snapshotStem(id) + snapshotSuffix }

func snapshotStem(id raft.ID) string { return fmt.Sprintf("%020d-%010d", id.Offset, id.Epoch) }

// ParseSnapshotName takes the name of a snapshot apart; ok is false for other
// files. complete is false for .part and .deleted files.
func ParseSnapshotName(name string) (id raft.ID, complete, ok bool) {
	complete = strings.HasSuffix(name, snapshotSuffix)
	if !complete && !strings.HasSuffix(name, partSuffix) && !strings.HasSuffix(name, deletedSuffix) {
		return id, false, false
	}
	if len(name) < 31 || name[20] != '-' || complete && len(name) != 31+len(snapshotSuffix) {
		return id, false, false
	}
	offset, err1 := strconv.ParseInt(name[:20], 10, 64)
	epoch, err2 := strconv.ParseInt(name[21:31], 10, 32)
	if err1 != nil || err2 != nil {
		return id, false, false
	}
	return raft.ID{Offset: model.Offset(offset), Epoch: model.LeaderEpoch(epoch)}, complete, true
}

// listSnapshots finds the complete snapshots, ascending, and the files that
// were left half-written or half-deleted. A directory that is not there has
// none.
func listSnapshots(fsys vfs.FS, dir string) (ids []raft.ID, leftovers []string, err error) {
	names, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, n := range names {
		id, complete, ok := ParseSnapshotName(n)
		switch {
		case complete && ok:
			ids = append(ids, id)
		case ok:
			leftovers = append(leftovers, n)
		}
	}
	slices.SortFunc(ids, func(a, b raft.ID) int { return int(min(1, max(-1, a.Offset-b.Offset))) })
	return ids, leftovers, nil
}
