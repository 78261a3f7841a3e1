package partition

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gregor/internal/kerr"
	"gregor/internal/model"
)

type signal chan struct{}

func (s signal) Wake(*Waiter) { s <- struct{}{} }

// Consumers that wait for records while producers write them must see every
// record and never sleep over one; some give up waiting and come back.
func TestNoLostWakeups(t *testing.T) {
	const producers, each, consumers = 4, 150, 4
	p := sole(t)
	total := model.Offset(producers * each)
	var wg sync.WaitGroup
	for range producers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range each {
				if a := p.append(produce(1, nil)); a.Code != kerr.None {
					t.Error(a.Code.Name())
					return
				}
			}
		}()
	}
	for i := range consumers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			consume(t, p, total, i)
		}()
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		t.Fatal("a consumer sleeps over records")
	}
}

func consume(t *testing.T, p *Partition, until model.Offset, i int) {
	s := make(signal, 1)
	w := Waiter{Waker: s}
	if i%2 == 1 {
		w.Missing = new(atomic.Int64)
	}
	at := model.Offset(0)
	for n := 0; at < until; n++ {
		r := p.fetch(fetchAt(at))
		if r.Code != kerr.None {
			t.Error(r.Code.Name())
			return
		}
		if r.Records.Len > 0 {
			at = r.Records.Next
			r.Release()
			continue
		}
		if w.Missing != nil {
			w.Missing.Store(1)
		}
		if !p.Park(&w, WaitVisible, r.Bound, r.Epoch) {
			continue
		}
		// Every third wait is given up at once, as by a deadline.
		if n%3 == 2 && w.Unpark() {
			continue
		}
		<-s
	}
}
