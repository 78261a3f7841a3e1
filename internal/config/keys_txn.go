package config

// transactionKeys are the settings of transactions and producer ids.
var transactionKeys = []Key{
	{Name: "add.partitions.to.txn.retry.backoff.max.ms", Type: Int, Default: "100", Valid: atLeast(0), Importance: High},
	{Name: "add.partitions.to.txn.retry.backoff.ms", Type: Int, Default: "20", Valid: atLeast(1), Importance: High},
	{Name: "producer.id.expiration.ms", Type: Int, Default: "86400000", Valid: atLeast(1), Importance: Low, Update: ClusterWide},
	{Name: "transaction.abort.timed.out.transaction.cleanup.interval.ms", Type: Int, Default: "10000", Valid: atLeast(1), Importance: Low},
	{Name: "transaction.max.timeout.ms", Type: Int, Default: "900000", Valid: atLeast(1), Importance: High},
	{Name: "transaction.partition.verification.enable", Type: Boolean, Default: "true", Importance: Low, Update: ClusterWide},
	{Name: "transaction.remove.expired.transaction.cleanup.interval.ms", Type: Int, Default: "3600000", Valid: atLeast(1), Importance: Low},
	{Name: "transaction.state.log.load.buffer.size", Type: Int, Default: "5242880", Valid: atLeast(1), Importance: High},
	{Name: "transaction.state.log.min.isr", Type: Int, Default: "2", Valid: atLeast(1), Importance: High},
	{Name: "transaction.state.log.num.partitions", Type: Int, Default: "50", Valid: atLeast(1), Importance: High},
	{Name: "transaction.state.log.replication.factor", Type: Short, Default: "3", Valid: atLeast(1), Importance: High},
	{Name: "transaction.state.log.segment.bytes", Type: Int, Default: "104857600", Valid: atLeast(1), Importance: High},
	{Name: "transaction.two.phase.commit.enable", Type: Boolean, Default: "false", Importance: Low},
	{Name: "transactional.id.expiration.ms", Type: Int, Default: "604800000", Valid: atLeast(1), Importance: High},
}
