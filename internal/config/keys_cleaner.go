package config

// cleanerKeys are the settings of the log cleaner.
var cleanerKeys = []Key{
	{Name: "log.cleaner.backoff.ms", Type: Long, Default: "15000", Valid: atLeast(0), Importance: Medium, Update: ClusterWide,
		Doc: "Milliseconds the cleaner sleeps when nothing is dirty."},
	{Name: "log.cleaner.dedupe.buffer.size", Type: Long, Default: "134217728", Importance: Medium, Update: ClusterWide,
		Doc: "Bytes of memory for deduplication, all cleaner threads together."},
	{Name: "log.cleaner.delete.retention.ms", Type: Long, Default: "86400000", Valid: atLeast(0), Importance: Medium, Update: ClusterWide,
		Doc: "Milliseconds a tombstone stays for consumers to see."},
	{Name: "log.cleaner.enable", Type: Boolean, Default: "true", Importance: Medium,
		Doc: "Whether compaction runs."},
	{Name: "log.cleaner.io.buffer.load.factor", Type: Double, Default: "0.9", Importance: Medium, Update: ClusterWide,
		Doc: "How full the deduplication buffer may get."},
	{Name: "log.cleaner.io.buffer.size", Type: Int, Default: "524288", Valid: atLeast(0), Importance: Medium, Update: ClusterWide,
		Doc: "Bytes of the cleaner's I/O buffers, all threads together."},
	{Name: "log.cleaner.io.max.bytes.per.second", Type: Double, Default: "1.7976931348623157E308", Importance: Medium, Update: ClusterWide,
		Doc: "Most bytes per second the cleaner reads and writes."},
	{Name: "log.cleaner.max.compaction.lag.ms", Type: Long, Default: "9223372036854775807", Valid: atLeast(1), Importance: Medium, Update: ClusterWide,
		Doc: "Milliseconds after which a record must be eligible for compaction."},
	{Name: "log.cleaner.min.cleanable.ratio", Type: Double, Default: "0.5", Valid: within(0, 1), Importance: Medium, Update: ClusterWide,
		Doc: "Share of a log that must be dirty before it is compacted."},
	{Name: "log.cleaner.min.compaction.lag.ms", Type: Long, Default: "0", Valid: atLeast(0), Importance: Medium, Update: ClusterWide,
		Doc: "Milliseconds a record is kept from compaction."},
	{Name: "log.cleaner.threads", Type: Int, Default: "1", Valid: atLeast(0), Importance: Medium, Update: ClusterWide,
		Doc: "Logs compacted at a time."},
}
