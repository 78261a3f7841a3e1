package tool

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Special timestamps of ListOffsets.
const (
	tsLatest          = -1
	tsEarliest        = -2
	tsMax             = -3
	tsEarliestLocal   = -4
	tsLatestTiered    = -5
	tsEarliestPending = -6
)

// listedOffset is the answer for one partition.
type listedOffset struct {
	offset, timestamp int64
	epoch             int32 // leader epoch, -1 if unknown
	code              int16
	err               error
}

// listOffsets looks offsets up by timestamp. Every partition has an answer.
func (a *admin) listOffsets(want map[partition]int64) (map[partition]listedOffset, error) {
	out := map[partition]listedOffset{}
	if len(want) == 0 {
		return out, nil
	}
	req := kmsg.NewPtrListOffsetsRequest()
	byTopic := map[string][]kmsg.ListOffsetsRequestTopicPartition{}
	for p, ts := range want {
		r := kmsg.NewListOffsetsRequestTopicPartition()
		r.Partition, r.Timestamp = p.id, ts
		byTopic[p.topic] = append(byTopic[p.topic], r)
	}
	for _, t := range sortedKeys(byTopic) {
		r := kmsg.NewListOffsetsRequestTopic()
		r.Topic, r.Partitions = t, byTopic[t]
		req.Topics = append(req.Topics, r)
	}
	req.TimeoutMillis = int32(a.set.requestTimeout.Milliseconds())
	answers, err := a.toAll(req, "listOffsets")
	if err != nil {
		return nil, err
	}
	for _, an := range answers {
		if an.err != nil {
			for _, t := range an.req.(*kmsg.ListOffsetsRequest).Topics {
				for _, p := range t.Partitions {
					out[partition{t.Topic, p.Partition}] = listedOffset{err: an.err}
				}
			}
			continue
		}
		resp, err := must[*kmsg.ListOffsetsResponse](an.resp, nil)
		if err != nil {
			return nil, err
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				out[partition{t.Topic, p.Partition}] = listedOffset{p.Offset, p.Timestamp, p.LeaderEpoch, p.ErrorCode, codeError(p.ErrorCode, nil)}
			}
		}
	}
	return out, nil
}
