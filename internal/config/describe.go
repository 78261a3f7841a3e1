package config

import (
	"slices"
	"sort"
	"strings"
)

// Source says where a value comes from; the numbers are DescribeConfigs'.
type Source int8

// The sources of a value.
const (
	SourceUnknown        Source = 0
	SourceTopic          Source = 1
	SourceDynamicBroker  Source = 2
	SourceDynamicDefault Source = 3
	SourceStaticBroker   Source = 4
	SourceDefault        Source = 5
	SourceDynamicLogger  Source = 6
	SourceClientMetrics  Source = 7
	SourceGroup          Source = 8
)

// Synonym is one of the values that a setting could take its value from.
type Synonym struct {
	Name   string
	Value  *string // nil when null or sensitive
	Source Source
}

// Entry is a setting as DescribeConfigs shows it.
type Entry struct {
	Name      string
	Value     *string // nil when null or sensitive
	Source    Source
	ReadOnly  bool
	Sensitive bool
	Type      Type // 0 when the setting is not known
	Doc       string
	Synonyms  []Synonym
}

// Layers are the places broker settings come from: the configuration file, the
// dynamic settings of this broker, and those of all brokers.
type Layers struct {
	Static         *Values
	DynamicBroker  map[string]string
	DynamicDefault map[string]string
}

// Effective is the values a broker runs on.
func (l Layers) Effective() *Values {
	if len(l.DynamicBroker)+len(l.DynamicDefault) == 0 {
		return l.Static
	}
	return l.Static.With(l.DynamicDefault, l.DynamicBroker)
}

// brokerSynonyms are the settings that a broker setting takes its value from,
// the first one winning.
func brokerSynonyms(name string) []string {
	switch name {
	case "log.roll.ms", "log.roll.hours":
		return []string{"log.roll.ms", "log.roll.hours"}
	case "log.roll.jitter.ms", "log.roll.jitter.hours":
		return []string{"log.roll.jitter.ms", "log.roll.jitter.hours"}
	case "log.flush.interval.ms":
		return []string{"log.flush.interval.ms", "log.flush.scheduler.interval.ms"}
	case "log.retention.ms", "log.retention.minutes", "log.retention.hours":
		return []string{"log.retention.ms", "log.retention.minutes", "log.retention.hours"}
	}
	if strings.HasPrefix(name, listenerPrefix) {
		if _, base := lookupPrefixed(name); base != name {
			return []string{name, base}
		}
	}
	return []string{name}
}

// synonyms lists what name and its synonyms are set to, most specific first,
// starting at name itself.
func (l Layers) synonyms(name string, sensitive bool) []Synonym {
	var out []Synonym
	names := brokerSynonyms(name)
	add := func(m map[string]string, src Source) {
		for _, n := range names {
			if s, ok := m[n]; ok {
				out = append(out, Synonym{Name: n, Value: shown(s, sensitive), Source: src})
			}
		}
	}
	add(l.DynamicBroker, SourceDynamicBroker)
	add(l.DynamicDefault, SourceDynamicDefault)
	add(l.Static.set, SourceStaticBroker)
	for _, n := range names {
		if k, ok := Broker.Lookup(n); ok && !k.Null && !k.Required {
			out = append(out, Synonym{Name: n, Value: shown(k.Text(k.defaultValue()), sensitive), Source: SourceDefault})
		}
	}
	for i := range out {
		if out[i].Name == name {
			return out[i:]
		}
	}
	return nil
}

func shown(s string, sensitive bool) *string {
	if sensitive {
		return nil
	}
	return &s
}

func (k *Key) shown(v Value) *string {
	if v.Null {
		return nil
	}
	return shown(k.Text(v), k.Sensitive())
}

func wanted(names []string, name string) bool { return names == nil || slices.Contains(names, name) }

// BrokerEntries describes this broker's settings; names nil means all.
// Internal settings are left out unless they were set.
func (l Layers) BrokerEntries(names []string) []Entry {
	eff := l.Effective()
	var out []Entry
	for _, k := range Broker.Keys() {
		if !wanted(names, k.Name) || k.Apart || (k.Internal || k.Old) && !eff.IsSet(k.Name) {
			continue
		}
		e := Entry{Name: k.Name, Value: k.shown(eff.Get(k.Name)), Type: k.Type, Sensitive: k.Sensitive(), Doc: k.Doc, ReadOnly: k.Update == ReadOnly}
		e.fill(l.synonyms(k.Name, e.Sensitive))
		out = append(out, e)
	}
	for _, n := range sortedKeys(eff.set) {
		if k, ok := Broker.Lookup(n); ok && !k.Apart || !wanted(names, n) {
			continue
		}
		out = append(out, l.unknownEntry(n, eff.set[n]))
	}
	return out
}

// unknownEntry describes a setting the table does not have: Kafka cannot know
// whether it is a secret and hides it, unless it is a listener's own version
// of a known one.
func (l Layers) unknownEntry(name, text string) Entry {
	k, _ := lookupPrefixed(name)
	e := Entry{Name: name, Sensitive: true, ReadOnly: true}
	if k != nil {
		e.Type, e.Doc, e.Sensitive, e.ReadOnly = k.Type, k.Doc, k.Sensitive(), k.Update == ReadOnly
		e.Value = shown(text, e.Sensitive)
	}
	e.fill(l.synonyms(name, e.Sensitive))
	return e
}

func (e *Entry) fill(s []Synonym) {
	e.Synonyms, e.Source = s, SourceDefault
	if len(s) > 0 {
		e.Source = s[0].Source
	}
}

// DefaultEntries describes the dynamic settings of all brokers.
func (l Layers) DefaultEntries(names []string) []Entry {
	var out []Entry
	for _, n := range sortedKeys(l.DynamicDefault) {
		if !wanted(names, n) {
			continue
		}
		k, _ := lookupPrefixed(n)
		e := Entry{Name: n, Sensitive: true, ReadOnly: true}
		if k != nil {
			e.Type, e.Doc, e.Sensitive, e.ReadOnly = k.Type, k.Doc, k.Sensitive(), k.Update == ReadOnly
		}
		e.Value = shown(l.DynamicDefault[n], e.Sensitive)
		e.fill([]Synonym{{Name: n, Value: e.Value, Source: SourceDynamicDefault}})
		out = append(out, e)
	}
	return out
}

// TopicEntries describes a topic's settings.
func (l Layers) TopicEntries(overrides map[string]string, names []string) []Entry {
	t := l.Effective().ForTopic(overrides)
	var out []Entry
	for _, k := range Topic.Keys() {
		if !wanted(names, k.Name) || k.Internal {
			continue
		}
		e := Entry{Name: k.Name, Value: k.shown(t.Get(k.Name)), Type: k.Type, Doc: k.Doc}
		var syn []Synonym
		if _, ok := overrides[k.Name]; ok {
			syn = append(syn, Synonym{Name: k.Name, Value: e.Value, Source: SourceTopic})
		}
		if s := topicSynonyms[k.Name]; len(s) > 0 {
			syn = append(syn, l.synonyms(s[0], false)...)
		}
		e.fill(syn)
		out = append(out, e)
	}
	return out
}

// GroupEntries describes a group's settings.
func (l Layers) GroupEntries(overrides map[string]string, names []string) []Entry {
	eff := l.Effective()
	var out []Entry
	for _, k := range Group.Keys() {
		if !wanted(names, k.Name) || k.Internal {
			continue
		}
		v, syn := k.defaultValue(), []Synonym(nil)
		broker := "group." + k.Name
		if _, ok := Broker.Lookup(broker); ok {
			v, syn = eff.Get(broker), l.synonyms(broker, false)
		} else if !k.Null {
			syn = []Synonym{{Name: k.Name, Value: k.shown(v), Source: SourceDefault}}
		}
		if s, ok := overrides[k.Name]; ok {
			if p, err := k.Parse(s); err == nil {
				v = p
			}
			syn = append([]Synonym{{Name: k.Name, Value: k.shown(v), Source: SourceGroup}}, syn...)
		}
		e := Entry{Name: k.Name, Value: k.shown(v), Type: k.Type, Doc: k.Doc}
		e.fill(syn)
		out = append(out, e)
	}
	return out
}

// ClientMetricsEntries describes a client metrics subscription.
func ClientMetricsEntries(overrides map[string]string, names []string) []Entry {
	var out []Entry
	for _, k := range ClientMetrics.Keys() {
		if !wanted(names, k.Name) {
			continue
		}
		v := k.defaultValue()
		var syn []Synonym
		if s, ok := overrides[k.Name]; ok {
			if p, err := k.Parse(s); err == nil {
				v = p
			}
			syn = []Synonym{{Name: k.Name, Value: k.shown(v), Source: SourceClientMetrics}}
		}
		e := Entry{Name: k.Name, Value: k.shown(v), Type: k.Type, Doc: k.Doc}
		e.fill(syn)
		out = append(out, e)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
