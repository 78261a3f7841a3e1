package metalog

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/record"
	"gregor/internal/vfs"
	"gregor/internal/wire"
)

// The files in testdata/kafka-4.4.0 were written by kafka-storage format of
// Apache Kafka 4.4.0.
func golden(t testing.TB, name string) string {
	return filepath.Join("testdata", "kafka-4.4.0", name+".checkpoint")
}

func uuid(t testing.TB, s string) model.UUID {
	u, err := model.ParseUUID(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func feature(name string, level int16) metadata.Record {
	return metadata.V0(&wire.FeatureLevelRecord{Name: name, FeatureLevel: level})
}

func features() []metadata.Record {
	return []metadata.Record{
		feature("metadata.version", 33), feature("eligible.leader.replicas.version", 1), feature("group.version", 1),
		feature("share.version", 2), feature("streams.version", 1), feature("transaction.version", 2),
	}
}

func formatVoter(t testing.TB, id model.BrokerID, dir, host string) raft.Voter {
	return raft.Voter{
		Key: raft.Key{ID: id, Dir: uuid(t, dir)}, Versions: raft.VersionRange{Min: 0, Max: 1},
		Endpoints: raft.Endpoints{{Listener: "CONTROLLER", Address: raft.Address{Host: host, Port: 19093}}},
	}
}

func formats(t testing.TB) map[string]Format {
	hexed := func(s string) []byte { b, _ := hex.DecodeString(s); return b }
	scram := metadata.V0(&wire.UserScramCredentialRecord{
		Name: "alice", Mechanism: 1, Salt: []byte("1fod1mbwysmkotfxkxedfii5v0"), Iterations: 4096,
		StoredKey: hexed("6089159e91ce1c0cf73a79459f5f79bbd4934156821d8ceb857f95d6efb9c67f"),
		ServerKey: hexed("5a3c11e04e03895c819fb1640527542f60fc1df4b76e1aa9bf4b4fbc45b72bab"),
	})
	return map[string]Format{
		"standalone": {KVersion: 1, Voters: raft.Voters{formatVoter(t, 1, "5GFLI9jqQv2UUOS1plT7fg", "127.0.0.1")}, Records: features()},
		"static":     {Records: features()},
		"initial-controllers": {KVersion: 1, Records: features(), Voters: raft.Voters{
			formatVoter(t, 1, "3Db5QLSqSZieL3rJBUUegA", "localhost"), formatVoter(t, 2, "4Db5QLSqSZieL3rJBUUegA", "h2"),
		}},
		"no-initial-controllers-scram": {KVersion: 1, Records: append(features(), scram)},
	}
}

// What we write is what Kafka writes, byte for byte but for the clock.
func TestFormatAsKafka(t *testing.T) {
	for name, f := range formats(t) {
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(golden(t, name))
			if err != nil {
				t.Fatal(err)
			}
			r, err := OpenSnapshot(vfs.OS, golden(t, name), raft.BootstrapID)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			fsys := vfs.NewMem(1)
			out, err := fsys.Create("out")
			if err != nil {
				t.Fatal(err)
			}
			w := snapshotWriter{f: out, spec: SnapshotSpec{LastContained: r.Provenance().Time, KVersion: f.KVersion, Voters: f.Voters}}
			times := batchTimes(t, want)
			w.spec.Now = times[0]
			check(t, w.header())
			w.spec.Now = times[1]
			for _, rec := range f.Records {
				check(t, w.record(rec))
			}
			check(t, w.flush())
			w.spec.Now = times[2]
			check(t, w.footer())
			got, err := vfs.ReadFile(fsys, "out", 1<<20)
			check(t, err)
			if !bytes.Equal(got, want) {
				t.Errorf("differs from Kafka's:\n%s\nexpected\n%s", hex.Dump(got), hex.Dump(want))
			}
		})
	}
}

func batchTimes(t testing.TB, b []byte) (out []model.Millis) {
	for len(b) > 0 {
		x, rest, err := record.Next(b)
		check(t, err)
		out = append(out, x.MaxTimestamp())
		b = rest
	}
	return out
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFormatReadsBack(t *testing.T) {
	for name, f := range formats(t) {
		fsys := vfs.NewMem(1)
		check(t, fsys.MkdirAll("data"))
		f.Now = 1234567
		check(t, WriteFormat(fsys, "data", f))
		recs, source, err := ReadBootstrap(fsys, "data")
		check(t, err)
		if len(recs) != len(f.Records) || !strings.HasSuffix(source, "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint") {
			t.Errorf("%s: %d records from %s", name, len(recs), source)
		}
		for i := range recs {
			if recs[i].String() != f.Records[i].String() {
				t.Errorf("%s: record %d is %v, expected %v", name, i, recs[i], f.Records[i])
			}
		}
		r, err := OpenSnapshot(fsys, snapshotPath(PartitionDir("data"), raft.BootstrapID), raft.BootstrapID)
		check(t, err)
		vs, version := r.Voters()
		if !vs.Equal(f.Voters) || version != f.KVersion || r.Provenance().Time != 1234567 || r.Provenance().Offset != -1 {
			t.Errorf("%s: voters %v, kraft.version %d, %+v", name, vs, version, r.Provenance())
		}
		r.Close()
		names, _ := fsys.ReadDir(PartitionDir("data"))
		if len(names) != 1 {
			t.Errorf("%s: files %v", name, names)
		}
	}
}

// bootstrap.checkpoint of Kafka 3.3 to 4.3 holds the records, the checkpoint
// 0-0 beside it at most the voters.
func TestOldBootstrapFile(t *testing.T) {
	fsys := vfs.NewMem(1)
	check(t, fsys.MkdirAll("data"))
	recs, source, err := ReadBootstrap(fsys, "data")
	if err != nil || recs != nil || source != "" {
		t.Errorf("unformatted: %v %q %v", recs, source, err)
	}
	old, err := os.ReadFile(filepath.Join("testdata", "kafka-3.9.2", "bootstrap.checkpoint"))
	check(t, err)
	check(t, vfs.WriteFile(fsys, "data/bootstrap.checkpoint", old, false))
	check(t, WriteFormat(fsys, "data", Format{KVersion: 1, Voters: raft.Voters{formatVoter(t, 1, "5GFLI9jqQv2UUOS1plT7fg", "h")}}))
	recs, source, err = ReadBootstrap(fsys, "data")
	check(t, err)
	if source != "data/bootstrap.checkpoint" || len(recs) == 0 {
		t.Fatalf("%d records from %q", len(recs), source)
	}
	first := recs[0].Msg.(*wire.FeatureLevelRecord)
	if first.Name != "metadata.version" || first.FeatureLevel != 21 {
		t.Errorf("first record is %v", recs[0])
	}
}

// A snapshot that was cut anywhere, or has a flipped bit, is refused with
// file and place.
func TestDamagedSnapshot(t *testing.T) {
	whole, err := os.ReadFile(golden(t, "standalone"))
	check(t, err)
	read := func(b []byte) error {
		fsys := vfs.NewMem(1)
		check(t, vfs.WriteFile(fsys, "s", b, false))
		r, err := OpenSnapshot(fsys, "s", raft.BootstrapID)
		if err != nil {
			return err
		}
		defer r.Close()
		for range r.Records() {
		}
		return r.Err()
	}
	check(t, read(whole))
	expect := func(b []byte, what string, at int) {
		var e *Error
		if err := read(b); !errors.As(err, &e) || e.File != "s" {
			t.Errorf("%s at %d: %v", what, at, err)
		}
	}
	for n := range whole {
		expect(whole[:n], "cut", n)
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 0x10
		expect(b, "flipped", i)
	}
	expect(append(bytes.Clone(whole), whole...), "doubled", 0)
}

func TestSnapshotNames(t *testing.T) {
	id := raft.ID{Offset: 123456, Epoch: 7}
	if n := SnapshotName(id); n != "00000000000000123456-0000000007.checkpoint" {
		t.Error(n)
	}
	for name, want := range map[string]struct{ complete, ok bool }{
		"00000000000000123456-0000000007.checkpoint":                 {true, true},
		"00000000000000123456-0000000007.checkpoint.deleted":         {false, true},
		"00000000000000123456-0000000007-817263.checkpoint.part":     {false, true},
		"00000000000000123456-0000000007x.checkpoint":                {},
		"0000000000000012345x-0000000007.checkpoint":                 {},
		"00000000000000123456.log":                                   {},
		"bootstrap.checkpoint":                                       {},
		"leader-epoch-checkpoint":                                    {},
		"replication-offset-checkpoint-12345678901234567.checkpoint": {},
	} {
		got, complete, ok := ParseSnapshotName(name)
		if ok != want.ok || complete && ok != want.complete || ok && got != id {
			t.Errorf("%s: %v %v %v", name, got, complete, ok)
		}
	}
}
