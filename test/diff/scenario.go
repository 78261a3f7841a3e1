package diff

import (
	"encoding/binary"
	"hash/crc32"
	"regexp"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// world is one server as a scenario sees it: what was learnt from its answers.
type world struct {
	addr string
	port int
	c    *conn
	vars map[string]any
}

func (w *world) id(name string) [16]byte { v, _ := w.vars[name].([16]byte); return v }
func (w *world) str(name string) string  { v, _ := w.vars[name].(string); return v }
func (w *world) i32(name string) int32   { v, _ := w.vars[name].(int32); return v }
func (w *world) i64(name string) int64   { v, _ := w.vars[name].(int64); return v }

// step is one request of a scenario.
type step struct {
	name string
	req  func(w *world) kmsg.Request
	// versions to send it at, one after the other; nil means only the one set.
	versions []int16
	// after learns from the answer.
	after func(w *world, r kmsg.Response)
	// until repeats the request, for at most ten seconds, as long as it is
	// false: servers differ in when a change is seen, not in what is seen.
	until func(r kmsg.Response) bool
	// sorted says that the order of arrays means nothing.
	sorted bool
	// loose are fields of this step that cannot be equal.
	loose *regexp.Regexp
	// fresh sends it on a connection of its own.
	fresh bool
}

// scenario is a sequence of steps over one connection.
type scenario struct {
	name  string
	steps []step
}

// volatile are fields that two servers cannot have in common, by the end of
// their path.
var volatile = regexp.MustCompile(`(TopicID|TopicId|Port|ThrottleMillis|LogAppendTime|Timestamp|LastTimestamp|MemberID|LeaderID\.member|ClientHost|DirectoryID|VoterDirectoryID|ReplicaDirectoryID|CurrentTxnStartTimestamp|TotalBytes|UsableBytes|LogDir|Dir|ProducerID|CoordinatorKey\.volatile|LastFetchTimestamp|LastCaughtUpTimestamp|Size|HighWatermark\.meta|LogEndOffset\.meta|FinalizedFeaturesEpoch|SessionID)$`)

var (
	memberPattern = regexp.MustCompile(`[A-Za-z0-9_.-]*-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	portPattern   = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	uuidPattern   = regexp.MustCompile(`\b[A-Za-z0-9_-]{22}\b`)
	timePattern   = regexp.MustCompile(`-?\d{13,}`)
	pathPattern   = regexp.MustCompile(`/[^ '"]*/(data|server\.properties)`)
)

// normalise replaces what cannot be equal. Zero, -1 and null stay: whether a
// field is filled in at all can be compared.
func normalise(path, value string) string {
	if volatile.MatchString(path) && value != "0" && value != "-1" && value != "null" && value != "" && strings.Trim(value, "0") != "" {
		return "<" + path[strings.LastIndexByte(path, '.')+1:] + ">"
	}
	if strings.Contains(path, "Message") {
		value = timePattern.ReplaceAllString(value, "<time>")
	}
	value = memberPattern.ReplaceAllString(value, "<member>")
	value = portPattern.ReplaceAllString(value, "<address>")
	value = pathPattern.ReplaceAllString(value, "<path>")
	if strings.Contains(path, "Message") {
		value = uuidPattern.ReplaceAllString(value, "<uuid>")
	}
	return value
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch is a v2 batch of values with the given timestamps and producer.
type batch struct {
	values     []string
	key        string
	ts         int64
	pid        int64
	epoch      int16
	seq        int32
	attributes int16
	spoil      func(b []byte) // changes the finished bytes, after the CRC
	recrc      bool           // computes the CRC again after spoil
}

func (b batch) bytes() []byte {
	var body []byte
	for i, v := range b.values {
		var r []byte
		r = append(r, 0)
		r = binary.AppendVarint(r, int64(i))
		r = binary.AppendVarint(r, int64(i))
		if b.key == "" {
			r = binary.AppendVarint(r, -1)
		} else {
			r = binary.AppendVarint(r, int64(len(b.key)))
			r = append(r, b.key...)
		}
		r = binary.AppendVarint(r, int64(len(v)))
		r = append(r, v...)
		r = binary.AppendVarint(r, 0)
		body = binary.AppendVarint(body, int64(len(r)))
		body = append(body, r...)
	}
	rb := kmsg.NewRecordBatch()
	rb.PartitionLeaderEpoch, rb.Magic, rb.Attributes = -1, 2, b.attributes
	rb.LastOffsetDelta, rb.NumRecords = int32(len(b.values)-1), int32(len(b.values))
	rb.FirstTimestamp, rb.MaxTimestamp = b.ts, b.ts+int64(len(b.values)-1)
	rb.ProducerID, rb.ProducerEpoch, rb.FirstSequence = b.pid, b.epoch, b.seq
	rb.Records, rb.Length = body, int32(49+len(body))
	out := rb.AppendTo(nil)
	crc := func() { binary.BigEndian.PutUint32(out[17:], crc32.Checksum(out[21:], castagnoli)) }
	crc()
	if b.spoil != nil {
		b.spoil(out)
		if b.recrc {
			crc()
		}
	}
	return out
}

// plain is a batch without a producer id.
func plain(ts int64, values ...string) batch {
	return batch{values: values, ts: ts, pid: -1, epoch: -1, seq: -1}
}

func upTo(min, max int16) []int16 {
	var out []int16
	for v := min; v <= max; v++ {
		out = append(out, v)
	}
	return out
}
