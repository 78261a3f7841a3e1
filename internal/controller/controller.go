package controller

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"

	"gregor/internal/invariant"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// Controller is one node's controller, active or standing by. Its methods may be
// called from any goroutine; those of the log's listener from one.
type Controller struct {
	o     Options
	log   *slog.Logger
	inbox chan event
	quit  chan struct{} // closed to end the loop
	done  chan struct{} // closed when the loop takes no more
	ended chan struct{} // closed when everything is answered
	stop  sync.Once

	sessions *sessions
	snap     *snapshotter
	image    atomic.Pointer[metadata.Image] // committed, for readers elsewhere

	// What follows belongs to the loop.
	loader  *metadata.Loader
	s       state
	active  bool
	ready   bool // the activation records are appended
	pending []pending
	batch   []decided // decided and not appended yet
	batched []metadata.Record
	weight  int          // about how many bytes batched is
	base    model.Offset // that batched[0] will get, if the log puts nothing in between
	tasks   tasks
}

// event is one thing for the loop: exactly one field is set.
type event struct {
	call     *call
	commit   *metadata.Batch
	snapshot *loadedSnapshot
	leader   *leaderChange
	view     func(*metadata.Image)
}

type call struct {
	ctx     Request
	req     wire.Message
	version int16
	reply   func(wire.Message)
}

type loadedSnapshot struct {
	at   metadata.Provenance
	recs iter.Seq2[metadata.Record, error]
	done chan struct{}
}

type leaderChange struct {
	leader model.BrokerID
	epoch  model.LeaderEpoch
}

// decided is a request whose records wait to be appended with others.
type decided struct {
	call *call // nil for what the controller does by itself
	resp wire.Message
	last int // its last record is batched[last-1]
	next func(last model.Offset)
}

// pending is what waits for an offset to be committed.
type pending struct {
	last  model.Offset
	image *metadata.Image // with everything up to last; nil if nothing was appended for it
	done  []decided
}

// maxBatchedCalls bounds the requests that share one append.
const maxBatchedCalls = 2000

// New makes a controller and starts its loop. It stands by until the log says
// that this node leads.
func New(o Options) *Controller {
	if o.MaxQueue <= 0 {
		o.MaxQueue = 10_000
	}
	if o.NewID == nil {
		o.NewID = model.NewUUID
	}
	if o.OnFatal == nil {
		o.OnFatal = func(err error) { panic(err) }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Controller{
		o: o, log: o.Logger, inbox: make(chan event, o.MaxQueue), quit: make(chan struct{}), done: make(chan struct{}), ended: make(chan struct{}),
		sessions: newSessions(model.Millis(o.Config.Int("broker.session.timeout.ms"))),
		loader:   metadata.NewLoader(),
	}
	c.s = state{
		tip: c.loader.Image(), id: o.ID, clusterID: o.ClusterID, static: o.Config, newID: o.NewID,
		rng: newRNG(o.Seed), sessions: c.sessions, quorum: o.Log, hearts: newHearts(c.loader.Image()),
	}
	c.snap = newSnapshotter(o, c.log)
	c.image.Store(c.loader.Image())
	go c.loop()
	return c
}

// Close ends the loop and answers what waits with NOT_CONTROLLER.
func (c *Controller) Close() {
	c.stop.Do(func() { close(c.quit) })
	<-c.ended
}

// Handle serves a request of a key that the controller owns. reply is called
// exactly once, perhaps before Handle returns, mostly from the controller's
// goroutine; it must not block. The message may be kept until then.
func (c *Controller) Handle(ctx Request, req wire.Message, version int16, reply func(wire.Message)) {
	if h, ok := req.(*wire.BrokerHeartbeatRequest); ok {
		c.sessions.touch(model.BrokerID(h.BrokerId), model.BrokerEpoch(h.BrokerEpoch), c.o.Clock.Now())
	}
	k := &call{ctx, req, version, reply}
	if k.ctx.Deadline == 0 {
		if ms, ok := timeoutOf(req, c.o.Config.Int("broker.heartbeat.interval.ms")); ok {
			k.ctx.Deadline = c.o.Clock.Now() + ms
		}
	}
	select {
	case c.inbox <- event{call: k}:
		select {
		case <-c.done:
			c.drain() // the loop has looked for the last time
		default:
		}
	default:
		reply(errorResponse(req, version, kerr.RequestTimedOut))
	}
}

// drain answers what waits in the inbox of a loop that has ended.
func (c *Controller) drain() {
	for {
		select {
		case e := <-c.inbox:
			if e.call != nil {
				c.refuse(e.call, kerr.RequestTimedOut.With("The controller is shutting down."))
			}
		default:
			return
		}
	}
}

// timeoutOf is how long a request may wait for its turn.
func timeoutOf(req wire.Message, heartbeat int64) (model.Millis, bool) {
	switch r := req.(type) {
	case *wire.CreateTopicsRequest:
		return model.Millis(r.TimeoutMs), true
	case *wire.DeleteTopicsRequest:
		return model.Millis(r.TimeoutMs), true
	case *wire.CreatePartitionsRequest:
		return model.Millis(r.TimeoutMs), true
	case *wire.ElectLeadersRequest:
		return model.Millis(r.TimeoutMs), true
	case *wire.AlterPartitionReassignmentsRequest:
		return model.Millis(r.TimeoutMs), true
	case *wire.BrokerHeartbeatRequest:
		return model.Millis(heartbeat / 2), true
	}
	return 0, false
}

// View calls f with the latest committed image, from the controller's
// goroutine; it reports whether f will be called.
func (c *Controller) View(f func(*metadata.Image)) bool {
	select {
	case c.inbox <- event{view: f}:
		return true
	case <-c.quit:
		return false
	}
}

// Image is the latest committed image.
func (c *Controller) Image() *metadata.Image { return c.image.Load() }

// LoadSnapshot is the log's: everything is replaced. recs is read before it returns.
func (c *Controller) LoadSnapshot(at metadata.Provenance, recs iter.Seq2[metadata.Record, error]) {
	l := &loadedSnapshot{at, recs, make(chan struct{})}
	if c.put(event{snapshot: l}) {
		select {
		case <-l.done:
		case <-c.ended:
		}
	}
}

// Commit is the log's: the next committed batch.
func (c *Controller) Commit(b metadata.Batch) { c.put(event{commit: &b}) }

// LeaderChange is the log's: who leads, after every batch of the epochs before.
func (c *Controller) LeaderChange(leader model.BrokerID, epoch model.LeaderEpoch) {
	c.put(event{leader: &leaderChange{leader, epoch}})
}

func (c *Controller) put(e event) bool {
	select {
	case c.inbox <- e:
		return true
	case <-c.quit:
		return false
	}
}

func (c *Controller) loop() {
	defer c.end()
	for {
		now := c.o.Clock.Now()
		wait, stop := c.tasks.wait(c.o.Clock, now)
		select {
		case <-c.quit:
			stop()
			return
		case <-wait:
			c.s.now = c.o.Clock.Now()
			c.runTasks()
		case e := <-c.inbox:
			c.take(e)
			c.takeMore()
		}
		stop()
		c.flush()
	}
}

// end answers everything; see drain for why done is closed first.
func (c *Controller) end() {
	c.dropAll(errNoController)
	close(c.done)
	c.drain()
	c.snap.close()
	close(c.ended)
}

// takeMore takes what else is there, so that many requests share an append.
func (c *Controller) takeMore() {
	for range maxBatchedCalls {
		select {
		case e := <-c.inbox:
			c.take(e)
		default:
			return
		}
	}
}

func (c *Controller) take(e event) {
	c.s.now = c.o.Clock.Now()
	switch {
	case e.call != nil:
		c.serve(e.call)
	case e.commit != nil:
		c.flush()
		c.committed(*e.commit)
	case e.snapshot != nil:
		c.loadSnapshot(e.snapshot)
	case e.leader != nil:
		c.flush()
		c.leaderChanged(*e.leader)
	case e.view != nil:
		c.flush()
		e.view(c.loader.Image())
	}
}

// serve decides one request and gathers its records.
func (c *Controller) serve(k *call) {
	switch {
	case !c.active || !c.ready:
		c.refuse(k, c.notController())
		return
	case k.ctx.Deadline != 0 && c.s.now > k.ctx.Deadline:
		c.refuse(k, kerr.RequestTimedOut)
		return
	}
	if r, ok := k.req.(*wire.ListPartitionReassignmentsRequest); ok {
		k.reply(listReassignments(c.loader.Image(), r))
		return
	}
	c.s.next = c.nextOffset()
	res, err := c.s.decide(&k.ctx, k.req, k.version)
	if err == nil && !res.split && weigh(res.records) > maxAtomicBytes {
		err = errTooLarge
	}
	if err != nil {
		c.refuse(k, err)
		return
	}
	c.accept(k, res)
}

func (c *Controller) refuse(k *call, err error) { k.reply(errorResponse(k.req, k.version, err)) }

func (c *Controller) notController() error {
	if id, _ := c.o.Log.Leader(); id != model.NoBroker && id != c.o.ID {
		return kerr.NotController.With("The active controller appears to be node " + strconv.Itoa(int(id)) + ".")
	}
	return errNoController
}

var errNoController = kerr.NotController.With("No controller appears to be active.")

// decide is the table of the keys that write.
func (s *state) decide(ctx *Request, req wire.Message, version int16) (result, error) {
	switch r := req.(type) {
	case *wire.CreateTopicsRequest:
		return s.createTopics(ctx, r)
	case *wire.DeleteTopicsRequest:
		return s.deleteTopics(ctx, r, version)
	case *wire.CreatePartitionsRequest:
		return s.createPartitions(ctx, r)
	case *wire.IncrementalAlterConfigsRequest:
		return s.incrementalAlter(ctx, r)
	case *wire.AlterConfigsRequest:
		return s.legacyAlter(ctx, r)
	case *wire.BrokerHeartbeatRequest:
		return s.heartbeat(ctx, r)
	case *wire.BrokerRegistrationRequest:
		return s.registerBroker(ctx, r, version)
	case *wire.UnregisterBrokerRequest:
		return s.unregisterBroker(ctx, r)
	case *wire.ControllerRegistrationRequest:
		return s.registerController(ctx, r)
	case *wire.UnregisterControllerRequest:
		return s.unregisterController(ctx, r)
	case *wire.AlterPartitionRequest:
		return s.alterPartition(ctx, r, version)
	case *wire.AllocateProducerIdsRequest:
		return s.allocateIDs(ctx, r)
	case *wire.UpdateFeaturesRequest:
		return s.updateFeatures(ctx, r, version)
	case *wire.ElectLeadersRequest:
		return s.electLeaders(ctx, r)
	case *wire.AlterPartitionReassignmentsRequest:
		return s.alterReassignments(ctx, r)
	case *wire.AssignReplicasToDirsRequest:
		return s.assignDirs(ctx, r)
	}
	invariant.Check(false, "the controller was handed a %s", wire.Name(req))
	return result{}, nil
}

// accept replays a decision into the tip and puts it into the batch.
func (c *Controller) accept(k *call, res result) {
	w := weigh(res.records)
	if len(c.batched) > 0 && (len(c.batched)+len(res.records) > maxRecords || c.weight+w > maxBatchBytes) {
		c.flush()
		if !c.active {
			if k != nil {
				c.refuse(k, c.notController())
			}
			return
		}
	}
	invariant.Check(res.split || len(res.records) <= maxRecords, "%d records that must be atomic", len(res.records))
	if len(res.records) > 0 {
		if len(c.batched) == 0 {
			c.base = c.o.Log.End()
		}
		d := metadata.NewDelta(c.s.tip)
		for _, r := range res.records {
			if err := c.replay(d, r); err != nil {
				c.o.OnFatal(fmt.Errorf("the controller wrote what it cannot replay: %w", err))
				return
			}
		}
		c.s.tip = d.Image(c.s.tip.At)
		c.noteHearts(res.records, c.base+model.Offset(len(c.batched)))
		c.batched = append(c.batched, res.records...)
		c.weight += w
	}
	c.batch = append(c.batch, decided{k, res.resp, len(c.batched), res.after})
}

// replay is Delta.Replay, but for the marks of transactions: the tip has the
// records inside at once.
func (c *Controller) replay(d *metadata.Delta, r metadata.Record) error {
	switch r.Msg.(type) {
	case *wire.BeginTransactionRecord, *wire.EndTransactionRecord, *wire.AbortTransactionRecord:
		return nil
	}
	return d.Replay(r)
}

// nextOffset is the offset the next record of the batch will get, if the log
// has nothing of its own to append before.
func (c *Controller) nextOffset() model.Offset {
	return c.o.Log.End() + model.Offset(len(c.batched))
}

// flush appends what was decided. Decisions without records are answered when
// everything they saw is committed.
func (c *Controller) flush() {
	if len(c.batch) == 0 {
		return
	}
	done, recs := c.batch, c.batched
	c.batch, c.batched, c.weight = nil, nil, 0
	if len(recs) == 0 {
		c.await(done)
		return
	}
	var last model.Offset
	for part := range parts(recs) {
		var err error
		if last, err = c.o.Log.Append(c.s.epoch, part); err != nil {
			c.log.Warn("Renouncing leadership: records could not be appended.", "err", err)
			c.renounce(done)
			return
		}
	}
	first := last - model.Offset(len(recs)) + 1
	if first != c.base {
		c.noteHearts(recs, first)
	}
	for _, d := range done {
		if d.next != nil {
			d.next(first + model.Offset(d.last) - 1)
		}
	}
	c.s.tip = at(c.s.tip, last, c.s.epoch, c.s.now)
	c.pending = append(c.pending, pending{last: last, image: c.s.tip, done: done})
}

// at is an image with another provenance.
func at(img *metadata.Image, last model.Offset, epoch model.LeaderEpoch, now model.Millis) *metadata.Image {
	n := *img
	n.At = metadata.Provenance{Offset: last, Epoch: epoch, Time: now}
	return &n
}

// await answers decisions without records, now or with the last append.
func (c *Controller) await(done []decided) {
	if n := len(c.pending); n > 0 {
		for i := range done {
			if done[i].next != nil {
				done[i].next(c.pending[n-1].last)
			}
		}
		c.pending[n-1].done = append(c.pending[n-1].done, done...)
		return
	}
	for _, d := range done {
		if d.next != nil {
			d.next(c.loader.Image().At.Offset)
		}
		answer(d)
	}
}

func answer(d decided) {
	if d.call != nil {
		d.call.reply(d.resp)
	}
}

// noteHearts keeps what heartbeats are judged by in step with the records.
func (c *Controller) noteHearts(recs []metadata.Record, base model.Offset) {
	h := c.s.hearts
	for i, r := range recs {
		switch m := r.Msg.(type) {
		case *wire.RegisterBrokerRecord:
			h.register(model.BrokerID(m.BrokerId), m.Fenced, base+model.Offset(i))
		case *wire.UnregisterBrokerRecord:
			h.remove(model.BrokerID(m.BrokerId))
		case *wire.FenceBrokerRecord:
			h.change(model.BrokerID(m.Id), true)
		case *wire.UnfenceBrokerRecord:
			h.change(model.BrokerID(m.Id), false)
		case *wire.BrokerRegistrationChangeRecord:
			if m.Fenced != 0 {
				h.change(model.BrokerID(m.BrokerId), m.Fenced > 0)
			}
		}
	}
}

var errReplay = errors.New("metadata cannot be replayed")

// committed moves the committed image on: to one that this controller made, or
// by replaying what another appended.
func (c *Controller) committed(b metadata.Batch) {
	if c.active {
		c.commitOwn(b)
		return
	}
	if _, err := c.loader.Batch(b); err != nil {
		c.o.OnFatal(fmt.Errorf("%w: %w", errReplay, err))
		return
	}
	c.noteHearts(b.Records, b.Base)
	c.s.tip = c.loader.Image()
	c.image.Store(c.s.tip)
	c.snap.after(c.loader, b)
}

func (c *Controller) commitOwn(b metadata.Batch) {
	n := 0
	for n < len(c.pending) && c.pending[n].last <= b.Last {
		n++
	}
	ready := c.pending[:n]
	if n > 0 {
		// Not b.Last: an append may be spread over batches.
		c.loader.Adopt(at(ready[n-1].image, ready[n-1].last, b.Epoch, b.AppendTime))
		c.image.Store(c.loader.Image())
	}
	for i := range ready {
		for _, d := range ready[i].done {
			answer(d)
		}
	}
	c.pending = append(c.pending[:0:0], c.pending[n:]...)
	c.snap.after(c.loader, b)
}

func (c *Controller) loadSnapshot(l *loadedSnapshot) {
	defer close(l.done)
	if c.active {
		c.o.OnFatal(fmt.Errorf("asked to load snapshot %d-%d as the active controller of epoch %d", l.at.Offset+1, l.at.Epoch, c.s.epoch))
		return
	}
	if _, err := c.loader.Snapshot(l.at, l.recs); err != nil {
		c.o.OnFatal(fmt.Errorf("%w: %w", errReplay, err))
		return
	}
	c.s.tip = c.loader.Image()
	c.image.Store(c.s.tip)
	c.s.hearts = newHearts(c.s.tip)
	c.snap.loaded(l.at)
}
