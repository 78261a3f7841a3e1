package group

import (
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"

	"gregor/internal/coordinator"
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// place is what an offset is about.
type place struct {
	topic     string
	partition int32
}

// offset is a committed offset. It is not changed once it is in a Map.
type offset struct {
	// record is the offset of the record that committed it.
	record    model.Offset
	value     model.Offset
	epoch     model.LeaderEpoch
	metadata  string
	committed model.Millis
	// expire is when it expires, -1 if that follows from offsets.retention.
	expire model.Millis
	// topicID is zero if the record does not have it.
	topicID model.TopicID
}

// offsetsOf is the Map of a group's offsets, made if need be.
func (s *Shard) offsetsOf(group string) *coordinator.Map[place, *offset] {
	m := s.offsets[group]
	if m == nil {
		m = coordinator.NewMap[place, *offset](s.h)
		s.offsets[group] = m
	}
	return m
}

// offset is a group's newest offset, nil if there is none.
func (s *Shard) offset(group string, at place) *offset {
	m := s.offsets[group]
	if m == nil {
		return nil
	}
	o, _ := m.Get(at)
	return o
}

func (s *Shard) replayOffset(r *coordinator.Record, group string, at place, v *wire.OffsetCommitValue) {
	if v == nil {
		if m := s.offsets[group]; m != nil {
			m.Delete(at)
		}
		s.txns.drop(group, at)
		return
	}
	// Offsets may be all there is of a group: then it has no protocol type.
	if _, ok := s.groups.Get(group); !ok {
		s.create(group, model.Millis(v.CommitTimestamp))
	}
	o := &offset{
		record: r.Offset, value: model.Offset(v.Offset), epoch: model.LeaderEpoch(v.LeaderEpoch), metadata: v.Metadata,
		committed: model.Millis(v.CommitTimestamp), expire: model.Millis(v.ExpireTimestamp), topicID: v.TopicId,
	}
	if r.ProducerID != model.NoProducer {
		s.txns.put(r.ProducerID, group, at, o)
		return
	}
	s.offsetsOf(group).Put(at, o)
}

// commitOffsets decides on an OffsetCommit.
func (s *Shard) commitOffsets(c *Context, req *wire.OffsetCommitRequest, out *coordinator.Out) (*wire.OffsetCommitResponse, error) {
	if err := s.mayCommit(c, req, out.Now); err != nil {
		return nil, err
	}
	n := 0
	for i := range req.Topics {
		n += len(req.Topics[i].Partitions)
	}
	resp := &wire.OffsetCommitResponse{Topics: make([]wire.OffsetCommitResponseTopic, len(req.Topics))}
	answers := make([]wire.OffsetCommitResponsePartition, n)
	keys, values := make([]wire.OffsetCommitKey, n), make([]wire.OffsetCommitValue, n)
	version, expire := int16(offsetVersion), int64(-1)
	if req.RetentionTimeMs != -1 {
		version, expire = expiringOffsetVersion, int64(out.Now)+req.RetentionTimeMs
	}
	n = 0
	for i := range req.Topics {
		t := &req.Topics[i]
		first := n
		for j := range t.Partitions {
			p := &t.Partitions[j]
			answers[n].PartitionIndex = p.PartitionIndex
			metadata := ""
			if p.CommittedMetadata != nil {
				metadata = *p.CommittedMetadata
			}
			if s.tooLong(metadata) {
				answers[n].ErrorCode = kerr.OffsetMetadataTooLarge
				n++
				continue
			}
			keys[n] = wire.OffsetCommitKey{Group: req.GroupId, Topic: t.Name, Partition: p.PartitionIndex}
			values[n] = wire.OffsetCommitValue{
				Offset: p.CommittedOffset, LeaderEpoch: p.CommittedLeaderEpoch, Metadata: metadata,
				CommitTimestamp: int64(out.Now), ExpireTimestamp: expire, TopicId: t.TopicId,
			}
			out.Put(&keys[n], &values[n], version)
			n++
		}
		resp.Topics[i] = wire.OffsetCommitResponseTopic{Name: t.Name, TopicId: t.TopicId, Partitions: answers[first:n:n]}
	}
	return resp, nil
}

// tooLong counts as Java does: characters beyond the basic plane are two.
func (s *Shard) tooLong(metadata string) bool {
	limit := s.cfg.OffsetMetadataMax
	if len(metadata) <= limit {
		return false
	}
	n := 0
	for _, r := range metadata {
		if n++; utf8.RuneLen(r) == 4 {
			n++
		}
	}
	return n > limit
}

// mayCommit checks who commits. A commit also keeps the member alive.
func (s *Shard) mayCommit(c *Context, req *wire.OffsetCommitRequest, now model.Millis) error {
	e, ok := s.groups.Get(req.GroupId)
	switch {
	case !ok && req.GenerationIdOrMemberEpoch < 0:
		s.log.Info(fmt.Sprintf("[GroupId %s] Creating a simple consumer group via manual offset commit.", req.GroupId))
		e = s.create(req.GroupId, now)
	case !ok && c.Version >= 9:
		return notFound(req.GroupId)
	case !ok:
		return kerr.IllegalGeneration
	}
	if err := e.validateCommit(req.MemberId, req.GroupInstanceId, req.GenerationIdOrMemberEpoch, false); err != nil {
		return err
	}
	if g, ok := e.(*classic); ok && g.is(Stable, PreparingRebalance) {
		if m := g.byID[req.MemberId]; m != nil {
			s.keepAlive(g, m, m.session, now)
		}
	}
	return nil
}

func notFound(group string) error {
	return kerr.GroupIdNotFound.With(fmt.Sprintf("Group %s not found.", group))
}

// fetchOffsets answers an OffsetFetch of one group. With stable it is about the
// newest offsets, and those that a transaction may still change are refused;
// else about the committed ones.
func (s *Shard) fetchOffsets(req *wire.OffsetFetchRequestGroup, stable bool) *wire.OffsetFetchResponseGroup {
	resp := &wire.OffsetFetchResponseGroup{GroupId: req.GroupId}
	offsets := s.offsets[req.GroupId]
	get := s.groups.Committed
	if stable {
		get = s.groups.Get
	}
	if e, ok := get(req.GroupId); !ok || e.validateFetch() != nil {
		offsets = nil
	}
	if req.Topics == nil {
		s.fetchAll(resp, offsets, stable)
		return resp
	}
	resp.Topics = make([]wire.OffsetFetchResponseTopics, len(req.Topics))
	for i := range req.Topics {
		t := &req.Topics[i]
		answers := make([]wire.OffsetFetchResponsePartitions, len(t.PartitionIndexes))
		for j, p := range t.PartitionIndexes {
			at := place{t.Name, p}
			var o *offset
			switch {
			case offsets == nil:
			case stable:
				o, _ = offsets.Get(at)
			default:
				o, _ = offsets.Committed(at)
			}
			if o != nil && !o.topicID.IsZero() && !t.TopicId.IsZero() && o.topicID != t.TopicId {
				o = nil // of a topic that had the same name
			}
			s.fetched(&answers[j], req.GroupId, at, o, stable)
		}
		resp.Topics[i] = wire.OffsetFetchResponseTopics{Name: t.Name, TopicId: t.TopicId, Partitions: answers}
	}
	return resp
}

var noMetadata = ""

func (s *Shard) fetched(p *wire.OffsetFetchResponsePartitions, group string, at place, o *offset, stable bool) {
	*p = wire.OffsetFetchResponsePartitions{PartitionIndex: at.partition, CommittedOffset: -1, CommittedLeaderEpoch: -1, Metadata: &noMetadata}
	switch {
	case stable && s.txns.open(group, at):
		p.ErrorCode = kerr.UnstableOffsetCommit
	case o != nil:
		p.CommittedOffset, p.CommittedLeaderEpoch, p.Metadata = int64(o.value), int32(o.epoch), &o.metadata
	}
}

// fetchAll answers with all offsets of a group, in order.
func (s *Shard) fetchAll(resp *wire.OffsetFetchResponseGroup, offsets *coordinator.Map[place, *offset], stable bool) {
	resp.Topics = []wire.OffsetFetchResponseTopics{}
	if offsets == nil {
		return
	}
	type found struct {
		at place
		o  *offset
	}
	list := make([]found, 0, offsets.Len())
	all := offsets.AllCommitted
	if stable {
		all = offsets.All
	}
	for at, o := range all {
		list = append(list, found{at, o})
	}
	slices.SortFunc(list, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.at.topic, b.at.topic), cmp.Compare(a.at.partition, b.at.partition))
	})
	for _, f := range list {
		n := len(resp.Topics)
		if n == 0 || resp.Topics[n-1].Name != f.at.topic {
			resp.Topics = append(resp.Topics, wire.OffsetFetchResponseTopics{Name: f.at.topic})
			n++
		}
		var p wire.OffsetFetchResponsePartitions
		s.fetched(&p, resp.GroupId, f.at, f.o, stable)
		resp.Topics[n-1].Partitions = append(resp.Topics[n-1].Partitions, p)
	}
}

// offsetTombstone deletes an offset.
func offsetTombstone(group string, at place, out *coordinator.Out) {
	out.Tombstone(&wire.OffsetCommitKey{Group: group, Topic: at.topic, Partition: at.partition})
}

// deleteOffsets decides on an OffsetDelete.
func (s *Shard) deleteOffsets(req *wire.OffsetDeleteRequest, out *coordinator.Out) (*wire.OffsetDeleteResponse, error) {
	e, ok := s.groups.Get(req.GroupId)
	if !ok {
		return nil, notFound(req.GroupId)
	}
	if err := e.validateOffsetDelete(); err != nil {
		return nil, err
	}
	resp := &wire.OffsetDeleteResponse{Topics: make([]wire.OffsetDeleteResponseTopic, len(req.Topics))}
	for i := range req.Topics {
		t := &req.Topics[i]
		answers := make([]wire.OffsetDeleteResponsePartition, len(t.Partitions))
		subscribed := e.isSubscribed(t.Name)
		for j := range t.Partitions {
			at := place{t.Name, t.Partitions[j].PartitionIndex}
			answers[j].PartitionIndex = at.partition
			switch {
			case subscribed:
				answers[j].ErrorCode = kerr.GroupSubscribedToTopic
			case s.offset(req.GroupId, at) != nil || s.txns.open(req.GroupId, at):
				offsetTombstone(req.GroupId, at, out)
			}
		}
		resp.Topics[i] = wire.OffsetDeleteResponseTopic{Name: t.Name, Partitions: answers}
	}
	return resp, nil
}

// deleteAllOffsets deletes what a group has and returns how much that was.
func (s *Shard) deleteAllOffsets(group string, out *coordinator.Out) int {
	before := out.Len()
	if m := s.offsets[group]; m != nil {
		for at := range m.All {
			offsetTombstone(group, at, out)
		}
	}
	for at := range s.txns.places(group) {
		if s.offset(group, at) == nil {
			offsetTombstone(group, at, out)
		}
	}
	return out.Len() - before
}

// maxTombstones bounds how many offsets one operation deletes, so that it does
// not hold up others, nor the memory of all its records, for long.
const maxTombstones = 100_000

// topicsDeleted deletes the offsets of topics that are gone. more: there are
// others left; do it again.
func (s *Shard) topicsDeleted(topics map[string]model.TopicID, out *coordinator.Out) (more bool) {
	of := func(at place, o *offset) bool {
		id, gone := topics[at.topic]
		return gone && (o.topicID.IsZero() || o.topicID == id)
	}
	for group, m := range s.offsets {
		for at, o := range m.All {
			if of(at, o) {
				offsetTombstone(group, at, out)
			}
		}
		if out.Len() >= maxTombstones {
			return true
		}
	}
	for key, o := range s.txns.all {
		if of(key.place, o) {
			offsetTombstone(key.group, key.place, out)
		}
	}
	return false
}

// expire deletes offsets whose time is over, and the groups that are left
// without any.
func (s *Shard) expire(out *coordinator.Out) error {
	again := s.cfg.RetentionCheck
	for id, e := range s.groups.All {
		if out.Len() >= maxTombstones {
			again = 1 // the rest, after others had their turn
			break
		}
		if e.kind() != shareKind && s.expireOffsets(id, e, out) && e.isEmpty() {
			groupTombstone(id, out)
		}
	}
	s.timers.Set(&s.expiry, out.Now+again)
	for id, m := range s.offsets {
		if m.Empty() {
			delete(s.offsets, id)
		}
	}
	if out.Len() > 0 {
		s.log.Info(fmt.Sprintf("Generated %d tombstone records while cleaning up group metadata.", out.Len()))
	}
	return nil
}

// expireOffsets reports whether no offset of the group is left.
func (s *Shard) expireOffsets(id string, e entry, out *coordinator.Out) bool {
	m := s.offsets[id]
	if m == nil || m.Len() == 0 {
		return !s.txns.has(id)
	}
	none := true
	for at, o := range m.All {
		from, ok := e.expires(o)
		if !ok {
			return false
		}
		over := out.Now-from >= s.cfg.OffsetsRetention
		if o.expire >= 0 {
			over = out.Now >= o.expire
		}
		if over && !e.isSubscribed(at.topic) && !s.txns.open(id, at) {
			offsetTombstone(id, at, out)
		} else {
			none = false
		}
	}
	return none && !s.txns.has(id)
}
