package storage

import (
	"gregor/internal/model"
	"gregor/internal/vfs"
)

// MetaProperties is meta.properties: who owns a log directory.
type MetaProperties struct {
	Version     int // 0 or 1
	Cluster     string
	NodeID      model.BrokerID // NoBroker if absent
	DirectoryID model.DirectoryID
}

// ReadMetaProperties reads dir/meta.properties. fs.ErrNotExist if there is none.
func ReadMetaProperties(fsys vfs.FS, dir string) (MetaProperties, error) {
	return MetaProperties{}, errNotYet
}

// WriteMetaProperties replaces dir/meta.properties durably. comment is the
// date line Java writes; "" writes none.
func WriteMetaProperties(fsys vfs.FS, dir string, m MetaProperties, comment string) error {
	return errNotYet
}
