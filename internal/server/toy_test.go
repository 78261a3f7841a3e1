package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gregor/internal/clock"
	"gregor/internal/config"
	"gregor/internal/wire"
)

// toy is a Handler whose requests are one letter and a payload:
//
//	e echo the payload        s send nothing
//	l answer later (answer)   o the same, and nothing may be served before
//	x fail                    f send a file (file)
type toy struct {
	mu struct {
		sync.Mutex
		parked []toyParked
		served []string
		closed int
	}
	file *toyFile
}

type toyParked struct {
	t       Ticket
	payload string
	gone    *atomic.Bool
}

func (p toyParked) Abandon(Ticket) { p.gone.Store(true) }

func (h *toy) Serve(p *Pass, frame []byte) error {
	if len(frame) == 0 {
		return errors.New("empty request")
	}
	payload := string(frame[1:])
	h.mu.Lock()
	h.mu.served = append(h.mu.served, string(frame))
	h.mu.Unlock()
	switch frame[0] {
	case 'e':
		writeFrame(p.Begin(), payload)
		return p.End()
	case 's':
		p.Skip()
	case 'l', 'o':
		k := toyParked{payload: payload, gone: new(atomic.Bool)}
		k.t = p.Later(k, frame[0] == 'o')
		h.mu.Lock()
		h.mu.parked = append(h.mu.parked, k)
		h.mu.Unlock()
	case 'f':
		r := p.Begin()
		h.file.respond(r, payload)
		return p.End()
	default:
		return errors.New("bad letter")
	}
	return nil
}

func (h *toy) EndPass(*Pass) error { return nil }
func (h *toy) AfterPass(*Pass)     {}
func (h *toy) Closed(*Conn) {
	h.mu.Lock()
	h.mu.closed++
	h.mu.Unlock()
}

// answer fills the i-th hole that was left.
func (h *toy) answer(i int, f *Flusher) {
	h.mu.Lock()
	k := h.mu.parked[i]
	h.mu.Unlock()
	r := k.t.Begin()
	writeFrame(r, k.payload)
	k.t.End(r, f)
}

func (h *toy) count() (served, parked int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.mu.served), len(h.mu.parked)
}

func writeFrame(r *Response, payload string) {
	_, _ = r.Write(binary.BigEndian.AppendUint32(nil, uint32(len(payload))))
	_, _ = r.Write([]byte(payload))
}

func start(t testing.TB, h Handler, change func(*Options)) *Server {
	t.Helper()
	o := Options{
		Node: 1, Handler: h, Clock: clock.System{}, Limits: DefaultLimits(),
		Listeners: []config.Listener{{Name: "PLAINTEXT", Protocol: "PLAINTEXT", Host: "127.0.0.1"}},
	}
	o.Limits.SendBuffer, o.Limits.ReceiveBuffer = -1, -1
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

type client struct {
	t testing.TB
	*net.TCPConn
}

func dial(t testing.TB, s *Server) client {
	t.Helper()
	a, ok := s.Addr(s.listeners[0].Name)
	if !ok {
		t.Fatal("no address")
	}
	c, err := net.Dial("tcp", a.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(15 * time.Second))
	return client{t, c.(*net.TCPConn)}
}

func frames(payloads ...string) []byte {
	var b []byte
	for _, p := range payloads {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

func (c client) send(payloads ...string) {
	c.t.Helper()
	if _, err := c.Write(frames(payloads...)); err != nil {
		c.t.Fatal(err)
	}
}

func (c client) read() string {
	c.t.Helper()
	s, err := c.tryRead()
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func (c client) tryRead() (string, error) {
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return "", err
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(c, b)
	return string(b), err
}

func (c client) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		if got := c.read(); got != w {
			c.t.Fatalf("answer %q, want %q", got, w)
		}
	}
}

// expectClosed waits for the server to close the connection.
func (c client) expectClosed() {
	c.t.Helper()
	if got, err := c.tryRead(); err == nil {
		c.t.Fatalf("answer %q, want a closed connection", got)
	} else if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		c.t.Fatal("the connection stays open")
	}
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for i := 0; i < 10000; i++ {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("never happened: %s", what)
}

// toyFile is a file of so many bytes, sent as one range or in pieces.
type toyFile struct {
	f        *os.File
	data     []byte
	released atomic.Int32
}

func newToyFile(t testing.TB, size int) *toyFile {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "toy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 7 / 3)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	return &toyFile{f: f, data: data}
}

func (f *toyFile) ReadAt(p []byte, off int64) (int, error) { return f.f.ReadAt(p, off) }
func (f *toyFile) Fd() int                                 { return int(f.f.Fd()) }
func (f *toyFile) Release()                                { f.released.Add(1) }

// respond sends what the payload names, as pieces of equal size with a word
// between them: pieces,size.
func (f *toyFile) respond(r *Response, payload string) {
	var pieces, size int
	_, _ = fmt.Sscanf(payload, "%d,%d", &pieces, &size)
	resp := wire.FetchResponse{Responses: []wire.FetchResponseFetchableTopicResponse{{Topic: "t"}}}
	for i := range pieces {
		p := *wire.NewFetchResponsePartitionData()
		p.PartitionIndex = int32(i)
		p.Records = wire.Records{File: f, Off: int64(i * size), Len: size}
		resp.Responses[0].Partitions = append(resp.Responses[0].Partitions, p)
		r.Hold(f)
	}
	_ = wire.EncodeResponse(&r.Writer, 1, &resp, 12)
}

// want is what respond sends.
func (f *toyFile) want(pieces, size int) string {
	resp := wire.FetchResponse{Responses: []wire.FetchResponseFetchableTopicResponse{{Topic: "t"}}}
	for i := range pieces {
		p := *wire.NewFetchResponsePartitionData()
		p.PartitionIndex = int32(i)
		p.Records = wire.Records{Bytes: f.data[i*size : (i+1)*size]}
		resp.Responses[0].Partitions = append(resp.Responses[0].Partitions, p)
	}
	var w wire.Writer
	_ = wire.EncodeResponse(&w, 1, &resp, 12)
	b, _ := w.Bytes()
	return string(b[4:])
}
