package tool

// tools is every tool there is.
var tools = append(adminTools, dataTools...)

// adminTools are the tools that ask the cluster about itself.
var adminTools = []Tool{
	{"kafka-topics", "org.apache.kafka.tools.TopicCommand", "create, list, describe, change and delete topics", func() any { return newTopicsOptions().Parser }, runTopics},
	{"kafka-configs", "kafka.admin.ConfigCommand", "describe and change settings and quotas", func() any { return newConfigsOptions().Parser }, runConfigs},
	{"kafka-get-offsets", "org.apache.kafka.tools.GetOffsetShell", "print offsets of partitions", func() any { return newGetOffsetsOptions().Parser }, runGetOffsets},
	{"kafka-delete-records", "org.apache.kafka.tools.DeleteRecordsCommand", "delete records before an offset", func() any { return newDeleteRecordsOptions().Parser }, runDeleteRecords},
	{"kafka-log-dirs", "org.apache.kafka.tools.LogDirsCommand", "print what the brokers' log directories hold", func() any { return newLogDirsOptions().Parser }, runLogDirs},
	{"kafka-broker-api-versions", "org.apache.kafka.tools.BrokerApiVersionsCommand", "print which requests the brokers understand", func() any { return newAPIVersionsOptions().Parser }, runAPIVersions},
	{"kafka-cluster", "org.apache.kafka.tools.ClusterTool", "print the cluster's id and endpoints, unregister brokers", func() any { return newClusterParser() }, runCluster},
	{"kafka-metadata-quorum", "org.apache.kafka.tools.MetadataQuorumCommand", "print and change the controllers' quorum", func() any { return newQuorumParser() }, runQuorum},
	{"kafka-features", "org.apache.kafka.tools.FeatureCommand", "print and change feature levels", func() any { return newFeaturesParser() }, runFeatures},
}
