package config

// consumerGroupKeys are the settings of consumer groups (KIP-848).
var consumerGroupKeys = []Key{
	{Name: "group.consumer.assignment.interval.ms", Type: Int, Default: "1000", Valid: atLeast(0), Importance: Medium, Update: ClusterWide},
	{Name: "group.consumer.assignors", Type: List, Default: "uniform,range", Importance: Medium},
	{Name: "group.consumer.heartbeat.interval.ms", Type: Int, Default: "5000", Valid: atLeast(1), Importance: Medium},
	{Name: "group.consumer.max.assignment.interval.ms", Type: Int, Default: "15000", Valid: atLeast(0), Importance: Medium},
	{Name: "group.consumer.max.heartbeat.interval.ms", Type: Int, Default: "15000", Valid: atLeast(1), Importance: Medium},
	{Name: "group.consumer.max.session.timeout.ms", Type: Int, Default: "60000", Valid: atLeast(1), Importance: Medium},
	{Name: "group.consumer.max.size", Type: Int, Default: "2147483647", Valid: atLeast(1), Importance: Medium},
	{Name: "group.consumer.migration.policy", Type: String, Default: "bidirectional", Valid: anyOfFold("DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"), Importance: Medium},
	{Name: "group.consumer.min.assignment.interval.ms", Type: Int, Default: "0", Valid: atLeast(0), Importance: Medium},
	{Name: "group.consumer.min.heartbeat.interval.ms", Type: Int, Default: "5000", Valid: atLeast(1), Importance: Medium},
	{Name: "group.consumer.min.session.timeout.ms", Type: Int, Default: "45000", Valid: atLeast(1), Importance: Medium},
	{Name: "group.consumer.session.timeout.ms", Type: Int, Default: "45000", Valid: atLeast(1), Importance: Medium},
}
