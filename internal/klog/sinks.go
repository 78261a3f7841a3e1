package klog

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Writer is a Sink over an io.Writer, such as standard output.
type Writer struct {
	mu sync.Mutex
	w  io.Writer
}

// NewWriter prints every line to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// WriteLine prints the line; an error has nowhere to go.
func (s *Writer) WriteLine(_ string, _ time.Time, line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.w.Write(line)
}

// Files is the Sink of Kafka's log files in one directory. The file being
// written has the plain name; when the hour changes it is renamed to
// NAME.yyyy-MM-dd-HH, as log4j's DailyRollingFileAppender does.
type Files struct {
	dir   string
	mu    sync.Mutex
	files map[string]*rolling
}

type rolling struct {
	f    *os.File
	hour string
}

// OpenFiles makes dir and opens server.log in it.
func OpenFiles(dir string, now time.Time) (*Files, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("log directory %s: %w", dir, err)
	}
	s := &Files{dir: dir, files: map[string]*rolling{}}
	if _, err := s.open("server.log", now); err != nil {
		return nil, err
	}
	return s, nil
}

// fileOf is the file that Kafka's shipped log4j configuration sends a logger to.
func fileOf(logger string) string {
	switch {
	case strings.HasPrefix(logger, "org.apache.kafka.controller"), strings.HasPrefix(logger, "kafka.controller"):
		return "controller.log"
	case logger == "state.change.logger":
		return "state-change.log"
	case strings.HasPrefix(logger, "kafka.log.LogCleaner"):
		return "log-cleaner.log"
	case logger == "kafka.authorizer.logger":
		return "kafka-authorizer.log"
	case logger == "kafka.request.logger":
		return "kafka-request.log"
	}
	return "server.log"
}

const hourFormat = "2006-01-02-15"

func (s *Files) open(name string, now time.Time) (*rolling, error) {
	path := filepath.Join(s.dir, name)
	hour := now.Format(hourFormat)
	if st, err := os.Stat(path); err == nil && st.Size() > 0 {
		if h := st.ModTime().Format(hourFormat); h != hour {
			_ = os.Rename(path, path+"."+h)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("log file %s: %w", path, err)
	}
	r := &rolling{f: f, hour: hour}
	s.files[name] = r
	return r, nil
}

// WriteLine appends the line to the logger's file, rolling it first when the
// hour has changed. A file that cannot be opened loses its lines; the server
// goes on.
func (s *Files) WriteLine(logger string, t time.Time, line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := fileOf(logger)
	r := s.files[name]
	if r != nil && r.hour != t.Format(hourFormat) {
		path := filepath.Join(s.dir, name)
		_ = r.f.Close()
		_ = os.Rename(path, path+"."+r.hour)
		r = nil
	}
	if r == nil {
		var err error
		if r, err = s.open(name, t); err != nil {
			return
		}
	}
	_, _ = r.f.Write(line)
}

// Close closes the files.
func (s *Files) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.files {
		_ = r.f.Close()
	}
	s.files = map[string]*rolling{}
}
