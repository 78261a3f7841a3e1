package storage

import (
	"math"
	"slices"

	"gregor/internal/model"
)

// DeleteOldSegments applies retention: below the log start offset, by size and
// by time (the last two only if cleanup.policy has delete), always from the
// oldest segment on and never at or above highWatermark. The active segment
// may go too; a new one then begins at the log end. The files get the suffix
// .deleted and are removed FileDeleteDelayMs later (Dirs.Background,
// RemoveDeleted). It returns the number of segments removed. An unloaded log is
// unloaded again afterwards.
//
// It is a writer's method: the caller serializes it with Append.
func (l *Log) DeleteOldSegments(now model.Millis, highWatermark model.Offset) (int, error) {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	idle := !l.Loaded()
	l.mu.Lock()
	st, err := l.loadedLocked(now)
	l.mu.Unlock()
	if err != nil {
		return 0, err
	}
	total := 0
	for _, pass := range l.passes(st, l.Config(), now) {
		n, err := l.deleteWhile(st, highWatermark, now, pass)
		total += n
		if err != nil {
			return total, l.failed("retention", err)
		}
	}
	if idle {
		return total, l.shutLocked(false)
	}
	return total, nil
}

// condition says whether the segment at index i of st.segs may go.
type condition func(i int, s *segment) (bool, error)

func (l *Log) passes(st *state, cfg *Config, now model.Millis) []condition {
	passes := []condition{func(i int, s *segment) (bool, error) {
		return i+1 < len(st.segs) && st.segs[i+1].base <= l.LogStart(), nil
	}}
	if !cfg.Delete {
		return passes
	}
	if cfg.RetentionBytes >= 0 {
		var excess int64
		passes = append(passes, func(i int, s *segment) (bool, error) {
			if i == 0 {
				excess = st.size() - cfg.RetentionBytes
			}
			excess -= s.size
			return excess >= 0, nil
		})
	}
	if cfg.RetentionMs >= 0 {
		passes = append(passes, func(i int, s *segment) (bool, error) {
			t, err := s.largestTime()
			return int64(now-t) > cfg.RetentionMs, err
		})
	}
	return passes
}

// deleteWhile removes segments from the front as long as may says so. The
// caller holds wmu.
func (l *Log) deleteWhile(st *state, hw model.Offset, now model.Millis, may condition) (int, error) {
	l.mu.Lock()
	n := 0
	for i, s := range st.segs {
		upper := l.LogEnd()
		if i+1 < len(st.segs) {
			upper = st.segs[i+1].base
		} else if s.size == 0 {
			break
		}
		if hw < upper {
			break
		}
		ok, err := may(i, s)
		if err != nil {
			l.mu.Unlock()
			return 0, err
		}
		if !ok {
			break
		}
		n++
	}
	all := n == len(st.segs)
	l.mu.Unlock()
	if n == 0 {
		return 0, nil
	}
	if all {
		// There is always a segment to append to.
		if err := l.roll(st, l.LogEnd(), now); err != nil {
			return 0, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	gone := st.segs[:n]
	st.segs = slices.Clone(st.segs[n:])
	l.raiseStart(st, max(l.LogStart(), st.segs[0].base))
	return n, l.retireAll(st, gone, now)
}

// RemoveDeleted removes files whose delay is over; for a log opened alone.
func (l *Log) RemoveDeleted(now model.Millis) error {
	_, err := l.root.removeDead(now, l.Config().FileDeleteDelayMs)
	return err
}

// never is a time retention need not look before.
const never = model.Millis(math.MaxInt64)

// retentionDue reports whether retention could delete something of the log at
// now. An unloaded log that has nothing to lose before some time is left
// alone until then.
func (l *Log) retentionDue(now model.Millis) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.root.offline() != nil {
		return false
	}
	return l.st != nil || now >= l.retainFrom
}

// foresee is the earliest time at which retention could delete something,
// given that nothing is appended. Called before a log is unloaded.
func (l *Log) foresee(st *state, cfg *Config) model.Millis {
	first := st.segs[0]
	if len(st.segs) > 1 && (st.segs[1].base <= l.LogStart() || cfg.Delete && cfg.RetentionBytes >= 0 && st.size() > cfg.RetentionBytes) {
		return 0
	}
	if !cfg.Delete || first.size == 0 && len(st.segs) == 1 {
		return never
	}
	if cfg.RetentionBytes >= 0 && st.size()-first.size >= cfg.RetentionBytes {
		return 0
	}
	if cfg.RetentionMs < 0 {
		return never
	}
	t, err := first.largestTime()
	if err != nil || int64(t) > math.MaxInt64-cfg.RetentionMs-1 {
		return 0
	}
	return t + model.Millis(cfg.RetentionMs) + 1
}
