package coordinator

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gregor/internal/clock"
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record/codec"
	"gregor/internal/wire"
)

type bench struct {
	rt    *Runtime[*kv]
	logs  map[int32]*memLog
	clock *clock.Manual
}

func newBench(linger model.Millis, partitions int32) *bench {
	b := &bench{logs: map[int32]*memLog{}, clock: clock.NewManual(1000)}
	for p := range partitions {
		b.logs[p] = &memLog{epoch: 1, auto: true}
	}
	b.rt = New(Options[*kv]{
		Topic: "__consumer_offsets", Records: wire.ConsumerOffsets,
		New: func(_ int32, h *History, t *Timers) *kv {
			return &kv{m: NewMap[string, int64](h), timers: t}
		},
		Open:   func(p int32) (Log, error) { return b.logs[p], nil },
		Linger: linger, Timeout: 5000, LoadBuffer: 1 << 16,
		Clock: b.clock, Log: slog.New(slog.DiscardHandler),
	})
	return b
}

// elect makes partition p serve.
func (b *bench) elect(t interface{ Fatalf(string, ...any) }, p int32) {
	b.rt.Elected(p, b.logs[p].epoch)
	b.await(t, p)
}

// await waits until the partition is not loading any more and rests: as long
// as the loader is at it, it does what others ask too.
func (b *bench) await(t interface{ Fatalf(string, ...any) }, p int32) {
	for range 20000 {
		a := &answer{}
		b.rt.Read(p, b.clock.Now(), func(*kv) error { return nil }, a.done)
		if err := a.peek(); err != kerr.CoordinatorLoadInProgress && err != errOpen {
			return
		}
		time.Sleep(50 * time.Microsecond) // the loader is a goroutine
	}
	t.Fatalf("partition %d is still loading", p)
}

// answer is what done was called with.
type answer struct {
	mu  sync.Mutex
	n   int
	err error
}

func (a *answer) done(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n++
	a.err = err
}

var errOpen = errors.New("no answer yet")

func (a *answer) peek() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.n > 1 {
		return fmt.Errorf("answered %d times", a.n)
	}
	if a.n == 0 {
		return errOpen
	}
	return a.err
}

func (b *bench) write(p int32, decide func(*kv, *Out) error) *answer {
	a := &answer{}
	b.rt.Write(p, b.clock.Now(), decide, a.done)
	return a
}

func (b *bench) put(p int32, name string, v int64) *answer {
	return b.write(p, func(_ *kv, out *Out) error { put(out, name, v); return nil })
}

func (b *bench) tip(p int32) (tip, committed map[string]int64, err error) {
	b.rt.Read(p, b.clock.Now(), func(m *kv) error {
		tip, committed = maps.Collect(m.m.All), maps.Collect(m.m.AllCommitted)
		return nil
	}, func(e error) { err = e })
	return tip, committed, err
}

func want(t *testing.T, a *answer, err error) {
	t.Helper()
	if got := a.peek(); got != err {
		t.Fatalf("answer is %v, want %v", got, err)
	}
}

func TestAnswersWaitForTheCommit(t *testing.T) {
	b := newBench(-1, 1)
	defer b.rt.Close()
	want(t, b.put(0, "a", 1), kerr.NotCoordinator)
	b.elect(t, 0)
	l := b.logs[0]
	want(t, b.put(0, "a", 1), nil)
	l.auto = false
	second := b.put(0, "a", 2)
	look := b.write(0, func(*kv, *Out) error { return nil })
	third := b.put(0, "b", 3)
	for _, a := range []*answer{second, look, third} {
		want(t, a, errOpen)
	}
	tip, committed, _ := b.tip(0)
	if tip["a"] != 2 || committed["a"] != 1 || len(committed) != 1 {
		t.Fatalf("tip %v, committed %v", tip, committed)
	}
	l.commit(2)
	want(t, second, nil)
	want(t, look, nil)
	want(t, third, errOpen)
	l.commit(3)
	want(t, third, nil)
	tip, committed, _ = b.tip(0)
	if !maps.Equal(tip, committed) || tip["b"] != 3 {
		t.Fatalf("tip %v, committed %v", tip, committed)
	}
}

func TestAFailedAppendIsUndone(t *testing.T) {
	b := newBench(-1, 1)
	defer b.rt.Close()
	b.elect(t, 0)
	l := b.logs[0]
	want(t, b.put(0, "a", 1), nil)
	l.fail = kerr.NotEnoughReplicas
	var then error
	a := b.write(0, func(_ *kv, out *Out) error {
		put(out, "a", 2)
		put(out, "b", 2)
		out.Then(func(err error, _ *Out) { then = err })
		return nil
	})
	want(t, a, kerr.NotEnoughReplicas)
	if then != kerr.NotEnoughReplicas {
		t.Fatalf("the decision was told %v", then)
	}
	if tip, _, _ := b.tip(0); len(tip) != 1 || tip["a"] != 1 {
		t.Fatalf("tip is %v", tip)
	}
	l.fail = nil
	want(t, b.put(0, "a", 3), nil)
	if got := l.content(100); got["a"] != 3 {
		t.Fatalf("log holds %v", got)
	}
}

func TestOperationsTimeOut(t *testing.T) {
	b := newBench(-1, 1)
	defer b.rt.Close()
	b.elect(t, 0)
	b.logs[0].auto = false
	told := 0
	first := b.write(0, func(_ *kv, out *Out) error {
		put(out, "a", 1)
		out.Then(func(err error, _ *Out) {
			told++
			if err != kerr.RequestTimedOut {
				t.Errorf("told %v", err)
			}
		})
		return nil
	})
	b.clock.Advance(3 * time.Second)
	second := b.put(0, "b", 1)
	b.clock.Advance(2 * time.Second)
	b.rt.Advance(b.clock.Now())
	want(t, first, kerr.RequestTimedOut)
	want(t, second, errOpen)
	b.logs[0].commit(1) // what timed out is committed all the same
	if _, committed, _ := b.tip(0); committed["a"] != 1 {
		t.Fatalf("committed %v", committed)
	}
	b.logs[0].commit(2)
	want(t, second, nil)
	if told != 1 {
		t.Fatalf("told %d times", told)
	}
}

func TestLingerGathersABatch(t *testing.T) {
	b := newBench(5, 1)
	defer b.rt.Close()
	b.elect(t, 0)
	l := b.logs[0]
	var all []*answer
	for i := range 3 {
		all = append(all, b.put(0, fmt.Sprint(i), 1))
	}
	for _, a := range all {
		want(t, a, errOpen)
	}
	b.clock.Advance(5 * time.Millisecond)
	b.rt.Advance(b.clock.Now())
	for _, a := range all {
		want(t, a, nil)
	}
	if len(l.batches) != 1 || l.batches[0].Count() != 3 {
		t.Fatalf("%d batches were written", len(l.batches))
	}
}

func TestBatchesKeepToTheTopicsLimit(t *testing.T) {
	b := newBench(-1, 1)
	defer b.rt.Close()
	b.logs[0].max = 300
	b.elect(t, 0)
	many := func(atomic bool) *answer {
		return b.write(0, func(_ *kv, out *Out) error {
			for i := range 20 {
				put(out, fmt.Sprint("name", i), 1)
			}
			if atomic {
				out.Atomic()
			}
			return nil
		})
	}
	want(t, many(false), nil)
	if n := len(b.logs[0].batches); n < 2 {
		t.Fatalf("%d batches", n)
	}
	tip, _, _ := b.tip(0)
	want(t, many(true), kerr.MessageTooLarge)
	if now, _, _ := b.tip(0); !maps.Equal(tip, now) {
		t.Fatalf("tip was %v, is %v", tip, now)
	}
	want(t, b.put(0, strings.Repeat("x", 40000), 1), kerr.UnknownServerError)
}

func TestBatchesAreCompressed(t *testing.T) {
	b := newBench(-1, 1)
	defer b.rt.Close()
	b.rt.o.Codec = codec.Gzip
	b.elect(t, 0)
	name := strings.Repeat("name", 500)
	want(t, b.put(0, name, 7), nil)
	if batch := b.logs[0].batches[0]; batch.Codec() != codec.Gzip || len(batch) > 500 {
		t.Fatalf("a batch of %d bytes with codec %v", len(batch), batch.Codec())
	}
	b.rt.Resigned(0, 2)
	b.logs[0].epoch = 3
	b.elect(t, 0)
	if tip, _, err := b.tip(0); err != nil || tip[name] != 7 {
		t.Fatalf("loaded %v %v", tip, err)
	}
}

func TestResignedAnswersAll(t *testing.T) {
	b := newBench(-1, 1)
	defer b.rt.Close()
	b.elect(t, 0)
	l := b.logs[0]
	l.auto = false
	var machine *kv
	a := b.write(0, func(m *kv, out *Out) error { machine = m; put(out, "a", 1); return nil })
	b.rt.Resigned(0, 1) // not newer: ignored
	want(t, a, errOpen)
	b.rt.Resigned(0, 2)
	want(t, a, kerr.NotCoordinator)
	want(t, b.put(0, "a", 1), kerr.NotCoordinator)
	if !machine.unloaded || len(b.rt.Partitions()) != 0 {
		t.Fatal("not unloaded")
	}
	l.lead(true)
	l.lead(false)
	l.auto = true
	b.elect(t, 0)
	if tip, _, err := b.tip(0); err != nil || len(tip) != 0 {
		t.Fatalf("tip %v %v", tip, err)
	}
}

func TestReplayFailureFailsTheBatch(t *testing.T) {
	b := newBench(-1, 1)
	defer b.rt.Close()
	b.elect(t, 0)
	a := b.write(0, func(m *kv, out *Out) error {
		m.refuse = "bad"
		put(out, "good", 1)
		put(out, "bad", 1)
		return nil
	})
	want(t, a, kerr.UnknownServerError)
	if tip, _, _ := b.tip(0); len(tip) != 0 || b.logs[0].end != 0 {
		t.Fatalf("tip %v, log end %d", tip, b.logs[0].end)
	}
}

func TestOutOfSyncReloads(t *testing.T) {
	b := newBench(-1, 1)
	defer b.rt.Close()
	b.elect(t, 0)
	want(t, b.put(0, "a", 1), nil)
	b.logs[0].end = 5 // somebody else has written
	want(t, b.put(0, "b", 1), kerr.NotCoordinator)
	b.await(t, 0)
	if tip, _, err := b.tip(0); err != nil || tip["b"] != 1 || tip["a"] != 1 {
		t.Fatalf("tip %v %v", tip, err)
	}
	want(t, b.put(0, "c", 1), nil)
}

func TestLoadFailureRefuses(t *testing.T) {
	b := newBench(-1, 1)
	defer b.rt.Close()
	b.elect(t, 0)
	want(t, b.put(0, "a", 1), nil)
	b.rt.Resigned(0, 2)
	b.logs[0].readErr = kerr.KafkaStorageError
	b.logs[0].epoch = 3
	b.elect(t, 0)
	want(t, b.put(0, "a", 1), kerr.NotCoordinator)
	b.logs[0].readErr = nil
	b.logs[0].epoch = 4
	b.elect(t, 0)
	want(t, b.put(0, "a", 2), nil)
}

// TestAgainstTheLog: whatever happens to the partition, the newest state is
// what the log holds, the committed state what it holds below the high
// watermark, an operation answered with nil is in the log for good, and every
// operation is answered once.
func TestAgainstTheLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		linger := rapid.SampledFrom([]model.Millis{-1, 0, 7}).Draw(t, "linger")
		b := newBench(linger, 1)
		l := b.logs[0]
		b.elect(t, 0)
		l.auto = false
		type sent struct {
			a    *answer
			name string
			v    int64
		}
		var all []sent
		next := int64(0)
		leads := true
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0, 1, 2, 3:
				next++
				s := sent{name: fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "name"), next), v: next}
				s.a = b.put(0, s.name, s.v)
				all = append(all, s)
			case 4:
				n := rapid.Int64Range(int64(l.hw), int64(l.end)).Draw(t, "hw")
				l.commit(model.Offset(n))
			case 5:
				l.mu.Lock()
				l.fail = kerr.NotEnoughReplicas
				l.mu.Unlock()
				a := b.put(0, "failed", 1)
				b.clock.Advance(10 * time.Millisecond)
				b.rt.Advance(b.clock.Now())
				if leads && a.peek() == nil {
					t.Fatal("a failed append was answered as committed")
				}
				l.mu.Lock()
				l.fail = nil
				l.mu.Unlock()
			case 6:
				b.clock.Advance(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
				b.rt.Advance(b.clock.Now())
			case 7:
				epoch := l.lead(true) // another leader, who has only what is committed
				b.rt.Resigned(0, epoch)
				leads = false
			case 8:
				epoch := l.lead(false)
				b.rt.Elected(0, epoch)
				b.await(t, 0)
				leads = true
			case 9:
				b.clock.Advance(10 * time.Millisecond)
				b.rt.Advance(b.clock.Now())
				tip, committed, err := b.tip(0)
				if err != nil {
					if leads {
						t.Fatalf("leads, but reads fail: %v", err)
					}
					break
				}
				if got := l.content(l.end); !maps.Equal(tip, got) {
					t.Fatalf("tip is %v, the log holds %v", tip, got)
				}
				if got := l.content(l.hw); !maps.Equal(committed, got) {
					t.Fatalf("committed is %v, the log holds %v", committed, got)
				}
			}
			held := l.content(l.hw)
			for _, s := range all {
				if s.a.peek() == nil && held[s.name] != s.v {
					t.Fatalf("%s=%d was answered as committed, the log holds %v", s.name, s.v, held)
				}
			}
		}
		b.rt.Close()
		for _, s := range all {
			if err := s.a.peek(); err == errOpen {
				t.Fatalf("%s was never answered", s.name)
			}
		}
	})
}

// TestManyAtOnce: callers on many goroutines, timers and elections at the same
// time; every operation is answered once. For the race detector.
func TestManyAtOnce(t *testing.T) {
	b := newBench(-1, 4)
	b.rt.Start()
	for p := range int32(4) {
		b.elect(t, p)
	}
	var wg sync.WaitGroup
	var answers, good atomic.Int64
	const callers, each = 8, 300
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				p := int32(i % 4)
				b.rt.Write(p, 1, func(m *kv, out *Out) error {
					put(out, fmt.Sprint(c, i), 1)
					if i%50 == 0 {
						m.timers.Set(&Timer{Fire: func(out *Out) error { put(out, "timer", 1); return nil }}, out.Now)
					}
					return nil
				}, func(err error) {
					answers.Add(1)
					if err == nil {
						good.Add(1)
					}
				})
				if i%100 == 99 && c == 0 {
					b.rt.Resigned(p, b.logs[p].lead(false))
					b.rt.Elected(p, b.logs[p].lead(false))
				}
			}
		})
	}
	wg.Wait()
	b.rt.Close()
	if answers.Load() != callers*each || good.Load() == 0 {
		t.Fatalf("%d of %d operations were answered, %d well", answers.Load(), callers*each, good.Load())
	}
	written := 0
	for _, l := range b.logs {
		written += int(l.end)
	}
	if int64(written) < good.Load() {
		t.Fatalf("%d records for %d operations", written, good.Load())
	}
}

// countingClock counts how often somebody went to sleep.
type countingClock struct {
	*clock.Manual
	sleeps atomic.Int64
}

func (c *countingClock) After(d time.Duration) (<-chan time.Time, func()) {
	c.sleeps.Add(1)
	return c.Manual.After(d)
}

// TestTimersSleep: operations that set no nearer deadline do not wake the
// goroutine of the timers.
func TestTimersSleep(t *testing.T) {
	b := newBench(-1, 1)
	c := &countingClock{Manual: b.clock}
	b.rt.o.Clock = c
	b.rt.Start()
	defer b.rt.Close()
	b.elect(t, 0)
	x := &Timer{Fire: func(*Out) error { return nil }}
	keep := func() {
		b.write(0, func(m *kv, out *Out) error { m.timers.Set(x, out.Now+5003); return nil })
	}
	keep()
	for range 1000 {
		if c.sleeps.Load() >= 2 {
			break
		}
		time.Sleep(time.Millisecond) // until the goroutine has seen the first deadline
	}
	before := c.sleeps.Load()
	for range 1000 {
		keep()
	}
	time.Sleep(5 * time.Millisecond) // would be enough to wake a thousand times
	if n := c.sleeps.Load() - before; n > 1 {
		t.Fatalf("the timers were woken %d times", n)
	}
	b.clock.Advance(6 * time.Second)
	for range 1000 {
		if c.sleeps.Load() > before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the timers sleep for ever")
}
