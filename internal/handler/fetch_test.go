package handler

import (
	"testing"
	"time"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/wire"
)

func (c *conn) fetch(req *wire.FetchRequest, version int16) *wire.FetchResponse {
	c.t.Helper()
	var resp wire.FetchResponse
	c.do(req, &resp, version)
	return &resp
}

func TestFetchErrors(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1)
	cl.topic("away", 1, 2)
	n := cl.node(nil)
	c := n.dial()
	c.produce(produceTo("t", 0, 1, batch(5, 10)), 9)
	byID := func(id model.TopicID) *wire.FetchRequest {
		req := fetchFrom("", 1, 0)
		req.Topics[0].TopicId = id
		return req
	}
	epoch := func(e int32) *wire.FetchRequest {
		req := fetchFrom("t", 1, 0)
		req.Topics[0].Partitions[0].CurrentLeaderEpoch = e
		return req
	}
	for _, k := range []struct {
		name    string
		req     *wire.FetchRequest
		version int16
		code    kerr.Code
	}{
		{"unknown topic", fetchFrom("x", 1, 0), 12, kerr.UnknownTopicOrPartition},
		{"unknown id", byID(model.TopicID{9}), 13, kerr.UnknownTopicId},
		{"led elsewhere", byID(cl.ids["away"]), 16, kerr.NotLeaderOrFollower},
		{"beyond the end", fetchFrom("t", 1, 6), 12, kerr.OffsetOutOfRange},
		{"negative offset", fetchFrom("t", 1, -5), 12, kerr.OffsetOutOfRange},
		{"old epoch", epoch(0), 12, kerr.FencedLeaderEpoch},
		{"future epoch", epoch(5), 12, kerr.UnknownLeaderEpoch},
	} {
		t.Run(k.name, func(t *testing.T) {
			k.req.MaxWaitMs = 60_000 // an error answers at once
			resp := c.fetch(k.req, k.version)
			d := &resp.Responses[0].Partitions[0]
			if d.ErrorCode != k.code || d.HighWatermark != -1 || d.LogStartOffset != -1 || len(d.Records.Bytes) != 0 || d.Records.Bytes == nil {
				t.Fatalf("%s %+v, want %s", d.ErrorCode.Name(), d, k.code.Name())
			}
			if k.version >= 16 && (d.CurrentLeader.LeaderId != 2 || len(resp.NodeEndpoints) != 1 || resp.NodeEndpoints[0].Host != "two") {
				t.Errorf("leader %+v, endpoints %+v", d.CurrentLeader, resp.NodeEndpoints)
			}
		})
	}
}

func TestFetchLimits(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 3)
	c := cl.node(nil).dial()
	b := batch(1, 1000)
	for p := range int32(3) {
		for range 10 {
			c.produce(produceTo("t", p, 1, b), 9)
		}
	}
	size := len(b)
	for _, k := range []struct {
		name                string
		maxBytes, partition int
		want                [3]int // batches
	}{
		{"all", 1 << 20, 1 << 20, [3]int{10, 10, 10}},
		{"by partition", 1 << 20, 2*size + 10, [3]int{2, 2, 2}},
		{"by request", 12*size + 10, 1 << 20, [3]int{10, 2, 0}},
		{"the first is sent whatever its size", 1 << 20, 10, [3]int{1, 0, 0}},
		{"also with no bytes at all", 0, 0, [3]int{1, 0, 0}},
		{"and the request's", 10, 1 << 20, [3]int{1, 0, 0}},
	} {
		req := fetchFrom("t", 3, 0)
		req.MaxBytes = int32(k.maxBytes)
		for i := range req.Topics[0].Partitions {
			req.Topics[0].Partitions[i].PartitionMaxBytes = int32(k.partition)
		}
		resp := c.fetch(req, 12)
		for i := range 3 {
			d := &resp.Responses[0].Partitions[i]
			if got := len(d.Records.Bytes) / size; got != k.want[i] || d.HighWatermark != 10 {
				t.Errorf("%s: partition %d has %d batches, want %d", k.name, i, got, k.want[i])
			}
		}
	}
	// A setting of the broker caps the request.
	small := cl.node(func(s *Services) { s.Settings = newSettings(t, map[string]string{"fetch.max.bytes": "1200"}) }).dial()
	if got := len(small.fetch(fetchFrom("t", 3, 0), 12).Responses[0].Partitions[0].Records.Bytes); got != size {
		t.Errorf("%d bytes beyond fetch.max.bytes", got)
	}
}

func TestLongPoll(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 2)
	n := cl.node(nil)
	consumer, producer := n.dial(), n.dial()
	req := fetchFrom("t", 2, 0)
	req.MaxWaitMs = 15_000
	consumer.send(req, 12)
	waitFor(t, "parked", func() bool { return n.h.wheel.Len() == 1 })
	producer.produce(produceTo("t", 1, 1, batch(2, 10)), 9)
	var resp wire.FetchResponse
	consumer.receive(&resp, 12)
	if d := &resp.Responses[0].Partitions[1]; countRecords(t, d.Records.Bytes) != 2 || resp.Responses[0].Topic != "t" || d.HighWatermark != 2 {
		t.Fatalf("%+v", resp)
	}
	waitFor(t, "nothing left in the wheel", func() bool { return n.h.wheel.Len() == 0 })

	// Nothing comes.
	req = fetchFrom("t", 1, 0)
	req.MaxWaitMs = 60
	begin := time.Now()
	resp = *consumer.fetch(req, 12)
	if d := time.Since(begin); d < 50*time.Millisecond {
		t.Errorf("answered after %v", d)
	}
	if len(resp.Responses) != 1 || resp.Responses[0].Partitions[0].HighWatermark != 0 {
		t.Errorf("%+v", resp)
	}

	// MinBytes waits for several batches, over all partitions.
	b := batch(1, 500)
	req = fetchFrom("t", 2, 0)
	req.Topics[0].Partitions[1].FetchOffset = 2
	req.MaxWaitMs, req.MinBytes = 15_000, int32(3*len(b))
	consumer.send(req, 12)
	waitFor(t, "parked", func() bool { return n.h.wheel.Len() == 1 })
	producer.produce(produceTo("t", 0, 1, b), 9)
	producer.produce(produceTo("t", 1, 1, b), 9)
	if n.h.wheel.Len() != 1 {
		t.Error("woken before there were enough bytes")
	}
	producer.produce(produceTo("t", 1, 1, b), 9)
	consumer.receive(&resp, 12)
	if got := len(resp.Responses[0].Partitions[0].Records.Bytes) + len(resp.Responses[0].Partitions[1].Records.Bytes); got != 3*len(b) {
		t.Errorf("%d bytes, want %d", got, 3*len(b))
	}

	// Who leaves is forgotten; a lost leadership is told at once.
	req.MinBytes = 1 << 30
	consumer.send(req, 12)
	waitFor(t, "parked", func() bool { return n.h.wheel.Len() == 1 })
	_ = consumer.Close()
	waitFor(t, "forgotten", func() bool { return n.h.wheel.Len() == 0 })
	producer.send(req, 10) // from version 11 on a follower may serve it
	waitFor(t, "parked", func() bool { return n.h.wheel.Len() == 1 })
	cl.lead(cl.parts[model.TopicPartition{Topic: "t", Partition: 1}], []model.BrokerID{2, 1}, 2)
	producer.receive(&resp, 10)
	if code := resp.Responses[0].Partitions[1].ErrorCode; code != kerr.NotLeaderOrFollower {
		t.Errorf("got %v", code.Name())
	}
}

func TestErrorsThatDoNotAnswerAtOnce(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1)
	n := cl.node(nil)
	c := n.dial()
	req := fetchFrom("x", 1, 0)
	req.Topics = append(req.Topics, fetchFrom("t", 1, 0).Topics[0])
	req.MaxWaitMs = 15_000
	c.send(req, 12)
	waitFor(t, "parked", func() bool { return n.h.wheel.Len() == 1 })
	n.dial().produce(produceTo("t", 0, 1, batch(1, 1)), 9)
	var resp wire.FetchResponse
	c.receive(&resp, 12)
	if len(resp.Responses) != 2 || resp.Responses[0].Topic != "t" || resp.Responses[1].Partitions[0].ErrorCode != kerr.UnknownTopicOrPartition {
		t.Fatalf("%+v", resp)
	}
}

func TestIncrementalFetch(t *testing.T) {
	for _, version := range []int16{12, 17} {
		cl := newCluster(t)
		id := cl.topic("t", 3)
		n := cl.node(nil)
		c, producer := n.dial(), n.dial()
		topic := wire.FetchRequestFetchTopic{Topic: "t"}
		if version >= 13 {
			topic = wire.FetchRequestFetchTopic{TopicId: id}
		}
		incremental := func(session, epoch int32) *wire.FetchRequest {
			req := fetchFrom("t", 0, 0)
			req.Topics, req.SessionId, req.SessionEpoch, req.MaxWaitMs = nil, session, epoch, 0
			return req
		}
		req := fetchFrom("t", 3, 0)
		req.Topics[0].Topic, req.Topics[0].TopicId = topic.Topic, topic.TopicId
		req.SessionEpoch, req.MaxWaitMs = 0, 0
		resp := c.fetch(req, version)
		session := resp.SessionId
		if session == 0 || len(resp.Responses) != 1 || len(resp.Responses[0].Partitions) != 3 {
			t.Fatalf("v%d: full: %+v", version, resp)
		}
		if resp = c.fetch(incremental(session, 1), version); resp.SessionId != session || len(resp.Responses) != 0 {
			t.Fatalf("v%d: nothing new: %+v", version, resp)
		}
		producer.produce(produceTo("t", 1, 1, batch(2, 10)), 9)
		resp = c.fetch(incremental(session, 2), version)
		if len(resp.Responses) != 1 || len(resp.Responses[0].Partitions) != 1 || resp.Responses[0].Partitions[0].PartitionIndex != 1 {
			t.Fatalf("v%d: one partition: %+v", version, resp)
		}
		// The client moves on, and waits; what comes is told, of that partition only.
		req = incremental(session, 3)
		req.MaxWaitMs = 15_000
		p := *wire.NewFetchRequestFetchPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = 1, 2, 1<<20
		move := topic
		move.Partitions = []wire.FetchRequestFetchPartition{p}
		req.Topics = []wire.FetchRequestFetchTopic{move}
		c.send(req, version)
		waitFor(t, "parked", func() bool { return n.h.wheel.Len() == 1 })
		producer.produce(produceTo("t", 2, 1, batch(1, 10)), 9)
		c.receive(resp, version)
		if len(resp.Responses) != 1 || len(resp.Responses[0].Partitions) != 1 || resp.Responses[0].Partitions[0].PartitionIndex != 2 {
			t.Fatalf("v%d: after the wait: %+v", version, resp)
		}
		if resp = c.fetch(incremental(session, 3), version); resp.ErrorCode != kerr.InvalidFetchSessionEpoch {
			t.Fatalf("v%d: %v", version, resp.ErrorCode.Name())
		}
		if resp = c.fetch(incremental(session+1, 3), version); resp.ErrorCode != kerr.FetchSessionIdNotFound {
			t.Fatalf("v%d: %v", version, resp.ErrorCode.Name())
		}
		other := int16(12)
		if version == 12 {
			other = 13
		}
		if resp = c.fetch(incremental(session, 4), other); resp.ErrorCode != kerr.FetchSessionTopicIdError {
			t.Fatalf("v%d: %v", version, resp.ErrorCode.Name())
		}
		// A partition that loses its topic is told as an error, again and again.
		req = incremental(session, 4)
		add := topic
		add.Partitions = []wire.FetchRequestFetchPartition{{Partition: 77, FetchOffset: 0, PartitionMaxBytes: 10, CurrentLeaderEpoch: -1, LastFetchedEpoch: -1, LogStartOffset: -1, HighWatermark: 1<<63 - 1}}
		req.Topics = []wire.FetchRequestFetchTopic{add}
		for epoch := int32(4); epoch < 6; epoch++ {
			req.SessionEpoch = epoch
			resp = c.fetch(req, version)
			found := false
			for _, r := range resp.Responses {
				for _, d := range r.Partitions {
					found = found || d.PartitionIndex == 77 && d.ErrorCode == kerr.UnknownTopicOrPartition
				}
			}
			if !found {
				t.Fatalf("v%d: %+v", version, resp)
			}
		}
	}
}

func TestReadCommitted(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1)
	c := cl.node(nil).dial()
	c.produce(produceTo("t", 0, 1, batch(1, 10)), 9)
	req := fetchFrom("t", 1, 0)
	req.IsolationLevel = 1
	d := &c.fetch(req, 12).Responses[0].Partitions[0]
	if d.AbortedTransactions == nil || len(d.AbortedTransactions) != 0 || d.LastStableOffset != 1 || countRecords(t, d.Records.Bytes) != 1 {
		t.Errorf("%+v", d)
	}
}

func TestPipelinedFetchesAndProduces(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1)
	n := cl.node(nil)
	c := n.dial()
	wait := fetchFrom("t", 1, 0)
	wait.MaxWaitMs = 15_000
	c.send(wait, 12) // leaves a hole; the produce behind it is served all the same, and fills it
	c.send(produceTo("t", 0, 1, batch(1, 10)), 9)
	c.send(wait, 12)
	var f wire.FetchResponse
	c.receive(&f, 12)
	if countRecords(t, f.Responses[0].Partitions[0].Records.Bytes) != 1 {
		t.Errorf("%+v", f)
	}
	var p wire.ProduceResponse
	c.receive(&p, 9)
	c.receive(&f, 12)
}

func TestIdempotentProducersAreShown(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1)
	c := cl.node(nil).dial()
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = 77, 3, 0
	c.produce(produceTo("t", 0, 1, batchOf(spec, 2, 8)), 9)
	var resp wire.DescribeProducersResponse
	c.do(&wire.DescribeProducersRequest{Topics: []wire.DescribeProducersRequestTopicRequest{
		{Name: "t", PartitionIndexes: []int32{0, 5}}, {Name: "x", PartitionIndexes: []int32{0}}, {Name: "b@d", PartitionIndexes: []int32{0}},
	}}, &resp, 0)
	p := resp.Topics[0].Partitions[0].ActiveProducers
	if len(p) != 1 || p[0].ProducerId != 77 || p[0].ProducerEpoch != 3 || p[0].LastSequence != 1 || p[0].CurrentTxnStartOffset != -1 {
		t.Errorf("%+v", p)
	}
	if code := resp.Topics[0].Partitions[1].ErrorCode; code != kerr.UnknownTopicOrPartition {
		t.Errorf("no such partition: %v", code.Name())
	}
	if code := resp.Topics[1].Partitions[0].ErrorCode; code != kerr.UnknownTopicOrPartition {
		t.Errorf("no such topic: %v", code.Name())
	}
	if r := resp.Topics[2].Partitions[0]; r.ErrorCode != kerr.InvalidTopicException || r.ErrorMessage == nil {
		t.Errorf("bad name: %+v", r)
	}
}
