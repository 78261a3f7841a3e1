// Package harness starts servers for tests: gregor as it was built, and the
// pinned Apache Kafka, each with its own directory and ports on loopback, and
// ends exactly the processes it started.
package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Kind is which server to start.
type Kind string

// The servers there are.
const (
	Gregor Kind = "gregor"
	Kafka  Kind = "kafka"
)

// Root is the project's directory.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// ServerLibs is the class path of the pinned Apache Kafka server, ToolLibs of
// its tools.
func ServerLibs() string { return filepath.Join(Root(), ".cache/kafka/4.4.0/libs", "*") }

// ToolLibs is the class path of Apache Kafka's tools.
func ToolLibs() string { return filepath.Join(Root(), ".cache/kafka/tools-4.3.1/libs", "*") }

// NeedJava skips the test loudly when Java or the pinned Kafka is missing, and
// fails it where CI is set.
func NeedJava(t testing.TB) {
	t.Helper()
	need(t, "java", "install a JDK 17 or newer")
	for _, d := range []string{"4.4.0", "tools-4.3.1"} {
		if _, err := os.Stat(filepath.Join(Root(), ".cache/kafka", d, ".done")); err != nil {
			missing(t, "Apache Kafka "+d, "run scripts/kafka.sh, which needs Maven")
		}
	}
}

// Need is NeedJava for another program.
func Need(t testing.TB, program, how string) { t.Helper(); need(t, program, how) }

func need(t testing.TB, program, how string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		missing(t, program, how)
	}
}

func missing(t testing.TB, what, how string) {
	t.Helper()
	msg := fmt.Sprintf("NOT TESTED: %s is missing: %s", what, how)
	if os.Getenv("CI") == "true" {
		t.Fatal(msg)
	}
	fmt.Fprintln(os.Stderr, msg)
	t.Skip(msg)
}

// Binary is the gregor to test: $GREGOR, or bin/gregor, which it builds once.
func Binary(t testing.TB) string {
	t.Helper()
	if b := os.Getenv("GREGOR"); b != "" {
		return b
	}
	out := filepath.Join(Root(), "bin", "gregor")
	cmd := exec.Command("go", "build", "-o", out, "./cmd/gregor")
	cmd.Dir = Root()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building gregor: %v\n%s", err, b)
	}
	return out
}

// FreePorts finds n ports that nothing listens on.
func FreePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for i := 0; i < n; i++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// Server is one running node.
type Server struct {
	Kind    Kind
	Dir     string // holds server.properties, data, logs and out.log
	Port    int    // broker listener on 127.0.0.1
	CPort   int    // controller listener
	Cluster string

	t   testing.TB
	cmd *exec.Cmd
	end chan struct{}
}

// ClusterID is the cluster id of all test servers.
const ClusterID = "gZzkfRm4T1y8wSAY-ZNG5Q"

// Start formats and starts a combined node of that kind with extra settings
// over the defaults. The test's end stops it.
func Start(t testing.TB, kind Kind, extra map[string]string) *Server {
	t.Helper()
	p := FreePorts(t, 2)
	s := &Server{Kind: kind, Dir: t.TempDir(), Port: p[0], CPort: p[1], Cluster: ClusterID, t: t}
	s.Configure(extra)
	s.Format()
	s.Run()
	return s
}

// New is a server that is configured but not formatted or started; the data
// directory may be one that another server wrote.
func New(t testing.TB, kind Kind, dir string, port, cport int, extra map[string]string) *Server {
	s := &Server{Kind: kind, Dir: dir, Port: port, CPort: cport, Cluster: ClusterID, t: t}
	s.Configure(extra)
	return s
}

// Config is the path of server.properties.
func (s *Server) Config() string { return filepath.Join(s.Dir, "server.properties") }

// Data is the node's log directory.
func (s *Server) Data() string { return filepath.Join(s.Dir, "data") }

// Addr is the bootstrap address.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// Configure writes server.properties.
func (s *Server) Configure(extra map[string]string) {
	s.t.Helper()
	props := map[string]string{
		"process.roles": "broker,controller", "node.id": "1",
		"controller.quorum.voters":                         fmt.Sprintf("1@127.0.0.1:%d", s.CPort),
		"listeners":                                        fmt.Sprintf("PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d", s.Port, s.CPort),
		"advertised.listeners":                             fmt.Sprintf("PLAINTEXT://127.0.0.1:%d", s.Port),
		"controller.listener.names":                        "CONTROLLER",
		"log.dirs":                                         s.Data(),
		"offsets.topic.replication.factor":                 "1",
		"offsets.topic.num.partitions":                     "5",
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"group.initial.rebalance.delay.ms":                 "0",
	}
	for k, v := range extra {
		if v == "-" {
			delete(props, k)
			continue
		}
		props[k] = v
	}
	var b bytes.Buffer
	for k, v := range props {
		fmt.Fprintf(&b, "%s=%s\n", k, v)
	}
	if err := os.WriteFile(s.Config(), b.Bytes(), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// Tool runs one of the tools of this server's kind and returns its output.
func (s *Server) Tool(class, name string, args ...string) (string, error) {
	var cmd *exec.Cmd
	if s.Kind == Kafka {
		cmd = exec.Command("java", append([]string{"-Xmx256m", "-cp", s.classpath(class), class}, args...)...)
	} else {
		cmd = exec.Command(Binary(s.t), append([]string{name}, args...)...)
	}
	cmd.Env = append(os.Environ(), "LOG_DIR="+filepath.Join(s.Dir, "logs"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *Server) classpath(class string) string {
	if strings.HasPrefix(class, "kafka.") {
		return ServerLibs()
	}
	return ToolLibs()
}

// Format formats the data directory.
func (s *Server) Format() {
	s.t.Helper()
	out, err := s.Tool("kafka.tools.StorageTool", "kafka-storage", "format", "-t", s.Cluster, "-c", s.Config())
	if err != nil {
		s.t.Fatalf("format: %v\n%s", err, out)
	}
}

// Run starts the process and waits until the broker answers.
func (s *Server) Run() {
	s.t.Helper()
	s.Launch()
	if err := s.WaitReady(90 * time.Second); err != nil {
		s.t.Fatalf("%s did not start: %v\n%s", s.Kind, err, s.Log())
	}
}

// Launch starts the process without waiting for it.
func (s *Server) Launch() {
	s.t.Helper()
	logs := filepath.Join(s.Dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		s.t.Fatal(err)
	}
	if s.Kind == Kafka {
		s.cmd = exec.Command("java", "-Xmx512m", "-Xms512m", "-XX:+UseSerialGC", "-cp", ServerLibs(), "-Dlog4j2.level=WARN", "kafka.Kafka", s.Config())
	} else {
		s.cmd = exec.Command(Binary(s.t), "kafka-server-start", s.Config())
	}
	s.cmd.Env = append(os.Environ(), "LOG_DIR="+logs)
	out, err := os.OpenFile(filepath.Join(s.Dir, "out.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	_ = out.Close()
	s.end = make(chan struct{})
	go func(cmd *exec.Cmd, end chan struct{}) { _ = cmd.Wait(); close(end) }(s.cmd, s.end)
	s.t.Cleanup(s.Kill)
}

// WaitReady waits until the broker listener answers ApiVersions and a topic
// could be created: the broker is unfenced once Metadata lists a broker.
func (s *Server) WaitReady(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		select {
		case <-s.end:
			return errors.New("the process ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		if s.unfenced() {
			return nil
		}
	}
}

// metadata1 asks Metadata v1 for no topics.
var metadata1 = []byte{0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0, 0, 0, 0}

func (s *Server) unfenced() bool {
	c, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := c.Write(metadata1); err != nil {
		return false
	}
	var b [12]byte // size, correlation id, number of brokers
	for n := 0; n < len(b); {
		m, err := c.Read(b[n:])
		if err != nil {
			return false
		}
		n += m
	}
	return b[11] > 0
}

// Stop ends the process with SIGTERM and waits for it.
func (s *Server) Stop() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.end:
	case <-time.After(60 * time.Second):
		s.t.Errorf("%s did not stop in 60 s\n%s", s.Kind, s.Log())
		s.Kill()
	}
}

// Kill ends the process with SIGKILL.
func (s *Server) Kill() {
	if s.cmd == nil || s.end == nil {
		return
	}
	select {
	case <-s.end:
	default:
		_ = s.cmd.Process.Kill()
		<-s.end
	}
}

// Pid is the process id.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (s *Server) Ended() <-chan struct{} { return s.end }

// Log is what the process printed, its last 8 KiB.
func (s *Server) Log() string {
	b, _ := os.ReadFile(filepath.Join(s.Dir, "out.log"))
	if len(b) > 8192 {
		b = b[len(b)-8192:]
	}
	return string(b)
}
