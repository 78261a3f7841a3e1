package tool

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/config"
)

// changes are settings to set and to take back.
type changes struct {
	set    map[string]string
	remove []string
}

func (c *changes) added() []string { return sortedKeys(c.set) }

func (c *configsRun) changes() (*changes, error) {
	ch := &changes{set: map[string]string{}}
	if c.s.Has(c.o.addConfigFile) {
		m, err := loadProps(c.s.Str(c.o.addConfigFile))
		if err != nil {
			return nil, err
		}
		ch.set = m
	}
	if v, ok := c.s.Value(c.o.addConfig); ok {
		if err := ch.parse(v); err != nil {
			return nil, err
		}
	}
	for _, k := range c.s.Values(c.o.delConfig) {
		if c.s.Has(c.o.delConfig) {
			ch.remove = append(ch.remove, strings.TrimSpace(k))
		}
	}
	if err := c.s.Err(); err != nil {
		return nil, optionError(err)
	}
	for _, k := range ch.added() {
		if !configKey.MatchString(k) {
			return nil, badArgument("Invalid character found for config key: %s", k)
		}
	}
	return ch, nil
}

var (
	configKey    = regexp.MustCompile(`^[$a-zA-Z0-9._-]*$`)
	spacedEquals = regexp.MustCompile(`\s*=\s*`)
	bracketPair  = regexp.MustCompile(`\[?\]?`)
)

// parse reads k1=v1,k2=[v1,v2].
func (ch *changes) parse(text string) error {
	pairs := splitOutside(text, comma)
	for len(pairs) > 1 && pairs[len(pairs)-1] == "" {
		pairs = pairs[:len(pairs)-1]
	}
	for _, p := range pairs {
		kv := splitOutside(p, spacedEquals)
		if len(kv) != 2 {
			return badArgument(`requirement failed: Invalid entity config: all configs to be added must be in the format "key=val" or  "key=[val1,val2]" to group values which contain commas.`)
		}
		ch.set[strings.TrimSpace(kv[0])] = strings.TrimSpace(bracketPair.ReplaceAllString(kv[1], ""))
	}
	return nil
}

// splitOutside splits text where re matches outside of brackets: where the
// next bracket behind, if there is one, opens.
func splitOutside(text string, re *regexp.Regexp) []string {
	var out []string
	start := 0
	for _, m := range re.FindAllStringIndex(text, -1) {
		if i := strings.IndexAny(text[m[1]:], "[]"); i >= 0 && text[m[1]+i] == ']' {
			continue
		}
		out = append(out, text[start:m[0]])
		start = m[1]
	}
	return append(out, text[start:])
}

func (c *configsRun) alter() error {
	ch, err := c.changes()
	if err != nil {
		return err
	}
	typ, name := c.types[0], c.names[0]
	switch typ {
	case typeTopics, typeClientMetrics, typeBrokers, typeGroups:
		err = c.alterResource(ch)
	case typeLoggers:
		err = c.alterLoggers(ch)
	case typeUsers, typeClients:
		err = c.alterUser(ch)
	case typeIPs:
		err = c.alterIP(ch)
	}
	if err != nil {
		return err
	}
	if name != "" {
		c.printf("Completed updating config for %s %s.\n", singular(typ), name)
	} else {
		c.printf("Completed updating default config for %s in the cluster.\n", typ)
	}
	return nil
}

func (c *configsRun) alterResource(ch *changes) error {
	typ, _, _ := c.resource(c.names[0]) // a bad topic name is the server's to refuse
	err := c.incremental(typ, ch)
	if isClass(cause(err), unsupported) {
		return throw(unsupported, "The INCREMENTAL_ALTER_CONFIGS API is not supported by the cluster. The API is supported starting from version 2.3.0."+
			" You may want to use an older version of this tool to interact with your cluster, or upgrade your brokers to version 2.3.0 or newer to avoid this error.")
	}
	return err
}

func (c *configsRun) incremental(typ kmsg.ConfigResourceType, ch *changes) error {
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = typ, c.names[0]
	op := func(name string, op kmsg.IncrementalAlterConfigOp, value string) {
		k := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		k.Name, k.Op, k.Value = name, op, &value
		r.Configs = append(r.Configs, k)
	}
	for _, k := range ch.remove {
		op(k, kmsg.IncrementalAlterConfigOpDelete, "")
	}
	for _, k := range ch.added() {
		op(k, kmsg.IncrementalAlterConfigOpSet, ch.set[k])
	}
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Resources = append(req.Resources, r)
	resp, err := must[*kmsg.IncrementalAlterConfigsResponse](c.a.byResource(typ, c.names[0], req, "incrementalAlterConfigs"))
	if err != nil {
		return execution(err)
	}
	for _, r := range resp.Resources {
		if err := codeError(r.ErrorCode, r.ErrorMessage); err != nil {
			return execution(err)
		}
	}
	return nil
}

func (c *configsRun) alterLoggers(ch *changes) error {
	found, err := c.a.describeConfigs(kmsg.ConfigResourceTypeBrokerLogger, c.names[:1], false)
	if err != nil {
		return execution(err)
	}
	known := map[string]bool{}
	for _, en := range found[c.names[0]] {
		known[en.name] = true
	}
	var bad []string
	for _, k := range append(slices.Clone(ch.remove), ch.added()...) {
		if !known[k] {
			bad = append(bad, k)
		}
	}
	if bad != nil {
		return throw(pkgErrors+"InvalidConfigurationException", "Invalid broker logger(s): %s", strings.Join(bad, ","))
	}
	return c.incremental(kmsg.ConfigResourceTypeBrokerLogger, ch)
}

func isUserQuota(k string) bool { _, ok := config.UserQuota.Lookup(k); return ok }

// sift splits names into quotas, SCRAM mechanisms and others.
func sift(names []string) (quotas, scram, others []string) {
	for _, n := range names {
		switch {
		case isUserQuota(n):
			quotas = append(quotas, n)
		case scramMechanism(n) != 0:
			scram = append(scram, n)
		default:
			others = append(others, n)
		}
	}
	return quotas, scram, others
}

func (c *configsRun) alterUser(ch *changes) error {
	addQ, addS, addX := sift(ch.added())
	delQ, delS, delX := sift(ch.remove)
	if c.types[0] == typeClients || len(c.types) == 2 {
		if bad := append(addX, addS...); bad != nil {
			return badArgument("Only quota configs can be added for 'clients' using --bootstrap-server. Unexpected config names: Set(%s)", strings.Join(bad, ", "))
		}
		if bad := append(delX, delS...); bad != nil {
			return badArgument("Only quota configs can be deleted for 'clients' using --bootstrap-server. Unexpected config names: ArrayBuffer(%s)", strings.Join(bad, ", "))
		}
	} else if err := c.checkUser(addX, delX, len(addS)+len(delS), len(addQ)+len(delQ)); err != nil {
		return err
	}
	if len(addQ)+len(delQ) > 0 {
		return c.alterQuotas(ch)
	}
	return c.alterScram(ch, addS, delS)
}

func (c *configsRun) checkUser(addX, delX []string, scram, quotas int) error {
	switch {
	case addX != nil:
		return badArgument("Only quota and SCRAM credential configs can be added for 'users' using --bootstrap-server. Unexpected config names: Set(%s)", strings.Join(addX, ", "))
	case delX != nil:
		return badArgument("Only quota and SCRAM credential configs can be deleted for 'users' using --bootstrap-server. Unexpected config names: ArrayBuffer(%s)", strings.Join(delX, ", "))
	case scram > 0 && slices.Contains(c.names, ""):
		return badArgument("The use of --entity-default or --user-defaults is not allowed with User SCRAM Credentials using --bootstrap-server.")
	case scram > 0 && quotas > 0:
		return badArgument("Cannot alter both quota and SCRAM credential configs simultaneously for 'users' using --bootstrap-server.")
	}
	return nil
}

func (c *configsRun) alterIP(ch *changes) error {
	var bad []string
	for _, k := range append(ch.added(), ch.remove...) {
		if _, ok := config.IPQuota.Lookup(k); !ok {
			bad = append(bad, k)
		}
	}
	if bad != nil {
		return badArgument("Only connection quota configs can be added for 'ips' using --bootstrap-server. Unexpected config names: %s", strings.Join(bad, ","))
	}
	return c.alterQuotas(ch)
}

func (c *configsRun) alterQuotas(ch *changes) error {
	old, err := c.quotas()
	if err != nil {
		return err
	}
	have := map[string]bool{}
	if len(old) > 0 {
		for _, v := range old[0].Values {
			have[v.Key] = true
		}
	}
	var bad []string
	for _, k := range ch.remove {
		if !have[k] {
			bad = append(bad, k)
		}
	}
	if bad != nil {
		return throw(pkgErrors+"InvalidConfigurationException", "Invalid config(s): %s", strings.Join(bad, ","))
	}
	entry, err := c.quotaEntry(ch)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrAlterClientQuotasRequest()
	req.Entries = append(req.Entries, entry)
	resp, err := must[*kmsg.AlterClientQuotasResponse](c.a.do(req, "alterClientQuotas"))
	if err != nil {
		return execution(err)
	}
	for _, r := range resp.Entries {
		if err := codeError(r.ErrorCode, r.ErrorMessage); err != nil {
			return execution(err)
		}
	}
	return nil
}

func (c *configsRun) quotaEntry(ch *changes) (kmsg.AlterClientQuotasRequestEntry, error) {
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	for i, typ := range c.types {
		en := kmsg.NewAlterClientQuotasRequestEntryEntity()
		en.Type = quotaEntity[typ]
		if c.names[i] != "" {
			en.Name = &c.names[i]
		}
		entry.Entity = append(entry.Entity, en)
	}
	for _, k := range ch.added() {
		v, err := strconv.ParseFloat(strings.TrimSpace(ch.set[k]), 64)
		if err != nil {
			return entry, badArgument("Cannot parse quota configuration value for %s: %s", k, ch.set[k])
		}
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		op.Key, op.Value = k, v
		entry.Ops = append(entry.Ops, op)
	}
	for _, k := range ch.remove {
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		op.Key, op.Remove = k, true
		entry.Ops = append(entry.Ops, op)
	}
	return entry, nil
}

// quotaEntity are the protocol's names of kinds that have quotas.
var quotaEntity = map[string]string{typeUsers: "user", typeClients: "client-id", typeIPs: "ip"}

// quotas are the quotas of the entities the command line means.
func (c *configsRun) quotas() ([]kmsg.DescribeClientQuotasResponseEntry, error) {
	if len(c.names) > len(c.types) {
		return nil, badArgument("More entity names specified than entity types")
	}
	req := kmsg.NewPtrDescribeClientQuotasRequest()
	req.Strict = true
	for i, typ := range c.types {
		k := kmsg.NewDescribeClientQuotasRequestComponent()
		k.EntityType, k.MatchType = quotaEntity[typ], kmsg.QuotasMatchTypeAny
		switch {
		case i < len(c.names) && c.names[i] == "":
			k.MatchType = kmsg.QuotasMatchTypeDefault
		case i < len(c.names):
			k.MatchType, k.Match = kmsg.QuotasMatchTypeExact, &c.names[i]
		}
		req.Components = append(req.Components, k)
	}
	resp, err := must[*kmsg.DescribeClientQuotasResponse](c.a.do(req, "describeClientQuotas"))
	if err == nil {
		err = codeError(resp.ErrorCode, resp.ErrorMessage)
	}
	if err != nil {
		return nil, execution(err)
	}
	return hashedIn(resp.Entries, hashQuota, tableSize(len(resp.Entries))), nil
}

// hashQuota is ClientQuotaEntity.hashCode.
func hashQuota(en kmsg.DescribeClientQuotasResponseEntry) int32 {
	var h int32
	for _, x := range en.Entity {
		v := int32(0)
		if x.Name != nil {
			v = hashString(*x.Name)
		}
		h += hashString(x.Type) ^ v
	}
	return 31 + h
}

func (c *configsRun) describeQuotas() error {
	entries, err := c.quotas()
	if err != nil {
		return err
	}
	for _, en := range entries {
		var who, what []string
		for _, kind := range []struct{ typ, word string }{{"user", "user-principal"}, {"client-id", "client-id"}, {"ip", "ip"}} {
			for _, x := range en.Entity {
				switch {
				case x.Type != kind.typ:
				case x.Name == nil:
					who = append(who, "the default "+kind.word)
				default:
					who = append(who, kind.word+" '"+*x.Name+"'")
				}
			}
		}
		values := hashedIn(en.Values, func(v kmsg.DescribeClientQuotasResponseEntryValue) int32 { return hashString(v.Key) }, tableSize(len(en.Values)))
		for _, v := range values {
			what = append(what, v.Key+"="+javaDouble(v.Value))
		}
		c.printf("Quota configs for %s are %s\n", strings.Join(who, ", "), strings.Join(what, ", "))
	}
	return nil
}

// describeScram prints the SCRAM credentials of users, without secrets.
func (c *configsRun) describeScram() error {
	req := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	for _, n := range c.names {
		u := kmsg.NewDescribeUserSCRAMCredentialsRequestUser()
		u.Name = n
		req.Users = append(req.Users, u)
	}
	resp, err := must[*kmsg.DescribeUserSCRAMCredentialsResponse](c.a.do(req, "describeUserScramCredentials"))
	if err == nil {
		err = codeError(resp.ErrorCode, resp.ErrorMessage)
	}
	if err != nil {
		return execution(err)
	}
	sort.SliceStable(resp.Results, func(i, j int) bool { return resp.Results[i].User < resp.Results[j].User })
	for _, r := range resp.Results {
		err := codeError(r.ErrorCode, r.ErrorMessage)
		if isClass(err, pkgErrors+"ResourceNotFoundException") {
			continue
		}
		if err != nil {
			c.printf("Error retrieving SCRAM credential configs for user-principal '%s': ExecutionException: %s\n", r.User, describe(err))
			continue
		}
		var infos []string
		for _, i := range r.CredentialInfos {
			infos = append(infos, fmt.Sprintf("%s=iterations=%d", scramName(i.Mechanism), i.Iterations))
		}
		c.printf("SCRAM credential configs for user-principal '%s' are %s\n", r.User, strings.Join(infos, ", "))
	}
	return nil
}
