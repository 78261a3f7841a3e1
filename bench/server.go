package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// server is one of the programs under test, started by the benchmark.
type server struct {
	kind  string // gregor, kafka or floor
	dir   string
	addr  string
	cmd   *exec.Cmd
	end   chan struct{}
	began time.Time
}

const benchTime = 1700000000000

func freePorts() (int, int, error) {
	a, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	defer a.Close()
	b, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	defer b.Close()
	return a.Addr().(*net.TCPAddr).Port, b.Addr().(*net.TCPAddr).Port, nil
}

// newServer makes the directory and formats it.
func newServer(kind, root string) (*server, error) {
	s := &server{kind: kind, dir: filepath.Join(root, kind)}
	if err := os.RemoveAll(s.dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "data"), 0o755); err != nil {
		return nil, err
	}
	p, cp, err := freePorts()
	if err != nil {
		return nil, err
	}
	s.addr = fmt.Sprintf("127.0.0.1:%d", p)
	if kind == "floor" {
		return s, nil
	}
	props := fmt.Sprintf("process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:%d\nlisteners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d\nadvertised.listeners=PLAINTEXT://127.0.0.1:%d\ncontroller.listener.names=CONTROLLER\nlog.dirs=%s\noffsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\nlog.message.timestamp.before.max.ms=9223372036854775807\nlog.retention.ms=-1\nlog.segment.delete.delay.ms=1000\nsocket.send.buffer.bytes=-1\nsocket.receive.buffer.bytes=-1\ngroup.initial.rebalance.delay.ms=0\n",
		cp, p, cp, p, filepath.Join(s.dir, "data"))
	if err := os.WriteFile(s.config(), []byte(props), 0o644); err != nil {
		return nil, err
	}
	out, err := s.command("kafka.tools.StorageTool", "kafka-storage", "format", "-t", "gZzkfRm4T1y8wSAY-ZNG5Q", "-c", s.config()).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("format: %w\n%s", err, out)
	}
	return s, nil
}

func (s *server) config() string { return filepath.Join(s.dir, "server.properties") }

func (s *server) command(class, name string, args ...string) *exec.Cmd {
	var c *exec.Cmd
	if s.kind == "kafka" {
		c = exec.Command("java", append([]string{"-Xmx1g", "-Xms1g", "-XX:+UseG1GC", "-cp", filepath.Join(*root, ".cache/kafka/4.4.0/libs", "*"), class}, args...)...)
	} else {
		c = exec.Command(filepath.Join(*root, "bin/gregor"), append([]string{name}, args...)...)
	}
	c.Env = append(os.Environ(), "LOG_DIR="+filepath.Join(s.dir, "logs"))
	return c
}

// start starts the process; ready waits for it.
func (s *server) start() error {
	out, err := os.Create(filepath.Join(s.dir, "out.log"))
	if err != nil {
		return err
	}
	defer out.Close()
	if s.kind == "floor" {
		s.cmd = exec.Command(filepath.Join(*root, "bin/floor"), "-listen", s.addr, "-dir", filepath.Join(s.dir, "data"))
	} else {
		s.cmd = s.command("kafka.Kafka", "kafka-server-start", s.config())
	}
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.began = time.Now()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.end = make(chan struct{})
	go func(c *exec.Cmd, end chan struct{}) { _ = c.Wait(); close(end) }(s.cmd, s.end)
	return nil
}

// ready waits until the broker lists itself.
func (s *server) ready() error {
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		select {
		case <-s.end:
			b, _ := os.ReadFile(filepath.Join(s.dir, "out.log"))
			return fmt.Errorf("%s ended: %s", s.kind, b[max(0, len(b)-2000):])
		default:
		}
		c, err := dial(s.addr)
		if err != nil {
			continue
		}
		if s.kind == "floor" {
			c.c.Close()
			return nil
		}
		_ = c.c.SetDeadline(time.Now().Add(5 * time.Second))
		req := kmsg.NewPtrMetadataRequest()
		req.Version = 9
		req.Topics = []kmsg.MetadataRequestTopic{}
		resp, err := c.do(req)
		c.c.Close()
		if err == nil && len(resp.(*kmsg.MetadataResponse).Brokers) > 0 {
			return nil
		}
	}
	return errors.New("not ready in 3 minutes")
}

func (s *server) stop(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.end:
	case <-time.After(2 * time.Minute):
		_ = s.cmd.Process.Kill()
		<-s.end
	}
}

// cpu is the processor time the process has used.
func (s *server) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	u, _ := strconv.ParseInt(f[11], 10, 64)
	k, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(u+k) * 10 * time.Millisecond // USER_HZ is 100
}

// rss is the resident memory in bytes.
func (s *server) rss() int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if v, ok := strings.CutPrefix(sc.Text(), "VmRSS:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

// topic creates a topic and waits until every partition has a leader that answers.
func (s *server) topic(name string, partitions int) error {
	if s.kind == "floor" {
		return nil
	}
	c, err := dial(s.addr)
	if err != nil {
		return err
	}
	defer c.c.Close()
	_ = c.c.SetDeadline(time.Now().Add(10 * time.Minute))
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version, req.TimeoutMillis = 7, 600000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, int32(partitions), 1
	req.Topics = append(req.Topics, t)
	resp, err := c.do(req)
	if err != nil {
		return err
	}
	if r := resp.(*kmsg.CreateTopicsResponse).Topics[0]; r.ErrorCode != 0 {
		return fmt.Errorf("create %s: error code %d", name, r.ErrorCode)
	}
	for p := max(0, partitions-64); p < partitions; p++ {
		if err := s.writable(c, name, int32(p)); err != nil {
			return err
		}
	}
	return nil
}

// writable waits until a partition accepts a record.
func (s *server) writable(c *client, topic string, partition int32) error {
	for i := 0; i < 3000; i++ {
		f := newFrame(topic, partition, batchSpec{size: 128})
		if _, err := c.c.Write(f.next()); err != nil {
			return err
		}
		b, err := c.readFrame()
		if err != nil {
			return err
		}
		if f.check(b) == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s-%d does not become writable", topic, partition)
}

// drop deletes a topic. The floor cannot: its files are emptied under it, since
// nothing reads them again.
func (s *server) drop(name string) error {
	if s.kind == "floor" {
		files, err := filepath.Glob(filepath.Join(s.dir, "data", name+"-*"))
		for _, f := range files {
			err = errors.Join(err, os.Truncate(f, 0))
		}
		return err
	}
	c, err := dial(s.addr)
	if err != nil {
		return err
	}
	defer c.c.Close()
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.Version, req.TimeoutMillis, req.TopicNames = 4, 60000, []string{name}
	_, err = c.do(req)
	return err
}

// producerID asks for one.
func (s *server) producerID() (int64, error) {
	c, err := dial(s.addr)
	if err != nil {
		return 0, err
	}
	defer c.c.Close()
	for i := 0; i < 500; i++ {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.Version, req.TransactionTimeoutMillis = 4, 60000
		req.ProducerID, req.ProducerEpoch = -1, -1
		resp, err := c.do(req)
		if err != nil {
			return 0, err
		}
		if r := resp.(*kmsg.InitProducerIDResponse); r.ErrorCode == 0 {
			return r.ProducerID, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return 0, errors.New("no producer id")
}
