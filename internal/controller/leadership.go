package controller

import (
	"fmt"
	"time"

	"gregor/internal/clock"
	"gregor/internal/config"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// leaderChanged claims or gives up leadership.
func (c *Controller) leaderChanged(l leaderChange) {
	mine := l.leader == c.o.ID
	switch {
	case c.active && mine:
		c.s.epoch = l.epoch
	case c.active:
		c.log.Warn(fmt.Sprintf("Renouncing the leadership due to a metadata log event. We were the leader at epoch %d, but in the new epoch %d, the leader is %s. Reverting to last stable offset %d.",
			c.s.epoch, l.epoch, leaderName(l.leader), c.loader.Image().At.Offset))
		c.standBy(nil)
	case mine:
		c.claim(l.epoch)
	default:
		c.log.Info(fmt.Sprintf("In the new epoch %d, the leader is %s.", l.epoch, leaderName(l.leader)))
	}
}

func leaderName(id model.BrokerID) string {
	if id == model.NoBroker {
		return "(none)"
	}
	return fmt.Sprint(int32(id))
}

func (c *Controller) claim(epoch model.LeaderEpoch) {
	c.log.Info(fmt.Sprintf("Becoming the active controller at epoch %d, next write offset %d.", epoch, c.o.Log.End()))
	c.active, c.ready, c.s.epoch = true, false, epoch
	c.s.tip = c.loader.Image()
	for b := range c.s.tip.Cluster.Brokers() {
		// Every broker gets a full session to find the new controller.
		if !b.Fenced {
			c.sessions.touch(b.ID, b.Epoch, c.s.now)
		}
		c.s.hearts.begin(b.ID, b.Fenced, c.s.tip.At.Offset)
	}
	recs, err := c.s.activate(c.o.Bootstrap, c.loader.InTransaction())
	if err != nil {
		c.o.OnFatal(fmt.Errorf("exception while completing controller activation: %w", err))
		return
	}
	c.logActivation(recs)
	c.ready = true
	if len(recs) > 0 {
		c.accept(nil, result{records: recs, split: true})
		c.flush()
	}
	if c.active {
		c.tasks = newTasks(c.o.Config, c.s.now)
	}
}

func (c *Controller) logActivation(recs []metadata.Record) {
	msg := "Performing controller activation."
	if c.s.version() == metadata.NoVersion {
		msg += fmt.Sprintf(" The metadata log appears to be empty. Appending %d bootstrap record(s).", len(c.o.Bootstrap))
	} else if len(recs) > 0 {
		msg += " Aborting in-progress metadata transaction."
	}
	c.log.Warn(msg)
}

// renounce gives leadership up after a failure.
func (c *Controller) renounce(undone []decided) {
	c.o.Log.Resign(c.s.epoch)
	c.standBy(undone)
}

// standBy forgets everything that is not committed.
func (c *Controller) standBy(undone []decided) {
	c.active, c.ready = false, false
	c.tasks = tasks{}
	c.s.tip = c.loader.Image()
	c.s.hearts.revert(c.s.tip)
	c.sessions.clear()
	for _, d := range undone {
		if d.call != nil {
			c.refuse(d.call, errNoController)
		}
	}
	c.dropAll(errNoController)
}

// dropAll answers all that waits with an error.
func (c *Controller) dropAll(err error) {
	pend, batch := c.pending, c.batch
	c.pending, c.batch, c.batched, c.weight = nil, nil, nil, 0
	for _, p := range pend {
		batch = append(p.done, batch...)
	}
	for _, d := range batch {
		if d.call != nil {
			c.refuse(d.call, err)
		}
	}
}

// tasks is when the active controller does something by itself; 0 is never.
type tasks struct {
	noOp, fence, balance, unclean                     model.Millis
	noOpEvery, fenceEvery, balanceEvery, uncleanEvery model.Millis
}

func newTasks(conf *config.Values, now model.Millis) tasks {
	t := tasks{
		noOpEvery:    model.Millis(conf.Int("metadata.max.idle.interval.ms")),
		fenceEvery:   max(1, model.Millis(conf.Int("broker.session.timeout.ms")/8)),
		uncleanEvery: model.Millis(conf.Int("unclean.leader.election.interval.ms")),
	}
	if conf.Bool("auto.leader.rebalance.enable") {
		t.balanceEvery = model.Millis(conf.Int("leader.imbalance.check.interval.seconds")) * 1000
	}
	first := func(every model.Millis) model.Millis {
		if every <= 0 {
			return 0
		}
		return now + every
	}
	t.noOp, t.fence, t.balance, t.unclean = first(t.noOpEvery), first(t.fenceEvery), first(t.balanceEvery), first(t.uncleanEvery)
	return t
}

// next is when the next task is due, 0 if there is none.
func (t *tasks) next() model.Millis {
	var next model.Millis
	for _, at := range []model.Millis{t.noOp, t.fence, t.balance, t.unclean} {
		if at != 0 && (next == 0 || at < next) {
			next = at
		}
	}
	return next
}

func (t *tasks) wait(clk clock.Clock, now model.Millis) (<-chan time.Time, func()) {
	next := t.next()
	if next == 0 {
		return nil, func() {}
	}
	return clk.After(time.Duration(max(0, next-now)) * time.Millisecond)
}

// due reports whether a task is due, and when it is due again.
func due(at *model.Millis, every, now model.Millis) bool {
	if *at == 0 || now < *at {
		return false
	}
	*at = now + every
	return true
}

func (c *Controller) runTasks() {
	if !c.active || !c.ready {
		return
	}
	t := &c.tasks
	if due(&t.noOp, t.noOpEvery, c.s.now) {
		c.accept(nil, result{records: []metadata.Record{metadata.V0(&wire.NoOpRecord{})}})
	}
	if due(&t.fence, t.fenceEvery, c.s.now) {
		c.fenceStale()
	}
	if due(&t.balance, t.balanceEvery, c.s.now) {
		c.round(&t.balance, c.s.balanceLeaders)
	}
	if due(&t.unclean, t.uncleanEvery, c.s.now) {
		c.round(&t.unclean, c.s.electUncleanly)
	}
}

// round does one round of a task, and the next one soon if there is more to do.
func (c *Controller) round(at *model.Millis, do func() ([]metadata.Record, bool)) {
	recs, more := do()
	if more {
		*at = c.s.now + 10
	}
	if len(recs) > 0 {
		c.accept(nil, result{records: recs, split: true})
	}
}

// fenceStale fences the brokers whose session has ended, one after the other, so
// that each fencing sees the one before.
func (c *Controller) fenceStale() {
	for c.active {
		id, epoch, ok := c.sessions.takeExpired(c.s.now)
		if !ok {
			return
		}
		b := c.s.tip.Cluster.Broker(id)
		if b == nil || b.Epoch != epoch || b.Fenced {
			continue
		}
		c.log.Info(fmt.Sprintf("Fencing broker %d at epoch %d because its session has timed out.", id, epoch))
		c.accept(nil, result{records: c.s.fenced(b), split: true})
	}
}
