package config

// clientMetricsKeys are the settings of client metrics subscriptions (KIP-714).
var clientMetricsKeys = []Key{
	{Name: "interval.ms", Type: Int, Default: "300000", Importance: Medium, Update: Dynamic},
	{Name: "match", Type: List, Importance: Medium, Update: Dynamic},
	{Name: "metrics", Type: List, Importance: Medium, Update: Dynamic},
}
