package handler

import (
	"strings"
	"testing"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/wire"
)

func (c *conn) produce(req *wire.ProduceRequest, version int16) *wire.ProduceResponsePartitionProduceResponse {
	c.t.Helper()
	var resp wire.ProduceResponse
	c.do(req, &resp, version)
	return &resp.Responses[0].PartitionResponses[0]
}

func TestProduceAndFetchBack(t *testing.T) {
	cl := newCluster(t)
	id := cl.topic("t", 2)
	c := cl.node(nil).dial()
	for v := int16(3); v <= 13; v++ {
		req := produceTo("t", 1, 1, batch(3, 10))
		if v >= 13 {
			req.TopicData[0].Name, req.TopicData[0].TopicId = "", id
		}
		r := c.produce(req, v)
		if want := int64(v-3) * 3; r.ErrorCode != kerr.None || r.BaseOffset != want || r.LogAppendTimeMs != -1 || r.Index != 1 {
			t.Fatalf("v%d: %+v, want offset %d", v, r, want)
		}
	}
	for v := int16(4); v <= 18; v++ {
		req := fetchFrom("t", 2, 0)
		if v >= 13 {
			req.Topics[0].Topic, req.Topics[0].TopicId = "", id
		}
		var resp wire.FetchResponse
		c.do(req, &resp, v)
		if resp.ErrorCode != kerr.None || len(resp.Responses) != 1 || len(resp.Responses[0].Partitions) != 2 {
			t.Fatalf("v%d: %+v", v, resp)
		}
		p := &resp.Responses[0].Partitions[1]
		if p.HighWatermark != 33 || countRecords(t, p.Records.Bytes) != 33 {
			t.Fatalf("v%d: %d records of %d bytes, high watermark %d", v, countRecords(t, p.Records.Bytes), len(p.Records.Bytes), p.HighWatermark)
		}
		if p := &resp.Responses[0].Partitions[0]; p.HighWatermark != 0 || p.Records.Bytes == nil || len(p.Records.Bytes) != 0 || p.AbortedTransactions != nil {
			t.Fatalf("v%d: empty partition: %+v", v, p)
		}
	}
}

func countRecords(t testing.TB, b []byte) int {
	t.Helper()
	n := 0
	for len(b) > 0 {
		first, rest, err := record.Next(b)
		if err != nil {
			t.Fatal(err)
		}
		if !first.Valid() {
			t.Fatal("bad CRC")
		}
		n += int(first.Count())
		b = rest
	}
	return n
}

func TestProduceErrors(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1)
	cl.topic("away", 1, 2)
	cl.topic("__consumer_offsets", 1)
	n := cl.node(nil)
	corrupt := batch(1, 10)
	corrupt[len(corrupt)-1] ^= 1
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence, spec.Transactional = 5, 0, 0, true
	for _, c := range []struct {
		name    string
		req     *wire.ProduceRequest
		version int16
		code    kerr.Code
	}{
		{"unknown topic", produceTo("x", 0, 1, batch(1, 1)), 9, kerr.UnknownTopicOrPartition},
		{"unknown partition", produceTo("t", 7, 1, batch(1, 1)), 9, kerr.UnknownTopicOrPartition},
		{"unknown id", &wire.ProduceRequest{Acks: 1, TopicData: []wire.ProduceRequestTopicProduceData{{TopicId: model.TopicID{9}, PartitionData: []wire.ProduceRequestPartitionProduceData{{Records: wire.Records{Bytes: batch(1, 1)}}}}}}, 13, kerr.UnknownTopicId},
		{"led elsewhere", produceTo("away", 0, 1, batch(1, 1)), 10, kerr.NotLeaderOrFollower},
		{"acks 2", produceTo("t", 0, 2, batch(1, 1)), 9, kerr.InvalidRequiredAcks},
		{"unknown topic with acks 2", produceTo("x", 0, 2, batch(1, 1)), 9, kerr.UnknownTopicOrPartition},
		{"bad CRC", produceTo("t", 0, 1, corrupt), 9, kerr.CorruptMessage},
		{"too large", produceTo("t", 0, 1, batch(1, 5<<20)), 9, kerr.MessageTooLarge},
		{"two batches", produceTo("t", 0, 1, append(batch(1, 1), batch(1, 1)...)), 9, kerr.InvalidRecord},
		{"no batch", produceTo("t", 0, 1, []byte{}), 9, kerr.InvalidRecord},
		{"null records", produceTo("t", 0, 1, nil), 9, kerr.InvalidRecord},
		{"internal topic", produceTo("__consumer_offsets", 0, 1, batch(1, 1)), 9, kerr.InvalidTopicException},
		{"transactional without id", produceTo("t", 0, 1, batchOf(spec, 1, 1)), 9, kerr.TransactionalIdAuthorizationFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := n.dial()
			var resp wire.ProduceResponse
			conn.do(c.req, &resp, c.version)
			p := &resp.Responses[0].PartitionResponses[0]
			if p.ErrorCode != c.code || p.BaseOffset != -1 {
				t.Fatalf("%s, offset %d, want %s", p.ErrorCode.Name(), p.BaseOffset, c.code.Name())
			}
			if c.code == kerr.NotLeaderOrFollower && (p.CurrentLeader.LeaderId != 2 || p.CurrentLeader.LeaderEpoch != 1 ||
				len(resp.NodeEndpoints) != 1 || resp.NodeEndpoints[0].Host != "two") {
				t.Errorf("leader %+v, endpoints %+v", p.CurrentLeader, resp.NodeEndpoints)
			}
			// The same with acks=0 closes the connection, with one line in the log.
			if c.code == kerr.InvalidRequiredAcks || c.req.Acks != 1 {
				return
			}
			c.req.Acks = 0
			conn.send(c.req, c.version)
			conn.expectClosed()
			if text := n.log.text(); !strings.Contains(text, "ack=0") || strings.Contains(text, "Closing socket") {
				t.Errorf("log:\n%s", text)
			}
		})
	}
}

func TestPipelinedProduce(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 3)
	c := cl.node(nil).dial()
	var all []byte
	want := []int64{}
	next := map[int32]int64{}
	for i := range 200 {
		p := int32(i*i) % 3
		acks := int16(1)
		if i%10 == 3 {
			acks = 0
		}
		all = append(all, request(t, int32(i), produceTo("t", p, acks, batch(2, 100)), 9)...)
		if acks != 0 {
			want = append(want, int64(i), next[p])
		}
		next[p] += 2
		if i%17 == 0 {
			all = append(all, request(t, int32(i), &wire.ApiVersionsRequest{}, 0)...)
			want = append(want, int64(i), -1)
		}
	}
	go func() { _, _ = c.Write(all) }()
	for ; len(want) > 0; want = want[2:] {
		b, err := c.frame()
		if err != nil {
			t.Fatal(err)
		}
		r := wire.NewReader(b)
		key := wire.APIByKey(wire.KeyProduce)
		version := int16(9)
		if want[1] == -1 {
			key, version = wire.APIByKey(wire.KeyApiVersions), 0
		}
		id, err := wire.DecodeResponseHeader(r, key, version)
		if err != nil || int64(id) != want[0] {
			t.Fatalf("correlation id %d, %v, want %d", id, err, want[0])
		}
		if want[1] == -1 {
			continue
		}
		var resp wire.ProduceResponse
		if err := wire.Unmarshal(b[r.Offset():], &resp, 9); err != nil {
			t.Fatal(err)
		}
		if p := resp.Responses[0].PartitionResponses[0]; p.ErrorCode != kerr.None || p.BaseOffset != want[1] {
			t.Fatalf("request %d: %+v, want offset %d", id, p, want[1])
		}
	}
}

func TestIdempotentProduce(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1)
	c := cl.node(nil).dial()
	send := func(seq int32) *wire.ProduceResponsePartitionProduceResponse {
		spec := record.NewSpec()
		spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = 77, 0, seq
		return c.produce(produceTo("t", 0, -1, batchOf(spec, 2, 8)), 9)
	}
	if r := send(0); r.ErrorCode != kerr.None || r.BaseOffset != 0 {
		t.Fatalf("%+v", r)
	}
	if r := send(2); r.ErrorCode != kerr.None || r.BaseOffset != 2 {
		t.Fatalf("%+v", r)
	}
	if r := send(0); r.ErrorCode != kerr.None || r.BaseOffset != 0 {
		t.Fatalf("a retry: %+v", r)
	}
	if r := send(10); r.ErrorCode != kerr.OutOfOrderSequenceNumber {
		t.Fatalf("a gap: %+v", r)
	}
}

// fetchAsFollower is a follower's fetch, which acknowledges what it has.
func fetchAsFollower(topic string, offset int64) *wire.FetchRequest {
	req := fetchFrom(topic, 1, offset)
	req.ReplicaId = 2
	req.Topics[0].Partitions[0].CurrentLeaderEpoch = 1
	req.Topics[0].Partitions[0].LogStartOffset = 0
	return req
}

func TestAcksAllWaitsForFollowers(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1, 1, 2)
	n := cl.node(nil)
	producer, follower := n.dial(), n.dial()
	for range 3 { // pipelined: none is answered before the follower has it
		producer.send(produceTo("t", 0, -1, batch(1, 10)), 9)
	}
	producer.send(produceTo("t", 0, 1, batch(1, 10)), 9)
	var f wire.FetchResponse
	for end := int64(0); end < 4; {
		follower.do(fetchAsFollower("t", end), &f, 12)
		p := &f.Responses[0].Partitions[0]
		if p.ErrorCode != kerr.None {
			t.Fatal(p.ErrorCode.Name())
		}
		end += int64(countRecords(t, p.Records.Bytes))
	}
	req := fetchAsFollower("t", 4)
	req.MaxWaitMs = 0
	follower.do(req, &f, 12)
	for i := range 4 {
		var resp wire.ProduceResponse
		producer.receive(&resp, 9)
		if p := resp.Responses[0].PartitionResponses[0]; p.ErrorCode != kerr.None || p.BaseOffset != int64(i) || resp.Responses[0].Name != "t" {
			t.Fatalf("%d: %+v", i, resp)
		}
	}
}

func TestAcksAllTimesOut(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1, 1, 2)
	n := cl.node(nil)
	c := n.dial()
	req := produceTo("t", 0, -1, batch(1, 10))
	req.TimeoutMs = 30
	if r := c.produce(req, 9); r.ErrorCode != kerr.RequestTimedOut || r.BaseOffset != 0 {
		t.Fatalf("%+v", r)
	}
	// A client that leaves takes what it waited for with it.
	req.TimeoutMs = 1 << 30
	c.send(req, 9)
	waitFor(t, "parked", func() bool { return n.h.wheel.Len() == 1 })
	_ = c.Close()
	waitFor(t, "gone", func() bool { return n.h.wheel.Len() == 0 })
}

func TestAcksAllEndsWithTheLeadership(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1, 1, 2)
	n := cl.node(nil)
	c := n.dial()
	c.send(produceTo("t", 0, -1, batch(1, 10)), 9)
	waitFor(t, "parked", func() bool { return n.h.wheel.Len() == 1 })
	cl.lead(cl.parts[model.TopicPartition{Topic: "t"}], []model.BrokerID{2, 1}, 2)
	var resp wire.ProduceResponse
	c.receive(&resp, 9)
	if r := resp.Responses[0].PartitionResponses[0]; r.ErrorCode != kerr.NotLeaderOrFollower {
		t.Fatalf("%+v", r)
	}
}
