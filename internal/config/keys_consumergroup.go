package config

// consumerGroupKeys are the settings of consumer groups (KIP-848).
var consumerGroupKeys = []Key{
	{Name: "group.consumer.assignment.interval.ms", Type: Int, Default: "1000", Valid: atLeast(0), Importance: Medium, Update: ClusterWide,
		Doc: "Fewest milliseconds between two assignments of a group."},
	{Name: "group.consumer.assignors", Type: List, Default: "uniform,range", Importance: Medium,
		Doc: "Assignors on the broker, the first one being the default."},
	{Name: "group.consumer.heartbeat.interval.ms", Type: Int, Default: "5000", Valid: atLeast(1), Importance: Medium,
		Doc: "Milliseconds between a member's heartbeats."},
	{Name: "group.consumer.max.assignment.interval.ms", Type: Int, Default: "15000", Valid: atLeast(0), Importance: Medium,
		Doc: "Largest assignment interval a group may set."},
	{Name: "group.consumer.max.heartbeat.interval.ms", Type: Int, Default: "15000", Valid: atLeast(1), Importance: Medium,
		Doc: "Largest heartbeat interval a group may set."},
	{Name: "group.consumer.max.session.timeout.ms", Type: Int, Default: "60000", Valid: atLeast(1), Importance: Medium,
		Doc: "Largest session timeout a group may set."},
	{Name: "group.consumer.max.size", Type: Int, Default: "2147483647", Valid: atLeast(1), Importance: Medium,
		Doc: "Most members of a consumer group."},
	{Name: "group.consumer.migration.policy", Type: String, Default: "bidirectional", Valid: anyOfFold("DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"), Importance: Medium,
		Doc: "Which way groups may change protocol while they run."},
	{Name: "group.consumer.min.assignment.interval.ms", Type: Int, Default: "0", Valid: atLeast(0), Importance: Medium,
		Doc: "Smallest assignment interval a group may set."},
	{Name: "group.consumer.min.heartbeat.interval.ms", Type: Int, Default: "5000", Valid: atLeast(1), Importance: Medium,
		Doc: "Smallest heartbeat interval a group may set."},
	{Name: "group.consumer.min.session.timeout.ms", Type: Int, Default: "45000", Valid: atLeast(1), Importance: Medium,
		Doc: "Smallest session timeout a group may set."},
	{Name: "group.consumer.session.timeout.ms", Type: Int, Default: "45000", Valid: atLeast(1), Importance: Medium,
		Doc: "Milliseconds without a heartbeat after which a member is removed."},
}
