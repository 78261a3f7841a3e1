package node

import (
	"fmt"

	"gregor/internal/clock"
	"gregor/internal/config"
	"gregor/internal/format"
	"gregor/internal/model"
	"gregor/internal/storage"
	"gregor/internal/vfs"
)

// EmbeddedDefaults are the settings of a node that was given none: broker and
// controller at once, on the ports that Kafka's guides use, data in dir.
func EmbeddedDefaults(dir string) map[string]string {
	return map[string]string{
		"process.roles":                                    "broker,controller",
		"node.id":                                          "1",
		"controller.quorum.bootstrap.servers":              "localhost:9093",
		"controller.listener.names":                        "CONTROLLER",
		"listeners":                                        "PLAINTEXT://:9092,CONTROLLER://:9093",
		"advertised.listeners":                             "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
		"log.dirs":                                         dir,
		"offsets.topic.replication.factor":                 "1",
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"group.initial.rebalance.delay.ms":                 "0",
	}
}

// FormatIfNew formats the directories of a node that have not been, as a quorum
// of its own, and returns the cluster's id.
func FormatIfNew(props map[string]string) (cluster string, err error) {
	v, _, err := config.Load(props)
	if err != nil {
		return "", err
	}
	n, _, err := config.NewNode(v)
	if err != nil {
		return "", err
	}
	e := storage.LoadEnsemble(vfs.OS, n.LogDirs, n.MetadataLogDir)
	for _, m := range e.Props {
		cluster = m.Cluster
	}
	if len(e.Empty) == 0 && len(e.Failed) == 0 {
		return cluster, nil
	}
	if cluster == "" {
		cluster = model.NewUUID().String()
	}
	err = format.Run(format.Request{
		FS: vfs.OS, Node: n, ClusterID: cluster, Quorum: format.Standalone, IgnoreFormatted: true,
		Now: clock.System{}.Now(), Print: func(string) {},
	})
	if err != nil {
		return "", fmt.Errorf("formatting %v: %w", n.LogDirs, err)
	}
	return cluster, nil
}
