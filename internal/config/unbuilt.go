package config

// unbuilt names the settings whose feature is not there yet. Setting one is
// accepted, and said once in the log. An entry goes when its feature comes.
var unbuilt = func() map[string]string {
	m := map[string]string{}
	mark := func(why string, keys []Key) {
		for _, k := range keys {
			m[k.Name] = why
		}
	}
	mark("remote storage is not built yet", tieredKeys)
	mark("the log cleaner is not built yet", cleanerKeys)
	mark("share groups are not built yet", shareGroupKeys)
	mark("streams groups are not built yet", streamsGroupKeys)
	mark("consumer groups of KIP-848 are not built yet", consumerGroupKeys)
	mark("TLS is not built yet", sslKeys)
	mark("SASL is not built yet", saslKeys)
	mark("quotas, authorization and telemetry are not built yet", quotaKeys)
	// Transactions come later; what idempotent producers use works.
	mark("transactions are not built yet", transactionKeys)
	delete(m, "producer.id.expiration.ms")
	return m
}()
