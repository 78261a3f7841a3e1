package tool

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/tool/jopt"
)

// runConfigs is kafka-configs: ConfigCommand.
func runConfigs(e *env, args []string) int {
	err := configs(e, args)
	if status, done := e.usageError(err); done {
		return status
	}
	switch {
	case err == nil:
		return 0
	case isOptionError(err), slices.Contains([]string{unsupported, illegalArgument, "java.lang.NumberFormatException", pkgErrors + "InvalidConfigurationException", pkgErrors + "InvalidTopicException"}, class(err)):
		e.eprintln(err)
	default:
		e.eprintf("Error while executing config command with args '%s'\n%s", strings.Join(args, " "), trace(err))
	}
	return 1
}

func configs(e *env, args []string) error {
	o := newConfigsOptions()
	s, err := o.parse(args)
	if err != nil {
		return err
	}
	if err := o.helpOrVersion(s, args, "This tool helps to manipulate and describe entity config for a topic, client, user, broker, ip, client-metrics or group"); err != nil {
		return err
	}
	if err := o.check(e, s); err != nil {
		return err
	}
	props := map[string]string{}
	if s.Has(o.commandConfig) {
		if props, err = loadProps(s.Str(o.commandConfig)); err != nil {
			return err
		}
	}
	var server, controller *string
	if v, ok := s.Value(o.server); ok {
		server = &v
	}
	if v, ok := s.Value(o.controller); ok {
		controller = &v
	}
	if s.Err() != nil {
		return optionError(s.Err())
	}
	if err := bootstrapProps(props, server, controller); err != nil {
		return err
	}
	a, err := e.newAdmin(props)
	if err != nil {
		return err
	}
	defer a.close()
	c := &configsRun{env: e, a: a, o: o, s: s}
	c.types, c.names = o.entities(s)
	if s.Has(o.describe) {
		return c.describe()
	}
	if len(c.types) != len(c.names) {
		return badArgument("An entity name must be specified for every entity type")
	}
	return c.alter()
}

// configsRun is one action of kafka-configs.
type configsRun struct {
	*env
	a            *admin
	o            *configsOptions
	s            *jopt.Set
	types, names []string
}

func (c *configsRun) describe() error {
	switch c.types[0] {
	case typeUsers, typeClients:
		if err := c.describeQuotas(); err != nil {
			return err
		}
		if slices.Contains(c.types, typeClients) || slices.Contains(c.names, "") {
			return nil
		}
		return c.describeScram()
	case typeIPs:
		return c.describeQuotas()
	}
	names := c.names
	if len(names) > 0 {
		if !c.s.Has(c.o.all) {
			known, err := c.exists(names[0])
			if err != nil {
				return err
			}
			if !known {
				c.printf("The %s '%s' doesn't exist and doesn't have dynamic config.\n", strings.TrimSuffix(c.types[0], "s"), names[0])
				return nil
			}
		}
		names = names[:1]
	} else {
		var err error
		if names, err = c.everyName(); err != nil {
			return err
		}
	}
	for _, n := range names {
		if err := c.describeOne(n); err != nil {
			return err
		}
	}
	return nil
}

// singular drops the last letter, as Kafka does: "client-metric" too.
func singular(typ string) string { return typ[:len(typ)-1] }

// exists reports whether there is an entity of that name.
func (c *configsRun) exists(name string) (bool, error) {
	switch typ := c.types[0]; {
	case typ == typeTopics:
		if err := checkTopicName(name); err != nil {
			return false, err
		}
	case name == "" && (typ == typeBrokers || typ == typeLoggers):
		return true, nil
	}
	all, err := c.everyName()
	return slices.Contains(all, name), err
}

// everyName are the names of all entities of the kind.
func (c *configsRun) everyName() ([]string, error) {
	switch c.types[0] {
	case typeTopics:
		all, err := c.a.topicNames(true)
		return all, execution(err)
	case typeBrokers, typeLoggers:
		cluster, err := c.a.describeCluster(false)
		if err != nil {
			return nil, execution(err)
		}
		var out []string
		for _, b := range cluster.Brokers {
			out = append(out, strconv.Itoa(int(b.NodeID)))
		}
		return append(out, ""), nil
	case typeClientMetrics:
		return c.listResources(kmsg.ConfigResourceTypeClientMetrics)
	}
	return c.groupNames()
}

// groupNames are groups that exist, and groups that have settings.
func (c *configsRun) groupNames() ([]string, error) {
	groups, err := c.a.listGroups(nil, nil)
	if err != nil {
		return nil, execution(err)
	}
	var out []string
	for _, g := range groups {
		out = append(out, g.id)
	}
	named, err := c.listResources(kmsg.ConfigResourceTypeGroupConfig)
	if inner := cause(err); isClass(inner, unsupported) || isClass(inner, pkgErrors+"ClusterAuthorizationException") {
		named, err = nil, nil
	}
	sort.Strings(out)
	return slices.Compact(slices.Sorted(slices.Values(append(out, named...)))), err
}

func (c *configsRun) listResources(typ kmsg.ConfigResourceType) ([]string, error) {
	req := kmsg.NewPtrListConfigResourcesRequest()
	req.ResourceTypes = []int8{int8(typ)}
	resp, err := must[*kmsg.ListConfigResourcesResponse](c.a.do(req, "listConfigResources"))
	if err == nil {
		err = codeError(resp.ErrorCode, nil)
	}
	if err != nil {
		return nil, execution(err)
	}
	var out []string
	for _, r := range resp.ConfigResources {
		if r.Type == int8(typ) {
			out = append(out, r.Name)
		}
	}
	return out, nil
}

// resource is the type of the kind's settings, and where changed ones come
// from.
func (c *configsRun) resource(name string) (kmsg.ConfigResourceType, kmsg.ConfigSource, error) {
	switch c.types[0] {
	case typeTopics:
		return kmsg.ConfigResourceTypeTopic, kmsg.ConfigSourceDynamicTopicConfig, checkTopicName(name)
	case typeBrokers:
		if name == "" {
			return kmsg.ConfigResourceTypeBroker, kmsg.ConfigSourceDynamicDefaultBrokerConfig, nil
		}
		return kmsg.ConfigResourceTypeBroker, kmsg.ConfigSourceDynamicBrokerConfig, nil
	case typeLoggers:
		return kmsg.ConfigResourceTypeBrokerLogger, anySource, nil
	case typeClientMetrics:
		return kmsg.ConfigResourceTypeClientMetrics, kmsg.ConfigSourceClientMetricsConfig, nil
	}
	return kmsg.ConfigResourceTypeGroupConfig, kmsg.ConfigSourceGroupConfig, nil
}

const anySource = kmsg.ConfigSource(-1)

func (c *configsRun) describeOne(name string) error {
	typ, source, err := c.resource(name)
	if err != nil {
		return err
	}
	all := c.s.Has(c.o.all)
	switch {
	case name == "":
		c.printf("Default configs for %s in the cluster are:\n", c.types[0])
	case all:
		c.printf("All configs for %s %s are:\n", singular(c.types[0]), name)
	default:
		c.printf("Dynamic configs for %s %s are:\n", singular(c.types[0]), name)
	}
	found, err := c.a.describeConfigs(typ, []string{name}, true)
	if err != nil {
		return execution(err)
	}
	entries := found[name]
	sort.SliceStable(entries, func(i, j int) bool { return entries[i].name < entries[j].name })
	for _, en := range entries {
		if !all && source != anySource && en.source != source {
			continue
		}
		var synonyms []string
		for _, y := range en.synonyms {
			synonyms = append(synonyms, fmt.Sprintf("%s:%s=%s", sourceName(y.Source), y.Name, orNull(y.Value)))
		}
		c.printf("  %s=%s sensitive=%t synonyms={%s}\n", en.name, en.text(), en.sensitive, strings.Join(synonyms, ", "))
	}
	return nil
}

// sourceName is Java's name of where a setting comes from.
func sourceName(s kmsg.ConfigSource) string {
	names := map[kmsg.ConfigSource]string{
		kmsg.ConfigSourceDynamicTopicConfig:         "DYNAMIC_TOPIC_CONFIG",
		kmsg.ConfigSourceDynamicBrokerConfig:        "DYNAMIC_BROKER_CONFIG",
		kmsg.ConfigSourceDynamicDefaultBrokerConfig: "DYNAMIC_DEFAULT_BROKER_CONFIG",
		kmsg.ConfigSourceStaticBrokerConfig:         "STATIC_BROKER_CONFIG",
		kmsg.ConfigSourceDefaultConfig:              "DEFAULT_CONFIG",
		kmsg.ConfigSourceDynamicBrokerLoggerConfig:  "DYNAMIC_BROKER_LOGGER_CONFIG",
		kmsg.ConfigSourceClientMetricsConfig:        "DYNAMIC_CLIENT_METRICS_CONFIG",
		kmsg.ConfigSourceGroupConfig:                "DYNAMIC_GROUP_CONFIG",
	}
	if n := names[s]; n != "" {
		return n
	}
	return "UNKNOWN"
}

// checkTopicName is Topic.validate of Kafka.
func checkTopicName(name string) error {
	why := ""
	switch {
	case name == "":
		why = "the empty string is not allowed"
	case name == ".":
		why = "'.' is not allowed"
	case name == "..":
		why = "'..' is not allowed"
	case len(name) > 249:
		why = "the length of '" + name + "' is longer than the max allowed length 249"
	case strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	}):
		why = "'" + name + "' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
	default:
		return nil
	}
	return throw(pkgErrors+"InvalidTopicException", "Topic name is invalid: %s", why)
}
