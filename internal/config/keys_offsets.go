package config

// offsetsKeys are the settings of offsets and classic groups.
var offsetsKeys = []Key{
	{Name: "group.coordinator.append.linger.ms", Type: Int, Default: "-1", Valid: atLeast(-1), Importance: Medium},
	{Name: "group.coordinator.background.threads", Type: Int, Default: "2", Valid: atLeast(1), Importance: High},
	{Name: "group.coordinator.cached.buffer.max.bytes", Type: Int, Default: "1048588", Valid: atLeast(524288), Importance: Medium, Update: ClusterWide},
	{Name: "group.coordinator.rebalance.protocols", Type: List, Default: "classic,consumer,streams", Valid: anyOf("consumer", "classic", "share", "streams"), Importance: Medium},
	{Name: "group.coordinator.threads", Type: Int, Default: "4", Valid: atLeast(1), Importance: High},
	{Name: "group.initial.rebalance.delay.ms", Type: Int, Default: "3000", Importance: Medium},
	{Name: "group.max.session.timeout.ms", Type: Int, Default: "1800000", Importance: Medium},
	{Name: "group.max.size", Type: Int, Default: "2147483647", Valid: atLeast(1), Importance: Medium},
	{Name: "group.min.session.timeout.ms", Type: Int, Default: "6000", Importance: Medium},
	{Name: "offset.metadata.max.bytes", Type: Int, Default: "4096", Importance: High},
	{Name: "offsets.commit.timeout.ms", Type: Int, Default: "5000", Valid: atLeast(1), Importance: High},
	{Name: "offsets.load.buffer.size", Type: Int, Default: "5242880", Valid: atLeast(1), Importance: High},
	{Name: "offsets.retention.check.interval.ms", Type: Long, Default: "600000", Valid: atLeast(1), Importance: High},
	{Name: "offsets.retention.minutes", Type: Int, Default: "10080", Valid: atLeast(1), Importance: High},
	{Name: "offsets.topic.compression.codec", Type: Int, Default: "0", Importance: High},
	{Name: "offsets.topic.num.partitions", Type: Int, Default: "50", Valid: atLeast(1), Importance: High},
	{Name: "offsets.topic.replication.factor", Type: Short, Default: "3", Valid: atLeast(1), Importance: High},
	{Name: "offsets.topic.segment.bytes", Type: Int, Default: "104857600", Valid: atLeast(1), Importance: High},
}
