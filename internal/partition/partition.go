package partition

import (
	"errors"
	"sync"
	"sync/atomic"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/storage"
)

// Env is what all partitions of a broker share.
type Env struct {
	// Self is the broker's id.
	Self model.BrokerID
	// LagMax is replica.lag.time.max.ms.
	LagMax model.Millis
	// VerifyTxns is transaction.partition.verification.enable, which may change.
	VerifyTxns *atomic.Bool
	// Peers is the metadata about other brokers.
	Peers Peers
	// Propose hands an ISR to whoever sends AlterPartition, which leads to a
	// call of Proposed. It is called with locks held: it must neither block
	// nor call back. BrokerEpoch is our own epoch. Neither is needed while no
	// partition has several replicas.
	Propose     func(*Partition, Proposal)
	BrokerEpoch func() model.BrokerEpoch
}

// Partition is one replica of a partition. Get it from replica.Set; hold it no
// longer than a request.
type Partition struct {
	env   *Env
	topic string
	id    model.TopicID
	index int32
	log   *storage.Log
	cfg   atomic.Pointer[Config]
	queue combiner

	// write serializes what changes the log. Held across the write system
	// call, never across a wait. Taken before state.
	write sync.Mutex

	state struct {
		sync.Mutex
		core    core
		waiters waitList
		// used is when the partition was last read or written.
		used model.Millis
		// kept is the high watermark of an unloaded log, model.NoOffset if
		// only the checkpoint knows.
		kept model.Offset
		gone kerr.Code // not None: the partition was deleted or its directory failed
	}
}

// New is the partition over log, without a leader. It opens nothing.
func New(env *Env, log *storage.Log, id model.TopicID, c *Config) *Partition {
	tp := log.Partition()
	p := &Partition{env: env, topic: tp.Topic, index: tp.Partition, id: id, log: log}
	p.cfg.Store(c)
	p.state.core = newCore(env.Self)
	p.state.core.minISR = int32(c.MinInsync)
	p.state.kept = model.NoOffset
	return p
}

// Topic is the topic's name.
func (p *Partition) Topic() string { return p.topic }

// Index is the partition's number.
func (p *Partition) Index() int32 { return p.index }

// TopicID is the topic's id.
func (p *Partition) TopicID() model.TopicID { return p.id }

// Name is topic and number.
func (p *Partition) Name() model.TopicPartition {
	return model.TopicPartition{Topic: p.topic, Partition: p.index}
}

// Log is the log below, for the work of replica.Set.
func (p *Partition) Log() *storage.Log { return p.log }

// Leader is the leader this replica knows of, and its epoch.
func (p *Partition) Leader() (model.BrokerID, model.LeaderEpoch) {
	p.state.Lock()
	defer p.state.Unlock()
	return p.state.core.leader, p.state.core.epoch
}

// IsLeader reports whether this broker leads.
func (p *Partition) IsLeader() bool {
	p.state.Lock()
	defer p.state.Unlock()
	return p.state.core.leads()
}

// Config is the configuration in force.
func (p *Partition) Config() *Config { return p.cfg.Load() }

// SetConfig puts c in force.
func (p *Partition) SetConfig(c *Config, now model.Millis, woken *Woken) {
	p.cfg.Store(c)
	p.log.SetConfig(c.Log)
	p.state.Lock()
	p.state.core.minISR = int32(c.MinInsync)
	e := p.state.core.advance(now, p.env.LagMax, p.env.Peers)
	p.wake(e, wakeAnyway, woken)
	p.state.Unlock()
	p.settle(woken)
}

// Apply takes the partition's registration from the metadata: this replica
// becomes leader or follower, or only learns of a new ISR. A registration
// older than the one known is ignored. It opens nothing.
func (p *Partition) Apply(r *Registration, now model.Millis, woken *Woken) error {
	p.write.Lock()
	defer p.write.Unlock()
	p.state.Lock()
	_, had := p.state.core.leader, p.state.core.epoch
	stale := r.PartitionEpoch < p.state.core.partitionEpoch
	p.state.Unlock()
	if stale {
		return nil
	}
	// Followers may ask where an epoch began before anything is written in it.
	if r.Leader == p.env.Self && r.LeaderEpoch > had {
		if err := p.log.AssignEpoch(r.LeaderEpoch); err != nil {
			return err
		}
	}
	p.state.Lock()
	e, _ := p.state.core.apply(r, now, p.env.LagMax, p.env.Peers)
	p.wake(e, wakeAnyway, woken)
	p.state.Unlock()
	p.settleWriting(woken)
	return nil
}

// Stop ends all use: requests are answered with code from now on, and who
// waits is woken. It returns when no append is under way.
func (p *Partition) Stop(code kerr.Code, woken *Woken) {
	p.write.Lock()
	defer p.write.Unlock()
	p.state.Lock()
	defer p.state.Unlock()
	p.state.gone = code
	p.state.core.leader = model.NoBroker
	p.wake(effects{everyone: true}, wakeAnyway, woken)
}

// open loads the log if it is not loaded. On success core is open, unless the
// partition is stopped meanwhile.
func (p *Partition) open(now model.Millis, woken *Woken) kerr.Code {
	p.write.Lock()
	defer p.write.Unlock()
	return p.openWriting(now, woken)
}

// openWriting is open with write held.
func (p *Partition) openWriting(now model.Millis, woken *Woken) kerr.Code {
	p.state.Lock()
	open, gone, hw := p.state.core.open, p.state.gone, p.state.kept
	p.state.Unlock()
	if open || gone != kerr.None {
		return gone
	}
	if err := p.log.Load(now); err != nil {
		return code(err)
	}
	if hw == model.NoOffset {
		hw = p.log.HighWatermark()
	}
	unstable := p.unstable()
	p.state.Lock()
	p.state.used = now
	e := p.state.core.opened(p.log.LogStart(), p.log.LogEnd(), hw, unstable, now, p.env.LagMax, p.env.Peers)
	p.wake(e, wakeAnyway, woken)
	p.state.Unlock()
	p.settleWriting(woken)
	return kerr.None
}

// unstable is the first offset not decided; write is held.
func (p *Partition) unstable() model.Offset {
	if o, ok := p.producers().FirstUnstable(); ok {
		return o
	}
	return model.NoOffset
}

// producers is the producer table of the loaded log; write is held. A log that
// was closed under us, because its directory failed, has an empty one.
func (p *Partition) producers() *record.Producers {
	if ps := p.log.Producers(); ps != nil {
		return ps
	}
	return new(record.Producers)
}

// settle tells the producer state where the high watermark is, so that ended
// transactions below it stop holding back the last stable offset. Cheap when
// there is none. Call it without locks after the high watermark has moved.
func (p *Partition) settle(woken *Woken) {
	p.state.Lock()
	unstable := p.state.core.open && p.state.core.unstable != model.NoOffset
	p.state.Unlock()
	if unstable {
		p.write.Lock()
		p.settleWriting(woken)
		p.write.Unlock()
	}
}

// settleWriting is settle with write held.
func (p *Partition) settleWriting(woken *Woken) {
	p.state.Lock()
	defer p.state.Unlock()
	if !p.state.core.open || p.state.core.unstable == model.NoOffset {
		return
	}
	p.producers().PassedHighWatermark(p.state.core.highWatermark)
	p.wake(p.state.core.decided(p.unstable()), wakeAnyway, woken)
}

// code maps an error of storage to Kafka's.
func code(err error) kerr.Code {
	switch {
	case err == nil:
		return kerr.None
	case errors.Is(err, storage.ErrOutOfRange):
		return kerr.OffsetOutOfRange
	case errors.Is(err, storage.ErrTooLarge):
		return kerr.RecordListTooLarge
	case errors.Is(err, storage.ErrDeleted):
		return kerr.NotLeaderOrFollower
	case errors.Is(err, storage.ErrOffline), errors.Is(err, storage.ErrNoSpace):
		return kerr.KafkaStorageError
	case errors.Is(err, storage.ErrCorrupt):
		return kerr.CorruptMessage
	}
	return kerr.Of(err)
}

// Offsets is a snapshot of the offsets; it loads the log if need be.
func (p *Partition) Offsets(now model.Millis) (Offsets, error) {
	var woken Woken
	defer woken.Fire()
	if c := p.open(now, &woken); c != kerr.None {
		return Offsets{}, c
	}
	p.state.Lock()
	defer p.state.Unlock()
	c := &p.state.core
	return Offsets{c.logStart, c.lastStable, c.highWatermark, c.logEnd}, nil
}

// HighWatermark is the high watermark for the checkpoint; ok is false while it
// is not known better than the checkpoint knows it.
func (p *Partition) HighWatermark() (hw model.Offset, ok bool) {
	p.state.Lock()
	defer p.state.Unlock()
	if p.state.core.open {
		return p.state.core.highWatermark, true
	}
	return p.state.kept, p.state.kept != model.NoOffset
}

// StartVerification begins the first write of a transaction; see
// record.Producers.StartVerification.
func (p *Partition) StartVerification(id model.ProducerID, e model.ProducerEpoch, seq int32, bumpable bool, now model.Millis) (record.Guard, error) {
	var woken Woken
	defer woken.Fire()
	p.write.Lock()
	defer p.write.Unlock()
	if c := p.openWriting(now, &woken); c != kerr.None {
		return record.NoGuard, c
	}
	if !p.IsLeader() {
		return record.NoGuard, kerr.NotLeaderOrFollower
	}
	return p.producers().StartVerification(id, e, seq, bumpable, now)
}

// Producers appends what DescribeProducers shows to dst.
func (p *Partition) Producers(dst []record.ProducerInfo, now model.Millis) ([]record.ProducerInfo, kerr.Code) {
	var woken Woken
	defer woken.Fire()
	p.write.Lock()
	defer p.write.Unlock()
	if c := p.openWriting(now, &woken); c != kerr.None {
		return dst, c
	}
	for info := range p.producers().Each {
		dst = append(dst, info)
	}
	return dst, kerr.None
}
