package handler

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gregor/internal/clock"
	"gregor/internal/coordinator"
	"gregor/internal/group"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/record"
	"gregor/internal/wire"
)

// offsetsLog is a partition as the coordinator uses it.
type offsetsLog struct{ p *partition.Partition }

func (l offsetsLog) Append(batch []byte, epoch model.LeaderEpoch, now model.Millis) (base, hw model.Offset, err error) {
	a := partition.Append{Records: batch, Acks: -1, Origin: record.Coordinator, Now: now, Epoch: epoch, TxnVersion: -1}
	var w partition.Woken
	l.p.Append(&a, &w)
	w.Fire()
	return a.BaseOffset, l.HighWatermark(), a.Err
}

func (l offsetsLog) HighWatermark() model.Offset {
	hw, _ := l.p.HighWatermark()
	return hw
}

func (l offsetsLog) Await(model.Offset, model.LeaderEpoch, func()) bool { return false }

func (l offsetsLog) Bounds(now model.Millis) (start, end, hw model.Offset, err error) {
	o, err := l.p.Offsets(now)
	return o.LogStart, o.LogEnd, o.HighWatermark, err
}

func (l offsetsLog) Read(offset model.Offset, buf []byte, now model.Millis) ([]byte, error) {
	r := partition.Read{Offset: offset, MaxBytes: len(buf), MinOne: true, Isolation: partition.ReadAll,
		CurrentEpoch: model.NoEpoch, LastFetched: model.NoEpoch, Follower: model.NoBroker, Now: now}
	var w partition.Woken
	l.p.Read(&r, &w)
	w.Fire()
	if r.Code != kerr.None {
		return nil, r.Code
	}
	defer r.Release()
	out := make([]byte, r.Records.Len)
	if r.Records.Len > 0 {
		if _, err := r.Records.File.ReadAt(out, r.Records.Off); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (l offsetsLog) MaxBatch() int { return 1 << 20 }

// coordinate starts a group coordinator over the cluster's __consumer_offsets.
func (c *cluster) coordinate() *group.Service {
	cfg := group.DefaultConfig()
	cfg.Partitions, cfg.ReplicationFactor, cfg.InitialRebalanceDelay = 3, 1, 0
	s := group.New(group.Options{
		Config: cfg, Self: 1, Clock: clock.System{}, NewID: model.NewUUID, Log: slog.New(slog.DiscardHandler),
		Open: func(i int32) (coordinator.Log, error) {
			p, code := c.PartitionOf(group.TopicName, i)
			if code != kerr.None {
				return nil, code
			}
			return offsetsLog{p}, nil
		},
	})
	s.Start()
	c.t.Cleanup(s.Close)
	s.Publish(metadata.Between(metadata.Empty(), c.image), c.image)
	return s
}

// groupNode is a broker that coordinates groups and has the topics t, of two
// partitions, and u.
func groupNode(t testing.TB, change func(*Services)) (*cluster, *node) {
	c := newCluster(t)
	c.topic(group.TopicName, 3)
	c.topic("t", 2)
	c.topic("u", 1)
	s := c.coordinate()
	n := c.node(func(sv *Services) {
		sv.Groups = s
		if change != nil {
			change(sv)
		}
	})
	k := n.dial()
	waitFor(t, "the coordinator to load", func() bool {
		var r wire.ListGroupsResponse
		k.do(&wire.ListGroupsRequest{}, &r, 5)
		return r.ErrorCode == kerr.None
	})
	return c, n
}

// topicAsks notes the topics that are asked for.
type topicAsks struct {
	sync.Mutex
	asked []wire.CreateTopicsRequestCreatableTopic
}

func (c *topicAsks) CreateTopic(t wire.CreateTopicsRequestCreatableTopic) {
	c.Lock()
	defer c.Unlock()
	c.asked = append(c.asked, t)
}

// refusals is an authorizer that allows all but what is in it.
type refusals map[string]bool

func (d refusals) Allowed(_, _ string, op Operation, kind Resource, name string) bool {
	return !d[no(op, kind, name)]
}

func (d refusals) AllowedAny(string, string, Operation, Resource) bool { return true }

func no(op Operation, kind Resource, name string) string { return fmt.Sprint(op, kind, name) }

// latest is an image that changes while it is served.
type latest struct{ atomic.Pointer[metadata.Image] }

func (l *latest) Image() *metadata.Image { return l.Load() }

func TestFindCoordinator(t *testing.T) {
	c := newCluster(t)
	made, img := &topicAsks{}, &latest{}
	img.Store(c.image)
	n := c.node(func(s *Services) {
		s.Groups, s.TopicCreator, s.Metadata = c.coordinate(), made, img
		s.Authorizer = refusals{no(Describe, Group, "secret"): true}
	})
	k := n.dial()
	for v := range int16(7) {
		find := func(kind int8, key string) (kerr.Code, int32, string, int32) {
			if v < 4 {
				var r wire.FindCoordinatorResponse
				k.do(&wire.FindCoordinatorRequest{Key: key, KeyType: min(kind, int8(v))}, &r, v)
				return r.ErrorCode, r.NodeId, r.Host, r.Port
			}
			var r wire.FindCoordinatorResponse
			k.do(&wire.FindCoordinatorRequest{CoordinatorKeys: []string{key, "secret"}, KeyType: kind}, &r, v)
			if kind == 0 && r.Coordinators[1].ErrorCode != kerr.GroupAuthorizationFailed {
				t.Fatalf("v%d: secret is %+v", v, r.Coordinators[1])
			}
			a := r.Coordinators[0]
			return a.ErrorCode, a.NodeId, a.Host, a.Port
		}
		if v == 0 {
			if code, id, _, port := find(0, "g"); code != kerr.CoordinatorNotAvailable || id != -1 || port != -1 {
				t.Fatalf("without the topic: %s %d:%d", code.Name(), id, port)
			}
			c.topic(group.TopicName, 3)
			img.Store(c.image)
		}
		if code, id, host, port := find(0, "g"); code != kerr.None || id != 1 || host != "one" || port != 9092 {
			t.Fatalf("v%d: %s, broker %d at %s:%d", v, code.Name(), id, host, port)
		}
		if v > 0 {
			if code, id, _, _ := find(1, "txn"); code != kerr.InvalidRequest || id != -1 {
				t.Fatalf("v%d: a transaction's coordinator is %s %d", v, code.Name(), id)
			}
		}
	}
	made.Lock()
	defer made.Unlock()
	if len(made.asked) != 1 || made.asked[0].Name != group.TopicName || made.asked[0].NumPartitions != 3 || len(made.asked[0].Configs) != 3 {
		t.Fatalf("asked for %+v", made.asked)
	}
}

func text(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// TestGroupInEveryVersion takes a member through its life, in every version of
// each request.
func TestGroupInEveryVersion(t *testing.T) {
	c, n := groupNode(t, nil)
	k := n.dial()
	for v := range int16(10) {
		name := fmt.Sprint("g", v)
		join := &wire.JoinGroupRequest{GroupId: name, SessionTimeoutMs: 10000, RebalanceTimeoutMs: -1, ProtocolType: "consumer",
			Protocols: []wire.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{1, 2}}}}
		if v > 0 {
			join.RebalanceTimeoutMs = 10000
		}
		var j wire.JoinGroupResponse
		k.do(join, &j, v)
		if v >= 4 {
			if j.ErrorCode != kerr.MemberIdRequired || j.GenerationId != -1 || text(j.ProtocolName) != map[bool]string{true: "null", false: ""}[v >= 7] {
				t.Fatalf("v%d: %s generation %d protocol %s", v, j.ErrorCode.Name(), j.GenerationId, text(j.ProtocolName))
			}
			join.MemberId = j.MemberId
			k.do(join, &j, v)
		}
		if j.ErrorCode != kerr.None || j.GenerationId != 1 || j.Leader != j.MemberId || len(j.Members) != 1 || text(j.ProtocolName) != "range" {
			t.Fatalf("v%d: joined as %+v", v, j)
		}
		typ, protocol := "consumer", "range"
		sync := &wire.SyncGroupRequest{GroupId: name, GenerationId: 1, MemberId: j.MemberId, Assignments: []wire.SyncGroupRequestAssignment{{MemberId: j.MemberId, Assignment: []byte{9}}}}
		if v >= 5 {
			var s wire.SyncGroupResponse
			if k.do(sync, &s, 5); s.ErrorCode != kerr.InconsistentGroupProtocol {
				t.Fatalf("a sync without a protocol is %s", s.ErrorCode.Name())
			}
			sync.ProtocolType, sync.ProtocolName = &typ, &protocol
		}
		var s wire.SyncGroupResponse
		if k.do(sync, &s, min(v, 5)); s.ErrorCode != kerr.None || len(s.Assignment) != 1 {
			t.Fatalf("v%d: synced as %+v", v, s)
		}
		var h wire.HeartbeatResponse
		if k.do(&wire.HeartbeatRequest{GroupId: name, GenerationId: 1, MemberId: j.MemberId}, &h, min(v, 4)); h.ErrorCode != kerr.None {
			t.Fatalf("v%d: heartbeat %s", v, h.ErrorCode.Name())
		}
		var d wire.DescribeGroupsResponse
		if k.do(&wire.DescribeGroupsRequest{Groups: []string{name}, IncludeAuthorizedOperations: v >= 3}, &d, min(v, 6)); d.Groups[0].GroupState != "Stable" || d.Groups[0].Members[0].ClientHost != "/127.0.0.1" {
			t.Fatalf("v%d: described as %+v", v, d)
		}
		leave := &wire.LeaveGroupRequest{GroupId: name}
		if v < 3 {
			leave.MemberId = j.MemberId
		} else {
			leave.Members = []wire.LeaveGroupRequestMemberIdentity{{MemberId: j.MemberId}}
		}
		var l wire.LeaveGroupResponse
		if k.do(leave, &l, min(v, 5)); l.ErrorCode != kerr.None {
			t.Fatalf("v%d: leave %s", v, l.ErrorCode.Name())
		}
		if k.do(leave, &l, min(v, 5)); v < 3 && l.ErrorCode != kerr.UnknownMemberId || v >= 3 && l.Members[0].ErrorCode != kerr.UnknownMemberId {
			t.Fatalf("v%d: leave again %+v", v, l)
		}
	}
	var list wire.ListGroupsResponse
	if k.do(&wire.ListGroupsRequest{StatesFilter: []string{"empty"}}, &list, 5); len(list.Groups) != 10 {
		t.Fatalf("%d groups are empty", len(list.Groups))
	}
	var del wire.DeleteGroupsResponse
	if k.do(&wire.DeleteGroupsRequest{GroupsNames: []string{"g1", "g2", "g1", "no"}}, &del, 2); len(del.Results) != 3 {
		t.Fatalf("deleted %+v", del)
	}
	_ = c
}

func commitOf(version int16, g string, c *cluster, places ...any) *wire.OffsetCommitRequest {
	r := wire.NewOffsetCommitRequest()
	r.GroupId = g
	for i := 0; i < len(places); i += 3 {
		t := wire.OffsetCommitRequestTopic{Name: places[i].(string)}
		if version >= 10 {
			t.TopicId, t.Name = c.ids[t.Name], ""
		}
		p := wire.NewOffsetCommitRequestPartition()
		p.PartitionIndex, p.CommittedOffset = int32(places[i+1].(int)), int64(places[i+2].(int))
		t.Partitions = []wire.OffsetCommitRequestPartition{*p}
		r.Topics = append(r.Topics, t)
	}
	return r
}

func TestOffsetsInEveryVersion(t *testing.T) {
	c, n := groupNode(t, func(s *Services) {
		s.Authorizer = refusals{no(Read, Topic, "u"): true, no(Describe, Topic, "u"): true, no(Read, Group, "mine"): true, no(Describe, Group, "mine"): true}
	})
	k := n.dial()
	for v := int16(2); v <= 10; v++ {
		want := map[string]kerr.Code{"t-1": kerr.None, "t-7": kerr.UnknownTopicOrPartition, "u-0": kerr.TopicAuthorizationFailed, "nope-0": kerr.UnknownTopicOrPartition}
		if v >= 10 {
			want["nope-0"] = kerr.UnknownTopicId
		}
		var r wire.OffsetCommitResponse
		k.do(commitOf(v, "g", c, "t", 1, int(v), "t", 7, 1, "u", 0, 1, "nope", 0, 1), &r, v)
		got := map[string]kerr.Code{}
		for _, topic := range r.Topics {
			name := topic.Name
			for known, id := range c.ids {
				if v >= 10 && id == topic.TopicId {
					name = known
				}
			}
			if name == "" {
				name = "nope"
			}
			for _, p := range topic.Partitions {
				got[fmt.Sprintf("%s-%d", name, p.PartitionIndex)] = p.ErrorCode
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("v%d: %v, want %v", v, got, want)
		}
		k.do(commitOf(v, "mine", c, "t", 0, 1), &r, v)
		if r.Topics[0].Partitions[0].ErrorCode != kerr.GroupAuthorizationFailed {
			t.Fatalf("v%d: %+v", v, r)
		}
		for f := int16(1); f <= 10; f++ {
			if got := fetched(c, k, f, "g"); got != int64(v) {
				t.Fatalf("committed %d in v%d, fetched %d in v%d", v, v, got, f)
			}
		}
	}
	// Another broker process over the same files.
	for _, p := range c.parts {
		c.lead(p, []model.BrokerID{1}, 2)
	}
	k2 := c.node(func(s *Services) { s.Groups = c.coordinate() }).dial()
	waitFor(t, "the coordinator to load", func() bool { return fetched(c, k2, 8, "g") >= 0 })
	if got := fetched(c, k2, 10, "g"); got != 10 {
		t.Fatalf("fetched %d after a restart", got)
	}
}

// fetched asks for t-1 in that version; the offset is -2 if all is refused.
func fetched(c *cluster, k *conn, v int16, g string) int64 {
	k.t.Helper()
	req := &wire.OffsetFetchRequest{}
	switch {
	case v < 8:
		req.GroupId = g
		req.Topics = []wire.OffsetFetchRequestTopic{{Name: "t", PartitionIndexes: []int32{1}}}
		if v == 3 {
			req.Topics = nil // all
		}
	default:
		one := wire.OffsetFetchRequestTopics{Name: "t", PartitionIndexes: []int32{1}}
		if v >= 10 {
			one.Name, one.TopicId = "", c.ids["t"]
		}
		req.Groups = []wire.OffsetFetchRequestGroup{{GroupId: g, MemberEpoch: -1, Topics: []wire.OffsetFetchRequestTopics{one}}, {GroupId: "mine", MemberEpoch: -1}}
		req.RequireStable = v == 9
	}
	var r wire.OffsetFetchResponse
	k.do(req, &r, v)
	if v < 8 {
		if r.ErrorCode != kerr.None || len(r.Topics) != 1 {
			return -2
		}
		return r.Topics[0].Partitions[0].CommittedOffset
	}
	if r.Groups[0].ErrorCode != kerr.None {
		return -2
	}
	return r.Groups[0].Topics[0].Partitions[0].CommittedOffset
}

func TestFetchRefused(t *testing.T) {
	_, n := groupNode(t, func(s *Services) {
		s.Authorizer = refusals{no(Describe, Topic, "u"): true, no(Describe, Group, "mine"): true}
	})
	k := n.dial()
	ask := func(v int16, g, topic string) (whole kerr.Code, one kerr.Code) {
		req := &wire.OffsetFetchRequest{GroupId: g, Topics: []wire.OffsetFetchRequestTopic{{Name: topic, PartitionIndexes: []int32{0}}}}
		var r wire.OffsetFetchResponse
		k.do(req, &r, v)
		if len(r.Topics) > 0 {
			one = r.Topics[0].Partitions[0].ErrorCode
		}
		return r.ErrorCode, one
	}
	if whole, one := ask(1, "mine", "t"); whole != kerr.None || one != kerr.GroupAuthorizationFailed {
		t.Fatalf("v1: %s %s", whole.Name(), one.Name())
	}
	if whole, one := ask(2, "mine", "t"); whole != kerr.GroupAuthorizationFailed || one != kerr.None {
		t.Fatalf("v2: %s %s", whole.Name(), one.Name())
	}
	if whole, one := ask(5, "g", "u"); whole != kerr.None || one != kerr.TopicAuthorizationFailed {
		t.Fatalf("v5: %s %s", whole.Name(), one.Name())
	}
}

func TestOffsetDelete(t *testing.T) {
	c, n := groupNode(t, func(s *Services) { s.Authorizer = refusals{no(Read, Topic, "u"): true} })
	k := n.dial()
	var r wire.OffsetCommitResponse
	k.do(commitOf(9, "g", c, "t", 0, 5), &r, 9)
	req := &wire.OffsetDeleteRequest{GroupId: "g"}
	for _, name := range []string{"t", "u", "nope"} {
		req.Topics = append(req.Topics, wire.OffsetDeleteRequestTopic{Name: name, Partitions: []wire.OffsetDeleteRequestPartition{{PartitionIndex: 0}, {PartitionIndex: 9}}})
	}
	var d wire.OffsetDeleteResponse
	k.do(req, &d, 0)
	got := map[string]string{}
	for _, topic := range d.Topics {
		for _, p := range topic.Partitions {
			got[fmt.Sprintf("%s-%d", topic.Name, p.PartitionIndex)] = p.ErrorCode.Name()
		}
	}
	unknown, refused := "UNKNOWN_TOPIC_OR_PARTITION", "TOPIC_AUTHORIZATION_FAILED"
	want := map[string]string{"t-0": "NONE", "t-9": unknown, "u-0": refused, "u-9": refused, "nope-0": unknown, "nope-9": unknown}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	req.GroupId = "nobody"
	if k.do(req, &d, 0); d.ErrorCode != kerr.GroupIdNotFound || len(d.Topics) != 0 {
		t.Fatalf("%+v", d)
	}
}

// TestParkedJoinHoldsUpItsConnectionAlone: while a member waits for the
// others, its connection's next request waits too, and others' do not.
func TestParkedJoinHoldsUpItsConnectionAlone(t *testing.T) {
	_, n := groupNode(t, nil)
	a, b := n.dial(), n.dial()
	join := func(member string) *wire.JoinGroupRequest {
		return &wire.JoinGroupRequest{GroupId: "g", SessionTimeoutMs: 10000, RebalanceTimeoutMs: 60000, MemberId: member, ProtocolType: "consumer",
			Protocols: []wire.JoinGroupRequestProtocol{{Name: "range"}}}
	}
	var first wire.JoinGroupResponse
	a.do(join(""), &first, 3)
	b.send(join(""), 3) // waits for the first to come again
	b.send(&wire.HeartbeatRequest{GroupId: "g", GenerationId: 2, MemberId: "?"}, 4)
	_ = b.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := b.frame(); err == nil {
		t.Fatal("answered although a member is missing")
	}
	_ = b.SetReadDeadline(time.Now().Add(20 * time.Second))
	var again, second wire.JoinGroupResponse
	a.do(join(first.MemberId), &again, 3)
	b.receive(&second, 3)
	if again.GenerationId != 2 || second.GenerationId != 2 || second.Leader != first.MemberId {
		t.Fatalf("%+v and %+v", again, second)
	}
	var h wire.HeartbeatResponse
	if b.receive(&h, 4); h.ErrorCode != kerr.UnknownMemberId {
		t.Fatalf("heartbeat %s", h.ErrorCode.Name())
	}
}
