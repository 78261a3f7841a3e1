package tool

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/tool/argparse"
)

const (
	rangeAssignor      = "org.apache.kafka.clients.consumer.RangeAssignor"
	roundRobinAssignor = "org.apache.kafka.clients.consumer.RoundRobinAssignor"
)

// verifiableConsumerTable is the table of kafka-verifiable-consumer
// (VerifiableConsumer of Apache Kafka).
func verifiableConsumerTable() *argparse.Parser {
	p := argparse.New("verifiable-consumer", "This tool consumes messages from a specific topic and emits consumer events (e.g. group rebalances, received messages, and offsets committed) as JSON objects to STDOUT.").DefaultHelp()
	connectionArg(p, "")
	p.Arg("--topic").Required().Metavar("TOPIC").Help("Consumes messages from this topic.")
	p.Arg("--group-protocol").Default("classic").Dest("groupProtocol").Metavar("GROUP-PROTOCOL").
		Help("Group protocol (must be one of CLASSIC, CONSUMER)")
	p.Arg("--group-remote-assignor").Dest("groupRemoteAssignor").Metavar("GROUP-REMOTE-ASSIGNOR").
		Help("Group remote assignor; only used if the group protocol is CONSUMER")
	p.Arg("--group-id").Required().Dest("groupId").Metavar("GROUP-ID").Help("The group id of the consumer group")
	p.Arg("--group-instance-id").Dest("groupInstanceId").Metavar("GROUP-INSTANCE-ID").Help("A unique identifier of the consumer instance")
	p.Arg("--max-messages").Default("-1").Type(argparse.Integer).Dest("maxMessages").Metavar("MAX-MESSAGES").
		Help("Consume this many messages. If -1 (the default), the consumer will consume until the process is killed externally")
	p.Arg("--session-timeout").Type(argparse.Integer).Dest("sessionTimeout").Metavar("TIMEOUT-MS").
		Help("Set the consumer's session timeout, note that this configuration is not supported when group protocol is consumer")
	p.Arg("--verbose").StoreTrue().Metavar("VERBOSE").Help("Enable to log individual consumed records")
	p.Arg("--enable-autocommit").StoreTrue().Dest("useAutoCommit").Metavar("ENABLE-AUTOCOMMIT").Help("Enable offset auto-commit on consumer")
	p.Arg("--reset-policy").Default("earliest").Dest("resetPolicy").Metavar("RESET-POLICY").
		Help("Set reset policy (must be either 'earliest', 'latest', or 'none')")
	p.Arg("--assignment-strategy").Default(rangeAssignor).Dest("assignmentStrategy").Metavar("ASSIGNMENT-STRATEGY").
		Help("Set assignment strategy (e.g. " + roundRobinAssignor + "); only used if the group protocol is CLASSIC")
	p.Arg("--consumer.config").Metavar("CONFIG-FILE").Help("(DEPRECATED) Consumer config properties file. " + removal + "--command-config instead")
	p.Arg("--command-config").Metavar("CONFIG-FILE").Dest("commandConfigFile").
		Help("Config properties file (config options shared with command line parameters will be overridden).")
	return p
}

// verifiableConsumer is one run.
type verifiableConsumer struct {
	events
	e          *env
	max        int64 // < 0: until the process is stopped
	autoCommit bool
	verbose    bool
	consumed   int64
}

func runVerifiableConsumer(e *env, args []string) int {
	p := verifiableConsumerTable()
	if len(args) == 0 {
		p.PrintHelp(e.Stdout, 0)
		return 0
	}
	ns, _, stop := e.argsOf(p, args)
	if stop {
		return 1 // also after --help, as Kafka's
	}
	props := map[string]string{}
	if why := e.verifiableConfig(ns, props, "consumer.config"); why != "" {
		p.Fail(why).Print(e.Stderr, 0)
		return 1
	}
	protocol := strings.ToLower(ns.Str("groupProtocol"))
	if protocol != "classic" && protocol != "consumer" {
		return e.thrown(0, badArgument("No enum constant org.apache.kafka.clients.consumer.GroupProtocol.%s", strings.ToUpper(protocol)))
	}
	props["group.protocol"] = protocol
	if protocol == "classic" {
		props["partition.assignment.strategy"] = ns.Str("assignmentStrategy")
	} else if ns.Has("groupRemoteAssignor") {
		props["group.remote.assignor"] = ns.Str("groupRemoteAssignor")
	}
	for key, dest := range map[string]string{"session.timeout.ms": "sessionTimeout", "group.instance.id": "groupInstanceId"} {
		if ns.Has(dest) {
			props[key] = ns.Str(dest)
		}
	}
	mergeProps(props, map[string]string{
		"group.id": ns.Str("groupId"), "bootstrap.servers": ns.Str("bootstrapServer"),
		"enable.auto.commit": ns.Str("useAutoCommit"), "auto.offset.reset": ns.Str("resetPolicy"),
	})
	v := &verifiableConsumer{events: events{now: e.Now, out: e.Stdout}, e: e, max: ns.Int("maxMessages"), autoCommit: ns.Bool("useAutoCommit"), verbose: ns.Bool("verbose")}
	return e.thrown(0, v.run(newSettings(props), ns.Str("topic")))
}

func (v *verifiableConsumer) run(s *settings, topic string) error {
	opts, err := s.consumerOptions(v.e)
	if err != nil {
		return err
	}
	group, err := s.groupOptions(s.m["group.id"])
	if err != nil {
		return err
	}
	poll := s.num("max.poll.records", 500, 1)
	if s.err != nil {
		return s.err
	}
	report := func(name string) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
			v.print(name, field{"partitions", partitionList(parts)})
		}
	}
	ctx, stop := signal.NotifyContext(v.e.Context, os.Interrupt, syscall.SIGTERM)
	defer stop()
	v.print("startup_complete")
	cl, err := kgo.NewClient(append(append(opts, group...),
		kgo.ConsumeTopics(topic), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(report("partitions_assigned")), kgo.OnPartitionsRevoked(report("partitions_revoked")),
		kgo.OnPartitionsLost(report("partitions_revoked")))...)
	if err != nil {
		return throw(kafkaError, "Failed to construct kafka consumer: %v", err)
	}
	v.consume(ctx, cl, int(min(poll, 1<<30)))
	requested := ctx.Err() != nil
	if requested {
		v.print("shutdown_requested")
	}
	cl.AllowRebalance()
	cl.Close()
	v.print("shutdown_complete")
	if !requested {
		v.print("shutdown_requested") // Kafka's says so whenever it ends
	}
	return nil
}

func (v *verifiableConsumer) finished() bool { return v.max >= 0 && v.consumed >= v.max }

func (v *verifiableConsumer) consume(ctx context.Context, cl *kgo.Client, poll int) {
	for !v.finished() {
		fs := cl.PollRecords(ctx, poll)
		if ctx.Err() != nil {
			return
		}
		if fs.NumRecords() == 0 {
			cl.AllowRebalance()
			if err := fetchError(fs); err != nil {
				v.e.logLine("ERROR", "Error during processing, terminating consumer process: ", v.e.tool.Class)
				v.e.eprintf("%s", trace(err))
				return
			}
			continue
		}
		offsets, list := v.received(fs, cl)
		if !v.autoCommit {
			v.commit(cl, offsets, list)
		}
		cl.AllowRebalance()
	}
}

// received prints what came. It gives the offsets to commit, also as they are
// printed.
func (v *verifiableConsumer) received(fs kgo.Fetches, cl *kgo.Client) (map[string]map[int32]kgo.EpochOffset, []string) {
	offsets := map[string]map[int32]kgo.EpochOffset{}
	var summaries, commits []string
	fs.EachPartition(func(p kgo.FetchTopicPartition) {
		records := p.Records
		if v.finished() || len(records) == 0 {
			return
		}
		if v.max >= 0 && v.consumed+int64(len(records)) > v.max {
			records = records[:v.max-v.consumed]
		}
		first, last := records[0], records[len(records)-1]
		if offsets[p.Topic] == nil {
			offsets[p.Topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[p.Topic][p.Partition] = kgo.EpochOffset{Epoch: -1, Offset: last.Offset + 1}
		where := []field{strField("topic", p.Topic), intField("partition", int64(p.Partition))}
		commits = append(commits, object(append(where, intField("offset", last.Offset+1))...))
		summaries = append(summaries, object(strField("topic", p.Topic), intField("partition", int64(p.Partition)),
			intField("count", int64(len(records))), intField("minOffset", first.Offset), intField("maxOffset", last.Offset)))
		for _, r := range records {
			if v.verbose {
				v.print("record_data", nullableField("key", r.Key), nullableField("value", r.Value),
					strField("topic", r.Topic), intField("partition", int64(r.Partition)), intField("offset", r.Offset))
			}
		}
		cl.MarkCommitRecords(last)
		v.consumed += int64(len(records))
	})
	v.print("records_consumed", intField("count", int64(fs.NumRecords())), field{"partitions", array(summaries)})
	return offsets, commits
}

func (v *verifiableConsumer) commit(cl *kgo.Client, offsets map[string]map[int32]kgo.EpochOffset, list []string) {
	var failed error
	cl.CommitOffsetsSync(v.e.Context, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		if err != nil {
			failed = protocolError(err)
			return
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if failed == nil {
					failed = codeError(p.ErrorCode, nil)
				}
			}
		}
	})
	fields := []field{{"offsets", array(list)}}
	if failed != nil {
		fields = append(fields, strField("error", failed.Error()))
	}
	v.print("offsets_committed", append(fields, field{"success", map[bool]string{true: "true", false: "false"}[failed == nil]})...)
}
