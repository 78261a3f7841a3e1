package tool

import (
	"net"
	"slices"
	"sort"
	"strconv"
	"strings"

	"gregor/internal/config"
	"gregor/internal/tool/jopt"
)

// The kinds of entities that have settings, by Kafka's names.
const (
	typeTopics        = "topics"
	typeClients       = "clients"
	typeUsers         = "users"
	typeBrokers       = "brokers"
	typeIPs           = "ips"
	typeClientMetrics = "client-metrics"
	typeGroups        = "groups"
	typeLoggers       = "broker-loggers"
)

// entityTypes are all of them, in the order Kafka lists them.
var entityTypes = []string{typeTopics, typeClients, typeUsers, typeBrokers, typeIPs, typeClientMetrics, typeGroups, typeLoggers}

// configsOptions is the table of kafka-configs (KIP-248, KIP-524, KIP-543).
type configsOptions struct {
	options
	server, controller, commandConfig     *jopt.Option
	alter, describe, all                  *jopt.Option
	entityType, entityName, entityDefault *jopt.Option
	addConfig, addConfigFile, delConfig   *jopt.Option
	named, defaults                       []entityFlag
}

// entityFlag is an option that stands for one kind of entity: --topic, or
// --broker-defaults.
type entityFlag struct {
	*jopt.Option
	typ string
}

func newConfigsOptions() *configsOptions {
	o := &configsOptions{options: newOptions()}
	o.server = o.Accepts("bootstrap-server", "The brokers to ask.").Arg("server to connect to")
	o.controller = o.Accepts("bootstrap-controller", "The controllers to ask.").Arg("controller to connect to")
	o.commandConfig = o.Accepts("command-config", "A file of properties for the admin client.").Arg("command config property file")
	o.alter = o.Accepts("alter", "Change settings of the entity.")
	o.describe = o.Accepts("describe", "Print settings of the entity.")
	o.all = o.Accepts("all", "Print all settings, and not only those that were changed.")
	o.entityType = o.Accepts("entity-type", "The kind of entity (topics/clients/users/brokers/broker-loggers/ips/client-metrics/groups)").Arg("")
	o.entityName = o.Accepts("entity-name", "The entity (topic/client id/user principal/broker id/ip/client metrics/group id)").Arg("")
	o.entityDefault = o.Accepts("entity-default", "The defaults of clients/users/brokers/ips")
	o.addConfig = o.Accepts("add-config", "Settings to change: 'k1=v1,k2=[v1,v2,v2],k3=v3'; brackets hold a value with commas. Settings are: "+allSettingNames()).Arg("")
	o.addConfigFile = o.Accepts("add-config-file", "A file of properties with settings to change, instead of add-config.").Arg("")
	o.delConfig = o.Accepts("delete-config", "Settings to take back: 'k1,k2'").Arg("").SeparatedBy(',')
	name := func(option, typ, what string) {
		o.named = append(o.named, entityFlag{o.Accepts(option, what).Arg(""), typ})
	}
	name("topic", typeTopics, "A topic.")
	name("client", typeClients, "A client id.")
	name("user", typeUsers, "A user's principal.")
	name("broker", typeBrokers, "A broker's id.")
	name("broker-logger", typeLoggers, "A broker's id; its loggers' levels.")
	name("ip", typeIPs, "An IP address.")
	name("client-metrics", typeClientMetrics, "A client metrics subscription.")
	name("group", typeGroups, "A group's id.")
	defaults := func(option, typ, what string) {
		o.defaults = append(o.defaults, entityFlag{o.Accepts(option, what), typ})
	}
	defaults("client-defaults", typeClients, "The defaults of all clients.")
	defaults("user-defaults", typeUsers, "The defaults of all users.")
	defaults("broker-defaults", typeBrokers, "The defaults of all brokers.")
	defaults("ip-defaults", typeIPs, "The defaults of all IP addresses.")
	return o
}

func allSettingNames() string {
	var dynamic []string
	for _, k := range config.Broker.Keys() {
		if k.Update != config.ReadOnly && !k.Internal && !k.Old {
			dynamic = append(dynamic, "\t"+k.Name)
		}
	}
	sort.Strings(dynamic)
	section := func(typ, names string) string { return "For entity-type '" + typ + "': \n" + names + "\n" }
	return section(typeTopics, settingNames(config.Topic)) +
		section(typeBrokers, strings.Join(dynamic, "\n")) +
		section(typeUsers, "\tSCRAM-SHA-256\n\tSCRAM-SHA-512\n"+settingNames(config.UserQuota)) +
		section(typeClients, settingNames(config.UserQuota)) +
		section(typeIPs, settingNames(config.IPQuota)) +
		section(typeClientMetrics, settingNames(config.ClientMetrics)) +
		section(typeGroups, settingNames(config.Group)) +
		"'users' and 'clients' together mean the clients of a user."
}

// entities are the kinds and names the command line gives; an empty name
// means the default.
func (o *configsOptions) entities(s *jopt.Set) (types, names []string) {
	types = slices.Clone(s.Values(o.entityType))
	given := s.Values(o.entityName)
	for _, spec := range s.Specs() {
		switch {
		case spec == o.entityName && len(given) > 0:
			names, given = append(names, given[0]), given[1:]
		case spec == o.entityDefault:
			names = append(names, "")
		}
	}
	for _, f := range o.named {
		if s.Has(f.Option) {
			types, names = append(types, f.typ), append(names, s.Str(f.Option))
		}
	}
	for _, f := range o.defaults {
		if s.Has(f.Option) {
			types, names = append(types, f.typ), append(names, "")
		}
	}
	return types, names
}

// check is what must and must not be given together.
func (o *configsOptions) check(e *env, s *jopt.Set) error {
	if count(s, o.alter, o.describe) != 1 {
		return failUsage(o.Parser, "Command must include exactly one action: --describe, --alter")
	}
	if err := o.clash(s, o.describe, o.alter, o.addConfig, o.delConfig); err != nil {
		return err
	}
	types, names := o.entities(s)
	if err := s.Err(); err != nil {
		return optionError(err)
	}
	if err := o.checkTypes(s, types); err != nil {
		return err
	}
	if count(s, o.entityName, o.entityType, o.entityDefault) > 0 && o.flagged(s) {
		return badArgument("--entity-{type,name,default} should not be used in conjunction with specific entity flags")
	}
	if s.Has(o.server) && s.Has(o.controller) {
		return badArgument("Only one of --bootstrap-server or --bootstrap-controller can be specified")
	}
	if err := o.checkNames(e, s, types, names); err != nil {
		return err
	}
	if s.Has(o.describe) {
		return o.checkDescribe(s, types, names)
	}
	return o.checkAlter(s, types, names)
}

func (o *configsOptions) flagged(s *jopt.Set) bool {
	for _, f := range append(slices.Clone(o.named), o.defaults...) {
		if s.Has(f.Option) {
			return true
		}
	}
	return false
}

func (o *configsOptions) checkTypes(s *jopt.Set, types []string) error {
	var twice []string
	for i, t := range types {
		if slices.Contains(types[:i], t) {
			twice = append(twice, t)
		}
	}
	if twice != nil {
		return badArgument("Duplicate entity type(s) specified: %s", strings.Join(twice, ","))
	}
	if !s.Has(o.server) && !s.Has(o.controller) {
		return badArgument("Either --bootstrap-server or --bootstrap-controller must be specified.")
	}
	for _, t := range types {
		if !slices.Contains(entityTypes, t) {
			return badArgument("Invalid entity type %s, the entity type must be one of %s with a --bootstrap-server or --bootstrap-controller argument", t, strings.Join(entityTypes, ", "))
		}
	}
	if len(types) == 0 {
		return badArgument("At least one entity type must be specified")
	}
	if len(types) > 1 && !(len(types) == 2 && slices.Contains(types, typeUsers) && slices.Contains(types, typeClients)) {
		return badArgument("Only 'users' and 'clients' entity types may be specified together")
	}
	return nil
}

func (o *configsOptions) checkNames(e *env, s *jopt.Set, types, names []string) error {
	if slices.Contains(types, typeBrokers) || slices.Contains(types, typeLoggers) {
		for _, n := range names {
			if _, err := strconv.ParseInt(n, 10, 32); n != "" && err != nil {
				return badArgument("The entity name for %s must be a valid integer broker id, but it is: %s", types[0], n)
			}
		}
	}
	if slices.Contains(types, typeIPs) {
		for _, n := range names {
			if n == "" {
				continue
			}
			if _, err := net.DefaultResolver.LookupHost(e.Context, n); err != nil {
				return badArgument("The entity name for %s must be a valid IP or resolvable host, but it is: %s", types[0], n)
			}
		}
	}
	return nil
}

// hasDefaults: of these kinds there are defaults.
func hasDefaults(types []string) bool {
	return slices.ContainsFunc(types, func(t string) bool {
		return t == typeUsers || t == typeClients || t == typeBrokers || t == typeIPs
	})
}

func isNamed(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return n != "" })
}

func (o *configsOptions) checkDescribe(s *jopt.Set, types, names []string) error {
	if !hasDefaults(types) && s.Has(o.entityDefault) {
		return badArgument("--entity-default must not be specified with --describe of %s", strings.Join(types, ","))
	}
	if slices.Contains(types, typeLoggers) && !isNamed(names) {
		return badArgument("An entity name must be specified with --describe of %s", strings.Join(types, ","))
	}
	return nil
}

func (o *configsOptions) checkAlter(s *jopt.Set, types, names []string) error {
	switch {
	case hasDefaults(types) && len(names) == 0:
		return badArgument("An entity-name or default entity must be specified with --alter of users, clients, brokers or ips")
	case !hasDefaults(types) && !isNamed(names):
		return badArgument("An entity name must be specified with --alter of %s", strings.Join(types, ","))
	case s.Has(o.addConfig) && s.Has(o.addConfigFile):
		return badArgument("Only one of --add-config or --add-config-file must be specified")
	case count(s, o.addConfig, o.addConfigFile, o.delConfig) == 0:
		return badArgument("At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter")
	}
	return nil
}
