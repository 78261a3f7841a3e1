package tool

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sys/unix"

	"gregor/internal/tool/jopt"
)

// consoleProducerOptions is the table of kafka-console-producer
// (ConsoleProducer of Apache Kafka).
type consoleProducerOptions struct {
	options
	topic, bootstrap, sync, codec                     *jopt.Option
	batchSize, retries, retryBackoff, linger, acks    *jopt.Option
	requestTimeout, metadataExpiry, maxBlock, memory  *jopt.Option
	partitionMemory, reader, socketBuffer             *jopt.Option
	property, readerProperty, readerConfig            *jopt.Option
	producerProperty, commandProperty, producerConfig *jopt.Option
	commandConfig                                     *jopt.Option
}

const readerProperties = "A mechanism to pass user-defined properties in the form key=value to the message reader. This allows custom configuration for a user-defined message reader." +
	"\nDefault properties include:" +
	"\n parse.key=false" +
	"\n parse.headers=false" +
	"\n ignore.error=false" +
	"\n key.separator=\\t" +
	"\n headers.delimiter=\\t" +
	"\n headers.separator=," +
	"\n headers.key.separator=:" +
	"\n null.marker=   When set, any fields (key, value and headers) equal to this will be replaced by null" +
	"\nDefault parsing pattern when:" +
	"\n parse.headers=true and parse.key=true:" +
	"\n  \"h1:v1,h2:v2...\\tkey\\tvalue\"" +
	"\n parse.key=true:" +
	"\n  \"key\\tvalue\"" +
	"\n parse.headers=true:" +
	"\n  \"h1:v1,h2:v2...\\tvalue\""

const removal = "This option will be removed in a future version. Use "

func newConsoleProducerOptions() consoleProducerOptions {
	o := consoleProducerOptions{options: newOptions()}
	o.topic = o.Accepts("topic", "REQUIRED: The topic name to produce messages to.").Arg("topic")
	o.bootstrap = o.Accepts("bootstrap-server", "REQUIRED: The server(s) to connect to. The broker list string in the form HOST1:PORT1,HOST2:PORT2.").Arg("server to connect to")
	o.sync = o.Accepts("sync", "If set message send requests to the brokers are synchronously, one at a time as they arrive.")
	o.codec = o.Accepts("compression-codec", "The compression codec: either 'none', 'gzip', 'snappy', 'lz4', or 'zstd'."+
		"If specified without value, then it defaults to 'gzip'").OptionalArg("compression-codec")
	const batching = "The buffer size in bytes allocated for a partition. " +
		"When records are received which are smaller than this size the producer " +
		"will attempt to optimistically group them together until this size is reached. " +
		"This is the option to control batch.size in producer configs. "
	o.batchSize = o.Accepts("batch-size", batching+"Please note that this option will be replaced if max-partition-memory-bytes is also set.").
		Arg("size").OfType(jopt.Integer).Default("16384")
	o.retries = o.Accepts("message-send-max-retries", "Brokers can fail receiving the message for multiple reasons, "+
		"and being unavailable transiently is just one of them. This property specifies the number of retries before the producer give up and drop this message. "+
		"This is the option to control `retries` in producer configs.").Arg("").OfType(jopt.Integer).Default("3")
	o.retryBackoff = o.Accepts("retry-backoff-ms", "Before each retry, the producer refreshes the metadata of relevant topics. "+
		"Since leader election takes a bit of time, this property specifies the amount of time that the producer waits before refreshing the metadata. "+
		"This is the option to control `retry.backoff.ms` in producer configs.").Arg("").OfType(jopt.Long).Default("100")
	o.linger = o.Accepts("timeout", "If set and the producer is running in asynchronous mode, this gives the maximum amount of time"+
		" a message will queue awaiting sufficient batch size. The value is given in ms. "+
		"This is the option to control `linger.ms` in producer configs.").Arg("timeout_ms").OfType(jopt.Long).Default("1000")
	o.acks = o.Accepts("request-required-acks", "The required `acks` of the producer requests").Arg("request required acks").Default("-1")
	o.requestTimeout = o.Accepts("request-timeout-ms", "The ack timeout of the producer requests. Value must be non-negative and non-zero.").
		Arg("request timeout ms").OfType(jopt.Integer).Default("1500")
	o.metadataExpiry = o.Accepts("metadata-expiry-ms", "The period of time in milliseconds after which we force a refresh of metadata even if we haven't seen any leadership changes. "+
		"This is the option to control `metadata.max.age.ms` in producer configs.").Arg("metadata expiration interval").OfType(jopt.Long).Default("300000")
	o.maxBlock = o.Accepts("max-block-ms", "The max time that the producer will block for during a send request.").
		Arg("max block on send").OfType(jopt.Long).Default("60000")
	o.memory = o.Accepts("max-memory-bytes", "The total memory used by the producer to buffer records waiting to be sent to the server. "+
		"This is the option to control `buffer.memory` in producer configs.").Arg("total memory in bytes").OfType(jopt.Long).Default("33554432")
	o.partitionMemory = o.Accepts("max-partition-memory-bytes", "(Deprecated) "+batching+"This option will be removed in Apache Kafka 5.0. Use --batch-size instead.").
		Arg("memory in bytes per partition").OfType(jopt.Integer).Default("16384")
	o.reader = o.Accepts("line-reader", "The class name of the class to use for reading lines from standard in. "+
		"By default each line is read as a separate message.").Arg("reader_class").Default(lineReader)
	o.socketBuffer = o.Accepts("socket-buffer-size", "The size of the tcp RECV size. "+
		"This is the option to control `send.buffer.bytes` in producer configs.").Arg("size").OfType(jopt.Integer).Default("102400")
	o.addProperties()
	return o
}

func (o *consoleProducerOptions) addProperties() {
	o.property = o.Accepts("property", "(DEPRECATED) "+readerProperties+"\n "+removal+"--reader-property instead.").Arg("prop")
	o.readerProperty = o.Accepts("reader-property", readerProperties).Arg("prop")
	o.readerConfig = o.Accepts("reader-config", "Config properties file for the message reader. Note that "+o.readerProperty.String()+" takes precedence over this config.").Arg("config file")
	const form = "Producer config properties in the form key=value."
	o.producerProperty = o.Accepts("producer-property", "(DEPRECATED) "+form+" "+removal+"--command-property instead.").Arg("producer_prop")
	o.commandProperty = o.Accepts("command-property", form).Arg("producer_prop")
	note := "Producer config properties file. Note that " + o.commandProperty.String() + " takes precedence over this config."
	o.producerConfig = o.Accepts("producer.config", "(DEPRECATED) "+note+" "+removal+"--command-config instead.").Arg("config file")
	o.commandConfig = o.Accepts("command-config", note).Arg("config file")
}

// lineReader is the only message reader there is.
const lineReader = "org.apache.kafka.tools.LineMessageReader"

func runConsoleProducer(e *env, args []string) int {
	err := e.consoleProducer(args)
	if status, done := e.usageError(err); done {
		return status
	}
	if err == nil {
		return 0
	}
	if isOptionError(err) {
		e.eprintln(err)
	} else {
		e.eprintf("%s", trace(err))
	}
	return 1
}

func (e *env) consoleProducer(args []string) error {
	o := newConsoleProducerOptions()
	set, err := o.parse(args)
	if err != nil {
		return failUsage(o.Parser, err.Error())
	}
	if err := o.check(e, set, args); err != nil {
		return err
	}
	reader, err := o.lineReader(set)
	if err != nil {
		return err
	}
	props, err := o.producerProps(set)
	if err != nil {
		return err
	}
	conf := newSettings(props)
	opts, err := conf.producerOptions(e, 0)
	if err != nil {
		return err
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return throw(kafkaError, "Failed to construct kafka producer: %v", err)
	}
	defer cl.Close()
	err = e.sendLines(conf.topicGate(cl, reader.topic), reader, set.Has(o.sync))
	cl.Flush(e.Context) // what was read before an error is sent all the same
	return err
}

func (o *consoleProducerOptions) check(e *env, s *jopt.Set, args []string) error {
	if err := o.helpOrVersion(s, args, "This tool helps to read data from standard input and publish it to Kafka."); err != nil {
		return err
	}
	if err := o.need(s, o.topic); err != nil {
		return err
	}
	for _, pair := range [][2]*jopt.Option{{o.commandConfig, o.producerConfig}, {o.commandProperty, o.producerProperty}, {o.readerProperty, o.property}} {
		if s.Has(pair[0]) && s.Has(pair[1]) {
			return failUsage(o.Parser, "Options --"+pair[0].Name()+" and --"+pair[1].Name()+" cannot be specified together.")
		}
	}
	e.deprecated(s, o.producerProperty, &o.commandProperty)
	e.deprecated(s, o.producerConfig, &o.commandConfig)
	e.deprecated(s, o.property, &o.readerProperty)
	if s.Has(o.partitionMemory) {
		e.println("Warning: --max-partition-memory-bytes is deprecated and will be removed in Apache Kafka 5.0. Use --batch-size instead.")
	}
	if why := badBootstrap(s.Str(o.bootstrap)); why != "" {
		return failUsage(o.Parser, why)
	}
	return nil
}

// deprecated warns of an old option and lets it stand for the new one.
func (e *env) deprecated(s *jopt.Set, old *jopt.Option, now **jopt.Option) {
	if s.Has(old) {
		e.printf("Warning: --%s is deprecated and will be removed in a future version. Use --%s instead.\n", old.Name(), (*now).Name())
		*now = old
	}
}

// badBootstrap says what is wrong with a list of addresses
// (ToolsUtils.validateBootstrapServer).
func badBootstrap(list string) string {
	if strings.TrimSpace(list) == "" {
		return "Error while validating the bootstrap address\n"
	}
	for _, a := range strings.Split(list, ",") {
		if hostPort.FindStringSubmatch(a) == nil {
			return "Please provide valid host:port like host1:9091,host2:9092\n"
		}
	}
	return ""
}

// producerProps are the producer's settings: of the file, over them those of
// the command line, and the tool's own defaults.
func (o *consoleProducerOptions) producerProps(s *jopt.Set) (map[string]string, error) {
	props := map[string]string{}
	if s.Has(o.commandConfig) {
		var err error
		if props, err = loadProps(s.Str(o.commandConfig)); err != nil {
			return nil, err
		}
	}
	mergeProps(props, keyValues(s.Values(o.commandProperty)))
	props["bootstrap.servers"] = s.Str(o.bootstrap)
	props["compression.type"] = "none"
	if s.Has(o.codec) {
		if props["compression.type"] = s.Str(o.codec); props["compression.type"] == "" {
			props["compression.type"] = "gzip"
		}
	}
	if props["client.id"] == "" {
		props["client.id"] = "console-producer"
	}
	for _, m := range []struct {
		key string
		opt *jopt.Option
	}{
		{"linger.ms", o.linger}, {"acks", o.acks}, {"request.timeout.ms", o.requestTimeout}, {"retries", o.retries},
		{"retry.backoff.ms", o.retryBackoff}, {"send.buffer.bytes", o.socketBuffer}, {"buffer.memory", o.memory},
		{"batch.size", o.batchSize}, {"batch.size", o.partitionMemory}, {"metadata.max.age.ms", o.metadataExpiry}, {"max.block.ms", o.maxBlock},
	} {
		mergeOption(props, m.key, s, m.opt)
	}
	return props, optionError(s.Err())
}

// mergeOption sets a setting from an option: given, it wins over the setting;
// not given, its default is for a setting that nobody made.
func mergeOption(props map[string]string, key string, s *jopt.Set, o *jopt.Option) {
	if _, there := props[key]; there && !s.Has(o) {
		return
	}
	v, ok := s.Value(o)
	if !ok {
		delete(props, key)
		return
	}
	props[key] = v
}

func (o *consoleProducerOptions) lineReader(s *jopt.Set) (*lineParser, error) {
	if c := s.Str(o.reader); c != lineReader {
		return nil, throw("java.lang.ClassNotFoundException", "%s", c)
	}
	props := map[string]string{}
	if s.Has(o.readerConfig) {
		var err error
		if props, err = loadProps(s.Str(o.readerConfig)); err != nil {
			return nil, err
		}
	}
	props["topic"] = s.Str(o.topic)
	mergeProps(props, keyValues(s.Values(o.readerProperty)))
	if err := s.Err(); err != nil {
		return nil, optionError(err)
	}
	return newLineParser(props)
}

// sendLines sends a record per line until the input ends.
func (e *env) sendLines(gate *topicGate, p *lineParser, sync bool) error {
	in := newLineScanner(e.Stdin)
	prompt := isTerminal(e.Stdin) && isTerminal(e.Stdout)
	for n := 1; e.Context.Err() == nil; n++ {
		if prompt {
			e.printf(">")
		}
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return throw(kafkaError, "java.io.IOException: %v", err)
		}
		r, err := p.parse(line, n)
		if err != nil {
			return err
		}
		err = gate.await(e.Context)
		switch {
		case sync && err == nil:
			err = gate.cl.ProduceSync(e.Context, r).FirstErr()
			fallthrough
		case sync:
			if err != nil {
				return execution(recordError(err, r.Topic))
			}
		case err != nil:
			e.logSendError(r, err)
		default:
			gate.cl.Produce(e.Context, r, e.logSendError)
		}
	}
	return nil
}

// logSendError is Kafka's ErrorLoggingCallback.
func (e *env) logSendError(r *kgo.Record, err error) {
	if err == nil {
		return
	}
	e.logLine("ERROR", "Error when sending message to topic "+r.Topic+" with key: "+byteCount(r.Key)+", value: "+byteCount(r.Value)+
		" with error:", "org.apache.kafka.clients.producer.internals.ErrorLoggingCallback")
	e.eprintf("%s", trace(recordError(err, r.Topic)))
}

func byteCount(b []byte) string {
	if b == nil {
		return "null"
	}
	return formatInt(int64(len(b))) + " bytes"
}

// lineScanner splits as Java's BufferedReader: a line ends with \n, \r or
// \r\n, and the last one may have no end.
type lineScanner struct {
	r      *bufio.Reader
	skipLF bool
}

func newLineScanner(r io.Reader) *lineScanner { return &lineScanner{r: bufio.NewReaderSize(r, 64<<10)} }

// maxLine is the length of the longest line that is read, in bytes.
const maxLine = 1 << 30

func (s *lineScanner) next() (string, error) {
	var b []byte
	for first := true; ; first = false {
		c, err := s.r.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) && len(b) > 0 {
				return toUTF8(b), nil
			}
			return "", err
		}
		if first && s.skipLF && c == '\n' {
			s.skipLF, first = false, false
			continue
		}
		s.skipLF = c == '\r'
		if c == '\n' || c == '\r' {
			return toUTF8(b), nil
		}
		if len(b) == maxLine {
			return "", bufio.ErrTooLong
		}
		b = append(b, c)
	}
}

// toUTF8 replaces what is not UTF-8, as reading text in Java does.
func toUTF8(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

// isTerminal reports whether a person sits at the other end.
func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// recordError is why a record could not be sent, as Java's producer says it.
func recordError(err error, topic string) error {
	var ne net.Error
	var x *exception
	switch {
	case errors.As(err, &x):
		return x
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrRecordRetries), errors.Is(err, context.DeadlineExceeded), errors.As(err, &ne):
		return throw(timeoutError, "Expiring record(s): %v", err)
	}
	return topicError(err, topic)
}
