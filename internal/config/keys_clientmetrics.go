package config

// clientMetricsKeys are the settings of client metrics subscriptions (KIP-714).
var clientMetricsKeys = []Key{
	{Name: "interval.ms", Type: Int, Default: "300000", Importance: Medium, Update: Dynamic,
		Doc: "Milliseconds between a client's pushes of metrics."},
	{Name: "match", Type: List, Importance: Medium, Update: Dynamic,
		Doc: "Clients the subscription is for, as selector=pattern."},
	{Name: "metrics", Type: List, Importance: Medium, Update: Dynamic,
		Doc: "Prefixes of the metrics asked for; * for all."},
}
