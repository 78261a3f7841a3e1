package config

import (
	"math"
	"sort"
	"strings"

	"gregor/internal/invariant"
	"gregor/internal/model"
)

// Values are the settings of one broker: what was set explicitly, over the
// defaults of Table Broker. Immutable.
type Values struct {
	set    map[string]string
	parsed map[string]Value
}

// Warning is something said once in the log and never a reason to stop.
type Warning string

// listenerPrefix starts a setting that holds for one listener only:
// listener.name.<name in lower case>.[<mechanism>.]<setting>.
const listenerPrefix = "listener.name."

// Load checks props against Table Broker. Unknown keys, and keys of settings
// that are gone, are warnings; a value that does not fit is an *Error.
func Load(props map[string]string) (*Values, []Warning, error) {
	v := &Values{set: map[string]string{}, parsed: map[string]Value{}}
	var warnings []Warning
	for _, name := range sortedKeys(props) {
		text := props[name]
		k, base := lookupPrefixed(name)
		if k == nil {
			v.set[name] = text
			if !pluginKey(name) {
				warnings = append(warnings, Warning("These configurations '["+name+"]' were supplied but are not used yet."))
			}
			continue
		}
		if k.Old {
			warnings = append(warnings, Warning("The configuration "+name+" belongs to an older Kafka and has no effect here."))
		}
		p, err := k.Parse(text)
		if err != nil {
			return nil, nil, err
		}
		v.set[name] = text
		if base == name {
			v.parsed[name] = p
		}
	}
	v.synonym("broker.id", "node.id")
	v.synonym("node.id", "broker.id")
	return v, warnings, nil
}

func (v *Values) synonym(from, to string) {
	if p, ok := v.parsed[from]; ok {
		if _, has := v.parsed[to]; !has {
			v.set[to], v.parsed[to] = v.set[from], p
		}
	}
}

func sortedKeys(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// lookupPrefixed finds the setting of a key that may carry a listener prefix.
func lookupPrefixed(name string) (*Key, string) {
	if k, ok := Broker.Lookup(name); ok {
		return k, name
	}
	if !strings.HasPrefix(name, listenerPrefix) {
		return nil, name
	}
	rest := name[len(listenerPrefix):]
	for {
		_, after, ok := strings.Cut(rest, ".")
		if !ok {
			return nil, name
		}
		if k, ok := Broker.Lookup(after); ok {
			return k, after
		}
		rest = after
	}
}

// pluginKey reports whether unknown keys of that name are expected: prefixes
// that Kafka hands to plugins and the variables of the shell scripts.
func pluginKey(name string) bool {
	for _, p := range []string{"config.providers.", "remote.log.metadata.manager.impl.", "rlmm.config.", "rsm.config.", "gregor."} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// IsSet reports whether name was set explicitly.
func (v *Values) IsSet(name string) bool { _, ok := v.set[name]; return ok }

// Explicit are the settings that were set, as text. The caller does not change them.
func (v *Values) Explicit() map[string]string { return v.set }

// Raw is the explicit text of name, whether the table knows it or not.
func (v *Values) Raw(name string) (string, bool) { s, ok := v.set[name]; return s, ok }

// Get is the value of name: set explicitly, or the default.
func (v *Values) Get(name string) Value {
	if p, ok := v.parsed[name]; ok {
		return p
	}
	k, ok := Broker.Lookup(name)
	invariant.Check(ok, "no setting is named %q", name)
	return k.defaultValue()
}

func (k *Key) defaultValue() Value {
	if k.Null || k.Required {
		return Value{Null: true}
	}
	p, err := k.parseType(k.Default)
	invariant.Check(err == nil, "default of %s: %v", k.Name, err)
	return p
}

// Int is the value of an Int, Short or Long; 0 when it is null.
func (v *Values) Int(name string) int64 { return v.Get(name).Int }

// Bool is the value of a Boolean.
func (v *Values) Bool(name string) bool { return v.Get(name).Int == 1 }

// Float is the value of a Double.
func (v *Values) Float(name string) float64 { return v.Get(name).Num }

// Str is the value of a String, Class or Password; empty when it is null.
func (v *Values) Str(name string) string { return v.Get(name).Str }

// List is the value of a List; nil when it is null.
func (v *Values) List(name string) []string { return v.Get(name).List }

// With is v with overrides on top, as dynamic broker configs are applied.
// Unknown names and values that do not fit are left out: they were refused
// when they were written, or come from a newer version.
func (v *Values) With(overrides ...map[string]string) *Values {
	n := &Values{set: map[string]string{}, parsed: map[string]Value{}}
	for k, s := range v.set {
		n.set[k] = s
	}
	for k, p := range v.parsed {
		n.parsed[k] = p
	}
	for _, o := range overrides {
		for name, text := range o {
			k, base := lookupPrefixed(name)
			if k == nil {
				continue
			}
			p, err := k.Parse(text)
			if err != nil {
				continue
			}
			for _, s := range brokerSynonyms(name) {
				delete(n.set, s)
				delete(n.parsed, s)
			}
			n.set[name] = text
			if base == name {
				n.parsed[name] = p
			}
		}
	}
	return n
}

const (
	minuteMs = 60 * 1000
	hourMs   = 60 * minuteMs
)

// firstSet is the value of the first of names that is set, times its unit, or
// the default of the last.
func (v *Values) firstSet(names []string, units []int64) int64 {
	for i, n := range names {
		if p, ok := v.parsed[n]; ok && !p.Null {
			return scale(p.Int, units[i])
		}
	}
	last := len(names) - 1
	return scale(v.Get(names[last]).Int, units[last])
}

func scale(n, unit int64) int64 {
	if n > 0 && n > math.MaxInt64/unit {
		return math.MaxInt64
	}
	return n * unit
}

// RetentionMs is how long a log is kept by default: log.retention.ms over
// .minutes over .hours; a negative value means for ever and is -1.
func (v *Values) RetentionMs() int64 {
	ms := v.firstSet([]string{"log.retention.ms", "log.retention.minutes", "log.retention.hours"}, []int64{1, minuteMs, hourMs})
	if ms < 0 {
		return -1
	}
	return ms
}

// RollMs is the age at which a segment is closed: log.roll.ms over .hours.
func (v *Values) RollMs() int64 {
	return v.firstSet([]string{"log.roll.ms", "log.roll.hours"}, []int64{1, hourMs})
}

// RollJitterMs is the spread taken off RollMs: log.roll.jitter.ms over .hours.
func (v *Values) RollJitterMs() int64 {
	return v.firstSet([]string{"log.roll.jitter.ms", "log.roll.jitter.hours"}, []int64{1, hourMs})
}

// FlushMs is log.flush.interval.ms, or log.flush.scheduler.interval.ms.
func (v *Values) FlushMs() int64 {
	return v.firstSet([]string{"log.flush.interval.ms", "log.flush.scheduler.interval.ms"}, []int64{1, 1})
}

// LogDirs are the directories of log.dirs, or else of log.dir.
func (v *Values) LogDirs() []string {
	if d := v.Get("log.dirs"); !d.Null {
		return d.List
	}
	return v.List("log.dir")
}

// NodeID is node.id, or broker.id.
func (v *Values) NodeID() model.BrokerID { return model.BrokerID(v.Int("node.id")) }
