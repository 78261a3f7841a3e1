package storage

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"gregor/internal/record"
	"gregor/internal/vfs"
)

// TestSameFilesAsKafka appends what a Kafka broker's log holds, one produce
// request after the other, and expects the same files byte for byte.
// KAFKA_LOG_DIR is a partition's directory of a broker that was shut down, with
// segment.bytes 1 MiB and one batch in every request.
func TestSameFilesAsKafka(t *testing.T) {
	from := os.Getenv("KAFKA_LOG_DIR")
	if from == "" {
		t.Skip("KAFKA_LOG_DIR is not set")
	}
	dir := t.TempDir()
	tl := newTestLog(t, vfs.OS, dir, func(c *Config) { c.SegmentBytes = 1 << 20 })
	names, err := os.ReadDir(from)
	must(t, err)
	for _, n := range names {
		if filepath.Ext(n.Name()) != logSuffix {
			continue
		}
		b, err := os.ReadFile(filepath.Join(from, n.Name()))
		must(t, err)
		for len(b) > 0 {
			var x record.Batch
			x, b, err = record.Next(b)
			must(t, err)
			_, err = tl.Append([][]byte{x}, x.MaxTimestamp())
			must(t, err)
		}
	}
	must(t, tl.Close())
	for _, n := range names {
		want, err := os.ReadFile(filepath.Join(from, n.Name()))
		must(t, err)
		got, err := os.ReadFile(filepath.Join(tl.dir, n.Name()))
		if n.Name() == partitionMetaName {
			continue
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d (%v)", n.Name(), len(got), len(want), err)
		}
	}
}
