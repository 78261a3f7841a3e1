package diff

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/klauspost/compress/snappy"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// repeated are values that compress well.
func repeated(n int) []string {
	var out []string
	for i := 0; i < n; i++ {
		out = append(out, strings.Repeat("gregor ", 10+i))
	}
	return out
}

func withCodec(codec int16, ts int64, values ...string) batch {
	b := plain(ts, values...)
	b.codec, b.headers, b.key = codec, true, "key"
	return b
}

func send(name, topic string, versions []int16, b func(w *world) []byte) step {
	return step{name: name, versions: versions, req: func(w *world) kmsg.Request { return produce(topic, 0, -1, b(w)) }}
}

func fixed(b batch) func(*world) []byte { return func(*world) []byte { return b.bytes() } }

// codecScenario sends batches in every codec and fetches them back, to topics
// that keep the producer's codec, and spoilt ones.
func codecScenario() scenario {
	steps := created("codecs", 1, anyTime...)
	for codec := int16(1); codec <= 4; codec++ {
		steps = append(steps, send("Produce "+codecNames[codec], "codecs", upTo(3, 12), fixed(withCodec(codec, t0, repeated(20)...))))
	}
	steps = append(steps,
		send("raw snappy block", "codecs", []int16{9}, fixed(batch{values: []string{"a"}, ts: t0, pid: -1, epoch: -1, seq: -1, codec: snappyCodec,
			body: snappy.Encode(nil, []byte("\x0e\x00\x00\x00\x01\x02a\x00"))})),
		step{name: "Fetch all codecs", versions: []int16{9, 10, 12, 16}, req: func(w *world) kmsg.Request {
			r := fetch("codecs", 0, 0)
			r.Topics[0].TopicID = w.id("codecs")
			return r
		}},
	)
	steps = append(steps, created("kept", 1, anyTime...)...)
	for codec := int16(1); codec <= 4; codec++ {
		steps = append(steps, send("kept as it is: "+codecNames[codec], "kept", []int16{9}, fixed(batch{values: []string{"a"}, ts: t0, pid: -1, epoch: -1, seq: -1, codec: codec,
			body: []byte("this is not compressed with any codec")})))
	}
	steps = append(steps, created("opened", 1, "message.timestamp.before.max.ms", "9000000000000000000", "retention.ms", "-1")...)
	return scenario{"codecs", append(steps,
		send("a record claims one byte more than it has", "opened", []int16{9}, fixed(batch{values: []string{"a"}, ts: t0, pid: -1, epoch: -1, seq: -1, codec: gzipCodec,
			wrap: func(r []byte) []byte { r[0] += 2; return r }})),
	)}
}

// spoiltScenario sends compressed batches that are not what they claim, to
// topics of which a rule needs their records: one that bounds times, one that
// is compressed another way.
func spoiltScenario() scenario {
	var steps []step
	for _, topic := range [][]string{
		{"spoilt-time", "message.timestamp.before.max.ms", "9000000000000000000", "retention.ms", "-1"},
		append([]string{"spoilt-re", "compression.type", "uncompressed"}, anyTime...),
	} {
		name := topic[0]
		steps = append(steps, created(name, 1, topic[1:]...)...)
		for codec := int16(1); codec <= 4; codec++ {
			steps = append(steps, spoiltCodec(name, codec)...)
		}
		steps = append(steps, step{name: "what was appended to " + name, versions: []int16{12}, recompressed: true, req: func(*world) kmsg.Request { return fetch(name, 0, 0) }})
	}
	return scenario{"spoilt codecs", steps}
}

// spoiltCodec are batches of one codec that are not what they claim.
func spoiltCodec(topic string, codec int16) []step {
	var steps []step
	bad := func(name string, f func(b *batch)) {
		b := withCodec(codec, t0, repeated(5)...)
		f(&b)
		steps = append(steps, send(topic+": "+codecNames[codec]+": "+name, topic, []int16{9}, fixed(b)))
	}
	good := func(f func([]byte) []byte) []byte { return compressed(codec, f(recordsOf(repeated(5)))) }
	same := func(b []byte) []byte { return b }
	bad("no bytes", func(b *batch) { b.body = []byte{} })
	bad("noise", func(b *batch) { b.body = []byte("this is not compressed with any codec") })
	bad("zeros", func(b *batch) { b.body = make([]byte, 64) })
	bad("cut in the middle", func(b *batch) { g := good(same); b.body = g[:len(g)/2] })
	bad("last byte missing", func(b *batch) { g := good(same); b.body = g[:len(g)-1] })
	bad("bytes after the end", func(b *batch) { b.body = append(good(same), 1, 2, 3, 4) })
	bad("records after the last", func(b *batch) { b.body = good(func(r []byte) []byte { return append(r, r...) }) })
	bad("half the records", func(b *batch) { b.body = good(func(r []byte) []byte { return r[:len(r)/2] }) })
	bad("nothing compressed", func(b *batch) { b.body = good(func([]byte) []byte { return nil }) })
	bad("count too low", func(b *batch) { b.recrc, b.spoil = true, func(x []byte) { binary.BigEndian.PutUint32(x[57:], 4) } })
	bad("count too high", func(b *batch) { b.recrc, b.spoil = true, func(x []byte) { binary.BigEndian.PutUint32(x[57:], 6) } })
	bad("checksum", func(b *batch) { b.spoil = func(x []byte) { x[len(x)-1] ^= 0x40 } })
	bad("key beyond the end", func(b *batch) { b.body = good(func(r []byte) []byte { r[5] = 0x7e; return r }) })
	bad("negative record length", func(b *batch) { b.body = good(func(r []byte) []byte { r[0] = 1; return r }) })
	return steps
}

// recordsOf are the records of a plain batch of values.
func recordsOf(values []string) []byte {
	b := withCodec(0, t0, values...)
	return b.bytes()[batchHeader:]
}

// recompressScenario sends every codec to topics of every compression.type and
// compares the records that come back, and every field of their batches but
// sizes and checksums.
func recompressScenario() scenario {
	var steps []step
	for _, stamp := range []string{"CreateTime", "LogAppendTime"} {
		for _, typ := range codecNames {
			topic := "re-" + typ + "-" + stamp
			steps = append(steps, created(topic, 1, append([]string{"compression.type", typ, "message.timestamp.type", stamp}, anyTime...)...)...)
			for codec := int16(0); codec <= 4; codec++ {
				steps = append(steps,
					send(codecNames[codec]+" to "+topic, topic, []int16{9}, fixed(withCodec(codec, t0+int64(codec)*1000, repeated(6)...))))
			}
			two := append(withCodec(0, t0, "a", "b").bytes(), withCodec(gzipCodec, t0, "c", "d").bytes()...)
			steps = append(steps,
				send("two batches to "+topic, topic, []int16{9}, func(*world) []byte { return two }),
				step{name: "Fetch from " + topic, versions: []int16{12}, recompressed: true, req: func(*world) kmsg.Request { return fetch(topic, 0, 0) }},
				step{name: "offset by time in " + topic, versions: []int16{7}, req: func(*world) kmsg.Request { return listOffsets(topic, 0, t0+1001) }},
				step{name: "max timestamp of " + topic, versions: []int16{7}, req: func(*world) kmsg.Request { return listOffsets(topic, 0, -3) }},
			)
		}
	}
	steps = append(steps, created("re-compacted", 1, append([]string{"cleanup.policy", "compact", "compression.type", "lz4"}, anyTime...)...)...)
	for codec := int16(0); codec <= 4; codec++ {
		b := withCodec(codec, t0, "a", "b")
		b.key = ""
		steps = append(steps, send("no keys in "+codecNames[codec], "re-compacted", []int16{9}, fixed(b)))
	}
	steps = append(steps, created("re-strict", 1, "message.timestamp.before.max.ms", "1000", "compression.type", "zstd")...)
	steps = append(steps, created("strict-codecs", 1, "message.timestamp.before.max.ms", "1000")...)
	for codec := int16(0); codec <= 4; codec++ {
		for _, topic := range []string{"re-strict", "strict-codecs"} {
			steps = append(steps, send("old timestamps in "+codecNames[codec]+" to "+topic, topic, []int16{9}, fixed(withCodec(codec, t0, "a", "b", "c", "d", "e"))))
		}
	}
	return scenario{"recompression", steps}
}

// limitsScenario goes to the limits of max.message.bytes and segment.bytes.
func limitsScenario() scenario {
	steps := append(created("limits", 1, append([]string{"max.message.bytes", "1000"}, anyTime...)...),
		created("limits-lz4", 1, append([]string{"max.message.bytes", "1000", "compression.type", "lz4"}, anyTime...)...)...)
	steps = append(steps, created("limits-plain", 1, append([]string{"max.message.bytes", "1000", "compression.type", "uncompressed"}, anyTime...)...)...)
	steps = append(steps, created("segments", 1, append([]string{"segment.bytes", "1048576", "max.message.bytes", "3000000"}, anyTime...)...)...)
	sized := func(n int) batch {
		// Bytes of a value of a batch that has n bytes in all.
		for m := n - batchHeader; m > 0; m-- {
			if b := plain(t0, string(make([]byte, m))); len(b.bytes()) == n {
				return b
			}
		}
		panic("no batch has that size")
	}
	for _, topic := range []string{"limits", "limits-lz4", "limits-plain"} {
		for _, n := range []int{999, 1000, 1001} {
			steps = append(steps, send(fmt.Sprintf("%s: a batch of %d bytes", topic, n), topic, []int16{3, 9}, fixed(sized(n))))
		}
		steps = append(steps,
			send(topic+": small, large when decompressed", topic, []int16{9}, fixed(withCodec(gzipCodec, t0, strings.Repeat("x", 5000)))),
			send(topic+": two batches, both small", topic, []int16{9}, func(*world) []byte {
				return append(sized(600).bytes(), sized(600).bytes()...)
			}),
			step{name: topic + ": end", versions: []int16{7}, req: func(*world) kmsg.Request { return listOffsets(topic, 0, -1) }},
		)
	}
	steps = append(steps,
		send("a batch larger than a segment", "segments", []int16{9}, fixed(sized(1048577))),
		send("a batch as large as a segment", "segments", []int16{9}, fixed(sized(1048576))),
		send("a small one after", "segments", []int16{9}, fixed(sized(200))),
		step{name: "sizes on disk", versions: []int16{4}, req: func(*world) kmsg.Request { return describeLogDirs("segments") }},
		step{name: "Fetch the large", versions: []int16{12}, req: func(*world) kmsg.Request {
			r := fetch("segments", 0, 0)
			r.Topics[0].Partitions[0].PartitionMaxBytes = 100
			return r
		}},
		step{name: "Fetch the large and the small", versions: []int16{12}, req: func(*world) kmsg.Request {
			r := fetch("segments", 0, 0)
			r.MaxBytes, r.Topics[0].Partitions[0].PartitionMaxBytes = 10<<20, 10<<20
			return r
		}},
	)
	return scenario{"limits", steps}
}

func describeLogDirs(topic string, partitions ...int32) *kmsg.DescribeLogDirsRequest {
	r := kmsg.NewPtrDescribeLogDirsRequest()
	r.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: topic, Partitions: append([]int32{0}, partitions...)}}
	return r
}
