package diff

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func join(group, member string) *kmsg.JoinGroupRequest {
	r := kmsg.NewPtrJoinGroupRequest()
	r.Version, r.Group, r.MemberID, r.SessionTimeoutMillis, r.RebalanceTimeoutMillis, r.ProtocolType = 5, group, member, 30000, 30000, "consumer"
	r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0, 1, 0, 0, 0, 0, 0, 0, 0, 0}}, {Name: "roundrobin", Metadata: []byte{0, 1, 0, 0, 0, 0, 0, 0, 0, 0}}}
	return r
}

func keepMember(w *world, r kmsg.Response) {
	j := r.(*kmsg.JoinGroupResponse)
	w.vars["member"], w.vars["generation"] = j.MemberID, j.Generation
}

func groupScenario() scenario {
	var steps []step
	for v := int16(0); v <= 9; v++ {
		group := "join-v" + string(rune('0'+v))
		if v >= 4 {
			steps = append(steps, step{name: "JoinGroup without a member id", versions: []int16{v}, req: func(*world) kmsg.Request { return join(group, "") }, after: keepMember})
		}
		steps = append(steps,
			step{name: "JoinGroup", versions: []int16{v}, req: func(w *world) kmsg.Request {
				if v < 4 {
					return join(group, "")
				}
				return join(group, w.str("member"))
			}, after: keepMember},
			step{name: "Heartbeat before SyncGroup", versions: []int16{min(v, 4)}, req: func(w *world) kmsg.Request { return heartbeat(w, group) }},
			step{name: "SyncGroup", versions: []int16{min(v, 5)}, req: func(w *world) kmsg.Request {
				r := syncGroup(w, group)
				r.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: w.str("member"), MemberAssignment: []byte{1, 2, 3}}}
				return r
			}},
			step{name: "Heartbeat", versions: []int16{min(v, 4)}, req: func(w *world) kmsg.Request { return heartbeat(w, group) }},
			step{name: "DescribeGroups", versions: []int16{min(v, 6)}, req: func(*world) kmsg.Request {
				r := kmsg.NewPtrDescribeGroupsRequest()
				r.Groups, r.IncludeAuthorizedOperations = []string{group}, false
				return r
			}},
			step{name: "JoinGroup again", versions: []int16{v}, req: func(w *world) kmsg.Request { return join(group, w.str("member")) }, after: keepMember},
			step{name: "SyncGroup again", versions: []int16{min(v, 5)}, req: func(w *world) kmsg.Request {
				r := syncGroup(w, group)
				r.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: w.str("member"), MemberAssignment: []byte{4}}}
				return r
			}},
			step{name: "LeaveGroup", versions: []int16{min(v, 5)}, req: func(w *world) kmsg.Request {
				r := kmsg.NewPtrLeaveGroupRequest()
				r.Group, r.MemberID = group, w.str("member")
				if v >= 3 {
					m := kmsg.NewLeaveGroupRequestMember()
					m.MemberID = w.str("member")
					r.Members = append(r.Members, m)
				}
				return r
			}},
			step{name: "Heartbeat after LeaveGroup", versions: []int16{min(v, 4)}, req: func(w *world) kmsg.Request { return heartbeat(w, group) }},
		)
	}
	return scenario{"groups", steps}
}

func heartbeat(w *world, group string) *kmsg.HeartbeatRequest {
	r := kmsg.NewPtrHeartbeatRequest()
	r.Version, r.Group, r.MemberID, r.Generation = 4, group, w.str("member"), w.i32("generation")
	return r
}

func syncGroup(w *world, group string) *kmsg.SyncGroupRequest {
	r := kmsg.NewPtrSyncGroupRequest()
	r.Version, r.Group, r.MemberID, r.Generation = 5, group, w.str("member"), w.i32("generation")
	r.ProtocolType, r.Protocol = kmsg.StringPtr("consumer"), kmsg.StringPtr("range")
	return r
}

func groupErrorsScenario() scenario {
	steps := []step{
		{name: "empty group", versions: []int16{5, 9}, req: func(*world) kmsg.Request { return join("", "") }},
		{name: "unknown member", versions: []int16{5, 9}, req: func(*world) kmsg.Request { return join("errs", "nobody") }},
		{name: "session too short", versions: []int16{5, 9}, req: func(*world) kmsg.Request {
			r := join("errs", "")
			r.SessionTimeoutMillis = 10
			return r
		}},
		{name: "session too long", versions: []int16{5, 9}, req: func(*world) kmsg.Request {
			r := join("errs", "")
			r.SessionTimeoutMillis = 1 << 30
			return r
		}},
		{name: "no protocols", versions: []int16{5, 9}, req: func(*world) kmsg.Request {
			r := join("errs", "")
			r.Protocols = nil
			return r
		}},
		{name: "no protocol type", versions: []int16{5, 9}, req: func(*world) kmsg.Request {
			r := join("errs", "")
			r.ProtocolType = ""
			return r
		}},
		{name: "join", versions: []int16{3}, req: func(*world) kmsg.Request { return join("errs", "") }, after: keepMember},
		{name: "another protocol type", versions: []int16{5}, req: func(*world) kmsg.Request {
			r := join("errs", "")
			r.ProtocolType = "connect"
			return r
		}},
		{name: "other protocols", versions: []int16{5}, req: func(*world) kmsg.Request {
			r := join("errs", "")
			r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "mine"}}
			return r
		}},
		{name: "sync with a wrong generation", versions: []int16{3, 5}, req: func(w *world) kmsg.Request {
			r := syncGroup(w, "errs")
			r.Generation = 77
			return r
		}},
		{name: "sync with a wrong member", versions: []int16{3, 5}, req: func(w *world) kmsg.Request {
			r := syncGroup(w, "errs")
			r.MemberID = "nobody"
			return r
		}},
		{name: "sync with a wrong protocol", versions: []int16{5}, req: func(w *world) kmsg.Request {
			r := syncGroup(w, "errs")
			r.Protocol = kmsg.StringPtr("roundrobin-x")
			return r
		}},
		{name: "sync an unknown group", versions: []int16{3, 5}, req: func(w *world) kmsg.Request { return syncGroup(w, "errs-none") }},
		{name: "heartbeat with a wrong generation", versions: upTo(0, 4), req: func(w *world) kmsg.Request {
			r := heartbeat(w, "errs")
			r.Generation = 99
			return r
		}},
		{name: "heartbeat of an unknown group", versions: upTo(0, 4), req: func(w *world) kmsg.Request { return heartbeat(w, "errs-none") }},
		{name: "heartbeat of an empty group name", versions: upTo(0, 4), req: func(w *world) kmsg.Request { return heartbeat(w, "") }},
		{name: "leave an unknown group", versions: upTo(0, 5), req: func(w *world) kmsg.Request {
			r := kmsg.NewPtrLeaveGroupRequest()
			r.Group, r.MemberID = "errs-none", "x"
			m := kmsg.NewLeaveGroupRequestMember()
			m.MemberID = "x"
			r.Members = append(r.Members, m)
			return r
		}},
		{name: "leave as nobody", versions: upTo(0, 5), req: func(w *world) kmsg.Request {
			r := kmsg.NewPtrLeaveGroupRequest()
			r.Group, r.MemberID = "errs", "x"
			m := kmsg.NewLeaveGroupRequestMember()
			m.MemberID = "x"
			r.Members = append(r.Members, m)
			return r
		}},
		{name: "describe an unknown group", versions: upTo(0, 6), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDescribeGroupsRequest()
			r.Groups = []string{"errs-none", ""}
			return r
		}},
		{name: "delete unknown groups", versions: upTo(0, 3), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDeleteGroupsRequest()
			r.Groups = []string{"errs-none", ""}
			return r
		}},
		{name: "delete a group that is not empty", versions: upTo(0, 3), req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDeleteGroupsRequest()
			r.Groups = []string{"errs"}
			return r
		}},
	}
	return scenario{"group errors", steps}
}

func commit(group string, generation int32, member string, kv ...any) *kmsg.OffsetCommitRequest {
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Version, r.Group, r.Generation, r.MemberID, r.RetentionTimeMillis = 8, group, generation, member, -1
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = kv[0].(string)
	for i := 1; i+1 < len(kv); i += 2 {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = int32(kv[i].(int)), int64(kv[i+1].(int)), 0, kmsg.StringPtr("note")
		t.Partitions = append(t.Partitions, p)
	}
	r.Topics = append(r.Topics, t)
	return r
}

func offsetFetch(version int16, topic string, groups ...string) *kmsg.OffsetFetchRequest {
	r := kmsg.NewPtrOffsetFetchRequest()
	r.Version, r.Group = version, groups[0]
	if topic != "" {
		r.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: topic, Partitions: []int32{0, 1, 5}}}
	}
	for _, g := range groups {
		rg := kmsg.NewOffsetFetchRequestGroup()
		rg.Group = g
		if topic != "" {
			rt := kmsg.NewOffsetFetchRequestGroupTopic()
			rt.Topic, rt.Partitions = topic, []int32{0, 1, 5}
			rg.Topics = append(rg.Topics, rt)
		}
		r.Groups = append(r.Groups, rg)
	}
	return r
}

func commitScenario() scenario {
	steps := created("committed", 2)
	return scenario{"commits", append(steps,
		step{name: "OffsetCommit of a simple consumer", versions: upTo(2, 9), req: func(*world) kmsg.Request { return commit("simple", -1, "", "committed", 0, 5, 1, 7) }},
		step{name: "OffsetCommit by id", versions: []int16{10}, req: func(w *world) kmsg.Request {
			r := commit("simple", -1, "", "", 0, 6)
			r.Topics[0].TopicID = w.id("committed")
			return r
		}},
		step{name: "OffsetFetch", versions: upTo(1, 9), sorted: true, req: func(*world) kmsg.Request { return offsetFetch(1, "committed", "simple") }},
		step{name: "OffsetFetch of all", versions: upTo(2, 9), sorted: true, req: func(*world) kmsg.Request {
			r := offsetFetch(2, "", "simple")
			r.Topics = nil
			for i := range r.Groups {
				r.Groups[i].Topics = nil
			}
			return r
		}},
		step{name: "OffsetFetch of several groups", versions: []int16{8, 9}, sorted: true, req: func(*world) kmsg.Request { return offsetFetch(8, "committed", "simple", "none") }},
		step{name: "OffsetFetch of an unknown group", versions: upTo(1, 9), sorted: true, req: func(*world) kmsg.Request { return offsetFetch(1, "committed", "none") }},
		step{name: "OffsetFetch requiring stable", versions: []int16{7, 8}, sorted: true, req: func(*world) kmsg.Request {
			r := offsetFetch(7, "committed", "simple")
			r.RequireStable = true
			return r
		}},
		step{name: "commit to an unknown topic", versions: []int16{2, 8, 9}, req: func(*world) kmsg.Request { return commit("simple", -1, "", "no-such-topic", 0, 5) }},
		step{name: "commit to an unknown partition", versions: []int16{2, 8, 9}, req: func(*world) kmsg.Request { return commit("simple", -1, "", "committed", 9, 5) }},
		step{name: "commit with a generation nobody has", versions: upTo(2, 9), req: func(*world) kmsg.Request { return commit("nobody", 5, "m", "committed", 0, 5) }},
		step{name: "commit with too much metadata", versions: []int16{8}, req: func(*world) kmsg.Request {
			r := commit("simple", -1, "", "committed", 0, 5)
			r.Topics[0].Partitions[0].Metadata = kmsg.StringPtr(string(make([]byte, 5000)))
			return r
		}},
		step{name: "commit with null metadata", versions: []int16{8}, req: func(*world) kmsg.Request {
			r := commit("simple", -1, "", "committed", 0, 9)
			r.Topics[0].Partitions[0].Metadata = nil
			return r
		}},
		step{name: "commit of an empty group name", versions: []int16{8}, req: func(*world) kmsg.Request { return commit("", -1, "", "committed", 0, 9) }},
		step{name: "join", versions: []int16{3}, req: func(*world) kmsg.Request { return join("committing", "") }, after: keepMember},
		step{name: "commit while others sync", versions: []int16{8}, req: func(w *world) kmsg.Request {
			return commit("committing", w.i32("generation"), w.str("member"), "committed", 0, 1)
		}},
		step{name: "sync", versions: []int16{3}, req: func(w *world) kmsg.Request {
			r := syncGroup(w, "committing")
			r.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: w.str("member"), MemberAssignment: []byte{1}}}
			return r
		}},
		step{name: "commit of a member", versions: upTo(2, 9), req: func(w *world) kmsg.Request {
			return commit("committing", w.i32("generation"), w.str("member"), "committed", 0, 3)
		}},
		step{name: "commit of an old generation", versions: upTo(2, 9), req: func(w *world) kmsg.Request {
			return commit("committing", w.i32("generation")-1, w.str("member"), "committed", 0, 3)
		}},
		step{name: "commit of a stranger", versions: upTo(2, 9), req: func(w *world) kmsg.Request {
			return commit("committing", w.i32("generation"), "stranger", "committed", 0, 3)
		}},
		step{name: "commit of a simple consumer into a group", versions: []int16{8, 9}, req: func(w *world) kmsg.Request { return commit("committing", -1, "", "committed", 0, 3) }},
	)}
}

// subscription is a consumer protocol v0 subscription to one topic.
func subscription(topic string) []byte {
	b := []byte{0, 0, 0, 0, 0, 1}
	b = binary.BigEndian.AppendUint16(b, uint16(len(topic)))
	b = append(b, topic...)
	return append(b, 0xff, 0xff, 0xff, 0xff)
}

func groupAdminScenario() scenario {
	steps := append(created("gadmin", 2),
		step{name: "commit", req: func(*world) kmsg.Request { return commit("gadmin-empty", -1, "", "gadmin", 0, 5, 1, 7) }},
		step{name: "join", versions: []int16{3}, req: func(*world) kmsg.Request {
			r := join("gadmin-live", "")
			r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: subscription("gadmin")}}
			return r
		}, after: keepMember},
		step{name: "sync", versions: []int16{3}, req: func(w *world) kmsg.Request {
			r := syncGroup(w, "gadmin-live")
			r.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: w.str("member"), MemberAssignment: []byte{0, 0}}}
			return r
		}},
		step{name: "commit of a member", versions: []int16{8}, req: func(w *world) kmsg.Request {
			return commit("gadmin-live", w.i32("generation"), w.str("member"), "gadmin", 0, 3)
		}},
	)
	only := func(r kmsg.Response) bool { return true }
	return scenario{"group admin", append(steps,
		step{name: "ListGroups", versions: upTo(0, 5), sorted: true, until: only, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrListGroupsRequest()
			r.StatesFilter = []string{"Stable"}
			return r
		}},
		step{name: "ListGroups of unknown states", versions: upTo(4, 5), sorted: true, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrListGroupsRequest()
			r.StatesFilter = []string{"Confused"}
			return r
		}},
		step{name: "DescribeGroups", versions: upTo(0, 6), sorted: true, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDescribeGroupsRequest()
			r.Groups, r.IncludeAuthorizedOperations = []string{"gadmin-empty", "gadmin-live"}, true
			return r
		}},
		step{name: "OffsetDelete of an empty group", req: func(*world) kmsg.Request {
			r := kmsg.NewPtrOffsetDeleteRequest()
			r.Group = "gadmin-empty"
			r.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "gadmin", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}, {Partition: 9}}}, {Topic: "no-such-topic", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}}}
			return r
		}},
		step{name: "OffsetDelete of a subscribed topic", req: func(*world) kmsg.Request {
			r := kmsg.NewPtrOffsetDeleteRequest()
			r.Group = "gadmin-live"
			r.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "gadmin", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}}}
			return r
		}},
		step{name: "OffsetDelete of an unknown group", req: func(*world) kmsg.Request {
			r := kmsg.NewPtrOffsetDeleteRequest()
			r.Group = "gadmin-none"
			r.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "gadmin", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}}}
			return r
		}},
		step{name: "what is left", versions: []int16{7}, sorted: true, req: func(*world) kmsg.Request { return offsetFetch(7, "gadmin", "gadmin-empty") }},
		step{name: "DeleteGroups", versions: []int16{2}, sorted: true, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDeleteGroupsRequest()
			r.Groups = []string{"gadmin-empty", "gadmin-live"}
			return r
		}},
		step{name: "deleted", versions: []int16{5}, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrDescribeGroupsRequest()
			r.Groups = []string{"gadmin-empty"}
			return r
		}},
	)}
}
