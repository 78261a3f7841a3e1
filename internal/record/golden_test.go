package record

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"gregor/internal/model"
	"gregor/internal/record/codec"
)

// golden is what Kafka's own classes wrote (testdata/Golden.java).
func golden(t testing.TB) map[string][]byte {
	t.Helper()
	f, err := os.Open("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := make(map[string][]byte)
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		name, text, _ := strings.Cut(sc.Text(), " ")
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(name, err)
		}
		out[name] = b
	}
	if len(out) < 20 {
		t.Fatalf("only %d golden lines", len(out))
	}
	return out
}

const goldenTime model.Millis = 1700000000000

func goldenSpec() Spec {
	s := NewSpec()
	s.BaseOffset, s.LeaderEpoch, s.AppendTime = 1000, 3, goldenTime+7
	return s
}

func buildGolden(t *testing.T, s Spec) Batch {
	t.Helper()
	var bl Builder
	bl.Reset(s)
	bl.Append(goldenTime, []byte("key"), []byte("value"))
	bl.Append(goldenTime+5, nil, []byte("no key"))
	bl.Append(goldenTime-5, []byte("tombstone"), nil)
	bl.Append(goldenTime+100000, []byte{}, []byte{},
		Header{[]byte("h1"), []byte("v1")}, Header{[]byte(""), nil}, Header{[]byte("h1"), []byte{}})
	bl.Append(goldenTime, make([]byte, 300), bytes.Repeat([]byte("x"), 200))
	b, err := bl.Build()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBuilderEqualsKafka(t *testing.T) {
	want := golden(t)
	specs := map[string]func(*Spec){
		"none":          func(*Spec) {},
		"idempotent":    func(s *Spec) { s.ProducerID, s.ProducerEpoch, s.BaseSequence = 42, 5, maxInt32-1 },
		"transactional": func(s *Spec) { s.ProducerID, s.ProducerEpoch, s.BaseSequence, s.Transactional = 42, 5, 17, true },
		"appendtime":    func(s *Spec) { s.LogAppendTime = true },
		"horizon":       func(s *Spec) { s.DeleteHorizon = goldenTime + 50 },
	}
	for name, mod := range specs {
		s := goldenSpec()
		mod(&s)
		if got := buildGolden(t, s); !bytes.Equal(got, want[name]) {
			t.Errorf("%s:\n got %x\nwant %x", name, []byte(got), want[name])
		}
	}
	for name, commit := range map[string]bool{"commit": true, "abort": false} {
		s := goldenSpec()
		s.ProducerID, s.ProducerEpoch, s.Transactional, s.Control = 42, 6, true, true
		var bl Builder
		bl.Reset(s)
		m := Marker{Commit: commit, CoordinatorEpoch: 9}
		if !commit {
			m.CoordinatorEpoch = 10
		}
		bl.AppendMarker(goldenTime, m)
		got, _ := bl.Build()
		if !bytes.Equal(got, want[name]) {
			t.Errorf("%s:\n got %x\nwant %x", name, []byte(got), want[name])
		}
		read, at, ok := MarkerOf(got)
		if read != m || at != goldenTime || !ok {
			t.Errorf("%s: MarkerOf = %v, %v, %v", name, read, at, ok)
		}
	}
}

func dump(t *testing.T, b Batch) string {
	t.Helper()
	var sb strings.Builder
	var r Reader
	for r.Reset(b); r.Next(); {
		rec := r.Record()
		fmt.Fprintf(&sb, "%d@%d %q=%q", rec.Offset, rec.Timestamp-goldenTime, show(rec.Key), show(rec.Value))
		for _, h := range rec.AppendHeaders(nil) {
			fmt.Fprintf(&sb, " %s:%q", h.Key, show(h.Value))
		}
		sb.WriteByte('\n')
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return sb.String()
}

func show(b []byte) string {
	switch {
	case b == nil:
		return "null"
	case len(b) > 20:
		return fmt.Sprintf("%d bytes", len(b))
	}
	return string(b)
}

func TestReadsKafkasBatches(t *testing.T) {
	all := golden(t)
	const want = `1000@0 "key"="value"
1001@5 "null"="no key"
1002@-5 "tombstone"="null"
1003@100000 ""="" h1:"v1" :"null" h1:""
1004@0 "300 bytes"="200 bytes"
`
	for _, name := range []string{"none", "gzip", "snappy", "lz4", "zstd", "idempotent", "transactional", "horizon"} {
		b, rest, err := Next(all[name])
		if err != nil || len(rest) != 0 || !b.Valid() {
			t.Fatalf("%s: %v, %d bytes over, valid %v", name, err, len(rest), b.Valid())
		}
		if got := dump(t, b); got != want {
			t.Errorf("%s:\n%s", name, got)
		}
		if b.BaseOffset() != 1000 || b.LastOffset() != 1004 || b.Count() != 5 || b.LeaderEpoch() != 3 || b.MaxTimestamp() != goldenTime+100000 {
			t.Errorf("%s: header is wrong: %v %v %v %v %v", name, b.BaseOffset(), b.LastOffset(), b.Count(), b.LeaderEpoch(), b.MaxTimestamp())
		}
	}
	if c := Batch(all["zstd"]).Codec(); c != codec.Zstd {
		t.Errorf("codec of zstd is %v", c)
	}
	b := Batch(all["idempotent"])
	if b.ProducerID() != 42 || b.ProducerEpoch() != 5 || b.BaseSequence() != maxInt32-1 || b.LastSequence() != 2 {
		t.Errorf("idempotent: %v %v %v %v", b.ProducerID(), b.ProducerEpoch(), b.BaseSequence(), b.LastSequence())
	}
	var r Reader
	for r.Reset(Batch(all["appendtime"])); r.Next(); {
		if got := r.Record().Timestamp; got != goldenTime+7 {
			t.Errorf("append time of a record is %d", got)
		}
	}
}

func TestReadsKafkasLargeBatches(t *testing.T) {
	for name, bytes := range golden(t) {
		if !strings.HasPrefix(name, "large-") {
			continue
		}
		var r Reader
		n := 0
		for r.Reset(Batch(bytes)); r.Next(); n++ {
			rec := r.Record()
			if want := fmt.Sprint(n % 10); string(rec.Key) != want || rec.Offset != model.Offset(1000+n) || len(rec.Value) != 43 {
				t.Fatalf("%s: record %d is %s %q", name, n, rec, rec.Key)
			}
		}
		if n != 1300 || r.Err() != nil {
			t.Errorf("%s: %d records, %v", name, n, r.Err())
		}
	}
}

// What we compress must come out the same from our decoder; that Java reads
// it too is checked by test/interop.
func TestCodecsRoundTrip(t *testing.T) {
	plain := dump(t, buildGolden(t, goldenSpec()))
	for c := codec.None; c <= codec.Zstd; c++ {
		s := goldenSpec()
		s.Codec, s.Level = c, c.DefaultLevel()
		b := buildGolden(t, s)
		if !b.Valid() || b.Codec() != c {
			t.Fatalf("%v: invalid batch", c)
		}
		if got := dump(t, b); got != plain {
			t.Errorf("%v:\n%s", c, got)
		}
	}
}

func TestSnapshotEqualsKafka(t *testing.T) {
	all := golden(t)
	for _, name := range []string{"snapshot", "snapshot-empty"} {
		var ps Producers
		if err := ps.LoadSnapshot(all[name], 1005, goldenTime, 1000); err != nil {
			t.Fatal(name, err)
		}
		if got := ps.AppendSnapshot(nil); !bytes.Equal(got, all[name]) {
			t.Errorf("%s:\n got %x\nwant %x", name, got, all[name])
		}
	}
	var ps Producers
	_ = ps.LoadSnapshot(all["snapshot"], 1005, goldenTime, 1000)
	if first, ok := ps.FirstUnstable(); first != 900 || !ok {
		t.Errorf("FirstUnstable = %d, %v", first, ok)
	}
	if ps.Len() != 3 || ps.End() != 1005 {
		t.Errorf("Len %d, End %d", ps.Len(), ps.End())
	}
	// 42 and 44 have expired; 43 has an open transaction.
	if _ = ps.LoadSnapshot(all["snapshot"], 1005, goldenTime+5000, 1000); ps.Len() != 1 {
		t.Errorf("%d producers left after expiry", ps.Len())
	}
	for i := range all["snapshot"] {
		bad := bytes.Clone(all["snapshot"])
		bad[i] ^= 0x10
		if err := ps.LoadSnapshot(bad, 0, goldenTime, 1000); err == nil {
			t.Fatalf("flipped bit in byte %d was not noticed", i)
		}
		if err := ps.LoadSnapshot(all["snapshot"][:i], 0, goldenTime, 1000); err == nil {
			t.Fatalf("snapshot cut at %d was taken", i)
		}
	}
}

func TestLegacyIsRecognised(t *testing.T) {
	all := golden(t)
	for name, magic := range map[string]int8{"magic0": 0, "magic1": 1} {
		b, _, err := Next(all[name])
		if err != nil || b.Magic() != magic || b.BaseOffset() != 77 {
			t.Errorf("%s: %v, magic %d", name, err, b.Magic())
		}
		_, err = CheckProduce(all[name], 9)
		if err == nil || err.Error() != "Produce requests with version 9 are only allowed to contain record batches with magic version 2" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
