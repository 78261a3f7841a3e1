package config

// quotaKeys are the settings of quotas, metrics, telemetry and authorization.
var quotaKeys = []Key{
	{Name: "alter.log.dirs.replication.quota.window.num", Type: Int, Default: "11", Valid: atLeast(1), Importance: Low},
	{Name: "alter.log.dirs.replication.quota.window.size.seconds", Type: Int, Default: "1", Valid: atLeast(1), Importance: Low},
	{Name: "authorizer.class.name", Type: String, Importance: Low},
	{Name: "client.quota.callback.class", Type: Class, Null: true, Importance: Low},
	{Name: "controller.quota.window.num", Type: Int, Default: "11", Valid: atLeast(1), Importance: Low},
	{Name: "controller.quota.window.size.seconds", Type: Int, Default: "1", Valid: atLeast(1), Importance: Low},
	{Name: "delegation.token.expiry.check.interval.ms", Type: Long, Default: "3600000", Valid: atLeast(1), Importance: Low},
	{Name: "delegation.token.expiry.time.ms", Type: Long, Default: "86400000", Valid: atLeast(1), Importance: Medium},
	{Name: "delegation.token.max.lifetime.ms", Type: Long, Default: "604800000", Valid: atLeast(1), Importance: Medium},
	{Name: "delegation.token.secret.key", Type: Password, Null: true, Importance: Medium},
	{Name: "kafka.metrics.polling.interval.secs", Type: Int, Default: "10", Valid: atLeast(1), Importance: Low},
	{Name: "kafka.metrics.reporters", Type: List, Importance: Low},
	{Name: "metric.reporters", Type: List, Default: "org.apache.kafka.common.metrics.JmxReporter", Importance: Low, Update: ClusterWide},
	{Name: "metrics.num.samples", Type: Int, Default: "2", Valid: atLeast(1), Importance: Low},
	{Name: "metrics.recording.level", Type: String, Default: "INFO", Importance: Low},
	{Name: "metrics.sample.window.ms", Type: Long, Default: "30000", Valid: atLeast(1), Importance: Low},
	{Name: "quota.window.num", Type: Int, Default: "11", Valid: atLeast(1), Importance: Low},
	{Name: "quota.window.size.seconds", Type: Int, Default: "1", Valid: atLeast(1), Importance: Low},
	{Name: "replication.quota.window.num", Type: Int, Default: "11", Valid: atLeast(1), Importance: Low},
	{Name: "replication.quota.window.size.seconds", Type: Int, Default: "1", Valid: atLeast(1), Importance: Low},
	{Name: "telemetry.max.bytes", Type: Int, Default: "1048576", Valid: atLeast(1), Importance: Low},
}
