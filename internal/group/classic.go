package group

import (
	"fmt"
	"slices"

	"gregor/internal/coordinator"
	"gregor/internal/invariant"
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// State is the state of a classic group.
type State uint8

// The states; their names are Kafka's.
const (
	Empty State = iota
	PreparingRebalance
	CompletingRebalance
	Stable
	Dead
)

var stateNames = [...]string{"Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead"}

func (s State) String() string { return stateNames[s] }

// mayFollow holds for each state those it may follow.
var mayFollow = [...][]State{
	Empty:               {PreparingRebalance},
	PreparingRebalance:  {Stable, CompletingRebalance, Empty},
	CompletingRebalance: {PreparingRebalance},
	Stable:              {CompletingRebalance},
	Dead:                {Stable, PreparingRebalance, CompletingRebalance, Empty, Dead},
}

// consumerType is the protocol type of consumers.
const consumerType = "consumer"

// classic is a group whose members assign among themselves. It is soft state,
// which decisions change directly: what must outlive the broker is written when
// a generation is complete.
//
// *Invariant:* leader is "" or a member; awaiting is the number of members with
// a parked join; static maps exactly the members that have an instance id.
type classic struct {
	id         string
	state, was State
	generation int32
	// protocolType is "" for a group without, which only holds offsets.
	protocolType string
	// protocol is the chosen one, if there is one.
	protocol *string
	leader   string
	// since is when the group came into its state, -1 if that is not known.
	since model.Millis

	// members in the order they joined, and by id.
	members []*member
	byID    map[string]*member
	static  map[string]string // member id by instance id
	// pending are ids that were handed out and have not joined, with the
	// deadline for that.
	pending     map[string]*coordinator.Timer
	pendingSync map[string]struct{}
	awaiting    int
	// supported counts the members that support a protocol.
	supported map[string]int
	// topics are what the members subscribe to; nil if that is not known.
	topics map[string]struct{}
	// joined reports that members came since the last look, during the first
	// rebalance.
	joined bool

	join, sync coordinator.Timer
}

// member is a member of a classic group.
type member struct {
	id           string
	instance     *string
	clientID     string
	clientHost   string
	protocolType string
	assignment   []byte
	terms
	// fresh members may be lost while they wait for the answer to their first
	// join: they do not know their id and cannot send heartbeats.
	fresh bool

	// join and sync answer what is parked; nil if nothing is.
	join     *joining
	sync     func(*wire.SyncGroupResponse)
	deadline coordinator.Timer // of the session
}

// terms are what a member asks for each time it joins.
type terms struct {
	protocols []wire.JoinGroupRequestProtocol
	rebalance model.Millis // rebalance timeout
	session   model.Millis // session timeout
}

// joining is a JoinGroup to be answered once.
type joining struct{ reply func(*wire.JoinGroupResponse) }

func (j *joining) answer(r *wire.JoinGroupResponse) {
	if reply := j.reply; reply != nil {
		j.reply = nil
		reply(r)
	}
}

func newClassic(id string, now model.Millis) *classic {
	return &classic{
		id: id, was: Dead, since: now,
		byID: map[string]*member{}, static: map[string]string{}, supported: map[string]int{},
	}
}

func (g *classic) is(states ...State) bool { return slices.Contains(states, g.state) }

func (g *classic) become(s State, now model.Millis) {
	invariant.Check(slices.Contains(mayFollow[s], g.state), "group %s goes from %s to %s", g.id, g.state, s)
	g.was, g.state, g.since = g.state, s, now
}

func (g *classic) canRebalance() bool { return slices.Contains(mayFollow[PreparingRebalance], g.state) }

func (g *classic) isConsumers() bool { return g.protocolType == consumerType }

// metadata is what m said about a protocol.
func (m *member) metadata(protocol string) ([]byte, bool) {
	for i := range m.protocols {
		if m.protocols[i].Name == protocol {
			return m.protocols[i].Metadata, true
		}
	}
	return nil, false
}

func sameProtocols(a, b []wire.JoinGroupRequestProtocol) bool {
	return slices.EqualFunc(a, b, func(x, y wire.JoinGroupRequestProtocol) bool {
		return x.Name == y.Name && string(x.Metadata) == string(y.Metadata)
	})
}

// alive reports whether m needs no heartbeat now, since it waits for us.
func (m *member) alive() bool { return !m.fresh && (m.join != nil || m.sync != nil) }

// count adds n to the protocols that m supports, each once.
func (g *classic) count(m *member, n int) {
	for i := range m.protocols {
		name := m.protocols[i].Name
		if slices.ContainsFunc(m.protocols[:i], func(p wire.JoinGroupRequestProtocol) bool { return p.Name == name }) {
			continue
		}
		if g.supported[name] += n; g.supported[name] == 0 {
			delete(g.supported, name)
		}
	}
}

// supports reports whether a member with these protocols may join.
func (g *classic) supports(typ string, protocols []wire.JoinGroupRequestProtocol) bool {
	if g.state == Empty {
		return typ != "" && len(protocols) > 0
	}
	return g.protocolType == typ && slices.ContainsFunc(protocols, func(p wire.JoinGroupRequestProtocol) bool {
		return g.supported[p.Name] == len(g.members)
	})
}

func (g *classic) add(m *member, j *joining) {
	if len(g.members) == 0 {
		g.protocolType = m.protocolType
	}
	if g.leader == "" {
		g.leader = m.id
	}
	if m.instance != nil {
		g.static[*m.instance] = m.id
	}
	g.members = append(g.members, m)
	g.byID[m.id] = m
	g.count(m, 1)
	if m.join = j; j != nil {
		g.awaiting++
	}
}

// remove removes a member and lets another lead if it led.
func (g *classic) remove(m *member) {
	g.count(m, -1)
	if m.join != nil {
		g.awaiting--
	}
	if m.instance != nil {
		delete(g.static, *m.instance)
	}
	g.members = slices.DeleteFunc(g.members, func(o *member) bool { return o == m })
	delete(g.byID, m.id)
	delete(g.pendingSync, m.id)
	if g.leader == m.id {
		g.leader = ""
		if len(g.members) > 0 {
			g.leader = g.members[0].id
		}
	}
}

// update takes what a member says when it joins again.
func (g *classic) update(m *member, t terms, j *joining) {
	g.count(m, -1)
	m.terms = t
	g.count(m, 1)
	switch {
	case j != nil && m.join == nil:
		g.awaiting++
	case j == nil && m.join != nil:
		g.awaiting--
	}
	m.join = j
}

// replace gives the member with an instance id another member id, and fences
// whoever waits under the old one.
func (g *classic) replace(old *member, id string) *member {
	g.answerJoin(old, &wire.JoinGroupResponse{ErrorCode: kerr.FencedInstanceId, GenerationId: -1, MemberId: old.id})
	g.answerSync(old, &wire.SyncGroupResponse{ErrorCode: kerr.FencedInstanceId})
	m := &member{
		id: id, instance: old.instance, clientID: old.clientID, clientHost: old.clientHost,
		protocolType: old.protocolType, assignment: old.assignment, terms: old.terms,
	}
	g.members[slices.Index(g.members, old)] = m
	delete(g.byID, old.id)
	g.byID[id] = m
	if g.leader == old.id {
		g.leader = id
	}
	g.static[*m.instance] = id
	return m
}

// answerJoin answers a parked join, if there is one.
func (g *classic) answerJoin(m *member, r *wire.JoinGroupResponse) bool {
	if m.join == nil {
		return false
	}
	j := m.join
	m.join = nil
	g.awaiting--
	j.answer(r)
	return true
}

// answerSync answers a parked sync, if there is one.
func (g *classic) answerSync(m *member, r *wire.SyncGroupResponse) bool {
	if m.sync == nil {
		return false
	}
	reply := m.sync
	m.sync = nil
	reply(r)
	return true
}

func (g *classic) allJoined() bool {
	return len(g.members) == g.awaiting && len(g.pending) == 0
}

// rebalanceTimeout is the longest of the members'.
func (g *classic) rebalanceTimeout() model.Millis {
	longest := model.Millis(0)
	for _, m := range g.members {
		longest = max(longest, m.rebalance)
	}
	return longest
}

// electJoined makes sure that the leader has joined. false: nobody has.
func (g *classic) electJoined() bool {
	if g.leader == "" {
		return false
	}
	if m := g.byID[g.leader]; m != nil && m.join != nil {
		return true
	}
	for _, m := range g.members {
		if m.join != nil {
			g.leader = m.id
			return true
		}
	}
	return false
}

// validate is the check of every request that names a member.
func (g *classic) validate(id string, instance *string) error {
	if instance != nil {
		switch existing, ok := g.static[*instance]; {
		case !ok:
			return kerr.UnknownMemberId
		case existing != id:
			return kerr.FencedInstanceId
		}
	}
	if g.byID[id] == nil {
		return kerr.UnknownMemberId
	}
	return nil
}

// choose is the protocol that all support and most prefer. Of equals, the one
// that was voted for first.
func (g *classic) choose() string {
	var order []string
	votes := map[string]int{}
	for _, m := range g.members {
		for i := range m.protocols {
			name := m.protocols[i].Name
			if g.supported[name] != len(g.members) {
				continue
			}
			if votes[name] == 0 {
				order = append(order, name)
			}
			votes[name]++
			break
		}
	}
	invariant.Check(len(order) > 0, "the members of group %s share no protocol", g.id)
	best := order[0]
	for _, name := range order[1:] {
		if votes[name] > votes[best] {
			best = name
		}
	}
	return best
}

// nextGeneration begins the next generation, with those who are members now.
func (g *classic) nextGeneration(now model.Millis) {
	g.generation++
	if len(g.members) > 0 {
		name := g.choose()
		g.protocol = &name
		g.topics = g.subscribed()
		g.become(CompletingRebalance, now)
	} else {
		g.protocol = nil
		g.topics = g.subscribed()
		g.become(Empty, now)
	}
	clear(g.pendingSync)
}

// subscribed is what the members subscribe to, by their metadata for the
// protocol; nil if that cannot be told. Only the first version of the
// consumer's format is read, which later ones begin with.
func (g *classic) subscribed() map[string]struct{} {
	if !g.isConsumers() {
		return nil
	}
	topics := map[string]struct{}{}
	if len(g.members) == 0 {
		return topics
	}
	if g.protocol == nil {
		return nil
	}
	for _, m := range g.members {
		b, _ := m.metadata(*g.protocol)
		if len(b) < 2 {
			return nil
		}
		var sub wire.ConsumerProtocolSubscription
		r := wire.NewReader(b[2:])
		sub.Decode(r, 0)
		if r.Err() != nil {
			return nil
		}
		for _, t := range sub.Topics {
			topics[t] = struct{}{}
		}
	}
	return topics
}

// joinMembers is what the leader is told.
func (g *classic) joinMembers() []wire.JoinGroupResponseMember {
	list := make([]wire.JoinGroupResponseMember, len(g.members))
	for i, m := range g.members {
		b, _ := m.metadata(*g.protocol)
		list[i] = wire.JoinGroupResponseMember{MemberId: m.id, GroupInstanceId: m.instance, Metadata: b}
	}
	return list
}

// joinResponse is the answer to a member that belongs to the generation.
func (g *classic) joinResponse(m *member) *wire.JoinGroupResponse {
	r := &wire.JoinGroupResponse{
		MemberId: m.id, GenerationId: g.generation, ProtocolName: g.protocol, ProtocolType: g.typ(), Leader: g.leader,
	}
	if g.leader == m.id {
		r.Members = g.joinMembers()
	}
	return r
}

// typ is the protocol type as responses have it.
func (g *classic) typ() *string {
	if g.protocolType == "" {
		return nil
	}
	typ := g.protocolType // what is in a response must not change
	return &typ
}

// check is the invariant, for tests and builds that ask for it.
func (g *classic) check() string {
	awaiting := 0
	for _, m := range g.members {
		if m.join != nil {
			awaiting++
		}
		if g.byID[m.id] != m {
			return fmt.Sprintf("member %s of group %s is not found by its id", m.id, g.id)
		}
		if m.instance != nil && g.static[*m.instance] != m.id {
			return fmt.Sprintf("static member %s of group %s is not found by its instance id", m.id, g.id)
		}
	}
	switch {
	case awaiting != g.awaiting:
		return fmt.Sprintf("group %s counts %d parked joins, has %d", g.id, g.awaiting, awaiting)
	case len(g.byID) != len(g.members):
		return fmt.Sprintf("group %s has %d members and %d ids", g.id, len(g.members), len(g.byID))
	case g.leader != "" && g.byID[g.leader] == nil:
		return fmt.Sprintf("leader %s of group %s is no member", g.leader, g.id)
	case g.state == Empty && len(g.members) > 0, g.is(Stable, CompletingRebalance) && g.protocol == nil:
		return fmt.Sprintf("group %s in state %s has %d members and protocol %v", g.id, g.state, len(g.members), g.protocol)
	}
	return ""
}
