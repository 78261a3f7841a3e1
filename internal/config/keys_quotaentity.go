package config

// userQuotaKeys are the settings of quota entities.
var userQuotaKeys = []Key{
	{Name: "consumer_byte_rate", Type: Long, Default: "9223372036854775807", Importance: Medium, Update: Dynamic,
		Doc: "Bytes per second a client may fetch from one broker."},
	{Name: "controller_mutation_rate", Type: Double, Default: "2.147483647E9", Importance: Medium, Update: Dynamic,
		Doc: "Partitions per second a client may create or delete."},
	{Name: "producer_byte_rate", Type: Long, Default: "9223372036854775807", Importance: Medium, Update: Dynamic,
		Doc: "Bytes per second a client may produce to one broker."},
	{Name: "request_percentage", Type: Double, Default: "2.147483647E9", Importance: Medium, Update: Dynamic,
		Doc: "Percent of a broker's time a client's requests may take."},
}

// ipQuotaKeys are the settings of quota entities.
var ipQuotaKeys = []Key{
	{Name: "connection_creation_rate", Type: Int, Default: "2147483647", Valid: atLeast(0), Importance: Medium, Update: Dynamic,
		Doc: "Connections per second an address may open."},
}
