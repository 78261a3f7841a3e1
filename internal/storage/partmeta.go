package storage

import (
	"path/filepath"
	"strconv"
	"strings"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

// partition.metadata names the incarnation of the topic a directory belongs to
// (PartitionMetadataFile).

const maxPartitionMeta = 4096

// readPartitionMeta is the topic id of the directory; zero if the file is
// missing, or torn by a crash before it was synced: the directory then has no
// synced records either, and takes the id of the topic it is assigned to.
func readPartitionMeta(fsys vfs.FS, dir string) (model.TopicID, error) {
	path := filepath.Join(dir, partitionMetaName)
	b, err := vfs.ReadFile(fsys, path, maxPartitionMeta)
	if err != nil {
		if ok, eerr := vfs.Exists(fsys, path); eerr == nil && !ok {
			err = nil
		}
		return model.TopicID{}, err
	}
	version, rest, _ := strings.Cut(string(b), "\n")
	v, ok := metaValue(version, "version")
	if n, err := strconv.Atoi(v); !ok || err != nil || n < 0 {
		return model.TopicID{}, nil
	}
	line, _, _ := strings.Cut(rest, "\n")
	v, ok = metaValue(line, "topic_id")
	if !ok || len(v) != 22 {
		return model.TopicID{}, nil
	}
	id, err := model.ParseUUID(v)
	if err != nil {
		return model.TopicID{}, nil
	}
	return id, nil
}

func metaValue(line, key string) (string, bool) {
	k, v, ok := strings.Cut(strings.TrimRight(line, "\r"), ":")
	return strings.TrimSpace(v), ok && k == key
}

// writePartitionMeta writes the file without syncing it; the log's first flush
// does that.
func writePartitionMeta(fsys vfs.FS, dir string, id model.TopicID) error {
	f, err := fsys.Create(filepath.Join(dir, partitionMetaName))
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("version: 0\ntopic_id: "+id.String()), 0)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// SetTopicID gives the topic id to a log without one (its directory was made
// by an old version, or lost its id in a crash), durably. The caller has
// checked that the log has none.
func (l *Log) SetTopicID(id model.TopicID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.root.offline(); err != nil {
		return err
	}
	if l.closed {
		return ErrDeleted
	}
	err := writePartitionMeta(l.fs(), l.Dir(), id)
	if err == nil {
		err = l.syncName(partitionMetaName)
	}
	if err == nil {
		err = l.fs().SyncDir(l.Dir())
	}
	if err != nil {
		return l.failed("partition.metadata", err)
	}
	l.id = id
	return nil
}
