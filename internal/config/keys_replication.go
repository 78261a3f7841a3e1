package config

// replicationKeys are the settings of replication and leadership.
var replicationKeys = []Key{
	{Name: "auto.leader.rebalance.enable", Type: Boolean, Default: "true", Importance: High},
	{Name: "controlled.shutdown.enable", Type: Boolean, Default: "true", Importance: Medium},
	{Name: "delete.records.purgatory.purge.interval.requests", Type: Int, Default: "1", Importance: Medium},
	{Name: "fetch.max.bytes", Type: Int, Default: "57671680", Valid: atLeast(1024), Importance: Medium},
	{Name: "fetch.purgatory.purge.interval.requests", Type: Int, Default: "1000", Importance: Medium},
	{Name: "follower.fetch.last.tiered.offset.enable", Type: Boolean, Default: "false", Importance: Medium, Update: ClusterWide},
	{Name: "leader.imbalance.check.interval.seconds", Type: Long, Default: "300", Valid: atLeast(1), Importance: High},
	{Name: "max.incremental.fetch.session.cache.slots", Type: Int, Default: "1000", Valid: atLeast(0), Importance: Medium},
	{Name: "num.replica.fetchers", Type: Int, Default: "1", Valid: atLeast(1), Importance: High, Update: ClusterWide},
	{Name: "producer.purgatory.purge.interval.requests", Type: Int, Default: "1000", Importance: Medium},
	{Name: "replica.fetch.backoff.ms", Type: Int, Default: "1000", Valid: atLeast(0), Importance: Medium},
	{Name: "replica.fetch.max.bytes", Type: Int, Default: "1048576", Valid: atLeast(0), Importance: Medium},
	{Name: "replica.fetch.min.bytes", Type: Int, Default: "1", Importance: High},
	{Name: "replica.fetch.response.max.bytes", Type: Int, Default: "10485760", Valid: atLeast(0), Importance: Medium},
	{Name: "replica.fetch.wait.max.ms", Type: Int, Default: "500", Importance: High},
	{Name: "replica.high.watermark.checkpoint.interval.ms", Type: Long, Default: "5000", Importance: High},
	{Name: "replica.lag.time.max.ms", Type: Long, Default: "30000", Importance: High},
	{Name: "replica.selector.class", Type: String, Null: true, Importance: Medium},
	{Name: "replica.socket.receive.buffer.bytes", Type: Int, Default: "65536", Importance: High},
	{Name: "replica.socket.timeout.ms", Type: Int, Default: "30000", Importance: High},
	{Name: "unclean.leader.election.enable", Type: Boolean, Default: "false", Importance: High, Update: ClusterWide},
	{Name: "follower.replication.throttled.rate", Type: Long, Default: "9223372036854775807", Valid: atLeast(0), Importance: Medium, Update: ClusterWide},
	{Name: "leader.replication.throttled.rate", Type: Long, Default: "9223372036854775807", Valid: atLeast(0), Importance: Medium, Update: ClusterWide},
	{Name: "replica.alter.log.dirs.io.max.bytes.per.second", Type: Long, Default: "9223372036854775807", Valid: atLeast(0), Importance: Medium, Update: ClusterWide},
}
