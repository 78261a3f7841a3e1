package tool

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"gregor/internal/tool/jopt"
)

// consoleConsumerOptions is the table of kafka-console-consumer
// (ConsoleConsumerOptions of Apache Kafka).
type consoleConsumerOptions struct {
	options
	topic, include, partition, offset            *jopt.Option
	consumerProperty, commandProperty            *jopt.Option
	consumerConfig, commandConfig                *jopt.Option
	formatter, property, formatterProperty       *jopt.Option
	formatterConfig, fromBeginning               *jopt.Option
	maxMessages, timeout, skipOnError, bootstrap *jopt.Option
	keyDeserializer, valueDeserializer           *jopt.Option
	systest, isolation, group                    *jopt.Option
}

const formatterProperties = "The properties to initialize the message formatter. Default properties include: \n" +
	" print.timestamp=true|false\n" +
	" print.key=true|false\n" +
	" print.offset=true|false\n" +
	" print.epoch=true|false\n" +
	" print.partition=true|false\n" +
	" print.headers=true|false\n" +
	" print.value=true|false\n" +
	" key.separator=<key.separator>\n" +
	" line.separator=<line.separator>\n" +
	" headers.separator=<headers.separator>\n" +
	" null.literal=<null.literal>\n" +
	" key.deserializer=<key.deserializer>\n" +
	" value.deserializer=<value.deserializer>\n" +
	" header.deserializer=<header.deserializer>\n" +
	"\nUsers can also pass in customized properties for their formatter; more specifically, users can pass in properties keyed with 'key.deserializer.', 'value.deserializer.' and 'headers.deserializer.' prefixes to configure their deserializers."

func newConsoleConsumerOptions() consoleConsumerOptions {
	o := consoleConsumerOptions{options: newOptions()}
	o.topic = o.Accepts("topic", "The topic to consume from.").Arg("topic")
	o.include = o.Accepts("include", "Regular expression specifying list of topics to include for consumption.").Arg("Java regex (String)")
	o.partition = o.Accepts("partition", "The partition to consume from. Consumption starts from the end of the partition unless '--offset' is specified.").
		Arg("partition").OfType(jopt.Integer)
	o.offset = o.Accepts("offset", "The offset to consume from (a non-negative number), or 'earliest' which means from beginning, or 'latest' which means from end").
		Arg("consume offset").Default("latest")
	const form = "Consumer config properties in the form key=value."
	o.consumerProperty = o.Accepts("consumer-property", "(DEPRECATED) "+form+" "+removal+"--command-property instead.").Arg("consumer_prop")
	o.commandProperty = o.Accepts("command-property", form).Arg("consumer_prop")
	note := "Consumer config properties file. Note that " + o.commandProperty.String() + " takes precedence over this config."
	o.consumerConfig = o.Accepts("consumer.config", "(DEPRECATED) "+note+" "+removal+"--command-config instead.").Arg("config file")
	o.commandConfig = o.Accepts("command-config", note).Arg("config file")
	o.formatter = o.Accepts("formatter", "The name of a class to use for formatting kafka messages for display.").Arg("class").Default(formatterPackage + "DefaultMessageFormatter")
	o.property = o.Accepts("property", "(DEPRECATED) "+formatterProperties+" \n"+removal+"--formatter-property instead.").Arg("prop")
	o.formatterProperty = o.Accepts("formatter-property", formatterProperties).Arg("prop")
	o.formatterConfig = o.Accepts("formatter-config", "Config properties file to initialize the message formatter. Note that "+o.formatterProperty.String()+" takes precedence over this config.").Arg("config file")
	o.fromBeginning = o.Accepts("from-beginning", "If the consumer does not already have an established offset to consume from, "+
		"start with the earliest message present in the log rather than the latest message.")
	o.maxMessages = o.Accepts("max-messages", "The maximum number of messages to consume before exiting. If not set, consumption is continual.").Arg("num_messages").OfType(jopt.Integer)
	o.timeout = o.Accepts("timeout-ms", "If specified, exit if no message is available for consumption for the specified interval.").Arg("timeout_ms").OfType(jopt.Long)
	o.skipOnError = o.Accepts("skip-message-on-error", "If there is an error when processing a message, skip it instead of halt.")
	o.bootstrap = o.Accepts("bootstrap-server", "REQUIRED: The server(s) to connect to.").Arg("server to connect to")
	o.keyDeserializer = o.Accepts("key-deserializer", "The name of the class to use for deserializing keys.").Arg("deserializer for keys")
	o.valueDeserializer = o.Accepts("value-deserializer", "The name of the class to use for deserializing values.").Arg("deserializer for values")
	o.systest = o.Accepts("enable-systest-events", "Log lifecycle events of the consumer in addition to logging consumed messages. (This is specific for system tests.)")
	o.isolation = o.Accepts("isolation-level", "Set to read_committed in order to filter out transactional messages which are not committed. Set to read_uncommitted "+
		"to read all messages.").Arg("").Default("read_uncommitted")
	o.group = o.Accepts("group", "The consumer group id of the consumer.").Arg("consumer group id")
	return o
}

const consoleConsumerClass = "org.apache.kafka.tools.consumer.ConsoleConsumer"

// consoleConsume is a checked command line.
type consoleConsume struct {
	*settings
	topic, include string
	partition      int32 // -1: those the group gives
	offset         kgo.Offset
	group          string
	max            int64 // -1: no limit
	timeout        time.Duration
	skip, systest  bool
	formatter      formatter
}

func runConsoleConsumer(e *env, args []string) int {
	c, err := e.consoleConsumerArgs(args)
	if status, done := e.usageError(err); done {
		return status
	}
	if err != nil {
		return e.thrown(1, err)
	}
	err = e.consoleConsume(c)
	if err == nil {
		return 0
	}
	e.logLine("ERROR", "Unknown error when running consumer: ", consoleConsumerClass)
	e.eprintf("%s", trace(err))
	return 1
}

func (e *env) consoleConsumerArgs(args []string) (*consoleConsume, error) {
	o := newConsoleConsumerOptions()
	s, err := o.parse(args)
	if err != nil {
		return nil, failUsage(o.Parser, err.Error())
	}
	if err := o.helpOrVersion(s, args, "This tool helps to read data from Kafka topics and outputs it to standard output."); err != nil {
		return nil, err
	}
	if err := o.check(e, s); err != nil {
		return nil, err
	}
	c := &consoleConsume{topic: s.Str(o.topic), include: s.Str(o.include), partition: -1, max: -1, skip: s.Has(o.skipOnError), systest: s.Has(o.systest)}
	if s.Has(o.partition) {
		c.partition = int32(s.Int(o.partition))
	}
	if s.Has(o.maxMessages) {
		c.max = s.Int(o.maxMessages)
	}
	c.timeout = -1
	if n := s.Int(o.timeout); s.Has(o.timeout) && n >= 0 {
		c.timeout = time.Duration(min(n, int64(1<<40))) * time.Millisecond
	}
	if err := s.Err(); err != nil {
		return nil, optionError(err)
	}
	if err := o.consumerProps(s, c); err != nil {
		return nil, err
	}
	if c.offset, err = o.start(s); err != nil {
		return nil, err
	}
	c.formatter, err = o.buildFormatter(e, s)
	return c, err
}

func (o *consoleConsumerOptions) check(e *env, s *jopt.Set) error {
	if err := o.oneOf(s, o.topic, o.include); err != nil {
		return err
	}
	switch part := s.Has(o.partition); {
	case part && !s.Has(o.topic):
		return failUsage(o.Parser, "The topic is required when partition is specified.")
	case part && s.Has(o.fromBeginning) && s.Has(o.offset):
		return failUsage(o.Parser, "Options from-beginning and offset cannot be specified together.")
	case !part && s.Has(o.offset):
		return failUsage(o.Parser, "The partition is required when offset is specified.")
	}
	if err := o.need(s, o.bootstrap); err != nil {
		return err
	}
	for _, pair := range []struct{ old, now **jopt.Option }{{&o.consumerProperty, &o.commandProperty}, {&o.consumerConfig, &o.commandConfig}} {
		if s.Has(*pair.old) && s.Has(*pair.now) {
			return failUsage(o.Parser, "Options --"+(*pair.old).Name()+" and --"+(*pair.now).Name()+" cannot be specified together.")
		}
	}
	e.oldOption(s, o.consumerProperty, &o.commandProperty)
	e.oldOption(s, o.consumerConfig, &o.commandConfig)
	return nil
}

// oldOption warns of an old option and lets it stand for the new one.
func (e *env) oldOption(s *jopt.Set, old *jopt.Option, now **jopt.Option) {
	if s.Has(old) {
		e.printf("Option --%s is deprecated and will be removed in a future version. Use --%s instead.\n", old.Name(), (*now).Name())
		*now = old
	}
}

func (o *consoleConsumerOptions) consumerProps(s *jopt.Set, c *consoleConsume) error {
	props := map[string]string{}
	if s.Has(o.commandConfig) {
		var err error
		if props, err = loadProps(s.Str(o.commandConfig)); err != nil {
			return err
		}
	}
	extra := keyValues(s.Values(o.commandProperty))
	if err := o.groupOf(s, c, props, extra); err != nil {
		return err
	}
	mergeProps(props, extra)
	reset, set := props["auto.offset.reset"]
	switch {
	case !set && s.Has(o.fromBeginning):
		props["auto.offset.reset"] = "earliest"
	case !set:
		props["auto.offset.reset"] = "latest"
	case s.Has(o.fromBeginning) && reset != "earliest":
		return terse("Can't simultaneously specify --from-beginning and 'auto.offset.reset=%s', please remove one option", reset)
	}
	props["bootstrap.servers"] = s.Str(o.bootstrap)
	if props["client.id"] == "" {
		props["client.id"] = "console-consumer"
	}
	mergeOption(props, "isolation.level", s, o.isolation)
	if c.group == "" {
		c.group = "console-consumer-" + strconv.Itoa(rand.IntN(100000))
		if _, set := props["enable.auto.commit"]; !set {
			props["enable.auto.commit"] = "false"
		}
	}
	c.settings = newSettings(props)
	return optionError(s.Err())
}

// groupOf finds the group's id, which must be the same wherever it is given.
func (o *consoleConsumerOptions) groupOf(s *jopt.Set, c *consoleConsume, file, extra map[string]string) error {
	var ids []string
	add := func(id string, given bool) {
		for _, have := range ids {
			given = given && have != id
		}
		if given {
			ids = append(ids, id)
		}
	}
	add(s.Str(o.group), s.Has(o.group))
	for _, m := range []map[string]string{file, extra} {
		id, ok := m["group.id"]
		add(id, ok)
	}
	if len(ids) > 1 {
		ids = hashed(ids, hashString)
		return failUsage(o.Parser, "The group ids provided in different places (directly using '--group', "+
			"via '--consumer-property', or via '--consumer.config') do not match. Detected group ids: '"+strings.Join(ids, "', '")+"'")
	}
	if len(ids) == 1 {
		c.group = ids[0]
		if c.partition >= 0 || s.Has(o.partition) {
			return failUsage(o.Parser, "Options group and partition cannot be specified together.")
		}
	}
	return nil
}

func (o *consoleConsumerOptions) start(s *jopt.Set) (kgo.Offset, error) {
	if !s.Has(o.offset) {
		if s.Has(o.fromBeginning) {
			return kgo.NewOffset().AtStart(), nil
		}
		return kgo.NewOffset().AtEnd(), nil
	}
	text := s.Str(o.offset)
	switch strings.ToLower(text) {
	case "earliest":
		return kgo.NewOffset().AtStart(), nil
	case "latest":
		return kgo.NewOffset().AtEnd(), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return kgo.Offset{}, failUsage(o.Parser, "The provided offset value '"+text+"' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.")
	}
	return kgo.NewOffset().At(n), nil
}

func (o *consoleConsumerOptions) buildFormatter(e *env, s *jopt.Set) (formatter, error) {
	build, ok := formatters[s.Str(o.formatter)]
	if !ok {
		return nil, failUsage(o.Parser, s.Str(o.formatter))
	}
	if s.Has(o.formatterProperty) && s.Has(o.property) {
		return nil, failUsage(o.Parser, "Options --property and --formatter-property cannot be specified together.")
	}
	e.oldOption(s, o.property, &o.formatterProperty)
	props := map[string]string{}
	if s.Has(o.formatterConfig) {
		var err error
		if props, err = loadProps(s.Str(o.formatterConfig)); err != nil {
			return nil, failUsage(o.Parser, err.Error())
		}
	}
	if d := s.Str(o.keyDeserializer); d != "" {
		props["key.deserializer"] = d
	}
	if d := s.Str(o.valueDeserializer); d != "" {
		props["value.deserializer"] = d
	}
	mergeProps(props, keyValues(s.Values(o.formatterProperty)))
	if err := s.Err(); err != nil {
		return nil, failUsage(o.Parser, err.Error())
	}
	f, err := build(e, props)
	if err != nil {
		return nil, failUsage(o.Parser, err.Error())
	}
	return f, nil
}

// consoleClient is a client for what the command line says to read.
func (e *env) consoleClient(c *consoleConsume) (*kgo.Client, error) {
	opts, err := c.consumerOptions(e)
	if err != nil {
		return nil, err
	}
	switch {
	case c.partition >= 0:
		opts = append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{c.topic: {c.partition: c.offset}}))
	case c.topic != "":
		opts = append(opts, kgo.ConsumeTopics(c.topic))
	default:
		pattern, err := c.topicPattern(c.include)
		if err != nil {
			return nil, err
		}
		opts = append(opts, pattern...)
	}
	if c.partition < 0 {
		group, err := c.groupOptions(c.group)
		if err != nil {
			return nil, err
		}
		opts = append(opts, group...)
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, throw(kafkaError, "Failed to construct kafka consumer: %v", err)
	}
	return cl, nil
}

func (e *env) consoleConsume(c *consoleConsume) error {
	cl, err := e.consoleClient(c)
	if err != nil {
		return err
	}
	if c.partition < 0 && strings.EqualFold(c.str("group.protocol", "classic"), "classic") {
		e.eprintln("The consumer rebalance protocol (KIP-848) is production-ready! Set group.protocol=consumer to try it out. See https://kafka.apache.org/documentation/#consumer_rebalance_protocol")
	}
	ctx, stop := signal.NotifyContext(e.Context, os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := newBufferedOut(e.Stdout)
	n, err := e.printRecords(ctx, cl, c, out)
	flushErr := out.Flush()
	cl.Close() // leaves the group, after the offsets of what was printed are committed
	if err == nil && flushErr != nil {
		e.eprintln("Unable to write to standard out, closing consumer.")
	}
	e.eprintf("Processed a total of %d messages\n", n)
	if c.systest && ctx.Err() != nil {
		e.println("shutdown_complete")
	}
	return err
}

// printRecords prints records until there were enough, none came for too
// long, or ctx ends; n is their number.
func (e *env) printRecords(ctx context.Context, cl *kgo.Client, c *consoleConsume, out *bufferedOut) (n int64, err error) {
	for n < c.max || c.max == -1 {
		wait, cancel := ctx, context.CancelFunc(func() {})
		if c.timeout >= 0 {
			wait, cancel = context.WithTimeout(ctx, c.timeout)
		}
		fs := cl.PollFetches(wait)
		timedOut := wait.Err() != nil
		cancel()
		if ctx.Err() != nil {
			return n, nil
		}
		if fs.NumRecords() == 0 {
			if err := fetchError(fs); err != nil || timedOut {
				e.stopConsuming(err)
				return n, nil
			}
			continue
		}
		for it := fs.RecordIter(); !it.Done() && (n < c.max || c.max == -1); {
			r := it.Next()
			n++
			if err := c.formatter.write(out, r); err != nil {
				if !c.skip {
					return n, err
				}
				e.logLine("ERROR", "Error processing message, skipping this message: ", consoleConsumerClass)
				e.eprintf("%s", trace(err))
			}
			cl.MarkCommitRecords(r)
			if out.err != nil {
				return n, nil
			}
		}
		if out.Flush() != nil {
			return n, nil
		}
	}
	return n, nil
}

// stopConsuming logs why the consumer ends: an error, or nothing came in time.
func (e *env) stopConsuming(err error) {
	if err == nil {
		err = &exception{class: timeoutError, none: true}
	}
	e.logLine("ERROR", "Error processing message, terminating consumer process: ", consoleConsumerClass)
	e.eprintf("%s", trace(err))
}

// fetchError is an error of polling that a Java consumer would throw. What it
// retries, franz-go reports all the same; that is left out.
func fetchError(fs kgo.Fetches) error {
	for _, fe := range fs.Errors() {
		var k *kerr.Error
		if errors.As(fe.Err, &k) && !k.Retriable && k != kerr.UnknownMemberID && k != kerr.IllegalGeneration && k != kerr.RebalanceInProgress {
			return topicError(fe.Err, fe.Topic)
		}
		var big *kgo.ErrDecompressTooLarge
		if errors.As(fe.Err, &big) {
			return throw(kafkaError, "%v", fe.Err)
		}
	}
	return nil
}
