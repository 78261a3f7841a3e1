package group

import (
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/wire"
)

// TestScripts runs testdata/*.txt: requests one after another against a
// Service with one partition. Every command prints what was answered during
// it; the answer to a request that was parked comes with its name when it
// comes. After each command with effect on the log, records shows what was
// written since the last look. Member ids are shortened to client#number.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		cfg := DefaultConfig()
		cfg.Partitions = 1
		sc := &script{w: newWorld(cfg, slog.New(slog.DiscardHandler))}
		defer func() { sc.w.s.Close() }()
		sc.w.elect()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return sc.run(t, d)
		})
	})
}

type script struct {
	w    *world
	seen model.Offset
}

func (sc *script) run(t *testing.T, d *datadriven.TestData) string {
	for _, line := range strings.Split(d.Input, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			sc.line(t, line)
		}
	}
	if d.Input == "" {
		sc.line(t, d.Cmd+" "+argString(d))
	}
	return sc.w.heard() + "\n"
}

func argString(d *datadriven.TestData) string {
	var parts []string
	for _, a := range d.CmdArgs {
		parts = append(parts, a.Key+"="+strings.Join(a.Vals, ","))
	}
	return strings.Join(parts, " ")
}

// args are key=value words.
type args map[string]string

func (a args) str(k, def string) string {
	if v, ok := a[k]; ok {
		return long(v)
	}
	return def
}

func (a args) num(k string, def int) int {
	if v, ok := a[k]; ok {
		n, err := strconv.Atoi(v)
		if err != nil {
			panic(err)
		}
		return n
	}
	return def
}

func (a args) opt(k string) *string {
	if v, ok := a[k]; ok {
		v = long(v)
		return &v
	}
	return nil
}

func (sc *script) line(t *testing.T, line string) {
	words := strings.Fields(line)
	a := args{}
	for _, word := range words[1:] {
		k, v, _ := strings.Cut(word, "=")
		a[k] = v
	}
	w := sc.w
	switch words[0] {
	case "script":
	case "join":
		sc.join(a)
	case "sync":
		sc.sync(a)
	case "heartbeat":
		w.s.Heartbeat(w.context("", 4), &wire.HeartbeatRequest{
			GroupId: a.str("group", "g"), GenerationId: int32(a.num("generation", 1)), MemberId: a.str("member", ""), GroupInstanceId: a.opt("instance"),
		}, func(r *wire.HeartbeatResponse) { w.say("heartbeat: %s", r.ErrorCode.Name()) })
	case "leave":
		sc.leave(a)
	case "commit":
		sc.commit(a)
	case "fetch":
		sc.fetch(a)
	case "offset-delete":
		sc.offsetDelete(a)
	case "list":
		sc.list(a)
	case "describe":
		sc.describe(a)
	case "delete":
		w.s.DeleteGroups(w.context("", 2), strings.Split(a.str("groups", "g"), ","), func(rs []wire.DeleteGroupsResponseDeletableGroupResult) {
			for _, r := range rs {
				w.say("delete %s: %s", r.GroupId, r.ErrorCode.Name())
			}
		})
	case "records":
		l := w.logs[0]
		lines := l.dump(sc.seen)
		if _, ok := a["sorted"]; ok { // groups are swept in no order
			sort.Strings(lines)
		}
		w.out = append(w.out, lines...)
		sc.seen = l.end
	default:
		sc.setting(t, words[0], a)
	}
}

// setting changes the world.
func (sc *script) setting(t *testing.T, cmd string, a args) {
	w := sc.w
	switch cmd {
	case "advance":
		w.advance(time.Duration(a.num("ms", 0)) * time.Millisecond)
	case "config":
		c := &w.s.o.Config
		c.MaxSize = a.num("max-size", c.MaxSize)
		c.InitialRebalanceDelay = model.Millis(a.num("delay", int(c.InitialRebalanceDelay)))
		c.OffsetsRetention = model.Millis(a.num("retention", int(c.OffsetsRetention)))
	case "acks": // whether appends are committed at once
		w.logs[0].auto = a.str("auto", "") == "yes"
	case "committed":
		w.logs[0].commit()
	case "appends":
		w.logs[0].fail = nil
		if e := a.str("error", ""); e != "" {
			w.logs[0].fail = codeOf(e)
		}
	case "resign":
		w.resign()
	case "elect":
		w.elect()
		sc.seen = min(sc.seen, w.logs[0].end)
	case "topic-deleted":
		id := model.TopicID{byte(a.num("id", 9))}
		w.publish([]wire.Record{&wire.TopicRecord{Name: a.str("topic", "t"), TopicId: id}})
		w.publish([]wire.Record{&wire.RemoveTopicRecord{TopicId: id}})
	case "written":
		sc.written(a)
	default:
		t.Fatalf("unknown command %s", cmd)
	}
}

func codeOf(name string) kerr.Code {
	for c := kerr.Code(-1); c < 200; c++ {
		if c.Name() == name {
			return c
		}
	}
	panic(name)
}

// written appends a record as other software or a transaction would, to be
// seen after the next elect.
func (sc *script) written(a args) {
	l := sc.w.logs[0]
	spec := record.NewSpec()
	if p, ok := a["producer"]; ok {
		id, _ := strconv.Atoi(p)
		spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence, spec.Transactional = model.ProducerID(id), 0, 0, true
	}
	switch {
	case a["marker"] != "":
		var b record.Builder
		spec.Control = true
		b.Reset(spec)
		b.AppendMarker(1, record.Marker{Commit: a["marker"] == "commit"})
		batch, err := b.Build()
		if err != nil {
			panic(err)
		}
		if _, _, err := l.Append(batch, l.epoch, 0); err != nil {
			panic(err)
		}
	case a["type"] != "":
		l.appendRaw(spec, []byte{0, byte(a.num("type", 0)), 1, 2, 3}, []byte{0, 0, 1})
	case a["consumer"] != "":
		key, _ := wire.AppendKey(nil, &wire.ConsumerGroupMetadataKey{GroupId: a["consumer"]})
		value, _ := wire.AppendValue(nil, &wire.ConsumerGroupMetadataValue{Epoch: 1}, 0)
		l.appendRaw(spec, key, value)
	default:
		key, _ := wire.AppendKey(nil, &wire.OffsetCommitKey{Group: a.str("group", "g"), Topic: "t", Partition: 0})
		value, _ := wire.AppendValue(nil, &wire.OffsetCommitValue{
			Offset: int64(a.num("offset", 0)), LeaderEpoch: -1, CommitTimestamp: int64(sc.w.clock.Now()), ExpireTimestamp: -1,
		}, int16(a.num("version", 3)))
		l.appendRaw(spec, key, value)
	}
	sc.seen = l.end
}

func (sc *script) join(a args) {
	w := sc.w
	req := &wire.JoinGroupRequest{
		GroupId: a.str("group", "g"), SessionTimeoutMs: int32(a.num("session", 10000)), RebalanceTimeoutMs: int32(a.num("rebalance", 20000)),
		MemberId: a.str("member", ""), GroupInstanceId: a.opt("instance"), ProtocolType: a.str("type", "consumer"),
	}
	for _, p := range strings.Split(a.str("protocols", "range"), ",") {
		req.Protocols = append(req.Protocols, wire.JoinGroupRequestProtocol{Name: p, Metadata: subscription(strings.Split(a.str("topics", "t"), ",")...)})
	}
	name := a.str("as", a.str("client", "c"))
	w.s.JoinGroup(w.context(a.str("client", "c"), int16(a.num("version", 9))), req, func(r *wire.JoinGroupResponse) {
		if r.ErrorCode != kerr.None {
			w.say("%s: join %s member=%s", name, r.ErrorCode.Name(), r.MemberId)
			return
		}
		var ms []string
		for _, m := range r.Members {
			ms = append(ms, m.MemberId)
		}
		skip := ""
		if r.SkipAssignment {
			skip = " skip-assignment"
		}
		w.say("%s: joined member=%s generation=%d protocol=%s/%s leader=%s members=%v%s",
			name, r.MemberId, r.GenerationId, text(r.ProtocolType), text(r.ProtocolName), r.Leader, ms, skip)
	})
}

func (sc *script) sync(a args) {
	w := sc.w
	req := &wire.SyncGroupRequest{
		GroupId: a.str("group", "g"), GenerationId: int32(a.num("generation", 1)), MemberId: a.str("member", ""),
		GroupInstanceId: a.opt("instance"), ProtocolType: a.opt("type"), ProtocolName: a.opt("protocol"),
	}
	if list, ok := a["assign"]; ok {
		for _, one := range strings.Split(list, ",") {
			id, what, _ := strings.Cut(one, ":")
			req.Assignments = append(req.Assignments, wire.SyncGroupRequestAssignment{MemberId: long(id), Assignment: []byte(what)})
		}
	}
	name := a.str("as", req.MemberId)
	w.s.SyncGroup(w.context("", 5), req, func(r *wire.SyncGroupResponse) {
		if r.ErrorCode != kerr.None {
			w.say("%s: sync %s", name, r.ErrorCode.Name())
			return
		}
		w.say("%s: synced %s/%s assignment=%s", name, text(r.ProtocolType), text(r.ProtocolName), r.Assignment)
	})
}

func (sc *script) leave(a args) {
	w := sc.w
	req := &wire.LeaveGroupRequest{GroupId: a.str("group", "g")}
	version := int16(a.num("version", 5))
	for _, m := range strings.Split(a.str("members", ""), ",") {
		id, instance, static := strings.Cut(m, ":")
		who := wire.LeaveGroupRequestMemberIdentity{MemberId: id}
		if static {
			who.GroupInstanceId = &instance
		}
		req.Members = append(req.Members, who)
		req.MemberId = id
	}
	w.s.LeaveGroup(w.context("", version), req, func(r *wire.LeaveGroupResponse) {
		w.say("leave: %s", r.ErrorCode.Name())
		for _, m := range r.Members {
			w.say("  %s instance=%s: %s", m.MemberId, text(m.GroupInstanceId), m.ErrorCode.Name())
		}
	})
}

// offsets reads topic-partition:offset lists.
func places(list string) (topics []string, parts map[string][][2]int64) {
	parts = map[string][][2]int64{}
	for _, one := range strings.Split(list, ",") {
		tp, off, _ := strings.Cut(one, ":")
		i := strings.LastIndex(tp, "-")
		p, _ := strconv.ParseInt(tp[i+1:], 10, 32)
		o, _ := strconv.ParseInt(off, 10, 64)
		if !slices.Contains(topics, tp[:i]) {
			topics = append(topics, tp[:i])
		}
		parts[tp[:i]] = append(parts[tp[:i]], [2]int64{p, o})
	}
	return topics, parts
}

func (sc *script) commit(a args) {
	w := sc.w
	req := wire.NewOffsetCommitRequest()
	req.GroupId, req.MemberId, req.GroupInstanceId = a.str("group", "g"), a.str("member", ""), a.opt("instance")
	req.GenerationIdOrMemberEpoch, req.RetentionTimeMs = int32(a.num("generation", -1)), int64(a.num("retention", -1))
	topics, parts := places(a.str("offsets", "t-0:1"))
	for _, topic := range topics {
		t := wire.OffsetCommitRequestTopic{Name: topic, TopicId: model.TopicID{byte(a.num("id", 9))}}
		for _, p := range parts[topic] {
			meta := a.str("metadata", "")
			if n := a.num("metadata-size", 0); n > 0 {
				meta = strings.Repeat("x", n)
			}
			t.Partitions = append(t.Partitions, wire.OffsetCommitRequestPartition{
				PartitionIndex: int32(p[0]), CommittedOffset: p[1], CommittedLeaderEpoch: int32(a.num("epoch", -1)), CommittedMetadata: &meta,
			})
		}
		req.Topics = append(req.Topics, t)
	}
	name := a.str("as", "commit")
	w.s.OffsetCommit(w.context("", int16(a.num("version", 9))), req, func(r *wire.OffsetCommitResponse) {
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				w.say("%s %s-%d: %s", name, t.Name, p.PartitionIndex, p.ErrorCode.Name())
			}
		}
	})
}

func (sc *script) fetch(a args) {
	w := sc.w
	req := &wire.OffsetFetchRequestGroup{GroupId: a.str("group", "g"), MemberEpoch: -1}
	if list, ok := a["offsets"]; ok {
		topics, parts := places(list)
		for _, topic := range topics {
			t := wire.OffsetFetchRequestTopics{Name: topic, TopicId: model.TopicID{byte(a.num("id", 0))}}
			for _, p := range parts[topic] {
				t.PartitionIndexes = append(t.PartitionIndexes, int32(p[0]))
			}
			req.Topics = append(req.Topics, t)
		}
	}
	name := a.str("as", "fetch")
	w.s.OffsetFetch(w.context("", int16(a.num("version", 9))), req, a.str("stable", "") == "yes", func(r *wire.OffsetFetchResponseGroup) {
		w.say("%s %s: %s", name, r.GroupId, r.ErrorCode.Name())
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				line := fmt.Sprintf("  %s-%d: offset=%d epoch=%d metadata=%s", t.Name, p.PartitionIndex, p.CommittedOffset, p.CommittedLeaderEpoch, text(p.Metadata))
				if p.ErrorCode != kerr.None {
					line += " " + p.ErrorCode.Name()
				}
				w.say("%s", line)
			}
		}
	})
}

func (sc *script) offsetDelete(a args) {
	w := sc.w
	req := &wire.OffsetDeleteRequest{GroupId: a.str("group", "g")}
	topics, parts := places(a.str("offsets", "t-0"))
	for _, topic := range topics {
		t := wire.OffsetDeleteRequestTopic{Name: topic}
		for _, p := range parts[topic] {
			t.Partitions = append(t.Partitions, wire.OffsetDeleteRequestPartition{PartitionIndex: int32(p[0])})
		}
		req.Topics = append(req.Topics, t)
	}
	w.s.OffsetDelete(w.context("", 0), req, func(r *wire.OffsetDeleteResponse) {
		w.say("offset-delete: %s", r.ErrorCode.Name())
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				w.say("  %s-%d: %s", t.Name, p.PartitionIndex, p.ErrorCode.Name())
			}
		}
	})
}

func (sc *script) list(a args) {
	w := sc.w
	req := &wire.ListGroupsRequest{}
	if v, ok := a["states"]; ok {
		req.StatesFilter = strings.Split(v, ",")
	}
	if v, ok := a["types"]; ok {
		req.TypesFilter = strings.Split(v, ",")
	}
	w.s.ListGroups(w.context("", 5), req, func(r *wire.ListGroupsResponse) {
		w.say("list: %s", r.ErrorCode.Name())
		sort.Slice(r.Groups, func(i, j int) bool { return r.Groups[i].GroupId < r.Groups[j].GroupId })
		for _, g := range r.Groups {
			w.say("  %s type=%s/%s state=%s", g.GroupId, g.GroupType, g.ProtocolType, g.GroupState)
		}
	})
}

func (sc *script) describe(a args) {
	w := sc.w
	w.s.DescribeGroups(w.context("", int16(a.num("version", 6))), strings.Split(a.str("groups", "g"), ","), func(ds []wire.DescribeGroupsResponseDescribedGroup) {
		for _, d := range ds {
			w.say("describe %s: %s message=%s state=%s type=%s protocol=%s", d.GroupId, d.ErrorCode.Name(), text(d.ErrorMessage), d.GroupState, d.ProtocolType, d.ProtocolData)
			for _, m := range d.Members {
				w.say("  %s instance=%s client=%s%s subscription=%s assignment=%s",
					m.MemberId, text(m.GroupInstanceId), m.ClientId, m.ClientHost, topicsOf(m.MemberMetadata), m.MemberAssignment)
			}
		}
	})
}
