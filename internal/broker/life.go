package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gregor/internal/clock"
	"gregor/internal/kerr"
	"gregor/internal/klog"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// Sender is what a Life needs of a Channel.
type Sender interface {
	Send(req wire.Message, timeout time.Duration, done func(wire.Message, error))
}

// LifeOptions is what a Life needs.
type LifeOptions struct {
	// Registration is what the broker says of itself; the incarnation id and
	// the previous epoch are set by the Life.
	Registration wire.BrokerRegistrationRequest
	// PreviousEpoch is that of the last clean shutdown, -1 if there was none.
	PreviousEpoch model.BrokerEpoch
	// Offline are the failed log directories.
	Offline func() []model.DirectoryID
	Channel Sender
	Clock   clock.Clock
	Log     *slog.Logger
	// Heartbeat is broker.heartbeat.interval.ms, Register
	// initial.broker.registration.timeout.ms.
	Heartbeat, Register model.Millis
	// OnFatal is told when the broker cannot go on.
	OnFatal func(error)
}

// retryEvery is the pause between tries while something is awaited.
const retryEvery model.Millis = 10

// Life keeps a broker registered. Safe for concurrent use.
type Life struct {
	o       LifeOptions
	log     *slog.Logger
	wake    chan struct{}
	serving chan struct{}
	over    chan struct{}
	wg      sync.WaitGroup
	mu      struct {
		sync.Mutex
		s      *state
		closed bool
		open   bool // serving was closed
	}
}

// NewLife is a Life that has not begun.
func NewLife(o LifeOptions) *Life {
	l := &Life{o: o, wake: make(chan struct{}, 1), serving: make(chan struct{}), over: make(chan struct{})}
	l.log = klog.Named(o.Log, "kafka.server.BrokerLifecycleManager", fmt.Sprintf("[BrokerLifecycleManager id=%d] ", o.Registration.BrokerId))
	l.o.Registration.IncarnationId = model.NewUUID()
	l.o.Registration.PreviousBrokerEpoch = int64(o.PreviousEpoch)
	l.mu.s = newState(timeouts{heartbeat: o.Heartbeat, retry: retryEvery, register: o.Register}, o.Clock.Now())
	return l
}

// Start begins to register.
func (l *Life) Start() {
	l.wg.Add(1)
	go l.run()
}

// Serving is closed once the broker is registered, caught up and unfenced.
func (l *Life) Serving() <-chan struct{} { return l.serving }

// Epoch is the broker's epoch, -1 before it has one.
func (l *Life) Epoch() model.BrokerEpoch {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.s.epoch
}

// Incarnation is the id of this run of the broker: an image that shows it holds
// everything that was committed before the broker registered.
func (l *Life) Incarnation() model.UUID { return l.o.Registration.IncarnationId }

// Published tells of an image that all of the broker has taken.
func (l *Life) Published(img *metadata.Image) {
	epoch, fenced := model.BrokerEpoch(-1), true
	if b := img.Cluster.Broker(model.BrokerID(l.o.Registration.BrokerId)); b != nil {
		epoch, fenced = b.Epoch, b.Fenced
	}
	l.change(func(s *state, now model.Millis) { s.published(img.At.Offset, epoch, fenced, now) })
}

// LeaderChanged tells that there is a new active controller, so that nothing
// waits for a retry.
func (l *Life) LeaderChanged() {
	l.change(func(s *state, now model.Millis) {
		if s.failures > 0 || s.phase == starting {
			s.due = min(s.due, now)
		}
	})
}

// change applies f and wakes the goroutine.
func (l *Life) change(f func(s *state, now model.Millis)) {
	l.mu.Lock()
	before := l.mu.s.phase
	f(l.mu.s, l.o.Clock.Now())
	after := l.mu.s.phase
	opened := after == running && !l.mu.open
	l.mu.open = l.mu.open || opened
	l.mu.Unlock()
	if before != after {
		l.log.Info(fmt.Sprintf("Transitioning from %s to %s.", before, after))
	}
	if opened {
		close(l.serving)
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *Life) run() {
	defer l.wg.Done()
	defer close(l.over)
	for {
		l.mu.Lock()
		now := l.o.Clock.Now()
		what, at := l.mu.s.next(now)
		done := l.mu.closed || l.mu.s.phase == stopped && what != giveUp
		l.mu.Unlock()
		switch {
		case done:
			return
		case what == giveUp:
			l.o.OnFatal(errors.New("shutting down because we were unable to register with the controller quorum: initial.broker.registration.timeout.ms is over"))
			return
		case what == register:
			l.register()
			continue
		case what == heartbeat:
			l.heartbeat()
			continue
		}
		c, stop := l.o.Clock.After(time.Duration(max(at-now, 1)) * time.Millisecond)
		select {
		case <-c:
		case <-l.wake:
		}
		stop()
	}
}

// requestTimeout is how long an answer may take before it counts as failed.
func (l *Life) requestTimeout() time.Duration {
	return time.Duration(max(l.o.Heartbeat*2, 4000)) * time.Millisecond
}

func (l *Life) register() {
	req := l.o.Registration
	l.log.Info(fmt.Sprintf("Registering broker: incarnation %s.", req.IncarnationId))
	l.o.Channel.Send(&req, l.requestTimeout(), func(m wire.Message, err error) {
		r, ok := m.(*wire.BrokerRegistrationResponse)
		if err != nil || !ok {
			l.change(func(s *state, now model.Millis) { s.failed(now) })
			return
		}
		switch r.ErrorCode {
		case kerr.None:
			l.log.Info(fmt.Sprintf("Successfully registered broker %d with broker epoch %d", req.BrokerId, r.BrokerEpoch))
		case kerr.NotController, kerr.DuplicateBrokerRegistration:
			// The first passes with the election, the second when the session
			// of an earlier incarnation is over.
		case kerr.InconsistentClusterId, kerr.UnsupportedVersion, kerr.InvalidRegistration, kerr.BrokerIdNotRegistered:
			l.o.OnFatal(fmt.Errorf("the controller refuses the registration of broker %d: %s: %s", req.BrokerId, r.ErrorCode.Name(), r.ErrorCode.Message()))
		default:
			l.log.Info(fmt.Sprintf("Unable to register the broker because the controller returned %s", r.ErrorCode.Name()))
		}
		l.change(func(s *state, now model.Millis) { s.registered(r, now) })
	})
}

func (l *Life) heartbeat() {
	l.mu.Lock()
	s := l.mu.s
	req := &wire.BrokerHeartbeatRequest{
		BrokerId: l.o.Registration.BrokerId, BrokerEpoch: int64(s.epoch), CurrentMetadataOffset: int64(s.caughtUp),
		WantFence: s.wantFence(), WantShutDown: s.phase == shuttingDown,
	}
	l.mu.Unlock()
	if l.o.Offline != nil {
		req.OfflineLogDirs = l.o.Offline()
	}
	l.o.Channel.Send(req, l.requestTimeout(), func(m wire.Message, err error) {
		r, ok := m.(*wire.BrokerHeartbeatResponse)
		if err != nil || !ok {
			l.change(func(s *state, now model.Millis) { s.failed(now) })
			return
		}
		l.change(func(s *state, now model.Millis) { s.answered(r, now) })
	})
}

// Shutdown asks the controller to move leaderships away and waits until it
// lets the broker go, at most limit.
func (l *Life) Shutdown(limit time.Duration) {
	l.change(func(s *state, now model.Millis) { s.shutdown(now) })
	c, stop := l.o.Clock.After(limit)
	defer stop()
	select {
	case <-l.over:
	case <-c:
		l.log.Warn("The controller did not let the broker go in time; stopping all the same.")
	}
}

// Close ends the goroutine.
func (l *Life) Close() {
	l.mu.Lock()
	l.mu.closed = true
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	l.wg.Wait()
}
