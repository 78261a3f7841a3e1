package tool

// dataTools are the tools that move records, and those that work on files.
var dataTools = []Tool{
	{"kafka-storage", "kafka.tools.StorageTool", "format log directories, or say what they are", func() any { return storageTable() }, runStorage},
	{"kafka-console-producer", "org.apache.kafka.tools.ConsoleProducer", "send lines of text as records", func() any { return newConsoleProducerOptions().Parser }, runConsoleProducer},
	{"kafka-console-consumer", consoleConsumerClass, "print records as text", func() any { return newConsoleConsumerOptions().Parser }, runConsoleConsumer},
	{"kafka-producer-perf-test", "org.apache.kafka.tools.ProducerPerformance", "measure how fast records can be sent", func() any { return producerPerfTable() }, runProducerPerf},
	{"kafka-consumer-perf-test", "org.apache.kafka.tools.ConsumerPerformance", "measure how fast records can be read", func() any { return newConsumerPerfOptions().Parser }, runConsumerPerf},
	{"kafka-e2e-latency", "org.apache.kafka.tools.EndToEndLatency", "measure the time from sending a record to reading it", func() any { return newLatencyOptions().Parser }, runLatency},
	{"kafka-verifiable-producer", "org.apache.kafka.tools.VerifiableProducer", "send numbers and say which were acknowledged", func() any { return verifiableProducerTable() }, runVerifiableProducer},
	{"kafka-verifiable-consumer", "org.apache.kafka.tools.VerifiableConsumer", "read records and say which, and which partitions", func() any { return verifiableConsumerTable() }, runVerifiableConsumer},
	{"kafka-dump-log", "org.apache.kafka.tools.DumpLogSegments", "print the files of a log", func() any { return newDumpOptions().Parser }, runDumpLog},
}
