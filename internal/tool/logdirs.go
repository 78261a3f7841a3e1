package tool

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/tool/jopt"
)

// logDirsOptions is the table of kafka-log-dirs (KIP-113).
type logDirsOptions struct {
	options
	server, commandConfig, describe, topics, brokers *jopt.Option
}

func newLogDirsOptions() *logDirsOptions {
	o := &logDirsOptions{options: newOptions()}
	o.server = o.Accepts("bootstrap-server", "REQUIRED: the servers to ask.").Arg("The server(s) to use for bootstrapping")
	o.commandConfig = o.Accepts("command-config", "A file of properties for the admin client.").Arg("Admin client property file")
	o.describe = o.Accepts("describe", "Print the log directories of the brokers.")
	o.topics = o.Accepts("topic-list", "Topics to print, as \"topic1,topic2,topic3\"; all of them without it.").Arg("Topic list").Default("")
	o.brokers = o.Accepts("broker-list", "Brokers to ask, as \"0,1,2\"; all of them without it.").Arg("Broker list").Default("")
	return o
}

// runLogDirs is kafka-log-dirs: LogDirsCommand.
func runLogDirs(e *env, args []string) int { return e.fail("", logDirs(e, args)) }

func logDirs(e *env, args []string) error {
	o := newLogDirsOptions()
	s, err := o.parse(args)
	if err != nil {
		return err
	}
	if err := o.helpOrVersion(s, args, "This tool helps to query log directory usage on the specified brokers."); err != nil {
		return err
	}
	if err := o.need(s, o.server, o.describe); err != nil {
		return err
	}
	a, err := e.adminFor(s, o.server, o.commandConfig, nil)
	if err != nil {
		return err
	}
	defer a.close()
	topics := nonEmpty(s.Str(o.topics))
	brokers, err := brokerList(nonEmpty(s.Str(o.brokers)))
	if err != nil {
		return err
	}
	if s.Err() != nil {
		return optionError(s.Err())
	}
	cluster, err := a.describeCluster(false)
	if err != nil {
		return execution(err)
	}
	var all, unknown []int32
	for _, b := range cluster.Brokers {
		all = append(all, b.NodeID)
	}
	slices.Sort(all)
	for _, b := range brokers {
		if !slices.Contains(all, b) {
			unknown = append(unknown, b)
		}
	}
	if unknown != nil {
		return terse("ERROR: The given brokers do not exist from --broker-list: %s. Current existent brokers: %s", join(unknown, ","), join(all, ","))
	}
	if brokers == nil {
		brokers = all
	}
	e.println("Querying brokers for log directories information")
	out, err := a.logDirs(brokers, topics)
	if err != nil {
		return execution(err)
	}
	e.printf("Received log directory information from brokers %s\n", join(brokers, ","))
	e.println(string(out))
	return nil
}

// nonEmpty are the parts of a list with commas.
func nonEmpty(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return s == "" })
}

func brokerList(texts []string) ([]int32, error) {
	var out []int32
	for _, t := range texts {
		id, err := strconv.ParseInt(t, 10, 32)
		if err != nil {
			return nil, throw("java.lang.NumberFormatException", `For input string: "%s"`, t)
		}
		out = append(out, int32(id))
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// logDirs is the log directories of these brokers as JSON.
func (a *admin) logDirs(brokers []int32, topics []string) ([]byte, error) {
	list := []any{}
	for _, b := range brokers {
		resp, err := must[*kmsg.DescribeLogDirsResponse](a.toBroker(b, kmsg.NewPtrDescribeLogDirsRequest(), "describeLogDirs"))
		if err != nil {
			return nil, err
		}
		if err := codeError(resp.ErrorCode, nil); err != nil {
			return nil, err
		}
		dirs := []any{}
		for _, d := range hashed(resp.Dirs, func(d kmsg.DescribeLogDirsResponseDir) int32 { return hashString(d.Dir) }) {
			dirs = append(dirs, logDir(d, topics))
		}
		list = append(list, hashMap{"broker": b, "logDirs": dirs})
	}
	return json.Marshal(hashMap{"version": 1, "brokers": list})
}

func logDir(d kmsg.DescribeLogDirsResponseDir, topics []string) hashMap {
	type replica struct {
		p partition
		kmsg.DescribeLogDirsResponseDirTopicPartition
	}
	var all []replica
	for _, t := range d.Topics {
		for _, p := range t.Partitions {
			all = append(all, replica{partition{t.Topic, p.Partition}, p})
		}
	}
	byHash := func(r replica) int32 { return hashPartition(r.p) }
	all = hashed(all, byHash)
	all = slices.DeleteFunc(all, func(r replica) bool { return len(topics) > 0 && !slices.Contains(topics, r.p.topic) })
	partitions := []any{}
	for _, r := range hashed(all, byHash) {
		partitions = append(partitions, hashMap{"partition": r.p.String(), "size": r.Size, "offsetLag": r.OffsetLag, "isFuture": r.IsFuture})
	}
	var failure any
	if err := codeError(d.ErrorCode, nil); err != nil {
		failure = class(err)
	}
	return hashMap{"logDir": d.Dir, "error": failure, "partitions": partitions}
}

// hashMap is a JSON object whose keys stand in the order of Java's HashMap.
type hashMap map[string]any

// MarshalJSON is json.Marshaler.
func (m hashMap) MarshalJSON() ([]byte, error) {
	var parts []string
	for _, k := range hashedStrings(sortedKeys(m)) {
		v, err := json.Marshal(m[k])
		if err != nil {
			return nil, err
		}
		parts = append(parts, fmt.Sprintf("%q:%s", k, v))
	}
	return []byte("{" + strings.Join(parts, ",") + "}"), nil
}
