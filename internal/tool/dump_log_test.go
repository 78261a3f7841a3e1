package tool

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// call runs a tool and gives all it printed.
func call(t testing.TB, name, stdin string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Main(name, args, IO{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs, Env: func(string) string { return "" }})
	return out.String(), errs.String(), status
}

// TestDumpLogPrintsWhatKafkaPrints: testdata/dump holds files that a Kafka 4.3.1
// wrote, some damaged afterwards, and what its own kafka-dump-log says of them.
func TestDumpLogPrintsWhatKafkaPrints(t *testing.T) {
	t.Chdir("testdata/dump")
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	cases, err := os.ReadFile("cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, line := range strings.Split(string(cases), "\n") {
		name, args, ok := strings.Cut(line, ": ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(name + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			out, errs, status := call(t, "kafka-dump-log", "", strings.Fields(args)...)
			got := strings.ReplaceAll(fmt.Sprintf("%s-- stderr --\n%s-- status %d --\n", out, errs, status), dir, "$DIR")
			if got != string(want) {
				t.Errorf("differs from Kafka at %s", firstDifference(got, string(want)))
			}
		})
	}
	if n < 10 {
		t.Errorf("only %d cases", n)
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "(end)", "(end)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\n got: %s\nwant: %s", i+1, a, b)
		}
	}
	return "nothing"
}

// TestDumpLogBearsAnyBytes: whatever stands in a file, the tool ends with a
// status and never panics.
func TestDumpLogBearsAnyBytes(t *testing.T) {
	real, err := filepath.Glob("testdata/dump/*/*")
	if err != nil || len(real) == 0 {
		t.Fatal("no files", err)
	}
	var seeds [][]byte
	for _, f := range real {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, b)
	}
	dir := t.TempDir()
	path := func(ext string) string { return filepath.Join(dir, "00000000000000000000"+ext) }
	exts := []string{".log", ".index", ".timeindex", ".txnindex", ".snapshot"}
	decoders := []string{"--print-data-log", "--offsets-decoder", "--transaction-log-decoder", "--cluster-metadata-decoder", "--share-group-state-decoder", "--index-sanity-check"}
	rapid.Check(t, func(t *rapid.T) {
		for _, e := range exts {
			b := bytes.Clone(rapid.SampledFrom(seeds).Draw(t, "seed"))
			for range rapid.IntRange(0, 4).Draw(t, "flips") {
				if len(b) > 0 {
					b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
				}
			}
			b = b[:rapid.IntRange(0, len(b)).Draw(t, "length")]
			if err := os.WriteFile(path(e), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range exts {
			status := Main("kafka-dump-log", []string{"--files", path(e), rapid.SampledFrom(decoders).Draw(t, "decoder")}, IO{Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}})
			if status != 0 && status != 1 {
				t.Fatalf("status %d", status)
			}
		}
	})
}
