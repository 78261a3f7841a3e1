package partition

import (
	"fmt"
	"slices"

	"gregor/internal/invariant"
	"gregor/internal/kerr"
	"gregor/internal/model"
)

// core decides for one replica: which offsets are visible, when they move, who
// is in sync. It is pure: offsets and times come in, effects go out. The log
// it speaks of may not be open yet (an idle partition's is not): until opened
// is called the offsets mean nothing.
//
// *Invariant:* logStart <= lastStable <= highWatermark <= logEnd once open.
type core struct {
	logStart, lastStable, highWatermark, logEnd model.Offset
	// unstable is the first offset of the oldest undecided transaction,
	// model.NoOffset if there is none.
	unstable model.Offset
	// epochStart is the log end when this replica's leadership began;
	// model.NoOffset if it does not lead or the log is not open.
	epochStart model.Offset
	// rf is nil while this broker holds the only replica.
	rf             *replication
	proposals      uint32 // counts the ISR proposals made
	minISR         int32  // min.insync.replicas
	self           model.BrokerID
	leader         model.BrokerID
	epoch          model.LeaderEpoch
	partitionEpoch int32
	open           bool
}

// replication is what a partition with several replicas needs on top.
type replication struct {
	replicas  []model.BrokerID
	isr       []model.BrokerID // committed by the controller
	followers []follower       // empty unless this replica leads
	pending   pendingISR
}

// follower is what the leader knows of another replica (Kafka's ReplicaState).
type follower struct {
	id model.BrokerID
	// epoch is the broker epoch of its last fetch, noEpochYet before one.
	epoch model.BrokerEpoch
	// logStart and logEnd are the follower's, from its last fetch;
	// model.NoOffset before one.
	logStart, logEnd model.Offset
	// leaderEnd is our log end when it fetched last, fetched when that was.
	leaderEnd model.Offset
	fetched   model.Millis
	// caughtUp is the last time it had everything we had.
	caughtUp model.Millis
}

// noEpochYet marks a follower that has not fetched; -1 is a follower of a
// version that does not tell its broker epoch.
const noEpochYet model.BrokerEpoch = -2

// pendingISR is an ISR proposed to the controller and not yet answered.
//
// *Invariant:* at most one is under way; the next waits for its answer or for
// newer metadata.
type pendingISR struct {
	seq    uint32 // of the proposal; 0: none
	added  model.BrokerID
	shrink bool
}

// Peers is what a leader asks of the cluster's metadata about other brokers.
type Peers interface {
	// Broker is the epoch of a broker's registration; alive is false if it is
	// fenced or unknown, eligible if it may also join an ISR, that is, it is
	// not shutting down.
	Broker(id model.BrokerID) (epoch model.BrokerEpoch, alive, eligible bool)
}

// Proposal is an ISR for the controller (AlterPartition).
type Proposal struct {
	Seq            uint32
	LeaderEpoch    model.LeaderEpoch
	PartitionEpoch int32
	// ISR and Epochs belong together; the epoch is -1 where it is not known.
	ISR    []model.BrokerID
	Epochs []model.BrokerEpoch
}

// effects is what a change asks the shell to do.
type effects struct {
	// highWatermark, lastStable, logEnd, lowWatermark: moved forward; wake who waits.
	highWatermark, lastStable, logEnd, lowWatermark bool
	// propose: send what proposal returns.
	propose bool
	// everyone: leadership changed; wake all.
	everyone bool
}

func newCore(self model.BrokerID) core {
	return core{
		self: self, leader: model.NoBroker, epoch: model.NoEpoch, partitionEpoch: -1,
		unstable: model.NoOffset, epochStart: model.NoOffset, minISR: 1,
	}
}

func (c *core) leads() bool { return c.leader == c.self && c.epoch != model.NoEpoch }

func (c *core) check() {
	if !c.open || c.logStart <= c.lastStable && c.lastStable <= c.highWatermark && c.highWatermark <= c.logEnd {
		return // before the arguments are boxed
	}
	invariant.Check(false, "offsets are out of order: log start %d, last stable %d, high watermark %d, log end %d",
		c.logStart, c.lastStable, c.highWatermark, c.logEnd)
}

// opened takes the offsets of a log that was just opened. hw is the
// checkpointed high watermark.
func (c *core) opened(logStart, logEnd, hw, unstable model.Offset, now model.Millis, lagMax model.Millis, peers Peers) effects {
	c.open = true
	c.logStart, c.logEnd, c.unstable = logStart, logEnd, unstable
	c.highWatermark = min(max(hw, logStart), logEnd)
	c.lastStable = c.stable()
	if c.leads() {
		c.epochStart = logEnd
		c.resetFollowers(now, true)
	}
	e := c.advance(now, lagMax, peers)
	c.check()
	return e
}

// closed forgets the offsets of a log that is no longer open. The high
// watermark must have been kept by the caller.
func (c *core) closed() { c.open = false }

// stable is where the last stable offset belongs.
func (c *core) stable() model.Offset {
	if c.unstable != model.NoOffset && c.unstable < c.highWatermark {
		return max(c.unstable, c.logStart)
	}
	return c.highWatermark
}

// apply takes the partition's registration. applied is false if it is older
// than what is known.
func (c *core) apply(r *Registration, now, lagMax model.Millis, peers Peers) (e effects, applied bool) {
	if r.PartitionEpoch < c.partitionEpoch {
		return effects{}, false
	}
	led, newEpoch := c.leads(), r.LeaderEpoch > c.epoch
	c.leader, c.epoch, c.partitionEpoch = r.Leader, r.LeaderEpoch, r.PartitionEpoch
	c.setReplicas(r)
	e.everyone = newEpoch || led != c.leads()
	if !c.leads() {
		c.epochStart = model.NoOffset
		return e, true
	}
	if newEpoch || !led {
		c.epochStart = model.NoOffset
		if c.open {
			c.epochStart = c.logEnd
		}
		c.resetFollowers(now, !led)
	}
	e.merge(c.advance(now, lagMax, peers))
	c.check()
	return e, true
}

func (e *effects) merge(o effects) {
	e.highWatermark = e.highWatermark || o.highWatermark
	e.lastStable = e.lastStable || o.lastStable
	e.logEnd = e.logEnd || o.logEnd
	e.lowWatermark = e.lowWatermark || o.lowWatermark
	e.propose = e.propose || o.propose
	e.everyone = e.everyone || o.everyone
}

func (c *core) setReplicas(r *Registration) {
	if len(r.Replicas) <= 1 && len(r.ISR) <= 1 {
		c.rf = nil
		return
	}
	old := c.rf
	c.rf = &replication{replicas: slices.Clone(r.Replicas), isr: slices.Clone(r.ISR)}
	if !c.leads() {
		return
	}
	for _, id := range r.Replicas {
		if id == c.self {
			continue
		}
		f := follower{id: id, epoch: noEpochYet, logStart: model.NoOffset, logEnd: model.NoOffset}
		if old != nil {
			if was := old.follower(id); was != nil {
				f = *was
			}
		}
		c.rf.followers = append(c.rf.followers, f)
	}
}

func (g *replication) follower(id model.BrokerID) *follower {
	for i := range g.followers {
		if g.followers[i].id == id {
			return &g.followers[i]
		}
	}
	return nil
}

// resetFollowers begins a leadership. Followers in the ISR count as caught up
// now, the others as never, so that these do not hold back the high watermark.
func (c *core) resetFollowers(now model.Millis, fresh bool) {
	if c.rf == nil {
		return
	}
	for i := range c.rf.followers {
		f := &c.rf.followers[i]
		at := model.Millis(0)
		if slices.Contains(c.rf.isr, f.id) {
			at = now
		}
		if fresh {
			*f = follower{id: f.id, epoch: noEpochYet, logStart: model.NoOffset, logEnd: model.NoOffset, leaderEnd: model.NoOffset, caughtUp: at}
			continue
		}
		f.leaderEnd, f.fetched, f.caughtUp = c.logEnd, at, at
	}
}

// isrSize is the size of the committed ISR.
func (c *core) isrSize() int {
	if c.rf == nil {
		return 1
	}
	return len(c.rf.isr)
}

// effectiveMinISR is min.insync.replicas, at most the number of replicas.
func (c *core) effectiveMinISR() int {
	if c.rf == nil {
		return 1
	}
	return min(int(c.minISR), len(c.rf.followers)+1)
}

func (c *core) underMinISR() bool { return c.isrSize() < c.effectiveMinISR() }

// inMaximalISR reports whether id is in the ISR or proposed for it. A replica
// proposed already holds back the high watermark, since the controller may
// have put it in before we hear of it (KIP-497).
func (g *replication) inMaximalISR(id model.BrokerID) bool {
	return slices.Contains(g.isr, id) || g.pending.seq != 0 && !g.pending.shrink && g.pending.added == id
}

func (g *replication) maximalISRSize() int {
	if g.pending.seq != 0 && !g.pending.shrink {
		return len(g.isr) + 1
	}
	return len(g.isr)
}

// advance moves a leader's high watermark to the smallest log end of the
// replicas that are in sync, or about to be. It never moves back, and not at
// all under min.insync.replicas.
func (c *core) advance(now, lagMax model.Millis, peers Peers) (e effects) {
	if !c.open || !c.leads() || c.underMinISR() {
		return e
	}
	hw := c.logEnd
	if c.rf != nil {
		for i := range c.rf.followers {
			f := &c.rf.followers[i]
			if f.logEnd < hw && (c.rf.inMaximalISR(f.id) || f.isCaughtUp(c.logEnd, now, lagMax) && f.mayJoin(peers)) {
				hw = f.logEnd
			}
		}
	}
	return c.setHighWatermark(hw)
}

func (c *core) setHighWatermark(hw model.Offset) (e effects) {
	if hw > c.highWatermark {
		c.highWatermark = hw
		e.highWatermark = true
	}
	if s := c.stable(); s > c.lastStable {
		c.lastStable = s
		e.lastStable = true
	}
	return e
}

func (f *follower) isCaughtUp(leaderEnd model.Offset, now, lagMax model.Millis) bool {
	return f.logEnd == leaderEnd || now-f.caughtUp <= lagMax
}

// mayJoin reports whether the follower may be put in the ISR: it has fetched
// in its present life, is not fenced and not shutting down.
func (f *follower) mayJoin(peers Peers) bool {
	epoch, alive, eligible := peers.Broker(f.id)
	return alive && eligible && (f.epoch == -1 || f.epoch == epoch)
}

// appended takes the log end after an append.
func (c *core) appended(logEnd, unstable model.Offset, now, lagMax model.Millis, peers Peers) effects {
	c.logEnd, c.unstable = logEnd, unstable
	if c.rf == nil && c.leads() {
		e := c.setHighWatermark(logEnd)
		e.logEnd = true
		c.check()
		return e
	}
	e := c.advance(now, lagMax, peers)
	e.logEnd = true
	c.check()
	return e
}

// decided takes the first unstable offset after it may have moved.
func (c *core) decided(unstable model.Offset) (e effects) {
	c.unstable = unstable
	if s := c.stable(); s > c.lastStable {
		c.lastStable = s
		e.lastStable = true
	}
	c.check()
	return e
}

// followerFetched notes that follower id fetches from at, that is, has all
// before it; leaderEnd is our log end when the read was made. The code is
// NOT_LEADER_OR_FOLLOWER if the fetch is of an earlier life of the broker.
func (c *core) followerFetched(id model.BrokerID, broker model.BrokerEpoch, at, start, leaderEnd model.Offset, now, lagMax model.Millis, peers Peers) (e effects, code kerr.Code) {
	f := c.find(id)
	if f == nil {
		return e, kerr.UnknownLeaderEpoch
	}
	if epoch, alive, _ := peers.Broker(id); broker != -1 && alive && epoch > broker {
		return e, kerr.NotLeaderOrFollower
	}
	low := c.lowWatermark(peers)
	if at >= leaderEnd {
		f.caughtUp = max(f.caughtUp, now)
	} else if at >= f.leaderEnd {
		f.caughtUp = max(f.caughtUp, f.fetched)
	}
	moved := f.logEnd != at
	f.logStart, f.logEnd, f.fetched, f.epoch = start, at, now, broker
	f.leaderEnd = max(leaderEnd, f.leaderEnd)
	if c.mayExpand(f, peers) {
		c.rf.pending = pendingISR{seq: c.nextProposal(), added: id}
		e.propose = true
	}
	if moved {
		e.merge(c.advance(now, lagMax, peers))
	}
	e.lowWatermark = c.lowWatermark(peers) > low
	c.check()
	return e, kerr.None
}

func (c *core) find(id model.BrokerID) *follower {
	if c.rf == nil {
		return nil
	}
	return c.rf.follower(id)
}

// nextProposal numbers a proposal, from 1.
func (c *core) nextProposal() uint32 {
	c.proposals++
	return c.proposals
}

// mayExpand reports whether f should be proposed for the ISR: it has all up to
// the high watermark and to the start of this leadership, else it could become
// leader without committed records.
func (c *core) mayExpand(f *follower, peers Peers) bool {
	return c.open && c.leads() && c.rf.pending.seq == 0 && !slices.Contains(c.rf.isr, f.id) &&
		f.logEnd >= c.highWatermark && c.epochStart != model.NoOffset && f.logEnd >= c.epochStart && f.mayJoin(peers)
}

// lagging looks for followers of the ISR that have not caught up for lagMax,
// and proposes an ISR without them.
func (c *core) lagging(now, lagMax model.Millis) (e effects) {
	if !c.open || !c.leads() || c.rf == nil || c.rf.pending.seq != 0 {
		return e
	}
	for i := range c.rf.followers {
		if c.outOfSync(&c.rf.followers[i], now, lagMax) {
			c.rf.pending = pendingISR{seq: c.nextProposal(), shrink: true}
			e.propose = true
			return e
		}
	}
	return e
}

func (c *core) outOfSync(f *follower, now, lagMax model.Millis) bool {
	return slices.Contains(c.rf.isr, f.id) && !f.isCaughtUp(c.logEnd, now, lagMax)
}

// proposal is the ISR to send to the controller for the pending change.
func (c *core) proposal(own model.BrokerEpoch, now, lagMax model.Millis) Proposal {
	g := c.rf
	p := Proposal{Seq: g.pending.seq, LeaderEpoch: c.epoch, PartitionEpoch: c.partitionEpoch}
	add := func(id model.BrokerID) {
		epoch := model.BrokerEpoch(-1)
		if id == c.self {
			epoch = own
		} else if f := g.follower(id); f != nil && f.epoch != noEpochYet {
			epoch = f.epoch
		}
		p.ISR, p.Epochs = append(p.ISR, id), append(p.Epochs, epoch)
	}
	for _, id := range g.isr {
		if f := g.follower(id); g.pending.shrink && f != nil && c.outOfSync(f, now, lagMax) {
			continue
		}
		add(id)
	}
	if !g.pending.shrink {
		add(g.pending.added)
	}
	return p
}

// proposed takes the controller's answer to proposal seq: the new ISR with
// code None, or why not. again asks to send the proposal once more.
func (c *core) proposed(seq uint32, code kerr.Code, isr []model.BrokerID, epoch model.LeaderEpoch, partitionEpoch int32, now, lagMax model.Millis, peers Peers) (e effects, again bool) {
	if c.rf == nil || c.rf.pending.seq != seq {
		return e, false // newer metadata has come meanwhile
	}
	switch code {
	case kerr.None:
		if epoch != c.epoch || partitionEpoch < c.partitionEpoch {
			return e, false
		}
		c.rf.isr = slices.Clone(isr)
		c.rf.pending = pendingISR{}
		c.partitionEpoch = partitionEpoch
		e = c.advance(now, lagMax, peers)
		c.check()
		return e, false
	case kerr.OperationNotAttempted, kerr.IneligibleReplica:
		// The controller says for sure that nothing was changed.
		c.rf.pending = pendingISR{}
		return e, false
	case kerr.UnknownTopicOrPartition, kerr.UnknownTopicId, kerr.FencedLeaderEpoch,
		kerr.InvalidUpdateVersion, kerr.InvalidRequest, kerr.NewLeaderElected:
		// Metadata on its way will tell; until then nothing else is proposed.
		return e, false
	}
	return e, true
}

// followed takes what a follower learns: its log end after an append, the
// leader's high watermark and log start.
func (c *core) followed(logStart, logEnd, leaderHW, unstable model.Offset) effects {
	e := effects{logEnd: logEnd > c.logEnd}
	c.logStart, c.logEnd, c.unstable = max(c.logStart, logStart), logEnd, unstable
	hw := max(min(leaderHW, logEnd), c.logStart)
	c.highWatermark = max(c.highWatermark, c.logStart)
	c.lastStable = max(c.lastStable, c.logStart)
	e.merge(c.setHighWatermark(hw))
	c.check()
	return e
}

// truncated takes the log end after a truncation, which may lie below the high
// watermark of a follower that was unclean.
func (c *core) truncated(logStart, logEnd, unstable model.Offset) {
	c.logStart, c.logEnd, c.unstable = logStart, logEnd, unstable
	c.highWatermark = min(max(c.highWatermark, logStart), logEnd)
	c.lastStable = c.stable()
	c.check()
}

// startRaised takes a new log start.
func (c *core) startRaised(logStart, unstable model.Offset) (e effects) {
	if logStart <= c.logStart {
		return e
	}
	c.logStart, c.unstable = logStart, unstable
	c.highWatermark = max(c.highWatermark, logStart)
	c.lastStable = max(c.lastStable, logStart)
	e = c.setHighWatermark(c.highWatermark)
	e.lowWatermark = true
	c.check()
	return e
}

// fence compares a request's idea of the leader epoch with ours.
func (c *core) fence(current model.LeaderEpoch) kerr.Code {
	switch {
	case current == model.NoEpoch || current == c.epoch:
		return kerr.None
	case current < c.epoch:
		return kerr.FencedLeaderEpoch
	}
	return kerr.UnknownLeaderEpoch
}

// serve checks a read of any kind: the epoch, then leadership if it must be
// the leader who answers.
func (c *core) serve(current model.LeaderEpoch, anyReplica bool) kerr.Code {
	if code := c.fence(current); code != kerr.None {
		return code
	}
	if !anyReplica && !c.leads() {
		return kerr.NotLeaderOrFollower
	}
	return kerr.None
}

// bound is how far a reader may see.
func (c *core) bound(iso Isolation) model.Offset {
	switch iso {
	case ReadCommitted:
		return c.lastStable
	case ReadAll:
		return c.logEnd
	}
	return c.highWatermark
}

// lagsBehindEpoch reports a new leader that does not know yet how much of the
// log is committed: its high watermark is below where its epoch began.
func (c *core) lagsBehindEpoch() bool { return c.leads() && c.epochStart > c.highWatermark }

// mayAppend checks an append as leader.
func (c *core) mayAppend(acks int16, epoch model.LeaderEpoch) (kerr.Code, string) {
	if !c.leads() || epoch != model.NoEpoch && epoch != c.epoch {
		return kerr.NotLeaderOrFollower, ""
	}
	if size, minimum := c.isrSize(), c.effectiveMinISR(); acks == -1 && size < minimum {
		var isr []model.BrokerID
		if c.rf != nil {
			isr = c.rf.isr
		}
		return kerr.NotEnoughReplicas, fmt.Sprintf("The size of the current ISR : %d is insufficient to satisfy the min.isr requirement of %d, live replica(s) broker.id are : %v", size, minimum, isr)
	}
	return kerr.None, ""
}

// committed answers a produce with acks=-1 that waits for required.
func (c *core) committed(required model.Offset, epoch model.LeaderEpoch) (done bool, code kerr.Code) {
	if !c.leads() || epoch != c.epoch {
		return true, kerr.NotLeaderOrFollower
	}
	if c.highWatermark < required {
		return false, kerr.None
	}
	if c.rf != nil && c.effectiveMinISR() > c.rf.maximalISRSize() {
		return true, kerr.NotEnoughReplicasAfterAppend
	}
	return true, kerr.None
}

// lowWatermark is the smallest log start of the live replicas.
func (c *core) lowWatermark(peers Peers) model.Offset {
	low := c.logStart
	if c.rf == nil {
		return low
	}
	for i := range c.rf.followers {
		f := &c.rf.followers[i]
		if f.logStart >= low {
			continue
		}
		if _, alive, _ := peers.Broker(f.id); alive {
			low = f.logStart
		}
	}
	return low
}
