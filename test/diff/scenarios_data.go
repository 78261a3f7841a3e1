package diff

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const t0 = int64(1700000000000)

func produce(topic string, partition int32, acks int16, b []byte) *kmsg.ProduceRequest {
	r := kmsg.NewPtrProduceRequest()
	r.Version, r.Acks, r.TimeoutMillis = 9, acks, 10000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, b
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.Partitions = topic, []kmsg.ProduceRequestTopicPartition{p}
	r.Topics = append(r.Topics, t)
	return r
}

// old timestamps are accepted by these topics.
var anyTime = []string{"message.timestamp.before.max.ms", "9223372036854775807", "retention.ms", "-1"}

func produceScenario() scenario {
	steps := append(created("prod", 2, anyTime...), created("append-time", 1, append([]string{"message.timestamp.type", "LogAppendTime"}, anyTime...)...)...)
	return scenario{"produce", append(steps,
		step{name: "Produce", versions: upTo(3, 12), req: func(*world) kmsg.Request { return produce("prod", 0, 1, plain(t0, "a", "b", "c").bytes()) }},
		step{name: "Produce acks=all", versions: upTo(3, 12), req: func(*world) kmsg.Request { return produce("prod", 0, -1, plain(t0+100, "d").bytes()) }},
		step{name: "Produce by id", versions: []int16{13}, req: func(w *world) kmsg.Request {
			r := produce("", 0, -1, plain(t0+100, "d").bytes())
			r.Topics[0].TopicID = w.id("prod")
			return r
		}},
		step{name: "Produce with append time", versions: upTo(3, 12), req: func(*world) kmsg.Request { return produce("append-time", 0, 1, plain(t0, "a").bytes()) }},
		step{name: "Produce to two partitions, one unknown", versions: upTo(3, 12), req: func(*world) kmsg.Request {
			r := produce("prod", 1, 1, plain(t0, "x").bytes())
			p := kmsg.NewProduceRequestTopicPartition()
			p.Partition, p.Records = 7, plain(t0, "y").bytes()
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, p)
			return r
		}},
		step{name: "ListOffsets", versions: upTo(1, 10), req: func(*world) kmsg.Request { return listOffsets("prod", 0, -1) }},
	)}
}

func produceErrorsScenario() scenario {
	steps := append(created("bad", 1, append([]string{"max.message.bytes", "1000"}, anyTime...)...), created("compacted", 1, append([]string{"cleanup.policy", "compact"}, anyTime...)...)...)
	steps = append(steps, created("strict-time", 1, "message.timestamp.before.max.ms", "1000")...)
	bad := func(name, topic string, b batch) {
		steps = append(steps, step{name: name, versions: []int16{3, 7, 8, 9, 12}, req: func(*world) kmsg.Request { return produce(topic, 0, 1, b.bytes()) }})
	}
	spoiled := func(recrc bool, f func(b []byte)) batch {
		b := plain(t0, "a", "b")
		b.spoil, b.recrc = f, recrc
		return b
	}
	bad("crc", "bad", spoiled(false, func(b []byte) { b[len(b)-1] ^= 1 }))
	bad("magic 3", "bad", spoiled(true, func(b []byte) { b[16] = 3 }))
	bad("count too high", "bad", spoiled(true, func(b []byte) { binary.BigEndian.PutUint32(b[57:], 3) }))
	bad("last offset delta", "bad", spoiled(true, func(b []byte) { binary.BigEndian.PutUint32(b[23:], 5) }))
	bad("base offset", "bad", spoiled(true, func(b []byte) { binary.BigEndian.PutUint64(b, 77) }))
	bad("zero count", "bad", spoiled(true, func(b []byte) { binary.BigEndian.PutUint32(b[57:], 0) }))
	bad("length too long", "bad", spoiled(true, func(b []byte) { binary.BigEndian.PutUint32(b[8:], uint32(len(b))) }))
	bad("length too short", "bad", spoiled(true, func(b []byte) { binary.BigEndian.PutUint32(b[8:], 20) }))
	bad("control batch", "bad", batch{values: []string{"a"}, ts: t0, pid: -1, epoch: -1, seq: -1, attributes: 0x20})
	bad("transactional without id", "bad", batch{values: []string{"a"}, ts: t0, pid: 1, epoch: 0, seq: 0, attributes: 0x10})
	bad("unknown codec", "bad", batch{values: []string{"a"}, ts: t0, pid: -1, epoch: -1, seq: -1, attributes: 7})
	bad("too large", "bad", plain(t0, string(make([]byte, 2000))))
	bad("no key in a compacted topic", "compacted", plain(t0, "a", "b"))
	bad("old timestamp", "strict-time", plain(t0, "a", "b"))
	bad("future timestamp", "bad", plain(t0+1000*365*24*3600*1000, "a"))
	steps = append(steps,
		step{name: "key in a compacted topic", versions: []int16{9}, req: func(*world) kmsg.Request {
			b := plain(t0, "a")
			b.key = "k"
			return produce("compacted", 0, 1, b.bytes())
		}},
		step{name: "empty records", versions: []int16{3, 9}, req: func(*world) kmsg.Request { return produce("bad", 0, 1, []byte{}) }, fresh: true},
		step{name: "short records", versions: []int16{3, 9}, req: func(*world) kmsg.Request { return produce("bad", 0, 1, make([]byte, 30)) }, fresh: true},
		step{name: "two batches", versions: []int16{9}, req: func(*world) kmsg.Request {
			return produce("bad", 0, 1, append(plain(t0, "a").bytes(), plain(t0, "b").bytes()...))
		}, fresh: true},
		step{name: "unknown topic", versions: upTo(3, 12), req: func(*world) kmsg.Request { return produce("no-such-topic", 0, 1, plain(t0, "a").bytes()) }, fresh: true},
		step{name: "unknown id", versions: []int16{13}, req: func(*world) kmsg.Request {
			r := produce("", 0, 1, plain(t0, "a").bytes())
			r.Topics[0].TopicID = [16]byte{8: 8}
			return r
		}},
		step{name: "bad topic name", versions: []int16{9}, req: func(*world) kmsg.Request { return produce("a b", 0, 1, plain(t0, "a").bytes()) }},
		step{name: "acks 2", versions: []int16{9}, req: func(*world) kmsg.Request { return produce("bad", 0, 2, plain(t0, "a").bytes()) }},
		step{name: "metadata topic", versions: []int16{9}, req: func(*world) kmsg.Request { return produce("__cluster_metadata", 0, 1, plain(t0, "a").bytes()) }},
		step{name: "nothing was appended", versions: []int16{5}, req: func(*world) kmsg.Request { return listOffsets("bad", 0, -1) }},
	)
	return scenario{"produce errors", steps}
}

func idempotentScenario() scenario {
	steps := append(created("idem", 1, anyTime...), step{name: "producer id", versions: []int16{4}, req: func(*world) kmsg.Request {
		r := kmsg.NewPtrInitProducerIDRequest()
		r.TransactionTimeoutMillis, r.ProducerID, r.ProducerEpoch = 1000, -1, -1
		return r
	}, after: func(w *world, r kmsg.Response) { w.vars["pid"] = r.(*kmsg.InitProducerIDResponse).ProducerID }})
	send := func(name string, epoch int16, seq int32, values ...string) {
		steps = append(steps, step{name: name, versions: []int16{9}, req: func(w *world) kmsg.Request {
			return produce("idem", 0, -1, batch{values: values, ts: t0, pid: w.i64("pid"), epoch: epoch, seq: seq}.bytes())
		}})
	}
	send("first", 0, 0, "a", "b")
	send("second", 0, 2, "c")
	send("duplicate of the first", 0, 0, "a", "b")
	send("duplicate of the second", 0, 2, "c")
	send("gap", 0, 9, "x")
	send("overlap", 0, 1, "b", "c")
	send("third", 0, 3, "d")
	send("fourth", 0, 4, "e")
	send("fifth", 0, 5, "f")
	send("sixth", 0, 6, "g")
	send("duplicate out of the window", 0, 0, "a", "b")
	send("new epoch not from zero", 1, 5, "h")
	send("new epoch", 1, 0, "h")
	send("old epoch", 0, 7, "i")
	send("sequence -1", 1, -1, "i")
	steps = append(steps,
		step{name: "unknown producer from the middle", versions: []int16{9}, req: func(w *world) kmsg.Request {
			return produce("idem", 0, -1, batch{values: []string{"z"}, ts: t0, pid: w.i64("pid") + 100000, epoch: 3, seq: 40}.bytes())
		}},
		step{name: "DescribeProducers", req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDescribeProducersRequest()
			r.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "idem", Partitions: []int32{0, 4}}, {Topic: "no-such-topic", Partitions: []int32{0}}}
			return r
		}, sorted: true},
	)
	return scenario{"idempotent", steps}
}

func fetch(topic string, partition int32, offset int64) *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.Version, r.ReplicaID, r.MaxWaitMillis, r.MinBytes, r.MaxBytes, r.SessionEpoch = 12, -1, 100, 1, 1<<20, -1
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.LogStartOffset = partition, offset, 1<<20, -1
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.Partitions = topic, []kmsg.FetchRequestTopicPartition{p}
	r.Topics = append(r.Topics, t)
	return r
}

func fetchScenario() scenario {
	steps := created("fetched", 2, anyTime...)
	for i, p := range []int32{0, 0, 0, 1} {
		steps = append(steps, step{name: "fill", req: func(*world) kmsg.Request {
			return produce("fetched", p, 1, plain(t0+int64(i)*10, "one", "two", string(make([]byte, 200))).bytes())
		}})
	}
	return scenario{"fetch", append(steps,
		step{name: "Fetch", versions: upTo(4, 12), req: func(*world) kmsg.Request { return fetch("fetched", 0, 0) }},
		step{name: "Fetch by id", versions: upTo(13, 18), req: func(w *world) kmsg.Request {
			r := fetch("", 0, 0)
			r.Topics[0].TopicID = w.id("fetched")
			return r
		}},
		step{name: "Fetch from the middle of a batch", versions: []int16{11, 12}, req: func(*world) kmsg.Request { return fetch("fetched", 0, 4) }},
		step{name: "Fetch at the end", versions: []int16{11, 12}, req: func(*world) kmsg.Request { return fetch("fetched", 0, 9) }},
		step{name: "Fetch little: one whole batch", versions: []int16{11, 12}, req: func(*world) kmsg.Request {
			r := fetch("fetched", 0, 0)
			r.Topics[0].Partitions[0].PartitionMaxBytes = 1
			return r
		}},
		step{name: "Fetch little of two partitions", versions: []int16{11, 12}, req: func(*world) kmsg.Request {
			r := fetch("fetched", 0, 0)
			r.MaxBytes = 1
			p := r.Topics[0].Partitions[0]
			p.Partition = 1
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, p)
			return r
		}},
		step{name: "Fetch of read committed", versions: upTo(4, 12), req: func(*world) kmsg.Request {
			r := fetch("fetched", 0, 0)
			r.IsolationLevel = 1
			return r
		}},
		step{name: "new session", versions: []int16{12}, req: func(*world) kmsg.Request {
			r := fetch("fetched", 0, 0)
			r.SessionEpoch = 0
			return r
		}, after: func(w *world, r kmsg.Response) { w.vars["session"] = r.(*kmsg.FetchResponse).SessionID }},
		step{name: "session: nothing new", versions: []int16{12}, req: func(w *world) kmsg.Request {
			r := fetch("fetched", 0, 9)
			r.SessionID, r.SessionEpoch = w.i32("session"), 1
			return r
		}},
		step{name: "session: another partition", versions: []int16{12}, req: func(w *world) kmsg.Request {
			r := fetch("fetched", 1, 0)
			r.SessionID, r.SessionEpoch = w.i32("session"), 2
			return r
		}},
		step{name: "session: wrong epoch", versions: []int16{12}, req: func(w *world) kmsg.Request {
			r := fetch("fetched", 1, 0)
			r.SessionID, r.SessionEpoch = w.i32("session"), 9
			return r
		}},
		step{name: "session: unknown", versions: []int16{12}, req: func(w *world) kmsg.Request {
			r := fetch("fetched", 1, 0)
			r.SessionID, r.SessionEpoch = 12345, 1
			return r
		}},
		step{name: "session: forget and close", versions: []int16{12}, req: func(w *world) kmsg.Request {
			r := fetch("fetched", 1, 0)
			r.Topics = nil
			r.SessionID, r.SessionEpoch = w.i32("session"), -1
			return r
		}},
	)}
}

func fetchErrorsScenario() scenario {
	steps := append(created("fetchbad", 1, anyTime...), step{name: "fill", req: func(*world) kmsg.Request { return produce("fetchbad", 0, 1, plain(t0, "a", "b").bytes()) }})
	return scenario{"fetch errors", append(steps,
		step{name: "unknown topic", versions: upTo(4, 12), req: func(*world) kmsg.Request { return fetch("no-such-topic", 0, 0) }},
		step{name: "unknown id", versions: []int16{13, 16}, req: func(*world) kmsg.Request {
			r := fetch("", 0, 0)
			r.Topics[0].TopicID = [16]byte{5: 5}
			return r
		}},
		step{name: "unknown partition", versions: []int16{11, 12}, req: func(*world) kmsg.Request { return fetch("fetchbad", 9, 0) }},
		step{name: "offset too high", versions: []int16{11, 12}, req: func(*world) kmsg.Request { return fetch("fetchbad", 0, 99) }},
		step{name: "offset too low", versions: []int16{11, 12}, req: func(*world) kmsg.Request { return fetch("fetchbad", 0, -5) }},
		step{name: "old leader epoch", versions: []int16{11, 12}, req: func(*world) kmsg.Request {
			r := fetch("fetchbad", 0, 0)
			r.Topics[0].Partitions[0].CurrentLeaderEpoch = 0
			return r
		}},
		step{name: "future leader epoch", versions: []int16{11, 12}, req: func(*world) kmsg.Request {
			r := fetch("fetchbad", 0, 0)
			r.Topics[0].Partitions[0].CurrentLeaderEpoch = 50
			return r
		}},
		step{name: "last fetched epoch", versions: []int16{12}, req: func(*world) kmsg.Request {
			r := fetch("fetchbad", 0, 2)
			r.Topics[0].Partitions[0].LastFetchedEpoch = 0
			return r
		}},
	)}
}

func listOffsets(topic string, partition int32, ts int64) *kmsg.ListOffsetsRequest {
	r := kmsg.NewPtrListOffsetsRequest()
	r.Version, r.ReplicaID = 7, -1
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Partition, p.Timestamp, p.CurrentLeaderEpoch = partition, ts, -1
	r.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{p}}}
	return r
}

func offsetsScenario() scenario {
	steps := created("offs", 1, anyTime...)
	for i := int64(0); i < 5; i++ {
		steps = append(steps, step{name: "fill", req: func(*world) kmsg.Request { return produce("offs", 0, 1, plain(t0+i*1000, "a", "b", "c").bytes()) }})
	}
	at := func(name string, ts int64, versions []int16) {
		steps = append(steps, step{name: name, versions: versions, req: func(*world) kmsg.Request { return listOffsets("offs", 0, ts) }})
	}
	at("latest", -1, upTo(1, 11))
	at("earliest", -2, upTo(1, 11))
	at("max timestamp", -3, upTo(7, 11))
	at("max timestamp, old version", -3, upTo(1, 6))
	at("earliest local", -4, upTo(8, 11))
	at("latest tiered", -5, upTo(9, 11))
	at("unknown special", -9, []int16{8, 11})
	at("first", t0, upTo(1, 11))
	at("in the middle of a batch", t0+1001, upTo(1, 11))
	at("between", t0+1500, []int16{5, 7})
	at("before all", 5, []int16{5, 7})
	at("after all", t0+1000000, []int16{5, 7})
	steps = append(steps,
		step{name: "read committed", versions: []int16{5, 7}, req: func(*world) kmsg.Request {
			r := listOffsets("offs", 0, -1)
			r.IsolationLevel = 1
			return r
		}},
		step{name: "unknown partition", versions: upTo(1, 11), req: func(*world) kmsg.Request { return listOffsets("offs", 9, -1) }},
		step{name: "unknown topic", versions: upTo(1, 11), req: func(*world) kmsg.Request { return listOffsets("no-such-topic", 0, -1) }},
		step{name: "future epoch", versions: upTo(4, 11), req: func(*world) kmsg.Request {
			r := listOffsets("offs", 0, -1)
			r.Topics[0].Partitions[0].CurrentLeaderEpoch = 99
			return r
		}},
		step{name: "a partition twice", versions: []int16{7}, req: func(*world) kmsg.Request {
			r := listOffsets("offs", 0, -1)
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, r.Topics[0].Partitions[0])
			return r
		}},
		step{name: "OffsetForLeaderEpoch", versions: upTo(2, 4), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrOffsetForLeaderEpochRequest()
			r.ReplicaID = -1
			t := kmsg.NewOffsetForLeaderEpochRequestTopic()
			t.Topic = "offs"
			for _, e := range []int32{0, 5, -1} {
				p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
				p.Partition, p.LeaderEpoch, p.CurrentLeaderEpoch = 0, e, -1
				t.Partitions = append(t.Partitions, p)
			}
			r.Topics = append(r.Topics, t)
			u := kmsg.NewOffsetForLeaderEpochRequestTopic()
			u.Topic = "no-such-topic"
			u.Partitions = append(u.Partitions, t.Partitions[0])
			r.Topics = append(r.Topics, u)
			return r
		}},
	)
	return scenario{"offsets", steps}
}

func deleteRecordsScenario() scenario {
	steps := created("cut", 1, anyTime...)
	for i := int64(0); i < 3; i++ {
		steps = append(steps, step{name: "fill", req: func(*world) kmsg.Request { return produce("cut", 0, 1, plain(t0+i, "a", "b").bytes()) }})
	}
	cut := func(name, topic string, partition int32, offset int64) {
		steps = append(steps, step{name: name, versions: upTo(0, 2), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDeleteRecordsRequest()
			r.TimeoutMillis = 5000
			r.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: partition, Offset: offset}}}}
			return r
		}})
	}
	cut("delete to 3", "cut", 0, 3)
	cut("delete to less", "cut", 0, 1)
	cut("delete beyond the end", "cut", 0, 99)
	cut("negative", "cut", 0, -7)
	cut("unknown partition", "cut", 9, 1)
	cut("unknown topic", "no-such-topic", 0, 1)
	steps = append(steps,
		step{name: "Fetch below the start", versions: []int16{11}, req: func(*world) kmsg.Request { return fetch("cut", 0, 1) }},
		step{name: "Fetch at the start", versions: []int16{11}, req: func(*world) kmsg.Request { return fetch("cut", 0, 3) }},
		step{name: "earliest", versions: []int16{5}, req: func(*world) kmsg.Request { return listOffsets("cut", 0, -2) }},
	)
	cut("delete to the end", "cut", 0, -1)
	return scenario{"delete records", append(steps, step{name: "earliest is the end", versions: []int16{5}, req: func(*world) kmsg.Request { return listOffsets("cut", 0, -2) }})}
}
