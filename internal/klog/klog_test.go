package klog

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

func TestPattern(t *testing.T) {
	var out bytes.Buffer
	levels := NewLevels(slog.LevelInfo)
	base := slog.New(NewHandler(levels, NewWriter(&out)))
	log := Named(base, "kafka.server.KafkaRaftServer", "[KafkaRaftServer nodeId=1] ")
	log.Info("Kafka Server started")
	log.Debug("not shown")
	want := regexp.MustCompile(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] INFO \[KafkaRaftServer nodeId=1\] Kafka Server started \(kafka\.server\.KafkaRaftServer\)\n$`)
	if !want.Match(out.Bytes()) {
		t.Errorf("line %q", out.String())
	}
	out.Reset()
	levels.Set("kafka.server", slog.LevelDebug)
	log.Debug("shown", "name", "a\nb")
	if !bytes.Contains(out.Bytes(), []byte(`DEBUG [KafkaRaftServer nodeId=1] shown name="a\nb" (`)) {
		t.Errorf("line %q", out.String())
	}
}

func TestFilesRollByHour(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	f, err := OpenFiles(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.WriteLine("kafka.server.X", now, []byte("one\n"))
	f.WriteLine("org.apache.kafka.controller.QuorumController", now, []byte("ctl\n"))
	f.WriteLine("kafka.server.X", now.Add(time.Hour), []byte("two\n"))
	for name, want := range map[string]string{"server.log": "two\n", "server.log." + now.Format(hourFormat): "one\n", "controller.log": "ctl\n"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

func TestLevelsInherit(t *testing.T) {
	l := NewLevels(slog.LevelInfo)
	l.Set("kafka", slog.LevelError)
	if l.of("kafka.log.Log") != slog.LevelError || l.of("org.apache") != slog.LevelInfo {
		t.Error("levels are inherited by name")
	}
	l.Unset("kafka")
	if l.of("kafka.log.Log") != slog.LevelInfo || l.All()["kafka.log.Log"] != "INFO" {
		t.Error("unset")
	}
	if _, err := ParseLevel("LOUD"); err == nil {
		t.Error("LOUD is no level")
	}
}
