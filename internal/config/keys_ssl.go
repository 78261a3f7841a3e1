package config

// sslKeys are the settings of TLS.
var sslKeys = []Key{
	{Name: "security.providers", Type: String, Null: true, Importance: Low},
	{Name: "ssl.allow.dn.changes", Type: Boolean, Default: "false", Importance: Low},
	{Name: "ssl.allow.san.changes", Type: Boolean, Default: "false", Importance: Low},
	{Name: "ssl.cipher.suites", Type: List, Importance: Medium, Update: PerBroker},
	{Name: "ssl.client.auth", Type: String, Default: "none", Valid: anyOf("required", "requested", "none"), Importance: Medium, Update: PerBroker},
	{Name: "ssl.enabled.protocols", Type: List, Default: "TLSv1.2,TLSv1.3", Importance: Medium, Update: PerBroker},
	{Name: "ssl.endpoint.identification.algorithm", Type: String, Default: "https", Importance: Low, Update: PerBroker},
	{Name: "ssl.engine.factory.class", Type: Class, Null: true, Importance: Low, Update: PerBroker},
	{Name: "ssl.key.password", Type: Password, Null: true, Importance: Medium, Update: PerBroker},
	{Name: "ssl.keymanager.algorithm", Type: String, Default: "SunX509", Importance: Medium, Update: PerBroker},
	{Name: "ssl.keystore.certificate.chain", Type: Password, Null: true, Importance: Medium, Update: PerBroker},
	{Name: "ssl.keystore.key", Type: Password, Null: true, Importance: Medium, Update: PerBroker},
	{Name: "ssl.keystore.location", Type: String, Null: true, Importance: Medium, Update: PerBroker},
	{Name: "ssl.keystore.password", Type: Password, Null: true, Importance: Medium, Update: PerBroker},
	{Name: "ssl.keystore.type", Type: String, Default: "JKS", Importance: Medium, Update: PerBroker},
	{Name: "ssl.principal.mapping.rules", Type: String, Default: "DEFAULT", Importance: Low},
	{Name: "ssl.protocol", Type: String, Default: "TLSv1.3", Importance: Medium, Update: PerBroker},
	{Name: "ssl.provider", Type: String, Null: true, Importance: Medium, Update: PerBroker},
	{Name: "ssl.secure.random.implementation", Type: String, Null: true, Importance: Low, Update: PerBroker},
	{Name: "ssl.trustmanager.algorithm", Type: String, Default: "PKIX", Importance: Medium, Update: PerBroker},
	{Name: "ssl.truststore.certificates", Type: Password, Null: true, Importance: Medium, Update: PerBroker},
	{Name: "ssl.truststore.location", Type: String, Null: true, Importance: Medium, Update: PerBroker},
	{Name: "ssl.truststore.password", Type: Password, Null: true, Importance: Medium, Update: PerBroker},
	{Name: "ssl.truststore.type", Type: String, Default: "JKS", Importance: Medium, Update: PerBroker},
}
