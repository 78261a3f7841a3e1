package tool

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"gregor/internal/tool/argparse"
)

// connectionArg is the group of arguments that name the cluster.
func connectionArg(p *argparse.Parser, help string) {
	p.Mutex("Connection Group", true).Description("Group of arguments for connection to brokers").
		Arg("--bootstrap-server").Dest("bootstrapServer").Metavar("HOST1:PORT1[,HOST2:PORT2[...]]").
		Help(help + "The server(s) to connect to. Comma-separated list of Kafka brokers in the form HOST1:PORT1,HOST2:PORT2,...")
}

// verifiableProducerTable is the table of kafka-verifiable-producer
// (VerifiableProducer of Apache Kafka).
func verifiableProducerTable() *argparse.Parser {
	p := argparse.New("verifiable-producer", "This tool produces increasing integers to the specified topic and prints JSON metadata to stdout on each \"send\" request, making externally visible which messages have been acked and which have not.").DefaultHelp()
	p.Arg("--topic").Required().Metavar("TOPIC").Help("Produce messages to this topic.")
	connectionArg(p, "REQUIRED: ")
	p.Arg("--max-messages").Default("-1").Type(argparse.Integer).Dest("maxMessages").Metavar("MAX-MESSAGES").
		Help("Produce this many messages. If -1, produce messages until the process is killed externally.")
	p.Arg("--throughput").Default("-1").Type(argparse.Integer).Metavar("THROUGHPUT").
		Help("If set >= 0, throttle maximum message throughput to *approximately* THROUGHPUT messages/sec.")
	p.Arg("--acks").Default("-1").Type(argparse.Integer).Choices("0", "1", "-1").Metavar("ACKS").
		Help("Acks required on each produced message. See Kafka docs on acks for details.")
	p.Arg("--producer.config").Metavar("CONFIG-FILE").Help("(DEPRECATED) Producer config properties file. " + removal + "--command-config instead.")
	p.Arg("--message-create-time").Default("-1").Type(argparse.Long).Metavar("CREATE-TIME").Dest("createTime").
		Help("Send messages with creation time starting at the arguments value, in milliseconds since epoch")
	p.Arg("--value-prefix").Type(argparse.Integer).Metavar("VALUE-PREFIX").Dest("valuePrefix").
		Help("If specified, each produced value will have this prefix with a dot separator")
	p.Arg("--repeating-keys").Type(argparse.Integer).Metavar("REPEATING-KEYS").Dest("repeatingKeys").
		Help("If specified, each produced record will have a key starting at 0 increment by 1 up to the number specified (exclusive), then the key is set to 0 again")
	p.Arg("--command-config").Metavar("CONFIG-FILE").Dest("commandConfigFile").
		Help("Config properties file (config options shared with command line parameters will be overridden).")
	return p
}

// verifiableProducer is one run.
type verifiableProducer struct {
	events
	e          *env
	topic      string
	max        int64 // < 0: until the process is stopped
	throughput int64
	prefix     string
	keys       int64 // 0: none
	created    int64 // ms, < 0: now
	start      time.Time
	sent       int64
	acked      atomic.Int64
}

func runVerifiableProducer(e *env, args []string) int {
	p := verifiableProducerTable()
	if len(args) == 0 {
		p.PrintHelp(e.Stdout, 0)
		return 0
	}
	ns, _, stop := e.argsOf(p, args)
	if stop {
		return 1 // also after --help, as Kafka's
	}
	props := map[string]string{
		"bootstrap.servers": ns.Str("bootstrapServer"), "acks": ns.Str("acks"), "retries": "0",
	}
	if why := e.verifiableConfig(ns, props, "producer.config"); why != "" {
		p.Fail(why).Print(e.Stderr, 0)
		return 1
	}
	v := &verifiableProducer{
		events: events{now: e.Now, out: e.Stdout}, e: e, topic: ns.Str("topic"), max: ns.Int("maxMessages"),
		throughput: ns.Int("throughput"), created: ns.Int("createTime"), keys: ns.Int("repeatingKeys"), start: e.Now(),
	}
	if ns.Has("valuePrefix") {
		v.prefix = ns.Str("valuePrefix") + "."
	}
	return e.thrown(0, v.run(props))
}

// verifiableConfig puts the settings of the file over props; why is what is
// wrong with the command line.
func (e *env) verifiableConfig(ns *argparse.Namespace, props map[string]string, old string) (why string) {
	file := ns.Str("commandConfigFile")
	if oldFile := ns.Str(old); oldFile != "" {
		if file != "" {
			return "Options --" + old + " and --command-config are mutually exclusive."
		}
		e.printf("Option --%s has been deprecated and will be removed in a future version. Use --command-config instead.\n", old)
		file = oldFile
	}
	if file == "" {
		return ""
	}
	m, err := loadProps(file)
	if err != nil {
		return err.Error()
	}
	mergeProps(props, m)
	return ""
}

func (v *verifiableProducer) run(props map[string]string) error {
	set := newSettings(props)
	opts, err := set.producerOptions(v.e, 100)
	if err != nil {
		return err
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return throw(kafkaError, "Failed to construct kafka producer: %v", err)
	}
	ctx, stop := signal.NotifyContext(v.e.Context, os.Interrupt, syscall.SIGTERM)
	defer stop()
	begin := v.e.Now()
	v.print("startup_complete")
	v.send(ctx, set.topicGate(cl, v.topic), begin)
	cl.Flush(v.e.Context) // what cannot be sent was printed as an error
	cl.Close()
	v.print("shutdown_complete")
	elapsed := float64(v.e.Now().UnixMilli() - begin.UnixMilli())
	acked := v.acked.Load()
	v.print("tool_data", intField("sent", v.sent), intField("acked", acked), intField("target_throughput", v.throughput),
		field{"avg_throughput", jsonDouble(1000 * (float64(acked) / elapsed))})
	return nil
}

func (v *verifiableProducer) send(ctx context.Context, gate *topicGate, begin time.Time) {
	th := newThrottler(float64(v.throughput), begin)
	for i := int64(0); (v.max < 0 || i < v.max) && ctx.Err() == nil; i++ {
		now := v.e.Now()
		r := &kgo.Record{Topic: v.topic, Value: []byte(v.prefix + formatInt(i))}
		if v.keys > 0 {
			r.Key = strconv.AppendInt(nil, i%v.keys, 10)
		}
		if v.created >= 0 {
			r.Timestamp = time.UnixMilli(v.created)
			v.created += now.UnixMilli() - v.start.UnixMilli()
		}
		v.sent++
		if err := gate.await(ctx); err != nil {
			v.done(r, err)
		} else {
			gate.cl.Produce(v.e.Context, r, v.done)
		}
		th.wait(ctx, i, now)
	}
}

func (v *verifiableProducer) done(r *kgo.Record, err error) {
	key, value := nullableField("key", r.Key), nullableField("value", r.Value)
	if err == nil {
		v.acked.Add(1)
		v.print("producer_send_success", key, value, intField("offset", r.Offset), strField("topic", r.Topic), intField("partition", int64(r.Partition)))
		return
	}
	x := recordError(err, r.Topic)
	v.print("producer_send_error", strField("topic", r.Topic), key, value, strField("exception", "class "+class(x)), strField("message", x.Error()))
}
