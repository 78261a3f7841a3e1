package handler

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"gregor/internal/clock"
	"gregor/internal/model"
)

type wheelTimer struct {
	Timer
	due     model.Millis
	expired atomic.Int32
	at      model.Millis
	clk     *clock.Manual
}

func (t *wheelTimer) Expire(got *Timer) {
	if got != &t.Timer {
		panic("another timer")
	}
	t.at = t.clk.Now()
	t.expired.Add(1)
}

func TestWheelAgainstModel(t *testing.T) {
	clk := clock.NewManual(1_000_003)
	w := NewWheel(clk)
	rnd := rand.New(rand.NewPCG(5, 6))
	var timers []*wheelTimer
	cancelled := map[*wheelTimer]bool{}
	for range 700 {
		for range rnd.IntN(5) {
			d := model.Millis(rnd.IntN(200))
			if rnd.IntN(4) == 0 {
				d = model.Millis(rnd.IntN(30_000)) // several turns of the wheel
			}
			x := &wheelTimer{due: clk.Now() + d, clk: clk}
			x.Owner = x
			w.Add(&x.Timer, x.due, uint64(rnd.Uint32()))
			timers = append(timers, x)
		}
		if len(timers) > 0 && rnd.IntN(3) == 0 {
			x := timers[rnd.IntN(len(timers))]
			if w.Cancel(&x.Timer) {
				if x.expired.Load() > 0 || cancelled[x] {
					t.Fatal("cancelled what was over")
				}
				cancelled[x] = true
			} else if x.expired.Load() == 0 && !cancelled[x] {
				t.Fatal("not cancelled though waiting")
			}
		}
		step := time.Duration(rnd.IntN(25))
		if rnd.IntN(200) == 0 {
			step = 20_000 // the process was stopped for a while
		}
		before := clk.Now()
		clk.Advance(step * time.Millisecond)
		w.Turn(clk.Now())
		in := 0
		for _, x := range timers {
			n := x.expired.Load()
			switch {
			case n > 1 || n == 1 && cancelled[x]:
				t.Fatal("expired twice, or after being cancelled")
			case n == 1 && x.at < x.due:
				t.Fatalf("expired %d ms early", x.due-x.at)
			case n == 0 && !cancelled[x]:
				in++
				if late := clk.Now() - x.due; late > Tick && before-x.due > 2*Tick {
					t.Fatalf("%d ms late", late)
				}
			}
		}
		if w.Len() != in {
			t.Fatalf("%d timers in the wheel, want %d", w.Len(), in)
		}
	}
}

func TestWheelTurnsByItself(t *testing.T) {
	w := NewWheel(clock.System{})
	w.Start()
	defer w.Close()
	done := make(chan struct{})
	x := &funcTimer{f: func() { close(done) }}
	x.Owner = x
	begin := time.Now()
	w.Add(&x.Timer, clock.System{}.Now()+30, 1)
	<-done
	if d := time.Since(begin); d < 29*time.Millisecond {
		t.Errorf("after %v", d)
	}
}

type funcTimer struct {
	Timer
	f func()
}

func (t *funcTimer) Expire(*Timer) { t.f() }

func TestWheelConcurrently(t *testing.T) {
	clk := clock.NewManual(0)
	w := NewWheel(clk)
	var wg sync.WaitGroup
	var fired, cancelled atomic.Int64
	const each, workers = 2000, 4
	for g := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rnd := rand.New(rand.NewPCG(uint64(g), 1))
			for range each {
				x := &funcTimer{f: func() { fired.Add(1) }}
				x.Owner = x
				w.Add(&x.Timer, clk.Now()+model.Millis(rnd.IntN(50)), rnd.Uint64())
				if rnd.IntN(2) == 0 && w.Cancel(&x.Timer) {
					cancelled.Add(1)
				}
			}
		}()
	}
	stop := make(chan struct{})
	turned := make(chan struct{})
	go func() {
		defer close(turned)
		for {
			clk.Advance(7 * time.Millisecond)
			w.Turn(clk.Now())
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	wg.Wait()
	close(stop)
	<-turned
	clk.Advance(time.Second)
	w.Turn(clk.Now())
	if n := fired.Load() + cancelled.Load(); n != each*workers || w.Len() != 0 {
		t.Errorf("%d fired or cancelled of %d, %d are left", n, each*workers, w.Len())
	}
}

func TestTimerSize(t *testing.T) {
	if n := unsafe.Sizeof(Timer{}); n > 48 {
		t.Errorf("a timer takes %d bytes", n)
	}
}
