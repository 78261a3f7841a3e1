package handler

import (
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gregor/internal/config"
	"gregor/internal/controller"
	"gregor/internal/kerr"
	"gregor/internal/klog"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// deny refuses what it lists as "op kind name".
type deny map[string]bool

func (d deny) Allowed(_, _ string, op Operation, kind Resource, name string) bool {
	return !d[denied(op, kind, name)]
}

func (d deny) AllowedAny(string, string, Operation, Resource) bool { return true }

func denied(op Operation, kind Resource, name string) string {
	return string(rune('0'+op)) + " " + string(rune('0'+kind)) + " " + name
}

// creator notes the topics that are asked for.
type creator struct {
	sync.Mutex
	asked []wire.CreateTopicsRequestCreatableTopic
}

func (c *creator) CreateTopic(t wire.CreateTopicsRequestCreatableTopic) {
	c.Lock()
	defer c.Unlock()
	c.asked = append(c.asked, t)
}

// admin is a cluster of three brokers, one of them fenced, as the keys of
// administration see it.
func admin(t testing.TB, change func(*Services), records ...wire.Record) *node {
	t.Helper()
	d := metadata.NewDelta(metadata.Empty())
	broker := func(id int32, fenced bool, listener string) *wire.RegisterBrokerRecord {
		return &wire.RegisterBrokerRecord{BrokerId: id, Fenced: fenced, LogDirs: []model.UUID{{15: 200}},
			EndPoints: []wire.RegisterBrokerRecordBrokerEndpoint{{Name: listener, Host: "h", Port: uint16(9090 + id)}}}
	}
	all := append([]wire.Record{
		&wire.FeatureLevelRecord{Name: metadata.FeatureMetadata, FeatureLevel: int16(metadata.MaxVersion)},
		broker(1, false, "PLAINTEXT"), broker(2, true, "PLAINTEXT"), broker(3, false, "OTHER"),
		&wire.RegisterControllerRecord{ControllerId: 1, EndPoints: []wire.RegisterControllerRecordControllerEndpoint{{Name: "PLAINTEXT", Host: "c", Port: 9093}}},
	}, records...)
	for _, r := range all {
		if err := d.Replay(metadata.Record{Msg: r}); err != nil {
			t.Fatal(err)
		}
	}
	values := newSettings(t, map[string]string{"num.partitions": "4"})
	s := &Services{
		Self: 1, ClusterID: "cluster", Metadata: fixedImage{d.Image(metadata.Provenance{})}, Settings: values,
		Admin: Admin{Layers: func() config.Layers { return config.Layers{Static: values.Values()} }, Loggers: klog.NewLevels(slog.LevelInfo)},
	}
	listener := wire.BrokerListener
	if change != nil {
		change(s)
	}
	if s.Admin.Controller != nil {
		listener = wire.ControllerListener
	}
	return newNode(t, Options{Services: s, Listener: listener})
}

func topicOf(name string, id byte, parts ...[]int32) []wire.Record {
	out := []wire.Record{&wire.TopicRecord{Name: name, TopicId: model.UUID{15: id}}}
	for i, replicas := range parts {
		out = append(out, &wire.PartitionRecord{PartitionId: int32(i), TopicId: model.UUID{15: id}, Replicas: replicas, Isr: replicas, Leader: replicas[0], LeaderEpoch: 5})
	}
	return out
}

func askTopics(names ...string) *wire.MetadataRequest {
	req := wire.NewMetadataRequest()
	req.Topics = []wire.MetadataRequestTopic{}
	for _, n := range names {
		req.Topics = append(req.Topics, wire.MetadataRequestTopic{Name: &n})
	}
	return req
}

func TestMetadata(t *testing.T) {
	recs := append(topicOf("a", 101, []int32{1, 2}, []int32{3, 1}), topicOf("__consumer_offsets", 102, []int32{9})...)
	n := admin(t, nil, recs...)
	c := n.dial()
	resp := wire.NewMetadataResponse()
	c.do(askTopics("a", "none", "bad/name", "a"), resp, 12)
	if len(resp.Brokers) != 1 || resp.Brokers[0].NodeId != 1 || resp.Brokers[0].Port != 9091 || *resp.ClusterId != "cluster" {
		t.Errorf("brokers %+v of cluster %s", resp.Brokers, *resp.ClusterId)
	}
	if resp.ControllerId != 1 && resp.ControllerId != 3 {
		t.Errorf("controller %d is not alive", resp.ControllerId)
	}
	if len(resp.Topics) != 3 || resp.Topics[1].ErrorCode != kerr.UnknownTopicOrPartition || resp.Topics[2].ErrorCode != kerr.InvalidTopicException {
		t.Fatalf("topics %+v", resp.Topics)
	}
	p := resp.Topics[0].Partitions
	if p[0].LeaderId != 1 || p[0].LeaderEpoch != 5 || !slices.Equal(p[0].ReplicaNodes, []int32{1, 2}) || !slices.Equal(p[0].OfflineReplicas, []int32{2}) {
		t.Errorf("partition 0: %+v", p[0])
	}
	if p[1].ErrorCode != kerr.ListenerNotFound || p[1].LeaderId != -1 || !slices.Equal(p[1].OfflineReplicas, []int32{3}) {
		t.Errorf("partition 1: %+v", p[1])
	}

	// All topics: null since version 1, empty before.
	for _, v := range []int16{1, 5, 9, 13} {
		c.do(&wire.MetadataRequest{AllowAutoTopicCreation: true}, resp, v)
		if len(resp.Topics) != 2 || !resp.Topics[0].IsInternal || resp.Topics[0].Partitions[0].ErrorCode != kerr.LeaderNotAvailable {
			t.Errorf("version %d: %+v", v, resp.Topics)
		}
		if want := kerr.LeaderNotAvailable; v < 6 && resp.Topics[1].Partitions[1].ErrorCode != want {
			t.Errorf("version %d: missing listener is %s", v, resp.Topics[1].Partitions[1].ErrorCode.Name())
		}
	}
	c.do(askTopics(), resp, 0)
	if len(resp.Topics) != 2 || resp.Topics[1].Partitions[0].ErrorCode != kerr.ReplicaNotAvailable || len(resp.Topics[1].Partitions[0].ReplicaNodes) != 1 {
		t.Errorf("version 0: %+v", resp.Topics)
	}
	c.do(askTopics(), resp, 1)
	if len(resp.Topics) != 0 {
		t.Errorf("no topics asked for, got %+v", resp.Topics)
	}

	byID := &wire.MetadataRequest{Topics: []wire.MetadataRequestTopic{{TopicId: model.UUID{15: 101}}, {TopicId: model.UUID{15: 99}}}}
	c.do(byID, resp, 12)
	if len(resp.Topics) != 2 || *resp.Topics[0].Name != "a" || resp.Topics[1].ErrorCode != kerr.UnknownTopicId || resp.Topics[1].Name != nil {
		t.Errorf("by id: %+v", resp.Topics)
	}
	name := "a"
	c.do(&wire.MetadataRequest{Topics: []wire.MetadataRequestTopic{{Name: &name, TopicId: model.UUID{15: 101}}}}, resp, 11)
	if resp.Topics[0].ErrorCode != kerr.InvalidRequest {
		t.Errorf("an id in version 11: %+v", resp.Topics)
	}
	ops := askTopics("a")
	ops.IncludeTopicAuthorizedOperations, ops.IncludeClusterAuthorizedOperations = true, true
	c.do(ops, resp, 9)
	if resp.Topics[0].TopicAuthorizedOperations <= 0 || resp.ClusterAuthorizedOperations <= 0 {
		t.Errorf("operations %d and %d", resp.Topics[0].TopicAuthorizedOperations, resp.ClusterAuthorizedOperations)
	}
}

func TestMetadataCreatesTopics(t *testing.T) {
	cr := &creator{}
	n := admin(t, func(s *Services) {
		s.TopicCreator = cr
		s.Authorizer = deny{denied(Describe, Topic, "hidden"): true, denied(Create, Topic, "forbidden"): true, denied(Create, Cluster, ClusterName): true}
	})
	c := n.dial()
	resp := wire.NewMetadataResponse()
	c.do(askTopics("new", "bad/name", "hidden", "forbidden"), resp, 12)
	var codes []string
	for _, x := range resp.Topics {
		codes = append(codes, x.ErrorCode.Name())
	}
	want := "UNKNOWN_TOPIC_OR_PARTITION INVALID_TOPIC_EXCEPTION TOPIC_AUTHORIZATION_FAILED TOPIC_AUTHORIZATION_FAILED"
	if got := strings.Join(codes, " "); got != want {
		t.Errorf("answers %s, want %s", got, want)
	}
	no := askTopics("quiet")
	no.AllowAutoTopicCreation = false
	c.do(no, resp, 12)
	cr.Lock()
	defer cr.Unlock()
	if len(cr.asked) != 1 || cr.asked[0].Name != "new" || cr.asked[0].NumPartitions != 4 || cr.asked[0].ReplicationFactor != -1 {
		t.Errorf("created %+v", cr.asked)
	}
}

func TestDescribeTopicPartitionsInPages(t *testing.T) {
	recs := append(topicOf("a", 101, []int32{1}, []int32{1}, []int32{1}), topicOf("b", 102, []int32{1}, []int32{1})...)
	recs = append(recs, topicOf("c", 103, []int32{1})...)
	n := admin(t, func(s *Services) { s.Authorizer = deny{denied(Describe, Topic, "b"): true} }, recs...)
	c := n.dial()
	var got []string
	req := wire.NewDescribeTopicPartitionsRequest()
	req.ResponsePartitionLimit = 2
	for range 10 {
		var resp wire.DescribeTopicPartitionsResponse
		c.do(req, &resp, 0)
		for _, x := range resp.Topics {
			for _, p := range x.Partitions {
				got = append(got, (*x.Name)+string(rune('0'+p.PartitionIndex)))
			}
		}
		if resp.NextCursor == nil {
			break
		}
		req.Cursor = &wire.DescribeTopicPartitionsRequestCursor{TopicName: resp.NextCursor.TopicName, PartitionIndex: resp.NextCursor.PartitionIndex}
	}
	if want := "a0 a1 a2 c0"; strings.Join(got, " ") != want {
		t.Errorf("pages gave %v, want %s", got, want)
	}
	named := wire.NewDescribeTopicPartitionsRequest()
	named.Topics = []wire.DescribeTopicPartitionsRequestTopicRequest{{Name: "b"}, {Name: "x"}, {Name: "c"}, {Name: "no/good"}}
	var resp wire.DescribeTopicPartitionsResponse
	c.do(named, &resp, 0)
	var codes []string
	for _, x := range resp.Topics {
		codes = append(codes, *x.Name+"="+x.ErrorCode.Name())
	}
	if want := "c=NONE no/good=INVALID_TOPIC_EXCEPTION x=UNKNOWN_TOPIC_OR_PARTITION b=TOPIC_AUTHORIZATION_FAILED"; strings.Join(codes, " ") != want {
		t.Errorf("got %v", codes)
	}
	named.Cursor = &wire.DescribeTopicPartitionsRequestCursor{TopicName: "bb"}
	c.do(named, &resp, 0)
	if resp.Topics[0].ErrorCode != kerr.InvalidRequest {
		t.Errorf("a cursor that is not among the topics: %+v", resp.Topics)
	}
}

func TestDescribeCluster(t *testing.T) {
	c := admin(t, nil).dial()
	resp := wire.NewDescribeClusterResponse()
	req := wire.NewDescribeClusterRequest()
	c.do(req, resp, 2)
	if len(resp.Brokers) != 1 || resp.Brokers[0].BrokerId != 1 || resp.ClusterId != "cluster" {
		t.Errorf("%+v", resp)
	}
	req.IncludeFencedBrokers = true
	c.do(req, resp, 2)
	if len(resp.Brokers) != 2 || !resp.Brokers[1].IsFenced {
		t.Errorf("with fenced ones: %+v", resp.Brokers)
	}
	req.EndpointType = controllerEndpoints
	c.do(req, resp, 2)
	if resp.ErrorCode != kerr.MismatchedEndpointType || *resp.ErrorMessage != "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER" {
		t.Errorf("%+v", resp)
	}
	req.EndpointType = 7
	c.do(req, resp, 2)
	if resp.ErrorCode != kerr.UnsupportedEndpointType {
		t.Errorf("%+v", resp)
	}
	ctl := admin(t, func(s *Services) {
		s.Admin.Controller, s.Admin.Leader = &recorder{}, func() model.BrokerID { return 1 }
	}).dial()
	req = &wire.DescribeClusterRequest{EndpointType: controllerEndpoints}
	ctl.do(req, resp, 1)
	if len(resp.Brokers) != 1 || resp.Brokers[0].Port != 9093 || resp.ControllerId != 1 || resp.EndpointType != controllerEndpoints {
		t.Errorf("%+v", resp)
	}
}

// recorder is a controller that answers with what it was asked.
type recorder struct {
	sync.Mutex
	ctx    controller.Request
	req    wire.Message
	answer wire.Message
}

func (r *recorder) Handle(ctx controller.Request, req wire.Message, version int16, reply func(wire.Message)) {
	r.Lock()
	r.ctx, r.req = ctx, req
	answer := r.answer
	r.Unlock()
	if answer == nil {
		answer = controller.ErrorResponse(req, version, kerr.PolicyViolation)
	}
	go reply(answer)
}

func TestEnvelope(t *testing.T) {
	rec := &recorder{}
	n := admin(t, func(s *Services) { s.Admin.Controller = rec })
	c := n.dial()
	wrap := func(req wire.Message, version int16) *wire.EnvelopeRequest {
		p, err := wire.Append([]byte{0, 0}, &wire.DefaultPrincipalData{Type: "User", Name: "alice"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return &wire.EnvelopeRequest{RequestData: request(t, 77, req, version)[4:], RequestPrincipal: p, ClientHostAddress: []byte{10, 0, 0, 9}}
	}
	var resp wire.EnvelopeResponse
	c.do(wrap(&wire.CreateTopicsRequest{Topics: []wire.CreateTopicsRequestCreatableTopic{{Name: "t"}}}, 7), &resp, 0)
	if resp.ErrorCode != kerr.None {
		t.Fatal(resp.ErrorCode.Name())
	}
	var r wire.Reader
	r.Reset(resp.ResponseData, false)
	correlation, err := wire.DecodeResponseHeader(&r, wire.APIByKey(wire.KeyCreateTopics), 7)
	inner := wire.NewCreateTopicsResponse()
	inner.Decode(&r, 7)
	r.End()
	if err = errors.Join(err, r.Err()); err != nil || correlation != 77 || inner.Topics[0].ErrorCode != kerr.PolicyViolation {
		t.Fatalf("correlation %d, %+v, %v", correlation, inner, err)
	}
	rec.Lock()
	if want := (controller.Request{Principal: "User:alice", ClientID: "test", Listener: "PLAINTEXT", Forwarded: true}); !reflect.DeepEqual(rec.ctx, want) {
		t.Errorf("the controller was told %+v, want %+v", rec.ctx, want)
	}
	rec.answer = &wire.UpdateFeaturesResponse{ErrorCode: kerr.NotController}
	rec.Unlock()
	c.do(wrap(&wire.UpdateFeaturesRequest{}, 1), &resp, 0)
	if resp.ErrorCode != kerr.NotController {
		t.Errorf("NOT_CONTROLLER inside is %s outside", resp.ErrorCode.Name())
	}
	bad := wrap(&wire.UpdateFeaturesRequest{}, 1)
	bad.RequestPrincipal = []byte{0, 9, 1}
	noHost := wrap(&wire.UpdateFeaturesRequest{}, 1)
	noHost.ClientHostAddress = []byte{1, 2, 3}
	cut := wrap(&wire.UpdateFeaturesRequest{FeatureUpdates: []wire.UpdateFeaturesRequestFeatureUpdateKey{{Feature: "f"}}}, 1)
	cut.RequestData = cut.RequestData[:len(cut.RequestData)-3]
	for want, env := range map[kerr.Code][]*wire.EnvelopeRequest{
		kerr.PrincipalDeserializationFailure: {bad},
		kerr.InvalidRequest:                  {noHost, wrap(&wire.BrokerHeartbeatRequest{}, 1), wrap(&wire.MetadataRequest{}, 12)},
		kerr.UnsupportedVersion:              {cut, {RequestData: []byte{1}, RequestPrincipal: noHost.RequestPrincipal, ClientHostAddress: []byte{1, 2, 3, 4}}},
	} {
		for _, e := range env {
			if c.do(e, &resp, 0); resp.ErrorCode != want {
				t.Errorf("%s, want %s", resp.ErrorCode.Name(), want.Name())
			}
		}
	}
}

func TestControllerChecksTheClusterOperation(t *testing.T) {
	rec := &recorder{answer: &wire.BrokerHeartbeatResponse{}}
	n := admin(t, func(s *Services) {
		s.Admin.Controller = rec
		s.Authorizer = deny{denied(ClusterAction, Cluster, ClusterName): true, denied(Alter, Cluster, ClusterName): true}
	})
	c := n.dial()
	hb := wire.NewBrokerHeartbeatResponse()
	c.do(&wire.BrokerHeartbeatRequest{BrokerId: 1}, hb, 1)
	if hb.ErrorCode != kerr.ClusterAuthorizationFailed {
		t.Errorf("heartbeat: %s", hb.ErrorCode.Name())
	}
	var env wire.EnvelopeResponse
	c.do(&wire.EnvelopeRequest{RequestData: []byte{}, ClientHostAddress: []byte{}}, &env, 0)
	if env.ErrorCode != kerr.ClusterAuthorizationFailed {
		t.Errorf("envelope: %s", env.ErrorCode.Name())
	}
	if rec.req != nil {
		t.Error("the controller was asked all the same")
	}
}

// forwards answers what is forwarded.
type forwards struct {
	sync.Mutex
	reqs   []wire.Message
	answer func(wire.Message) (wire.Message, error)
}

func (f *forwards) forward(_ Sender, req wire.Message, _ int16, _ time.Duration, done func(wire.Message, error)) {
	f.Lock()
	defer f.Unlock()
	f.reqs = append(f.reqs, req)
	answer := f.answer
	go func() { done(answer(req)) }()
}

func (f *forwards) set(answer func(wire.Message) (wire.Message, error)) {
	f.Lock()
	defer f.Unlock()
	f.answer = answer
}

func TestForwarding(t *testing.T) {
	f := &forwards{}
	n := admin(t, func(s *Services) { s.Admin.Forward = f.forward })
	c := n.dial()
	req := &wire.CreateTopicsRequest{Topics: []wire.CreateTopicsRequestCreatableTopic{{Name: "t"}}}
	f.set(func(wire.Message) (wire.Message, error) {
		return &wire.CreateTopicsResponse{Topics: []wire.CreateTopicsResponseCreatableTopicResult{{Name: "t", NumPartitions: 3}}}, nil
	})
	resp := wire.NewCreateTopicsResponse()
	c.do(req, resp, 7)
	if resp.Topics[0].NumPartitions != 3 {
		t.Errorf("%+v", resp)
	}
	f.set(func(wire.Message) (wire.Message, error) { return nil, errors.New("unreachable") })
	c.do(req, resp, 7)
	if resp.Topics[0].ErrorCode != kerr.RequestTimedOut {
		t.Errorf("no controller: %+v", resp)
	}
	quorum := &wire.DescribeQuorumResponse{}
	c.do(&wire.DescribeQuorumRequest{}, quorum, 2)
	if quorum.ErrorCode != kerr.RequestTimedOut {
		t.Errorf("no controller: %+v", quorum)
	}
	f.set(func(wire.Message) (wire.Message, error) { return nil, kerr.UnsupportedVersion })
	c.send(req, 7)
	c.expectClosed()
}

func TestAlterConfigsChecksThisBroker(t *testing.T) {
	f := &forwards{answer: func(m wire.Message) (wire.Message, error) {
		resp := &wire.IncrementalAlterConfigsResponse{}
		for _, r := range m.(*wire.IncrementalAlterConfigsRequest).Resources {
			resp.Responses = append(resp.Responses, alterAnswer{ResourceType: r.ResourceType, ResourceName: r.ResourceName, ErrorCode: kerr.PolicyViolation})
		}
		return resp, nil
	}}
	var levels *klog.Levels
	n := admin(t, func(s *Services) { s.Admin.Forward, levels = f.forward, s.Admin.Loggers })
	levels.Set("kafka.x", slog.LevelInfo)
	c := n.dial()
	one := func(kind metadata.ResourceType, name string, ops ...wire.IncrementalAlterConfigsRequestAlterableConfig) (kerr.Code, string) {
		resp := &wire.IncrementalAlterConfigsResponse{}
		c.do(&wire.IncrementalAlterConfigsRequest{Resources: []alterResource{{ResourceType: int8(kind), ResourceName: name, Configs: ops}}}, resp, 1)
		text := ""
		if m := resp.Responses[0].ErrorMessage; m != nil {
			text = *m
		}
		return resp.Responses[0].ErrorCode, text
	}
	op := func(kind int8, name, value string) wire.IncrementalAlterConfigsRequestAlterableConfig {
		return wire.IncrementalAlterConfigsRequestAlterableConfig{Name: name, ConfigOperation: kind, Value: &value}
	}
	for _, x := range []struct {
		kind metadata.ResourceType
		name string
		op   wire.IncrementalAlterConfigsRequestAlterableConfig
		code kerr.Code
		text string
	}{
		{metadata.TopicResource, "t", op(setConfig, "retention.ms", "1"), kerr.PolicyViolation, ""}, // the controller's word
		{metadata.BrokerResource, "1", op(setConfig, "log.cleaner.threads", "2"), kerr.PolicyViolation, ""},
		{metadata.BrokerResource, "", op(setConfig, "log.retention.ms", "2"), kerr.PolicyViolation, ""},
		{metadata.BrokerResource, "1", op(setConfig, "plugin.setting", "2"), kerr.PolicyViolation, ""},
		{metadata.BrokerResource, "2", op(setConfig, "log.cleaner.threads", "2"), kerr.InvalidRequest, "Unexpected broker id, expected 1, but received 2"},
		{metadata.BrokerResource, "x", op(setConfig, "log.cleaner.threads", "2"), kerr.InvalidRequest, "Node id must be an integer, but it is: x"},
		{metadata.BrokerResource, "1", op(setConfig, "log.dirs", "/x"), kerr.InvalidRequest, "Cannot update these configs dynamically: [log.dirs]"},
		{metadata.BrokerResource, "1", op(setConfig, "ssl.keystore.location", "/x"), kerr.InvalidRequest, "These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.keystore.location]"},
		{metadata.BrokerResource, "", op(setConfig, "listener.name.plaintext.ssl.keystore.location", "/x"), kerr.InvalidRequest, "Cannot update these configs at default cluster level, broker id must be specified: [listener.name.plaintext.ssl.keystore.location]"},
		{metadata.BrokerResource, "1", op(setConfig, "num.io.threads", "100"), kerr.InvalidRequest, "Dynamic thread count update validation failed for num.io.threads=100, value should not be greater than double the current value 8"},
		{metadata.BrokerResource, "1", op(setConfig, "num.io.threads", "x"), kerr.InvalidRequest, "Invalid value x for configuration num.io.threads: Not a number of type INT"},
		{metadata.BrokerResource, "1", op(appendConfig, "num.io.threads", "9"), kerr.InvalidConfig, "Config value append is not allowed for config key: num.io.threads"},
		{3, "x", op(setConfig, "a", "b"), kerr.InvalidRequest, "Unknown resource type 3"},
		{metadata.BrokerLoggerResource, "1", op(setConfig, "kafka.x", "DEBUG"), kerr.None, ""},
		{metadata.BrokerLoggerResource, "1", op(setConfig, "kafka.nope", "DEBUG"), kerr.InvalidConfig, "Logger kafka.nope does not exist!"},
		{metadata.BrokerLoggerResource, "1", op(setConfig, "kafka.x", "LOUD"), kerr.InvalidConfig, "Cannot set the log level of kafka.x to LOUD as it is not a supported log level. Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN"},
		{metadata.BrokerLoggerResource, "1", op(deleteConfig, "root", ""), kerr.InvalidRequest, "Removing the log level of the root logger is not allowed"},
		{metadata.BrokerLoggerResource, "2", op(setConfig, "kafka.x", "DEBUG"), kerr.InvalidRequest, "Unexpected node id. Expected 1, but received 2"},
	} {
		if code, text := one(x.kind, x.name, x.op); code != x.code || text != x.text {
			t.Errorf("%s %q %s=%s: %s %q, want %s %q", x.kind, x.name, x.op.Name, *x.op.Value, code.Name(), text, x.code.Name(), x.text)
		}
	}
	if levels.All()["kafka.x"] != "DEBUG" {
		t.Errorf("level is %s", levels.All()["kafka.x"])
	}
	if code, _ := one(metadata.TopicResource, "t", op(setConfig, "a", "1"), op(setConfig, "a", "2")); code != kerr.InvalidRequest {
		t.Errorf("a key twice: %s", code.Name())
	}
	if code, text := one(metadata.TopicResource, "t", wire.IncrementalAlterConfigsRequestAlterableConfig{Name: "a"}); code != kerr.InvalidRequest || text != "Null value not supported for : a" {
		t.Errorf("a null: %s %s", code.Name(), text)
	}
	legacy := &wire.AlterConfigsResponse{}
	value := "/x"
	c.do(&wire.AlterConfigsRequest{Resources: []wire.AlterConfigsRequestAlterConfigsResource{{ResourceType: int8(metadata.BrokerResource), ResourceName: "1",
		Configs: []wire.AlterConfigsRequestAlterableConfig{{Name: "log.dirs", Value: &value}}}}}, legacy, 2)
	if legacy.Responses[0].ErrorCode != kerr.InvalidRequest {
		t.Errorf("legacy: %+v", legacy)
	}
}

func TestDescribeConfigs(t *testing.T) {
	v := "5"
	recs := append(topicOf("a", 101, []int32{1}),
		&wire.ConfigRecord{ResourceType: int8(metadata.TopicResource), ResourceName: "a", Name: "retention.ms", Value: &v})
	n := admin(t, func(s *Services) { s.Authorizer = deny{denied(DescribeConfigs, Topic, "secret"): true} }, recs...)
	c := n.dial()
	ask := func(kind metadata.ResourceType, name string, keys ...string) *described {
		resp := &wire.DescribeConfigsResponse{}
		c.do(&wire.DescribeConfigsRequest{IncludeSynonyms: true, IncludeDocumentation: true, Resources: []wire.DescribeConfigsRequestDescribeConfigsResource{
			{ResourceType: int8(kind), ResourceName: name, ConfigurationKeys: keys}}}, resp, 4)
		return &resp.Results[0]
	}
	r := ask(metadata.TopicResource, "a", "retention.ms")
	if len(r.Configs) != 1 || *r.Configs[0].Value != "5" || r.Configs[0].ConfigSource != int8(config.SourceTopic) || len(r.Configs[0].Synonyms) != 1 || r.Configs[0].Documentation == nil {
		t.Errorf("%+v", r)
	}
	if r = ask(metadata.TopicResource, "a"); len(r.Configs) < 20 {
		t.Errorf("a topic has %d settings", len(r.Configs))
	}
	if r = ask(metadata.BrokerResource, "1", "num.partitions"); len(r.Configs) != 1 || *r.Configs[0].Value != "4" || r.Configs[0].ConfigSource != int8(config.SourceStaticBroker) || !r.Configs[0].ReadOnly {
		t.Errorf("%+v", r)
	}
	for _, x := range []struct {
		kind metadata.ResourceType
		name string
		code kerr.Code
		text string
	}{
		{metadata.TopicResource, "none", kerr.UnknownTopicOrPartition, ""},
		{metadata.TopicResource, "a/b", kerr.InvalidTopicException, "Topic name is invalid: 'a/b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"},
		{metadata.TopicResource, "secret", kerr.TopicAuthorizationFailed, "Topic authorization failed."},
		{metadata.BrokerResource, "2", kerr.InvalidRequest, "Unexpected broker id, expected 1 or empty string, but received 2"},
		{metadata.BrokerResource, "x", kerr.InvalidRequest, "Broker id must be an integer, but it is: x"},
		{metadata.BrokerLoggerResource, "", kerr.InvalidRequest, "Broker id must not be empty"},
		{metadata.ClientMetricsResource, "", kerr.InvalidRequest, "Client metrics subscription name must not be empty"},
		{metadata.GroupResource, "", kerr.InvalidRequest, "Group name must not be empty"},
		{77, "x", kerr.InvalidRequest, kerr.InvalidRequest.Message()},
		{metadata.GroupResource, "g", kerr.None, ""},
		{metadata.BrokerResource, "", kerr.None, ""},
	} {
		r := ask(x.kind, x.name)
		text := ""
		if r.ErrorMessage != nil {
			text = *r.ErrorMessage
		}
		if r.ErrorCode != x.code || text != x.text {
			t.Errorf("%s %q: %s %q, want %s %q", x.kind, x.name, r.ErrorCode.Name(), text, x.code.Name(), x.text)
		}
	}
}

func TestListConfigResources(t *testing.T) {
	v := "1000"
	recs := append(topicOf("a", 101, []int32{1}), &wire.ConfigRecord{ResourceType: int8(metadata.ClientMetricsResource), ResourceName: "sub", Name: "interval.ms", Value: &v})
	c := admin(t, nil, recs...).dial()
	list := func(version int16, types ...int8) string {
		resp := &wire.ListConfigResourcesResponse{}
		c.do(&wire.ListConfigResourcesRequest{ResourceTypes: types}, resp, version)
		if resp.ErrorCode != kerr.None {
			return resp.ErrorCode.Name()
		}
		var out []string
		for _, r := range resp.ConfigResources {
			out = append(out, metadata.ResourceType(r.ResourceType).String()+":"+r.ResourceName)
		}
		return strings.Join(out, " ")
	}
	for want, got := range map[string]string{
		"CLIENT_METRICS:sub": list(0),
		"CLIENT_METRICS:sub BROKER_LOGGER:1 BROKER_LOGGER:2 BROKER:1 BROKER:2 TOPIC:a": list(1),
		"TOPIC:a":             list(1, 2),
		"UNSUPPORTED_VERSION": list(1, 2, 99),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
