package handler

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"gregor/internal/clock"
	"gregor/internal/config"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/server"
	"gregor/internal/wire"
)

type fixedImage struct{ image *metadata.Image }

func (f fixedImage) Image() *metadata.Image { return f.image }

// node is a server with handlers, on a port of its own.
type node struct {
	t    testing.TB
	addr string
	log  *logBuffer
	h    *Handlers
}

type logBuffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(p)
}

func (b *logBuffer) text() string {
	b.Lock()
	defer b.Unlock()
	return b.String()
}

func newNode(t testing.TB, o Options) *node {
	t.Helper()
	if o.Services.Metadata == nil {
		o.Services.Metadata = fixedImage{metadata.Empty()}
	}
	if o.Wheel == nil {
		o.Wheel = NewWheel(clock.System{})
		o.Wheel.Start()
		t.Cleanup(o.Wheel.Close)
	}
	n := &node{t: t, log: &logBuffer{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(n.log.text())
		}
	})
	o.Log = slog.New(slog.NewTextHandler(n.log, nil))
	n.h = New(o)
	limits := server.DefaultLimits()
	limits.SendBuffer, limits.ReceiveBuffer = -1, -1
	s, err := server.New(server.Options{
		Node: 1, Controller: o.Listener == wire.ControllerListener, Handler: n.h, Clock: clock.System{}, Limits: limits,
		Listeners: []config.Listener{{Name: "PLAINTEXT", Protocol: "PLAINTEXT", Host: "127.0.0.1"}},
		Log:       o.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Close)
	a, _ := s.Addr("PLAINTEXT")
	n.addr = a.String()
	return n
}

// conn is a client's connection.
type conn struct {
	net.Conn
	t    testing.TB
	next int32
}

func (n *node) dial() *conn {
	n.t.Helper()
	c, err := net.Dial("tcp", n.addr)
	if err != nil {
		n.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	n.t.Cleanup(func() { _ = c.Close() })
	return &conn{Conn: c, t: n.t}
}

// request is the frame of a request.
func request(t testing.TB, correlation int32, req wire.Message, version int16) []byte {
	t.Helper()
	var w wire.Writer
	id := "test"
	if err := wire.EncodeRequest(&w, correlation, &id, req, version); err != nil {
		t.Fatal(err)
	}
	b, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b)
}

func (c *conn) send(req wire.Message, version int16) {
	c.t.Helper()
	c.next++
	if _, err := c.Write(request(c.t, c.next, req, version)); err != nil {
		c.t.Fatal(err)
	}
}

// frame reads a response frame without its size.
func (c *conn) frame() ([]byte, error) {
	var size [4]byte
	if _, err := readFull(c, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, int(size[0])<<24|int(size[1])<<16|int(size[2])<<8|int(size[3]))
	_, err := readFull(c, b)
	return b, err
}

func readFull(c net.Conn, b []byte) (int, error) {
	n := 0
	for n < len(b) {
		m, err := c.Read(b[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// receive reads the response to a request of that version.
func (c *conn) receive(resp wire.Message, version int16) {
	c.t.Helper()
	b, err := c.frame()
	if err != nil {
		c.t.Fatal(err)
	}
	r := wire.NewReader(b)
	if _, err := wire.DecodeResponseHeader(r, wire.APIByKey(resp.APIKey()), version); err != nil {
		c.t.Fatal(err)
	}
	if err := wire.Unmarshal(b[r.Offset():], resp, version); err != nil {
		c.t.Fatal(err)
	}
}

func (c *conn) do(req, resp wire.Message, version int16) {
	c.t.Helper()
	c.send(req, version)
	c.receive(resp, version)
}

func (c *conn) expectClosed() {
	c.t.Helper()
	if b, err := c.frame(); err == nil {
		c.t.Fatalf("answer %x, want a closed connection", b)
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		c.t.Fatal("the connection stays open")
	}
}

func TestApiVersions(t *testing.T) {
	n := newNode(t, Options{Services: &Services{Self: 1, ClusterID: "abc"}})
	c := n.dial()
	req := &wire.ApiVersionsRequest{ClientSoftwareName: "go-test", ClientSoftwareVersion: "1.0", NodeId: -1}
	for v := int16(0); v <= 5; v++ {
		var resp wire.ApiVersionsResponse
		c.do(req, &resp, v)
		if resp.ErrorCode != kerr.None || len(resp.ApiKeys) == 0 {
			t.Fatalf("v%d: %+v", v, resp)
		}
		if v == 3 && len(resp.SupportedFeatures) != 1 || v > 3 && len(resp.SupportedFeatures) != 7 {
			t.Errorf("v%d: features %+v", v, resp.SupportedFeatures)
		}
	}
	var resp wire.ApiVersionsResponse
	c.do(&wire.ApiVersionsRequest{ClientSoftwareName: "-bad", ClientSoftwareVersion: "1"}, &resp, 3)
	if resp.ErrorCode != kerr.InvalidRequest {
		t.Errorf("bad name: %v", resp.ErrorCode)
	}
	other := "other"
	req.ClusterId = &other
	c.do(req, &resp, 5)
	if resp.ErrorCode != kerr.RebootstrapRequired {
		t.Errorf("other cluster: %v", resp.ErrorCode)
	}
	// An unknown version is answered in version 0, with the known range.
	b := request(t, 9, req, 4)
	b[7] = 77
	_, _ = c.Write(b)
	c.receive(&resp, 0)
	if resp.ErrorCode != kerr.UnsupportedVersion || len(resp.ApiKeys) != 1 || resp.ApiKeys[0].ApiKey != 18 || resp.ApiKeys[0].MaxVersion != 5 {
		t.Errorf("v77: %+v", resp)
	}
}

func TestBadRequestsCloseTheConnection(t *testing.T) {
	n := newNode(t, Options{Services: &Services{}})
	frame := func(b ...byte) []byte { return append([]byte{0, 0, 0, byte(len(b))}, b...) }
	for _, c := range []struct {
		name  string
		bytes []byte
		log   string
	}{
		{"unknown key", frame(3, 231, 0, 0, 0, 0, 0, 1, 255, 255), "best guess of the apiKeyId is: 999"},
		{"key of ZooKeeper mode", frame(0, 4, 0, 0, 0, 0, 0, 1, 255, 255), "Unsupported api with key 4 (LeaderAndIsr) and version 0"},
		{"unknown version", frame(0, 3, 0, 99, 0, 0, 0, 1, 255, 255, 0), "Received request for api with key 3 (METADATA) and unsupported version 99"},
		{"not served", frame(0, 62, 0, 0, 0, 0, 0, 1, 255, 255, 0), "Received request for disabled api with key 62 (BROKER_REGISTRATION) and version 0"},
		{"empty", frame(), "best guess of the apiKeyId is: -1"},
		{"header cut off", frame(0, 18, 0, 0, 0), "best guess of the apiKeyId is: 18"},
		{"body cut off", frame(0, 18, 0, 3, 0, 0, 0, 1, 255, 255, 0, 5, 'a'), "Error getting request for apiKey: API_VERSIONS"},
		{"the bomb", frame(0, 18, 0, 3, 0, 0, 0, 1, 255, 255, 0, 1, 1, 255, 255, 255, 255, 15), "tagged fields"},
		{"negative size", []byte{255, 255, 255, 251}, "Invalid receive (size = -5)"},
		{"huge size", []byte{127, 255, 255, 255}, "Invalid receive (size = 2147483647 larger than 104857600)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := n.dial()
			_, _ = conn.Write(c.bytes)
			conn.expectClosed()
			if !strings.Contains(n.log.text(), c.log) {
				t.Errorf("log lacks %q:\n%s", c.log, n.log.text())
			}
		})
	}
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 10000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond) // for goroutines of the server
	}
	t.Fatalf("never happened: %s", what)
}
