package handler

import (
	"fmt"
	"slices"
	"strings"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/replica"
	"gregor/internal/wire"
)

// LogDirs describes the log directories; *replica.Set does.
type LogDirs interface {
	// LogDirs describes the directories and, of the partitions in them, those
	// that wanted names. With an error what could be found out is returned too.
	LogDirs(wanted func(model.TopicPartition) bool) ([]replica.LogDir, error)
}

// describeLogDirs serves DescribeLogDirs, versions 1 to 5: the directories of
// this node, their space, and the partitions in them with their sizes
// (KIP-113, 784, 827, 1066).
func describeLogDirs(c *Context, req *wire.DescribeLogDirsRequest) {
	resp := &wire.DescribeLogDirsResponse{ThrottleTimeMs: c.Throttle(RequestQuota, 0)}
	if !c.Allowed(Describe, Cluster, ClusterName) {
		resp.ErrorCode = kerr.ClusterAuthorizationFailed
		c.Reply(resp)
		return
	}
	asked := map[model.TopicPartition]bool{}
	for i := range req.Topics {
		for _, p := range req.Topics[i].Partitions {
			asked[model.TopicPartition{Topic: req.Topics[i].Topic, Partition: p}] = true
		}
	}
	dirs, err := c.Services.LogDirs.LogDirs(func(tp model.TopicPartition) bool { return req.Topics == nil || asked[tp] })
	if err != nil {
		c.h.log.Warn(fmt.Sprintf("Error while describing log directories: %v", err))
	}
	var cordoned []model.DirectoryID
	if b := c.Services.Metadata.Image().Cluster.Broker(c.Services.Self); b != nil {
		cordoned = b.Cordoned
	}
	for i := range dirs {
		resp.Results = append(resp.Results, describeDir(&dirs[i], cordoned))
	}
	c.Reply(resp)
}

func describeDir(d *replica.LogDir, cordoned []model.DirectoryID) wire.DescribeLogDirsResponseDescribeLogDirsResult {
	r := wire.DescribeLogDirsResponseDescribeLogDirsResult{LogDir: d.Path, TotalBytes: -1, UsableBytes: -1}
	if d.Err != nil {
		r.ErrorCode = kerr.KafkaStorageError
		return r
	}
	r.TotalBytes, r.UsableBytes, r.IsCordoned = d.Total, d.Usable, slices.Contains(cordoned, d.ID)
	slices.SortFunc(d.Replicas, func(a, b replica.LogDirReplica) int {
		if n := strings.Compare(a.Partition.Topic, b.Partition.Topic); n != 0 {
			return n
		}
		return int(a.Partition.Partition) - int(b.Partition.Partition)
	})
	for _, p := range d.Replicas {
		n := len(r.Topics)
		if n == 0 || r.Topics[n-1].Name != p.Partition.Topic {
			r.Topics = append(r.Topics, wire.DescribeLogDirsResponseDescribeLogDirsTopic{Name: p.Partition.Topic})
			n++
		}
		t := &r.Topics[n-1]
		t.Partitions = append(t.Partitions, wire.DescribeLogDirsResponseDescribeLogDirsPartition{PartitionIndex: p.Partition.Partition, PartitionSize: p.Size, OffsetLag: p.OffsetLag})
	}
	return r
}
