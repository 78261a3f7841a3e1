package storage

import (
	"errors"
	"iter"
	"sync"

	"gregor/internal/model"
)

// HighWatermark is the checkpointed high watermark of the partition; 0 if
// there is none.
func (l *Log) HighWatermark() model.Offset {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.savedWatermark
}

// HighWatermark is the checkpointed high watermark of a partition; 0 if there
// is none.
func (d *Dirs) HighWatermark(tp model.TopicPartition) model.Offset {
	if l := d.Log(tp); l != nil {
		return l.HighWatermark()
	}
	return 0
}

// logsOf are the logs of a directory.
func (d *Dirs) logsOf(r *root) []*Log {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.logsOfLocked(r)
}

func (d *Dirs) logsOfLocked(r *root) []*Log {
	return byName(func(yield func(*Log) bool) {
		for _, l := range d.mu.logs {
			if l.root == r && !yield(l) {
				return
			}
		}
	})
}

// takeLogs is logsOf; with all, checkpoints of these logs are about to replace
// whatever spoke of others.
func (d *Dirs) takeLogs(r *root, all bool) []*Log {
	if all {
		d.mu.Lock()
		defer d.mu.Unlock()
		r.gone = map[model.TopicPartition]struct{}{}
	} else {
		d.mu.RLock()
		defer d.mu.RUnlock()
	}
	return d.logsOfLocked(r)
}

// CheckpointHighWatermarks writes replication-offset-checkpoint in every
// directory (replica.high.watermark.checkpoint.interval.ms). hw is asked for
// every log; ok false keeps what the last checkpoint said.
func (d *Dirs) CheckpointHighWatermarks(hw func(*Log) (o model.Offset, ok bool)) error {
	return d.each(func(r *root) error {
		r.saving.Lock()
		defer r.saving.Unlock()
		var lines offsetLines
		for _, l := range d.logsOf(r) {
			var o model.Offset
			ok := false
			if hw != nil {
				o, ok = hw(l)
			}
			l.mu.Lock()
			if ok {
				l.savedWatermark = o
			}
			lines.add(l.tp, l.savedWatermark)
			l.mu.Unlock()
		}
		return lines.write(r.fs, r.path, highWatermarksName)
	})
}

// each runs f on every online directory; an error takes it offline.
func (d *Dirs) each(f func(*root) error) error {
	var errs []error
	for _, r := range d.roots {
		if r.offline() != nil {
			continue
		}
		if err := f(r); err != nil {
			if !shortage(err) {
				err = r.fail(err)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// CheckpointRecoveryPoints writes recovery-point-offset-checkpoint in every
// directory (log.flush.offset.checkpoint.interval.ms).
func (d *Dirs) CheckpointRecoveryPoints() error {
	return d.each(func(r *root) error { return r.checkpoint(true, false) })
}

// CheckpointLogStarts writes log-start-offset-checkpoint in every directory
// (log.flush.start.offset.checkpoint.interval.ms).
func (d *Dirs) CheckpointLogStarts() error {
	return d.each(func(r *root) error { return r.checkpoint(false, true) })
}

// checkpoint writes the recovery points, or the log starts, of the directory.
// Afterwards they promise no more than the logs held when it began.
func (r *root) checkpoint(withPoints, withStarts bool) error {
	r.saving.Lock()
	defer r.saving.Unlock()
	var points, starts offsetLines
	logs := r.dirs.takeLogs(r, withPoints && withStarts)
	type saved struct{ recovery, start model.Offset }
	values := make([]saved, len(logs))
	for i, l := range logs {
		l.mu.Lock()
		v := saved{l.RecoveryPoint(), 0}
		// Kafka leaves a log start at a segment's base out. Here that takes
		// synced records above it: an empty segment's name may not be durable.
		if l.LogStart() > 0 && (l.st == nil || l.LogStart() > l.st.segs[0].base || l.LogStart() >= v.recovery) {
			v.start = l.LogStart()
			starts.add(l.tp, v.start)
		}
		points.add(l.tp, v.recovery)
		l.mu.Unlock()
		values[i] = v
	}
	if withPoints {
		if err := points.write(r.fs, r.path, recoveryPointsName); err != nil {
			return err
		}
	}
	if withStarts {
		if err := starts.write(r.fs, r.path, logStartsName); err != nil {
			return err
		}
	}
	for i, l := range logs {
		l.mu.Lock()
		if withPoints {
			l.savedRecovery = values[i].recovery
		}
		if withStarts {
			l.savedStart = values[i].start
		}
		l.mu.Unlock()
	}
	return nil
}

// RetentionDue yields the logs of which retention may have something to delete
// now; the caller runs DeleteOldSegments on each, as a writer
// (log.retention.check.interval.ms). Unloaded partitions whose records are not
// old enough yet cost nothing.
func (d *Dirs) RetentionDue(now model.Millis) iter.Seq[*Log] {
	return func(yield func(*Log) bool) {
		for l := range d.Logs() {
			if l.retentionDue(now) && !yield(l) {
				return
			}
		}
	}
}

// FlushDirty flushes the logs whose oldest unsynced record is flush.ms old
// (log.flush.scheduler.interval.ms).
func (d *Dirs) FlushDirty(now model.Millis) error {
	var errs []error
	for l := range d.Logs() {
		if l.flushDue(now) {
			errs = append(errs, l.Flush())
		}
	}
	return errors.Join(errs...)
}

func (l *Log) flushDue(now model.Millis) bool {
	if l.end.Load() <= l.recovery.Load() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.st != nil && int64(now-l.st.dirtySince) >= l.Config().FlushMs
}

// Background does what was left for later: syncs rolled segments, removes
// .deleted files and -delete directories whose delay is over. It returns when
// something is due next (0: nothing is known to be); calling it once a second
// is often enough.
func (d *Dirs) Background(now model.Millis) (next model.Millis, err error) {
	var errs []error
	for _, r := range d.roots {
		if r.offline() != nil {
			continue
		}
		r.work.Lock()
		sealed := r.work.sealed
		r.work.sealed = nil
		r.work.Unlock()
		for _, l := range sealed {
			errs = append(errs, l.flushSealed())
		}
		at, err := r.removeDead(now, d.o.Defaults.FileDeleteDelayMs)
		errs = append(errs, err)
		if at > 0 && (next == 0 || at < next) {
			next = at
		}
	}
	return next, errors.Join(errs...)
}

// Recover checks the logs that a crash left unchecked and nobody has used yet,
// Options.Workers at a time, until all are done or stop returns true. Until
// then such a log is recovered when it is first used, and a clean shutdown is
// not recorded as one.
func (d *Dirs) Recover(now model.Millis, stop func() bool) error {
	var mu sync.Mutex
	var errs []error
	work := make(chan *Log)
	var wg sync.WaitGroup
	for range d.o.Workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for l := range work {
				if err := l.recoverIdle(now); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		}()
	}
	for l := range d.Logs() {
		if stop != nil && stop() {
			break
		}
		if l.root.offline() == nil && l.unchecked() {
			work <- l
		}
	}
	close(work)
	wg.Wait()
	return errors.Join(errs...)
}

// unchecked reports whether a crash left the log unchecked.
func (l *Log) unchecked() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.st == nil && !l.clean && !l.closed
}

// Close closes all logs, writes the checkpoints and, where everything
// succeeded and no log is left unchecked, .kafka_cleanshutdown with the broker
// epoch; then it unlocks the directories.
func (d *Dirs) Close(now model.Millis, epoch model.BrokerEpoch, hw func(*Log) (model.Offset, bool)) error {
	defer d.unlock()
	errs := []error{d.CheckpointHighWatermarks(hw)}
	errs = append(errs, d.each(func(r *root) error {
		logs := d.logsOf(r)
		complete := true
		for _, l := range logs {
			complete = complete && !l.unchecked()
		}
		if err := r.closeAll(logs, d.o.Workers); err != nil {
			return err
		}
		if err := r.checkpoint(true, true); err != nil || !complete {
			return err
		}
		return writeCleanShutdown(r.fs, r.path, epoch)
	}))
	return errors.Join(errs...)
}
