package handler

import (
	"strings"

	"gregor/internal/kerr"
	"gregor/internal/wire"
)

var (
	noRecords = wire.Records{Bytes: []byte{}}
	noAborted = []wire.FetchResponseAbortedTransaction{}
)

// failedPartition is the answer for a partition without anything read.
func failedPartition(index int32, code kerr.Code) wire.FetchResponsePartitionData {
	return wire.FetchResponsePartitionData{
		PartitionIndex: index, ErrorCode: code, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1,
		DivergingEpoch:       wire.FetchResponseEpochEndOffset{Epoch: -1, EndOffset: -1},
		CurrentLeader:        wire.FetchResponseLeaderIdAndEpoch{LeaderId: -1, LeaderEpoch: -1},
		SnapshotId:           wire.FetchResponseSnapshotId{EndOffset: -1, Epoch: -1},
		PreferredReadReplica: -1, Records: noRecords,
	}
}

// refusedFetch refuses a whole request. Versions below 13 want to be told for
// each partition too.
func refusedFetch(req *wire.FetchRequest, version int16, code kerr.Code) *wire.FetchResponse {
	resp := &wire.FetchResponse{ErrorCode: code, SessionId: req.SessionId}
	if version >= 13 {
		return resp
	}
	resp.Responses = make([]wire.FetchResponseFetchableTopicResponse, len(req.Topics))
	for i := range req.Topics {
		t, q := &resp.Responses[i], &req.Topics[i]
		t.Topic, t.Partitions = strings.Clone(q.Topic), make([]wire.FetchResponsePartitionData, len(q.Partitions))
		for j := range q.Partitions {
			t.Partitions[j] = failedPartition(q.Partitions[j].Partition, code)
			t.Partitions[j].AbortedTransactions = noAborted
		}
	}
	return resp
}

// mayRepeat reports whether a partition might be named twice; it is cheap, and
// sure only of no.
func (op *fetchOp) mayRepeat() bool {
	var seen [64]uint64
	for i := range op.parts {
		p := &op.parts[i]
		h := uint32(p.index) + uint32(p.id[0])<<4 + uint32(p.id[15])<<8
		for j := 0; j < len(p.topic); j++ {
			h += uint32(p.topic[j]) << (j % 9)
		}
		word, bit := h/64%64, uint64(1)<<(h%64)
		if seen[word]&bit != 0 {
			return true
		}
		seen[word] |= bit
	}
	return false
}

// dropRepeated leaves each partition once, where it is named first, as it is
// wanted last.
func (op *fetchOp) dropRepeated() {
	first, n := make(map[partitionKey]int, len(op.parts)), 0
	for _, p := range op.parts {
		if at, ok := first[p.partitionKey]; ok {
			op.parts[at] = p
			continue
		}
		first[p.partitionKey] = n
		op.parts[n] = p
		n++
	}
	op.parts = op.parts[:n]
}
