package replica

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/storage"
)

// Timing is how often periodic work is done, in milliseconds. Values below 1
// are taken as 1.
type Timing struct {
	Retention       model.Millis // log.retention.check.interval.ms
	Flush           model.Millis // log.flush.scheduler.interval.ms
	RecoveryPoints  model.Millis // log.flush.offset.checkpoint.interval.ms
	LogStarts       model.Millis // log.flush.start.offset.checkpoint.interval.ms
	HighWatermarks  model.Millis // replica.high.watermark.checkpoint.interval.ms
	ProducerCheck   model.Millis // producer.id.expiration.check.interval.ms
	ProducerExpiry  model.Millis // producer.id.expiration.ms
	UnloadIdleAfter model.Millis // partitions unused for so long are unloaded; 0: never
}

// DefaultTiming is Kafka's defaults.
func DefaultTiming() Timing {
	return Timing{
		Retention: 300_000, Flush: math.MaxInt64, RecoveryPoints: 60_000, LogStarts: 60_000, HighWatermarks: 5_000,
		ProducerCheck: 600_000, ProducerExpiry: 86_400_000, UnloadIdleAfter: 600_000,
	}
}

// firstRetention is when retention is checked first, as in Kafka's LogManager.
const firstRetention model.Millis = 30_000

// work is the two goroutines that do what is due from time to time.
type work struct {
	stop   chan struct{}
	wakeup chan struct{}
	failed chan model.DirectoryID
	once   sync.Once
	wg     sync.WaitGroup
}

// maxFailed bounds the failures waiting to be worked off; there are no more
// directories than that.
const maxFailed = 256

func (w *work) init() {
	w.stop, w.wakeup, w.failed = make(chan struct{}), make(chan struct{}, 1), make(chan model.DirectoryID, maxFailed)
}

func (w *work) start(s *Set) {
	w.wg.Add(2)
	go func() { defer w.wg.Done(); s.runQuick() }()
	go func() { defer w.wg.Done(); s.runSlow() }()
}

func (w *work) end() {
	w.once.Do(func() { close(w.stop) })
	w.wg.Wait()
}

// poke makes the slow goroutine look whether there is something to remove.
func (w *work) poke() {
	select {
	case w.wakeup <- struct{}{}:
	default:
	}
}

// job is one kind of periodic work.
type job struct {
	every func(Timing) model.Millis
	due   model.Millis
	do    func(now model.Millis, t Timing) error
	name  string
}

// next runs what is due and returns when the next is.
func (s *Set) next(jobs []*job, now model.Millis) model.Millis {
	t := s.o.Timing()
	soonest := model.Millis(math.MaxInt64)
	for _, j := range jobs {
		if j.due <= now {
			if err := j.do(now, t); err != nil {
				s.o.Log.Error(fmt.Sprintf("Could not %s", j.name), "err", err)
			}
			j.due = later(now, j.every(t))
		}
		soonest = min(soonest, j.due)
	}
	return soonest
}

// later is now+d without overflow, at least one millisecond on.
func later(now, d model.Millis) model.Millis {
	d = max(d, 1)
	if d > math.MaxInt64-now {
		return math.MaxInt64
	}
	return now + d
}

// maxSleep bounds a wait, so that a changed Timing comes into force.
const maxSleep model.Millis = 1_000

func (s *Set) sleep(until model.Millis, now model.Millis, poked chan struct{}) (more bool) {
	d := min(max(until-now, 1), maxSleep)
	c, stop := s.o.Clock.After(time.Duration(d) * time.Millisecond)
	defer stop()
	select {
	case <-s.work.stop:
		return false
	case dir := <-s.work.failed:
		s.dirFailed(dir)
	case <-poked:
	case <-c:
	}
	return true
}

// runQuick does what does not wait for the disk for long.
func (s *Set) runQuick() {
	now := s.o.Clock.Now()
	hw := func(l *storage.Log) (model.Offset, bool) {
		if p := s.of(l); p != nil {
			return p.HighWatermark()
		}
		return 0, false
	}
	jobs := []*job{
		{name: "checkpoint high watermarks", due: now + s.o.Timing().HighWatermarks, every: func(t Timing) model.Millis { return t.HighWatermarks },
			do: func(model.Millis, Timing) error { return s.o.Dirs.CheckpointHighWatermarks(hw) }},
		{name: "check the ISRs", due: now + s.o.LagMax/2, every: func(Timing) model.Millis { return s.o.LagMax / 2 },
			do: func(now model.Millis, _ Timing) error { s.checkISRs(now); return nil }},
		{name: "expire producers", due: now + s.o.Timing().ProducerCheck, every: func(t Timing) model.Millis { return t.ProducerCheck },
			do: func(now model.Millis, t Timing) error { s.expireProducers(now, t.ProducerExpiry); return nil }},
	}
	for s.sleep(s.next(jobs, now), now, nil) {
		now = s.o.Clock.Now()
	}
}

// runSlow does what syncs and deletes.
func (s *Set) runSlow() {
	now := s.o.Clock.Now()
	s.recover(now)
	now = s.o.Clock.Now()
	var background model.Millis
	jobs := []*job{
		{name: "delete old segments", due: now + min(firstRetention, s.o.Timing().Retention), every: func(t Timing) model.Millis { return t.Retention },
			do: func(now model.Millis, _ Timing) error { return s.Retain(now) }},
		{name: "flush logs", due: later(now, s.o.Timing().Flush), every: func(t Timing) model.Millis { return t.Flush },
			do: func(now model.Millis, _ Timing) error { return s.o.Dirs.FlushDirty(now) }},
		{name: "checkpoint recovery points", due: now + s.o.Timing().RecoveryPoints, every: func(t Timing) model.Millis { return t.RecoveryPoints },
			do: func(model.Millis, Timing) error { return s.o.Dirs.CheckpointRecoveryPoints() }},
		{name: "checkpoint log start offsets", due: now + s.o.Timing().LogStarts, every: func(t Timing) model.Millis { return t.LogStarts },
			do: func(model.Millis, Timing) error { return s.o.Dirs.CheckpointLogStarts() }},
		{name: "unload idle logs", due: now + 60_000, every: func(Timing) model.Millis { return 60_000 },
			do: func(now model.Millis, t Timing) error { return s.unloadIdle(now, t.UnloadIdleAfter) }},
		{name: "remove deleted files", due: now, every: func(Timing) model.Millis { return background },
			do: func(now model.Millis, _ Timing) error {
				next, err := s.o.Dirs.Background(now)
				background = math.MaxInt64 // until poked
				if next > 0 {
					background = next - now
				}
				return err
			}},
	}
	for s.sleep(s.next(jobs, now), now, s.work.wakeup) {
		now = s.o.Clock.Now()
	}
}

// recover checks the logs of directories that were not shut down cleanly, so
// that a log nobody uses is in order too at the next shutdown. A log that is
// used before its turn is recovered then.
func (s *Set) recover(now model.Millis) {
	unclean := make(map[model.DirectoryID]bool)
	for _, d := range s.o.Dirs.List() {
		unclean[d.ID] = !d.Clean && d.Err == nil
	}
	todo := make(chan *partition.Partition)
	var wg sync.WaitGroup
	for range max(1, s.o.RecoveryThreads) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for p := range todo {
				if err := p.Recover(now); err != nil {
					s.o.Log.Error(fmt.Sprintf("Could not recover the log of partition %s", p.Name()), "err", err)
				}
			}
		}()
	}
	s.Each(func(p *partition.Partition) bool {
		if unclean[p.Log().DirID()] {
			todo <- p
		}
		return !s.stopping()
	})
	close(todo)
	wg.Wait()
}

func (s *Set) stopping() bool {
	select {
	case <-s.work.stop:
		return true
	default:
		return false
	}
}

// Retain applies retention to the logs that may have something to delete.
func (s *Set) Retain(now model.Millis) error {
	var woken partition.Woken
	var errs []error
	for l := range s.o.Dirs.RetentionDue(now) {
		if p := s.of(l); p != nil {
			if _, err := p.Retain(now, &woken); err != nil {
				errs = append(errs, err)
			}
			woken.Fire()
		}
		if s.stopping() {
			break
		}
	}
	return errors.Join(errs...)
}

func (s *Set) checkISRs(now model.Millis) {
	var woken partition.Woken
	s.Each(func(p *partition.Partition) bool {
		p.CheckISR(now, &woken)
		return true
	})
	woken.Fire()
}

func (s *Set) expireProducers(now, expiry model.Millis) {
	s.Each(func(p *partition.Partition) bool {
		p.ExpireProducers(now, expiry)
		return true
	})
}

func (s *Set) unloadIdle(now, after model.Millis) (err error) {
	if after <= 0 {
		return nil
	}
	s.Each(func(p *partition.Partition) bool {
		if _, e := p.Unload(now - after); e != nil {
			err = e
		}
		return !s.stopping()
	})
	return err
}

// DirFailed is told that a log directory failed (storage.Options.OnOffline). It
// may be called with storage's locks held: the partitions are taken out of use
// soon after, by a goroutine of the Set.
func (s *Set) DirFailed(dir model.DirectoryID) {
	select {
	case s.work.failed <- dir:
	case <-s.work.stop:
	}
}

// dirFailed takes the partitions of a failed directory out of use.
func (s *Set) dirFailed(dir model.DirectoryID) {
	var hit []*partition.Partition
	s.Each(func(p *partition.Partition) bool {
		if p.Log().DirID() == dir {
			hit = append(hit, p)
		}
		return true
	})
	var woken partition.Woken
	for _, p := range hit {
		p.Stop(kerr.KafkaStorageError, &woken)
	}
	woken.Fire()
	s.o.Log.Warn(fmt.Sprintf("%d partitions are offline with log directory %s", len(hit), dir))
}

// Close ends the periodic work, stops all partitions and closes the logs. With
// no error the shutdown was clean, and .kafka_cleanshutdown says so with the
// broker epoch.
func (s *Set) Close(epoch model.BrokerEpoch, now model.Millis) error {
	s.work.end()
	hws := make(map[*storage.Log]model.Offset)
	var woken partition.Woken
	s.Each(func(p *partition.Partition) bool {
		p.Stop(kerr.NotLeaderOrFollower, &woken)
		if hw, ok := p.HighWatermark(); ok {
			hws[p.Log()] = hw
		}
		return true
	})
	woken.Fire()
	return s.o.Dirs.Close(now, epoch, func(l *storage.Log) (model.Offset, bool) {
		hw, ok := hws[l]
		return hw, ok
	})
}
