package group

import (
	"fmt"
	"log/slog"

	"gregor/internal/coordinator"
	"gregor/internal/invariant"
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// Shard is the groups of one partition of __consumer_offsets and their
// offsets. It is a coordinator.Machine.
type Shard struct {
	cfg    *Config
	newID  func() model.UUID
	log    *slog.Logger
	h      *coordinator.History
	timers *coordinator.Timers

	groups *coordinator.Map[string, entry]
	// offsets by group. A group's Map stays until the next sweep when it gets
	// empty, since it may be filled again by an undo.
	offsets map[string]*coordinator.Map[place, *offset]
	txns    transactions
	expiry  coordinator.Timer
}

// entry is a group of some kind.
type entry interface {
	kind() kind
	// stateName is what ListGroups shows.
	stateName() string
	// ptype is the protocol type, "" if there is none.
	ptype() string
	isEmpty() bool
	// validateCommit checks who commits offsets.
	validateCommit(memberID string, instance *string, generation int32, txn bool) error
	// validateFetch, validateDeletion and validateOffsetDelete check the state.
	validateFetch() error
	validateDeletion() error
	validateOffsetDelete() error
	isSubscribed(topic string) bool
	// expires yields the time from which an offset's retention counts; ok is
	// false if no offset of the group expires now.
	expires(o *offset) (from model.Millis, ok bool)
}

// kind is a kind of group; the names are those of ListGroups.
type kind string

const (
	classicKind  kind = "classic"
	consumerKind kind = "consumer"
	shareKind    kind = "share"
	streamsKind  kind = "streams"
)

// kinds are those that ListGroups can filter by.
var kinds = []kind{classicKind, consumerKind, shareKind, streamsKind}

func newShard(cfg *Config, newID func() model.UUID, log *slog.Logger, h *coordinator.History, t *coordinator.Timers) *Shard {
	s := &Shard{
		cfg: cfg, newID: newID, log: log, h: h, timers: t,
		groups:  coordinator.NewMap[string, entry](h),
		offsets: map[string]*coordinator.Map[place, *offset]{},
		txns:    newTransactions(h),
	}
	s.expiry.Fire = s.expire
	return s
}

// Replay applies a record.
func (s *Shard) Replay(r *coordinator.Record) error {
	switch key := r.Key.(type) {
	case *wire.OffsetCommitKey:
		value, ok := r.Value.(*wire.OffsetCommitValue)
		if r.Value != nil && !ok {
			return fmt.Errorf("%T with a value of type %T", key, r.Value)
		}
		s.replayOffset(r, key.Group, place{key.Topic, key.Partition}, value)
	case *wire.LegacyOffsetCommitKey:
		var value *wire.OffsetCommitValue
		if v, ok := r.Value.(*wire.LegacyOffsetCommitValue); ok {
			value = &wire.OffsetCommitValue{Offset: v.Offset, LeaderEpoch: -1, Metadata: v.Metadata, CommitTimestamp: v.CommitTimestamp, ExpireTimestamp: -1}
		}
		s.replayOffset(r, key.Group, place{key.Topic, key.Partition}, value)
	case *wire.GroupMetadataKey:
		value, ok := r.Value.(*wire.GroupMetadataValue)
		if r.Value != nil && !ok {
			return fmt.Errorf("%T with a value of type %T", key, r.Value)
		}
		s.replayGroup(key.Group, value)
	default:
		s.replayForeign(r)
	}
	return nil
}

func (s *Shard) replayGroup(id string, v *wire.GroupMetadataValue) {
	if v == nil {
		s.groups.Delete(id)
		return
	}
	g := newClassic(id, model.Millis(v.CurrentStateTimestamp))
	g.generation, g.protocolType, g.protocol = v.Generation, v.ProtocolType, v.Protocol
	if len(v.Members) > 0 {
		g.state = Stable
	}
	name := ""
	switch {
	case v.Protocol != nil:
		name = *v.Protocol
	case len(v.Members) > 0:
		g.protocol = &name // a damaged record; the group must rebalance out of it
	}
	for i := range v.Members {
		r := &v.Members[i]
		m := &member{
			id: r.MemberId, instance: r.GroupInstanceId, clientID: r.ClientId, clientHost: r.ClientHost,
			protocolType: v.ProtocolType, assignment: r.Assignment,
			terms: terms{[]wire.JoinGroupRequestProtocol{{Name: name, Metadata: r.Subscription}},
				model.Millis(r.RebalanceTimeout), model.Millis(r.SessionTimeout)},
		}
		if r.RebalanceTimeout == -1 {
			m.rebalance = m.session
		}
		if g.byID[m.id] == nil {
			g.add(m, nil)
		}
	}
	g.leader = ""
	if v.Leader != nil && g.byID[*v.Leader] != nil {
		g.leader = *v.Leader
	}
	g.topics = g.subscribed()
	s.groups.Put(id, g)
}

// Loaded begins to watch the members that the log tells of.
func (s *Shard) Loaded(out *coordinator.Out) {
	for _, e := range s.groups.All {
		g, ok := e.(*classic)
		if !ok {
			continue
		}
		for _, m := range g.members {
			s.keepAlive(g, m, m.session, out.Now)
		}
		if len(g.members) > s.cfg.MaxSize {
			s.prepare(g, fmt.Sprintf("Freshly-loaded group %s (size %d) is over capacity %d. Rebalancing in order to give a chance for consumers to commit offsets",
				g.id, len(g.members), s.cfg.MaxSize), out)
		}
	}
	s.timers.Set(&s.expiry, out.Now+s.cfg.RetentionCheck)
}

// Unloaded answers the members that wait.
func (s *Shard) Unloaded() {
	for _, e := range s.groups.All {
		g, ok := e.(*classic)
		if !ok {
			continue
		}
		for _, m := range g.members {
			g.answerJoin(m, &wire.JoinGroupResponse{ErrorCode: kerr.NotCoordinator, GenerationId: -1, MemberId: m.id})
			g.answerSync(m, &wire.SyncGroupResponse{ErrorCode: kerr.NotCoordinator})
		}
		g.become(Dead, g.since)
	}
}

// classicOf is a classic group by its id, nil if there is none.
func (s *Shard) classicOf(id string) *classic {
	e, _ := s.groups.Get(id)
	g, _ := e.(*classic)
	return g
}

// current reports whether g is still the group of its id: it may have been
// deleted, or taken back with a failed append, while a timer ran.
func (s *Shard) current(g *classic) bool { return s.classicOf(g.id) == g }

// create makes an empty classic group.
func (s *Shard) create(id string, now model.Millis) *classic {
	g := newClassic(id, now)
	s.groups.Put(id, g)
	return g
}

func (s *Shard) checkGroup(g *classic) { invariant.Expensive(g.check) }

// The kinds of a classic group's methods as an entry.

func (g *classic) kind() kind        { return classicKind }
func (g *classic) stateName() string { return g.state.String() }
func (g *classic) ptype() string     { return g.protocolType }
func (g *classic) isEmpty() bool     { return g.state == Empty }

// isSubscribed reports whether members subscribe to topic. While that is not
// known, consumers are taken to subscribe to all.
func (g *classic) isSubscribed(topic string) bool {
	if g.topics == nil {
		return g.isConsumers()
	}
	_, ok := g.topics[topic]
	return ok
}

func (g *classic) validateCommit(id string, instance *string, generation int32, txn bool) error {
	switch {
	case g.state == Dead:
		return kerr.CoordinatorNotAvailable
	case generation < 0 && g.state == Empty:
		// An administrator, or a consumer that manages its partitions itself.
		return nil
	case generation >= 0 || id != "" || instance != nil:
		if err := g.validate(id, instance); err != nil {
			return err
		}
		if generation != g.generation {
			return kerr.IllegalGeneration
		}
	case !txn && g.state != Empty:
		return kerr.UnknownMemberId
	}
	if !txn && g.state == CompletingRebalance {
		// The member knows the new generation, so it has been told of it; it
		// shall commit again once it has its assignment.
		return kerr.RebalanceInProgress
	}
	return nil
}

func (g *classic) dead() error {
	if g.state == Dead {
		return kerr.GroupIdNotFound.With(fmt.Sprintf("Group %s is in dead state.", g.id))
	}
	return nil
}

func (g *classic) validateFetch() error { return g.dead() }

func (g *classic) validateDeletion() error {
	if g.is(Stable, PreparingRebalance, CompletingRebalance) {
		return kerr.NonEmptyGroup
	}
	return g.dead()
}

func (g *classic) validateOffsetDelete() error {
	if g.is(Stable, PreparingRebalance, CompletingRebalance) && !g.isConsumers() {
		return kerr.NonEmptyGroup
	}
	return g.dead()
}

func (g *classic) expires(o *offset) (from model.Millis, ok bool) {
	switch {
	case g.protocolType == "":
		return o.committed, true
	case g.state == Empty:
		if g.since < 0 {
			return o.committed, true // written by an old broker
		}
		return g.since, true
	case g.isConsumers() && g.topics != nil && g.state == Stable:
		return o.committed, true
	}
	return 0, false
}

// foreign is a group of a kind that is not served: it is kept by name, so that
// its offsets stay and no other group takes its place.
type foreign struct {
	id string
	k  kind
}

func (g *foreign) kind() kind                           { return g.k }
func (g *foreign) stateName() string                    { return "" }
func (g *foreign) ptype() string                        { return "" }
func (g *foreign) isEmpty() bool                        { return false }
func (g *foreign) validateFetch() error                 { return nil }
func (g *foreign) validateDeletion() error              { return kerr.NonEmptyGroup }
func (g *foreign) validateOffsetDelete() error          { return kerr.NonEmptyGroup }
func (g *foreign) isSubscribed(string) bool             { return true }
func (g *foreign) expires(*offset) (model.Millis, bool) { return 0, false }

func (g *foreign) validateCommit(string, *string, int32, bool) error { return kerr.UnknownMemberId }

// replayForeign notes groups of other kinds. The record with the group's epoch
// is written first and deleted last.
func (s *Shard) replayForeign(r *coordinator.Record) {
	var id string
	var k kind
	switch key := r.Key.(type) {
	case *wire.ConsumerGroupMetadataKey:
		id, k = key.GroupId, consumerKind
	case *wire.ShareGroupMetadataKey:
		id, k = key.GroupId, shareKind
	case *wire.StreamsGroupMetadataKey:
		id, k = key.GroupId, streamsKind
	default:
		return
	}
	old, _ := s.groups.Get(id)
	switch {
	case r.Value != nil:
		s.groups.Put(id, &foreign{id, k})
	case old != nil && old.kind() == k:
		s.groups.Delete(id)
	}
}
