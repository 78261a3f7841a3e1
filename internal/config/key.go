// Package config is the one table of settings: every key Kafka knows, with its
// type, default, check and dynamic scope; the readers of Kafka's .properties
// files; and the typed view of them that a node runs on. It does no I/O.
//
// Facts: the ConfigDefs of Apache Kafka 4.4.0, and those of 3.9.2 that 4.4.0
// dropped. A key's name, type, default, limits and update mode are Kafka's, so
// that DescribeConfigs answers as Kafka's does.
package config

import "sort"

// Type is the type of a setting's value; the numbers are those of
// DescribeConfigs (KIP-569).
type Type int8

// The types of a setting.
const (
	Boolean Type = iota + 1
	String
	Int
	Short
	Long
	Double
	List
	Class
	Password
)

var typeNames = [...]string{"", "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"}

func (t Type) String() string { return typeNames[t] }

// Importance is how likely an operator is to need a setting.
type Importance int8

// The grades of importance.
const (
	High Importance = iota
	Medium
	Low
)

func (i Importance) String() string { return [...]string{"high", "medium", "low"}[i] }

// Update says how a broker setting may be changed while the broker runs (KIP-226).
type Update int8

// The update modes of broker settings. Settings of other resources are Dynamic.
const (
	ReadOnly Update = iota
	PerBroker
	ClusterWide
	Dynamic
)

func (u Update) String() string {
	return [...]string{"read-only", "per-broker", "cluster-wide", "dynamic"}[u]
}

// Key describes one setting.
type Key struct {
	Name       string
	Type       Type
	Default    string // as text, a list comma-separated; see Null and Required
	Null       bool   // the default is null
	Required   bool   // there is no default
	Valid      Validator
	Importance Importance
	Update     Update
	Internal   bool   // not shown, not documented
	Old        bool   // known to 3.9 and gone from 4.x: accepted, used only in ZooKeeper mode or never
	Apart      bool   // Kafka keeps it apart from the others (QuotaConfig): described only where set, as if unknown
	Doc        string // what it does and its unit, in one or two sentences
}

// Sensitive reports whether the value must never be shown.
func (k *Key) Sensitive() bool { return k.Type == Password }

// Table is the settings of one kind of resource.
type Table struct {
	keys   []*Key
	byName map[string]*Key
}

func newTable(parts ...[]Key) *Table {
	t := &Table{byName: map[string]*Key{}}
	for _, p := range parts {
		for i := range p {
			k := &p[i]
			t.keys = append(t.keys, k)
			t.byName[k.Name] = k
		}
	}
	sort.Slice(t.keys, func(i, j int) bool { return t.keys[i].Name < t.keys[j].Name })
	return t
}

// Keys are all settings, sorted by name. The caller does not change them.
func (t *Table) Keys() []*Key { return t.keys }

// Lookup finds a setting by name.
func (t *Table) Lookup(name string) (*Key, bool) {
	k, ok := t.byName[name]
	return k, ok
}

// Validate checks that value is of the setting's type and within its limits;
// the error is a *Error, in Kafka's words.
func (t *Table) Validate(name, value string) error {
	k, ok := t.byName[name]
	if !ok {
		return &Error{Msg: "Unknown topic config name: " + name}
	}
	return k.Check(value)
}

// The tables of settings.
var (
	Broker        = newTable(nodeKeys, networkKeys, logKeys, cleanerKeys, replicationKeys, tieredKeys, offsetsKeys, consumerGroupKeys, shareGroupKeys, streamsGroupKeys, transactionKeys, quotaKeys, sslKeys, saslKeys, internalKeys, oldKeys)
	Topic         = newTable(topicKeys)
	Group         = newTable(groupKeys)
	ClientMetrics = newTable(clientMetricsKeys)
	UserQuota     = newTable(userQuotaKeys)
	IPQuota       = newTable(ipQuotaKeys)
)
