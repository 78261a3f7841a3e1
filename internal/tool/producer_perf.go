package tool

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"gregor/internal/model"
	"gregor/internal/tool/argparse"
)

// producerPerfTable is the table of kafka-producer-perf-test
// (ProducerPerformance of Apache Kafka).
func producerPerfTable() *argparse.Parser {
	p := argparse.New("kafka-producer-perf-test", "This tool is used to verify the producer performance. To enable transactions, "+
		"you can specify a transactional id or set a transaction duration using --transaction-duration-ms. "+
		"There are three ways to specify the transactional id: set transactional.id=<id> via --command-property, "+
		"set transactional.id=<id> in the config file via --command-config, or use --transactional-id <id>.").DefaultHelp()
	p.Arg("--bootstrap-server").Metavar("BOOTSTRAP-SERVER").Dest("bootstrapServer").
		Help("The server(s) to connect to. This config takes precedence over bootstrap.servers specified via --command-property or --command-config.")
	const onlyOne = "Note that you must provide exactly one of --record-size, --payload-file or --payload-monotonic."
	payload := p.Mutex("", true).Description(onlyOne)
	p.Arg("--topic").Required().Metavar("TOPIC").Help("Produce records to this topic.")
	p.Arg("--num-records").Required().Type(argparse.Long).Metavar("NUM-RECORDS").Dest("numRecords").Help("Number of records to produce.")
	payload.Arg("--record-size").Type(argparse.Integer).Metavar("RECORD-SIZE").Dest("recordSize").Help("Record size in bytes. " + onlyOne)
	payload.Arg("--payload-file").Metavar("PAYLOAD-FILE").Dest("payloadFile").
		Help("File to read the record payloads from. This works only for UTF-8 encoded text files. " +
			"Payloads will be read from this file and a payload will be randomly selected when sending records. " + onlyOne)
	payload.Arg("--payload-monotonic").StoreTrue().Metavar("PAYLOAD-MONOTONIC").Dest("payloadMonotonic").Help("Payload is a monotonically increasing integer. " + onlyOne)
	p.Arg("--payload-delimiter").Metavar("PAYLOAD-DELIMITER").Dest("payloadDelimiter").Default("\\n").
		Help("Provides the delimiter to be used when --payload-file is provided. Defaults to new line. " +
			"Note that this parameter will be ignored if --payload-file is not provided.")
	p.Arg("--throughput").Required().Type(argparse.Double).Metavar("THROUGHPUT").
		Help("Throttle maximum record throughput to *approximately* THROUGHPUT records/sec. Set this to -1 to disable throttling.")
	producerPerfConfigArgs(p)
	return p
}

func producerPerfConfigArgs(p *argparse.Parser) {
	const precedence = "These configs take precedence over those passed via --command-config or --producer.config. "
	const example = "Example: --command-property linger.ms=10 batch.size=32768"
	p.Arg("--producer-props").OneOrMore().Metavar("PROP-NAME=PROP-VALUE").Dest("producerConfig").
		Help("(DEPRECATED) Kafka producer related configuration properties like client.id. " + precedence + removal + "--command-property instead. " + example)
	p.Arg("--command-property").OneOrMore().Metavar("PROP-NAME=PROP-VALUE").Dest("commandProperties").
		Help("Kafka producer related configuration properties like client.id. " + precedence + example)
	p.Arg("--producer.config").Metavar("CONFIG-FILE").Dest("producerConfigFile").Help("(DEPRECATED) Producer config properties file. " + removal + "--command-config instead.")
	p.Arg("--command-config").Metavar("CONFIG-FILE").Dest("commandConfigFile").Help("Producer config properties file.")
	p.Arg("--print-metrics").StoreTrue().Metavar("PRINT-METRICS").Dest("printMetrics").Help("Print out metrics at the end of the test.")
	p.Arg("--transactional-id").Metavar("TRANSACTIONAL-ID").Dest("transactionalId").
		Help("The transactional id to use. This config takes precedence over the transactional.id " +
			"specified via --command-property or --command-config. Note that if the transactional id " +
			"is not specified while --transaction-duration-ms is provided, the default value for the " +
			"transactional id will be performance-producer- followed by a random uuid.")
	p.Arg("--transaction-duration-ms").Type(argparse.Long).Metavar("TRANSACTION-DURATION").Dest("transactionDurationMs").
		Help("The maximum duration of each transaction. The commitTransaction will be called after this time has elapsed. " +
			"The value should be greater than 0. If the transactional id is specified via --command-property, " +
			"--command-config or --transactional-id but --transaction-duration-ms is not specified, " +
			"the default value will be 3000.")
	p.Arg("--warmup-records").Type(argparse.Long).Metavar("WARMUP-RECORDS").Dest("warmupRecords").Default("0").
		Help("The number of records to treat as warmup. These initial records will not be included in steady-state statistics. " +
			"An additional summary line will be printed describing the steady-state statistics.")
	p.Arg("--reporting-interval").Type(argparse.Long).Metavar("INTERVAL-MS").Dest("reportingInterval").Default("5000").
		Help("Interval in milliseconds at which to print progress info.")
}

// producerPerf is a checked command line.
type producerPerf struct {
	topic           string
	records, warmup int64
	recordSize      int
	payloads        [][]byte
	monotonic       bool
	throughput      float64
	metrics         bool
	interval        time.Duration
	transaction     time.Duration // 0: none
	props           map[string]string
}

func runProducerPerf(e *env, args []string) int {
	p := producerPerfTable()
	if len(args) == 0 {
		p.PrintHelp(e.Stdout, 0)
		return 0
	}
	ns, _, stop := e.argsOf(p, args)
	if stop {
		return 1 // also after --help, as Kafka's
	}
	c, why, err := e.producerPerfArgs(ns)
	if why != "" {
		p.Fail(why).Print(e.Stderr, 0)
		return 1
	}
	if err == nil {
		err = e.producerPerf(c)
	}
	return e.thrown(0, err)
}

// producerPerfArgs checks the command line; why is what is wrong with it.
func (e *env) producerPerfArgs(ns *argparse.Namespace) (c *producerPerf, why string, err error) {
	c = &producerPerf{
		topic: ns.Str("topic"), records: ns.Int("numRecords"), warmup: max(ns.Int("warmupRecords"), 0), recordSize: int(ns.Int("recordSize")),
		monotonic: ns.Bool("payloadMonotonic"), throughput: ns.Float("throughput"), metrics: ns.Bool("printMetrics"),
		interval: time.Duration(ns.Int("reportingInterval")) * time.Millisecond,
	}
	switch {
	case c.records <= 0:
		why = "--num-records should be greater than zero."
	case c.warmup >= c.records:
		why = "The value for --warmup-records must be strictly fewer than the number of records in the test, --num-records."
	case ns.Has("recordSize") && c.recordSize <= 0:
		why = "--record-size should be greater than zero."
	case !ns.Has("bootstrapServer") && !ns.Has("commandProperties") && !ns.Has("producerConfig") && !ns.Has("producerConfigFile") && !ns.Has("commandConfigFile"):
		why = "At least one of --bootstrap-server, --command-property, --producer-props, --producer.config or --command-config must be specified."
	case ns.Has("commandProperties") && ns.Has("producerConfig"):
		why = "--command-property and --producer-props cannot be specified together."
	case ns.Has("commandConfigFile") && ns.Has("producerConfigFile"):
		why = "--command-config and --producer.config cannot be specified together."
	case ns.Has("transactionDurationMs") && ns.Int("transactionDurationMs") <= 0:
		why = "--transaction-duration-ms should be greater than zero."
	case c.interval <= 0:
		why = "--reporting-interval should be greater than zero."
	}
	if why != "" {
		return nil, why, nil
	}
	if file := ns.Str("payloadFile"); file != "" {
		if err := e.readPayloads(c, file, ns.Str("payloadDelimiter")); err != nil {
			return nil, "", err
		}
	}
	return c, "", e.producerPerfProps(c, ns)
}

func (e *env) producerPerfProps(c *producerPerf, ns *argparse.Namespace) error {
	words, file := ns.List("commandProperties"), ns.Str("commandConfigFile")
	if ns.Has("producerConfig") {
		e.println("Option --producer-props has been deprecated and will be removed in a future version. Use --command-property instead.")
		words = ns.List("producerConfig")
	}
	if ns.Has("producerConfigFile") {
		e.println("Option --producer.config has been deprecated and will be removed in a future version. Use --command-config instead.")
		file = ns.Str("producerConfigFile")
	}
	c.props = map[string]string{}
	if file != "" {
		var err error
		if c.props, err = loadProps(file); err != nil {
			return err
		}
	}
	for _, w := range words {
		k, v, ok := strings.Cut(w, "=")
		if !ok || v == "" || strings.Contains(v, "=") {
			return badArgument("Invalid property: %s", w)
		}
		c.props[k] = v
	}
	if c.props["client.id"] == "" {
		c.props["client.id"] = "perf-producer-client"
	}
	if b := ns.Str("bootstrapServer"); b != "" {
		c.props["bootstrap.servers"] = b
	}
	_, inProps := c.props["transactional.id"]
	if !inProps && !ns.Has("transactionalId") && !ns.Has("transactionDurationMs") {
		return nil
	}
	switch {
	case ns.Has("transactionalId"):
		c.props["transactional.id"] = ns.Str("transactionalId")
	case !inProps:
		c.props["transactional.id"] = "performance-producer-" + model.NewUUID().String()
	}
	c.transaction = 3 * time.Second
	if ns.Has("transactionDurationMs") {
		c.transaction = time.Duration(ns.Int("transactionDurationMs")) * time.Millisecond
	}
	return nil
}

func (e *env) readPayloads(c *producerPerf, file, delimiter string) error {
	if delimiter == "\\n" {
		delimiter = "\n"
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return throw("java.io.IOException", "%v", err)
	}
	e.println("Reading payloads from: " + abs)
	b, err := os.ReadFile(file)
	if err != nil || len(b) == 0 {
		return badArgument("File does not exist or empty file provided.")
	}
	c.payloads = bytes.Split(b, []byte(delimiter))
	if n := len(c.payloads); n > 0 && len(c.payloads[n-1]) == 0 {
		c.payloads = c.payloads[:n-1]
	}
	e.println("Number of records read: " + strconv.Itoa(len(c.payloads)))
	return nil
}

// payload is the value of the i-th record.
func (c *producerPerf) payload(i int64, random *splittable) []byte {
	switch {
	case len(c.payloads) > 0:
		return c.payloads[random.nextInt(int32(len(c.payloads)))]
	case c.monotonic:
		return strconv.AppendInt(nil, i, 10)
	}
	b := make([]byte, c.recordSize)
	for j := range b {
		b[j] = byte(random.nextInt(26) + 'A')
	}
	return b
}

func (c *producerPerf) largest() int {
	n := max(c.recordSize, 20)
	for _, p := range c.payloads {
		n = max(n, len(p))
	}
	return n
}

func (e *env) producerPerf(c *producerPerf) error {
	conf := newSettings(c.props)
	opts, err := conf.producerOptions(e, c.largest())
	if err != nil {
		return err
	}
	m := newClientMetrics()
	cl, err := kgo.NewClient(append(opts, kgo.WithHooks(m))...)
	if err != nil {
		return throw(kafkaError, "Failed to construct kafka producer: %v", err)
	}
	defer cl.Close()
	if c.warmup > 0 {
		e.printf("Warmup first %d records. Steady state results will print after the complete test summary.\n", c.warmup)
	}
	total := newPerfStats(e.Stdout, e.Now, c.records, c.interval, false)
	steady, err := e.sendPerf(c, conf.topicGate(cl, c.topic), total)
	if err != nil {
		return err
	}
	if err := cl.Flush(e.Context); err != nil {
		return throw("java.lang.InterruptedException", "%v", err)
	}
	total.printTotal()
	if steady != nil {
		steady.printTotal()
	}
	if c.metrics {
		m.print(e, "producer", c.props["client.id"])
	}
	return nil
}

// sendPerf sends the records; steady counts those after the warm-up.
func (e *env) sendPerf(c *producerPerf, gate *topicGate, total *perfStats) (steady *perfStats, err error) {
	cl, start := gate.cl, e.Now()
	th := newThrottler(c.throughput, start)
	random := &splittable{}
	open, began := false, start
	for i := int64(0); i < c.records; i++ {
		value := c.payload(i, random)
		if c.transaction > 0 && !open {
			if err := cl.BeginTransaction(); err != nil {
				return nil, protocolError(err)
			}
			open, began = true, e.Now()
		}
		sent := e.Now()
		if c.warmup > 0 && i == c.warmup {
			steady = newPerfStats(e.Stdout, e.Now, c.records-c.warmup, c.interval, true)
			total.hush()
		}
		r, done := &kgo.Record{Topic: c.topic, Value: value}, e.perfCallback(sent, total, steady)
		if err := gate.await(e.Context); err != nil {
			done(r, err)
		} else {
			cl.Produce(e.Context, r, done)
		}
		if open && sent.Sub(began) >= c.transaction {
			if err := commitTransaction(e.Context, cl); err != nil {
				return nil, err
			}
			open = false
		}
		th.wait(e.Context, i, sent)
	}
	if open {
		err = commitTransaction(e.Context, cl)
	}
	return steady, err
}

func (e *env) perfCallback(sent time.Time, total, steady *perfStats) func(*kgo.Record, error) {
	return func(r *kgo.Record, err error) {
		if err != nil {
			e.eprintf("%s", trace(recordError(err, r.Topic)))
			return
		}
		now := e.Now()
		latency := now.UnixMilli() - sent.UnixMilli()
		total.record(latency, int64(len(r.Value)), now)
		if steady != nil {
			steady.record(latency, int64(len(r.Value)), now)
		}
	}
}

func commitTransaction(ctx context.Context, cl *kgo.Client) error {
	if err := cl.Flush(ctx); err != nil {
		return throw("java.lang.InterruptedException", "%v", err)
	}
	if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return protocolError(err)
	}
	return nil
}
