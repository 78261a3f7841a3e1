package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

// .kafka_cleanshutdown says that everything in the directory was synced and
// closed (CleanShutdownFileHandler). It is removed before the first change.

type cleanShutdown struct {
	Version     int                `json:"version"`
	BrokerEpoch *model.BrokerEpoch `json:"brokerEpoch"`
}

// takeCleanShutdown reports whether the file is there, with the broker epoch
// in it (-1 if it has none), and removes it durably: should power fail after
// the next write, the file must not come back.
func takeCleanShutdown(fsys vfs.FS, dir string) (clean bool, epoch model.BrokerEpoch, err error) {
	path := filepath.Join(dir, cleanShutdownName)
	b, err := vfs.ReadFile(fsys, path, maxPartitionMeta)
	if errors.Is(err, fs.ErrNotExist) {
		return false, -1, nil
	}
	epoch = -1
	var c cleanShutdown
	if err == nil && json.Unmarshal(b, &c) == nil && c.BrokerEpoch != nil {
		epoch = *c.BrokerEpoch
	}
	if err := fsys.Remove(path); err != nil {
		return false, -1, err
	}
	return true, epoch, fsys.SyncDir(dir)
}

func writeCleanShutdown(fsys vfs.FS, dir string, epoch model.BrokerEpoch) error {
	path := filepath.Join(dir, cleanShutdownName)
	f, err := fsys.Create(path)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(fmt.Appendf(nil, `{"version":0,"brokerEpoch":%d}`, epoch), 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}
