package metalog

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/storage"
	"gregor/internal/wire"
)

// maxRequests bounds the requests that wait for the loop.
const maxRequests = 4096

// Log is the metadata log of one node. Safe for concurrent use.
//
// Goroutines: loop (loop.go) owns node, store's writes, and every field marked
// so; each listener has one (feed.go). They meet in acc (appends on their way
// in), requests and inbox (events on their way in) and pub (what is known, on
// its way out). None of these is held while another is taken.
type Log struct {
	o     Options
	dir   string // of the partition
	codec codec
	acc   *accumulator
	pub   *published
	inbox *inbox

	requests chan func() // run by the loop
	// gate: who puts something into requests holds it for reading, so that
	// nothing gets in unseen once shut is set.
	gate     sync.RWMutex
	shut     bool
	wakeup   chan struct{}
	stop     chan struct{} // closed when the loop must end
	stopOnce sync.Once
	failed   atomic.Bool
	started  atomic.Bool
	wg       sync.WaitGroup

	// The loop's.
	node      *raft.Node
	store     *storage.Log
	snapshots []raft.ID
	token     uint64
	asked     map[uint64]question
	fetching  *partFile
	cleanAt   model.Millis
	done      bool // graceful shutdown is complete
	wall      model.Millis
	mono      int64
	noted     map[string]model.Millis
}

// question is a request whose answer is not given yet.
type question struct {
	asker
	reply func(wire.Message)
}

// Register adds a listener; before or after Start. It gets everything from the
// beginning.
func (l *Log) Register(x Listener) {
	f := &feed{l: l, listener: x, next: -1, told: raft.LeaderChanged{Leader: model.NoBroker, Epoch: -1}}
	l.pub.update(func() { l.pub.mu.feeds = append(l.pub.mu.feeds, f) })
	l.wg.Add(1)
	go f.run()
}

// Start begins. A voter that is alone has been elected, and the record that
// says so is durable, when it returns.
func (l *Log) Start() error {
	l.started.Store(true)
	l.cleanAt = l.now() + l.o.CleanInterval
	l.node.Start(l.now())
	if err := l.settle(); err != nil {
		l.fatal(err)
		return err
	}
	l.wg.Add(1)
	go l.loop()
	return nil
}

// Close hands leadership over if another voter can take it, waits for the
// goroutines and closes the files. Pending requests are answered with errors.
func (l *Log) Close() error {
	if l.started.Load() && !l.failed.Load() {
		l.do(func() { l.node.Shutdown(l.o.ShutdownTimeout, l.now()) })
	}
	if !l.started.Load() {
		l.closeDown()
	}
	l.wg.Wait()
	if l.o.Peers != nil {
		l.o.Peers.Close()
	}
	return l.store.Close()
}

// end makes all goroutines stop.
func (l *Log) end() {
	l.stopOnce.Do(func() {
		close(l.stop)
		l.acc.close()
		l.pub.update(func() { l.pub.mu.stopped = true })
	})
}

// fatal ends the log for a reason that cannot be passed over.
func (l *Log) fatal(err error) {
	if l.failed.Swap(true) {
		return
	}
	l.o.Logger.Error(fmt.Sprintf("The metadata log cannot go on: %v", err))
	l.end()
	go l.o.OnFatal(err) // it may want to Close
}

// do has the loop run f; it waits only for room in the queue. false after the
// end: f will not run.
func (l *Log) do(f func()) bool {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.shut {
		return false
	}
	select {
	case l.requests <- f:
		return true
	case <-l.stop:
		return false
	}
}

// offer is do without waiting: false also if the queue is full.
func (l *Log) offer(f func()) bool {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.shut {
		return false
	}
	select {
	case l.requests <- f:
		return true
	default:
		return false
	}
}

// ask has the loop run f and waits; false after the end.
func (l *Log) ask(f func()) bool {
	done := make(chan struct{})
	if !l.do(func() { f(); close(done) }) {
		return false
	}
	select {
	case <-done:
		return true
	case <-l.stop:
		return false
	}
}

func (l *Log) wake() {
	select {
	case l.wakeup <- struct{}{}:
	default:
	}
}

// now is the time that the core sees: it begins as wall time and then goes on
// evenly, whatever happens to the wall clock.
func (l *Log) now() model.Millis {
	return l.wall + model.Millis((l.o.Clock.Nanos()-l.mono)/1e6)
}

// Append writes records as one batch, atomically, if this node leads epoch,
// and returns the offset of the last one; it does not wait for the commit. It
// may wait when very much is waiting to be written. recs must not be changed
// any more. ErrNotLeader, ErrTooLarge, ErrClosed, or a record that
// cannot be encoded.
func (l *Log) Append(epoch model.LeaderEpoch, recs []metadata.Record) (last model.Offset, err error) {
	return l.acc.append(epoch, recs, l.o.Clock.Now())
}

// End is the offset the next record gets.
func (l *Log) End() model.Offset {
	if o, leading := l.acc.next(); leading {
		return o
	}
	l.pub.mu.Lock()
	defer l.pub.mu.Unlock()
	return l.pub.mu.end
}

// HighWatermark is the end of what is known to be committed, -1 if nothing is
// known yet.
func (l *Log) HighWatermark() model.Offset {
	l.pub.mu.Lock()
	defer l.pub.mu.Unlock()
	return l.pub.mu.hw
}

// Leader is who leads, model.NoBroker if that is not known, and the epoch.
func (l *Log) Leader() (model.BrokerID, model.LeaderEpoch) {
	l.pub.mu.Lock()
	defer l.pub.mu.Unlock()
	return l.pub.mu.leader.Leader, l.pub.mu.leader.Epoch
}

// LeaderAndEpoch is Leader with the address at which the leader's controller
// listener is reached, for forwarding and registration; ok is false if that is
// not known.
func (l *Log) LeaderAndEpoch() (leader model.BrokerID, at raft.Address, epoch model.LeaderEpoch, ok bool) {
	l.pub.mu.Lock()
	defer l.pub.mu.Unlock()
	c := l.pub.mu.leader
	return c.Leader, l.pub.mu.address, c.Epoch, c.Leader != model.NoBroker && l.pub.mu.address.Host != ""
}

// Voters are the node ids of the voter set in force.
func (l *Log) Voters() []model.BrokerID { return l.VoterSet().IDs() }

// VoterSet is the voter set in force, with addresses.
func (l *Log) VoterSet() raft.Voters {
	l.pub.mu.Lock()
	defer l.pub.mu.Unlock()
	return l.pub.mu.voters
}

// KRaftVersion is the kraft.version in force.
func (l *Log) KRaftVersion() int16 {
	l.pub.mu.Lock()
	defer l.pub.mu.Unlock()
	return l.pub.mu.version
}

// UpgradeKRaftVersion raises kraft.version (UpdateFeatures), or only says
// whether it could be. Errors are kerr's, with Kafka's text.
func (l *Log) UpgradeKRaftVersion(epoch model.LeaderEpoch, version int16, validateOnly bool) error {
	var err error
	if !l.ask(func() { err = l.node.UpgradeKVersion(epoch, version, validateOnly, l.now()) }) {
		return kerr.NotController.With("The controller is shutting down.")
	}
	return err
}

// Resign gives up leadership of epoch, if it is still this node's.
func (l *Log) Resign(epoch model.LeaderEpoch) {
	l.do(func() { l.node.Resign(epoch, l.now()) })
}

// Bootstrap are the records of kafka-storage format, which the first active
// controller writes into the empty log, and the file they come from.
func (l *Log) Bootstrap() (records []metadata.Record, source string, err error) {
	return ReadBootstrap(l.o.FS, l.o.Dir)
}

// HandleRPC serves the requests of the quorum: Vote, BeginQuorumEpoch,
// EndQuorumEpoch, Fetch of the metadata log, FetchSnapshot, DescribeQuorum,
// AddRaftVoter, RemoveRaftVoter, UpdateRaftVoter. listener is the name of the
// listener the request came by. reply is called once, now or later, from
// another goroutine; it must not block. HandleRPC does not block either: when
// too many requests wait already it answers with an error. req is not
// used after reply.
func (l *Log) HandleRPC(listener string, req wire.Message, version int16, reply func(wire.Message)) {
	in := requestIn(req)
	if in == nil {
		reply(misdirected(req))
		return
	}
	q := question{asker{req.APIKey(), version, listener}, reply}
	if !l.offer(func() {
		l.token++
		l.asked[l.token] = q
		l.node.Request(l.token, in, l.now())
	}) {
		reply(errorResponse(q.key, kerr.BrokerNotAvailable))
	}
}

// superseded reports whether a snapshot is no longer the newest.
func (l *Log) superseded(id raft.ID) bool {
	l.pub.mu.Lock()
	defer l.pub.mu.Unlock()
	return l.pub.mu.snapshot != nil && *l.pub.mu.snapshot != id
}

// below reports whether the log no longer reaches back to an offset.
func (l *Log) below(at model.Offset) bool {
	l.pub.mu.Lock()
	defer l.pub.mu.Unlock()
	return at < l.pub.mu.start
}

func (l *Log) note(n raft.Note) {
	level := slog.LevelInfo
	if n.Warn {
		level = slog.LevelWarn
		now := l.now()
		if at, ok := l.noted[n.Text]; ok && now-at < 10_000 {
			return // the same again, every few milliseconds
		}
		if l.noted == nil || len(l.noted) > 100 {
			l.noted = map[string]model.Millis{}
		}
		l.noted[n.Text] = now
	}
	l.o.Logger.Log(context.Background(), level, n.Text)
}
