package tool

import (
	"context"
	"math/rand/v2"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"gregor/internal/tool/jopt"
)

// consumerPerfOptions is the table of kafka-consumer-perf-test
// (ConsumerPerformance of Apache Kafka).
type consumerPerfOptions struct {
	options
	bootstrap, topic, include, group, fetchSize      *jopt.Option
	commandProperty, fromLatest, socketBuffer        *jopt.Option
	consumerConfig, commandConfig, metrics, detailed *jopt.Option
	timeout, messages, records, interval             *jopt.Option
	dateFormat, hideHeader                           *jopt.Option
}

func newConsumerPerfOptions() consumerPerfOptions {
	o := consumerPerfOptions{options: newOptions()}
	o.bootstrap = o.Accepts("bootstrap-server", "REQUIRED: The server(s) to connect to.").Arg("server to connect to")
	o.topic = o.Accepts("topic", "The topic to consume from.").Arg("topic")
	o.include = o.Accepts("include", "Regular expression specifying list of topics to include for consumption.").Arg("Java regex (String)")
	o.group = o.Accepts("group", "The group id to consume on.").Arg("gid").Default("perf-consumer-" + strconv.Itoa(rand.IntN(100000)))
	o.fetchSize = o.Accepts("fetch-size", "The maximum amount of data to fetch from a single partition per request.").Arg("size").OfType(jopt.Integer).Default("1048576")
	o.commandProperty = o.Accepts("command-property", "Kafka consumer related configuration properties like client.id. "+
		"These configs take precedence over those passed via --command-config or --consumer.config.").Arg("prop1=val1")
	o.fromLatest = o.Accepts("from-latest", "If the consumer does not already have an established "+
		"offset to consume from, start with the latest record present in the log rather than the earliest record.")
	o.socketBuffer = o.Accepts("socket-buffer-size", "The size of the tcp RECV size.").Arg("size").OfType(jopt.Integer).Default("2097152")
	o.consumerConfig = o.Accepts("consumer.config", "(DEPRECATED) Consumer config properties file. "+removal+"--command-config instead.").Arg("config file")
	o.commandConfig = o.Accepts("command-config", "Config properties file.").Arg("config file")
	o.metrics = o.Accepts("print-metrics", "Print out the metrics.")
	o.detailed = o.Accepts("show-detailed-stats", "If set, stats are reported for each reporting interval as configured by reporting-interval.")
	o.timeout = o.Accepts("timeout", "The maximum allowed time in milliseconds between returned records.").OptionalArg("milliseconds").OfType(jopt.Long).Default("10000")
	o.messages = o.Accepts("messages", "(DEPRECATED) The number of records to consume. "+removal+"--num-records instead.").Arg("count").OfType(jopt.Long)
	o.records = o.Accepts("num-records", "REQUIRED: The number of records to consume.").Arg("count").OfType(jopt.Long)
	o.interval = o.Accepts("reporting-interval", "Interval in milliseconds at which to print progress info.").Arg("interval_ms").OfType(jopt.Long).Default("5000")
	o.dateFormat = o.Accepts("date-format", "The date format to use for formatting the time field. "+
		"See java.text.SimpleDateFormat for options.").Arg("date format").Default("yyyy-MM-dd HH:mm:ss:SSS")
	o.hideHeader = o.Accepts("hide-header", "If set, skips printing the header for the stats.")
	return o
}

// consumerPerf is one run.
type consumerPerf struct {
	e        *env
	client   *kgo.Client
	records  int64
	timeout  time.Duration
	interval time.Duration
	detailed bool
	format   string

	join joinTimer

	read, bytes int64
	last        struct {
		read, bytes int64
		at          time.Time
	}
}

// joinTimer adds up how long the consumer had no partitions.
type joinTimer struct {
	mu struct {
		sync.Mutex
		since        time.Time
		assigned     int
		total, round time.Duration
	}
}

func (j *joinTimer) onAssigned(now time.Time, n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.mu.assigned == 0 {
		d := now.Sub(j.mu.since).Truncate(time.Millisecond)
		j.mu.total += d
		j.mu.round += d
	}
	j.mu.assigned += n
}

func (j *joinTimer) onRevoked(now time.Time, n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.mu.assigned -= n; j.mu.assigned <= 0 {
		j.mu.assigned, j.mu.since = 0, now
	}
}

func (j *joinTimer) whole() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.total
}

// takeRound is the time of this reporting interval.
func (j *joinTimer) takeRound() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	d := j.mu.round
	j.mu.round = 0
	return d
}

func runConsumerPerf(e *env, args []string) int {
	err := e.consumerPerf(args)
	if status, done := e.usageError(err); done {
		return status
	}
	if err != nil {
		e.eprintln(err)
		e.printTrace(err)
		return 1
	}
	return 0
}

var digits = regexp.MustCompile(`^\d+$`)

func (o *consumerPerfOptions) check(e *env, args []string) (*jopt.Set, error) {
	s, err := o.parse(args)
	if err != nil {
		return nil, failUsage(o.Parser, err.Error())
	}
	if err := o.helpOrVersion(s, args, "This tool is used to verify the consumer performance."); err != nil {
		return nil, err
	}
	if err := o.need(s, o.bootstrap); err != nil {
		return nil, err
	}
	if err := o.oneOf(s, o.topic, o.include); err != nil {
		return nil, err
	}
	if err := o.oneOf(s, o.messages, o.records); err != nil {
		return nil, err
	}
	if err := o.clash(s, o.consumerConfig, o.commandConfig); err != nil {
		return nil, err
	}
	if s.Has(o.messages) {
		e.println("Warning: --messages is deprecated. Use --num-records instead.")
		o.records = o.messages
	}
	if s.Has(o.consumerConfig) {
		e.println("Warning: --consumer.config is deprecated. Use --command-config instead.")
		o.commandConfig = o.consumerConfig
	}
	return s, nil
}

func (o *consumerPerfOptions) props(s *jopt.Set) (*settings, error) {
	props := map[string]string{}
	if s.Has(o.commandConfig) {
		var err error
		if props, err = loadProps(s.Str(o.commandConfig)); err != nil {
			return nil, err
		}
	}
	mergeProps(props, keyValues(s.Values(o.commandProperty)))
	mergeProps(props, map[string]string{
		"bootstrap.servers": s.Str(o.bootstrap), "group.id": s.Str(o.group), "receive.buffer.bytes": s.Str(o.socketBuffer),
		"max.partition.fetch.bytes": s.Str(o.fetchSize), "auto.offset.reset": "earliest", "check.crcs": "false",
	})
	if s.Has(o.fromLatest) {
		props["auto.offset.reset"] = "latest"
	}
	if props["client.id"] == "" {
		props["client.id"] = "perf-consumer-client"
	}
	return newSettings(props), optionError(s.Err())
}

func (e *env) consumerPerf(args []string) error {
	o := newConsumerPerfOptions()
	s, err := o.check(e, args)
	if err != nil {
		return err
	}
	set, err := o.props(s)
	if err != nil {
		return err
	}
	c := &consumerPerf{e: e, records: s.Int(o.records), timeout: time.Duration(s.Int(o.timeout)) * time.Millisecond, detailed: s.Has(o.detailed), format: s.Str(o.dateFormat)}
	if text := s.Str(o.interval); !digits.MatchString(text) {
		return throw("joptsimple.OptionArgumentConversionException", "Cannot parse argument '%s' of option %s", text, o.interval.Name())
	}
	c.interval = time.Duration(s.Int(o.interval)) * time.Millisecond
	if err := s.Err(); err != nil {
		return optionError(err)
	}
	if c.interval <= 0 {
		return badArgument("Reporting interval must be greater than 0.")
	}
	if !s.Has(o.hideHeader) {
		c.printHeader()
	}
	if _, err := javaDate(c.format, e.Now()); err != nil {
		return err
	}
	m := newClientMetrics()
	if err := c.connect(set, s.Str(o.topic), s.Str(o.include), m); err != nil {
		return err
	}
	defer c.client.Close()
	if err := c.measure(); err != nil {
		return err
	}
	if s.Has(o.metrics) {
		m.print(e, "consumer", set.m["client.id"])
	}
	return nil
}

func (c *consumerPerf) connect(set *settings, topic, include string, m *clientMetrics) error {
	opts, err := set.consumerOptions(c.e)
	if err != nil {
		return err
	}
	group, err := set.groupOptions(set.m["group.id"])
	if err != nil {
		return err
	}
	opts = append(opts, group...)
	if topic != "" {
		opts = append(opts, kgo.ConsumeTopics(topic))
	} else {
		pattern, err := set.topicPattern(include)
		if err != nil {
			return err
		}
		opts = append(opts, pattern...)
	}
	gone := func(_ context.Context, _ *kgo.Client, p map[string][]int32) {
		c.join.onRevoked(c.e.Now(), countPartitions(p))
	}
	c.join.mu.since = c.e.Now()
	c.client, err = kgo.NewClient(append(opts, kgo.WithHooks(m),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, p map[string][]int32) {
			c.join.onAssigned(c.e.Now(), countPartitions(p))
		}),
		kgo.OnPartitionsRevoked(gone), kgo.OnPartitionsLost(gone))...)
	if err != nil {
		return throw(kafkaError, "Failed to construct kafka consumer: %v", err)
	}
	return nil
}

func countPartitions(p map[string][]int32) int {
	n := 0
	for _, ids := range p {
		n += len(ids)
	}
	return n
}

func (c *consumerPerf) printHeader() {
	first := "start.time, end.time"
	if c.detailed {
		first = "time, threadId"
	}
	c.e.println(first + ", data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec")
}

// measure reads the records and prints the last line.
func (c *consumerPerf) measure() error {
	e := c.e
	start := e.Now()
	if err := c.consume(); err != nil {
		return err
	}
	end := e.Now()
	if c.detailed {
		return nil
	}
	elapsed := float64(end.UnixMilli()-start.UnixMilli()) / 1000
	fetch := end.UnixMilli() - start.UnixMilli() - c.join.whole().Milliseconds()
	mb := float64(c.bytes) / (1 << 20)
	from, _ := javaDate(c.format, start) // checked before
	to, _ := javaDate(c.format, end)
	e.printf("%s, %s, %.4f, %s, %d, %s, %d, %d, %s, %s\n", from, to, mb, javaFixed(mb/elapsed, 4), c.read, javaFixed(float64(c.read)/elapsed, 4),
		c.join.whole().Milliseconds(), fetch, javaFixed(mb/(float64(fetch)/1000), 4), javaFixed(float64(c.read)/(float64(fetch)/1000), 4))
	return nil
}

const perfPoll = 100 * time.Millisecond

func (c *consumerPerf) consume() error {
	now := c.e.Now()
	c.last.at = now
	consumed := now
	for c.read < c.records && now.Sub(consumed) <= c.timeout && c.e.Context.Err() == nil {
		ctx, cancel := context.WithTimeout(c.e.Context, perfPoll)
		fs := c.client.PollFetches(ctx)
		cancel()
		now = c.e.Now()
		if fs.NumRecords() == 0 {
			if err := fetchError(fs); err != nil {
				return err
			}
			continue
		}
		consumed = now
		fs.EachRecord(func(r *kgo.Record) {
			c.read++
			c.bytes += int64(len(r.Key) + len(r.Value))
			if now.Sub(c.last.at) >= c.interval {
				c.progress(now)
			}
		})
		c.client.MarkCommitRecords(fs.Records()...)
	}
	if c.read < c.records {
		c.e.printf("WARNING: Exiting before consuming the expected number of records: timeout (%d ms) exceeded. "+
			"You can use the --timeout option to increase the timeout.\n", c.timeout.Milliseconds())
	}
	return nil
}

// progress ends a reporting interval.
func (c *consumerPerf) progress(now time.Time) {
	round := c.join.takeRound().Milliseconds()
	elapsed := now.UnixMilli() - c.last.at.UnixMilli()
	if c.detailed {
		mb := float64(c.bytes-c.last.bytes) / (1 << 20)
		n := float64(c.read - c.last.read)
		when, _ := javaDate(c.format, now) // checked before
		c.e.printf("%s, 0, %.4f, %s, %d, %s", when, float64(c.bytes)/(1<<20), javaFixed(1000*mb/float64(elapsed), 4), c.read, javaFixed(n/float64(elapsed)*1000, 4))
		fetch := elapsed - round
		perSecond := func(v float64) float64 {
			if fetch <= 0 {
				return 0
			}
			return 1000 * v / float64(fetch)
		}
		c.e.printf(", %d, %d, %.4f, %.4f\n", round, fetch, perSecond(mb), perSecond(n))
	}
	c.last.at, c.last.read, c.last.bytes = now, c.read, c.bytes
}
