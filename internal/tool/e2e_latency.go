package tool

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/tool/jopt"
)

// latencyOptions is the table of kafka-e2e-latency (EndToEndLatency of Apache
// Kafka).
type latencyOptions struct {
	options
	bootstrap, topic, records, acks, size     *jopt.Option
	keySize, headerKeySize, headerSize, count *jopt.Option
	config                                    *jopt.Option
}

func newLatencyOptions() latencyOptions {
	o := latencyOptions{options: newOptions()}
	o.bootstrap = o.Accepts("bootstrap-server", "REQUIRED: The Kafka broker list string in the form HOST1:PORT1,HOST2:PORT2.").Arg("bootstrap-server")
	o.topic = o.Accepts("topic", "REQUIRED: The topic to use for the test.").Arg("topic-name")
	o.records = o.Accepts("num-records", "REQUIRED: The number of messages to send.").Arg("count").OfType(jopt.Integer)
	o.acks = o.Accepts("producer-acks", "REQUIRED: Producer acknowledgements. Must be '1' or 'all'.").Arg("producer-acks")
	o.size = o.Accepts("record-size", "REQUIRED: The size of each message payload in bytes.").Arg("bytes").OfType(jopt.Integer)
	o.keySize = o.Accepts("record-key-size", "Optional: The size of the message key in bytes. If not set, messages are sent without a key.").OptionalArg("bytes").OfType(jopt.Integer).Default("0")
	o.headerKeySize = o.Accepts("record-header-key-size", "Optional: The size of the message header key in bytes. Used together with record-header-size.").OptionalArg("bytes").OfType(jopt.Integer).Default("0")
	o.headerSize = o.Accepts("record-header-size", "Optional: The size of message header value in bytes. Use -1 for null header value.").OptionalArg("bytes").OfType(jopt.Integer).Default("0")
	o.count = o.Accepts("num-headers", "Optional: The number of headers to include in each message.").OptionalArg("count").OfType(jopt.Integer).Default("0")
	o.config = o.Accepts("command-config", "Optional: A property file for Kafka producer/consumer/admin client configuration.").OptionalArg("config-file")
	return o
}

func (o *latencyOptions) check(s *jopt.Set, args []string) error {
	if err := o.helpOrVersion(s, args, "This tool measures end-to-end latency in Kafka by sending messages and timing their reception."); err != nil {
		return err
	}
	if err := o.need(s, o.bootstrap, o.topic, o.records, o.acks, o.size); err != nil {
		return err
	}
	if a := s.Str(o.acks); a != "1" && a != "all" {
		return failUsage(o.Parser, "Invalid value for --producer-acks. Latency testing requires synchronous acknowledgement. Please use '1' or 'all'.")
	}
	for _, c := range []struct {
		opt  *jopt.Option
		min  int64
		what string
	}{
		{o.records, 1, "a positive integer."}, {o.size, 0, "a non-negative integer."}, {o.keySize, 0, "a non-negative integer."},
		{o.headerKeySize, 0, "a non-negative integer."}, {o.headerSize, -1, "a non-negative integer or -1 for null header value."}, {o.count, 0, "a non-negative integer."},
	} {
		n := s.Int(c.opt)
		if err := s.Err(); err != nil {
			return optionError(err)
		}
		if n < c.min {
			return failUsage(o.Parser, fmt.Sprintf("Value for --%s must be %s", c.opt.Name(), c.what))
		}
	}
	return nil
}

// latency is one run.
type latency struct {
	e                  *env
	topic              string
	producer, consumer *kgo.Client
	records            int
	keySize, size      int
	headers            int
	headerKey, header  int // sizes; header -1 is null
	random             *javaRandom
}

func runLatency(e *env, args []string) int {
	err := e.latency(args)
	if status, done := e.usageError(err); done {
		return status
	}
	if err == nil {
		return 0
	}
	e.eprintln(err)
	if !isClass(err, "org.apache.kafka.tools.TerseException") {
		e.printTrace(err)
	}
	return 1
}

// latencyArgs turns Kafka's older command line, words without options, into
// the newer one.
func (e *env) latencyArgs(args []string) ([]string, error) {
	names := []string{"--bootstrap-server", "--topic", "--num-records", "--producer-acks", "--record-size", "--command-config"}
	if len(args) == 0 {
		return args, nil
	}
	for _, a := range args {
		if slices.Contains(names[:5], a) {
			return args, nil
		}
	}
	if len(args) != 5 && len(args) != 6 {
		return nil, terse("Invalid number of arguments. Expected 5 or 6 positional arguments, but got %d. "+
			"Usage: bootstrap-server topic num-records producer-acks record-size [optional] command-config", len(args))
	}
	e.println("WARNING: Positional argument usage is deprecated and will be removed in Apache Kafka 5.0. " +
		"Please use named arguments instead: --bootstrap-server, --topic, --num-records, --producer-acks, --record-size, --command-config")
	var out []string
	for i, a := range args {
		out = append(out, names[i], a)
	}
	return out, nil
}

func (e *env) latency(args []string) error {
	args, err := e.latencyArgs(args)
	if err != nil {
		return err
	}
	o := newLatencyOptions()
	s, err := o.parse(args)
	if err != nil {
		return failUsage(o.Parser, err.Error())
	}
	if err := o.check(s, args); err != nil {
		return err
	}
	l := &latency{
		e: e, topic: s.Str(o.topic), records: int(s.Int(o.records)), size: int(s.Int(o.size)), keySize: int(s.Int(o.keySize)),
		headers: int(s.Int(o.count)), headerKey: int(s.Int(o.headerKeySize)), header: int(s.Int(o.headerSize)), random: newJavaRandom(0),
	}
	props := map[string]string{}
	if file := s.Str(o.config); file != "" {
		if props, err = loadProps(file); err != nil {
			return err
		}
	}
	props["bootstrap.servers"] = s.Str(o.bootstrap)
	if err := optionError(s.Err()); err != nil {
		return err
	}
	defer l.close()
	if err := l.connect(props, s.Str(o.acks)); err != nil {
		return err
	}
	return l.run()
}

func (l *latency) close() {
	for _, cl := range []*kgo.Client{l.producer, l.consumer} {
		if cl != nil {
			cl.Close()
		}
	}
}

// connect makes the producer, the topic if need be, and the consumer at the
// topic's end.
func (l *latency) connect(props map[string]string, acks string) error {
	with := func(extra map[string]string) *settings {
		return newSettings(mergeProps(mergeProps(map[string]string{}, props), extra))
	}
	opts, err := with(map[string]string{"linger.ms": "0", "acks": acks}).producerOptions(l.e, l.size+l.keySize+l.headers*(l.headerKey+max(l.header, 0)+10))
	if err != nil {
		return err
	}
	if l.producer, err = kgo.NewClient(opts...); err != nil {
		return throw(kafkaError, "Failed to construct kafka producer: %v", err)
	}
	partitions, err := l.ensureTopic()
	if err != nil {
		return err
	}
	ends, err := kadm.NewClient(l.producer).ListEndOffsets(l.e.Context, l.topic)
	if err != nil {
		return throw(timeoutError, "%v", err)
	}
	start := map[int32]kgo.Offset{}
	for _, p := range partitions {
		end, ok := ends.Lookup(l.topic, p)
		if !ok || end.Err != nil {
			return throw(timeoutError, "Timeout of 60000ms expired before the position for partition %s-%d could be determined", l.topic, p)
		}
		start[p] = kgo.NewOffset().At(end.Offset)
	}
	opts, err = with(map[string]string{"enable.auto.commit": "false", "auto.offset.reset": "latest", "fetch.max.wait.ms": "0"}).consumerOptions(l.e)
	if err != nil {
		return err
	}
	if l.consumer, err = kgo.NewClient(append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{l.topic: start}))...); err != nil {
		return throw(kafkaError, "Failed to construct kafka consumer: %v", err)
	}
	return nil
}

// ensureTopic makes the topic unless it is there, and gives its partitions.
func (l *latency) ensureTopic() ([]int32, error) {
	for try := 0; ; try++ {
		req := kmsg.NewPtrMetadataRequest()
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &l.topic
		req.Topics = append(req.Topics, t)
		ctx, cancel := context.WithTimeout(l.e.Context, latencyPoll)
		resp, err := req.RequestWith(ctx, l.producer)
		cancel()
		if err != nil {
			return nil, throw(timeoutError, "Timeout expired while fetching topic metadata")
		}
		if len(resp.Topics) == 1 && resp.Topics[0].ErrorCode == 0 && len(resp.Topics[0].Partitions) > 0 {
			var ids []int32
			for _, p := range resp.Topics[0].Partitions {
				ids = append(ids, p.Partition)
			}
			return ids, nil
		}
		if try == 0 {
			if err := l.createTopic(); err != nil {
				return nil, err
			}
		}
		if try > 100 {
			return nil, throw(timeoutError, "Timeout expired while fetching topic metadata")
		}
		select {
		case <-time.After(backoff(try)):
		case <-l.e.Context.Done():
			return nil, throw("java.lang.InterruptedException", "interrupted")
		}
	}
}

func (l *latency) createTopic() error {
	l.e.printf("Topic \"%s\" does not exist. Will create topic with %d partition(s) and replication factor = %d\n", l.topic, 1, 1)
	resp, err := kadm.NewClient(l.producer).CreateTopic(l.e.Context, 1, 1, nil, l.topic)
	if err == nil {
		err = resp.Err
	}
	if err != nil {
		l.e.printf("Creation of topic %s failed\n", l.topic)
		return runtime(execution(protocolError(err)))
	}
	return nil
}

// latencyPoll is how long a record may take to arrive.
const latencyPoll = 60 * time.Second

func (l *latency) run() error {
	var total time.Duration
	var each []int64
	for i := range l.records {
		r := l.record()
		begin := time.Now()
		if err := l.producer.ProduceSync(l.e.Context, r).FirstErr(); err != nil {
			return execution(recordError(err, l.topic))
		}
		ctx, cancel := context.WithTimeout(l.e.Context, latencyPoll)
		fs := l.consumer.PollFetches(ctx)
		cancel()
		elapsed := time.Since(begin)
		if err := l.validate(r, fs); err != nil {
			return err
		}
		if i%1000 == 0 {
			l.e.printf("%d\t%s\n", i, javaFloat(float64(elapsed.Nanoseconds())/1000/1000, 64))
		}
		total += elapsed
		each = append(each, elapsed.Milliseconds())
	}
	l.e.printf("Avg latency: %.4f ms\n", float64(total.Nanoseconds())/float64(l.records)/1000/1000)
	slices.Sort(each)
	at := func(q float64) int64 { return each[int(float64(len(each))*q)] }
	l.e.printf("Percentiles: 50th = %d, 99th = %d, 99.9th = %d\n", at(0.5), at(0.99), at(0.999))
	return nil
}

// record makes the next record; as in Kafka, a field is one letter repeated.
func (l *latency) record() *kgo.Record {
	r := &kgo.Record{Topic: l.topic, Key: l.letters(l.keySize), Value: l.letters(l.size)}
	for range l.headers {
		h := kgo.RecordHeader{Key: string(l.letters(l.headerKey))}
		if l.header >= 0 {
			h.Value = l.letters(l.header)
		}
		r.Headers = append(r.Headers, h)
	}
	return r
}

func (l *latency) letters(n int) []byte {
	return bytes.Repeat([]byte{byte(l.random.nextInt(26) + 'A')}, n)
}

func (l *latency) validate(sent *kgo.Record, fs kgo.Fetches) error {
	got := fs.Records()
	if len(got) == 0 {
		if err := fetchError(fs); err != nil {
			return err
		}
		return throw(runtimeError, "poll() timed out before finding a result (timeout:[%d ms])", latencyPoll.Milliseconds())
	}
	r := got[0]
	switch {
	case !bytes.Equal(r.Value, sent.Value):
		return throw(runtimeError, "The message value read [%s] did not match the message value sent [%s]", r.Value, sent.Value)
	case r.Key == nil:
		return throw(runtimeError, "Expected message key but received null")
	case !bytes.Equal(r.Key, sent.Key):
		return throw(runtimeError, "The message key read [%s] did not match the message key sent [%s]", r.Key, sent.Key)
	case len(sent.Headers) > 0 && len(r.Headers) == 0:
		return throw(runtimeError, "Expected message headers but received none")
	case len(sent.Headers) > 0 && len(sent.Headers) != len(r.Headers):
		return throw(runtimeError, "Header count mismatch between sent and received messages")
	}
	for i, h := range sent.Headers {
		if g := r.Headers[i]; g.Key != h.Key || !bytes.Equal(g.Value, h.Value) || (g.Value == nil) != (h.Value == nil) {
			return throw(runtimeError, "The message header read [%s:%s] did not match the message header sent [%s:%s]", g.Key, javaBytes(g.Value), h.Key, javaBytes(h.Value))
		}
	}
	if len(got) != 1 {
		return throw(runtimeError, "Only one result was expected during this test. We found [%d]", len(got))
	}
	return nil
}

// javaBytes is Arrays.toString.
func javaBytes(b []byte) string {
	if b == nil {
		return "null"
	}
	var out []string
	for _, c := range b {
		out = append(out, formatInt(int64(int8(c))))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// javaRandom is java.util.Random.
type javaRandom struct{ seed uint64 }

const randomMask = 1<<48 - 1

func newJavaRandom(seed int64) *javaRandom {
	return &javaRandom{(uint64(seed) ^ 0x5DEECE66D) & randomMask}
}

func (r *javaRandom) next(bits uint) int32 {
	r.seed = (r.seed*0x5DEECE66D + 0xB) & randomMask
	return int32(r.seed >> (48 - bits))
}

// nextInt is a number from 0 to below bound.
func (r *javaRandom) nextInt(bound int32) int32 {
	n := r.next(31)
	if bound&(bound-1) == 0 {
		return int32(int64(bound) * int64(n) >> 31)
	}
	for u := n; ; u = r.next(31) {
		if n = u % bound; u-n+(bound-1) >= 0 {
			return n
		}
	}
}
