package tool

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/config"
	"gregor/internal/model"
	"gregor/internal/tool/jopt"
)

// runTopics is kafka-topics: TopicCommand.
func runTopics(e *env, args []string) int {
	err := topics(e, args)
	if status, done := e.usageError(err); done {
		return status
	}
	var failed *topicsFailed
	if errors.As(err, &failed) {
		e.println("Error while executing topic command : " + failed.err.Error())
		e.logError(failed.err)
		return 1
	}
	if err != nil {
		e.eprintln(err)
		e.printTrace(err)
		return 1
	}
	return 0
}

// topicsFailed is an error of the work itself, which Kafka prints otherwise
// than one of the command line.
type topicsFailed struct{ err error }

func (t *topicsFailed) Error() string { return t.err.Error() }

func topics(e *env, args []string) error {
	o := newTopicsOptions()
	s, err := o.parse(args)
	if err != nil {
		return err
	}
	if err := o.check(e, s, args); err != nil {
		return err
	}
	props := map[string]string{}
	if s.Has(o.commandConfig) {
		if props, err = loadProps(s.Str(o.commandConfig)); err != nil {
			return err
		}
	}
	props["bootstrap.servers"] = s.Str(o.server)
	if s.Err() != nil {
		return optionError(s.Err())
	}
	a, err := e.newAdmin(props)
	if err != nil {
		return err
	}
	defer a.close()
	c := &topicsRun{e, a, o, s}
	switch {
	case s.Has(o.create):
		err = c.create()
	case s.Has(o.alter):
		err = c.alter()
	case s.Has(o.list):
		err = c.list()
	case s.Has(o.describe):
		err = c.describe()
	default:
		err = c.remove()
	}
	if _, isUsage := errors.AsType[*usageErr](err); err == nil || isUsage {
		return err
	}
	return &topicsFailed{err}
}

// topicsRun is one action of kafka-topics.
type topicsRun struct {
	*env
	a *admin
	o *topicsOptions
	s *jopt.Set
}

// newTopic is what the command line says of a topic to make or change.
type newTopic struct {
	name                    string
	partitions, replication int64 // -1 if not given
	assignment              [][]int32
	configs                 map[string]string
	configOrder             []string
}

func (c *topicsRun) newTopic() (*newTopic, error) {
	t := &newTopic{name: c.s.Str(c.o.topic), partitions: -1, replication: -1}
	if c.s.Has(c.o.partitions) {
		t.partitions = c.s.Int(c.o.partitions)
	}
	if c.s.Has(c.o.replication) {
		t.replication = c.s.Int(c.o.replication)
	}
	assignment := c.s.Str(c.o.assignment)
	list := c.s.Values(c.o.config)
	if err := c.s.Err(); err != nil {
		return nil, optionError(err)
	}
	var err error
	if assignment != "" {
		if t.assignment, err = parseAssignment(assignment); err != nil {
			return nil, err
		}
	}
	t.configs, t.configOrder, err = topicConfigs(list)
	return t, err
}

// parseAssignment reads 0:1,1:2: the replicas of each partition.
func parseAssignment(list string) ([][]int32, error) {
	var out [][]int32
	for i, part := range javaSplit(comma, list) {
		var ids, twice []int32
		for _, s := range javaSplit(colon, part) {
			id, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
			if err != nil {
				return nil, throw("java.lang.NumberFormatException", `For input string: "%s"`, strings.TrimSpace(s))
			}
			if slices.Contains(ids, int32(id)) && !slices.Contains(twice, int32(id)) {
				twice = append(twice, int32(id))
			}
			ids = append(ids, int32(id))
		}
		if twice != nil {
			return nil, throw("org.apache.kafka.tools.AdminCommandFailedException", "Partition replica lists may not contain duplicate entries: %s", join(twice, ","))
		}
		if out = append(out, ids); len(ids) != len(out[0]) {
			return nil, throw("org.apache.kafka.tools.AdminOperationException", "Partition %d has different replication factor: [%s]", i, join(ids, ", "))
		}
	}
	return out, nil
}

var equals = regexp.MustCompile(`\s*=\s*`)

// topicConfigs reads --config values and checks them as the server will.
func topicConfigs(list []string) (map[string]string, []string, error) {
	m := map[string]string{}
	for _, kv := range list {
		parts := javaSplit(equals, kv)
		if len(parts) != 2 {
			return nil, nil, badArgument(`requirement failed: Invalid topic config: all configs to be added must be in the format "key=val".`)
		}
		m[strings.TrimSpace(parts[0])] = strings.TrimSpace(parts[1])
	}
	order := hashedStrings(sortedKeys(m))
	for _, k := range order {
		if _, ok := config.Topic.Lookup(k); !ok {
			return nil, nil, throw(pkgErrors+"InvalidConfigurationException", "Unknown topic config name: %s", k)
		}
	}
	for _, k := range order {
		if err := config.Topic.Validate(k, m[k]); err != nil {
			return nil, nil, throw(configError, "%s", err.Error())
		}
	}
	return m, order, nil
}

func (c *topicsRun) create() error {
	t, err := c.newTopic()
	if err != nil {
		return err
	}
	if strings.ContainsAny(t.name, "._") {
		c.println("WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both.")
	}
	if c.s.Has(c.o.replication) && (t.replication < 1 || t.replication > math.MaxInt16) {
		return badArgument("The replication factor must be between 1 and %d inclusive", math.MaxInt16)
	}
	if c.s.Has(c.o.partitions) && t.partitions < 1 {
		return badArgument("The partitions must be greater than 0")
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = int32(c.a.timeout.Milliseconds())
	req.Topics = []kmsg.CreateTopicsRequestTopic{t.request()}
	resp, err := must[*kmsg.CreateTopicsResponse](c.a.do(req, "createTopics"))
	if err != nil {
		return err
	}
	for _, r := range resp.Topics {
		err := codeError(r.ErrorCode, r.ErrorMessage)
		if isClass(err, pkgErrors+"TopicExistsException") && c.s.Has(c.o.ifNotExists) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	c.println("Created topic " + t.name + ".")
	return nil
}

func (t *newTopic) request() kmsg.CreateTopicsRequestTopic {
	r := kmsg.NewCreateTopicsRequestTopic()
	r.Topic, r.NumPartitions, r.ReplicationFactor = t.name, int32(t.partitions), int16(t.replication)
	for i, ids := range t.assignment {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = int32(i), ids
		r.ReplicaAssignment = append(r.ReplicaAssignment, a)
		r.NumPartitions, r.ReplicationFactor = -1, -1
	}
	for _, k := range t.configOrder {
		kv := kmsg.NewCreateTopicsRequestTopicConfig()
		kv.Name, kv.Value = k, kmsg.StringPtr(t.configs[k])
		r.Configs = append(r.Configs, kv)
	}
	return r
}

// named are the topics that --topic means, sorted.
func (c *topicsRun) named() ([]string, error) {
	pattern, given := c.s.Value(c.o.topic)
	if err := c.s.Err(); err != nil {
		return nil, optionError(err)
	}
	exclude := c.s.Has(c.o.exclInternal)
	all, err := c.a.listTopics(!exclude)
	if err != nil {
		return nil, err
	}
	match, err := topicFilter(pattern, given)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range all {
		if match(t) && !(exclude && isInternalTopic(t)) {
			out = append(out, t)
		}
	}
	return out, nil
}

// topicFilter is Kafka's IncludeList: a regular expression in which a comma
// means or.
func topicFilter(pattern string, given bool) (func(string) bool, error) {
	if !given {
		return func(string) bool { return true }, nil
	}
	p := strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(pattern), ",", "|"), " ", "")
	p = strings.Trim(p, `"'`)
	re, err := regexp.Compile("^(?:" + p + ")$")
	if err != nil {
		return nil, throw(runtimeError, "%s is an invalid regex.", p)
	}
	return re.MatchString, nil
}

func (c *topicsRun) mustExist(found []string) error {
	if name := c.s.Str(c.o.topic); name != "" && !c.s.Has(c.o.ifExists) && len(found) == 0 {
		return badArgument("Topic '%s' does not exist as expected", name)
	}
	return nil
}

func (c *topicsRun) list() error {
	found, err := c.named()
	if err != nil {
		return err
	}
	c.println(strings.Join(found, "\n"))
	return nil
}

func (c *topicsRun) alter() error {
	t, err := c.newTopic()
	if err != nil {
		return err
	}
	found, err := c.named()
	if err != nil {
		return err
	}
	if err := c.mustExist(found); err != nil || len(found) == 0 {
		return err
	}
	infos, err := c.a.describeTopics(found, 2000)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis = int32(c.a.timeout.Milliseconds())
	for _, info := range infos {
		r := kmsg.NewCreatePartitionsRequestTopic()
		r.Topic, r.Count = info.name, int32(t.partitions)
		for i := len(info.partitions); i < len(t.assignment); i++ {
			a := kmsg.NewCreatePartitionsRequestTopicAssignment()
			a.Replicas = t.assignment[i]
			r.Assignment = append(r.Assignment, a)
		}
		if t.assignment != nil && r.Assignment == nil {
			r.Assignment = []kmsg.CreatePartitionsRequestTopicAssignment{}
		}
		req.Topics = append(req.Topics, r)
	}
	resp, err := must[*kmsg.CreatePartitionsResponse](c.a.do(req, "createPartitions"))
	if err != nil {
		return err
	}
	for _, r := range resp.Topics {
		if err := codeError(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

func (c *topicsRun) remove() error {
	found, err := c.named()
	if err != nil {
		return err
	}
	if err := c.mustExist(found); err != nil || len(found) == 0 {
		return err
	}
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = int32(c.a.timeout.Milliseconds())
	req.TopicNames = found
	for _, n := range found {
		t := kmsg.NewDeleteTopicsRequestTopic()
		t.Topic = kmsg.StringPtr(n)
		req.Topics = append(req.Topics, t)
	}
	resp, err := must[*kmsg.DeleteTopicsResponse](c.a.do(req, "deleteTopics"))
	if err != nil {
		return err
	}
	for _, r := range resp.Topics {
		if err := codeError(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

func (c *topicsRun) describe() error {
	infos, err := c.describedTopics()
	if err != nil {
		return err
	}
	var names []string
	for _, t := range infos {
		names = append(names, t.name)
	}
	configs, err := c.a.describeConfigs(kmsg.ConfigResourceTypeTopic, names, false)
	if err != nil {
		return err
	}
	cluster, err := c.a.describeCluster(false)
	if err != nil {
		return err
	}
	v := &topicsView{topicsRun: c, live: map[int32]bool{}}
	for _, b := range cluster.Brokers {
		v.live[b.NodeID] = true
	}
	if v.moves, err = c.a.reassignments(infos); err != nil {
		return err
	}
	v.reports = count(c.s, c.o.underReplicated, c.o.unavailable, c.o.underMin, c.o.atMin) > 0
	for _, t := range infos {
		if err := v.topic(t, configs[t.name]); err != nil {
			return err
		}
	}
	return nil
}

// describedTopics are the topics that --topic-id or --topic mean.
func (c *topicsRun) describedTopics() ([]*topicInfo, error) {
	if text, given := c.s.Value(c.o.topicID); given {
		id, err := model.ParseUUID(text)
		if err != nil {
			return nil, badArgument("%v", err)
		}
		if !id.IsZero() {
			return c.describedByID(id)
		}
	}
	page := int64(2000)
	if c.s.Has(c.o.pageSize) {
		page = c.s.Int(c.o.pageSize)
	}
	found, err := c.named()
	if err != nil {
		return nil, err
	}
	if err := c.mustExist(found); err != nil {
		return nil, err
	}
	return c.a.describeTopics(found, int32(page))
}

func (c *topicsRun) describedByID(id model.UUID) ([]*topicInfo, error) {
	resp, err := c.a.metadata(nil, "listTopics")
	if err != nil {
		return nil, err
	}
	for _, t := range resp.Topics {
		if t.TopicID == id && !(c.s.Has(c.o.exclInternal) && t.IsInternal) {
			info, err := c.a.describeTopicID(id)
			return []*topicInfo{info}, err
		}
	}
	if c.s.Has(c.o.ifExists) {
		return nil, nil
	}
	return nil, badArgument("TopicId '%s' does not exist as expected", id)
}

// reassignments are the partitions of these topics that are being moved; none
// where the server cannot or may not tell.
func (a *admin) reassignments(infos []*topicInfo) (map[partition]kmsg.ListPartitionReassignmentsResponseTopicPartition, error) {
	out := map[partition]kmsg.ListPartitionReassignmentsResponseTopicPartition{}
	if len(infos) == 0 {
		return out, nil
	}
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	for _, t := range infos {
		r := kmsg.NewListPartitionReassignmentsRequestTopic()
		r.Topic = t.name
		for _, p := range t.partitions {
			r.Partitions = append(r.Partitions, p.id)
		}
		req.Topics = append(req.Topics, r)
	}
	resp, err := must[*kmsg.ListPartitionReassignmentsResponse](a.do(req, "listPartitionReassignments"))
	if err == nil {
		err = codeError(resp.ErrorCode, resp.ErrorMessage)
	}
	if isClass(err, unsupported) || isClass(err, pkgErrors+"ClusterAuthorizationException") {
		return out, nil
	}
	if err != nil {
		return nil, runtime(execution(err))
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			out[partition{t.Topic, p.Partition}] = p
		}
	}
	return out, nil
}

// topicsView prints descriptions.
type topicsView struct {
	*topicsRun
	live    map[int32]bool
	moves   map[partition]kmsg.ListPartitionReassignmentsResponseTopicPartition
	reports bool // only partitions that some report is about
}

func (v *topicsView) topic(t *topicInfo, configs []configEntry) error {
	var own []string
	minISR := 0
	for _, c := range configs {
		if !c.isDefault() {
			own = append(own, c.name+"="+c.text())
		}
		if c.name == "min.insync.replicas" {
			minISR, _ = strconv.Atoi(c.text()) // 0 when it is no number
		}
	}
	if !v.reports && (!v.s.Has(v.o.overrides) || own != nil) && len(t.partitions) > 0 {
		line := "Topic: " + t.name
		if !t.id.IsZero() {
			line += "\tTopicId: " + t.id.String()
		}
		v.println(line + fmt.Sprintf("\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: %s",
			len(t.partitions), v.factor(t.name, &t.partitions[0]), strings.Join(own, ",")))
	}
	if v.s.Has(v.o.overrides) {
		return nil
	}
	for i := range t.partitions {
		if p := &t.partitions[i]; !v.reports || v.reported(t.name, p, minISR) {
			v.partition(t.name, p)
		}
	}
	return nil
}

// factor is the replication factor, without replicas that are only being
// added.
func (v *topicsView) factor(topic string, p *partitionInfo) int {
	m, ok := v.moves[partition{topic, p.id}]
	if !ok {
		return len(p.replicas)
	}
	for _, id := range p.replicas {
		if slices.Contains(m.AddingReplicas, id) || slices.Contains(m.RemovingReplicas, id) {
			return len(m.Replicas) - len(m.AddingReplicas)
		}
	}
	return len(p.replicas)
}

func (v *topicsView) reported(topic string, p *partitionInfo, minISR int) bool {
	s, o := v.s, v.o
	return s.Has(o.underReplicated) && v.factor(topic, p) > len(p.isr) ||
		s.Has(o.unavailable) && (p.leader < 0 || !v.live[p.leader]) ||
		s.Has(o.underMin) && (p.leader < 0 || len(p.isr) < minISR) ||
		s.Has(o.atMin) && len(p.isr) == minISR
}

func (v *topicsView) partition(topic string, p *partitionInfo) {
	leader := "none"
	if p.leader >= 0 {
		leader = strconv.Itoa(int(p.leader))
	}
	line := fmt.Sprintf("\tTopic: %s\tPartition: %d\tLeader: %s\tReplicas: %s\tIsr: %s", topic, p.id, leader, join(p.replicas, ","), join(p.isr, ","))
	if m, ok := v.moves[partition{topic, p.id}]; ok {
		line += "\tAdding Replicas: " + join(m.AddingReplicas, ",") + "\tRemoving Replicas: " + join(m.RemovingReplicas, ",")
	}
	v.println(line + "\tElr: " + orNA(p.elr) + "\tLastKnownElr: " + orNA(p.lastELR))
}

func orNA(ids []int32) string {
	if ids == nil {
		return "N/A"
	}
	return join(ids, ",")
}
