package config

import (
	"strconv"
	"strings"

	"gregor/internal/invariant"
)

// topicSynonyms gives the broker settings that are the default of a topic
// setting, the first one winning. Source: ServerTopicConfigSynonyms.
var topicSynonyms = map[string][]string{
	"segment.bytes":                   {"log.segment.bytes"},
	"segment.ms":                      {"log.roll.ms", "log.roll.hours"},
	"segment.jitter.ms":               {"log.roll.jitter.ms", "log.roll.jitter.hours"},
	"segment.index.bytes":             {"log.index.size.max.bytes"},
	"flush.messages":                  {"log.flush.interval.messages"},
	"flush.ms":                        {"log.flush.interval.ms", "log.flush.scheduler.interval.ms"},
	"retention.bytes":                 {"log.retention.bytes"},
	"retention.ms":                    {"log.retention.ms", "log.retention.minutes", "log.retention.hours"},
	"max.message.bytes":               {"message.max.bytes"},
	"max.decompressed.message.bytes":  {"max.decompressed.message.bytes"},
	"index.interval.bytes":            {"log.index.interval.bytes"},
	"delete.retention.ms":             {"log.cleaner.delete.retention.ms"},
	"min.compaction.lag.ms":           {"log.cleaner.min.compaction.lag.ms"},
	"max.compaction.lag.ms":           {"log.cleaner.max.compaction.lag.ms"},
	"file.delete.delay.ms":            {"log.segment.delete.delay.ms"},
	"min.cleanable.dirty.ratio":       {"log.cleaner.min.cleanable.ratio"},
	"cleanup.policy":                  {"log.cleanup.policy"},
	"unclean.leader.election.enable":  {"unclean.leader.election.enable"},
	"min.insync.replicas":             {"min.insync.replicas"},
	"compression.type":                {"compression.type"},
	"compression.gzip.level":          {"compression.gzip.level"},
	"compression.lz4.level":           {"compression.lz4.level"},
	"compression.zstd.level":          {"compression.zstd.level"},
	"preallocate":                     {"log.preallocate"},
	"message.timestamp.type":          {"log.message.timestamp.type"},
	"message.timestamp.before.max.ms": {"log.message.timestamp.before.max.ms"},
	"message.timestamp.after.max.ms":  {"log.message.timestamp.after.max.ms"},
	"local.retention.ms":              {"log.local.retention.ms"},
	"local.retention.bytes":           {"log.local.retention.bytes"},
	"remote.copy.lag.ms":              {"log.remote.copy.lag.ms"},
	"remote.copy.lag.bytes":           {"log.remote.copy.lag.bytes"},
}

// TopicValues are the settings of one topic: its overrides over the broker's
// defaults. Immutable and cheap to make: nothing is parsed until asked for.
type TopicValues struct {
	broker    *Values
	overrides map[string]string
}

// ForTopic is the view of a topic with these overrides on this broker.
func (v *Values) ForTopic(overrides map[string]string) TopicValues {
	return TopicValues{broker: v, overrides: overrides}
}

// Get is the value of a topic setting.
func (t TopicValues) Get(name string) Value {
	k, ok := Topic.Lookup(name)
	invariant.Check(ok, "no topic setting is named %q", name)
	if s, ok := t.overrides[name]; ok {
		if p, err := k.Parse(s); err == nil {
			return p
		}
	}
	switch name {
	case "segment.ms":
		return Value{Int: t.broker.RollMs()}
	case "segment.jitter.ms":
		return Value{Int: t.broker.RollJitterMs()}
	case "retention.ms":
		return Value{Int: t.broker.RetentionMs()}
	case "flush.ms":
		return Value{Int: t.broker.FlushMs()}
	}
	if s := topicSynonyms[name]; len(s) > 0 {
		return t.broker.Get(s[0])
	}
	return k.defaultValue()
}

// Int is the value of a number.
func (t TopicValues) Int(name string) int64 { return t.Get(name).Int }

// Bool is the value of a Boolean.
func (t TopicValues) Bool(name string) bool { return t.Get(name).Int == 1 }

// Str is the value of a String.
func (t TopicValues) Str(name string) string { return t.Get(name).Str }

// List is the value of a List.
func (t TopicValues) List(name string) []string { return t.Get(name).List }

// Float is the value of a Double.
func (t TopicValues) Float(name string) float64 { return t.Get(name).Num }

// Text prints a value as Kafka shows it in DescribeConfigs.
func (k *Key) Text(v Value) string {
	switch k.Type {
	case Boolean:
		return strconv.FormatBool(v.Int == 1)
	case Int, Short, Long:
		return strconv.FormatInt(v.Int, 10)
	case Double:
		return javaDouble(v.Num)
	case List:
		return strings.Join(v.List, ",")
	}
	return v.Str
}
