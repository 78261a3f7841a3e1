package group

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// TestSimulation runs consumers against a Service whose answers get lost, whose
// requests come twice, whose partitions change their leader, commit late or
// fail, and checks after every step:
//
//   - a generation has one leader, and nobody else is told the members;
//   - an assignment is that of the generation and the member that asked;
//   - what was answered as committed is never lost, and what is fetched was
//     committed by somebody;
//   - every request is answered once, and the groups' own invariants hold.
//
// When the trouble ends all groups settle.
func TestSimulation(t *testing.T) {
	seeds := 16
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { newSim(t, uint64(seed)).run() })
	}
}

type sim struct {
	t       *testing.T
	r       *rand.Rand
	w       *world
	clients []*consumer
	leading bool
	peace   bool
	term    int // counts leaderships: a generation that was not written may be had again

	leaders   map[string]string // by group, term and generation
	submitted map[string]map[int64]bool
	committed map[string]int64 // the highest offset that was answered as committed
	next      int64
	open      map[string]int // requests and how often each was answered
	requests  int
	trace     []string
}

const simGroups = 2

func newSim(t *testing.T, seed uint64) *sim {
	cfg := DefaultConfig()
	cfg.Partitions = 2
	cfg.InitialRebalanceDelay = 500
	cfg.MaxSize = 6
	if seed%3 == 0 {
		cfg.AppendLinger = 5
	}
	s := &sim{
		t: t, r: rand.New(rand.NewPCG(seed, 7)), w: newWorld(cfg, slog.New(slog.DiscardHandler)), leading: true,
		leaders: map[string]string{}, submitted: map[string]map[int64]bool{}, committed: map[string]int64{}, open: map[string]int{},
	}
	for i := range simGroups * 4 {
		c := &consumer{s: s, name: fmt.Sprintf("c%d", i), group: fmt.Sprintf("g%d", i%simGroups), version: 9, generation: -1}
		if i%3 == 0 {
			instance := fmt.Sprintf("i%d", i)
			c.instance = &instance
		}
		if i%5 == 0 {
			c.version = 3
		}
		s.clients = append(s.clients, c)
	}
	s.w.elect()
	return s
}

func (s *sim) fail(format string, args ...any) {
	s.t.Helper()
	from := max(0, len(s.trace)-60)
	s.t.Fatalf("%s\n%s", short(fmt.Sprintf(format, args...)), short(strings.Join(s.trace[from:], "\n")))
}

func (s *sim) note(format string, args ...any) {
	s.trace = append(s.trace, fmt.Sprintf("%d: ", s.w.clock.Now())+fmt.Sprintf(format, args...))
}

func (s *sim) run() {
	for range 600 {
		s.trouble()
		s.step()
		s.check()
	}
	// Peace: everything works and nobody comes or goes.
	s.note("peace")
	s.peace = true
	for _, l := range s.w.logs {
		l.mu.Lock()
		l.auto, l.fail = true, nil
		l.mu.Unlock()
		l.commit()
	}
	if !s.leading {
		s.elect()
	}
	for _, c := range s.clients {
		c.lossy, c.away = false, false
	}
	for range 400 {
		s.step()
		s.check()
	}
	s.settled()
	s.w.s.Close()
	for id, n := range s.open {
		if n != 1 {
			s.fail("request %s was answered %d times", id, n)
		}
	}
}

// trouble makes something go wrong, sometimes.
func (s *sim) trouble() {
	for _, c := range s.clients {
		c.lossy = s.r.IntN(10) == 0
		if s.r.IntN(60) == 0 {
			c.away = !c.away
		}
	}
	l := s.w.logs[s.r.IntN(len(s.w.logs))]
	switch s.r.IntN(40) {
	case 0:
		l.mu.Lock()
		l.auto = !l.auto
		l.mu.Unlock()
	case 1:
		l.mu.Lock()
		l.fail = kerr.NotEnoughReplicas
		l.mu.Unlock()
	case 2, 3, 4:
		l.mu.Lock()
		l.fail = nil
		l.mu.Unlock()
	case 5, 6, 7, 8:
		l.commit()
	case 9:
		if s.leading {
			s.note("resign")
			s.w.resign()
			s.leading = false
		}
	case 10, 11:
		s.elect()
	}
}

func (s *sim) elect() {
	s.note("elect")
	if s.leading {
		s.w.resign()
	}
	s.term++
	s.w.elect()
	s.leading = true
}

// step lets time pass and every client act.
func (s *sim) step() {
	s.w.advance(time.Duration(s.r.IntN(400)) * time.Millisecond)
	for _, i := range s.r.Perm(len(s.clients)) {
		s.clients[i].act()
	}
}

// check looks into the groups.
func (s *sim) check() {
	if !s.leading {
		return
	}
	for p := range s.w.logs {
		s.w.s.rt.Read(int32(p), s.w.clock.Now(), func(sh *Shard) error {
			for _, e := range sh.groups.All {
				g := e.(*classic)
				if bad := g.check(); bad != "" {
					s.fail("%s", bad)
				}
				for _, m := range g.members {
					if !m.deadline.Running() && !m.alive() {
						s.fail("nobody watches member %s of group %s in state %s", m.id, g.id, g.state)
					}
				}
			}
			return nil
		}, func(error) {})
	}
}

// settled checks that all members of a group hold its generation's assignment.
func (s *sim) settled() {
	for i := range simGroups {
		name := fmt.Sprintf("g%d", i)
		generation := int32(-1)
		for _, c := range s.clients {
			if c.group != name {
				continue
			}
			if c.state != consuming {
				s.fail("%s is in state %d when all should be calm", c.name, c.state)
			}
			if generation >= 0 && c.generation != generation {
				s.fail("%s is in generation %d, others in %d", c.name, c.generation, generation)
			}
			generation = c.generation
		}
	}
}

// Each request has an id, so that its answers are counted.
func (s *sim) ask(c *consumer, what string) (id string) {
	s.requests++
	id = fmt.Sprintf("%s %s %d", c.name, what, s.requests)
	s.open[id] = 0
	s.note("-> %s", id)
	return id
}

func (s *sim) answered(id string, code kerr.Code) {
	s.open[id]++
	s.note("<- %s %s", id, code.Name())
	if s.open[id] > 1 {
		s.fail("request %s was answered again", id)
	}
}

// The states of a consumer.
const (
	outside int = iota
	joining_
	joined
	syncing
	consuming
)

// consumer is a client as Kafka's consumer is.
type consumer struct {
	s        *sim
	name     string
	group    string
	instance *string
	version  int16
	lossy    bool // its answers are lost
	away     bool // it does nothing

	state      int
	member     string
	generation int32
	leader     bool
	members    []wire.JoinGroupResponseMember
	waiting    string // the request it waits for
	patience   int    // steps until it gives up on that
}

func (c *consumer) context() *Context { return c.s.w.context(c.name, c.version) }

func (c *consumer) wait(id string, steps int) { c.waiting, c.patience = id, steps }

// mine takes an answer; false: it is lost, or comes too late.
func (c *consumer) mine(id string) bool {
	if c.waiting != id {
		return false
	}
	if c.lossy {
		return false
	}
	c.waiting = ""
	return true
}

func (c *consumer) act() {
	if c.away {
		return
	}
	if c.waiting != "" {
		if c.patience--; c.patience > 0 {
			return
		}
		c.waiting = "" // a new connection
		if c.state == syncing {
			c.state = joined
		} else {
			c.state = outside
		}
	}
	switch c.state {
	case outside:
		c.join()
		if c.s.r.IntN(20) == 0 {
			c.join() // the network brings it twice
		}
	case joined:
		c.sync()
	case consuming:
		switch c.s.r.IntN(12) {
		case 0, 1, 2:
			c.commit()
		case 3:
			c.fetch()
		case 4:
			if c.s.r.IntN(20) == 0 && c.instance == nil && !c.s.peace {
				c.leave()
				return
			}
			c.heartbeat()
		default:
			c.heartbeat()
		}
	}
}

// dropped is what an error does to the membership.
func (c *consumer) dropped(code kerr.Code) {
	switch code {
	case kerr.UnknownMemberId, kerr.FencedInstanceId, kerr.IllegalGeneration, kerr.GroupIdNotFound:
		c.member, c.generation, c.state = "", -1, outside
	case kerr.RebalanceInProgress:
		c.state = outside
	}
}

func (c *consumer) join() {
	id := c.s.ask(c, "join")
	c.state = joining_
	c.wait(id, 80)
	req := &wire.JoinGroupRequest{
		GroupId: c.group, SessionTimeoutMs: 6000, RebalanceTimeoutMs: 8000, MemberId: c.member, GroupInstanceId: c.instance, ProtocolType: "consumer",
		Protocols: []wire.JoinGroupRequestProtocol{{Name: "range", Metadata: subscription("t")}, {Name: "sticky", Metadata: subscription("t")}},
	}
	c.s.w.s.JoinGroup(c.context(), req, func(r *wire.JoinGroupResponse) {
		c.s.answered(id, r.ErrorCode)
		c.checkJoin(r)
		if !c.mine(id) {
			return
		}
		c.state = outside
		switch r.ErrorCode {
		case kerr.None:
			c.member, c.generation, c.members, c.state = r.MemberId, r.GenerationId, r.Members, joined
			c.leader = r.Leader == r.MemberId && !r.SkipAssignment
		case kerr.MemberIdRequired:
			c.member = r.MemberId
		default:
			c.dropped(r.ErrorCode)
		}
	})
}

func (c *consumer) checkJoin(r *wire.JoinGroupResponse) {
	if r.ErrorCode != kerr.None {
		return
	}
	if len(r.Members) > 0 && r.Leader != r.MemberId {
		c.s.fail("%s is told the members, the leader is %s", r.MemberId, r.Leader)
	}
	// A static leader that comes back is another member, in the same place.
	leader := r.Leader[:strings.LastIndex(r.Leader, "-00000000")]
	key := fmt.Sprintf("%s %d %d", c.group, c.s.term, r.GenerationId)
	if known, ok := c.s.leaders[key]; ok && known != leader {
		c.s.fail("generation %s is led by %s and %s", key, known, leader)
	}
	c.s.leaders[key] = leader
}

// share is what the leader assigns to a member: its place in the generation.
func share(generation int32, id string, instance *string) string {
	if instance != nil {
		id = *instance
	}
	return fmt.Sprintf("%d/%s", generation, id)
}

func (c *consumer) sync() {
	id := c.s.ask(c, "sync")
	c.state = syncing
	c.wait(id, 60)
	req := &wire.SyncGroupRequest{GroupId: c.group, GenerationId: c.generation, MemberId: c.member, GroupInstanceId: c.instance}
	if c.leader {
		for _, m := range c.members {
			req.Assignments = append(req.Assignments, wire.SyncGroupRequestAssignment{MemberId: m.MemberId, Assignment: []byte(share(c.generation, m.MemberId, m.GroupInstanceId))})
		}
	}
	generation, member := c.generation, c.member
	c.s.w.s.SyncGroup(c.context(), req, func(r *wire.SyncGroupResponse) {
		c.s.answered(id, r.ErrorCode)
		if r.ErrorCode == kerr.None && string(r.Assignment) != share(generation, member, c.instance) {
			c.s.fail("%s asked for generation %d and got %q", member, generation, r.Assignment)
		}
		if !c.mine(id) {
			return
		}
		c.state = outside
		if r.ErrorCode == kerr.None {
			c.state = consuming
		}
		c.dropped(r.ErrorCode)
	})
}

func (c *consumer) heartbeat() {
	id := c.s.ask(c, "heartbeat")
	c.wait(id, 20)
	req := &wire.HeartbeatRequest{GroupId: c.group, GenerationId: c.generation, MemberId: c.member, GroupInstanceId: c.instance}
	c.s.w.s.Heartbeat(c.context(), req, func(r *wire.HeartbeatResponse) {
		c.s.answered(id, r.ErrorCode)
		if c.mine(id) {
			c.dropped(r.ErrorCode)
		}
	})
}

func (c *consumer) leave() {
	id := c.s.ask(c, "leave")
	c.wait(id, 20)
	req := &wire.LeaveGroupRequest{GroupId: c.group, Members: []wire.LeaveGroupRequestMemberIdentity{{MemberId: c.member}}, MemberId: c.member}
	c.s.w.s.LeaveGroup(c.context(), req, func(r *wire.LeaveGroupResponse) {
		c.s.answered(id, r.ErrorCode)
		if c.mine(id) {
			c.member, c.generation, c.state = "", -1, outside
		}
	})
}

func (c *consumer) commit() {
	id := c.s.ask(c, "commit")
	c.wait(id, 20)
	c.s.next++
	v, group := c.s.next, c.group
	if c.s.submitted[group] == nil {
		c.s.submitted[group] = map[int64]bool{}
	}
	c.s.submitted[group][v] = true
	req := &wire.OffsetCommitRequest{
		GroupId: group, GenerationIdOrMemberEpoch: c.generation, MemberId: c.member, GroupInstanceId: c.instance, RetentionTimeMs: -1,
		Topics: []wire.OffsetCommitRequestTopic{{Name: "t", Partitions: []wire.OffsetCommitRequestPartition{{CommittedOffset: v}}}},
	}
	c.s.w.s.OffsetCommit(c.context(), req, func(r *wire.OffsetCommitResponse) {
		code := r.Topics[0].Partitions[0].ErrorCode
		c.s.answered(id, code)
		if code == kerr.None {
			c.s.committed[group] = max(c.s.committed[group], v)
		}
		if c.mine(id) {
			c.dropped(code)
		}
	})
}

func (c *consumer) fetch() {
	id := c.s.ask(c, "fetch")
	c.wait(id, 20)
	group, stable := c.group, c.s.r.IntN(2) == 0
	asked, any := c.s.committed[group]
	req := &wire.OffsetFetchRequestGroup{GroupId: group, Topics: []wire.OffsetFetchRequestTopics{{Name: "t", PartitionIndexes: []int32{0}}}}
	c.s.w.s.OffsetFetch(c.context(), req, stable, func(r *wire.OffsetFetchResponseGroup) {
		c.s.answered(id, r.ErrorCode)
		if r.ErrorCode == kerr.None {
			got := r.Topics[0].Partitions[0].CommittedOffset
			if any && got < asked {
				c.s.fail("group %s has committed %d, fetched is %d (stable %v)", group, asked, got, stable)
			}
			if got >= 0 && !c.s.submitted[group][got] {
				c.s.fail("group %s never committed %d", group, got)
			}
		}
		c.mine(id)
	})
}
