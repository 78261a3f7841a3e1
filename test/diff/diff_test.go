package diff

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/test/harness"
)

// answer is what one server said to one step at one version.
type answer struct {
	leaves []leaf
	err    string
}

// settings let both servers do soon what they do by time.
var settings = map[string]string{
	"group.min.session.timeout.ms":    "500",
	"log.retention.check.interval.ms": "300",
	"log.initial.task.delay.ms":       "300",
	"log.segment.delete.delay.ms":     "300",
}

// TestDifferential runs every scenario against both servers. With SELF=kafka
// both sides are Apache Kafka: what differs then is noise that the
// normalisation must take away.
func TestDifferential(t *testing.T) {
	harness.NeedJava(t)
	second := harness.Gregor
	if os.Getenv("SELF") == "kafka" {
		second = harness.Kafka
	}
	k, g := harness.Start(t, harness.Kafka, settings), harness.Start(t, second, settings)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of what %s printed:\n%s", second, g.Log())
			select {
			case <-k.Ended():
				t.Logf("Kafka ended; the end of what it printed:\n%s", k.Log())
			default:
			}
		}
	})
	warmUp(t, k.Addr())
	warmUp(t, g.Addr())
	for _, sc := range scenarios() {
		t.Run(sc.name, func(t *testing.T) { play(t, sc, k, g) })
	}
	if !t.Failed() && !filtered() {
		unusedKnown(t)
		unasked(t, g)
	}
}

// filtered says that only some scenarios run.
func filtered() bool {
	f := flag.Lookup("test.run")
	return f != nil && strings.Contains(f.Value.String(), "/")
}

// play runs the steps of one scenario, each against both servers at once.
func play(t *testing.T, sc scenario, k, g *harness.Server) {
	kw, gw := newWorld(k), newWorld(g)
	defer kw.close()
	defer gw.close()
	for _, st := range sc.steps {
		for _, v := range st.at() {
			var a, b answer
			var wg sync.WaitGroup
			wg.Go(func() { a = ask(kw, st, v) })
			b = ask(gw, st, v)
			wg.Wait()
			report(t, sc.name, st.name, v, a, b)
		}
	}
}

func newWorld(s *harness.Server) *world {
	return &world{
		addr: s.Addr(), controller: fmt.Sprintf("127.0.0.1:%d", s.CPort),
		conns: map[string]*conn{}, vars: map[string]any{},
	}
}

func (st step) at() []int16 {
	if st.versions == nil {
		return []int16{-1}
	}
	return st.versions
}

// warmUp creates what servers create when first asked, so that it does not
// stand in the middle of a scenario: the offsets topic and a producer id block.
func warmUp(t *testing.T, addr string) {
	t.Helper()
	c, err := dial(addr, "diff")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		f := kmsg.NewPtrFindCoordinatorRequest()
		f.Version, f.CoordinatorKey = 2, "warm"
		r1, err := c.do(f)
		if err != nil {
			t.Fatal(err)
		}
		o := kmsg.NewPtrOffsetFetchRequest()
		o.Version, o.Group = 5, "warm"
		r2, err := c.do(o)
		if err != nil {
			t.Fatal(err)
		}
		p := kmsg.NewPtrInitProducerIDRequest()
		p.Version, p.TransactionTimeoutMillis, p.ProducerID, p.ProducerEpoch = 4, 1000, -1, -1
		r3, err := c.do(p)
		if err != nil {
			t.Fatal(err)
		}
		codes := []int16{r1.(*kmsg.FindCoordinatorResponse).ErrorCode, r2.(*kmsg.OffsetFetchResponse).ErrorCode, r3.(*kmsg.InitProducerIDResponse).ErrorCode}
		if codes[0] == 0 && codes[1] == 0 && codes[2] == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: coordinator, offsets, producer id: error codes %v", addr, codes)
		}
	}
}

func ask(w *world, st step, version int16) answer {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r, err := askOnce(w, st, version)
		if err != nil {
			w.drop(st.on)
			return answer{err: cause(err)}
		}
		if r == nil {
			return answer{}
		}
		if st.until != nil && !st.until(r) {
			if time.Now().Before(end) {
				continue
			}
			return answer{err: fmt.Sprintf("harness: not as expected in ten seconds: %s", answer{leaves: flatten(r, st.recompressed, st.sorted, normalise)})}
		}
		if st.after != nil {
			st.after(w, r)
		}
		ls := flatten(r, st.recompressed, st.sorted, func(path, value string) string {
			if st.loose != nil && st.loose.MatchString(path) {
				return "<loose>"
			}
			return normalise(path, value)
		})
		return answer{leaves: ls}
	}
}

// askOnce sends the request of a step and reads its answer; of a step that
// only sends, the answer is nil.
func askOnce(w *world, st step, version int16) (kmsg.Response, error) {
	c, err := w.conn(st.on, st.fresh)
	if err != nil {
		return nil, err
	}
	if st.take {
		return c.take()
	}
	req := st.req(w)
	if raw, ok := req.(*rawRequest); ok {
		return c.doRaw(raw)
	}
	if version >= 0 {
		req.SetVersion(version)
	}
	if st.send {
		return nil, c.send(req)
	}
	return c.do(req)
}

// cause keeps of an error what can be compared: that the connection ended, or
// that the answer was malformed.
func cause(err error) string {
	s := err.Error()
	if strings.Contains(s, "EOF") || strings.Contains(s, "reset") || strings.Contains(s, "broken pipe") {
		return "connection closed"
	}
	return s
}

func report(t *testing.T, sc, st string, version int16, kafka, gregor answer) {
	t.Helper()
	if testing.Verbose() {
		t.Logf("%s v%d: Kafka answers %s", st, version, kafka)
	}
	if strings.HasPrefix(kafka.err, "harness:") {
		t.Errorf("%s v%d: with Kafka: %s", st, version, kafka.err)
	}
	var diffs []string
	if kafka.err != gregor.err {
		diffs = []string{fmt.Sprintf("Kafka: %s; gregor: %s", orAnswer(kafka.err), orAnswer(gregor.err))}
	} else {
		diffs = compare(kafka.leaves, gregor.leaves)
	}
	shown := 0
	for _, d := range diffs {
		if why := isKnown(sc, st, d); why != "" {
			t.Logf("known: %s v%d: %s (%s)", st, version, d, why)
			continue
		}
		if shown++; shown <= mostShown {
			t.Errorf("%s v%d: %s", st, version, d)
		}
	}
	if shown > mostShown {
		t.Errorf("%s v%d: and %d differences more", st, version, shown-mostShown)
	}
}

// mostShown is how many differences of one answer are told.
const mostShown = 12

func (a answer) String() string {
	if a.err != "" {
		return a.err
	}
	var b strings.Builder
	for _, l := range a.leaves {
		v := l.value
		if len(v) > 200 {
			v = v[:200] + "…"
		}
		fmt.Fprintf(&b, "\n\t%s = %s", l.path, v)
	}
	return b.String()
}

func orAnswer(err string) string {
	if err == "" {
		return "an answer"
	}
	return err
}
