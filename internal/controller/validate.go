package controller

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gregor/internal/config"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
)

// validateConfigs checks all settings that a resource would have; old are
// those it has. Source: ControllerConfigurationValidator, LogConfig,
// GroupConfig, ClientMetricsConfigs.
func (s *state) validateConfigs(r metadata.Resource, all, old map[string]string) error {
	switch r.Type {
	case metadata.TopicResource:
		if r.Name == "" {
			return kerr.InvalidRequest.With("Default topic resources are not allowed.")
		}
		if why := checkTopicName(r.Name); why != "" {
			return kerr.InvalidTopicException.With(why)
		}
		return configError(s.validateTopic(all, old))
	case metadata.BrokerResource:
		return validateBrokerName(r.Name)
	case metadata.ClientMetricsResource:
		return configError(validateClientMetrics(r.Name, all))
	case metadata.GroupResource:
		if r.Name == "" {
			return kerr.InvalidRequest.With("Default group resources are not allowed.")
		}
		return configError(s.validateGroup(all))
	}
	return kerr.InvalidRequest.With("Unknown resource type " + r.Type.String())
}

func validateBrokerName(name string) error {
	if name == "" {
		return nil
	}
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return kerr.InvalidRequest.With("Unable to parse broker name as a base 10 number.")
	}
	if id < 0 {
		return kerr.InvalidRequest.With("Invalid negative broker ID.")
	}
	return nil
}

func badConfig(format string, args ...any) error {
	return kerr.InvalidConfig.With(fmt.Sprintf(format, args...))
}

func (s *state) validateTopic(all, old map[string]string) error {
	names := sortedKeys(all)
	for _, n := range names {
		if _, ok := config.Topic.Lookup(n); !ok {
			return badConfig("Unknown topic config name: %s", n)
		}
	}
	for _, n := range names {
		if err := config.Topic.Validate(n, all[n]); err != nil {
			return err
		}
	}
	v := s.static.ForTopic(all)
	if lo, hi := v.Int("min.compaction.lag.ms"), v.Int("max.compaction.lag.ms"); lo > hi {
		return badConfig("conflict topic config setting min.compaction.lag.ms (%d) > max.compaction.lag.ms (%d)", lo, hi)
	}
	if v.Bool("remote.storage.enable") {
		return s.validateRemote(v)
	}
	if strings.EqualFold(old["remote.storage.enable"], "true") && !v.Bool("remote.log.delete.on.disable") {
		return badConfig("It is invalid to disable remote storage without deleting remote data. " +
			"If you want to keep the remote data and turn to read only, please set `remote.storage.enable=true,remote.log.copy.disable=true`. " +
			"If you want to disable remote storage and delete all remote data, please set `remote.storage.enable=false,remote.log.delete.on.disable=true`.")
	}
	return nil
}

// validateRemote checks the settings of a topic with tiered storage.
func (s *state) validateRemote(v config.TopicValues) error {
	if !s.static.Bool("remote.log.storage.system.enable") {
		return badConfig("Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.")
	}
	if p := v.List("cleanup.policy"); len(p) > 0 && !slices.Equal(p, []string{"delete"}) {
		return badConfig("Remote log storage only supports topics with cleanup.policy=delete or cleanup.policy being an empty list.")
	}
	for _, unit := range []string{"bytes", "ms"} {
		total, local := v.Int("retention."+unit), v.Int("local.retention."+unit)
		if total > -1 && local == -1 {
			return badConfig("Invalid value -1 for configuration local.retention.%s: Value must not be -1 as retention.%s value is set as %d.", unit, unit, total)
		}
		if total > -1 && local != -2 && local > total {
			return badConfig("Invalid value %d for configuration local.retention.%s: Value must not be more than retention.%s property value: %d", local, unit, unit, total)
		}
	}
	if !v.Bool("remote.log.copy.disable") {
		return nil
	}
	for _, unit := range []string{"bytes", "ms"} {
		if total, local := v.Int("retention."+unit), v.Int("local.retention."+unit); local != -2 && local != total {
			return badConfig("When `remote.log.copy.disable` is set to true, the `local.retention.%s` and `retention.%s` must be set to the identical value because there will be no more logs copied to the remote storage.", unit, unit)
		}
	}
	return nil
}

// clientParams are what a client metrics subscription may match on (KIP-714).
var clientParams = []string{
	"client_instance_id", "client_id", "client_software_name", "client_software_version", "client_source_address", "client_source_port",
}

func validateClientMetrics(name string, all map[string]string) error {
	if name == "" {
		return kerr.InvalidRequest.With("Subscription name can't be empty")
	}
	for _, n := range sortedKeys(all) {
		k, ok := config.ClientMetrics.Lookup(n)
		if !ok {
			return kerr.InvalidRequest.With("Unknown client metrics configuration: " + n)
		}
		v, err := k.Parse(all[n])
		if err != nil {
			return err
		}
		if n == "interval.ms" && (v.Int < 100 || v.Int > 3_600_000) {
			return kerr.InvalidRequest.With(fmt.Sprintf("Invalid value %d for interval.ms, interval must be between 100 and 3600000 (1 hour)", v.Int))
		}
		if n != "match" {
			continue
		}
		for _, p := range v.List {
			param, pattern, ok := strings.Cut(p, "=")
			if _, err := regexp.Compile(strings.TrimSpace(pattern)); err != nil || !ok || strings.Contains(pattern, "=") || !slices.Contains(clientParams, strings.TrimSpace(param)) {
				return badConfig("Illegal client matching pattern: %s", p)
			}
		}
	}
	return nil
}

// groupLimits are the broker settings that bound those of groups; ifSet are
// checked only when the group has the setting itself.
var groupLimits = []struct {
	name, min, max string
	ifSet          bool
}{
	{"consumer.heartbeat.interval.ms", "group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms", false},
	{"consumer.session.timeout.ms", "group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms", false},
	{"consumer.assignment.interval.ms", "group.consumer.min.assignment.interval.ms", "group.consumer.max.assignment.interval.ms", true},
	{"share.heartbeat.interval.ms", "group.share.min.heartbeat.interval.ms", "group.share.max.heartbeat.interval.ms", false},
	{"share.session.timeout.ms", "group.share.min.session.timeout.ms", "group.share.max.session.timeout.ms", false},
	{"share.record.lock.duration.ms", "group.share.min.record.lock.duration.ms", "group.share.max.record.lock.duration.ms", false},
	{"share.delivery.count.limit", "group.share.min.delivery.count.limit", "group.share.max.delivery.count.limit", false},
	{"share.partition.max.record.locks", "group.share.min.partition.max.record.locks", "group.share.max.partition.max.record.locks", false},
	{"share.assignment.interval.ms", "group.share.min.assignment.interval.ms", "group.share.max.assignment.interval.ms", true},
	{"streams.heartbeat.interval.ms", "group.streams.min.heartbeat.interval.ms", "group.streams.max.heartbeat.interval.ms", false},
	{"streams.session.timeout.ms", "group.streams.min.session.timeout.ms", "group.streams.max.session.timeout.ms", false},
	{"streams.num.standby.replicas", "", "group.streams.max.standby.replicas", false},
	{"streams.assignment.interval.ms", "group.streams.min.assignment.interval.ms", "group.streams.max.assignment.interval.ms", true},
}

func (s *state) validateGroup(all map[string]string) error {
	for _, n := range sortedKeys(all) {
		if _, ok := config.Group.Lookup(n); !ok {
			return badConfig("Unknown group config name: %s", n)
		}
	}
	for _, n := range sortedKeys(all) {
		if err := config.Group.Validate(n, all[n]); err != nil {
			return err
		}
	}
	for _, l := range groupLimits {
		if _, set := all[l.name]; l.ifSet && !set {
			continue
		}
		v := s.groupInt(l.name, all)
		if l.min != "" && v < s.static.Int(l.min) {
			return badConfig("%s must be greater than or equal to %s", l.name, l.min)
		}
		if v > s.static.Int(l.max) {
			return badConfig("%s must be less than or equal to %s", l.name, l.max)
		}
	}
	for _, kind := range []string{"consumer", "share", "streams"} {
		if s.groupInt(kind+".session.timeout.ms", all) <= s.groupInt(kind+".heartbeat.interval.ms", all) {
			return badConfig("%s.session.timeout.ms must be greater than %s.heartbeat.interval.ms", kind, kind)
		}
	}
	return nil
}

// groupInt is a group's number: its own, the broker's, or the default. Values
// have been checked.
func (s *state) groupInt(name string, all map[string]string) int64 {
	k, ok := config.Group.Lookup(name)
	if !ok {
		return 0
	}
	text, set := all[name]
	if !set {
		if _, ok := config.Broker.Lookup("group." + name); ok {
			return s.static.Int("group." + name)
		}
		text = k.Default
	}
	v, err := k.Parse(text)
	if err != nil {
		return 0
	}
	return v.Int
}
