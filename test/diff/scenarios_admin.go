package diff

import (
	"regexp"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func scenarios() []scenario {
	return []scenario{
		versionsScenario(), topicsScenario(), topicErrorsScenario(), partitionsScenario(), configsScenario(), configErrorsScenario(), clusterScenario(),
		produceScenario(), produceErrorsScenario(), idempotentScenario(), fetchScenario(), fetchErrorsScenario(), offsetsScenario(), deleteRecordsScenario(),
		groupScenario(), groupErrorsScenario(), commitScenario(), groupAdminScenario(),
		codecScenario(), spoiltScenario(), recompressScenario(), limitsScenario(), fetchLimitsScenario(), sessionScenario(), cutScenario(), producersScenario(),
		rebalanceScenario(), staticScenario(), offsetsByIDScenario(),
		frameScenario(),
	}
}

func versionsScenario() scenario {
	return scenario{"api versions", []step{
		{name: "ApiVersions", versions: upTo(0, 5), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrApiVersionsRequest()
			r.ClientSoftwareName, r.ClientSoftwareVersion = "diff", "1.0"
			return r
		}},
		{name: "ApiVersions bad software name", versions: []int16{3}, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrApiVersionsRequest()
			r.ClientSoftwareName, r.ClientSoftwareVersion = "@@", ""
			return r
		}},
	}}
}

func createTopic(name string, partitions int32, rf int16, configs ...string) *kmsg.CreateTopicsRequest {
	r := kmsg.NewPtrCreateTopicsRequest()
	r.Version, r.TimeoutMillis = 7, 30000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, rf
	for i := 0; i+1 < len(configs); i += 2 {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = configs[i], kmsg.StringPtr(configs[i+1])
		t.Configs = append(t.Configs, c)
	}
	r.Topics = append(r.Topics, t)
	return r
}

// created makes a topic, waits until its leaders serve and learns its id.
func created(name string, partitions int32, configs ...string) []step {
	steps := []step{
		{name: "create " + name, req: func(*world) kmsg.Request { return createTopic(name, partitions, 1, configs...) }, after: func(w *world, r kmsg.Response) {
			w.vars[name] = [16]byte(r.(*kmsg.CreateTopicsResponse).Topics[0].TopicID)
		}},
	}
	for p := int32(0); p < partitions; p++ {
		steps = append(steps, step{name: "leader of " + name, req: func(*world) kmsg.Request { return listOffsets(name, p, -1) }, versions: []int16{4},
			until: func(r kmsg.Response) bool {
				return r.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0].ErrorCode == 0
			}})
	}
	return steps
}

func metadata(version int16, topics ...string) *kmsg.MetadataRequest {
	r := kmsg.NewPtrMetadataRequest()
	r.Version, r.AllowAutoTopicCreation = version, false
	r.Topics = []kmsg.MetadataRequestTopic{}
	for _, t := range topics {
		mt := kmsg.NewMetadataRequestTopic()
		mt.Topic = kmsg.StringPtr(t)
		r.Topics = append(r.Topics, mt)
	}
	return r
}

func topicsScenario() scenario {
	steps := created("topics", 3, "retention.ms", "1000000")
	steps = append(steps,
		step{name: "Metadata", versions: upTo(0, 13), req: func(*world) kmsg.Request { return metadata(0, "topics") }},
		step{name: "Metadata by id", versions: []int16{12, 13}, req: func(w *world) kmsg.Request {
			r := metadata(12)
			mt := kmsg.NewMetadataRequestTopic()
			mt.TopicID = w.id("topics")
			r.Topics = append(r.Topics, mt)
			return r
		}},
		step{name: "Metadata by unknown id", versions: []int16{12, 13}, req: func(*world) kmsg.Request {
			r := metadata(12)
			mt := kmsg.NewMetadataRequestTopic()
			mt.TopicID = [16]byte{9: 9}
			r.Topics = append(r.Topics, mt)
			return r
		}},
		step{name: "Metadata of unknown", versions: upTo(4, 13), sorted: true, req: func(*world) kmsg.Request { return metadata(4, "no-such-topic", "bad name") }},
		step{name: "Metadata without topics", versions: upTo(1, 13), req: func(*world) kmsg.Request { return metadata(1) }},
		step{name: "DescribeTopicPartitions", req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDescribeTopicPartitionsRequest()
			for _, n := range []string{"topics", "no-such-topic"} {
				t := kmsg.NewDescribeTopicPartitionsRequestTopic()
				t.Topic = n
				r.Topics = append(r.Topics, t)
			}
			r.ResponsePartitionLimit = 2
			return r
		}},
		step{name: "DescribeTopicPartitions from a cursor", req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDescribeTopicPartitionsRequest()
			t := kmsg.NewDescribeTopicPartitionsRequestTopic()
			t.Topic = "topics"
			r.Topics = append(r.Topics, t)
			r.ResponsePartitionLimit = 100
			c := kmsg.NewDescribeTopicPartitionsRequestCursor()
			c.Topic, c.Partition = "topics", 1
			r.Cursor = &c
			return r
		}},
	)
	for v := int16(2); v <= 7; v++ {
		name := "topics-v" + string(rune('0'+v))
		steps = append(steps, step{name: "CreateTopics", versions: []int16{v}, req: func(*world) kmsg.Request {
			return createTopic(name, 2, 1, "cleanup.policy", "compact")
		}}, step{name: "CreateTopics again", versions: []int16{v}, req: func(*world) kmsg.Request { return createTopic(name, 2, 1) }})
	}
	steps = append(steps,
		step{name: "CreateTopics by assignment", req: func(*world) kmsg.Request {
			r := createTopic("assigned", -1, -1)
			a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
			a.Partition, a.Replicas = 0, []int32{1}
			r.Topics[0].ReplicaAssignment = append(r.Topics[0].ReplicaAssignment, a)
			return r
		}},
		step{name: "CreateTopics with defaults", req: func(*world) kmsg.Request { return createTopic("defaults", -1, -1) }},
		step{name: "CreateTopics validate only", req: func(*world) kmsg.Request {
			r := createTopic("only-validated", 5, 1)
			r.ValidateOnly = true
			return r
		}},
		step{name: "not created", req: func(*world) kmsg.Request { return metadata(9, "only-validated") }},
	)
	for v := int16(1); v <= 5; v++ {
		name := "topics-v" + string(rune('0'+max(v, 2)))
		steps = append(steps, step{name: "DeleteTopics", versions: []int16{v}, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDeleteTopicsRequest()
			r.TimeoutMillis, r.TopicNames = 30000, []string{name}
			return r
		}})
	}
	return scenario{"topics", append(steps,
		step{name: "DeleteTopics by id and name", versions: []int16{6}, req: func(w *world) kmsg.Request {
			r := kmsg.NewPtrDeleteTopicsRequest()
			r.TimeoutMillis = 30000
			byID, unknown, byName := kmsg.NewDeleteTopicsRequestTopic(), kmsg.NewDeleteTopicsRequestTopic(), kmsg.NewDeleteTopicsRequestTopic()
			byID.TopicID, unknown.TopicID, byName.Topic = w.id("topics"), [16]byte{3: 3}, kmsg.StringPtr("no-such-topic")
			r.Topics = append(r.Topics, byID, unknown, byName)
			return r
		}, sorted: true},
		step{name: "deleted", req: func(*world) kmsg.Request { return metadata(12, "topics") }, until: func(r kmsg.Response) bool {
			return r.(*kmsg.MetadataResponse).Topics[0].ErrorCode == 3
		}},
	)}
}

func topicErrorsScenario() scenario {
	var steps []step
	refuse := func(name string, f func(r *kmsg.CreateTopicsRequest)) {
		steps = append(steps, step{name: name, req: func(*world) kmsg.Request {
			r := createTopic("refused", 1, 1)
			f(r)
			return r
		}})
	}
	assign := func(r *kmsg.CreateTopicsRequest, p int32, replicas ...int32) {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = p, replicas
		r.Topics[0].ReplicaAssignment = append(r.Topics[0].ReplicaAssignment, a)
	}
	refuse("empty name", func(r *kmsg.CreateTopicsRequest) { r.Topics[0].Topic = "" })
	refuse("dot", func(r *kmsg.CreateTopicsRequest) { r.Topics[0].Topic = "." })
	refuse("bad character", func(r *kmsg.CreateTopicsRequest) { r.Topics[0].Topic = "a b" })
	refuse("long name", func(r *kmsg.CreateTopicsRequest) {
		b := make([]byte, 250)
		for i := range b {
			b[i] = 'x'
		}
		r.Topics[0].Topic = string(b)
	})
	refuse("replication factor", func(r *kmsg.CreateTopicsRequest) { r.Topics[0].ReplicationFactor = 3 })
	refuse("replication factor 0", func(r *kmsg.CreateTopicsRequest) { r.Topics[0].ReplicationFactor = 0 })
	refuse("replication factor -2", func(r *kmsg.CreateTopicsRequest) { r.Topics[0].ReplicationFactor = -2 })
	refuse("partitions 0", func(r *kmsg.CreateTopicsRequest) { r.Topics[0].NumPartitions = 0 })
	refuse("partitions -2", func(r *kmsg.CreateTopicsRequest) { r.Topics[0].NumPartitions = -2 })
	refuse("too many partitions", func(r *kmsg.CreateTopicsRequest) { r.Topics[0].NumPartitions = 20000 })
	refuse("unknown config", func(r *kmsg.CreateTopicsRequest) { *r = *createTopic("refused", 1, 1, "no.such", "1") })
	refuse("bad config value", func(r *kmsg.CreateTopicsRequest) { *r = *createTopic("refused", 1, 1, "retention.ms", "x") })
	refuse("config out of range", func(r *kmsg.CreateTopicsRequest) { *r = *createTopic("refused", 1, 1, "segment.bytes", "1") })
	refuse("bad policy", func(r *kmsg.CreateTopicsRequest) { *r = *createTopic("refused", 1, 1, "cleanup.policy", "eat") })
	refuse("bad compression", func(r *kmsg.CreateTopicsRequest) { *r = *createTopic("refused", 1, 1, "compression.type", "rar") })
	refuse("null config", func(r *kmsg.CreateTopicsRequest) {
		*r = *createTopic("refused", 1, 1, "retention.ms", "5")
		r.Topics[0].Configs[0].Value = nil
	})
	refuse("twice in one request", func(r *kmsg.CreateTopicsRequest) { r.Topics = append(r.Topics, r.Topics[0]) })
	refuse("assignment and partitions", func(r *kmsg.CreateTopicsRequest) { assign(r, 0, 1) })
	refuse("assignment to an unknown broker", func(r *kmsg.CreateTopicsRequest) {
		r.Topics[0].NumPartitions, r.Topics[0].ReplicationFactor = -1, -1
		assign(r, 0, 7)
	})
	refuse("assignment with a gap", func(r *kmsg.CreateTopicsRequest) {
		r.Topics[0].NumPartitions, r.Topics[0].ReplicationFactor = -1, -1
		assign(r, 0, 1)
		assign(r, 2, 1)
	})
	refuse("assignment of nothing", func(r *kmsg.CreateTopicsRequest) {
		r.Topics[0].NumPartitions, r.Topics[0].ReplicationFactor = -1, -1
		assign(r, 0)
	})
	refuse("assignment twice to one", func(r *kmsg.CreateTopicsRequest) {
		r.Topics[0].NumPartitions, r.Topics[0].ReplicationFactor = -1, -1
		assign(r, 0, 1, 1)
	})
	refuse("first of two names that collide", func(r *kmsg.CreateTopicsRequest) { r.Topics[0].Topic = "col.lide" })
	refuse("second of two names that collide", func(r *kmsg.CreateTopicsRequest) { r.Topics[0].Topic = "col_lide" })
	steps = append(steps,
		step{name: "delete nothing", req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDeleteTopicsRequest()
			r.Version, r.TimeoutMillis = 6, 1000
			return r
		}},
		step{name: "delete twice in one request", req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDeleteTopicsRequest()
			r.Version, r.TimeoutMillis, r.TopicNames = 5, 1000, []string{"col.lide", "col.lide"}
			return r
		}},
		step{name: "delete with neither name nor id", req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDeleteTopicsRequest()
			r.Version, r.TimeoutMillis = 6, 1000
			r.Topics = append(r.Topics, kmsg.NewDeleteTopicsRequestTopic())
			return r
		}},
	)
	return scenario{"topic errors", steps}
}

func partitionsScenario() scenario {
	steps := created("parts", 2)
	grow := func(name, topic string, count int32, assignment ...[]int32) {
		steps = append(steps, step{name: name, versions: []int16{3}, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrCreatePartitionsRequest()
			r.TimeoutMillis = 30000
			t := kmsg.NewCreatePartitionsRequestTopic()
			t.Topic, t.Count = topic, count
			for _, a := range assignment {
				as := kmsg.NewCreatePartitionsRequestTopicAssignment()
				as.Replicas = a
				t.Assignment = append(t.Assignment, as)
			}
			r.Topics = append(r.Topics, t)
			return r
		}})
	}
	for v := int16(0); v <= 3; v++ {
		grow("CreatePartitions", "parts", 3+int32(v))
		steps[len(steps)-1].versions = []int16{v}
	}
	grow("same count", "parts", 6)
	grow("fewer", "parts", 1)
	grow("zero", "parts", 0)
	grow("unknown topic", "no-such-topic", 2)
	grow("by assignment", "parts", 8, []int32{1}, []int32{1})
	grow("wrong number of assignments", "parts", 10, []int32{1})
	grow("unknown broker", "parts", 9, []int32{9})
	grow("too many", "parts", 20000)
	steps = append(steps, step{name: "Metadata", req: func(*world) kmsg.Request { return metadata(9, "parts") }, until: func(r kmsg.Response) bool {
		return len(r.(*kmsg.MetadataResponse).Topics[0].Partitions) == 8
	}})
	return scenario{"partitions", steps}
}

func describeConfigs(kind kmsg.ConfigResourceType, name string, keys []string, synonyms, docs bool) *kmsg.DescribeConfigsRequest {
	r := kmsg.NewPtrDescribeConfigsRequest()
	r.Version, r.IncludeSynonyms, r.IncludeDocumentation = 4, synonyms, docs
	res := kmsg.NewDescribeConfigsRequestResource()
	res.ResourceType, res.ResourceName, res.ConfigNames = kind, name, keys
	r.Resources = append(r.Resources, res)
	return r
}

func incremental(kind kmsg.ConfigResourceType, name string, op kmsg.IncrementalAlterConfigOp, kv ...string) *kmsg.IncrementalAlterConfigsRequest {
	r := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r.Version = 1
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kind, name
	for i := 0; i+1 < len(kv); i += 2 {
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Op = kv[i], op
		if op != kmsg.IncrementalAlterConfigOpDelete {
			c.Value = kmsg.StringPtr(kv[i+1])
		}
		res.Configs = append(res.Configs, c)
	}
	r.Resources = append(r.Resources, res)
	return r
}

const (
	topicRes  = kmsg.ConfigResourceTypeTopic
	brokerRes = kmsg.ConfigResourceTypeBroker
)

func configIs(key, value string) func(r kmsg.Response) bool {
	return func(r kmsg.Response) bool {
		for _, res := range r.(*kmsg.DescribeConfigsResponse).Resources {
			for _, c := range res.Configs {
				if c.Name == key {
					return c.Value != nil && *c.Value == value
				}
			}
		}
		return value == ""
	}
}

func configsScenario() scenario {
	steps := created("configs", 1, "retention.ms", "1000000", "cleanup.policy", "compact")
	return scenario{"configs", append(steps,
		step{name: "DescribeConfigs of a topic", versions: upTo(1, 4), sorted: true, req: func(*world) kmsg.Request { return describeConfigs(topicRes, "configs", nil, true, false) }},
		step{name: "some keys", req: func(*world) kmsg.Request {
			return describeConfigs(topicRes, "configs", []string{"retention.ms", "no.such"}, true, false)
		}},
		step{name: "DescribeConfigs of a broker", sorted: true, req: func(*world) kmsg.Request { return describeConfigs(brokerRes, "1", nil, true, false) }},
		step{name: "DescribeConfigs of all brokers", req: func(*world) kmsg.Request { return describeConfigs(brokerRes, "", nil, true, false) }},
		step{name: "IncrementalAlterConfigs set", versions: []int16{0, 1}, req: func(*world) kmsg.Request {
			return incremental(topicRes, "configs", kmsg.IncrementalAlterConfigOpSet, "retention.ms", "2000000", "segment.ms", "5000")
		}},
		step{name: "set", sorted: true, until: configIs("retention.ms", "2000000"), req: func(*world) kmsg.Request {
			return describeConfigs(topicRes, "configs", []string{"retention.ms", "segment.ms"}, true, false)
		}},
		step{name: "IncrementalAlterConfigs append", req: func(*world) kmsg.Request {
			return incremental(topicRes, "configs", kmsg.IncrementalAlterConfigOpAppend, "cleanup.policy", "delete")
		}},
		step{name: "appended", until: configIs("cleanup.policy", "compact,delete"), req: func(*world) kmsg.Request {
			return describeConfigs(topicRes, "configs", []string{"cleanup.policy"}, true, false)
		}},
		step{name: "IncrementalAlterConfigs subtract", req: func(*world) kmsg.Request {
			return incremental(topicRes, "configs", kmsg.IncrementalAlterConfigOpSubtract, "cleanup.policy", "compact")
		}},
		step{name: "IncrementalAlterConfigs delete", req: func(*world) kmsg.Request {
			return incremental(topicRes, "configs", kmsg.IncrementalAlterConfigOpDelete, "retention.ms", "")
		}},
		step{name: "deleted", sorted: true, until: configIs("retention.ms", "604800000"), req: func(*world) kmsg.Request {
			return describeConfigs(topicRes, "configs", []string{"retention.ms", "cleanup.policy"}, true, false)
		}},
		step{name: "AlterConfigs replaces", versions: upTo(0, 2), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrAlterConfigsRequest()
			res := kmsg.NewAlterConfigsRequestResource()
			res.ResourceType, res.ResourceName = topicRes, "configs"
			c := kmsg.NewAlterConfigsRequestResourceConfig()
			c.Name, c.Value = "retention.bytes", kmsg.StringPtr("777777")
			res.Configs = append(res.Configs, c)
			r.Resources = append(r.Resources, res)
			return r
		}},
		step{name: "replaced", sorted: true, until: configIs("retention.bytes", "777777"), req: func(*world) kmsg.Request { return describeConfigs(topicRes, "configs", nil, true, false) }},
		step{name: "broker set", req: func(*world) kmsg.Request {
			return incremental(brokerRes, "1", kmsg.IncrementalAlterConfigOpSet, "log.retention.ms", "7000000", "num.io.threads", "9")
		}},
		step{name: "broker is set", sorted: true, until: configIs("log.retention.ms", "7000000"), req: func(*world) kmsg.Request { return describeConfigs(brokerRes, "1", nil, true, false) }},
		step{name: "topic follows the broker", sorted: true, until: configIs("retention.ms", "7000000"), req: func(*world) kmsg.Request {
			return describeConfigs(topicRes, "configs", []string{"retention.ms"}, true, false)
		}},
		step{name: "all brokers set", req: func(*world) kmsg.Request {
			return incremental(brokerRes, "", kmsg.IncrementalAlterConfigOpSet, "log.segment.bytes", "20000000")
		}},
		step{name: "all brokers are set", until: configIs("log.segment.bytes", "20000000"), req: func(*world) kmsg.Request { return describeConfigs(brokerRes, "", nil, true, false) }},
		step{name: "topic follows all brokers", sorted: true, until: configIs("segment.bytes", "20000000"), req: func(*world) kmsg.Request {
			return describeConfigs(topicRes, "configs", []string{"segment.bytes"}, true, false)
		}},
		step{name: "broker unset", req: func(*world) kmsg.Request {
			return incremental(brokerRes, "1", kmsg.IncrementalAlterConfigOpDelete, "log.retention.ms", "", "num.io.threads", "")
		}},
		step{name: "all brokers unset", req: func(*world) kmsg.Request {
			return incremental(brokerRes, "", kmsg.IncrementalAlterConfigOpDelete, "log.segment.bytes", "")
		}},
		step{name: "back", sorted: true, until: configIs("log.segment.bytes", "1073741824"), req: func(*world) kmsg.Request {
			return describeConfigs(brokerRes, "1", []string{"log.retention.hours", "log.segment.bytes", "num.io.threads"}, true, false)
		}},
	)}
}

func configErrorsScenario() scenario {
	steps := created("confbad", 1)
	refuse := func(name string, f func() kmsg.Request) {
		steps = append(steps, step{name: name, req: func(*world) kmsg.Request { return f() }})
	}
	set := kmsg.IncrementalAlterConfigOpSet
	refuse("describe an unknown topic", func() kmsg.Request { return describeConfigs(topicRes, "no-such-topic", nil, false, false) })
	refuse("describe a bad name", func() kmsg.Request { return describeConfigs(topicRes, "a b", nil, false, false) })
	refuse("describe another broker", func() kmsg.Request { return describeConfigs(brokerRes, "5", nil, false, false) })
	refuse("describe a broker by name", func() kmsg.Request { return describeConfigs(brokerRes, "x", nil, false, false) })
	refuse("describe an unknown kind", func() kmsg.Request { return describeConfigs(99, "x", nil, false, false) })
	refuse("alter an unknown topic", func() kmsg.Request { return incremental(topicRes, "no-such-topic", set, "retention.ms", "1") })
	refuse("unknown key", func() kmsg.Request { return incremental(topicRes, "confbad", set, "no.such", "1") })
	refuse("bad value", func() kmsg.Request { return incremental(topicRes, "confbad", set, "retention.ms", "x") })
	refuse("out of range", func() kmsg.Request { return incremental(topicRes, "confbad", set, "max.message.bytes", "-1") })
	refuse("append to a number", func() kmsg.Request {
		return incremental(topicRes, "confbad", kmsg.IncrementalAlterConfigOpAppend, "retention.ms", "1")
	})
	refuse("unknown operation", func() kmsg.Request { return incremental(topicRes, "confbad", 9, "retention.ms", "1") })
	refuse("a key twice", func() kmsg.Request {
		return incremental(topicRes, "confbad", set, "retention.ms", "1", "retention.ms", "2")
	})
	refuse("null value", func() kmsg.Request {
		r := incremental(topicRes, "confbad", set, "retention.ms", "1")
		r.Resources[0].Configs[0].Value = nil
		return r
	})
	refuse("a resource twice", func() kmsg.Request {
		r := incremental(topicRes, "confbad", set, "retention.ms", "1")
		r.Resources = append(r.Resources, r.Resources[0])
		return r
	})
	refuse("read-only of a broker", func() kmsg.Request { return incremental(brokerRes, "1", set, "log.dirs", "/tmp/x") })
	refuse("bad value of a broker", func() kmsg.Request { return incremental(brokerRes, "1", set, "num.io.threads", "x") })
	refuse("another broker", func() kmsg.Request { return incremental(brokerRes, "5", set, "num.io.threads", "3") })
	refuse("broker by name", func() kmsg.Request { return incremental(brokerRes, "x", set, "num.io.threads", "3") })
	refuse("unknown kind", func() kmsg.Request { return incremental(99, "x", set, "a", "3") })
	refuse("validate only", func() kmsg.Request {
		r := incremental(topicRes, "confbad", set, "retention.ms", "4444")
		r.ValidateOnly = true
		return r
	})
	refuse("was only validated", func() kmsg.Request {
		return describeConfigs(topicRes, "confbad", []string{"retention.ms"}, false, false)
	})
	return scenario{"config errors", steps}
}

func clusterScenario() scenario {
	return scenario{"cluster", append(created("cluster", 1),
		step{name: "DescribeCluster", versions: upTo(0, 2), req: func(*world) kmsg.Request { return kmsg.NewPtrDescribeClusterRequest() }},
		step{name: "DescribeCluster of controllers", versions: upTo(1, 2), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDescribeClusterRequest()
			r.EndpointType = 2
			return r
		}},
		step{name: "DescribeCluster with authorized operations", versions: upTo(0, 2), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDescribeClusterRequest()
			r.IncludeClusterAuthorizedOperations = true
			return r
		}},
		step{name: "Metadata with authorized operations", versions: upTo(8, 12), req: func(*world) kmsg.Request {
			r := metadata(9, "cluster")
			r.IncludeTopicAuthorizedOperations = true
			return r
		}},
		step{name: "DescribeLogDirs", versions: upTo(1, 5), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDescribeLogDirsRequest()
			r.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: "cluster", Partitions: []int32{0}}}
			return r
		}},
		step{name: "FindCoordinator", versions: upTo(0, 3), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrFindCoordinatorRequest()
			r.CoordinatorKey = "some-group"
			return r
		}},
		step{name: "FindCoordinator of many", versions: upTo(4, 6), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrFindCoordinatorRequest()
			r.CoordinatorKeys = []string{"a", "b", ""}
			return r
		}},
		step{name: "FindCoordinator of an unknown kind", versions: []int16{3, 4}, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrFindCoordinatorRequest()
			r.CoordinatorKey, r.CoordinatorType, r.CoordinatorKeys = "x", 9, []string{"x"}
			return r
		}, fresh: true},
		step{name: "InitProducerId", versions: upTo(0, 5), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrInitProducerIDRequest()
			r.TransactionTimeoutMillis, r.ProducerID, r.ProducerEpoch = 1000, -1, -1
			return r
		}},
		step{name: "InitProducerId with an epoch but no id", versions: upTo(3, 5), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrInitProducerIDRequest()
			r.TransactionTimeoutMillis, r.ProducerID, r.ProducerEpoch = 1000, -1, 5
			return r
		}},
		step{name: "DescribeQuorum", loose: regexp.MustCompile("(LogEndOffset|HighWatermark|LeaderEpoch)$"), versions: upTo(0, 2), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDescribeQuorumRequest()
			r.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{Partition: 0}}}}
			return r
		}},
		step{name: "DescribeQuorum of another topic", versions: []int16{2}, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDescribeQuorumRequest()
			r.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: "cluster", Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{Partition: 0}}}}
			return r
		}},
	)}
}
