package controller

import (
	"sync"

	"gregor/internal/model"
)

// sessions is when each broker was last heard of. Heartbeats are noted before
// they wait for the loop, so that a busy controller fences nobody. Source:
// BrokerHeartbeatTracker.
type sessions struct {
	timeout model.Millis
	mu      struct {
		sync.Mutex
		// seen holds the latest epoch of each broker id that has a session.
		seen map[model.BrokerID]session
	}
}

type session struct {
	epoch model.BrokerEpoch
	at    model.Millis
}

// maxSessions bounds the map against heartbeats of brokers that do not exist.
const maxSessions = 100_000

func newSessions(timeout model.Millis) *sessions {
	s := &sessions{timeout: timeout}
	s.mu.seen = map[model.BrokerID]session{}
	return s
}

// touch notes a heartbeat; an epoch older than the known one is not heard.
func (s *sessions) touch(id model.BrokerID, epoch model.BrokerEpoch, now model.Millis) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.mu.seen[id]
	if ok && old.epoch > epoch || !ok && len(s.mu.seen) >= maxSessions {
		return
	}
	s.mu.seen[id] = session{epoch, now}
}

// valid reports whether a broker has been heard of lately with that epoch.
func (s *sessions) valid(id model.BrokerID, epoch model.BrokerEpoch, now model.Millis) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.mu.seen[id]
	return ok && x.epoch == epoch && !s.expired(x.at, now)
}

func (s *sessions) expired(at, now model.Millis) bool { return now > at && at+s.timeout < now }

// takeExpired removes the broker that has been silent for longest and returns
// it; ok is false if there is none. Ties go to the lowest id.
func (s *sessions) takeExpired(now model.Millis) (id model.BrokerID, epoch model.BrokerEpoch, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest session
	for i, x := range s.mu.seen {
		if !s.expired(x.at, now) || ok && (x.at > oldest.at || x.at == oldest.at && i > id) {
			continue
		}
		id, oldest, ok = i, x, true
	}
	if ok {
		delete(s.mu.seen, id)
	}
	return id, oldest.epoch, ok
}

// end forgets a broker's session, if it is of that epoch.
func (s *sessions) end(id model.BrokerID, epoch model.BrokerEpoch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.seen[id].epoch == epoch {
		delete(s.mu.seen, id)
	}
}

func (s *sessions) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.mu.seen)
}
