package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/wire"
)

// deleteRecords serves DeleteRecords, versions 0 to 2: it raises the log start
// of partitions and answers when the replicas have followed, at most TimeoutMs
// later (KIP-107).
func deleteRecords(c *Context, req *wire.DeleteRecordsRequest) {
	d := &deletion{}
	n := 0
	for i := range req.Topics {
		t := &req.Topics[i]
		rt := wire.DeleteRecordsResponseDeleteRecordsTopicResult{Name: t.Name}
		rt.Partitions = make([]wire.DeleteRecordsResponseDeleteRecordsPartitionResult, len(t.Partitions))
		d.resp.Topics = append(d.resp.Topics, rt)
		n += len(t.Partitions)
	}
	d.wait.reset(d, c.h.wheel, n)
	for i := range req.Topics {
		for j := range req.Topics[i].Partitions {
			d.raise(c, &req.Topics[i], j, &d.resp.Topics[i].Partitions[j])
		}
	}
	d.resp.ThrottleTimeMs = c.Throttle(RequestQuota, 0)
	if len(d.wait.parts) == 0 {
		c.Reply(&d.resp)
		return
	}
	d.wait.start(c.later(&d.wait, true), c.Now+model.Millis(max(0, req.TimeoutMs)))
}

// deletion is a request that waits for the replicas.
type deletion struct {
	resp    wire.DeleteRecordsResponse
	results []*wire.DeleteRecordsResponseDeleteRecordsPartitionResult // of the parts
	wait    partitionWait
}

// raise raises one log start, and notes the partition to wait for if its
// replicas have not followed.
func (d *deletion) raise(c *Context, t *wire.DeleteRecordsRequestDeleteRecordsTopic, j int, r *wire.DeleteRecordsResponseDeleteRecordsPartitionResult) {
	q := &t.Partitions[j]
	r.PartitionIndex, r.LowWatermark = q.PartitionIndex, -1
	if !c.Allowed(Delete, Topic, t.Name) {
		r.ErrorCode = kerr.TopicAuthorizationFailed
		return
	}
	p, code := c.Services.Replicas.PartitionOf(t.Name, q.PartitionIndex)
	if code != kerr.UnknownTopicOrPartition && internalTopic(t.Name) {
		code = kerr.InvalidTopicException
	}
	if code != kerr.None {
		r.ErrorCode = code
		return
	}
	target, low, epoch, err := p.DeleteRecords(model.Offset(q.Offset), c.Now, &c.local.woken)
	if err != nil {
		r.ErrorCode = kerr.Of(err)
		return
	}
	r.LowWatermark = int64(low)
	if low < target {
		d.wait.parts = append(d.wait.parts, waitPart{p: p, kind: partition.WaitLowWatermark, at: target, epoch: epoch})
		d.results = append(d.results, r)
	}
}

func (d *deletion) ready(i int) bool {
	part := &d.wait.parts[i]
	low, code := part.p.LowWatermark(part.epoch)
	if code == kerr.None && low < part.at {
		return false
	}
	d.results[i].ErrorCode, d.results[i].LowWatermark = code, int64(low)
	return true
}

func (d *deletion) giveUp(i int) { d.results[i].ErrorCode = kerr.RequestTimedOut }

func (d *deletion) answer() { d.wait.later.Reply(&d.resp) }
