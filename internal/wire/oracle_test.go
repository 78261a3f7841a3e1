package wire

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gregor/internal/wire/defs"
)

// oracle is a Java process that answers from Apache Kafka's message classes
// (test/oracle/Oracle.java).
type oracle struct {
	version string
	in      io.WriteCloser
	out     *bufio.Reader
	ranges  map[string]defs.Range
	noise   bytes.Buffer // what it wrote to standard error
}

// missing skips a test loudly, and fails it where CI is set.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("NOT TESTED: " + what)
	}
	fmt.Fprintln(os.Stderr, "NOT TESTED: "+what)
	t.Skip(what)
}

func startOracle(t *testing.T, version string) *oracle {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("java"); err != nil {
		missing(t, "equality with Kafka's message classes: needs java, a JDK 17 or newer")
	}
	if out, err := exec.Command(filepath.Join(root, "test/oracle/fetch.sh"), version).CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("equality with Kafka's message classes: test/oracle/fetch.sh %s (it needs Maven): %v\n%s", version, err, out))
	}
	cmd := exec.Command("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-cp", filepath.Join(root, ".cache/oracle", version, "*"), filepath.Join(root, "test/oracle/Oracle.java"))
	o := &oracle{version: version, ranges: map[string]defs.Range{}}
	cmd.Stderr = &o.noise
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	o.in, o.out = in, bufio.NewReaderSize(out, 1<<20)
	return o
}

// ask sends requests and returns the answers in order.
func (o *oracle) ask(lines []string) ([]string, error) {
	failed := make(chan error, 1)
	go func() {
		_, err := io.WriteString(o.in, strings.Join(lines, "\n")+"\n")
		failed <- err
	}()
	answers := make([]string, len(lines))
	for i := range lines {
		s, err := o.out.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("the oracle ended: %w\n%s", err, o.noise.String())
		}
		answers[i] = strings.TrimSuffix(s, "\n")
	}
	return answers, <-failed
}

// has reports whether this Kafka's class knows that version.
func (o *oracle) has(t *testing.T, m *defs.Message, version int16) bool {
	r, ok := o.ranges[m.Name]
	if !ok {
		a, err := o.ask([]string{"range " + m.Name})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(a[0], "+ %d %d", &r.Lo, &r.Hi); err != nil {
			r = defs.None
		}
		o.ranges[m.Name] = r
	}
	return r.Has(o.versionOf(m, version))
}

// versionOf is the version the class is asked for: in 3.9 the keys of
// __consumer_offsets had their record type as their version.
func (o *oracle) versionOf(m *defs.Message, version int16) int {
	if o.version == "3.9.2" && m.Kind == "key" {
		return m.Num
	}
	return int(version)
}

// TestKafkaItself holds the codecs against Apache Kafka's own message classes
// on random messages of every kind and version, in both directions: Kafka
// encodes our JSON to our bytes, reads our bytes as our JSON, and writes them
// again unchanged; we read its bytes back to the same.
func TestKafkaItself(t *testing.T) {
	if testing.Short() {
		t.Skip("runs two JVMs")
	}
	oracles := []*oracle{startOracle(t, "4.4.0"), startOracle(t, "3.9.2")}
	g := &filler{rnd: rand.New(rand.NewSource(2)), long: true}
	covered := 0
	eachVersion(t, func(m *defs.Message, v int16) {
		for _, o := range oracles {
			if o.has(t, m, v) {
				covered++
				compareWithKafka(t, o, g, m, v)
				return
			}
		}
		t.Errorf("%s v%d: neither Kafka knows it", m.Name, v)
	})
	t.Logf("%d messages and versions compared, 4 random ones each", covered)
	for _, o := range oracles {
		noMoreThanDefined(t, o)
	}
	sameTable(t, oracles[0], "BROKER", BrokerListener)
	sameTable(t, oracles[0], "CONTROLLER", ControllerListener)
	sameTable(t, oracles[1], "ZK_BROKER", ZKBrokerListener)
}

// noMoreThanDefined: every version a Kafka has is defined here.
func noMoreThanDefined(t *testing.T, o *oracle) {
	for _, m := range messages(t) {
		o.has(t, m, 0)
		if r := o.ranges[m.Name]; !r.Empty() && m.Kind != "key" && (r.Lo < m.Versions.Lo || r.Hi > m.Versions.Hi) {
			t.Errorf("%s: Kafka %s has versions %s, defined are %s", m.Name, o.version, r, m.Versions)
		}
	}
}

// sameTable compares the advertised versions and header versions of every key
// on one kind of listener.
func sameTable(t *testing.T, o *oracle, kafkas string, l Listener) {
	var lines []string
	for _, a := range APIs() {
		lines = append(lines, fmt.Sprintf("api %d %s", a.Key, kafkas))
	}
	answers, err := o.ask(lines)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range APIs() {
		want := "none"
		if lo, hi, ok := a.Advertised(l); ok {
			want = fmt.Sprintf("%d-%d", lo, hi)
		}
		words := strings.Fields(answers[i])
		if words[0] != "+" {
			if want != "none" || words[0] != "!" { // a key this Kafka has not
				t.Errorf("%s: Kafka %s: %s", a.Name, o.version, answers[i])
			}
			continue
		}
		if words[1] != want {
			t.Errorf("%s: Kafka %s advertises %s on %s, the table has %s", a.Name, o.version, words[1], kafkas, want)
		}
		for _, w := range words[2:] {
			var v, req, resp int16
			if _, err := fmt.Sscanf(w, "%d:%d:%d", &v, &req, &resp); err != nil {
				t.Fatal(err)
			}
			if a.RequestHeaderVersion(v) != req || a.ResponseHeaderVersion(v) != resp {
				t.Errorf("%s v%d: headers %d and %d, Kafka's are %d and %d", a.Name, v, a.RequestHeaderVersion(v), a.ResponseHeaderVersion(v), req, resp)
			}
		}
	}
}

func compareWithKafka(t *testing.T, o *oracle, g *filler, m *defs.Message, v int16) {
	t.Helper()
	var lines, plain []string
	var encoded [][]byte
	for i := 0; i < 4; i++ {
		msg := g.random(m, int(v))
		b, err := Append(nil, msg, v)
		if err != nil {
			t.Fatalf("%s v%d: %v", m.Name, v, err)
		}
		encoded = append(encoded, b)
		plain = append(plain, toJSON(t, m, msg, int(v), false))
		head := fmt.Sprintf("%s %d ", m.Name, o.versionOf(m, v))
		lines = append(lines, "encode "+head+toJSON(t, m, msg, int(v), true), "decode "+head+hex.EncodeToString(b))
	}
	answers, err := o.ask(lines)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range encoded {
		want := "+ " + hex.EncodeToString(b)
		if got := answers[2*i]; got != want {
			t.Fatalf("%s v%d: Kafka %s encodes\n%s\nto   %s\nhere %s", m.Name, v, o.version, lines[2*i], got, want)
		}
		again, tree, _ := strings.Cut(strings.TrimPrefix(answers[2*i+1], "+ "), " ")
		if "+ "+again != want {
			t.Fatalf("%s v%d: Kafka %s decodes\n%s\nand encodes\n%s", m.Name, v, o.version, lines[2*i+1], answers[2*i+1])
		}
		if !sameJSON(t, tree, plain[i]) {
			t.Fatalf("%s v%d: Kafka %s decodes\n%s\nto   %s\nhere %s", m.Name, v, o.version, lines[2*i+1], tree, plain[i])
		}
		kafkas, _ := hex.DecodeString(again)
		back := NewByName(m.Name)
		if err := Unmarshal(kafkas, back, v); err != nil {
			t.Fatal(err)
		}
		ours, err := Append(nil, back, v)
		if err != nil || !bytes.Equal(ours, kafkas) || !sameJSON(t, toJSON(t, m, back, int(v), false), plain[i]) {
			t.Fatalf("%s v%d: Kafka's bytes decode differently here: %v\n%x", m.Name, v, err, kafkas)
		}
	}
}
