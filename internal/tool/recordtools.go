package tool

// recordTools are the tools that read and write records or files. They are
// listed in tools.
var recordTools = []Tool{
	{Name: "kafka-storage", Class: "kafka.tools.StorageTool", Summary: "format log directories, or say what they are", Table: func() any { return storageTable() }, Run: runStorage},
	{Name: "kafka-console-producer", Class: "org.apache.kafka.tools.ConsoleProducer", Summary: "send lines of text as records", Table: func() any { return newConsoleProducerOptions().Parser }, Run: runConsoleProducer},
	{Name: "kafka-console-consumer", Class: consoleConsumerClass, Summary: "print records as text", Table: func() any { return newConsoleConsumerOptions().Parser }, Run: runConsoleConsumer},
}
