package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"gregor/test/harness"
)

// javaTool runs one of Apache Kafka's own tools.
func javaTool(t *testing.T, class string, args ...string) string {
	t.Helper()
	cmd := exec.Command("java", append([]string{"-Xmx256m", "-cp", harness.ToolLibs(), class}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", class, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// other is the other server.
func other(k harness.Kind) harness.Kind {
	if k == harness.Gregor {
		return harness.Kafka
	}
	return harness.Gregor
}

const perCodec = 50

// fillDirectory writes topics in every codec, an idempotent producer's batches
// and a group's offsets.
func fillDirectory(t *testing.T, ctx context.Context, addr string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequiredAcks(kgo.AllISRAcks()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(ctx, 1, 1, map[string]*string{"segment.bytes": kadm.StringPtr("1048576")}, "moved"); err != nil {
		t.Fatal(err)
	}
	codecs := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
	for i, codec := range codecs {
		p, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err != nil {
			t.Fatal(err)
		}
		for j := 0; j < perCodec; j++ {
			r := &kgo.Record{Topic: "moved", Key: fmt.Appendf(nil, "k%d-%d", i, j), Value: []byte(strings.Repeat(fmt.Sprint("v", j), 100)), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte{byte(j)}}}}
			if err := p.ProduceSync(ctx, r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		p.Close()
	}
	var offs kadm.Offsets
	offs.Add(kadm.Offset{Topic: "moved", Partition: 0, At: 77, LeaderEpoch: -1, Metadata: "here"})
	if err := adm.CommitAllOffsets(ctx, "moved-group", offs); err != nil {
		t.Fatal(err)
	}
}

// checkDirectory reads back what fillDirectory wrote, and goes on writing.
func checkDirectory(t *testing.T, ctx context.Context, addr string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics("moved"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	n := 0
	for n < 5*perCodec {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatalf("after %d records: %v", n, err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			if want := fmt.Sprintf("k%d-%d", n/perCodec, n%perCodec); string(r.Key) != want || r.Offset != int64(n) {
				t.Fatalf("record %d: offset %d key %q, want %q", n, r.Offset, r.Key, want)
			}
			n++
		})
	}
	adm := kadm.NewClient(cl)
	offs, err := adm.FetchOffsets(ctx, "moved-group")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := offs.Lookup("moved", 0); !ok || o.At != 77 || o.Metadata != "here" {
		t.Errorf("committed offset %+v %v", o, ok)
	}
	conf, err := adm.DescribeTopicConfigs(ctx, "moved")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range conf[0].Configs {
		if c.Key == "segment.bytes" && c.MaybeValue() != "1048576" {
			t.Errorf("segment.bytes %s", c.MaybeValue())
		}
	}
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "moved", Value: []byte("goes on")}).FirstErr(); err != nil {
		t.Errorf("producing on: %v", err)
	}
	if _, err := adm.CreateTopic(ctx, 3, 1, nil, "moved-new"); err != nil {
		t.Errorf("creating a topic: %v", err)
	}
}

// restartAs starts the other server on a directory.
func restartAs(t *testing.T, s *harness.Server, k harness.Kind, extra map[string]string) *harness.Server {
	t.Helper()
	n := harness.New(t, k, s.Dir, s.Port, s.CPort, extra)
	n.Run()
	return n
}

// TestDirectoryChangesHands: a data directory written by gregor is read by
// Apache Kafka's tools and served by an Apache Kafka broker, and comes back.
func TestDirectoryChangesHands(t *testing.T) {
	harness.NeedJava(t)
	for _, first := range []harness.Kind{harness.Gregor, harness.Kafka} {
		t.Run("written by "+string(first), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
			defer cancel()
			s := harness.Start(t, first, nil)
			fillDirectory(t, ctx, s.Addr())
			s.Stop()
			if first == harness.Gregor {
				readByTools(t, s.Data())
			}
			second := restartAs(t, s, other(first), nil)
			checkDirectory(t, ctx, second.Addr())
			second.Stop()
			third := restartAs(t, s, first, nil)
			ends := kadmEnds(t, ctx, third.Addr())
			if ends != 5*perCodec+1 {
				t.Errorf("log end %d after coming back, want %d", ends, 5*perCodec+1)
			}
			third.Stop()
		})
	}
}

// TestKilledDirectoryChangesHands: the same after kill -9: recovery is the
// other server's.
func TestKilledDirectoryChangesHands(t *testing.T) {
	harness.NeedJava(t)
	for _, first := range []harness.Kind{harness.Gregor, harness.Kafka} {
		t.Run("killed "+string(first), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
			defer cancel()
			s := harness.Start(t, first, nil)
			fillDirectory(t, ctx, s.Addr())
			s.Kill()
			second := restartAs(t, s, other(first), nil)
			checkDirectory(t, ctx, second.Addr())
			second.Stop()
		})
	}
}

func kadmEnds(t *testing.T, ctx context.Context, addr string) int64 {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, "moved")
	if err != nil {
		t.Fatal(err)
	}
	o, _ := ends.Lookup("moved", 0)
	return o.Offset
}

// readByTools lets Apache Kafka's tools read every file of the directory.
func readByTools(t *testing.T, data string) {
	t.Helper()
	logs, _ := filepath.Glob(filepath.Join(data, "*", "*.log"))
	if len(logs) < 3 {
		t.Fatalf("only %d segments in %s", len(logs), data)
	}
	for _, l := range logs {
		st, err := os.Stat(l)
		if err != nil || st.Size() == 0 {
			continue
		}
		args := []string{"--files", l, "--deep-iteration"}
		dir := filepath.Base(filepath.Dir(l))
		switch {
		case strings.HasPrefix(dir, "__cluster_metadata"):
			args = append(args, "--cluster-metadata-decoder")
		case strings.HasPrefix(dir, "__consumer_offsets"):
			args = append(args, "--offsets-decoder")
		}
		out := javaTool(t, "org.apache.kafka.tools.DumpLogSegments", args...)
		if strings.Contains(out, "isvalid: false") || strings.Contains(out, "nvalid") || !strings.Contains(out, "baseOffset") {
			t.Errorf("kafka-dump-log of %s:\n%.2000s", l, out)
		}
		if strings.HasPrefix(dir, "moved-") {
			for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
				if !strings.Contains(out, "compresscodec: "+codec) {
					t.Errorf("no batch of codec %s in %s", codec, l)
				}
			}
		}
		for _, ext := range []string{".index", ".timeindex"} {
			ix := strings.TrimSuffix(l, ".log") + ext
			if _, err := os.Stat(ix); err != nil {
				t.Errorf("%s is missing", ix)
				continue
			}
			if out := javaTool(t, "org.apache.kafka.tools.DumpLogSegments", "--files", ix, "--index-sanity-check"); !strings.Contains(out, "passed sanity check") && !strings.Contains(out, "is empty") {
				t.Errorf("%s: %s", ix, out)
			}
		}
	}
	snaps, _ := filepath.Glob(filepath.Join(data, "*", "*.snapshot"))
	for _, f := range snaps {
		if out := javaTool(t, "org.apache.kafka.tools.DumpLogSegments", "--files", f); !strings.Contains(out, "Dumping") || strings.Contains(out, "xception") {
			t.Errorf("%s: %s", f, out)
		}
	}
	cps, _ := filepath.Glob(filepath.Join(data, "__cluster_metadata-0", "*.checkpoint"))
	if len(cps) == 0 {
		t.Fatal("no checkpoint in the metadata log")
	}
	for _, f := range cps {
		if out := javaTool(t, "org.apache.kafka.tools.DumpLogSegments", "--cluster-metadata-decoder", "--files", f); !strings.Contains(out, "SnapshotHeader") {
			t.Errorf("%s: %s", f, out)
		}
	}
	if out := javaTool(t, "org.apache.kafka.shell.MetadataShell", "--snapshot", cps[len(cps)-1], "find"); !strings.Contains(out, "features") {
		t.Errorf("kafka-metadata-shell: %s", out)
	}
}
