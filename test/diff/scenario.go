package diff

import (
	"encoding/binary"
	"hash/crc32"
	"regexp"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// world is one server as a scenario sees it: what was learnt from its answers.
type world struct {
	addr       string
	controller string // address of the controller listener
	conns      map[string]*conn
	vars       map[string]any
}

// conn is the connection of that name, dialled when first used. Names that
// begin with "controller" are to the controller listener.
func (w *world) conn(name string, fresh bool) (*conn, error) {
	if c := w.conns[name]; c != nil {
		if !fresh {
			return c, nil
		}
		w.drop(name)
	}
	addr := w.addr
	if strings.HasPrefix(name, "controller") {
		addr = w.controller
	}
	c, err := dial(addr, strings.TrimSpace("diff "+name))
	if err == nil {
		w.conns[name] = c
	}
	return c, err
}

func (w *world) drop(name string) {
	if c := w.conns[name]; c != nil {
		c.close()
		delete(w.conns, name)
	}
}

func (w *world) close() {
	for name := range w.conns {
		w.drop(name)
	}
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
	// on is the name of the connection, for scenarios with several.
	on string
	// send does not wait for the answer; a later step with take reads it.
	send, take bool
	// recompressed says that the server compressed the records of the answer:
	// they are compared, sizes are not.
	recompressed bool
}

// scenario is a sequence of steps over one connection.
type scenario struct {
	name  string
	steps []step
}

// volatile are fields that two servers cannot have in common, by the end of
// their path.
var volatile = regexp.MustCompile(`(TopicID|TopicId|Port|ThrottleMillis|MemberID|LeaderID\.member|ClientHost|DirectoryID|VoterDirectoryID|ReplicaDirectoryID|CurrentTxnStartTimestamp|TotalBytes|UsableBytes|LogDir|Dir|ProducerID|CoordinatorKey\.volatile|LastFetchTimestamp|LastCaughtUpTimestamp|Size|HighWatermark\.meta|LogEndOffset\.meta|FinalizedFeaturesEpoch|SessionID)$`)

// timestamps are times: those that the requests set are compared.
var timestamps = regexp.MustCompile(`(Timestamp|LogAppendTime|LogAppendTimeMs)$`)

// fixedTimes is beyond the times that requests set, and before today.
const fixedTimes = t0 + 30*24*3600*1000

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
	if v, err := strconv.ParseInt(value, 10, 64); err == nil && v > fixedTimes && v < 1<<62 && timestamps.MatchString(path) {
		return "<now>"
	}
	if strings.HasSuffix(path, ".Documentation") && value != "null" && value != "" {
		return "<text>"
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
	codec      int16
	headers    bool
	body       []byte              // instead of the records, compressed
	wrap       func([]byte) []byte // changes the records before they are compressed
	spoil      func(b []byte)      // changes the finished bytes, after the CRC
	recrc      bool                // computes the CRC again after spoil
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
		if b.headers {
			r = append(binary.AppendVarint(r, 2), "\x02h\x06one\x04h2\x01"...)
		} else {
			r = binary.AppendVarint(r, 0)
		}
		body = binary.AppendVarint(body, int64(len(r)))
		body = append(body, r...)
	}
	if b.wrap != nil {
		body = b.wrap(body)
	}
	if body = compressed(b.codec, body); b.body != nil {
		body = b.body
	}
	rb := kmsg.NewRecordBatch()
	rb.PartitionLeaderEpoch, rb.Magic, rb.Attributes = -1, 2, b.attributes|b.codec
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
