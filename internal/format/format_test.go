package format

import (
	"encoding/base64"
	"strings"
	"testing"

	"gregor/internal/config"
	"gregor/internal/metadata"
	"gregor/internal/metalog"
	"gregor/internal/storage"
	"gregor/internal/vfs"
	"gregor/internal/wire"
)

func request(t *testing.T, fs vfs.FS, change map[string]string) Request {
	t.Helper()
	props := map[string]string{
		"process.roles": "broker,controller", "node.id": "1", "controller.quorum.bootstrap.servers": "localhost:9093",
		"listeners": "PLAINTEXT://:9092,CONTROLLER://:9093", "controller.listener.names": "CONTROLLER", "log.dirs": "/b,/a",
	}
	for k, v := range change {
		props[k] = v
		if v == "-" {
			delete(props, k)
		}
	}
	v, _, err := config.Load(props)
	if err != nil {
		t.Fatal(err)
	}
	n, _, err := config.NewNode(v)
	if err != nil {
		t.Fatal(err)
	}
	return Request{FS: fs, Node: n, ClusterID: "gZzkfRm4T1y8wSAY-ZNG5Q", Quorum: Standalone, Now: 1, Print: func(string) {}}
}

func TestStandalone(t *testing.T) {
	fs := vfs.NewMem(1)
	var lines []string
	r := request(t, fs, nil)
	r.Print = func(l string) { lines = append(lines, l) }
	if err := Run(r); err != nil {
		t.Fatal(err)
	}
	if len(lines) != 3 || lines[1] != "Formatting data directory /a with metadata.version 4.4-IV2." || lines[2] != "Formatting dynamic metadata voter directory /b with metadata.version 4.4-IV2." {
		t.Errorf("%q", lines)
	}
	e := storage.LoadEnsemble(fs, []string{"/a", "/b"}, "/b")
	if err := e.Verify(r.ClusterID, 1); err != nil || len(e.Props) != 2 {
		t.Errorf("%+v %v", e, err)
	}
	recs, _, err := metalog.ReadBootstrap(fs, "/b")
	if err != nil || len(recs) != 6 {
		t.Fatalf("%d records, %v", len(recs), err)
	}
	f := recs[0].Msg.(*wire.FeatureLevelRecord)
	if f.Name != "metadata.version" || f.FeatureLevel != int16(metadata.MaxVersion) {
		t.Errorf("%+v", f)
	}
	if err := Run(r); err == nil || !strings.Contains(err.Error(), "Log directory /a is already formatted") {
		t.Errorf("formatting again: %v", err)
	}
	r.IgnoreFormatted = true
	if err := Run(r); err != nil {
		t.Errorf("--ignore-formatted: %v", err)
	}
	r.ClusterID = "AAAAAAAAAAAAAAAAAAAAAA"
	if err := Run(r); err == nil || !strings.Contains(err.Error(), "Invalid cluster.id") {
		t.Errorf("another cluster: %v", err)
	}
}

func TestHalfFormattedIsFinished(t *testing.T) {
	fs := vfs.NewMem(1)
	r := request(t, fs, nil)
	if err := Run(r); err != nil {
		t.Fatal(err)
	}
	if err := fs.Remove("/a/meta.properties"); err != nil {
		t.Fatal(err)
	}
	r.IgnoreFormatted = true
	if err := Run(r); err != nil {
		t.Fatal(err)
	}
	e := storage.LoadEnsemble(fs, []string{"/a", "/b"}, "/b")
	if len(e.Props) != 2 {
		t.Errorf("%+v", e)
	}
}

func TestRefusals(t *testing.T) {
	static := map[string]string{"controller.quorum.voters": "1@localhost:9093"}
	for _, c := range []struct {
		name   string
		props  map[string]string
		change func(r *Request)
		want   string
	}{
		{"no cluster", nil, func(r *Request) { r.ClusterID = "" }, "You must specify the cluster id."},
		{"no quorum", nil, func(r *Request) { r.Quorum = FromConfig }, "you must specify one of the following"},
		{"static and standalone", static, func(*Request) {}, "You cannot specify controller.quorum.voters"},
		{"bad controllers", nil, func(r *Request) { r.Quorum, r.Controllers = Initial, "1@host" }, "expected id@host:port:directory, but got 1@host"},
		{"unknown release", nil, func(r *Request) { r.Release = "9.9" }, "Unknown metadata.version '9.9'"},
		{"unknown feature", nil, func(r *Request) { r.Features = map[string]int16{"x": 1} }, "Unsupported feature: x. Supported features are: eligible"},
		{"level too high", nil, func(r *Request) { r.Features = map[string]int16{"group.version": 9} }, "No feature:group.version with feature level 9"},
		{"level too new", nil, func(r *Request) {
			r.Release, r.Features = "3.9", map[string]int16{"eligible.leader.replicas.version": 1}
		}, "it depends on metadata.version level 23"},
		{"kraft.version 0 in a dynamic quorum", nil, func(r *Request) { r.Features = map[string]int16{"kraft.version": 0} }, "Cannot set kraft.version to 0"},
		{"scram", nil, func(r *Request) { r.Scram = []string{"SCRAM-SHA-1=[name=a]"} }, "expected SCRAM-SHA-256"},
		{"scram without password", nil, func(r *Request) { r.Scram = []string{"SCRAM-SHA-256=[name=a]"} }, "one of 'password' or 'saltedpassword'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := vfs.NewMem(1)
			r := request(t, fs, c.props)
			c.change(&r)
			if err := Run(r); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
			if e := storage.LoadEnsemble(fs, []string{"/a", "/b"}, "/b"); len(e.Props) != 0 {
				t.Error("something was formatted all the same")
			}
		})
	}
}

// TestScram: the keys of RFC 7677's example.
func TestScram(t *testing.T) {
	recs, err := scramRecords([]string{`SCRAM-SHA-256=[name=user,password=pencil,iterations=4096,salt="W22ZaJ0SNY7soEsUEjb6gQ=="]`})
	if err != nil || len(recs) != 1 {
		t.Fatal(err)
	}
	r := recs[0]
	b64 := base64.StdEncoding.EncodeToString
	if r.Iterations != 4096 || r.Mechanism != 1 ||
		b64(r.StoredKey) != "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=" || b64(r.ServerKey) != "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=" {
		t.Errorf("%d %d %s %s", r.Iterations, r.Mechanism, b64(r.StoredKey), b64(r.ServerKey))
	}
}
