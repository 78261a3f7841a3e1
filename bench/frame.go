package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// batchSpec is what a produce request carries: one batch of size bytes before
// compression, in records of 1 KiB (or one smaller record).
type batchSpec struct {
	size       int
	codec      int8 // 0 none, 3 lz4, 4 zstd
	idempotent bool
	pid        int64
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is a produce request built once and sent many times; idempotent
// batches get their sequence and CRC anew.
type frame struct {
	bytes    []byte
	batchAt  int
	batchLen int // as sent
	records  int32
	seq      int32
	spec     batchSpec
	want     int // offset of the error code in the answer
	conns    int // connections that share the run
}

func newFrame(topic string, partition int32, b batchSpec) *frame {
	batch, records := buildBatch(b)
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = 9, 1, 30000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, batch
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.Partitions = topic, []kmsg.ProduceRequestTopicPartition{p}
	req.Topics = append(req.Topics, t)
	f := kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench")).AppendRequest(nil, req, 1)
	return &frame{bytes: f, batchAt: bytes.Index(f, batch), batchLen: len(batch), records: records, spec: b, want: 4 + 1 + 1 + 1 + len(topic) + 1 + 4}
}

// next is the bytes of the next request.
func (f *frame) next() []byte {
	if f.spec.idempotent {
		b := f.bytes[f.batchAt : f.batchAt+f.batchLen]
		binary.BigEndian.PutUint32(b[53:], uint32(f.seq))
		binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
		f.seq += f.records
	}
	return f.bytes
}

// check reads the error code of a Produce v9 answer.
func (f *frame) check(answer []byte) error {
	if len(answer) < f.want+2 {
		return fmt.Errorf("answer of %d bytes", len(answer))
	}
	if code := int16(binary.BigEndian.Uint16(answer[f.want:])); code != 0 {
		return fmt.Errorf("produce: error code %d", code)
	}
	return nil
}

func buildBatch(s batchSpec) ([]byte, int32) {
	value := 1024
	n := s.size / value
	if n == 0 {
		n, value = 1, s.size
	}
	if n == 1 {
		value = s.size - 61 - 10
	} else {
		value -= 61/n + 12
	}
	var body []byte
	for i := 0; i < n; i++ {
		v := make([]byte, value)
		for j := range v { // text that compresses about three to one
			v[j] = "0123456789abcdefghijklmnopqrstuvwxyz"[(i*7+j*j/5)%(8+j%28)]
		}
		body = appendRecord(body, i, v)
	}
	switch s.codec {
	case 3:
		var b bytes.Buffer
		w := lz4.NewWriter(&b)
		_ = w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false))
		_, _ = w.Write(body)
		_ = w.Close()
		body = b.Bytes()
	case 4:
		w, _ := zstd.NewWriter(nil)
		body = w.EncodeAll(body, nil)
	}
	rb := kmsg.NewRecordBatch()
	rb.PartitionLeaderEpoch, rb.Magic, rb.Attributes = -1, 2, int16(s.codec)
	rb.LastOffsetDelta, rb.NumRecords = int32(n-1), int32(n)
	rb.FirstTimestamp, rb.MaxTimestamp = benchTime, benchTime
	rb.ProducerID, rb.ProducerEpoch, rb.FirstSequence = -1, -1, -1
	if s.idempotent {
		rb.ProducerID, rb.ProducerEpoch, rb.FirstSequence = s.pid, 0, 0
	}
	rb.Records = body
	rb.Length = int32(49 + len(body))
	b := rb.AppendTo(nil)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b, int32(n)
}

func appendRecord(b []byte, delta int, value []byte) []byte {
	var r []byte
	r = append(r, 0)
	r = binary.AppendVarint(r, 0)
	r = binary.AppendVarint(r, int64(delta))
	r = binary.AppendVarint(r, -1)
	r = binary.AppendVarint(r, int64(len(value)))
	r = append(r, value...)
	r = append(r, 0)
	b = binary.AppendVarint(b, int64(len(r)))
	return append(b, r...)
}

// fetchFrame is a Fetch v12 request whose offsets are moved on in place.
type fetchFrame struct {
	frame      []byte
	at         []int // positions of the offsets
	partitions int
	end        int64
	topic      string
}

func newFetchFrame(topic string, partitions int, limit int32, end int64) *fetchFrame {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.ReplicaID, req.MaxWaitMillis, req.MinBytes, req.MaxBytes = 12, -1, 500, 1, 64<<20
	req.SessionEpoch = -1
	t := kmsg.NewFetchRequestTopic()
	t.Topic = topic
	for i := 0; i < partitions; i++ {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.LogStartOffset = int32(i), 0x7a7a7a7a7a7a7a7a, limit, -1
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	b := kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench")).AppendRequest(nil, req, 1)
	f := &fetchFrame{frame: b, partitions: partitions, end: end, topic: topic}
	mark := []byte{0x7a, 0x7a, 0x7a, 0x7a, 0x7a, 0x7a, 0x7a, 0x7a}
	for at := 0; ; {
		i := bytes.Index(b[at:], mark)
		if i < 0 {
			break
		}
		f.at = append(f.at, at+i)
		binary.BigEndian.PutUint64(b[at+i:], 0)
		at += i + 8
	}
	return f
}

// advance reads a Fetch v12 answer and sets each partition's next offset: past
// the last batch, or 0 again near the end. It returns the bytes of records.
func (f *fetchFrame) advance(b []byte) (int, error) {
	at := 4 + 1 + 4
	if code := int16(binary.BigEndian.Uint16(b[at:])); code != 0 {
		return 0, fmt.Errorf("fetch: error code %d", code)
	}
	at += 2 + 4 + 1
	_, n := binary.Uvarint(b[at:])
	at += n + len(f.topic)
	_, n = binary.Uvarint(b[at:])
	at += n
	total := 0
	for i := 0; i < f.partitions; i++ {
		p := int(binary.BigEndian.Uint32(b[at:]))
		if code := int16(binary.BigEndian.Uint16(b[at+4:])); code != 0 {
			return 0, fmt.Errorf("fetch of partition %d: error code %d", p, code)
		}
		at += 4 + 2 + 8 + 8 + 8
		aborted, n := binary.Uvarint(b[at:])
		if aborted > 1 {
			return 0, fmt.Errorf("aborted transactions in a plain topic")
		}
		at += n + 4
		size, n := binary.Uvarint(b[at:])
		at += n
		recs := b[at : at+int(size)-1]
		at += int(size) - 1 + 1
		total += len(recs)
		f.move(p, recs)
	}
	return total, nil
}

func (f *fetchFrame) move(p int, recs []byte) {
	next := int64(binary.BigEndian.Uint64(f.frame[f.at[p]:]))
	for len(recs) >= 61 {
		size := 12 + int(binary.BigEndian.Uint32(recs[8:]))
		if size > len(recs) {
			break
		}
		next = int64(binary.BigEndian.Uint64(recs)) + int64(binary.BigEndian.Uint32(recs[23:])) + 1
		recs = recs[size:]
	}
	if next >= f.end {
		next = 0
	}
	binary.BigEndian.PutUint64(f.frame[f.at[p]:], uint64(next))
}

func (f *fetchFrame) offset(p int) int64 {
	return int64(binary.BigEndian.Uint64(f.frame[f.at[p]:]))
}

func (f *fetchFrame) set(p int, offset int64) {
	binary.BigEndian.PutUint64(f.frame[f.at[p]:], uint64(offset))
}
