package tool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/config"
	"gregor/internal/tool/argparse"
)

// settings are those of a producer or consumer by Java's names, read with the
// defaults of Java's clients. The first value that does not fit is err.
type settings struct{ clientProps }

func newSettings(props map[string]string) *settings { return &settings{clientProps{m: props}} }

// keyValues reads key=value words; a later one wins.
func keyValues(words []string) map[string]string {
	m := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		m[k] = v
	}
	return m
}

// mergeProps is dst with src put over it.
func mergeProps(dst, src map[string]string) map[string]string {
	for k, v := range src {
		dst[k] = v
	}
	return dst
}

func (s *settings) bad(key, why string) { s.fail(key, s.m[key], why) }

func (s *settings) num(key string, def, lo int64) int64 {
	text, ok := s.m[key]
	if !ok {
		return def
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		s.bad(key, "Not a number of type LONG")
		return def
	}
	if n < lo {
		s.bad(key, fmt.Sprintf("Value must be at least %d", lo))
	}
	return n
}

// ms is a duration, kept within what franz-go allows.
func (s *settings) ms(key string, def int64, lo, hi time.Duration) time.Duration {
	n := s.num(key, def, 0)
	if n > int64(hi/time.Millisecond) {
		return hi
	}
	return max(lo, time.Duration(n)*time.Millisecond)
}

func (s *settings) flag(key string, def bool) bool {
	switch v := strings.ToLower(strings.TrimSpace(s.str(key, strconv.FormatBool(def)))); v {
	case "true", "false":
		return v == "true"
	}
	s.bad(key, "Expected value to be either true or false")
	return def
}

func (s *settings) oneOf(key, def string, among ...string) string {
	v := s.str(key, def)
	for _, a := range among {
		if strings.EqualFold(v, a) {
			return a
		}
	}
	s.bad(key, "String must be one of: "+strings.Join(among, ", "))
	return def
}

var (
	producerKind = clientKind{"Producer", "producer-1"}
	consumerKind = clientKind{"Consumer", "consumer-1"}
)

// sharedOptions are what producers and consumers have in common.
func (s *settings) sharedOptions(e *env, kind clientKind) []kgo.Opt {
	c, err := e.clientSettings(s.m, kind)
	if err != nil {
		if s.err == nil {
			s.err = err
		}
		return nil
	}
	return append(c.opts,
		kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.MetadataMaxAge(s.ms("metadata.max.age.ms", 300000, 100*time.Millisecond, time.Hour)),
		kgo.ConnIdleTimeout(s.ms("connections.max.idle.ms", 540000, time.Second, 15*time.Minute)),
		kgo.RequestTimeoutOverhead(s.ms("request.timeout.ms", 30000, 100*time.Millisecond, 15*time.Minute)),
		kgo.RetryBackoffFn(s.backoff()),
	)
}

// backoff doubles retry.backoff.ms up to retry.backoff.max.ms.
func (s *settings) backoff() func(int) time.Duration {
	first := s.ms("retry.backoff.ms", 100, 0, time.Minute)
	last := max(first, s.ms("retry.backoff.max.ms", 1000, 0, time.Minute))
	return func(fails int) time.Duration {
		d := first
		for ; fails > 1 && d < last; fails-- {
			d *= 2
		}
		return min(d, last)
	}
}

// producerOptions are the settings of a Java producer as options of kgo.
// record is the size of the largest record to come, 0 if nobody knows: a batch
// of franz-go holds at most that or batch.size, whichever is more.
func (s *settings) producerOptions(e *env, record int) ([]kgo.Opt, error) {
	opts := append(s.sharedOptions(e, producerKind), kgo.AllowAutoTopicCreation())
	request := s.num("max.request.size", 1048576, 0)
	batch := s.num("batch.size", 16384, 0)
	limit := max(batch, int64(record)+200)
	if record == 0 {
		limit = request
	}
	limit = max(min(limit, request, 1<<30), 512)
	opts = append(opts,
		kgo.ProducerBatchMaxBytes(int32(limit)), kgo.BrokerMaxWriteBytes(int32(max(limit, 100<<20))),
		kgo.ProducerLinger(s.ms("linger.ms", 5, 0, time.Minute)),
		kgo.MaxBufferedRecords(1<<30),
		kgo.MaxBufferedBytes(int(max(s.num("buffer.memory", 33554432, 0), limit))),
		kgo.ProduceRequestTimeout(s.ms("request.timeout.ms", 30000, 100*time.Millisecond, time.Hour)),
		kgo.RecordDeliveryTimeout(s.ms("delivery.timeout.ms", 120000, time.Second, 24*time.Hour)),
		kgo.UnknownTopicRetries(-1),
		kgo.RecordPartitioner(kgo.UniformBytesPartitioner(int(max(batch, 1)), true, !s.flag("partitioner.ignore.keys", false), nil)),
	)
	if _, ok := s.m["retries"]; ok {
		if n := s.num("retries", 0, 0); n < 1<<31-1 {
			opts = append(opts, kgo.RecordRetries(int(n)))
		}
	}
	opts = append(opts, s.acks()...)
	codec, ok := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[s.str("compression.type", "none")]
	if !ok {
		s.bad("compression.type", "String must be one of: none, gzip, snappy, lz4, zstd")
	}
	for _, key := range []string{"compression.gzip.level", "compression.lz4.level", "compression.zstd.level"} {
		if _, set := s.m[key]; set && strings.Contains(key, "."+s.str("compression.type", "none")+".") {
			codec = codec.WithLevel(int(s.num(key, 0, -1<<17)))
		}
	}
	return append(opts, kgo.ProducerBatchCompression(codec)), s.err
}

// acks are acks, enable.idempotence, transactional.id and what hangs on them.
func (s *settings) acks() []kgo.Opt {
	idempotent := s.flag("enable.idempotence", true)
	acks := s.oneOf("acks", "all", "all", "-1", "0", "1")
	_, explicit := s.m["enable.idempotence"]
	for _, c := range []struct {
		weak bool
		why  string
	}{
		{s.num("retries", 1, 0) == 0, "Must set retries to non-zero when using the idempotent producer."},
		{acks == "0" || acks == "1", "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence."},
		{s.num("max.in.flight.requests.per.connection", 5, 1) > 5, "To use the idempotent producer, max.in.flight.requests.per.connection must be set to at most 5. Current value is " + s.str("max.in.flight.requests.per.connection", "5") + "."},
	} {
		if c.weak && explicit && idempotent {
			s.err = throw(configError, "%s", c.why)
		}
		idempotent = idempotent && !c.weak
	}
	if id, ok := s.m["transactional.id"]; ok {
		if !idempotent {
			s.err = throw(configError, "Cannot set a transactional.id without also enabling idempotence.")
		}
		return []kgo.Opt{kgo.TransactionalID(id), kgo.TransactionTimeout(s.ms("transaction.timeout.ms", 60000, time.Millisecond, 24*time.Hour))}
	}
	if idempotent {
		return nil
	}
	level := map[string]kgo.Acks{"all": kgo.AllISRAcks(), "-1": kgo.AllISRAcks(), "1": kgo.LeaderAck(), "0": kgo.NoAck()}[acks]
	return []kgo.Opt{
		kgo.RequiredAcks(level), kgo.DisableIdempotentWrite(),
		kgo.MaxProduceRequestsInflightPerBroker(int(s.num("max.in.flight.requests.per.connection", 5, 1))),
	}
}

// consumerOptions are the settings of a Java consumer as options of kgo, but
// for the group, see groupOptions.
func (s *settings) consumerOptions(e *env) ([]kgo.Opt, error) {
	opts := s.sharedOptions(e, consumerKind)
	if s.flag("allow.auto.create.topics", true) {
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	level := kgo.ReadUncommitted()
	if s.oneOf("isolation.level", "read_uncommitted", "read_committed", "read_uncommitted") == "read_committed" {
		level = kgo.ReadCommitted()
	}
	most := int32(min(s.num("fetch.max.bytes", 52428800, 0), 1<<30))
	part := int32(min(s.num("max.partition.fetch.bytes", 1048576, 0), 1<<30))
	reset := s.resetOffset()
	opts = append(opts,
		kgo.FetchIsolationLevel(level),
		kgo.FetchMaxBytes(most), kgo.BrokerMaxReadBytes(max(most, 100<<20)),
		kgo.FetchMaxPartitionBytes(part),
		kgo.FetchMinBytes(int32(min(s.num("fetch.min.bytes", 1, 0), 1<<30))),
		kgo.FetchMaxWait(s.ms("fetch.max.wait.ms", 500, 10*time.Millisecond, time.Hour)),
		kgo.ConsumeStartOffset(reset), kgo.ConsumeResetOffset(reset),
		kgo.Rack(s.str("client.rack", "")),
	)
	if !s.flag("check.crcs", true) {
		opts = append(opts, kgo.DisableFetchCRCValidation())
	}
	return opts, s.err
}

// resetOffset is auto.offset.reset.
func (s *settings) resetOffset() kgo.Offset {
	v := s.str("auto.offset.reset", "latest")
	if text, ok := strings.CutPrefix(v, "by_duration:"); ok {
		d, err := isoDuration(text)
		if err != nil {
			s.bad("auto.offset.reset", "Unable to parse duration "+text)
		}
		return kgo.NewOffset().AfterMilli(time.Now().Add(-d).UnixMilli())
	}
	switch strings.ToLower(v) {
	case "earliest":
		return kgo.NewOffset().AtStart()
	case "latest":
		return kgo.NewOffset().AtEnd()
	case "none":
		return kgo.NoResetOffset()
	}
	s.bad("auto.offset.reset", "Invalid value `"+v+"` for configuration auto.offset.reset. The value must be either 'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'.")
	return kgo.NewOffset()
}

var isoForm = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$`)

// isoDuration reads PnDTnHnMn.nS.
func isoDuration(s string) (time.Duration, error) {
	m := isoForm.FindStringSubmatch(strings.ToUpper(s))
	if m == nil || s == "P" {
		return 0, fmt.Errorf("%q is not a duration such as P3DT4H", s)
	}
	var total float64
	for i, unit := range []float64{86400, 3600, 60, 1} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.ParseFloat(m[i+1], 64)
		if err != nil {
			return 0, err
		}
		total += n * unit
	}
	return time.Duration(total * float64(time.Second)), nil
}

// groupOptions make the consumer a member of its group. Offsets are committed
// for records that were marked.
func (s *settings) groupOptions(group string) ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.ConsumerGroup(group),
		kgo.RebalanceTimeout(s.ms("max.poll.interval.ms", 300000, 100*time.Millisecond, 24*time.Hour)),
	}
	if id := s.str("group.instance.id", ""); id != "" {
		opts = append(opts, kgo.InstanceID(id))
	}
	protocol := strings.ToLower(s.str("group.protocol", "classic"))
	if protocol != "classic" && protocol != "consumer" {
		s.bad("group.protocol", "String must be one of (case insensitive): CONSUMER, CLASSIC")
	}
	server := protocol == "consumer"
	if server {
		opts = append(opts, kgo.ServerSideBalancer())
		if s.str("group.remote.assignor", "") == "range" {
			opts = append(opts, kgo.Balancers(kgo.RangeBalancer()))
		} else {
			opts = append(opts, kgo.Balancers(kgo.StickyBalancer()))
		}
	} else {
		opts = append(opts,
			kgo.SessionTimeout(s.ms("session.timeout.ms", 45000, 100*time.Millisecond, 24*time.Hour)),
			kgo.HeartbeatInterval(s.ms("heartbeat.interval.ms", 3000, time.Millisecond, 24*time.Hour)),
			kgo.Balancers(s.balancers()...))
	}
	if s.flag("enable.auto.commit", true) {
		opts = append(opts, kgo.AutoCommitMarks(), kgo.AutoCommitInterval(s.ms("auto.commit.interval.ms", 5000, 100*time.Millisecond, 24*time.Hour)))
	} else {
		opts = append(opts, kgo.DisableAutoCommit())
	}
	return opts, s.err
}

// balancers are partition.assignment.strategy by the names of Java's classes.
func (s *settings) balancers() []kgo.GroupBalancer {
	const pkg = "org.apache.kafka.clients.consumer."
	var out []kgo.GroupBalancer
	for _, name := range config.SplitList(s.str("partition.assignment.strategy", pkg+"RangeAssignor,"+pkg+"CooperativeStickyAssignor")) {
		switch strings.TrimPrefix(name, pkg) {
		case "RangeAssignor":
			out = append(out, kgo.RangeBalancer())
		case "RoundRobinAssignor":
			out = append(out, kgo.RoundRobinBalancer())
		case "StickyAssignor":
			out = append(out, kgo.StickyBalancer())
		case "CooperativeStickyAssignor":
			out = append(out, kgo.CooperativeStickyBalancer())
		default:
			s.err = throw(kafkaError, "%s ClassNotFoundException exception occurred", name)
		}
	}
	return out
}

// topicPattern subscribes to the topics that a Java pattern matches whole.
func (s *settings) topicPattern(pattern string) ([]kgo.Opt, error) {
	whole := "^(?:" + pattern + ")$"
	if _, err := regexp.Compile(whole); err != nil {
		return nil, throw("java.util.regex.PatternSyntaxException", "%v", err)
	}
	opts := []kgo.Opt{kgo.ConsumeRegex(), kgo.ConsumeTopics(whole)}
	if s.flag("exclude.internal.topics", true) {
		var not []string
		for _, t := range []string{"__consumer_offsets", "__transaction_state", "__share_group_state"} {
			not = append(not, "^"+t+"$")
		}
		opts = append(opts, kgo.ConsumeExcludeTopics(not...))
	}
	return opts, s.err
}

// argsOf reads the command line of an argparse tool. stop is true if the tool
// ends here, with that status.
func (e *env) argsOf(p *argparse.Parser, args []string) (ns *argparse.Namespace, status int, stop bool) {
	ns, err := p.Parse(args, 0)
	switch err := err.(type) {
	case nil:
		return ns, 0, false
	case *argparse.Stop:
		io.WriteString(e.Stdout, err.Text) // the exit status tells; there is nobody else to
		return nil, 0, true
	case *argparse.Error:
		err.Print(e.Stderr, 0)
	default:
		e.eprintln(err)
	}
	return nil, 1, true
}

// topicError is protocolError for something about a topic.
func topicError(err error, topic string) error {
	if errors.Is(err, kerr.InvalidTopicException) {
		return throw(pkgErrors+"InvalidTopicException", "Invalid topics: [%s]", topic)
	}
	return protocolError(err)
}

// protocolError is an error of franz-go as an exception of Java: that of the
// protocol's code, if it has one.
func protocolError(err error) error {
	var x *exception
	if errors.As(err, &x) {
		return x
	}
	var k *kerr.Error
	if errors.As(err, &k) {
		return codeError(k.Code, nil)
	}
	return throw(kafkaError, "%v", err)
}

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }

// javaFixed is %.nf of Java, which writes NaN and infinity as words.
func javaFixed(f float64, digits int) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return javaFloat(f, 64)
	}
	return strconv.FormatFloat(f, 'f', digits, 64)
}

// topicGate lets records through once their topic is there. franz-go counts
// the wait for a topic against the retries of a record; Java's producer does
// not, it gives up after max.block.ms.
type topicGate struct {
	cl    *kgo.Client
	topic string
	block time.Duration
	open  bool
}

func (s *settings) topicGate(cl *kgo.Client, topic string) *topicGate {
	return &topicGate{cl: cl, topic: topic, block: s.ms("max.block.ms", 60000, 0, 24*time.Hour)}
}

// await waits until the topic can be written to. Whatever is wrong with it,
// sending to it tells; the error is that nobody knew it in time.
func (g *topicGate) await(ctx context.Context) error {
	if g.open {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, g.block)
	defer cancel()
	for try := 0; ctx.Err() == nil; try++ {
		req := kmsg.NewPtrMetadataRequest()
		req.AllowAutoTopicCreation = true
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &g.topic
		req.Topics = append(req.Topics, t)
		resp, err := req.RequestWith(ctx, g.cl)
		if err == nil && len(resp.Topics) == 1 && settled(&resp.Topics[0]) {
			g.open = true
			return nil
		}
		select {
		case <-time.After(backoff(try)):
		case <-ctx.Done():
		}
	}
	return throw(timeoutError, "Topic %s not present in metadata after %d ms.", g.topic, g.block.Milliseconds())
}

// settled: the topic is there, or waiting for it is of no use.
func settled(t *kmsg.MetadataResponseTopic) bool {
	code := []int16{t.ErrorCode}
	for _, p := range t.Partitions {
		code = append(code, p.ErrorCode)
	}
	for _, c := range code {
		if err := kerr.TypedErrorForCode(c); err != nil && err.Retriable {
			return false
		}
	}
	return true
}
