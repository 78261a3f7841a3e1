package broker

import (
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// phase is where a broker is in its life.
type phase uint8

const (
	starting     phase = iota // not registered
	recovering                // registered, fenced: catching up with the metadata
	running                   // serving
	shuttingDown              // asks to be let go; others take over its leaderships
	stopped
)

func (p phase) String() string {
	return [...]string{"STARTING", "RECOVERY", "RUNNING", "PENDING_CONTROLLED_SHUTDOWN", "SHUTTING_DOWN"}[p]
}

// timeouts are the settings of a broker's life.
type timeouts struct {
	heartbeat model.Millis // broker.heartbeat.interval.ms
	retry     model.Millis // between tries while something is awaited
	register  model.Millis // initial.broker.registration.timeout.ms
}

// state is the pure part of a Life: what to send next, and when.
//
// *Invariant:* at most one request is in flight; epoch is that of the last
// accepted registration and never goes back.
type state struct {
	timeouts
	phase    phase
	epoch    model.BrokerEpoch // -1 before the first registration
	began    model.Millis
	due      model.Millis // when to send the next request
	flying   bool
	caughtUp model.Offset // newest published offset
	told     bool         // the controller has said that the broker is not fenced
	unfenced bool         // and the metadata shows it
	stop     bool         // a controlled shutdown was asked for
	failures int
}

func newState(t timeouts, now model.Millis) *state {
	return &state{timeouts: t, epoch: -1, began: now, due: now, caughtUp: model.NoOffset}
}

// ask is what a broker wants to send.
type ask uint8

const (
	nothing ask = iota
	register
	heartbeat
	giveUp // the first registration took too long
)

// next is what to send now, if anything, and otherwise when to ask again.
func (s *state) next(now model.Millis) (ask, model.Millis) {
	if s.flying || s.phase == stopped {
		return nothing, now + s.heartbeat
	}
	if now < s.due {
		return nothing, s.due
	}
	if s.phase != starting {
		s.flying = true
		return heartbeat, 0
	}
	if s.epoch < 0 && now-s.began > s.register {
		s.phase = stopped
		return giveUp, 0
	}
	s.flying = true
	return register, 0
}

// wantFence is what the next heartbeat says: to be fenced until the metadata
// has caught up with the broker's own registration.
func (s *state) wantFence() bool { return s.caughtUp < model.Offset(s.epoch) }

// registered takes the answer to a registration.
func (s *state) registered(r *wire.BrokerRegistrationResponse, now model.Millis) {
	s.flying = false
	if r.ErrorCode != kerr.None {
		s.failed(now)
		return
	}
	s.failures = 0
	s.epoch = model.BrokerEpoch(r.BrokerEpoch)
	s.phase, s.told, s.unfenced = recovering, false, false
	if s.stop {
		s.phase = shuttingDown
	}
	s.due = now
	if s.wantFence() {
		// Publishing the registration brings the heartbeat forward.
		s.due = now + s.heartbeat
	}
}

// answered takes the answer to a heartbeat.
func (s *state) answered(r *wire.BrokerHeartbeatResponse, now model.Millis) {
	s.flying = false
	switch r.ErrorCode {
	case kerr.None:
	case kerr.StaleBrokerEpoch, kerr.BrokerIdNotRegistered:
		// The controller knows this broker no more, or a newer incarnation of
		// it: register again.
		s.phase, s.due = starting, now
		if s.stop {
			s.phase = stopped
		}
		return
	default:
		s.failed(now)
		return
	}
	s.failures = 0
	switch s.phase {
	case recovering:
		s.told = !r.IsFenced
		s.due = now + s.retry
		if s.told {
			s.due = now + s.heartbeat
			s.maybeRun()
		} else if s.wantFence() {
			s.due = now + s.heartbeat
		}
	case shuttingDown:
		s.due = now + s.retry
		if r.ShouldShutDown {
			s.phase = stopped
		}
	default:
		s.due = now + s.heartbeat
	}
}

// failed is a request that came to nothing.
func (s *state) failed(now model.Millis) {
	s.flying = false
	s.failures++
	s.due = now + min(s.retry<<min(s.failures-1, 10), s.heartbeat)
}

// published is told of every image: up to where it goes, and whether it shows
// this broker, in its present registration, as not fenced.
func (s *state) published(to model.Offset, epoch model.BrokerEpoch, fenced bool, now model.Millis) {
	before := s.wantFence()
	s.caughtUp = to
	s.unfenced = epoch == s.epoch && !fenced
	if s.phase != recovering {
		return
	}
	if before && !s.wantFence() {
		s.due = min(s.due, now)
	}
	s.maybeRun()
}

func (s *state) maybeRun() {
	if s.phase == recovering && s.told && s.unfenced {
		s.phase = running
	}
}

// shutdown asks for a controlled shutdown.
func (s *state) shutdown(now model.Millis) {
	s.stop = true
	switch s.phase {
	case starting:
		s.phase = stopped
	case recovering, running:
		s.phase, s.due = shuttingDown, now
	}
}
