package diff

import (
	"fmt"
	"os"
	"sort"
	"strings"
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

// TestDifferential runs every scenario against both servers. With SELF=kafka
// both sides are Apache Kafka: what differs then is noise that the
// normalisation must take away.
func TestDifferential(t *testing.T) {
	harness.NeedJava(t)
	second := harness.Gregor
	if os.Getenv("SELF") == "kafka" {
		second = harness.Kafka
	}
	k, g := harness.Start(t, harness.Kafka, nil), harness.Start(t, second, nil)
	warmUp(t, k.Addr())
	warmUp(t, g.Addr())
	for _, sc := range scenarios() {
		t.Run(sc.name, func(t *testing.T) {
			kw := &world{addr: k.Addr(), port: k.Port, vars: map[string]any{}}
			gw := &world{addr: g.Addr(), port: g.Port, vars: map[string]any{}}
			for _, st := range sc.steps {
				for _, v := range st.at() {
					a, b := ask(kw, st, v), ask(gw, st, v)
					report(t, sc.name, st.name, v, a, b)
				}
			}
		})
	}
	unusedKnown(t)
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
	c, err := dial(addr)
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
			if w.c != nil {
				w.c.close()
				w.c = nil
			}
			return answer{err: cause(err)}
		}
		if st.until != nil && !st.until(r) && time.Now().Before(end) {
			continue
		}
		if st.after != nil {
			st.after(w, r)
		}
		ls := flatten(r, func(path, value string) string {
			if st.loose != nil && st.loose.MatchString(path) {
				return "<loose>"
			}
			return normalise(path, value)
		})
		if st.sorted {
			ls = unordered(ls)
		}
		return answer{leaves: ls}
	}
}

func askOnce(w *world, st step, version int16) (kmsg.Response, error) {
	if w.c == nil || st.fresh {
		if w.c != nil {
			w.c.close()
		}
		c, err := dial(w.addr)
		if err != nil {
			return nil, err
		}
		w.c = c
	}
	req := st.req(w)
	if raw, ok := req.(*rawRequest); ok {
		return w.c.doRaw(raw)
	}
	if version >= 0 {
		req.SetVersion(version)
	}
	return w.c.do(req)
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

// unordered drops the indexes of arrays and sorts, so that order does not matter.
func unordered(ls []leaf) []leaf {
	groups := map[string][]string{}
	for _, l := range ls {
		p := indexPattern.ReplaceAllString(l.path, "[]")
		groups[p] = append(groups[p], l.value)
	}
	var out []leaf
	for p, vs := range groups {
		sort.Strings(vs)
		out = append(out, leaf{p, strings.Join(vs, " ")})
	}
	return out
}

func report(t *testing.T, sc, st string, version int16, kafka, gregor answer) {
	t.Helper()
	var diffs []string
	if kafka.err != gregor.err {
		diffs = []string{fmt.Sprintf("Kafka: %s; gregor: %s", orAnswer(kafka.err), orAnswer(gregor.err))}
	} else {
		diffs = compare(kafka.leaves, gregor.leaves)
	}
	for _, d := range diffs {
		if why := isKnown(sc, st, d); why != "" {
			t.Logf("known: %s v%d: %s (%s)", st, version, d, why)
			continue
		}
		t.Errorf("%s v%d: %s", st, version, d)
	}
}

func orAnswer(err string) string {
	if err == "" {
		return "an answer"
	}
	return err
}
