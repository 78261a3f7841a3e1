package tool

import (
	"context"
	"time"
)

// throttler keeps a loop at a number of things a second (ThroughputThrottler
// of Apache Kafka).
type throttler struct {
	perSecond float64 // < 0: no limit; 0: nothing passes
	start     time.Time
	each      time.Duration
	deficit   time.Duration
}

const minSleep = 2 * time.Millisecond

func newThrottler(perSecond float64, start time.Time) *throttler {
	t := &throttler{perSecond: perSecond, start: start}
	if perSecond > 0 {
		t.each = time.Duration(float64(time.Second) / perSecond)
	}
	return t
}

// wait sleeps if done things since the start are too many by now.
func (t *throttler) wait(ctx context.Context, done int64, now time.Time) {
	elapsed := now.Sub(t.start).Seconds()
	if t.perSecond < 0 || elapsed <= 0 || float64(done)/elapsed <= t.perSecond {
		return
	}
	if t.perSecond == 0 {
		<-ctx.Done()
		return
	}
	if t.deficit += t.each; t.deficit < minSleep {
		return
	}
	select {
	case <-time.After(t.deficit):
	case <-ctx.Done():
	}
	t.deficit = 0
}
