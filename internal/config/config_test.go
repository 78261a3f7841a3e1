package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func base() map[string]string {
	return map[string]string{
		"process.roles": "broker,controller", "node.id": "1",
		"controller.quorum.voters": "1@localhost:9093", "controller.listener.names": "CONTROLLER",
		"listeners":            "PLAINTEXT://:9092,CONTROLLER://:9093",
		"advertised.listeners": "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
		"log.dirs":             "/d1, /d2",
	}
}

func node(t *testing.T, change map[string]string) (*Node, []Warning, error) {
	t.Helper()
	p := base()
	for k, v := range change {
		if v == "-" {
			delete(p, k)
			continue
		}
		p[k] = v
	}
	v, w1, err := Load(p)
	if err != nil {
		return nil, nil, err
	}
	n, w2, err := NewNode(v)
	return n, append(w1, w2...), err
}

func TestCombinedNode(t *testing.T) {
	n, w, err := node(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(w) != 0 || !n.Broker || !n.Controller || n.ID != 1 || len(n.LogDirs) != 2 || n.MetadataLogDir != "/d1" {
		t.Errorf("node %+v warnings %v", n, w)
	}
	if len(n.AdvertisedBrokers) != 1 || n.AdvertisedBrokers[0].Host != "localhost" || n.InterBroker != "PLAINTEXT" {
		t.Errorf("advertised %v inter-broker %s", n.AdvertisedBrokers, n.InterBroker)
	}
	if n.Protocols["CONTROLLER"] != "PLAINTEXT" {
		t.Errorf("protocols %v", n.Protocols)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, key, value, want string
	}{
		{"int", "num.partitions", "abc", "Invalid value abc for configuration num.partitions: Not a number of type INT"},
		{"low", "num.partitions", "0", "Invalid value 0 for configuration num.partitions: Value must be at least 1"},
		{"high", "log.cleaner.min.cleanable.ratio", "1.5", "Invalid value 1.5 for configuration log.cleaner.min.cleanable.ratio: Value must be no more than 1"},
		{"bool", "auto.create.topics.enable", "yes", "Invalid value yes for configuration auto.create.topics.enable: Expected value to be either true or false"},
		{"enum", "compression.type", "brotli", "Invalid value brotli for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"},
		{"role", "process.roles", "broker,king", "Invalid value king for configuration process.roles: String must be one of: broker, controller"},
		{"no role", "process.roles", "-", `Missing required configuration "process.roles" which has no default value.`},
		{"endpoint", "listeners", "PLAINTEXT:/9092", "Unable to parse PLAINTEXT:/9092 to a broker endpoint"},
		{"same port", "listeners", "PLAINTEXT://:9092,CONTROLLER://:9092", "Each listener must have a different port"},
		{"no protocol", "listeners", "FOO://:9092,CONTROLLER://:9093", "No security protocol defined for listener FOO"},
		{"wildcard", "advertised.listeners", "PLAINTEXT://0.0.0.0:9092", "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0"},
		{"voter", "controller.quorum.voters", "1-localhost:9093", "each entry should be in the form `{id}@{host}:{port}`"},
		{"not a voter", "controller.quorum.voters", "2@localhost:9093", "the node id 1 must be included in the set of voters controller.quorum.voters=Set(2)"},
		{"no quorum", "controller.quorum.voters", "-", "either controller.quorum.bootstrap.servers must contain"},
		{"inter broker", "inter.broker.listener.name", "EXTERNAL", "Listener with name EXTERNAL defined in inter.broker.listener.name not found"},
		{"ids", "broker.id", "7", "You must set `node.id` to the same value as `broker.id`."},
		{"queued", "queued.max.request.bytes", "1000", "queued.max.request.bytes must be larger or equal to socket.request.max.bytes"},
		{"broker only", "process.roles", "broker", "the node id 1 must not be included in the set of voters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := node(t, map[string]string{c.key: c.value})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestUnknownAndOldKeysWarn(t *testing.T) {
	_, w, err := node(t, map[string]string{"no.such.key": "1", "zookeeper.connect": "localhost:2181", "log.cleaner.threads": "2"})
	if err != nil || len(w) != 3 {
		t.Fatalf("warnings %q err %v", w, err)
	}
}

func TestRetentionSynonyms(t *testing.T) {
	v, _, _ := Load(map[string]string{"log.retention.hours": "2", "log.retention.minutes": "5"})
	if got := v.ForTopic(nil).Int("retention.ms"); got != 5*60*1000 {
		t.Errorf("retention.ms %d: minutes win over hours", got)
	}
	v = v.With(map[string]string{"log.retention.ms": "77"})
	if got := v.ForTopic(nil).Int("retention.ms"); got != 77 {
		t.Errorf("retention.ms %d: the dynamic value wins", got)
	}
	if got := v.ForTopic(map[string]string{"retention.ms": "9"}).Int("retention.ms"); got != 9 {
		t.Errorf("retention.ms %d: the topic's own value wins", got)
	}
	d, _, _ := Load(nil)
	if got := d.ForTopic(nil).Int("retention.ms"); got != 168*3600*1000 {
		t.Errorf("default retention.ms %d", got)
	}
}

func TestSettingsTableIsComplete(t *testing.T) {
	for _, k := range append(append(append([]*Key{}, Broker.Keys()...), Topic.Keys()...), Group.Keys()...) {
		if !k.Null && !k.Required && k.Default != "" {
			if err := k.Check(k.Default); err != nil {
				t.Errorf("default of %s: %v", k.Name, err)
			}
		}
	}
	if n := len(Broker.Keys()); n < 400 {
		t.Errorf("%d broker settings", n)
	}
	for n, syn := range topicSynonyms {
		if _, ok := Topic.Lookup(n); !ok {
			t.Errorf("no topic setting %s", n)
		}
		for _, s := range syn {
			if _, ok := Broker.Lookup(s); !ok {
				t.Errorf("no broker setting %s", s)
			}
		}
	}
}

func TestDescribeLayers(t *testing.T) {
	v, _, _ := Load(map[string]string{"log.retention.hours": "2", "ssl.key.password": "secret", "node.id": "1"})
	l := Layers{Static: v, DynamicDefault: map[string]string{"log.retention.ms": "1000"}}
	es := l.TopicEntries(map[string]string{"retention.bytes": "5"}, []string{"retention.ms", "retention.bytes", "segment.bytes"})
	if len(es) != 3 || es[0].Source != SourceTopic || *es[1].Value != "1000" || es[1].Source != SourceDynamicDefault || es[2].Source != SourceDefault {
		t.Errorf("%+v", es)
	}
	for _, e := range l.BrokerEntries([]string{"ssl.key.password"}) {
		if e.Value != nil || !e.Sensitive || e.Synonyms[0].Value != nil {
			t.Errorf("a password is shown: %+v", e)
		}
	}
}

func TestProperties(t *testing.T) {
	in := "# c\n! c\na=1\n b : 2 \nc 3\nd=x\\\n   y\ne\\=f=g\n=v\nu=\\u00e9\\t|\nt=end\\\\\nlast=\\"
	want := map[string]string{"a": "1", "b": "2 ", "c": "3", "d": "xy", "e=f": "g", "": "v", "u": "é\t|", "t": "end\\", "last": ""}
	got, err := ParseProperties([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range got {
		if w, ok := want[p.Key]; !ok || w != p.Value {
			t.Errorf("%q = %q, want %q", p.Key, p.Value, w)
		}
		delete(want, p.Key)
	}
	if len(want) > 0 {
		t.Errorf("missing %v", want)
	}
	if _, err := ParseProperties([]byte("a=\\u12")); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("malformed escape: %v", err)
	}
}

// FuzzProperties: whatever the file, the parser ends and never panics.
func FuzzProperties(f *testing.F) {
	f.Add([]byte("a=b\\\n c\n\\u0041=\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ps, err := ParseProperties(b)
		if err == nil && len(ps) > len(b)+1 {
			t.Fatalf("%d properties of %d bytes", len(ps), len(b))
		}
	})
}

func TestDocIsWritten(t *testing.T) {
	want := Markdown()
	path := filepath.Join("..", "..", "docs", "config.md")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Fatalf("docs/config.md is not what the key table says (%v); run: UPDATE=1 go test ./internal/config -run TestDocIsWritten", err)
	}
}

func TestEverySettingIsExplained(t *testing.T) {
	for _, tab := range []*Table{Broker, Topic, Group, ClientMetrics, UserQuota, IPQuota} {
		for _, k := range tab.Keys() {
			if !k.Internal && !k.Old && k.Doc == "" {
				t.Errorf("%s has no Doc", k.Name)
			}
		}
	}
}
