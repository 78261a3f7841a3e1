package config

// streamsGroupKeys are the settings of streams groups (KIP-1071).
var streamsGroupKeys = []Key{
	{Name: "group.streams.assignment.interval.ms", Type: Int, Default: "1000", Valid: atLeast(0), Importance: Medium, Update: ClusterWide},
	{Name: "group.streams.assignors", Type: List, Default: "sticky", Importance: Medium},
	{Name: "group.streams.heartbeat.interval.ms", Type: Int, Default: "5000", Valid: atLeast(1), Importance: Medium},
	{Name: "group.streams.initial.rebalance.delay.ms", Type: Int, Default: "3000", Valid: atLeast(0), Importance: Medium},
	{Name: "group.streams.max.assignment.interval.ms", Type: Int, Default: "15000", Valid: atLeast(0), Importance: Medium},
	{Name: "group.streams.max.heartbeat.interval.ms", Type: Int, Default: "15000", Valid: atLeast(1), Importance: Medium},
	{Name: "group.streams.max.session.timeout.ms", Type: Int, Default: "60000", Valid: atLeast(1), Importance: Medium},
	{Name: "group.streams.max.size", Type: Int, Default: "2147483647", Valid: atLeast(1), Importance: Medium},
	{Name: "group.streams.max.standby.replicas", Type: Int, Default: "2", Valid: atLeast(0), Importance: Medium},
	{Name: "group.streams.min.assignment.interval.ms", Type: Int, Default: "0", Valid: atLeast(0), Importance: Medium},
	{Name: "group.streams.min.heartbeat.interval.ms", Type: Int, Default: "5000", Valid: atLeast(1), Importance: Medium},
	{Name: "group.streams.min.session.timeout.ms", Type: Int, Default: "45000", Valid: atLeast(1), Importance: Medium},
	{Name: "group.streams.num.standby.replicas", Type: Int, Default: "0", Valid: atLeast(0), Importance: Medium},
	{Name: "group.streams.rack.aware.assignment.tags", Type: List, Importance: Low},
	{Name: "group.streams.session.timeout.ms", Type: Int, Default: "45000", Valid: atLeast(1), Importance: Medium},
	{Name: "group.streams.topology.description.plugin.class", Type: Class, Null: true, Importance: Medium},
}
