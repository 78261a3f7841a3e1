package tool

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// perfStats counts what a perf producer sent and how long each record took
// (ProducerPerformance.Stats of Apache Kafka). Times are in milliseconds.
type perfStats struct {
	out      io.Writer
	now      func() time.Time
	interval time.Duration
	steady   bool // after the warm-up

	mu struct {
		sync.Mutex
		quiet               bool
		latencies           []int32
		iteration, sampling int64
		total, window       perfCount
	}
	start time.Time
}

type perfCount struct {
	start               time.Time
	count, bytes        int64
	latency, maxLatency int64
}

func (c *perfCount) add(latency, size int64) {
	c.count++
	c.bytes += size
	c.latency += latency
	c.maxLatency = max(c.maxLatency, latency)
}

// rates are records and megabytes a second.
func (c *perfCount) rates(elapsed time.Duration) (records, mb float64) {
	ms := float64(elapsed.Milliseconds())
	return 1000 * float64(c.count) / ms, 1000 * float64(c.bytes) / ms / (1 << 20)
}

func (c *perfCount) average() float64 { return float64(c.latency) / float64(c.count) }

// maxSamples is how many latencies are kept for the percentiles.
const maxSamples = 500000

func newPerfStats(out io.Writer, now func() time.Time, records int64, interval time.Duration, steady bool) *perfStats {
	s := &perfStats{out: out, now: now, interval: interval, steady: steady, start: now()}
	s.mu.sampling = max(1, records/min(max(records, 1), maxSamples))
	s.mu.latencies = make([]int32, 0, records/s.mu.sampling+1)
	s.mu.window.start = s.start
	return s
}

// hush stops the progress lines.
func (s *perfStats) hush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.quiet = true
}

// record counts a record that was acknowledged at now.
func (s *perfStats) record(latency, size int64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.mu
	m.total.add(latency, size)
	m.window.add(latency, size)
	if m.iteration%m.sampling == 0 && len(m.latencies) < cap(m.latencies) {
		m.latencies = append(m.latencies, int32(latency))
	}
	m.iteration++
	if now.Sub(m.window.start) < s.interval {
		return
	}
	if s.steady && m.total.count == m.window.count {
		fmt.Fprintln(s.out, "In steady state.")
	}
	if !m.quiet {
		w := &m.window
		recs, mb := w.rates(s.now().Sub(w.start))
		fmt.Fprintf(s.out, "%d records sent, %.1f records/sec (%.2f MB/sec), %.1f ms avg latency, %.1f ms max latency.\n",
			w.count, recs, mb, w.average(), float64(w.maxLatency))
	}
	m.window = perfCount{start: s.now()}
}

// printTotal prints the last line.
func (s *perfStats) printTotal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.mu.total
	recs, mb := t.rates(s.now().Sub(s.start))
	l := s.mu.latencies
	slices.Sort(l)
	at := func(q float64) int32 {
		if i := int(q * float64(len(l))); i < len(l) {
			return l[i]
		}
		return 0
	}
	kind := ""
	if s.steady {
		kind = " steady state"
	}
	fmt.Fprintf(s.out, "%d%s records sent, %s records/sec (%s MB/sec), %s ms avg latency, %.2f ms max latency, %d ms 50th, %d ms 95th, %d ms 99th, %d ms 99.9th.\n",
		t.count, kind, javaFixed(recs, 6), javaFixed(mb, 2), javaFixed(t.average(), 2), float64(t.maxLatency), at(0.5), at(0.95), at(0.99), at(0.999))
}
