// Command bench runs gregor and Apache Kafka in turn on the same work, with the
// same clients, directory device and congestion control, and prints medians,
// ratios and the broker's CPU-seconds per GB (10⁹ bytes). A third server, the
// floor, does nothing but receive, check, write and serve: the aim is to stay
// within 1.4 times of it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var (
	root   = flag.String("root", ".", "the project's directory")
	dir    = flag.String("dir", "", "where the servers keep their data (default: a temporary directory)")
	rounds = flag.Int("n", 3, "rounds; medians are printed")
	each   = flag.Duration("d", 5*time.Second, "length of one measurement")
	warm   = flag.Duration("warm", 80*time.Second, "warm-up of Apache Kafka; a cold JVM costs two to ten times as much")
	only   = flag.String("only", "", "run only rows whose name contains this")
	kinds  = flag.String("servers", "kafka,gregor,floor", "which servers to run")
	scale  = flag.Bool("scale", true, "also measure start, memory and many partitions")
	// Apache Kafka takes minutes to create 10,000 partitions.
	kafkaMax = flag.Int("kafka-partitions", 10000, "largest number of partitions asked of Apache Kafka")
	out      = flag.String("o", "", "write the report to this Markdown file")
)

func main() {
	flag.Parse()
	log.SetFlags(log.Ltime)
	if *dir == "" {
		d, err := os.MkdirTemp("", "gregor-bench-")
		if err != nil {
			log.Fatal(err)
		}
		*dir = d
		defer os.RemoveAll(d)
	}
	abs, err := filepath.Abs(*root)
	if err != nil {
		log.Fatal(err)
	}
	*root = abs
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	var servers []*server
	defer func() {
		for _, s := range servers {
			s.stop(syscall.SIGKILL)
		}
	}()
	for _, k := range strings.Split(*kinds, ",") {
		s, err := newServer(k, *dir)
		if err != nil {
			return err
		}
		if err := s.start(); err != nil {
			return err
		}
		servers = append(servers, s)
		if err := s.ready(); err != nil {
			return err
		}
	}
	rep := newReport(servers)
	for _, s := range servers {
		d := 3 * time.Second
		if s.kind == "kafka" {
			d = *warm
		}
		log.Printf("warming up %s for %s", s.kind, d)
		if err := warmUp(s, d); err != nil {
			return fmt.Errorf("%s: %w", s.kind, err)
		}
	}
	for _, r := range rows() {
		if !strings.Contains(r.name, *only) {
			continue
		}
		for n := 0; n < *rounds; n++ {
			for _, s := range servers {
				if err := rep.measure(s, r, n); err != nil {
					return fmt.Errorf("%s, %s: %w", s.kind, r.name, err)
				}
			}
		}
		rep.print(r)
	}
	for _, s := range servers {
		rep.loaded[s.kind] = s.rss()
		s.stop(syscall.SIGTERM)
	}
	servers = nil
	if *scale {
		// What took minutes is kept should a later step fail.
		if err := rep.save(); err != nil {
			return err
		}
		if err := scaleRows(rep); err != nil {
			return errors.Join(err, rep.save())
		}
	}
	fmt.Print(rep.markdown())
	return rep.save()
}

// save writes the report, if it was asked for.
func (rep *report) save() error {
	if *out == "" {
		return nil
	}
	if err := os.WriteFile(*out, []byte(rep.markdown()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(strings.TrimSuffix(*out, ".md")+".svg", []byte(rep.plot()), 0o644)
}

// sample is one measurement of one row on one server.
type sample struct {
	cpuPerGB, mbps float64
	cpuPerReq      float64 // µs
	p50, p99, p999 time.Duration
	cores          float64
}

type report struct {
	kinds   []string
	rows    []row
	samples map[string]map[string][]sample
	loaded  map[string]int64
	extra   []extra
}

// extra is a row that is one number per server.
type extra struct {
	name, unit string
	goal       string
	values     map[string]float64
}

func newReport(ss []*server) *report {
	r := &report{samples: map[string]map[string][]sample{}, loaded: map[string]int64{}}
	for _, s := range ss {
		r.kinds = append(r.kinds, s.kind)
	}
	return r
}

func (rep *report) measure(s *server, r row, round int) error {
	if s.kind == "floor" && !r.floor {
		return nil
	}
	topic := fmt.Sprintf("%s-%d", r.topic(), round)
	if err := r.prepare(s, topic); err != nil {
		return err
	}
	unix.Sync()
	cpu := s.cpu()
	res, err := r.run(s, topic)
	if err != nil {
		return err
	}
	used := s.cpu() - cpu
	sm := sample{mbps: res.mbps(), p50: res.percentile(.5), p99: res.percentile(.99), p999: res.percentile(.999), cores: used.Seconds() / res.elapsed.Seconds()}
	if res.bytes > 0 {
		sm.cpuPerGB = used.Seconds() / (float64(res.bytes) / 1e9)
	}
	if res.requests > 0 {
		sm.cpuPerReq = float64(used.Microseconds()) / float64(res.requests)
	}
	if rep.samples[r.name] == nil {
		rep.samples[r.name] = map[string][]sample{}
		rep.rows = append(rep.rows, r)
	}
	rep.samples[r.name][s.kind] = append(rep.samples[r.name][s.kind], sm)
	return s.drop(topic)
}

// median of one figure of a row on a server; ok is false where it did not run.
func (rep *report) median(row, kind string, f func(sample) float64) (v float64, ok bool) {
	ss := rep.samples[row][kind]
	if len(ss) == 0 {
		return 0, false
	}
	x := make([]float64, len(ss))
	for i, s := range ss {
		x[i] = f(s)
	}
	sort.Float64s(x)
	return x[len(x)/2], true
}

func (rep *report) print(r row) {
	var b strings.Builder
	for _, k := range rep.kinds {
		if v, ok := rep.median(r.name, k, r.figure()); ok {
			m, _ := rep.median(r.name, k, func(s sample) float64 { return s.mbps })
			p, _ := rep.median(r.name, k, func(s sample) float64 { return ms(s.p99) })
			fmt.Fprintf(&b, "  %s %.3g %s (%.0f MB/s, p99 %.2f ms)", k, v, r.unit(), m, p)
		}
	}
	log.Printf("%-44s%s", r.name, b.String())
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
