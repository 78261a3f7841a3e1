package wire

import (
	"bytes"
	"testing"

	"gregor/internal/kerr"
)

// memFile is a file of records in memory.
type memFile []byte

func (f memFile) ReadAt(p []byte, off int64) (int, error) { return copy(p, f[off:]), nil }
func (f memFile) Fd() int                                 { return -1 }

// produceFrame is a request for ten partitions of two topics, without size
// and header.
func produceFrame(t testing.TB, version int16) []byte {
	t.Helper()
	req := NewProduceRequest()
	req.Acks, req.TimeoutMs = -1, 1500
	for _, topic := range []string{"orders", "payments"} {
		d := ProduceRequestTopicProduceData{}
		if d.TopicId[0] = topic[0]; version < 13 {
			d.Name = topic
		}
		for i := int32(0); i < 5; i++ {
			d.PartitionData = append(d.PartitionData, ProduceRequestPartitionProduceData{Index: i, Records: Records{Bytes: bytes.Repeat([]byte{byte(i)}, 100)}})
		}
		req.TopicData = append(req.TopicData, d)
	}
	b, err := Append(nil, req, version)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fetchRequestFrame(t testing.TB, version int16) []byte {
	t.Helper()
	req := NewFetchRequest()
	topic := FetchRequestFetchTopic{Topic: "orders"}
	for i := int32(0); i < 10; i++ {
		p := NewFetchRequestFetchPartition()
		p.Partition, p.PartitionMaxBytes = i, 1<<20
		topic.Partitions = append(topic.Partitions, *p)
	}
	req.Topics = append(req.Topics, topic)
	b, err := Append(nil, req, version)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fetchResponse has ten partitions: a file range, large and small records in
// memory, none.
func fetchResponse(records []byte) *FetchResponse {
	resp := NewFetchResponse()
	topic := FetchResponseFetchableTopicResponse{Topic: "orders"}
	for i := int32(0); i < 10; i++ {
		p := NewFetchResponsePartitionData()
		p.PartitionIndex, p.HighWatermark, p.LastStableOffset, p.LogStartOffset = i, 1000, 1000, 0
		switch i % 4 {
		case 0:
			p.Records = Records{File: memFile(records), Off: int64(i), Len: 5000}
		case 1:
			p.Records.Bytes = records[:refBytes]
		case 2:
			p.Records.Bytes = records[:100]
		case 3:
			p.Records.Bytes = []byte{}
		}
		topic.Partitions = append(topic.Partitions, *p)
	}
	resp.Responses = append(resp.Responses, topic)
	return resp
}

func allocations(t *testing.T, name string, most float64, f func()) {
	t.Helper()
	f() // warm
	if got := testing.AllocsPerRun(100, f); got > most {
		t.Errorf("%s: %v allocations, at most %v are allowed", name, got, most)
	}
}

// TestAllocations holds the codecs of the hot path to their allocations.
func TestAllocations(t *testing.T) {
	produce, fetch := produceFrame(t, 12), fetchRequestFrame(t, 12)
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	allocations(t, "cold Produce request", 5, func() {
		var r Reader
		req := NewProduceRequest()
		r.Reset(produce, true)
		req.Decode(&r, 12)
		fail(r.Err())
	})
	var r Reader
	req, freq := NewProduceRequest(), NewFetchRequest()
	allocations(t, "Produce request", 0, func() {
		r.Reset(produce, true)
		req.Decode(&r, 12)
		fail(r.Err())
	})
	allocations(t, "Fetch request", 0, func() {
		r.Reset(fetch, true)
		freq.Decode(&r, 12)
		fail(r.Err())
	})
	allocations(t, "cold Fetch request", 5, func() {
		var r Reader
		req := NewFetchRequest()
		r.Reset(fetch, true)
		req.Decode(&r, 12)
		fail(r.Err())
	})
	header := append([]byte{0, 0, 0, 12, 0, 0, 0, 7, 0, 3, 'a', 'b', 'c', 0}, produce...)
	var h RequestHeader
	allocations(t, "request header", 0, func() {
		r.Reset(header, true)
		_, err := DecodeRequestHeader(&r, &h)
		fail(err)
	})
	var w Writer
	resp := fetchResponse(make([]byte, 1<<16))
	allocations(t, "Fetch response", 0, func() {
		w.Reset()
		fail(EncodeResponse(&w, 7, resp, 12))
		if len(w.Segments()) != 13 {
			t.Fatalf("%d segments", len(w.Segments()))
		}
	})
	key, value := &OffsetCommitKey{Group: "g", Topic: "t"}, NewOffsetCommitValue()
	var buf []byte
	allocations(t, "records", 0, func() {
		var err1, err2 error
		buf, err1 = AppendKey(buf[:0], key)
		buf, err2 = AppendValue(buf, value, 4)
		if fail(err1); err2 != nil {
			fail(err2)
		}
		fail(Unmarshal(buf[len(buf)-22:], value, 4))
	})
	presp := &ProduceResponse{Responses: []ProduceResponseTopicProduceResponse{{Name: "orders", PartitionResponses: make([]ProduceResponsePartitionProduceResponse, 10)}}}
	for i := range presp.Responses[0].PartitionResponses {
		presp.Responses[0].PartitionResponses[i] = *NewProduceResponsePartitionProduceResponse()
		presp.Responses[0].PartitionResponses[i].ErrorCode = kerr.NotLeaderOrFollower
		presp.Responses[0].PartitionResponses[i].CurrentLeader.LeaderId = 3
	}
	allocations(t, "Produce response", 0, func() {
		w.Reset()
		fail(EncodeResponse(&w, 7, presp, 12))
	})
}

// TestSegments: the segments in order are the message, whatever stands in
// files, and decoding them gives the records back.
func TestSegments(t *testing.T) {
	records := make([]byte, 1<<16)
	for i := range records {
		records[i] = byte(i * 7)
	}
	resp := fetchResponse(records)
	for v := int16(0); v <= 12; v++ {
		plain, err := Append(nil, resp, v)
		if err != nil {
			t.Fatal(err)
		}
		var w Writer
		_, _ = w.Write([]byte("before"))
		if err := EncodeResponse(&w, 7, resp, v); err != nil {
			t.Fatal(err)
		}
		head := FrameHead + 4
		if v >= 12 {
			head++
		}
		all, err := w.Bytes()
		if err != nil || !bytes.Equal(all[len("before")+head:], plain) || len(all) != w.Len() {
			t.Fatalf("v%d: the segments are not the message: %v", v, err)
		}
		if n := NewReader(all[len("before"):]).i32(""); int(n) != len(all)-len("before")-FrameHead {
			t.Errorf("v%d: the frame's size is %d, its bytes are %d", v, n, len(all))
		}
		var back FetchResponse
		if err := Unmarshal(plain, &back, v); err != nil {
			t.Fatal(err)
		}
		for i, p := range back.Responses[0].Partitions {
			want := resp.Responses[0].Partitions[i].Records
			if want.File != nil {
				want.Bytes = records[want.Off : want.Off+int64(want.Len)]
			}
			if !bytes.Equal(p.Records.Bytes, want.Bytes) || p.Records.Size() != want.Size() && want.File == nil {
				t.Errorf("v%d: partition %d has other records", v, i)
			}
		}
	}
}

func BenchmarkDecodeProduce(b *testing.B) {
	frame := produceFrame(b, 12)
	var r Reader
	req := NewProduceRequest()
	b.ReportAllocs()
	for range b.N {
		r.Reset(frame, true)
		req.Decode(&r, 12)
		if r.Err() != nil {
			b.Fatal(r.Err())
		}
	}
}

func BenchmarkDecodeFetch(b *testing.B) {
	frame := fetchRequestFrame(b, 12)
	var r Reader
	req := NewFetchRequest()
	b.ReportAllocs()
	for range b.N {
		r.Reset(frame, true)
		req.Decode(&r, 12)
		if r.Err() != nil {
			b.Fatal(r.Err())
		}
	}
}

func BenchmarkEncodeFetch100(b *testing.B) {
	var w Writer
	resp := fetchResponse(make([]byte, 1<<16))
	p := resp.Responses[0].Partitions
	for range 9 {
		resp.Responses[0].Partitions = append(resp.Responses[0].Partitions, p...)
	}
	b.ReportAllocs()
	for range b.N {
		w.Reset()
		if err := EncodeResponse(&w, 7, resp, 12); err != nil {
			b.Fatal(err)
		}
		w.Segments()
	}
}
