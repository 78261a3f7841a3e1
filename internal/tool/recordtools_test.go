package tool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

var perfGroup = regexp.MustCompile(`perf-consumer-\d+`)

// TestHelpIsKafkas: testdata/help holds what Kafka 4.3.1 prints for --help.
func TestHelpIsKafkas(t *testing.T) {
	files, err := filepath.Glob("testdata/help/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		want, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name, sub, _ := strings.Cut(strings.TrimSuffix(filepath.Base(f), ".txt"), ".")
		args := []string{"--help"}
		if sub != "" {
			args = []string{sub, "--help"}
		}
		out, errs, _ := call(t, name, "", args...)
		got := perfGroup.ReplaceAllString(out+errs, "perf-consumer-N")
		if got != string(want) {
			t.Errorf("%s %s: %s", name, strings.Join(args, " "), firstDifference(got, string(want)))
		}
	}
}

// TestCommandLinesThatDoNotFit: the first line of standard error, and the
// status, as Kafka's tools give them.
func TestCommandLinesThatDoNotFit(t *testing.T) {
	const consumer = "kafka-console-consumer --topic t --bootstrap-server localhost:1 "
	const producer = "kafka-console-producer --topic t --bootstrap-server localhost:1 "
	for _, c := range []struct{ line, want string }{
		{"kafka-console-producer --bootstrap-server x:1", `Missing required argument "[topic]"`},
		{"kafka-console-producer --topic t --bootstrap-server x", "Please provide valid host:port like host1:9091,host2:9092"},
		{"kafka-console-producer --topic t", "Error while validating the bootstrap address"},
		{producer + "--batch-size foo", "Cannot parse argument 'foo' of option batch-size"},
		{producer + "--request-required-acks 7", "org.apache.kafka.common.config.ConfigException: Invalid value 7 for configuration acks: String must be one of: all, -1, 0, 1"},
		{producer + "--compression-codec foo", "org.apache.kafka.common.config.ConfigException: Invalid value foo for configuration compression.type: String must be one of: none, gzip, snappy, lz4, zstd"},
		{producer + "--reader-property null.marker=,", "org.apache.kafka.common.KafkaException: null.marker and headers.separator may not be equal"},
		{producer + "--reader-property a=b --property c=d", "Options --reader-property and --property cannot be specified together."},
		{producer + "--line-reader a.B", "java.lang.ClassNotFoundException: a.B"},
		{"kafka-console-consumer --bootstrap-server x:1", "Exactly one of the following arguments is required: [topic], [include]"},
		{"kafka-console-consumer --topic t", `Missing required argument "[bootstrap-server]"`},
		{consumer + "--offset 3", "The partition is required when offset is specified."},
		{consumer + "--partition 0 --group g", "Options group and partition cannot be specified together."},
		{consumer + "--partition 0 --offset -4", "The provided offset value '-4' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long."},
		{consumer + "--formatter a.b", "a.b"},
		{consumer + "--from-beginning --command-property auto.offset.reset=latest", "Can't simultaneously specify --from-beginning and 'auto.offset.reset=latest', please remove one option"},
		{"kafka-consumer-perf-test --bootstrap-server x:1 --topic t", "Exactly one of the following arguments is required: [messages], [num-records]"},
		{"kafka-e2e-latency a b c", "Invalid number of arguments. Expected 5 or 6 positional arguments, but got 3. Usage: bootstrap-server topic num-records producer-acks record-size [optional] command-config"},
		{"kafka-e2e-latency localhost:1 t 0 all 5", "Value for --num-records must be a positive integer."},
		{"kafka-e2e-latency localhost:1 t 1 0 5", "Invalid value for --producer-acks. Latency testing requires synchronous acknowledgement. Please use '1' or 'all'."},
		{"kafka-dump-log --print-data-log", `Missing required argument "[files]"`},
		{"kafka-dump-log --bogus", `Exception in thread "main" joptsimple.UnrecognizedOptionException: bogus is not a recognized option`},
		{"kafka-producer-perf-test --topic t --num-records 9 --throughput 1 --record-size 1 --bootstrap-server x:1 --command-property a", `Exception in thread "main" java.lang.IllegalArgumentException: Invalid property: a`},
		{"kafka-storage version-mapping -r 9", "Unknown metadata.version '9'. Supported metadata.version are: 3.3-IV3, 3.4-IV0,"},
		{"kafka-storage feature-dependencies -f x=1", "Unknown feature: x"},
		{"kafka-storage format -t a -c nofile", `Exception in thread "main" java.nio.file.NoSuchFileException: nofile`},
	} {
		words := strings.Fields(c.line)
		_, errs, status := call(t, words[0], "", words[1:]...)
		first, _, _ := strings.Cut(errs, "\n")
		if !strings.HasPrefix(first, c.want) || status != 1 {
			t.Errorf("%s\n got: %s (status %d)\nwant: %s", c.line, first, status, c.want)
		}
	}
}

func TestStorageFormatsAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "server.properties")
	text := "process.roles=broker,controller\nnode.id=7\ncontroller.quorum.bootstrap.servers=localhost:9093\ncontroller.listener.names=CONTROLLER\n" +
		"listeners=PLAINTEXT://:9092,CONTROLLER://:9093\nlog.dirs=" + dir + "/b," + dir + "/a\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const id = "4L6g3nShT-eMCtK--X86sw"
	run := func(want int, args ...string) string {
		t.Helper()
		out, errs, status := call(t, "kafka-storage", "", append(args, "-c", conf)...)
		if status != want {
			t.Fatalf("%v: status %d\n%s%s", args, status, out, errs)
		}
		return strings.ReplaceAll(out+errs, dir, "DIR")
	}
	if got, want := run(1, "info"), "Found problems:\n  DIR/a does not exist\n  DIR/b does not exist\n\n"; got != want {
		t.Errorf("info before:\n%s", got)
	}
	if got := run(1, "format", "-t", id); !strings.HasPrefix(got, "Because controller.quorum.voters is not set on this controller") {
		t.Errorf("without a quorum: %s", got)
	}
	if got := run(0, "format", "-t", id, "-s"); !strings.Contains(got, "Formatting data directory DIR/a with metadata.version 4.4-IV2.\nFormatting dynamic metadata voter directory DIR/b with metadata.version 4.4-IV2.\n") {
		t.Errorf("format: %s", got)
	}
	if got := run(1, "format", "-t", id, "-s"); !strings.Contains(got, "DIR/a is already formatted. Use --ignore-formatted to ignore this directory and format the others.") {
		t.Errorf("again: %s", got)
	}
	if got, want := run(0, "format", "-t", id, "-s", "-g"), "All of the log directories are already formatted.\n"; got != want {
		t.Errorf("ignoring: %s", got)
	}
	info := regexp.MustCompile(`^Found log directories:\n  DIR/a\n  DIR/b\n\nFound metadata: \{cluster.id=` + id + `, directory.id=[\w-]{22}, node.id=7, version=1\}\n\n$`)
	if got := run(0, "info"); !info.MatchString(got) {
		t.Errorf("info: %s", got)
	}
}

func TestLineParser(t *testing.T) {
	for _, c := range []struct{ props, line, want string }{
		{"", "a\tb", `key=nil value="a\tb" []`},
		{"parse.key=true", "a\tb\tc", `key="a" value="b\tc" []`},
		{"parse.key=true", "a", "No key separator found on line number 7: 'a'"},
		{"parse.key=true ignore.error=true", "a", `key=nil value="a" []`},
		{"parse.key=true key.separator=: null.marker=N", "N:N", "key=nil value=nil []"},
		{"parse.headers=true", "h:1,i:\tv", `key=nil value="v" [h="1" i=""]`},
		{"parse.headers=true null.marker=N", "N\tv", `key=nil value="v" []`},
		{"parse.headers=true null.marker=N", "h:N\tv", `key=nil value="v" [h=nil]`},
		{"parse.headers=true null.marker=N", "N:1\tv", "Header keys should not be equal to the null marker 'N' as they can't be null"},
		{"parse.headers=true", "h\tv", "No header key separator found in pair 'h' on line number 7"},
		{"parse.headers=true ignore.error=true", "h,i:1,,\tv", `key=nil value="v" [h=nil i="1"]`},
		{"parse.headers=true parse.key=true headers.delimiter=| headers.separator=; headers.key.separator==", "a=1;b=2|k\tv", `key="k" value="v" [a="1" b="2"]`},
	} {
		p, err := newLineParser(keyValues(strings.Fields(c.props)))
		if err != nil {
			t.Fatal(c.props, err)
		}
		r, err := p.parse(c.line, 7)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			var hs []string
			for _, h := range r.Headers {
				hs = append(hs, h.Key+"="+quoteOrNil(h.Value))
			}
			got = fmt.Sprintf("key=%s value=%s %v", quoteOrNil(r.Key), quoteOrNil(r.Value), hs)
		}
		if got != c.want {
			t.Errorf("%s: %q\n got: %s\nwant: %s", c.props, c.line, got, c.want)
		}
	}
}

func quoteOrNil(b []byte) string {
	if b == nil {
		return "nil"
	}
	return fmt.Sprintf("%q", b)
}

// TestLinesEndAsInJava: against the obvious way to split.
func TestLinesEndAsInJava(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("ab\r\n")), 0, 30, -1).Draw(t, "text")
		s := newLineScanner(strings.NewReader(text))
		var got []string
		for {
			l, err := s.next()
			if errors.Is(err, io.EOF) {
				break
			}
			got = append(got, l)
		}
		plain := strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
		want := strings.Split(plain, "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		if strings.Join(got, "|") != strings.Join(want, "|") || len(got) != len(want) {
			t.Fatalf("%q: %q, want %q", text, got, want)
		}
	})
}

// TestDefaultFormatter: as Kafka 4.3.1 printed the same records.
func TestDefaultFormatter(t *testing.T) {
	r := &kgo.Record{Topic: "t", Partition: 3, Offset: 5, Timestamp: time.UnixMilli(9), Key: []byte("k"), Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "b"}}}
	for _, c := range []struct{ props, want string }{
		{"", "null\n"},
		{"print.key=true", "k\tnull\n"},
		{"print.value=false print.key=true", "k\n"},
		{"print.key=true key.separator=| null.literal=N line.separator=;", "k|N;"},
		{"print.offset=true print.partition=true print.timestamp=true print.headers=true print.epoch=true print.delivery=true",
			"CreateTime:9\tPartition:3\tOffset:5\tDelivery:NOT_PRESENT\tEpoch:NOT_PRESENT\ta:1,b:null\tnull\n"},
		{"print.value=false print.headers=true headers.separator=+", "a:1+b:null\n"},
		{"value.deserializer=org.apache.kafka.common.serialization.IntegerDeserializer", "1853189228\n"}, // the letters of null
		{"value.deserializer=org.apache.kafka.common.serialization.LongDeserializer", "Size of data received by LongDeserializer is not 8"},
	} {
		e := &env{}
		e.fill()
		f, err := newDefaultFormatter(e, keyValues(strings.Fields(c.props)))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		o := newBufferedOut(&b)
		err = f.write(o, r)
		o.Flush()
		got := b.String()
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.props, got, c.want)
		}
	}
}

// TestJavasNumbers: values that Java printed.
func TestJavasNumbers(t *testing.T) {
	s := &splittable{}
	r := newJavaRandom(0)
	var a, b strings.Builder
	for range 40 {
		a.WriteByte(byte(s.nextInt(26) + 'A'))
		b.WriteByte(byte(r.nextInt(26) + 'A'))
	}
	if a.String() != "YQHHNEBSEPDNSEIFGAMSUJXKOLTXSPLGHDIOYZJF" || b.String() != "SSXVNJHPDQDXVCRASTVYBCWVMGNYKRXVZXKGXTSP" {
		t.Error(a.String(), b.String())
	}
	var got []int32
	for range 5 {
		got = append(got, s.nextInt(16), r.nextInt(16))
	}
	if want := "[15 15 1 11 6 7 5 13 7 11]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	for want, f := range map[string]float64{
		"0.0": 0, "-1.5": -1.5, "100.0": 100, "1.0E7": 1e7, "9999999.0": 9999999, "0.001": 1e-3, "9.99E-4": 9.99e-4,
		"1.2345678925E8": 123456789.25, "0.3333333333333333": 1.0 / 3, "1.0E21": 1e21, "1.7976931348623157E308": math.MaxFloat64,
		"NaN": math.NaN(), "Infinity": math.Inf(1),
	} {
		if got := javaFloat(f, 64); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
}

func TestJavasDates(t *testing.T) {
	at := time.UnixMilli(1700000000123).UTC()
	for pattern, want := range map[string]string{
		"yyyy-MM-dd HH:mm:ss:SSS":          "2023-11-14 22:13:20:123",
		"yy/M/d h:m a":                     "23/11/14 10:13 PM",
		"EEE, d MMM yyyy 'at' HH''mm":      "Tue, 14 Nov 2023 at 22'13",
		"EEEE MMMM D k K u":                "Tuesday November 318 22 10 2",
		"dd-MM-yyyy'T'HH:mm:ss.SSSZ XXX z": "14-11-2023T22:13:20.123+0000 Z UTC",
	} {
		if got, err := javaDate(pattern, at); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", pattern, got, err, want)
		}
	}
	for _, pattern := range []string{"yyyy-bb", "'open"} {
		if _, err := javaDate(pattern, at); err == nil {
			t.Errorf("%s has no error", pattern)
		}
	}
}

func TestPerfStatsPrintAsKafka(t *testing.T) {
	var out bytes.Buffer
	now := time.UnixMilli(1000)
	s := newPerfStats(&out, func() time.Time { return now }, 4, time.Second, false)
	for _, latency := range []int64{10, 20, 30, 40} {
		now = now.Add(400 * time.Millisecond)
		s.record(latency, 1<<20, now)
	}
	s.printTotal()
	want := "3 records sent, 2.5 records/sec (2.50 MB/sec), 20.0 ms avg latency, 30.0 ms max latency.\n" +
		"4 records sent, 2.500000 records/sec (2.50 MB/sec), 25.00 ms avg latency, 40.00 ms max latency, 30 ms 50th, 40 ms 95th, 40 ms 99th, 40 ms 99.9th.\n"
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out.String(), want)
	}
}

// TestThrottlerEndsWithItsContext: a rate of zero waits for ever, and no
// longer.
func TestThrottlerEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	start := time.Now()
	newThrottler(0, start).wait(ctx, 1, start.Add(time.Second))
	newThrottler(-1, start).wait(context.Background(), 1<<40, start.Add(time.Second))
}

// TestSettingsMakeAClient: whatever numbers people give, what is accepted is
// accepted by franz-go too.
func TestSettingsMakeAClient(t *testing.T) {
	e := &env{}
	e.fill()
	e.Stderr = io.Discard
	numbers := []string{"linger.ms", "batch.size", "retries", "request.timeout.ms", "delivery.timeout.ms", "buffer.memory", "max.request.size",
		"metadata.max.age.ms", "connections.max.idle.ms", "retry.backoff.ms", "max.in.flight.requests.per.connection", "fetch.max.bytes", "fetch.min.bytes",
		"fetch.max.wait.ms", "max.partition.fetch.bytes", "max.poll.interval.ms", "auto.commit.interval.ms"}
	rapid.Check(t, func(t *rapid.T) {
		props := map[string]string{"bootstrap.servers": "127.0.0.1:1"}
		for _, k := range numbers {
			if rapid.Bool().Draw(t, k+" set") {
				props[k] = fmt.Sprint(rapid.Int32Range(1, math.MaxInt32).Draw(t, k))
			}
		}
		props["acks"] = rapid.SampledFrom([]string{"all", "-1", "0", "1"}).Draw(t, "acks")
		if opts, err := newSettings(props).producerOptions(e, rapid.IntRange(0, 1<<21).Draw(t, "record")); err == nil {
			cl, err := kgo.NewClient(opts...)
			if err != nil {
				t.Fatalf("producer %v: %v", props, err)
			}
			cl.Close()
		}
		s := newSettings(props)
		opts, err := s.consumerOptions(e)
		if err != nil {
			t.Fatalf("%v: %v", props, err)
		}
		if err := kgo.ValidateOpts(opts...); err != nil {
			t.Fatalf("consumer %v: %v", props, err)
		}
	})
}
