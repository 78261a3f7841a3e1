package broker

import (
	"errors"
	"sync"
	"testing"
	"time"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

func fresh() *state {
	return newState(timeouts{heartbeat: 2000, retry: 10, register: 60_000}, 0)
}

func mustAsk(t *testing.T, s *state, now model.Millis, want ask) {
	t.Helper()
	if got, at := s.next(now); got != want {
		t.Fatalf("at %d in %s: asks %d (next at %d), want %d", now, s.phase, got, at, want)
	}
}

func TestLifeFromStartToShutdown(t *testing.T) {
	s := fresh()
	mustAsk(t, s, 0, register)
	mustAsk(t, s, 5, nothing) // one at a time
	s.registered(&wire.BrokerRegistrationResponse{BrokerEpoch: 40}, 6)
	if !s.wantFence() {
		t.Error("must want to be fenced before it has seen its registration")
	}
	mustAsk(t, s, 7, nothing)
	s.published(39, -1, true, 8)
	mustAsk(t, s, 8, nothing)
	s.published(40, 40, true, 9)
	mustAsk(t, s, 9, heartbeat)
	if s.wantFence() {
		t.Error("has caught up")
	}
	s.answered(&wire.BrokerHeartbeatResponse{IsFenced: false, IsCaughtUp: true}, 10)
	if s.phase != recovering {
		t.Errorf("%s before the metadata shows it", s.phase)
	}
	s.published(41, 40, false, 11)
	if s.phase != running {
		t.Errorf("%s", s.phase)
	}
	mustAsk(t, s, 12, nothing)
	mustAsk(t, s, 2010, heartbeat)
	s.answered(&wire.BrokerHeartbeatResponse{}, 2011)
	s.shutdown(2012)
	mustAsk(t, s, 2012, heartbeat)
	s.answered(&wire.BrokerHeartbeatResponse{}, 2013)
	mustAsk(t, s, 2023, heartbeat)
	s.answered(&wire.BrokerHeartbeatResponse{ShouldShutDown: true}, 2024)
	if s.phase != stopped {
		t.Errorf("%s", s.phase)
	}
}

func TestMetadataShowsItFirst(t *testing.T) {
	s := fresh()
	mustAsk(t, s, 0, register)
	s.registered(&wire.BrokerRegistrationResponse{BrokerEpoch: 1}, 0)
	s.published(1, 1, true, 1)
	mustAsk(t, s, 1, heartbeat)
	s.published(2, 1, false, 2) // before the answer arrives
	s.answered(&wire.BrokerHeartbeatResponse{IsFenced: false}, 3)
	if s.phase != running {
		t.Errorf("%s", s.phase)
	}
}

func TestStaleEpochRegistersAgain(t *testing.T) {
	s := fresh()
	mustAsk(t, s, 0, register)
	s.registered(&wire.BrokerRegistrationResponse{BrokerEpoch: 1}, 0)
	s.published(1, 1, true, 1)
	mustAsk(t, s, 1, heartbeat)
	s.answered(&wire.BrokerHeartbeatResponse{ErrorCode: kerr.StaleBrokerEpoch}, 2)
	mustAsk(t, s, 2, register)
	s.registered(&wire.BrokerRegistrationResponse{BrokerEpoch: 9}, 3)
	if !s.wantFence() || s.epoch != 9 {
		t.Error("a new registration has to be caught up with anew")
	}
}

func TestRegistrationGivesUp(t *testing.T) {
	s := fresh()
	now := model.Millis(0)
	for i := 0; i < 1000; i++ {
		what, at := s.next(now)
		switch what {
		case register:
			s.failed(now)
		case giveUp:
			if now < 60_000 || now > 63_000 {
				t.Errorf("gave up at %d", now)
			}
			return
		default:
			now = at
		}
	}
	t.Error("never gave up")
}

// blocks is a controller that gives out blocks of three.
type blocks struct {
	mu   sync.Mutex
	next int64
	fail bool
	hold []func()
}

func (b *blocks) Send(req wire.Message, _ time.Duration, done func(wire.Message, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail {
		b.hold = append(b.hold, func() { done(nil, errors.New("gone")) })
		return
	}
	r := &wire.AllocateProducerIdsResponse{ProducerIdStart: b.next, ProducerIdLen: 3}
	b.next += 3
	b.hold = append(b.hold, func() { done(r, nil) })
}

func (b *blocks) release() {
	b.mu.Lock()
	h := b.hold
	b.hold = nil
	b.mu.Unlock()
	for _, f := range h {
		f()
	}
}

func TestProducerIDsAreUnique(t *testing.T) {
	b := &blocks{}
	p := NewProducerIDs(1, b, func() model.BrokerEpoch { return 5 })
	seen := map[model.ProducerID]bool{}
	failed := 0
	for i := 0; i < 50; i++ {
		p.Next(func(id model.ProducerID, err error) {
			if err != nil {
				failed++
				return
			}
			if seen[id] {
				t.Errorf("producer id %d twice", id)
			}
			seen[id] = true
		})
		if i%4 == 3 {
			b.release()
		}
	}
	if len(seen)+failed < 48 || len(seen) < 30 {
		t.Errorf("%d ids, %d failed", len(seen), failed)
	}
	b.fail = true
	for i := 0; i < 20; i++ {
		p.Next(func(_ model.ProducerID, err error) {
			if err != nil && kerr.Of(err) != kerr.CoordinatorLoadInProgress {
				t.Error(err)
			}
		})
		b.release()
	}
	if len(p.mu.waiting) != 0 {
		t.Error("somebody waits for ever")
	}
}
