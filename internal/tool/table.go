package tool

// tools is every tool there is.
var tools = append(adminTools, dataTools...)

// adminTools are the tools that ask the cluster about itself.
var adminTools = []Tool{
	{"kafka-topics", "org.apache.kafka.tools.TopicCommand", "create, list, describe, change and delete topics", func() any { return newTopicsOptions().Parser }, runTopics},
	{"kafka-configs", "kafka.admin.ConfigCommand", "describe and change settings and quotas", func() any { return newConfigsOptions().Parser }, runConfigs},
}
