package controller

import (
	"sync"

	"gregor/internal/model"
)

// sessions is when each broker was last heard of, by its id and its epoch: a
// heartbeat with an epoch that nobody has changes nothing for the broker.
// Heartbeats are noted before they wait for the loop, so that a busy controller
// fences nobody. Source: BrokerHeartbeatTracker.
type sessions struct {
	timeout model.Millis
	mu      struct {
		sync.Mutex
		seen map[session]model.Millis
	}
}

type session struct {
	id    model.BrokerID
	epoch model.BrokerEpoch
}

// maxSessions bounds the map against heartbeats of brokers that do not exist.
const maxSessions = 100_000

func newSessions(timeout model.Millis) *sessions {
	s := &sessions{timeout: timeout}
	s.mu.seen = map[session]model.Millis{}
	return s
}

// touch notes a heartbeat.
func (s *sessions) touch(id model.BrokerID, epoch model.BrokerEpoch, now model.Millis) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := session{id, epoch}
	if _, ok := s.mu.seen[k]; ok || len(s.mu.seen) < maxSessions {
		s.mu.seen[k] = now
	}
}

// valid reports whether a broker has been heard of lately with that epoch.
func (s *sessions) valid(id model.BrokerID, epoch model.BrokerEpoch, now model.Millis) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.mu.seen[session{id, epoch}]
	return ok && !s.expired(at, now)
}

func (s *sessions) expired(at, now model.Millis) bool { return now > at && at+s.timeout < now }

// takeExpired removes the broker that has been silent for longest and returns
// it, with the epoch it had then; ok is false if there is none. Ties go to the
// lowest id, then to the lowest epoch.
func (s *sessions) takeExpired(now model.Millis) (id model.BrokerID, epoch model.BrokerEpoch, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest session
	var since model.Millis
	for k, at := range s.mu.seen {
		if s.expired(at, now) && (!ok || at < since || at == since && k.before(oldest)) {
			oldest, since, ok = k, at, true
		}
	}
	if ok {
		delete(s.mu.seen, oldest)
	}
	return oldest.id, oldest.epoch, ok
}

func (k session) before(o session) bool {
	return k.id < o.id || k.id == o.id && k.epoch < o.epoch
}

func (s *sessions) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.mu.seen)
}
