package tool

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gregor/internal/klog"
	"gregor/internal/node"
)

// startNode starts a node in this process and gives its address.
func startNode(t *testing.T) (bootstrap, dir string) {
	t.Helper()
	var ports [2]int
	var held [2]net.Listener // both at once, so that they differ
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports[i], held[i] = l.Addr().(*net.TCPAddr).Port, l
	}
	for _, l := range held {
		l.Close()
	}
	dir = t.TempDir()
	props := node.EmbeddedDefaults(dir)
	for k, v := range map[string]string{
		"controller.quorum.bootstrap.servers": fmt.Sprintf("127.0.0.1:%d", ports[1]), "offsets.topic.num.partitions": "1",
		"listeners":            fmt.Sprintf("PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d", ports[0], ports[1]),
		"advertised.listeners": fmt.Sprintf("PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d", ports[0], ports[1]),
	} {
		props[k] = v
	}
	if _, err := node.FormatIfNew(props); err != nil {
		t.Fatal(err)
	}
	return startOn(t, props, ports[0]), dir
}

func startOn(t *testing.T, props map[string]string, port int) string {
	t.Helper()
	levels := klog.NewLevels(slog.LevelError)
	n, err := node.Start(node.Options{Props: props, Levels: levels, Log: slog.New(klog.NewHandler(levels, klog.NewWriter(io.Discard)))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// long is a text worth compressing.
func long(s string) string { return strings.Repeat(s, 100) }

// good runs a tool that must succeed.
func good(t *testing.T, stdin, line string, more ...string) string {
	t.Helper()
	args := append(strings.Fields(line), more...)
	out, errs, status := call(t, args[0], stdin, args[1:]...)
	if status != 0 {
		t.Fatalf("%s: status %d\n%s%s", line, status, out, errs)
	}
	return out
}

// TestRecordToolsAgainstANode: what one tool sends, the others read, with each
// codec, with a group and without; and kafka-dump-log finds it on the disk.
func TestRecordToolsAgainstANode(t *testing.T) {
	b, dir := startNode(t)
	const consume = "kafka-console-consumer --topic words --from-beginning --max-messages 7 --formatter-property print.key=true --formatter-property print.headers=true --bootstrap-server "
	good(t, "h:1,g:N\tk1\tone\n\tN\tN\n", "kafka-console-producer --topic words --reader-property parse.key=true --reader-property parse.headers=true "+
		"--reader-property null.marker=N --reader-property ignore.error=true --bootstrap-server "+b)
	want := "h:1,g:null\tk1\tone\n:null\tnull\tnull\n"
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		good(t, long(codec)+"\n", "kafka-console-producer --topic words --bootstrap-server "+b+" --compression-codec "+codec)
		want += "NO_HEADERS\tnull\t" + long(codec) + "\n"
	}
	if got := good(t, "", consume+b); got != want {
		t.Errorf("without a group:\n%swant:\n%s", got, want)
	}
	if got := good(t, "", consume+b+" --group g --timeout-ms 20000"); got != want {
		t.Errorf("with a group:\n%s", got)
	}
	good(t, "last", "kafka-console-producer --sync --topic words --bootstrap-server "+b)
	if got := good(t, "", "kafka-console-consumer --topic words --group g --max-messages 1 --bootstrap-server "+b); got != "last\n" {
		t.Errorf("the group goes on with %q", got)
	}
	if got := good(t, "", "kafka-console-consumer --topic words --partition 0 --offset 3 --max-messages 2 --bootstrap-server "+b); got != long("gzip")+"\n"+long("snappy")+"\n" {
		t.Errorf("from offset 3: %q", got)
	}
	offsets := good(t, "", "kafka-console-consumer --topic __consumer_offsets --partition 0 --offset earliest --timeout-ms 1000 --formatter "+formatterPackage+"OffsetsMessageFormatter --bootstrap-server "+b)
	if !strings.Contains(offsets, `{"key":{"type":1,"data":{"group":"g","topic":"words","partition":0}},"value":{"version":`) || !strings.Contains(offsets, `"offset":8,`) {
		t.Errorf("stored offsets: %s", offsets)
	}
	dump := good(t, "", "kafka-dump-log --print-data-log --files", filepath.Join(dir, "words-0", "00000000000000000000.log"))
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		if !strings.Contains(dump, "compresscodec: "+codec+" ") || !strings.Contains(dump, " payload: "+long(codec)+"\n") {
			t.Errorf("the log lacks %s:\n%s", codec, dump)
		}
	}
	if strings.Contains(dump, "isvalid: false") {
		t.Error(dump)
	}
}

func TestMeasuringToolsAgainstANode(t *testing.T) {
	b, _ := startNode(t)
	out := good(t, "", "kafka-producer-perf-test --topic perf --num-records 3000 --record-size 100 --throughput -1 --warmup-records 1000 --bootstrap-server "+b)
	for _, want := range []string{`(?m)^3000 records sent, [\d.]+ records/sec \([\d.]+ MB/sec\), [\d.]+ ms avg latency, [\d.]+ ms max latency, \d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99.9th.$`, `(?m)^2000 steady state records sent, `} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("producer: no %s in\n%s", want, out)
		}
	}
	out = good(t, "", "kafka-consumer-perf-test --topic perf --num-records 3000 --hide-header --bootstrap-server "+b)
	if !regexp.MustCompile(`^[\d-]+ [\d:]+, [\d-]+ [\d:]+, 0\.2861, [^,]+, 3000, `).MatchString(out) {
		t.Errorf("consumer: %s", out)
	}
	out = good(t, "", "kafka-e2e-latency --topic e2e --num-records 3 --producer-acks all --record-size 10 --num-headers 2 --record-header-key-size 3 --record-header-size -1 --bootstrap-server "+b)
	if !regexp.MustCompile(`(?s)^Topic "e2e" does not exist. Will create topic with 1 partition\(s\) and replication factor = 1\n0\t.*\nAvg latency: .* ms\nPercentiles: 50th = \d+, 99th = \d+, 99.9th = \d+\n$`).MatchString(out) {
		t.Errorf("latency: %s", out)
	}
}

// event is a line of the verifiable clients.
type event struct {
	Name          string
	Key, Value    *string
	Offset, Count int64
	Sent, Acked   int64
	Success       bool
	Exception     string
	Partitions    []map[string]any
}

func eventsOf(t *testing.T, out string) (all []event, names string) {
	t.Helper()
	for _, l := range strings.Split(strings.TrimSpace(out), "\n") {
		var e event
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		all = append(all, e)
		names += " " + e.Name
	}
	return all, names
}

func TestVerifiableClientsAgainstANode(t *testing.T) {
	b, _ := startNode(t)
	sent, names := eventsOf(t, good(t, "", "kafka-verifiable-producer --topic v --max-messages 3 --repeating-keys 2 --value-prefix 7 --bootstrap-server "+b))
	if names != " startup_complete producer_send_success producer_send_success producer_send_success shutdown_complete tool_data" {
		t.Fatal(names)
	}
	for i, e := range sent[1:4] {
		if *e.Key != fmt.Sprint(i%2) || *e.Value != fmt.Sprintf("7.%d", i) || e.Offset != int64(i) {
			t.Errorf("%d: %+v", i, e)
		}
	}
	if d := sent[5]; d.Sent != 3 || d.Acked != 3 {
		t.Errorf("%+v", d)
	}
	got, names := eventsOf(t, good(t, "", "kafka-verifiable-consumer --topic v --group-id g --max-messages 2 --verbose --bootstrap-server "+b))
	if names != " startup_complete partitions_assigned record_data record_data records_consumed offsets_committed partitions_revoked shutdown_complete shutdown_requested" {
		t.Fatal(names)
	}
	if c := got[4]; c.Count != 3 || c.Partitions[0]["count"] != 2.0 || !got[5].Success {
		t.Errorf("%+v %+v", c, got[5])
	}
	bad, _ := eventsOf(t, good(t, "", "kafka-verifiable-producer --max-messages 1 --bootstrap-server "+b, "--topic", "bad topic"))
	if bad[1].Name != "producer_send_error" || bad[1].Exception != "class org.apache.kafka.common.errors.InvalidTopicException" {
		t.Errorf("%+v", bad[1])
	}
}
