package handler

import (
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// Incremental fetch sessions (KIP-227): the node remembers which partitions a
// client fetches, and tells it only of those where something changed. Sessions
// lie in shards, so that followers and consumers do not wait for one lock; as
// in Kafka a session's id tells its shard, and a shard that is full evicts.
const (
	sessionShards = 8
	sessionRange  = math.MaxInt32 / sessionShards
	// sessionEvictionMs is how long a session has to be unused to be evicted for
	// any other, and the age from which it may be for one that is worth more.
	sessionEvictionMs model.Millis = 120_000
)

// Epochs of a session with a meaning of their own.
const (
	initialEpoch int32 = 0  // make a session
	finalEpoch   int32 = -1 // make none, and close the one that is named
)

func nextEpoch(e int32) int32 {
	switch {
	case e < 0:
		return finalEpoch
	case e == math.MaxInt32:
		return 1
	}
	return e + 1
}

// partitionKey names a partition in a session: by topic id, or by name.
type partitionKey struct {
	topic string
	id    model.TopicID
	index int32
}

// cachedPartition is a partition of a session: what the client wants of it and
// what it was told last.
type cachedPartition struct {
	partitionKey
	maxBytes      int32
	epoch         int32
	lastEpoch     int32
	offset        int64
	logStart      int64 // the client's
	highWatermark int64 // told last
	localStart    int64 // our log start, told last

	prev, next *cachedPartition
}

func (p *cachedPartition) update(r *wire.FetchRequestFetchPartition) {
	p.maxBytes, p.offset, p.logStart = r.PartitionMaxBytes, r.FetchOffset, r.LogStartOffset
	p.epoch, p.lastEpoch = r.CurrentLeaderEpoch, r.LastFetchedEpoch
}

// mustTell reports whether the client must be told of the partition's answer,
// and notes what it is told.
func (p *cachedPartition) mustTell(r *wire.FetchResponsePartitionData) bool {
	tell := r.Records.Size() > 0 || r.PreferredReadReplica >= 0 || r.ErrorCode != kerr.None ||
		r.DivergingEpoch.Epoch >= 0 || p.highWatermark != r.HighWatermark || p.localStart != r.LogStartOffset
	p.highWatermark, p.localStart = r.HighWatermark, r.LogStartOffset
	if r.ErrorCode != kerr.None {
		p.highWatermark = -1 // told again when the error is gone
	}
	return tell
}

// session is one client's.
//
// *Invariant:* byKey and the list from first hold the same partitions.
type session struct {
	id         int32
	privileged bool // a follower's
	byID       bool // its partitions are named by topic id
	created    model.Millis

	// Guarded by the shard.
	used model.Millis
	size int // partitions, when used last

	mu struct {
		sync.Mutex
		epoch       int32
		byKey       map[partitionKey]*cachedPartition
		first, last *cachedPartition
	}
}

func (s *session) addLocked(p *cachedPartition) {
	s.mu.byKey[p.partitionKey] = p
	s.appendLocked(p)
}

func (s *session) appendLocked(p *cachedPartition) {
	p.prev, p.next = s.mu.last, nil
	if s.mu.last == nil {
		s.mu.first = p
	} else {
		s.mu.last.next = p
	}
	s.mu.last = p
}

func (s *session) unlinkLocked(p *cachedPartition) {
	if p.prev == nil {
		s.mu.first = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		s.mu.last = p.prev
	} else {
		p.next.prev = p.prev
	}
}

// toEndLocked has others go first next time.
func (s *session) toEndLocked(p *cachedPartition) {
	if s.mu.last != p {
		s.unlinkLocked(p)
		s.appendLocked(p)
	}
}

// updateLocked takes in what an incremental request adds, changes and forgets.
func (s *session) updateLocked(req *wire.FetchRequest) {
	for i := range req.Topics {
		t := &req.Topics[i]
		for j := range t.Partitions {
			key := partitionKey{t.Topic, t.TopicId, t.Partitions[j].Partition}
			p := s.mu.byKey[key]
			if p == nil {
				key.topic = strings.Clone(key.topic)
				p = &cachedPartition{partitionKey: key, highWatermark: -1, localStart: -1}
				s.addLocked(p)
			}
			p.update(&t.Partitions[j])
		}
	}
	for i := range req.ForgottenTopicsData {
		t := &req.ForgottenTopicsData[i]
		for _, index := range t.Partitions {
			if p := s.mu.byKey[partitionKey{t.Topic, t.TopicId, index}]; p != nil {
				delete(s.mu.byKey, p.partitionKey)
				s.unlinkLocked(p)
			}
		}
	}
}

// sessions is all sessions of a node.
type sessions struct {
	shards [sessionShards]sessionShard
	next   atomic.Uint32
}

type sessionShard struct {
	sync.Mutex
	max   int
	first int32 // lowest id
	byID  map[int32]*session
}

func newSessions(slots int) *sessions {
	ss := &sessions{}
	for i := range ss.shards {
		ss.shards[i].max = slots / sessionShards
		ss.shards[i].first = max(1, int32(i)*sessionRange)
		ss.shards[i].byID = map[int32]*session{}
	}
	return ss
}

func (ss *sessions) shard(id int32) *sessionShard {
	return &ss.shards[min(max(id, 0)/sessionRange, sessionShards-1)]
}

// len is the number of sessions.
func (ss *sessions) len() int {
	n := 0
	for i := range ss.shards {
		ss.shards[i].Lock()
		n += len(ss.shards[i].byID)
		ss.shards[i].Unlock()
	}
	return n
}

// fetchContext is what a fetch request and its answer are about.
type fetchContext struct {
	// session is the one the request continues, nil if none. epoch is what the
	// session's epoch must still be when the answer is given.
	session *session
	epoch   int32
	// create says that a session is to be made when the answer is given.
	create bool
}

// begin finds what a request is about.
func (ss *sessions) begin(req *wire.FetchRequest, version int16, now model.Millis) (fetchContext, kerr.Code) {
	if req.SessionEpoch == initialEpoch || req.SessionEpoch == finalEpoch {
		if req.SessionId != 0 {
			sh := ss.shard(req.SessionId)
			sh.Lock()
			delete(sh.byID, req.SessionId)
			sh.Unlock()
		}
		return fetchContext{create: req.SessionEpoch == initialEpoch}, kerr.None
	}
	sh := ss.shard(req.SessionId)
	sh.Lock()
	defer sh.Unlock()
	s := sh.byID[req.SessionId]
	if s == nil {
		return fetchContext{}, kerr.FetchSessionIdNotFound
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.mu.epoch != req.SessionEpoch:
		return fetchContext{}, kerr.InvalidFetchSessionEpoch
	case s.byID != (version >= 13):
		return fetchContext{}, kerr.FetchSessionTopicIdError
	}
	s.updateLocked(req)
	if len(s.mu.byKey) == 0 {
		delete(sh.byID, s.id)
		return fetchContext{}, kerr.None
	}
	s.used, s.size = now, len(s.mu.byKey)
	s.mu.epoch = nextEpoch(s.mu.epoch)
	return fetchContext{session: s, epoch: s.mu.epoch}, kerr.None
}

// create makes a session for size partitions, which fill adds. 0: there is no
// room for it.
func (ss *sessions) create(privileged, byID bool, size int, now model.Millis, fill func(*session)) int32 {
	sh := &ss.shards[ss.next.Add(1)%sessionShards]
	sh.Lock()
	defer sh.Unlock()
	if len(sh.byID) >= sh.max && !sh.evict(privileged, size, now) {
		return 0
	}
	s := &session{id: sh.newID(), privileged: privileged, byID: byID, created: now, used: now, size: size}
	s.mu.epoch = 1
	s.mu.byKey = make(map[partitionKey]*cachedPartition, size)
	fill(s)
	sh.byID[s.id] = s
	return s.id
}

func (sh *sessionShard) newID() int32 {
	top := (sh.first/sessionRange + 1) * sessionRange
	for {
		id := sh.first + rand.Int32N(top-sh.first)
		if sh.byID[id] == nil {
			return id
		}
	}
}

// evict makes room for a new session: at the cost of one that was not used for
// two minutes, or else of the least valuable one that may be evicted, if the
// new one is worth more.
func (sh *sessionShard) evict(privileged bool, size int, now model.Millis) bool {
	var oldest, least *session
	for _, s := range sh.byID {
		if oldest == nil || s.used < oldest.used || s.used == oldest.used && s.id < oldest.id {
			oldest = s
		}
		aged := s.used-s.created > sessionEvictionMs
		if (aged || privileged && !s.privileged) && (least == nil || s.lessThan(least.privileged, least.size, least.id)) {
			least = s
		}
	}
	switch {
	case oldest == nil:
		return false
	case now-oldest.used > sessionEvictionMs:
		delete(sh.byID, oldest.id)
		return true
	case least == nil || !least.lessThan(privileged, size, 0):
		return false
	}
	delete(sh.byID, least.id)
	return true
}

// lessThan compares what sessions are worth.
func (s *session) lessThan(privileged bool, size int, id int32) bool {
	if s.privileged != privileged {
		return privileged
	}
	if s.size != size {
		return s.size < size
	}
	return s.id < id
}
