package diff

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchMany asks for the first n partitions of a topic from an offset.
func fetchMany(topic string, n int32, offset int64) *kmsg.FetchRequest {
	r := fetch(topic, 0, offset)
	for p := int32(1); p < n; p++ {
		more := r.Topics[0].Partitions[0]
		more.Partition = p
		r.Topics[0].Partitions = append(r.Topics[0].Partitions, more)
	}
	return r
}

// fetchLimitsScenario shares out the bytes of a fetch among many partitions.
func fetchLimitsScenario() scenario {
	const parts = 6
	steps := created("many", parts, anyTime...)
	for p := int32(0); p < parts; p++ {
		for i := 0; i < 3; i++ {
			steps = append(steps, step{name: "fill", req: func(*world) kmsg.Request {
				return produce("many", p, 1, plain(t0+int64(i), string(make([]byte, 100*(int(p)+1)))).bytes())
			}})
		}
	}
	ask := func(name string, f func(r *kmsg.FetchRequest)) {
		steps = append(steps, step{name: name, versions: []int16{4, 12, 17, 18}, req: func(w *world) kmsg.Request {
			r := fetchMany("many", parts, 0)
			r.Topics[0].TopicID = w.id("many")
			f(r)
			return r
		}})
	}
	for _, max := range []int32{0, 1, 170, 400, 1000, 1 << 20} {
		ask(fmt.Sprintf("at most %d bytes", max), func(r *kmsg.FetchRequest) { r.MaxBytes = max })
		ask(fmt.Sprintf("at most %d bytes of a partition", max), func(r *kmsg.FetchRequest) {
			for i := range r.Topics[0].Partitions {
				r.Topics[0].Partitions[i].PartitionMaxBytes = max
			}
		})
		ask(fmt.Sprintf("at most %d bytes, the first at its end", max), func(r *kmsg.FetchRequest) {
			r.MaxBytes = max
			r.Topics[0].Partitions[0].FetchOffset = 3
		})
		ask(fmt.Sprintf("at most %d bytes, the first out of range", max), func(r *kmsg.FetchRequest) {
			r.MaxBytes = max
			r.Topics[0].Partitions[0].FetchOffset = 33
		})
	}
	ask("negative limits", func(r *kmsg.FetchRequest) { r.MaxBytes, r.Topics[0].Partitions[0].PartitionMaxBytes = -1, -1 })
	ask("in another order", func(r *kmsg.FetchRequest) {
		ps := r.Topics[0].Partitions
		ps[0], ps[5], r.MaxBytes = ps[5], ps[0], 1500
	})
	ask("more than there is, for a moment", func(r *kmsg.FetchRequest) { r.MinBytes, r.MaxWaitMillis = 1<<20, 50 })
	ask("no wait", func(r *kmsg.FetchRequest) {
		r.MinBytes, r.MaxWaitMillis = 1<<20, 0
		for i := range r.Topics[0].Partitions {
			r.Topics[0].Partitions[i].FetchOffset = 3
		}
	})
	ask("a partition twice", func(r *kmsg.FetchRequest) {
		r.Topics[0].Partitions = append(r.Topics[0].Partitions[:1], r.Topics[0].Partitions[0])
	})
	ask("no topics", func(r *kmsg.FetchRequest) { r.Topics, r.MaxWaitMillis = nil, 10 })
	ask("unknown isolation level", func(r *kmsg.FetchRequest) { r.IsolationLevel = 7 })
	steps = append(steps,
		step{name: "wait: send", on: "waiting", send: true, versions: []int16{12}, req: func(*world) kmsg.Request {
			r := fetch("many", 0, 3)
			r.MaxWaitMillis = 20000
			return r
		}},
		step{name: "wait: produce", req: func(*world) kmsg.Request { return produce("many", 0, 1, plain(t0, "late").bytes()) }},
		step{name: "wait: take", on: "waiting", take: true, versions: []int16{12}},
	)
	return scenario{"fetch limits", steps}
}

// sessionScenario follows incremental fetch sessions, by name and by id.
func sessionScenario() scenario {
	steps := append(created("sess", 3, anyTime...), created("sess-b", 1, anyTime...)...)
	fill := func(topic string, p int32, values ...string) {
		steps = append(steps, step{name: "fill", req: func(*world) kmsg.Request { return produce(topic, p, 1, plain(t0, values...).bytes()) }})
	}
	keep := func(w *world, r kmsg.Response) {
		if id := r.(*kmsg.FetchResponse).SessionID; id != 0 {
			w.vars["session"] = id
		}
	}
	for _, v := range []int16{7, 12, 13, 17} {
		epoch := int32(0)
		next := func(name string, f func(w *world, r *kmsg.FetchRequest)) {
			e := epoch
			steps = append(steps, step{name: name, versions: []int16{v}, sorted: true, after: keep, req: func(w *world) kmsg.Request {
				r := fetch("sess", 0, 0)
				r.SessionEpoch, r.MaxWaitMillis = e, 10
				if e != 0 {
					r.SessionID, r.Topics = w.i32("session"), nil
				}
				f(w, r)
				for i := range r.Topics {
					r.Topics[i].TopicID = w.id(r.Topics[i].Topic)
				}
				for i := range r.ForgottenTopics {
					r.ForgottenTopics[i].TopicID = w.id(r.ForgottenTopics[i].Topic)
				}
				return r
			}})
			epoch++
		}
		asIs := func(*world, *kmsg.FetchRequest) {}
		fill("sess", 0, "one")
		next("full, three partitions and one unknown", func(_ *world, r *kmsg.FetchRequest) {
			r.Topics = fetchMany("sess", 3, 0).Topics
			r.Topics = append(r.Topics, fetch("sess-b", 0, 0).Topics...)
			r.Topics = append(r.Topics, fetch("sess-b", 5, 0).Topics...)
		})
		next("the same again", asIs)
		next("advance the first", func(_ *world, r *kmsg.FetchRequest) { r.Topics = fetch("sess", 0, 1).Topics })
		fill("sess", 1, "two")
		next("new data in the second", asIs)
		next("advance the second, forget the other topic", func(_ *world, r *kmsg.FetchRequest) {
			r.Topics = fetch("sess", 1, 1).Topics
			r.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: "sess-b", Partitions: []int32{0, 5}}}
		})
		next("a partition that is out of range", func(_ *world, r *kmsg.FetchRequest) { r.Topics = fetch("sess", 2, 77).Topics })
		next("still out of range", asIs)
		next("forget what is not there", func(_ *world, r *kmsg.FetchRequest) {
			r.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: "sess", Partitions: []int32{2, 9}}, {Topic: "no-such-topic", Partitions: []int32{0}}}
		})
		next("an unknown topic joins", func(_ *world, r *kmsg.FetchRequest) { r.Topics = fetch("no-such-topic", 0, 0).Topics })
		next("epoch repeated", func(_ *world, r *kmsg.FetchRequest) { r.SessionEpoch = 3 })
		next("start over in the same session", func(w *world, r *kmsg.FetchRequest) {
			r.SessionEpoch, r.SessionID, r.Topics = 0, w.i32("session"), fetch("sess", 0, 0).Topics
		})
		next("close", func(w *world, r *kmsg.FetchRequest) {
			r.SessionEpoch, r.SessionID = -1, w.i32("session")
		})
		next("after closing", func(w *world, r *kmsg.FetchRequest) { r.SessionEpoch, r.SessionID = 1, w.i32("session") })
		next("no session, but an epoch", func(_ *world, r *kmsg.FetchRequest) {
			r.SessionEpoch, r.SessionID, r.Topics = 5, 0, fetch("sess", 0, 0).Topics
		})
	}
	other := func(name string, v int16, epoch int32) step {
		return step{name: name, versions: []int16{v}, after: keep, req: func(w *world) kmsg.Request {
			r := fetch("sess", 0, 0)
			r.Topics[0].TopicID = w.id("sess")
			r.SessionEpoch = epoch
			if epoch > 0 {
				r.SessionID = w.i32("session")
			}
			return r
		}}
	}
	return scenario{"fetch sessions", append(steps,
		other("a session by name", 12, 0), other("goes on by id", 13, 1),
		other("a session by id", 13, 0), other("goes on by name", 12, 1),
	)}
}

// cutScenario deletes records in many ways and looks from every side.
func cutScenario() scenario {
	steps := append(created("trim", 1, anyTime...), created("trim-short", 1, "message.timestamp.before.max.ms", "9223372036854775807", "retention.ms", "1000")...)
	steps = append(steps, created("trim-size", 1, "message.timestamp.before.max.ms", "9223372036854775807", "retention.ms", "-1", "retention.bytes", "800000", "segment.bytes", "1048576")...)
	for i := int64(0); i < 4; i++ {
		steps = append(steps, step{name: "fill", req: func(*world) kmsg.Request { return produce("trim", 0, 1, plain(t0+i*1000, "a", "b", "c").bytes()) }})
	}
	look := func(when string) {
		steps = append(steps,
			step{name: when + ": earliest", versions: []int16{1, 4, 7}, req: func(*world) kmsg.Request { return listOffsets("trim", 0, -2) }},
			step{name: when + ": earliest local", versions: []int16{8}, req: func(*world) kmsg.Request { return listOffsets("trim", 0, -4) }},
			step{name: when + ": max timestamp", versions: []int16{7}, req: func(*world) kmsg.Request { return listOffsets("trim", 0, -3) }},
			step{name: when + ": by an old time", versions: []int16{7}, req: func(*world) kmsg.Request { return listOffsets("trim", 0, t0) }},
			step{name: when + ": by time", versions: []int16{7}, req: func(*world) kmsg.Request { return listOffsets("trim", 0, t0+1001) }},
			step{name: when + ": Fetch 0", versions: []int16{12}, req: func(*world) kmsg.Request { return fetch("trim", 0, 0) }},
			step{name: when + ": Fetch 4", versions: []int16{12}, req: func(*world) kmsg.Request { return fetch("trim", 0, 4) }},
			step{name: when + ": epochs", versions: []int16{4}, req: func(*world) kmsg.Request { return epochEnds("trim", 0, 1, 7) }},
			step{name: when + ": Produce says where the log starts", versions: []int16{5}, req: func(*world) kmsg.Request { return produce("trim", 0, 1, plain(t0+4000, "z").bytes()) }},
		)
	}
	cut := func(offset int64) {
		steps = append(steps, step{name: fmt.Sprintf("cut to %d", offset), versions: []int16{2}, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDeleteRecordsRequest()
			r.TimeoutMillis = 5000
			r.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "trim", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: offset}}}}
			return r
		}})
	}
	look("whole")
	cut(0)
	cut(4)
	look("cut in a batch")
	cut(6)
	look("cut between batches")
	cut(-1)
	look("cut to the end")
	emptied := func(end int64) func(r kmsg.Response) bool {
		return func(r kmsg.Response) bool { return r.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0].Offset == end }
	}
	steps = append(steps,
		step{name: "old records", req: func(*world) kmsg.Request { return produce("trim-short", 0, 1, plain(t0, "a", "b", "c").bytes()) }},
		step{name: "retention empties the log", versions: []int16{7}, until: emptied(3), req: func(*world) kmsg.Request { return listOffsets("trim-short", 0, -2) }},
		step{name: "Fetch what retention took", versions: []int16{12}, req: func(*world) kmsg.Request { return fetch("trim-short", 0, 0) }},
		step{name: "Fetch at the end", versions: []int16{12}, req: func(*world) kmsg.Request { return fetch("trim-short", 0, 3) }},
		step{name: "max timestamp of an emptied log", versions: []int16{7}, req: func(*world) kmsg.Request { return listOffsets("trim-short", 0, -3) }},
		step{name: "epochs of an emptied log", versions: []int16{4}, req: func(*world) kmsg.Request { return epochEnds("trim-short", 0) }},
	)
	for i := 0; i < 3; i++ {
		steps = append(steps, step{name: "large records", req: func(*world) kmsg.Request {
			return produce("trim-size", 0, 1, plain(t0, string(make([]byte, 700000))).bytes())
		}})
	}
	steps = append(steps,
		step{name: "retention by size", versions: []int16{7}, until: emptied(1), req: func(*world) kmsg.Request { return listOffsets("trim-size", 0, -2) }},
		step{name: "what retention by size left", versions: []int16{4}, until: func(r kmsg.Response) bool {
			return r.(*kmsg.DescribeLogDirsResponse).Dirs[0].Topics[0].Partitions[0].Size < 1500000
		}, req: func(*world) kmsg.Request { return describeLogDirs("trim-size") }},
	)
	return scenario{"trimmed logs", steps}
}

func epochEnds(topic string, epochs ...int32) *kmsg.OffsetForLeaderEpochRequest {
	r := kmsg.NewPtrOffsetForLeaderEpochRequest()
	r.ReplicaID = -1
	t := kmsg.NewOffsetForLeaderEpochRequestTopic()
	t.Topic = topic
	for _, e := range epochs {
		p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		p.LeaderEpoch, p.CurrentLeaderEpoch = e, -1
		t.Partitions = append(t.Partitions, p)
	}
	r.Topics = append(r.Topics, t)
	return r
}

// producersScenario describes producers after what they did.
func producersScenario() scenario {
	steps := created("producers", 2, anyTime...)
	for i := 0; i < 2; i++ {
		steps = append(steps, step{name: "producer id", versions: []int16{4}, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrInitProducerIDRequest()
			r.TransactionTimeoutMillis, r.ProducerID, r.ProducerEpoch = 1000, -1, -1
			return r
		}, after: func(w *world, r kmsg.Response) {
			w.vars[fmt.Sprint("pid", i)] = r.(*kmsg.InitProducerIDResponse).ProducerID
		}})
	}
	send := func(name, pid string, epoch int16, seq int32, values ...string) {
		steps = append(steps, step{name: name, versions: []int16{3, 9}, req: func(w *world) kmsg.Request {
			return produce("producers", 0, -1, batch{values: values, ts: t0, pid: w.i64(pid), epoch: epoch, seq: seq}.bytes())
		}})
	}
	describe := func(name string) {
		steps = append(steps, step{name: name, sorted: true, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDescribeProducersRequest()
			r.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "producers", Partitions: []int32{0, 1}}}
			return r
		}})
	}
	describe("nobody")
	send("first", "pid0", 0, 0, "a", "b", "c")
	describe("one")
	send("second producer", "pid1", 0, 0, "x")
	describe("two")
	send("epoch 5", "pid0", 5, 0, "d")
	describe("epoch 5 is seen")
	send("wraps", "pid1", 1, 2147483646, "x", "y", "z")
	send("high epoch", "pid1", 32767, 0, "x")
	describe("at last")
	steps = append(steps,
		step{name: "two batches of a producer in one request", versions: []int16{9}, req: func(w *world) kmsg.Request {
			a := batch{values: []string{"a"}, ts: t0, pid: w.i64("pid0"), epoch: 5, seq: 1}
			b := batch{values: []string{"b"}, ts: t0, pid: w.i64("pid0"), epoch: 5, seq: 2}
			return produce("producers", 0, -1, append(a.bytes(), b.bytes()...))
		}},
		step{name: "a batch with a producer and one without", versions: []int16{9}, req: func(w *world) kmsg.Request {
			a := batch{values: []string{"a"}, ts: t0, pid: w.i64("pid0"), epoch: 5, seq: 3}
			return produce("producers", 0, -1, append(a.bytes(), plain(t0, "b").bytes()...))
		}},
		step{name: "Fetch what they wrote", versions: []int16{12}, sorted: true, req: func(*world) kmsg.Request { return fetch("producers", 0, 0) }},
		step{name: "InitProducerId with an id and an epoch", versions: []int16{3, 4, 5}, req: func(w *world) kmsg.Request {
			r := kmsg.NewPtrInitProducerIDRequest()
			r.TransactionTimeoutMillis, r.ProducerID, r.ProducerEpoch = 1000, w.i64("pid0"), 5
			return r
		}},
		step{name: "InitProducerId with an id and no epoch", versions: []int16{3, 4, 5}, req: func(w *world) kmsg.Request {
			r := kmsg.NewPtrInitProducerIDRequest()
			r.TransactionTimeoutMillis, r.ProducerID, r.ProducerEpoch = 1000, w.i64("pid0"), -1
			return r
		}},
		step{name: "InitProducerId with an empty transactional id", versions: upTo(0, 5), req: func(w *world) kmsg.Request {
			r := kmsg.NewPtrInitProducerIDRequest()
			r.TransactionalID, r.TransactionTimeoutMillis, r.ProducerID, r.ProducerEpoch = kmsg.StringPtr(""), 1000, -1, -1
			return r
		}},
		step{name: "DescribeProducers of an unknown topic", req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDescribeProducersRequest()
			r.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "no-such-topic", Partitions: []int32{0}}, {Topic: "a b", Partitions: []int32{0}}}
			return r
		}},
	)
	return scenario{"producers", steps}
}
