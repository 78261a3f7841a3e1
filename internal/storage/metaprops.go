package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gregor/internal/config"
	"gregor/internal/model"
	"gregor/internal/vfs"
)

// MetaProperties is meta.properties: who owns a log directory. Version 1 is
// KRaft's; version 0 was written for ZooKeeper and says broker.id instead of
// node.id.
type MetaProperties struct {
	Version     int // 0 or 1
	Cluster     string
	NodeID      model.BrokerID    // NoBroker if absent
	DirectoryID model.DirectoryID // zero if absent
}

const maxMetaProperties = 1 << 20

// ReadMetaProperties reads dir/meta.properties. fs.ErrNotExist if there is
// none; other errors have Kafka's text.
func ReadMetaProperties(fsys vfs.FS, dir string) (MetaProperties, error) {
	m := MetaProperties{NodeID: model.NoBroker}
	b, err := vfs.ReadFile(fsys, filepath.Join(dir, metaPropertiesName), maxMetaProperties)
	if err != nil {
		return m, err
	}
	list, err := config.ParseProperties(b)
	if err != nil {
		return m, err
	}
	props := make(map[string]string, len(list))
	for _, p := range list {
		props[p.Key] = p.Value
	}
	return m, m.parse(props)
}

func (m *MetaProperties) parse(props map[string]string) error {
	if v, ok := props["version"]; ok {
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("Invalid meta.properties version string '%s'", v)
		}
		if n != 0 && n != 1 {
			return fmt.Errorf("Unknown meta.properties version number %d", n)
		}
		m.Version = n
	}
	key, need := "node.id", true
	if m.Version == 0 {
		key, need = "broker.id", false
	}
	if v, ok := props[key]; ok {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil {
			return fmt.Errorf("Unable to read %s as a base-10 number.", key)
		}
		m.NodeID = model.BrokerID(n)
	} else if need {
		return fmt.Errorf("Failed to find %s", key)
	}
	m.Cluster = props["cluster.id"]
	if v, ok := props["directory.id"]; ok {
		id, err := model.ParseUUID(v)
		if err != nil {
			return fmt.Errorf("Unable to read directory.id as a Uuid: %w", err)
		}
		m.DirectoryID = id
	}
	if m.Version == 1 && m.Cluster == "" {
		return errors.New("cluster.id was not found.")
	}
	return nil
}

// WriteMetaProperties replaces dir/meta.properties durably, in the form Java's
// Properties.store gives it.
func WriteMetaProperties(fsys vfs.FS, dir string, m MetaProperties, now model.Millis) error {
	var b strings.Builder
	fmt.Fprintf(&b, "#\n#%s\n", time.UnixMilli(int64(now)).Format("Mon Jan 02 15:04:05 MST 2006"))
	// In the order in which Java's hash table has them.
	if m.NodeID != model.NoBroker {
		key := "node.id"
		if m.Version == 0 {
			key = "broker.id"
		}
		fmt.Fprintf(&b, "%s=%d\n", key, m.NodeID)
	}
	if !m.DirectoryID.IsZero() {
		fmt.Fprintf(&b, "directory.id=%s\n", m.DirectoryID)
	}
	fmt.Fprintf(&b, "version=%d\n", m.Version)
	if m.Cluster != "" {
		fmt.Fprintf(&b, "cluster.id=%s\n", escapeProperty(m.Cluster))
	}
	return vfs.WriteFile(fsys, filepath.Join(dir, metaPropertiesName), []byte(b.String()), true)
}

// escapeProperty writes a value as Properties.store does.
func escapeProperty(v string) string {
	var b strings.Builder
	for i, r := range v {
		switch {
		case r == ' ' && i == 0, strings.ContainsRune(`\=:#!`, r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\f':
			b.WriteString(`\f`)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// String is the form in which Kafka prints it.
func (m MetaProperties) String() string {
	s := fmt.Sprintf("MetaProperties(version=%d", m.Version)
	if m.Cluster != "" {
		s += ", clusterId=" + m.Cluster
	}
	if m.NodeID != model.NoBroker {
		s += fmt.Sprintf(", nodeId=%d", m.NodeID)
	}
	if !m.DirectoryID.IsZero() {
		s += ", directoryId=" + m.DirectoryID.String()
	}
	return s + ")"
}

// Ensemble is the meta.properties of all directories of a node
// (MetaPropertiesEnsemble).
type Ensemble struct {
	Props  map[string]MetaProperties // by directory
	Empty  []string                  // directories without the file
	Failed map[string]error          // directories it cannot be read in
	Meta   string                    // metadata.log.dir
}

// LoadEnsemble reads meta.properties of the directories; meta is the metadata
// log's, which may be one of them.
func LoadEnsemble(fsys vfs.FS, dirs []string, meta string) Ensemble {
	e := Ensemble{Props: map[string]MetaProperties{}, Failed: map[string]error{}, Meta: meta}
	seen := map[string]bool{"": true}
	for _, d := range append([]string{meta}, dirs...) {
		if seen[d] {
			continue
		}
		seen[d] = true
		m, err := ReadMetaProperties(fsys, d)
		switch {
		case err == nil:
			e.Props[d] = m
		case errors.Is(err, fs.ErrNotExist):
			e.Empty = append(e.Empty, d)
		default:
			e.Failed[d] = err
		}
	}
	return e
}

// Verify checks that the directories belong together and to this node, in
// Kafka's words. cluster "" and node NoBroker take what is found.
func (e *Ensemble) Verify(cluster string, node model.BrokerID) error {
	if len(e.Props) == 0 {
		return errors.New("No readable meta.properties files found.")
	}
	seen := map[model.DirectoryID]string{}
	for _, dir := range sortedKeys(e.Props) {
		m, path := e.Props[dir], filepath.Join(dir, metaPropertiesName)
		switch {
		case m.Cluster == "":
		case cluster == "":
			cluster = m.Cluster
		case m.Cluster != cluster:
			return fmt.Errorf("Invalid cluster.id in: %s. Expected %s, but read %s", path, cluster, m.Cluster)
		}
		switch {
		case m.NodeID == model.NoBroker:
		case node == model.NoBroker:
			node = m.NodeID
		case m.NodeID != node:
			return fmt.Errorf("Stored node id %d doesn't match previous node id %d in %s. If you moved your data, "+
				"make sure your configured node id matches. If you intend to create a new node, you should remove "+
				"all data in your data directories.", m.NodeID, node, path)
		}
		if m.DirectoryID.IsZero() {
			continue
		}
		if m.DirectoryID.Reserved() {
			return fmt.Errorf("Invalid reserved directory ID %s found in %s", m.DirectoryID, dir)
		}
		if other, ok := seen[m.DirectoryID]; ok {
			return fmt.Errorf("Duplicate directory ID Optional[%s] found. It was the ID of %s, but also of %s", m.DirectoryID, other, dir)
		}
		seen[m.DirectoryID] = dir
	}
	if err := e.Failed[e.Meta]; e.Meta != "" && err != nil {
		return fmt.Errorf("Encountered I/O error in metadata log directory %s. Cannot continue.", e.Meta)
	}
	return nil
}

// ready checks what a server needs beyond Verify: every directory that can be
// read is formatted completely.
func (e *Ensemble) ready() error {
	if len(e.Empty) > 0 {
		return fmt.Errorf("No `meta.properties` found in %s (have you run `kafka-storage.sh` to format the directory?)", e.Empty[0])
	}
	for _, dir := range sortedKeys(e.Props) {
		switch m := e.Props[dir]; {
		case m.NodeID == model.NoBroker:
			return fmt.Errorf("Error: node ID not found in %s", dir)
		case m.Cluster == "":
			return fmt.Errorf("Error: cluster ID not found in %s", dir)
		}
	}
	return nil
}
