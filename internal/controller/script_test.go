package controller

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"gregor/internal/config"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// Scripts of requests and the records they lead to. Rewrite with
// go test ./internal/controller -run TestScripts -rewrite, and read the diff.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		e := newScript(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return e.run(t, d) })
	})
}

// script decides requests on a state of its own, and replays what they write.
type script struct {
	s    *state
	next model.Offset
	deny map[string]bool // "op kind name"
}

type fakeQuorum struct {
	Log
	kraft  int16
	voters []model.BrokerID
}

func (q *fakeQuorum) KRaftVersion() int16      { return q.kraft }
func (q *fakeQuorum) Voters() []model.BrokerID { return q.voters }
func (q *fakeQuorum) UpgradeKRaftVersion(_ model.LeaderEpoch, v int16, validateOnly bool) error {
	if !validateOnly {
		q.kraft = v
	}
	return nil
}

func newScript(t testing.TB) *script {
	return &script{s: newState(t, nil), next: 100, deny: map[string]bool{}}
}

func newState(t testing.TB, props map[string]string) *state {
	t.Helper()
	all := map[string]string{"node.id": "1", "process.roles": "controller"}
	for k, v := range props {
		all[k] = v
	}
	values, _, err := config.Load(all)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	img := metadata.Empty()
	return &state{
		tip: img, id: 1, clusterID: "test-cluster", static: values, rng: newRNG(1),
		hearts: newHearts(img), sessions: newSessions(9000), quorum: &fakeQuorum{kraft: 1, voters: []model.BrokerID{1}},
		newID: func() model.UUID { n++; return id(1000 + n) },
	}
}

// id is the n-th id.
func id(n int) model.UUID { return model.UUID{0: 1, 14: byte(n >> 8), 15: byte(n)} }

// replay takes records into the tip, as the controller does.
func (s *state) replayAll(t testing.TB, recs []metadata.Record, base model.Offset) {
	t.Helper()
	d := metadata.NewDelta(s.tip)
	c := &Controller{s: *s}
	for _, r := range recs {
		if err := c.replay(d, r); err != nil {
			t.Fatal(err)
		}
	}
	s.tip = d.Image(metadata.Provenance{Offset: base + model.Offset(len(recs)) - 1})
	c.noteHearts(recs, base)
}

func (e *script) request() *Request {
	return &Request{Allowed: func(op Operation, kind ResourceKind, name string) bool {
		return !e.deny[fmt.Sprintf("%d %d %s", op, kind, name)]
	}}
}

func (e *script) run(t *testing.T, d *datadriven.TestData) string {
	var out strings.Builder
	e.s.next = e.next
	switch d.Cmd {
	case "show":
		return e.partitions(e.str(d, "topic", ""))
	case "bootstrap":
		return e.bootstrap(t, d)
	}
	res, err := e.decide(t, d)
	if err != nil {
		return fmt.Sprintf("error %s: %s\n", kerr.Of(err).Name(), err)
	}
	for _, r := range res.records {
		fmt.Fprintf(&out, "%s v%d %s\n", strings.TrimSuffix(wire.Name(r.Msg), "Record"), r.Version, show(r.Msg))
	}
	e.s.replayAll(t, res.records, e.next)
	e.next += model.Offset(len(res.records))
	if res.after != nil {
		res.after(e.next - 1)
	}
	if res.resp != nil && !d.HasArg("quiet") {
		fmt.Fprintf(&out, "-> %s\n", show(res.resp))
	}
	return out.String()
}

// decide is one command of a script.
func (e *script) decide(t *testing.T, d *datadriven.TestData) (result, error) {
	s, ctx := e.s, e.request()
	version := int16(e.int(d, "v", 99))
	switch d.Cmd {
	case "time":
		s.now += model.Millis(e.int(d, "ms", 0))
		return result{}, nil
	case "deny":
		e.deny[fmt.Sprintf("%d %d %s", e.int(d, "op", 0), e.int(d, "kind", 0), e.str(d, "name", ""))] = true
		return result{}, nil
	case "register":
		return s.registerBroker(ctx, e.registration(d), version)
	case "heartbeat":
		req := wire.NewBrokerHeartbeatRequest()
		req.BrokerId, req.CurrentMetadataOffset = int32(e.int(d, "id", 1)), int64(e.int(d, "offset", int(e.next)))
		req.BrokerEpoch = int64(e.int(d, "epoch", e.epoch(req.BrokerId)))
		req.WantFence, req.WantShutDown = d.HasArg("fence"), d.HasArg("shutdown")
		for _, n := range e.ints(d, "offline") {
			req.OfflineLogDirs = append(req.OfflineLogDirs, id(int(n)))
		}
		if d.HasArg("cordoned") {
			req.CordonedLogDirs = []model.UUID{}
			for _, n := range e.ints(d, "cordoned") {
				req.CordonedLogDirs = append(req.CordonedLogDirs, id(int(n)))
			}
		}
		s.sessions.touch(model.BrokerID(req.BrokerId), model.BrokerEpoch(req.BrokerEpoch), s.now)
		return s.heartbeat(ctx, req)
	case "expire":
		var recs []metadata.Record
		for {
			id, epoch, ok := s.sessions.takeExpired(s.now)
			if b := s.tip.Cluster.Broker(id); ok && b.Epoch != epoch {
				continue
			} else if ok {
				recs = s.fenced(b)
			}
			break
		}
		return result{records: recs}, nil
	case "unregister":
		return s.unregisterBroker(ctx, &wire.UnregisterBrokerRequest{BrokerId: int32(e.int(d, "id", 1))})
	case "create":
		return s.createTopics(ctx, e.creation(d))
	case "delete":
		return s.deleteTopics(ctx, e.deletion(d), version)
	case "partitions":
		return s.createPartitions(ctx, e.additions(d))
	case "alter":
		return s.incrementalAlter(ctx, e.alteration(d))
	case "legacy-alter":
		return s.legacyAlter(ctx, e.legacy(d))
	case "isr":
		return s.alterPartition(ctx, e.isr(d), version)
	case "elect":
		req := wire.NewElectLeadersRequest()
		req.ElectionType = int8(e.int(d, "type", 0))
		if name := e.str(d, "topic", ""); name != "" {
			req.TopicPartitions = []wire.ElectLeadersRequestTopicPartitions{{Topic: name, Partitions: e.ints(d, "partition")}}
		}
		return s.electLeaders(ctx, req)
	case "balance":
		recs, _ := s.balanceLeaders()
		return result{records: recs}, nil
	case "reassign":
		req := wire.NewAlterPartitionReassignmentsRequest()
		p := wire.AlterPartitionReassignmentsRequestReassignablePartition{PartitionIndex: int32(e.int(d, "partition", 0))}
		if d.HasArg("to") {
			p.Replicas = e.ints(d, "to")
		}
		req.AllowReplicationFactorChange = !d.HasArg("same-rf")
		req.Topics = []wire.AlterPartitionReassignmentsRequestReassignableTopic{{Name: e.str(d, "topic", "t"), Partitions: []wire.AlterPartitionReassignmentsRequestReassignablePartition{p}}}
		return s.alterReassignments(ctx, req)
	case "list-reassignments":
		return result{resp: listReassignments(s.tip, &wire.ListPartitionReassignmentsRequest{})}, nil
	case "features":
		return s.updateFeatures(ctx, e.features(d), version)
	case "producer-ids":
		bid := int32(e.int(d, "id", 1))
		return s.allocateIDs(ctx, &wire.AllocateProducerIdsRequest{BrokerId: bid, BrokerEpoch: int64(e.int(d, "epoch", e.epoch(bid)))})
	case "assign-dirs":
		bid := int32(e.int(d, "id", 1))
		return s.assignDirs(ctx, &wire.AssignReplicasToDirsRequest{BrokerId: bid, BrokerEpoch: int64(e.epoch(bid)), Directories: []wire.AssignReplicasToDirsRequestDirectoryData{{
			Id: id(e.int(d, "dir", 1)), Topics: []wire.AssignReplicasToDirsRequestTopicData{{
				TopicId:    s.topicID(e.str(d, "topic", "t")),
				Partitions: []wire.AssignReplicasToDirsRequestPartitionData{{PartitionIndex: int32(e.int(d, "partition", 0))}},
			}},
		}}})
	case "register-controller":
		return s.registerController(ctx, &wire.ControllerRegistrationRequest{
			ControllerId: int32(e.int(d, "id", 1)), IncarnationId: id(7), Features: []wire.ControllerRegistrationRequestFeature{{Name: metadata.FeatureMetadata, MinSupportedVersion: 7, MaxSupportedVersion: int16(e.int(d, "max", 33))}},
			Listeners: []wire.ControllerRegistrationRequestListener{{Name: "CONTROLLER", Host: "h", Port: 9093}},
		})
	case "unregister-controller":
		return s.unregisterController(ctx, &wire.UnregisterControllerRequest{ControllerId: int32(e.int(d, "id", 1))})
	}
	t.Fatalf("unknown command %s", d.Cmd)
	return result{}, nil
}

func (s *state) topicID(name string) model.TopicID {
	if t := s.tip.Topics.ByName(name); t != nil {
		return t.ID
	}
	return id(9999)
}

func (e *script) epoch(id int32) int {
	if b := e.s.tip.Cluster.Broker(model.BrokerID(id)); b != nil {
		return int(b.Epoch)
	}
	return -1
}

func (e *script) partitions(topic string) string {
	var b strings.Builder
	for t := range e.s.tip.Topics.All() {
		if topic != "" && t.Name != topic {
			continue
		}
		for i, p := range t.Partitions {
			fmt.Fprintf(&b, "%s-%d replicas=%v isr=%v leader=%d epoch=%d/%d", t.Name, i, p.Replicas, p.ISR, p.Leader, p.LeaderEpoch, p.PartitionEpoch)
			if len(p.Adding())+len(p.Removing()) > 0 {
				fmt.Fprintf(&b, " adding=%v removing=%v", p.Adding(), p.Removing())
			}
			if len(p.ELR())+len(p.LastKnownELR()) > 0 {
				fmt.Fprintf(&b, " elr=%v last=%v", p.ELR(), p.LastKnownELR())
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func (e *script) bootstrap(t *testing.T, d *datadriven.TestData) string {
	v, err := metadata.ParseVersion(e.str(d, "version", "4.4"))
	if err != nil {
		t.Fatal(err)
	}
	if brokers := e.int(d, "brokers", 0); brokers > 0 {
		defer func() {
			for i := 1; i <= brokers; i++ {
				e.addBroker(t, i)
			}
		}()
	}
	recs := []metadata.Record{metadata.V0(&wire.FeatureLevelRecord{Name: metadata.FeatureMetadata, FeatureLevel: int16(v)})}
	for name, level := range metadata.DefaultLevels(v) {
		if !d.HasArg("no-elr") || name != metadata.FeatureELR {
			recs = append(recs, metadata.V0(&wire.FeatureLevelRecord{Name: name, FeatureLevel: level}))
		}
	}
	slices.SortFunc(recs[1:], func(a, b metadata.Record) int {
		return strings.Compare(a.Msg.(*wire.FeatureLevelRecord).Name, b.Msg.(*wire.FeatureLevelRecord).Name)
	})
	recs, err = e.s.activate(recs, d.HasArg("in-transaction"))
	if err != nil {
		t.Fatal(err)
	}
	e.s.replayAll(t, recs, e.next)
	e.next += model.Offset(len(recs))
	if d.HasArg("quiet") {
		return ""
	}
	var b strings.Builder
	for _, r := range recs {
		fmt.Fprintf(&b, "%s v%d %s\n", strings.TrimSuffix(wire.Name(r.Msg), "Record"), r.Version, show(r.Msg))
	}
	return b.String()
}

// addBroker registers and unfences a broker without a word.
func (e *script) addBroker(t testing.TB, n int) {
	e.s.next = e.next
	req := wire.NewBrokerRegistrationRequest()
	req.BrokerId, req.ClusterId, req.IncarnationId = int32(n), "test-cluster", id(n)
	req.LogDirs = []model.UUID{id(100 + n)}
	for name, r := range metadata.Supported() {
		req.Features = append(req.Features, wire.BrokerRegistrationRequestFeature{Name: name, MinSupportedVersion: r.Min, MaxSupportedVersion: r.Max})
	}
	for _, f := range []func() (result, error){
		func() (result, error) { return e.s.registerBroker(&Request{}, req, 3) },
		func() (result, error) {
			h := &wire.BrokerHeartbeatRequest{BrokerId: int32(n), BrokerEpoch: int64(e.epoch(int32(n))), CurrentMetadataOffset: int64(e.next)}
			return e.s.heartbeat(&Request{}, h)
		},
	} {
		res, err := f()
		if err != nil {
			t.Fatal(err)
		}
		e.s.replayAll(t, res.records, e.next)
		e.next += model.Offset(len(res.records))
	}
}

func (e *script) registration(d *datadriven.TestData) *wire.BrokerRegistrationRequest {
	req := wire.NewBrokerRegistrationRequest()
	n := e.int(d, "id", 1)
	req.BrokerId, req.ClusterId = int32(n), e.str(d, "cluster", "test-cluster")
	req.IncarnationId = id(e.int(d, "incarnation", n))
	req.PreviousBrokerEpoch = int64(e.int(d, "previous", -1))
	req.Listeners = []wire.BrokerRegistrationRequestListener{{Name: "PLAINTEXT", Host: "h" + strconv.Itoa(n), Port: 9092}}
	if r := e.str(d, "rack", ""); r != "" {
		req.Rack = &r
	}
	req.LogDirs = []model.UUID{id(100 + n)}
	if d.HasArg("dirs") {
		req.LogDirs = nil
		for _, n := range e.ints(d, "dirs") {
			req.LogDirs = append(req.LogDirs, id(int(n)))
		}
	}
	req.Features = []wire.BrokerRegistrationRequestFeature{
		{Name: metadata.FeatureMetadata, MinSupportedVersion: 7, MaxSupportedVersion: int16(e.int(d, "max", 33))},
	}
	for _, f := range metadata.Features {
		if f.Name != e.str(d, "without", "") {
			req.Features = append(req.Features, wire.BrokerRegistrationRequestFeature{Name: f.Name, MaxSupportedVersion: f.Max})
		}
	}
	return req
}

func (e *script) creation(d *datadriven.TestData) *wire.CreateTopicsRequest {
	req := wire.NewCreateTopicsRequest()
	req.ValidateOnly = d.HasArg("validate-only")
	for line := range strings.Lines(d.Input) {
		f := strings.Fields(line)
		t := wire.CreateTopicsRequestCreatableTopic{Name: strings.Trim(f[0], `"`), NumPartitions: -1, ReplicationFactor: -1}
		for _, kv := range f[1:] {
			k, v, _ := strings.Cut(kv, "=")
			switch k {
			case "p":
				n, _ := strconv.Atoi(v)
				t.NumPartitions = int32(n)
			case "rf":
				n, _ := strconv.Atoi(v)
				t.ReplicationFactor = int16(n)
			case "at":
				i, brokers, _ := strings.Cut(v, ":")
				n, _ := strconv.Atoi(i)
				t.Assignments = append(t.Assignments, wire.CreateTopicsRequestCreatableReplicaAssignment{PartitionIndex: int32(n), BrokerIds: parseInts(brokers)})
			default:
				c := wire.CreateTopicsRequestCreatableTopicConfig{Name: k, Value: &v}
				if v == "null" {
					c.Value = nil
				}
				t.Configs = append(t.Configs, c)
			}
		}
		req.Topics = append(req.Topics, t)
	}
	return req
}

func (e *script) deletion(d *datadriven.TestData) *wire.DeleteTopicsRequest {
	req := &wire.DeleteTopicsRequest{}
	for line := range strings.Lines(d.Input) {
		var t wire.DeleteTopicsRequestDeleteTopicState
		for _, kv := range strings.Fields(line) {
			k, v, _ := strings.Cut(kv, "=")
			switch k {
			case "name":
				t.Name = &v
			case "id-of":
				t.TopicId = e.s.topicID(v)
			}
		}
		req.Topics = append(req.Topics, t)
	}
	return req
}

func (e *script) additions(d *datadriven.TestData) *wire.CreatePartitionsRequest {
	req := &wire.CreatePartitionsRequest{ValidateOnly: d.HasArg("validate-only")}
	for line := range strings.Lines(d.Input) {
		f := strings.Fields(line)
		n, _ := strconv.Atoi(f[1])
		t := wire.CreatePartitionsRequestCreatePartitionsTopic{Name: f[0], Count: int32(n)}
		for _, a := range f[2:] {
			t.Assignments = append(t.Assignments, wire.CreatePartitionsRequestCreatePartitionsAssignment{BrokerIds: parseInts(a)})
		}
		req.Topics = append(req.Topics, t)
	}
	return req
}

// A line of an alteration: type name op:key[=value]...
func (e *script) alteration(d *datadriven.TestData) *wire.IncrementalAlterConfigsRequest {
	ops := map[string]int8{"set": opSet, "delete": opDelete, "append": opAppend, "subtract": opSubtract}
	req := &wire.IncrementalAlterConfigsRequest{ValidateOnly: d.HasArg("validate-only")}
	for line := range strings.Lines(d.Input) {
		f := strings.Fields(line)
		n, _ := strconv.Atoi(f[0])
		r := wire.IncrementalAlterConfigsRequestAlterConfigsResource{ResourceType: int8(n), ResourceName: strings.Trim(f[1], `"`)}
		for _, o := range f[2:] {
			op, kv, _ := strings.Cut(o, ":")
			k, v, has := strings.Cut(kv, "=")
			c := wire.IncrementalAlterConfigsRequestAlterableConfig{Name: k, ConfigOperation: ops[op]}
			if has {
				c.Value = &v
			}
			r.Configs = append(r.Configs, c)
		}
		req.Resources = append(req.Resources, r)
	}
	return req
}

func (e *script) legacy(d *datadriven.TestData) *wire.AlterConfigsRequest {
	req := &wire.AlterConfigsRequest{}
	for line := range strings.Lines(d.Input) {
		f := strings.Fields(line)
		n, _ := strconv.Atoi(f[0])
		r := wire.AlterConfigsRequestAlterConfigsResource{ResourceType: int8(n), ResourceName: strings.Trim(f[1], `"`)}
		for _, kv := range f[2:] {
			k, v, _ := strings.Cut(kv, "=")
			r.Configs = append(r.Configs, wire.AlterConfigsRequestAlterableConfig{Name: k, Value: &v})
		}
		req.Resources = append(req.Resources, r)
	}
	return req
}

func (e *script) isr(d *datadriven.TestData) *wire.AlterPartitionRequest {
	topic, n := e.str(d, "topic", "t"), e.int(d, "partition", 0)
	p := wire.AlterPartitionRequestPartitionData{PartitionIndex: int32(n), LeaderRecoveryState: int8(e.int(d, "recovery", 0))}
	from := e.int(d, "from", 1)
	if cur := e.s.tip.Topics.Partition(e.s.topicID(topic), int32(n)); cur != nil {
		p.LeaderEpoch, p.PartitionEpoch = int32(cur.LeaderEpoch), cur.PartitionEpoch
	}
	p.LeaderEpoch, p.PartitionEpoch = int32(e.int(d, "leader-epoch", int(p.LeaderEpoch))), int32(e.int(d, "partition-epoch", int(p.PartitionEpoch)))
	for _, b := range e.ints(d, "to") {
		p.NewIsrWithEpochs = append(p.NewIsrWithEpochs, wire.AlterPartitionRequestBrokerState{BrokerId: b, BrokerEpoch: int64(e.int(d, "replica-epoch", e.epoch(b)))})
	}
	return &wire.AlterPartitionRequest{
		BrokerId: int32(from), BrokerEpoch: int64(e.epoch(int32(from))),
		Topics: []wire.AlterPartitionRequestTopicData{{TopicId: e.s.topicID(topic), Partitions: []wire.AlterPartitionRequestPartitionData{p}}},
	}
}

func (e *script) features(d *datadriven.TestData) *wire.UpdateFeaturesRequest {
	req := &wire.UpdateFeaturesRequest{ValidateOnly: d.HasArg("validate-only")}
	for line := range strings.Lines(d.Input) {
		f := strings.Fields(line)
		n, _ := strconv.Atoi(f[1])
		u := wire.UpdateFeaturesRequestFeatureUpdateKey{Feature: f[0], MaxVersionLevel: int16(n), UpgradeType: upgrade}
		if len(f) > 2 {
			k, _ := strconv.Atoi(f[2])
			u.UpgradeType = int8(k)
		}
		req.FeatureUpdates = append(req.FeatureUpdates, u)
	}
	return req
}

func (e *script) str(d *datadriven.TestData, key, def string) string {
	for _, a := range d.CmdArgs {
		if a.Key == key && len(a.Vals) > 0 {
			return a.Vals[0]
		}
	}
	return def
}

func (e *script) int(d *datadriven.TestData, key string, def int) int {
	n, err := strconv.Atoi(e.str(d, key, strconv.Itoa(def)))
	if err != nil {
		panic(err)
	}
	return n
}

func (e *script) ints(d *datadriven.TestData, key string) []int32 {
	for _, a := range d.CmdArgs {
		if a.Key == key {
			return parseInts(strings.Join(a.Vals, ","))
		}
	}
	return nil
}

func parseInts(s string) []int32 {
	out := []int32{}
	for v := range strings.SplitSeq(s, ",") {
		if n, err := strconv.Atoi(v); err == nil {
			out = append(out, int32(n))
		}
	}
	return out
}

// show prints a message's fields that are not zero; ids as #n.
func show(v any) string {
	var b strings.Builder
	showValue(&b, reflect.ValueOf(v))
	return b.String()
}

func showValue(b *strings.Builder, v reflect.Value) {
	switch x := v.Interface().(type) {
	case model.UUID:
		if n := int(x[14])<<8 | int(x[15]); x[0] == 1 {
			fmt.Fprintf(b, "#%d", n)
		} else {
			b.WriteString(x.String())
		}
		return
	case kerr.Code:
		b.WriteString(x.Name())
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			b.WriteString("null")
			return
		}
		showValue(b, v.Elem())
	case reflect.Struct:
		b.WriteByte('{')
		sep := ""
		for i := range v.NumField() {
			f := v.Field(i)
			if f.IsZero() || v.Type().Field(i).Name == "Configs" && f.Len() > 3 {
				continue
			}
			b.WriteString(sep + v.Type().Field(i).Name + ":")
			showValue(b, f)
			sep = " "
		}
		b.WriteByte('}')
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(' ')
			}
			showValue(b, v.Index(i))
		}
		b.WriteByte(']')
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	default:
		fmt.Fprint(b, v.Interface())
	}
}
