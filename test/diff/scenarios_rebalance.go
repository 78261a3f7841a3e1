package diff

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// player is a member of a group, with a connection of its own.
type player struct{ group, name string }

func (p player) id(w *world) string        { return w.str("member " + p.name) }
func (p player) generation(w *world) int32 { return w.i32("generation " + p.name) }

func (p player) keep(w *world, r kmsg.Response) {
	j := r.(*kmsg.JoinGroupResponse)
	w.vars["member "+p.name] = j.MemberID
	if j.ErrorCode == 0 {
		w.vars["generation "+p.name], w.vars["protocol "+p.name] = j.Generation, *j.Protocol
	}
}

// joins is a JoinGroup of the player, changed by f.
func (p player) joins(name string, v int16, f func(w *world, r *kmsg.JoinGroupRequest)) step {
	return step{name: name, on: p.name, versions: []int16{v}, sorted: true, after: p.keep, req: func(w *world) kmsg.Request {
		r := join(p.group, p.id(w))
		if f != nil {
			f(w, r)
		}
		return r
	}}
}

func (p player) takesJoin(name string, v int16) step {
	return step{name: name, on: p.name, take: true, versions: []int16{v}, sorted: true, after: p.keep}
}

// syncs is a SyncGroup; with others it is the leader's, who assigns.
func (p player) syncs(name string, v int16, others ...player) step {
	return step{name: name, on: p.name, versions: []int16{v}, req: func(w *world) kmsg.Request {
		r := syncGroup(w, p.group)
		r.MemberID, r.Generation, r.Protocol = p.id(w), p.generation(w), kmsg.StringPtr(w.str("protocol "+p.name))
		for i, o := range others {
			r.GroupAssignment = append(r.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: o.id(w), MemberAssignment: []byte{byte(i), 7}})
		}
		return r
	}}
}

func (p player) beats(name string, v int16) step {
	return step{name: name, on: p.name, versions: []int16{v}, req: func(w *world) kmsg.Request {
		r := heartbeat(w, p.group)
		r.MemberID, r.Generation = p.id(w), p.generation(w)
		return r
	}}
}

func (p player) leaves(name string, v int16) step {
	return step{name: name, on: p.name, versions: []int16{v}, req: func(w *world) kmsg.Request {
		r := kmsg.NewPtrLeaveGroupRequest()
		r.Group, r.MemberID = p.group, p.id(w)
		r.Members = []kmsg.LeaveGroupRequestMember{{MemberID: p.id(w), Reason: kmsg.StringPtr("enough")}}
		return r
	}}
}

// describes waits until the group is in a state with so many members.
func describes(name, group, state string, members int) step {
	return step{name: name, on: "admin", versions: []int16{5}, sorted: true, req: func(*world) kmsg.Request {
		r := kmsg.NewPtrDescribeGroupsRequest()
		r.Groups = []string{group}
		return r
	}, until: func(r kmsg.Response) bool {
		g := r.(*kmsg.DescribeGroupsResponse).Groups[0]
		return g.State == state && len(g.Members) == members
	}}
}

func sending(s step) step { s.send, s.after = true, nil; return s }

func taking(s step, as string) step {
	s.name, s.send, s.take = as, false, true
	return s
}

// rebalanceScenario has two members in one group, who come, stay and go.
func rebalanceScenario() scenario {
	var steps []step
	for _, v := range []int16{1, 3, 4, 6, 9} {
		group := fmt.Sprintf("rebalance-v%d", v)
		a, b := player{group, fmt.Sprint("a", v)}, player{group, fmt.Sprint("b", v)}
		sv, hv := min(v, 5), min(v, 4)
		only := func(protocol string) func(w *world, r *kmsg.JoinGroupRequest) {
			return func(_ *world, r *kmsg.JoinGroupRequest) {
				r.Protocols = append([]kmsg.JoinGroupRequestProtocol{{Name: protocol, Metadata: []byte(protocol)}}, r.Protocols[0])
				r.Reason = kmsg.StringPtr("because")
			}
		}
		if v >= 4 {
			steps = append(steps, a.joins("a asks for a member id", v, nil))
		}
		steps = append(steps, a.joins("a joins", v, only("sticky")), a.syncs("a syncs", sv, a), describes("one is stable", group, "Stable", 1))
		if v >= 4 {
			steps = append(steps, b.joins("b asks for a member id", v, nil), describes("still one", group, "Stable", 1))
		}
		steps = append(steps,
			sending(b.joins("b joins", v, only("cooperative"))), describes("two prepare", group, "PreparingRebalance", 2),
			a.beats("a is told to rejoin", hv), a.syncs("a syncs too late", sv),
			step{name: "a commits while rebalancing", on: a.name, versions: []int16{8}, req: func(w *world) kmsg.Request {
				return commit(group, a.generation(w), a.id(w), "no-such-topic", 0, 1)
			}},
			a.joins("a joins again", v, only("sticky")), b.takesJoin("b has joined", v),
			describes("two complete", group, "CompletingRebalance", 2),
			a.beats("a beats before the assignment", hv), b.beats("b beats before the assignment", hv),
			sending(b.syncs("b syncs", sv)), a.syncs("a syncs and assigns", sv, a, b), taking(b.syncs("", sv), "b has its assignment"),
			describes("two are stable", group, "Stable", 2),
			b.syncs("b syncs again", sv), a.beats("a beats", hv), b.beats("b beats", hv),
			b.joins("b joins, nothing changed", v, only("cooperative")),
			sending(a.joins("a joins, the leader", v, only("sticky"))), describes("the leader starts another", group, "PreparingRebalance", 2),
			b.joins("b joins", v, only("cooperative")), a.takesJoin("a has joined", v),
			sending(a.syncs("a syncs and assigns to itself alone", sv, a)), b.syncs("b syncs, nothing for it", sv), taking(a.syncs("", sv), "a has its assignment"),
			a.leaves("a leaves", min(v, 5)), describes("one is left", group, "PreparingRebalance", 1),
			b.beats("b is told", hv), a.beats("a is nobody", hv),
			b.joins("b leads", v, nil), b.syncs("b syncs alone", sv, b),
			b.leaves("b leaves", min(v, 5)), describes("empty", group, "Empty", 0),
		)
	}
	g := "timed"
	a, b := player{g, "timed-a"}, player{g, "timed-b"}
	short := func(_ *world, r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 600, 600 }
	steps = append(steps,
		a.joins("short session", 3, short), a.syncs("short session syncs", 3, a), describes("session ran out", g, "Empty", 0), a.beats("ran out", 3),
		a.joins("short rebalance", 3, func(_ *world, r *kmsg.JoinGroupRequest) { r.RebalanceTimeoutMillis = 600 }), a.syncs("short rebalance syncs", 3, a),
		b.joins("b joins without a", 3, func(_ *world, r *kmsg.JoinGroupRequest) { r.RebalanceTimeoutMillis = 600 }), a.beats("a was thrown out", 3),
		describes("b did not sync in time", g, "Empty", 0),
	)
	return scenario{"rebalance", steps}
}

// staticScenario has members with instance ids.
func staticScenario() scenario {
	g := "static"
	a, b := player{g, "sa"}, player{g, "sb"}
	as := func(instance string) func(w *world, r *kmsg.JoinGroupRequest) {
		return func(_ *world, r *kmsg.JoinGroupRequest) {
			r.InstanceID = &instance
			r.Protocols = r.Protocols[:1]
		}
	}
	anew := func(instance string) func(w *world, r *kmsg.JoinGroupRequest) {
		f := as(instance)
		return func(w *world, r *kmsg.JoinGroupRequest) { f(w, r); r.MemberID = "" }
	}
	beat := func(name string, p player, instance string, f func(r *kmsg.HeartbeatRequest)) step {
		s := p.beats(name, 4)
		req := s.req
		s.versions, s.req = []int16{3, 4}, func(w *world) kmsg.Request {
			r := req(w).(*kmsg.HeartbeatRequest)
			r.InstanceID = &instance
			if f != nil {
				f(r)
			}
			return r
		}
		return s
	}
	sync := func(name string, p player, instance string, others ...player) step {
		s := p.syncs(name, 5, others...)
		req := s.req
		s.req = func(w *world) kmsg.Request {
			r := req(w).(*kmsg.SyncGroupRequest)
			r.InstanceID = &instance
			return r
		}
		return s
	}
	leave := func(name string, v int16, members ...kmsg.LeaveGroupRequestMember) step {
		return step{name: name, on: "admin", versions: []int16{v}, sorted: true, req: func(*world) kmsg.Request {
			r := kmsg.NewPtrLeaveGroupRequest()
			r.Group, r.Members = g, members
			return r
		}}
	}
	member := func(id, instance string) kmsg.LeaveGroupRequestMember {
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID, m.InstanceID = id, &instance
		return m
	}
	return scenario{"static members", []step{
		a.joins("a joins", 5, anew("one")), sync("a syncs", a, "one", a), describes("one", g, "Stable", 1),
		sending(b.joins("b joins", 5, anew("two"))), describes("two prepare", g, "PreparingRebalance", 2),
		a.joins("a joins again", 5, as("one")), b.takesJoin("b has joined", 5),
		sending(sync("b syncs", b, "two")), sync("a assigns", a, "one", a, b), taking(sync("", b, "two"), "b has its assignment"),
		describes("two are stable", g, "Stable", 2),
		b.joins("b comes back, without a member id, v5", 5, anew("two")), describes("nothing moved", g, "Stable", 2),
		sync("b syncs after coming back", b, "two"),
		b.joins("b comes back, v9", 9, anew("two")), sync("b syncs after v9", b, "two"),
		a.joins("the leader comes back, v8", 8, anew("one")), describes("the leader came back", g, "Stable", 2), sync("the leader syncs", a, "one"),
		a.joins("the leader comes back, v9", 9, anew("one")), describes("the leader came back again", g, "Stable", 2), sync("the leader syncs again", a, "one"),
		beat("a beats", a, "one", nil), beat("a beats as another instance", a, "two", nil), beat("a beats as an unknown instance", a, "three", nil),
		beat("fenced", a, "one", func(r *kmsg.HeartbeatRequest) { r.MemberID = "other" }),
		beat("unknown member and instance", a, "three", func(r *kmsg.HeartbeatRequest) { r.MemberID = "other" }),
		a.joins("fenced joins", 5, func(w *world, r *kmsg.JoinGroupRequest) { as("one")(w, r); r.MemberID = "other" }),
		a.joins("unknown instance joins with a member id", 5, func(w *world, r *kmsg.JoinGroupRequest) { as("nine")(w, r); r.MemberID = "other" }),
		{name: "fenced commits", versions: []int16{7, 8, 9}, req: func(*world) kmsg.Request {
			r := commit(g, 2, "other", "no-such-topic", 0, 1)
			r.InstanceID = kmsg.StringPtr("one")
			return r
		}},
		{name: "fenced syncs", versions: []int16{3, 5}, req: func(w *world) kmsg.Request {
			r := syncGroup(w, g)
			r.MemberID, r.InstanceID, r.Generation = "other", kmsg.StringPtr("one"), 2
			return r
		}},
		leave("leave with the wrong member id", 3, member("other", "one")),
		leave("leave unknown instances", 5, member("", "nine"), member("other", "ten")),
		leave("two leave by instance", 4, member("", "one"), member("", "two"), member("", "two")),
		describes("empty", g, "Empty", 0),
		leave("leave an empty group", 5, member("", "one")),
		leave("nobody leaves", 5),
	}}
}

// offsetsByIDScenario stores and reads offsets by topic id.
func offsetsByIDScenario() scenario {
	steps := append(created("byid", 3), created("byid-gone", 1)...)
	commitByID := func(name string, f func(w *world, r *kmsg.OffsetCommitRequest)) {
		steps = append(steps, step{name: name, versions: []int16{10}, req: func(w *world) kmsg.Request {
			r := commit("byid", -1, "", "", 0, 6, 1, 7)
			r.Topics[0].TopicID = w.id("byid")
			f(w, r)
			return r
		}})
	}
	fetchByID := func(name string, f func(w *world, r *kmsg.OffsetFetchRequest)) {
		steps = append(steps, step{name: name, versions: []int16{10}, sorted: true, req: func(w *world) kmsg.Request {
			r := offsetFetch(10, "byid", "byid")
			r.Groups[0].Topics[0].TopicID = w.id("byid")
			f(w, r)
			return r
		}})
	}
	commitByID("commit", func(*world, *kmsg.OffsetCommitRequest) {})
	commitByID("commit to two topics", func(w *world, r *kmsg.OffsetCommitRequest) {
		t := commit("", 0, "", "", 0, 9).Topics[0]
		t.TopicID = w.id("byid-gone")
		r.Topics = append(r.Topics, t)
	})
	commitByID("commit to an unknown id", func(_ *world, r *kmsg.OffsetCommitRequest) { r.Topics[0].TopicID = [16]byte{1: 9} })
	commitByID("commit to a known and an unknown id", func(_ *world, r *kmsg.OffsetCommitRequest) {
		t := r.Topics[0]
		t.TopicID = [16]byte{1: 9}
		r.Topics = append(r.Topics, t)
	})
	commitByID("commit to no id", func(_ *world, r *kmsg.OffsetCommitRequest) { r.Topics[0].TopicID = [16]byte{} })
	commitByID("commit to an unknown partition", func(_ *world, r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].Partition = 9 })
	commitByID("commit of a negative offset", func(_ *world, r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].Offset = -1 })
	commitByID("commit as a member nobody knows", func(_ *world, r *kmsg.OffsetCommitRequest) { r.MemberID, r.Generation = "who", 3 })
	commitByID("commit twice to one partition", func(_ *world, r *kmsg.OffsetCommitRequest) {
		r.Topics[0].Partitions[1].Partition = 0
	})
	fetchByID("fetch", func(*world, *kmsg.OffsetFetchRequest) {})
	fetchByID("fetch all", func(_ *world, r *kmsg.OffsetFetchRequest) { r.Groups[0].Topics = nil })
	fetchByID("fetch nothing", func(_ *world, r *kmsg.OffsetFetchRequest) { r.Groups[0].Topics = []kmsg.OffsetFetchRequestGroupTopic{} })
	fetchByID("fetch an unknown id", func(_ *world, r *kmsg.OffsetFetchRequest) {
		t := r.Groups[0].Topics[0]
		t.TopicID = [16]byte{2: 9}
		r.Groups[0].Topics = append(r.Groups[0].Topics, t)
	})
	fetchByID("fetch no id", func(_ *world, r *kmsg.OffsetFetchRequest) { r.Groups[0].Topics[0].TopicID = [16]byte{} })
	fetchByID("fetch several groups", func(_ *world, r *kmsg.OffsetFetchRequest) {
		g := r.Groups[0]
		g.Group = "byid-none"
		r.Groups = append(r.Groups, g)
	})
	fetchByID("fetch as a member nobody knows", func(_ *world, r *kmsg.OffsetFetchRequest) {
		r.Groups[0].MemberID, r.Groups[0].MemberEpoch = kmsg.StringPtr("who"), 4
	})
	fetchByID("fetch of an empty group name", func(_ *world, r *kmsg.OffsetFetchRequest) { r.Groups[0].Group = "" })
	steps = append(steps, step{name: "delete the other topic", req: func(*world) kmsg.Request {
		r := kmsg.NewPtrDeleteTopicsRequest()
		r.Version, r.TimeoutMillis, r.TopicNames = 5, 30000, []string{"byid-gone"}
		return r
	}}, step{name: "it is gone", req: func(*world) kmsg.Request { return metadata(12, "byid-gone") }, until: func(r kmsg.Response) bool {
		return r.(*kmsg.MetadataResponse).Topics[0].ErrorCode == 3
	}}, step{name: "its offsets go", versions: []int16{9}, sorted: true, req: func(*world) kmsg.Request {
		r := offsetFetch(9, "", "byid")
		r.Groups[0].Topics = nil
		return r
	}, until: func(r kmsg.Response) bool { return len(r.(*kmsg.OffsetFetchResponse).Groups[0].Topics) == 1 }})
	fetchByID("fetch the rest", func(_ *world, r *kmsg.OffsetFetchRequest) { r.Groups[0].Topics = nil })
	return scenario{"offsets by id", steps}
}
