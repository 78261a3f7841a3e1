package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// row is one line of the table.
type row struct {
	name    string
	kind    string  // produce, fetch, latency, small
	goal    float64 // gregor ÷ Kafka of the row's figure, at most
	floor   bool    // the floor can do it
	prepare func(s *server, topic string) error
	run     func(s *server, topic string) (*result, error)
}

func (r row) topic() string {
	return "b" + strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return c
		}
		return -1
	}, r.name)
}

// figure is what the row's ratio is made of.
func (r row) figure() func(sample) float64 {
	switch r.kind {
	case "latency":
		return func(s sample) float64 { return ms(s.p99) }
	case "small":
		return func(s sample) float64 { return s.cpuPerReq }
	}
	return func(s sample) float64 { return s.cpuPerGB }
}

func (r row) unit() string {
	switch r.kind {
	case "latency":
		return "ms p99"
	case "small":
		return "CPU-µs"
	}
	return "CPU-s/GB"
}

func rows() []row {
	var out []row
	produce := func(label string, conns int, b batchSpec, goal float64, floor bool) {
		out = append(out, row{
			name: fmt.Sprintf("produce %s × %d", label, conns), kind: "produce", goal: goal, floor: floor,
			prepare: func(s *server, topic string) error { return s.topic(topic, conns) },
			run: func(s *server, topic string) (*result, error) {
				spec := b
				if b.idempotent {
					// One producer id is enough: each connection has its own partition.
					pid, err := s.producerID()
					if err != nil {
						return nil, err
					}
					spec.pid = pid
				}
				return produceLoad(s.addr, topic, spec, conns, *each)
			},
		})
	}
	produce("1 KiB", 16, batchSpec{size: 1 << 10}, .20, true)
	produce("16 KiB", 4, batchSpec{size: 16 << 10}, .25, true)
	produce("16 KiB", 16, batchSpec{size: 16 << 10}, .25, true)
	produce("128 KiB", 4, batchSpec{size: 128 << 10}, .45, true)
	produce("1 MiB", 4, batchSpec{size: 1 << 20}, .55, true)
	produce("1 MiB", 1, batchSpec{size: 1 << 20}, .55, true)
	produce("16 KiB idempotent", 4, batchSpec{size: 16 << 10, idempotent: true}, .275, false)
	produce("16 KiB lz4", 4, batchSpec{size: 16 << 10, codec: 3}, 0, true)
	produce("16 KiB zstd", 4, batchSpec{size: 16 << 10, codec: 4}, 0, true)
	out = append(out,
		fetchRow("fetch 1 MiB of one partition", 1, 1<<20, 1, .5),
		fetchRow("fetch 1 MiB of one partition", 1, 1<<20, 8, .75),
		fetchRow("fetch 64 partitions × 16 KiB", 64, 16<<10, 1, .65),
		fetchRow("fetch 64 partitions × 4 KiB", 64, 4<<10, 1, .25),
	)
	out = append(out, row{
		name: "produce 16 KiB at 40 MB/s, open loop", kind: "latency", goal: 1. / 3, floor: true,
		prepare: func(s *server, topic string) error { return s.topic(topic, 4) },
		run: func(s *server, topic string) (*result, error) {
			return openLoop(s.addr, topic, batchSpec{size: 16 << 10}, 4, 40e6/(16<<10), 2**each)
		},
	})
	out = append(out, row{
		name: "end to end, 1,000 × 1 KiB a second", kind: "latency", goal: .2,
		prepare: func(s *server, topic string) error { return s.topic(topic, 1) },
		run:     endToEnd,
	})
	return append(out, smallRows()...)
}

// fetchRow reads what prepare wrote: batches of the size a partition gives.
func fetchRow(name string, partitions int, size int32, conns int, goal float64) row {
	batch := int(min(size, 16<<10))
	perPartition := int64(512<<20) / int64(partitions)
	var end int64
	return row{
		name: fmt.Sprintf("%s, × %d", name, conns), kind: "fetch", goal: goal, floor: true,
		prepare: func(s *server, topic string) error {
			if err := s.topic(topic, partitions); err != nil {
				return err
			}
			var err error
			end, err = fill(s, topic, partitions, batch, perPartition)
			return err
		},
		run: func(s *server, topic string) (*result, error) {
			limit := size
			return fetchLoad(s.addr, topic, partitions, limit, end-int64(size)/1024-32, conns, *each)
		},
	}
}

// fill writes bytes of batches to each partition and returns how many records
// each then has.
func fill(s *server, topic string, partitions, batch int, bytes int64) (int64, error) {
	c, err := dial(s.addr)
	if err != nil {
		return 0, err
	}
	defer c.c.Close()
	var end int64
	for p := 0; p < partitions; p++ {
		f := newFrame(topic, int32(p), batchSpec{size: batch})
		n := int(bytes) / f.batchLen
		for i, acked := 0, 0; acked < n; {
			for ; i < n && i-acked < 16; i++ {
				if _, err := c.c.Write(f.next()); err != nil {
					return 0, err
				}
			}
			b, err := c.readFrame()
			if err != nil {
				return 0, err
			}
			if err := f.check(b); err != nil {
				return 0, err
			}
			acked++
		}
		end = int64(n) * int64(f.records)
	}
	return end, nil
}

// endToEnd produces 1,000 records a second and measures each from when it was
// due to when a consumer with a waiting fetch has it.
func endToEnd(s *server, topic string) (*result, error) {
	consumer, err := dial(s.addr)
	if err != nil {
		return nil, err
	}
	defer consumer.c.Close()
	start, err := logEnd(consumer, topic)
	if err != nil {
		return nil, err
	}
	producer, err := dial(s.addr)
	if err != nil {
		return nil, err
	}
	defer producer.c.Close()
	const rate = 1000
	n := int((2 * *each).Seconds() * rate)
	due := make(chan time.Time, n)
	errc := make(chan error, 2)
	go func() { // the answers to the producer
		for i := 0; i < n; i++ {
			if _, err := producer.readFrame(); err != nil {
				errc <- err
				return
			}
		}
	}()
	go func() {
		f := newFrame(topic, 0, batchSpec{size: 1 << 10})
		begin := time.Now()
		for i := 0; i < n; i++ {
			at := begin.Add(time.Duration(i) * time.Second / rate)
			if w := time.Until(at); w > 0 {
				time.Sleep(w)
			}
			due <- at
			if _, err := producer.c.Write(f.next()); err != nil {
				errc <- err
				return
			}
		}
	}()
	r := &result{}
	begin := time.Now()
	f := newFetchFrame(topic, 1, 1<<20, 1<<62)
	f.set(0, start)
	for got := 0; got < n; {
		if _, err := consumer.c.Write(f.frame); err != nil {
			return nil, err
		}
		b, err := consumer.readFrame()
		if err != nil {
			return nil, err
		}
		before := f.offset(0)
		if _, err := f.advance(b); err != nil {
			return nil, err
		}
		now := time.Now()
		for k := f.offset(0) - before; k > 0; k-- {
			r.latency = append(r.latency, now.Sub(<-due))
			r.requests++
			r.bytes += 1 << 10
			got++
		}
		select {
		case err := <-errc:
			return nil, err
		default:
		}
	}
	r.elapsed = time.Since(begin)
	return r, nil
}

func logEnd(c *client, topic string) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.Version, req.ReplicaID = 5, -1
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Timestamp, p.CurrentLeaderEpoch = -1, -1
	req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
	resp, err := c.do(req)
	if err != nil {
		return 0, err
	}
	return resp.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0].Offset, nil
}

func smallRows() []row {
	mk := func(name string, req func(s *server, topic string) (kmsg.Request, error)) row {
		return row{
			name: "small: " + name + ", × 4", kind: "small", goal: .2,
			prepare: func(s *server, topic string) error { return s.topic(topic, 8) },
			run: func(s *server, topic string) (*result, error) {
				r, err := req(s, topic)
				if err != nil {
					return nil, err
				}
				return small(s.addr, r, 4, *each)
			},
		}
	}
	return []row{
		mk("ApiVersions", func(*server, string) (kmsg.Request, error) {
			r := kmsg.NewPtrApiVersionsRequest()
			r.Version, r.ClientSoftwareName, r.ClientSoftwareVersion = 3, "bench", "1"
			return r, nil
		}),
		mk("Metadata of 8 partitions", func(_ *server, topic string) (kmsg.Request, error) {
			r := kmsg.NewPtrMetadataRequest()
			r.Version = 9
			r.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
			return r, nil
		}),
		mk("Heartbeat", heartbeat),
		mk("OffsetCommit", func(s *server, topic string) (kmsg.Request, error) {
			r := kmsg.NewPtrOffsetCommitRequest()
			r.Version, r.Group, r.Generation, r.MemberID = 8, "simple-"+topic, -1, ""
			r.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: 0, Offset: 5, LeaderEpoch: -1}}}}
			return r, coordinator(s, r.Group)
		}),
	}
}

// coordinator waits until the group's coordinator answers.
func coordinator(s *server, group string) error {
	c, err := dial(s.addr)
	if err != nil {
		return err
	}
	defer c.c.Close()
	for i := 0; i < 500; i++ {
		f := kmsg.NewPtrFindCoordinatorRequest()
		f.Version, f.CoordinatorKey = 3, group
		resp, err := c.do(f)
		if err != nil {
			return err
		}
		if resp.(*kmsg.FindCoordinatorResponse).ErrorCode == 0 {
			o := kmsg.NewPtrOffsetFetchRequest()
			o.Version, o.Group = 7, group
			resp, err := c.do(o)
			if err != nil {
				return err
			}
			if resp.(*kmsg.OffsetFetchResponse).ErrorCode == 0 {
				return nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("no coordinator for group %s", group)
}

// heartbeat joins a group of one and returns its Heartbeat request.
func heartbeat(s *server, topic string) (kmsg.Request, error) {
	group := "hb-" + topic
	if err := coordinator(s, group); err != nil {
		return nil, err
	}
	c, err := dial(s.addr)
	if err != nil {
		return nil, err
	}
	j := kmsg.NewPtrJoinGroupRequest()
	j.Version, j.Group, j.SessionTimeoutMillis, j.RebalanceTimeoutMillis, j.ProtocolType = 5, group, 300000, 300000, "consumer"
	j.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0, 0}}}
	var member string
	var generation int32
	for {
		resp, err := c.do(j)
		if err != nil {
			return nil, err
		}
		r := resp.(*kmsg.JoinGroupResponse)
		if r.ErrorCode == 79 { // MEMBER_ID_REQUIRED
			j.MemberID = r.MemberID
			continue
		}
		if r.ErrorCode != 0 {
			return nil, fmt.Errorf("JoinGroup: error code %d", r.ErrorCode)
		}
		member, generation = r.MemberID, r.Generation
		break
	}
	y := kmsg.NewPtrSyncGroupRequest()
	y.Version, y.Group, y.MemberID, y.Generation = 3, group, member, generation
	y.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: member, MemberAssignment: []byte{0, 0}}}
	if _, err := c.do(y); err != nil {
		return nil, err
	}
	h := kmsg.NewPtrHeartbeatRequest()
	h.Version, h.Group, h.MemberID, h.Generation = 4, group, member, generation
	return h, nil
}

// warmUp runs a bit of everything for d.
func warmUp(s *server, d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		for i, size := range []int{1 << 10, 16 << 10, 128 << 10} {
			topic := fmt.Sprintf("warm%d-%d", i, time.Now().UnixNano())
			if err := s.topic(topic, 4); err != nil {
				return err
			}
			if _, err := produceLoad(s.addr, topic, batchSpec{size: size}, 4, d/12); err != nil {
				return err
			}
			if _, err := fetchLoad(s.addr, topic, 4, 16<<10, 64, 2, d/24); err != nil {
				return err
			}
			if err := s.drop(topic); err != nil {
				return err
			}
		}
		if s.kind == "floor" {
			continue
		}
		for _, r := range smallRows() {
			topic := fmt.Sprintf("%s-warm-%d", r.topic(), time.Now().UnixNano())
			if err := r.prepare(s, topic); err != nil {
				return err
			}
			old := *each
			*each = d / 40
			_, err := r.run(s, topic)
			*each = old
			if err != nil {
				return err
			}
		}
	}
	return nil
}
