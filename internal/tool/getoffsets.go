package tool

import (
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"gregor/internal/tool/jopt"
)

// getOffsetsOptions is the table of kafka-get-offsets (KIP-635, KIP-815).
type getOffsetsOptions struct {
	options
	server, topicPartitions, topic, partitions, time, commandConfig, exclInternal *jopt.Option
}

func newGetOffsetsOptions() *getOffsetsOptions {
	o := &getOffsetsOptions{options: newOptions()}
	o.server = o.Accepts("bootstrap-server", "REQUIRED. The servers to ask.").Arg("HOST1:PORT1,...,HOST3:PORT3")
	o.topicPartitions = o.Accepts("topic-partitions", "Patterns of topic partitions, with commas between them: TOPIC:PARTITION, where TOPIC is a regular expression (any topic without it) "+
		"and PARTITION a number, FROM-TO without TO itself, FROM- or -TO (all partitions without it).").Arg("topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3")
	o.topic = o.Accepts("topic", "A regular expression of topics; all topics without it. Not with --topic-partitions.").Arg("topic")
	o.partitions = o.Accepts("partitions", "Numbers of partitions, with commas between them; all without it. Not with --topic-partitions.").Arg("partition ids")
	o.time = o.Accepts("time", "Which offset: that of the first record at or after a timestamp (none if there is no such record), or a special one.").
		Arg("<timestamp> / -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload").Default("latest")
	o.commandConfig = o.Accepts("command-config", "A file of properties for the admin client.").Arg("config file")
	o.exclInternal = o.Accepts("exclude-internal-topics", "Leave internal topics out.")
	return o
}

const getOffsetsAbout = "An interactive shell for getting topic-partition offsets."

// runGetOffsets is kafka-get-offsets: GetOffsetShell.
func runGetOffsets(e *env, args []string) int {
	return e.fail("Error occurred: ", getOffsets(e, args))
}

func getOffsets(e *env, args []string) error {
	o := newGetOffsetsOptions()
	if len(args) == 0 {
		return failUsage(o.Parser, getOffsetsAbout)
	}
	s, err := o.parse(args)
	if err != nil {
		return terse("%s", err.Error())
	}
	if err := o.helpOrVersion(s, args, getOffsetsAbout); err != nil {
		return err
	}
	if err := o.need(s, o.server); err != nil {
		return err
	}
	if msg := checkServers(s.Str(o.server)); msg != "" {
		return failUsage(o.Parser, msg)
	}
	if s.Has(o.topicPartitions) && (s.Has(o.topic) || s.Has(o.partitions)) {
		return terse("--topic-partitions cannot be used with --topic or --partitions")
	}
	ts, err := offsetTime(s.Str(o.time))
	if err != nil {
		return err
	}
	match, err := o.filter(s)
	if err != nil {
		return err
	}
	if s.Err() != nil {
		return optionError(s.Err())
	}
	a, err := e.adminFor(s, o.server, o.commandConfig, map[string]string{"client.id": "GetOffsetShell"})
	if err != nil {
		return err
	}
	defer a.close()
	return e.printOffsets(a, match, ts, !s.Has(o.exclInternal))
}

func (e *env) printOffsets(a *admin, match partitionFilter, ts int64, internal bool) error {
	found, err := a.matching(match, internal)
	if err != nil {
		return execution(err)
	}
	if len(found) == 0 {
		return terse("Could not match any topic-partitions with the specified filters")
	}
	want := map[partition]int64{}
	for _, p := range found {
		want[p] = ts
	}
	got, err := a.listOffsets(want)
	if err != nil {
		return execution(err)
	}
	sort.Slice(found, func(i, j int) bool { return found[i].String() < found[j].String() })
	for _, p := range found {
		if err := got[p].err; err != nil {
			e.eprintf("Skip getting offsets for topic-partition %s due to error: %s\n", p, describe(err))
		}
	}
	for _, p := range found {
		if g, ok := got[p]; ok && g.err == nil && g.offset >= 0 {
			e.printf("%s:%d:%d\n", p.topic, p.id, g.offset)
		}
	}
	return nil
}

// partitionFilter chooses partitions.
type partitionFilter []partitionRule

// partitionRule is one pattern: a topic, and partitions from lo to hi, without
// hi, or those in only.
type partitionRule struct {
	topic  func(string) bool
	lo, hi int64
	only   []int32
}

func (f partitionFilter) topic(name string) bool {
	return slices.ContainsFunc(f, func(r partitionRule) bool { return r.topic(name) })
}

func (f partitionFilter) partition(p partition) bool {
	return slices.ContainsFunc(f, func(r partitionRule) bool {
		return r.topic(p.topic) && int64(p.id) >= r.lo && int64(p.id) < r.hi && (r.only == nil || slices.Contains(r.only, p.id))
	})
}

// matching are the partitions a filter chooses.
func (a *admin) matching(f partitionFilter, internal bool) ([]partition, error) {
	names, err := a.listTopics(internal)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !f.topic(n) })
	infos, err := a.describeTopics(names, 2000)
	if err != nil {
		return nil, err
	}
	var out []partition
	for _, t := range infos {
		for _, p := range t.partitions {
			if tp := (partition{t.name, p.id}); f.partition(tp) {
				out = append(out, tp)
			}
		}
	}
	return out, nil
}

func (o *getOffsetsOptions) filter(s *jopt.Set) (partitionFilter, error) {
	if s.Has(o.topicPartitions) {
		return parseRules(s.Str(o.topicPartitions))
	}
	pattern, given := s.Value(o.topic)
	topic, err := topicFilter(pattern, given)
	if err != nil {
		return nil, err
	}
	rule := partitionRule{topic: topic, hi: math.MaxInt64}
	if list := s.Str(o.partitions); list != "" {
		for _, t := range javaSplit(comma, list) {
			id, err := strconv.ParseInt(t, 10, 32)
			if err != nil {
				return nil, terse("--partitions expects a comma separated list of numeric partition ids, but received: %s", list)
			}
			rule.only = append(rule.only, int32(id))
		}
	}
	return partitionFilter{rule}, nil
}

var rulePattern = regexp.MustCompile(`^([^:,]*)(?::(?:([0-9]*)|(?:([0-9]*)-([0-9]*))))?$`)

// parseRules reads topic1:1,topic2:0-3,:5-.
func parseRules(list string) (partitionFilter, error) {
	var out partitionFilter
	for _, spec := range javaSplit(comma, list) {
		m := rulePattern.FindStringSubmatch(spec)
		if m == nil {
			return nil, runtime(terse("Invalid rule specification: %s", spec))
		}
		topic, err := topicFilter(m[1], m[1] != "")
		if err != nil {
			return nil, err
		}
		r := partitionRule{topic: topic, hi: math.MaxInt32}
		for i, to := range []*int64{&r.lo, &r.lo, &r.hi} {
			if m[i+2] == "" {
				continue
			}
			if *to, err = strconv.ParseInt(m[i+2], 10, 32); err != nil {
				return nil, throw("java.lang.NumberFormatException", `For input string: "%s"`, m[i+2])
			}
		}
		if m[2] != "" {
			r.hi = r.lo + 1
		}
		out = append(out, r)
	}
	return out, nil
}

// offsetTime reads --time.
func offsetTime(text string) (int64, error) {
	special := map[string]int64{
		"latest": tsLatest, "earliest": tsEarliest, "max-timestamp": tsMax,
		"earliest-local": tsEarliestLocal, "latest-tiered": tsLatestTiered, "earliest-pending-upload": tsEarliestPending,
	}
	if ts, ok := special[text]; ok {
		return ts, nil
	}
	ts, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, terse("Malformed time argument %s. Please use -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload, or a specified long format timestamp", text)
	}
	return ts, nil
}

// checkServers is ToolsUtils.validateBootstrapServer: what is wrong with a
// list of addresses, empty if nothing is.
func checkServers(list string) string {
	if strings.TrimSpace(list) == "" {
		return "Error while validating the bootstrap address\n"
	}
	for _, s := range strings.Split(list, ",") {
		if !hostPort.MatchString(s) {
			return "Please provide valid host:port like host1:9091,host2:9092\n"
		}
	}
	return ""
}
