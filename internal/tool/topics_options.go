package tool

import (
	"slices"
	"sort"
	"strings"

	"gregor/internal/config"
	"gregor/internal/tool/jopt"
)

// topicsOptions is the table of kafka-topics (KIP-377).
type topicsOptions struct {
	options
	server, commandConfig                          *jopt.Option
	list, create, remove, alter, describe          *jopt.Option
	topic, topicID, config, deleteConfig           *jopt.Option
	partitions, replication, assignment            *jopt.Option
	underReplicated, unavailable, underMin, atMin  *jopt.Option
	overrides, ifExists, ifNotExists, exclInternal *jopt.Option
	pageSize                                       *jopt.Option
}

// useConfigs is where settings of topics are changed.
const useConfigs = " (To alter topic configurations, the kafka-configs tool can be used.)"

func newTopicsOptions() *topicsOptions {
	o := &topicsOptions{options: newOptions()}
	o.server = o.Accepts("bootstrap-server", "REQUIRED: the server to ask.").Arg("server to connect to")
	o.commandConfig = o.Accepts("command-config", "A file of properties for the admin client.").Arg("command config property file")
	o.list = o.Accepts("list", "Print the names of the topics.")
	o.create = o.Accepts("create", "Make a topic.")
	o.remove = o.Accepts("delete", "Remove a topic.")
	o.alter = o.Accepts("alter", "Change how many partitions a topic has, and where."+useConfigs)
	o.describe = o.Accepts("describe", "Print what there is to know of topics.")
	o.topic = o.Accepts("topic", "The topic to create, alter, describe or delete. All but --create take a regular expression too.").Arg("topic")
	o.topicID = o.Accepts("topic-id", "The id of the topic to describe.").Arg("topic-id")
	o.config = o.Accepts("config", "A setting of the topic that is created, with --create only. Settings are:\n"+
		settingNames(config.Topic)+"\nTheir meaning is in the documentation of topic configs."+useConfigs).Arg("name=value")
	o.deleteConfig = o.Accepts("delete-config", "Has no effect since 4.0.").Arg("name")
	o.partitions = o.Accepts("partitions", "How many partitions the topic gets; without it a new topic gets the cluster's default. "+
		"(WARNING: more partitions for a topic with keys send keys to other partitions than before.)").Arg("# of partitions").OfType(jopt.Integer)
	o.replication = o.Accepts("replication-factor", "How many replicas each partition of the new topic gets; the cluster's default without it.").Arg("replication factor").OfType(jopt.Integer)
	o.assignment = o.Accepts("replica-assignment", "Which brokers hold each partition of the topic that is created or altered.").
		Arg("broker_id_for_part1_replica1 : broker_id_for_part1_replica2 , broker_id_for_part2_replica1 : broker_id_for_part2_replica2 , ...")
	o.underReplicated = o.Accepts("under-replicated-partitions", "Describe only partitions that miss in-sync replicas.")
	o.unavailable = o.Accepts("unavailable-partitions", "Describe only partitions without a live leader.")
	o.underMin = o.Accepts("under-min-isr-partitions", "Describe only partitions with fewer in-sync replicas than min.insync.replicas.")
	o.atMin = o.Accepts("at-min-isr-partitions", "Describe only partitions with exactly min.insync.replicas in-sync replicas.")
	o.overrides = o.Accepts("topics-with-overrides", "Describe only topics that have settings of their own.")
	o.ifExists = o.Accepts("if-exists", "With --alter, --delete and --describe: a topic that does not exist is no error.")
	o.ifNotExists = o.Accepts("if-not-exists", "With --create: a topic that exists already is no error; the request is sent all the same.")
	o.exclInternal = o.Accepts("exclude-internal", "Leave internal topics out when listing or describing.")
	o.pageSize = o.Accepts("partition-size-limit-per-response", "How many partitions one response of DescribeTopicPartitions holds at most.").
		Arg("maximum number of partitions per response").OfType(jopt.Integer)
	return o
}

// settingNames lists a table of settings for help, one to a line.
func settingNames(t *config.Table) string {
	var names []string
	for _, k := range t.Keys() {
		if !k.Internal && !k.Old {
			names = append(names, "\t"+k.Name)
		}
	}
	sort.Strings(names)
	return strings.Join(names, "\n")
}

// check is what must and must not be given together.
func (o *topicsOptions) check(e *env, s *jopt.Set, args []string) error {
	if len(args) == 0 {
		return failUsage(o.Parser, "Create, delete, describe, or change a topic.")
	}
	if err := o.helpOrVersion(s, args, "This tool helps to create, delete, describe, or change a topic."); err != nil {
		return err
	}
	if count(s, o.create, o.list, o.alter, o.describe, o.remove) != 1 {
		return failUsage(o.Parser, "Command must include exactly one action: --list, --describe, --create, --alter or --delete")
	}
	if s.Has(o.deleteConfig) {
		e.eprintln("delete-config option is no longer supported and deprecated since version 4.0. The config will be fully removed in future releases.")
	}
	if err := o.checkRequired(e, s); err != nil {
		return err
	}
	return o.checkInvalid(s)
}

func (o *topicsOptions) checkRequired(e *env, s *jopt.Set) error {
	if !s.Has(o.server) {
		return badArgument("--bootstrap-server must be specified")
	}
	if s.Has(o.describe) && s.Has(o.ifExists) {
		if !s.Has(o.topic) && !s.Has(o.topicID) {
			return failUsage(o.Parser, "--topic or --topic-id is required to describe a topic")
		}
		if s.Has(o.topic) && s.Has(o.topicID) {
			e.println("Only topic id will be used when both --topic and --topic-id are specified and topicId is not Uuid.ZERO_UUID")
		}
	}
	if !s.Has(o.list) && !s.Has(o.describe) {
		if err := o.need(s, o.topic); err != nil {
			return err
		}
	}
	if s.Has(o.alter) {
		if s.Has(o.config) {
			return failUsage(o.Parser, `Option combination "[[bootstrap-server], [config]]" can't be used with option "[alter]"`+useConfigs)
		}
		return o.need(s, o.partitions)
	}
	return nil
}

func (o *topicsOptions) checkInvalid(s *jopt.Set) error {
	actions := []*jopt.Option{o.alter, o.create, o.describe, o.list, o.remove}
	but := func(allowed ...*jopt.Option) []*jopt.Option {
		var out []*jopt.Option
		for _, a := range actions {
			if !slices.Contains(allowed, a) {
				out = append(out, a)
			}
		}
		return out
	}
	reports := []*jopt.Option{o.underReplicated, o.underMin, o.atMin, o.unavailable}
	type rule struct {
		used   *jopt.Option
		others []*jopt.Option
	}
	rules := []rule{
		{o.config, but(o.alter, o.create)},
		{o.partitions, but(o.alter, o.create)},
		{o.replication, but(o.create)},
		{o.assignment, but(o.alter, o.create)},
	}
	if s.Has(o.create) {
		rules = append(rules, rule{o.assignment, []*jopt.Option{o.partitions, o.replication}})
	}
	for _, r := range reports {
		rules = append(rules, rule{r, append(but(o.describe), o.overrides)})
	}
	rules = append(rules,
		rule{o.overrides, append(but(o.describe), reports...)},
		rule{o.ifExists, but(o.alter, o.remove, o.describe)},
		rule{o.ifNotExists, but(o.create)},
		rule{o.exclInternal, but(o.list, o.describe)})
	for _, r := range rules {
		if err := o.clash(s, r.used, r.others...); err != nil {
			return err
		}
	}
	return nil
}
