package handler

import (
	"fmt"

	"gregor/internal/kerr"
	"gregor/internal/record"
	"gregor/internal/wire"
)

// describeProducers serves DescribeProducers, version 0: the idempotent and
// transactional producers of partitions this node leads (KIP-664).
func describeProducers(c *Context, req *wire.DescribeProducersRequest) {
	resp := &wire.DescribeProducersResponse{Topics: make([]wire.DescribeProducersResponseTopicResponse, len(req.Topics))}
	image := c.Services.Metadata.Image()
	var buf []record.ProducerInfo
	for i := range req.Topics {
		t, rt := &req.Topics[i], &resp.Topics[i]
		rt.Name, rt.Partitions = t.Name, make([]wire.DescribeProducersResponsePartitionResponse, len(t.PartitionIndexes))
		code, message := kerr.None, badTopicName(t.Name)
		switch {
		case message != "":
			code = kerr.InvalidTopicException
		case !c.Allowed(Read, Topic, t.Name):
			code = kerr.TopicAuthorizationFailed
		case image.Topics.ByName(t.Name) == nil:
			code = kerr.UnknownTopicOrPartition
		}
		for j, index := range t.PartitionIndexes {
			r := &rt.Partitions[j]
			if r.PartitionIndex, r.ErrorCode = index, code; code != kerr.None {
				// ApiError carries the message of the code where there is no other.
				if message == "" {
					message = code.Message()
				}
				r.ErrorMessage = &message
				continue
			}
			buf = c.producers(t.Name, r, buf)
		}
	}
	resp.ThrottleTimeMs = c.Throttle(RequestQuota, 0)
	c.Reply(resp)
}

func (c *Context) producers(topic string, r *wire.DescribeProducersResponsePartitionResponse, buf []record.ProducerInfo) []record.ProducerInfo {
	p, code := c.Services.Replicas.PartitionOf(topic, r.PartitionIndex)
	if code == kerr.None {
		buf, code = p.Producers(buf[:0], c.Now)
	}
	if r.ErrorCode = code; code != kerr.None {
		return buf
	}
	r.ActiveProducers = make([]wire.DescribeProducersResponseProducerState, len(buf))
	for i, p := range buf {
		r.ActiveProducers[i] = wire.DescribeProducersResponseProducerState{
			ProducerId: int64(p.ID), ProducerEpoch: int32(p.Epoch), LastSequence: p.LastSequence,
			LastTimestamp: int64(p.LastTimestamp), CoordinatorEpoch: p.CoordinatorEpoch, CurrentTxnStartOffset: int64(p.TxnFirst),
		}
	}
	return buf
}

// badTopicName says, in Kafka's words, why no topic can have that name; empty
// if one can.
func badTopicName(name string) string {
	const most = 249
	switch {
	case name == "":
		return "Topic name is invalid: the empty string is not allowed"
	case name == "." || name == "..":
		return fmt.Sprintf("Topic name is invalid: '%s' is not allowed", name)
	case len(name) > most:
		return fmt.Sprintf("Topic name is invalid: the length of '%s' is longer than the max allowed length %d", name, most)
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return fmt.Sprintf("Topic name is invalid: '%s' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", name)
		}
	}
	return ""
}
