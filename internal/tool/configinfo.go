package tool

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// configEntry is one setting as the server describes it.
type configEntry struct {
	name      string
	value     *string
	source    kmsg.ConfigSource
	sensitive bool
	synonyms  []kmsg.DescribeConfigsResponseResourceConfigConfigSynonym
}

func (c *configEntry) isDefault() bool { return c.source == kmsg.ConfigSourceDefaultConfig }

func (c *configEntry) text() string { return orNull(c.value) }

// orNull is a string as Java prints it.
func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// describeConfigs describes the settings of resources of one type, in the
// order Java's client returns them. Brokers are asked for their own.
func (a *admin) describeConfigs(typ kmsg.ConfigResourceType, names []string, synonyms bool) (map[string][]configEntry, error) {
	out := map[string][]configEntry{}
	if typ == kmsg.ConfigResourceTypeBroker || typ == kmsg.ConfigResourceTypeBrokerLogger {
		for _, n := range names {
			if err := a.describeConfigsAt(typ, []string{n}, synonyms, out); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	if len(names) == 0 {
		return out, nil
	}
	return out, a.describeConfigsAt(typ, names, synonyms, out)
}

func (a *admin) describeConfigsAt(typ kmsg.ConfigResourceType, names []string, synonyms bool, out map[string][]configEntry) error {
	req := kmsg.NewPtrDescribeConfigsRequest()
	req.IncludeSynonyms = synonyms
	for _, n := range names {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName = typ, n
		req.Resources = append(req.Resources, r)
	}
	resp, err := must[*kmsg.DescribeConfigsResponse](a.byResource(typ, names[0], req, "describeConfigs"))
	if err != nil {
		return err
	}
	for _, r := range resp.Resources {
		if err := codeError(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
		byName := map[string]configEntry{}
		var keys []string
		for _, c := range r.Configs {
			keys = append(keys, c.Name)
			byName[c.Name] = configEntry{c.Name, c.Value, c.Source, c.IsSensitive, c.ConfigSynonyms}
		}
		list := []configEntry{}
		for _, k := range hashedStrings(keys) {
			list = append(list, byName[k])
		}
		out[r.ResourceName] = list
	}
	return nil
}

// byResource sends a request about a resource to the broker it is of, or to
// any.
func (a *admin) byResource(typ kmsg.ConfigResourceType, name string, req kmsg.Request, call string) (kmsg.Response, error) {
	if name != "" && (typ == kmsg.ConfigResourceTypeBroker || typ == kmsg.ConfigResourceTypeBrokerLogger) {
		id, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			return nil, badArgument("For input string: \"%s\"", name)
		}
		return a.toBroker(int32(id), req, call)
	}
	return a.do(req, call)
}
