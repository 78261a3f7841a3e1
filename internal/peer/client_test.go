package peer

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// server speaks as much of the protocol as the tests need.
type server struct {
	t        testing.TB
	ln       net.Listener
	maxAPIV  int16 // highest ApiVersions version it knows
	vote     vrange
	answer   func(version int16, m wire.Message) wire.Message // nil: says nothing
	accepted atomic.Int32
	wg       sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn
}

func newServer(t testing.TB) *server {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, ln: ln, maxAPIV: 4, vote: vrange{0, 2}}
	s.answer = func(_ int16, m wire.Message) wire.Message {
		v := m.(*wire.VoteRequest)
		return &wire.VoteResponse{Topics: []wire.VoteResponseTopicData{{TopicName: v.Topics[0].TopicName}}}
	}
	s.wg.Add(1)
	go s.accept()
	t.Cleanup(s.close)
	return s
}

func (s *server) close() {
	s.ln.Close()
	s.breakAll()
	s.wg.Wait()
}

func (s *server) breakAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

func (s *server) accept() {
	defer s.wg.Done()
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.accepted.Add(1)
		s.mu.Lock()
		s.conns = append(s.conns, c)
		s.mu.Unlock()
		s.wg.Add(1)
		go s.serve(c)
	}
}

func (s *server) serve(c net.Conn) {
	defer s.wg.Done()
	defer c.Close()
	for {
		var head [4]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		r := wire.NewReader(b)
		h := wire.NewRequestHeader()
		api, err := wire.DecodeRequestHeader(r, h)
		if err != nil {
			return
		}
		resp, v := s.respond(api, h.RequestApiVersion, r)
		if resp == nil {
			continue
		}
		var w wire.Writer
		if err := wire.EncodeResponse(&w, h.CorrelationId, resp, v); err != nil {
			s.t.Error(err)
			return
		}
		out, _ := w.Bytes()
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

func (s *server) respond(api *wire.API, v int16, r *wire.Reader) (wire.Message, int16) {
	if api.Key == wire.KeyApiVersions {
		m := wire.NewResponse(api.Key).(*wire.ApiVersionsResponse)
		m.ApiKeys = []wire.ApiVersionsResponseApiVersion{
			{ApiKey: wire.KeyVote, MinVersion: s.vote.lo, MaxVersion: s.vote.hi},
			{ApiKey: wire.KeyApiVersions, MinVersion: 0, MaxVersion: s.maxAPIV},
		}
		if v > s.maxAPIV {
			m.ErrorCode = kerr.UnsupportedVersion
			return m, 0
		}
		return m, v
	}
	req := wire.NewRequest(api.Key)
	req.Decode(r, v)
	return s.answer(v, req), v
}

func (s *server) addr() string { return s.ln.Addr().String() }

func voteRequest(topic string, pre bool) *wire.VoteRequest {
	v := wire.NewRequest(wire.KeyVote).(*wire.VoteRequest)
	v.Topics = []wire.VoteRequestTopicData{{TopicName: topic, Partitions: []wire.VoteRequestPartitionData{{PreVote: pre}}}}
	return v
}

func client(t testing.TB, addr string) *Client {
	c := New(addr, Options{ClientID: "test"})
	t.Cleanup(c.Close)
	return c
}

func TestPipelinedAnswersReachTheirCallers(t *testing.T) {
	s := newServer(t)
	c := client(t, s.addr())
	var wg sync.WaitGroup
	for i := range 500 {
		topic := strings.Repeat("x", i+1)
		wg.Add(1)
		c.Send(voteRequest(topic, false), 10*time.Second, func(m wire.Message, err error) {
			defer wg.Done()
			if err != nil {
				t.Error(err)
			} else if got := m.(*wire.VoteResponse).Topics[0].TopicName; got != topic {
				t.Errorf("answer for %d letters, expected %d", len(got), len(topic))
			}
		})
	}
	wg.Wait()
	if n := s.accepted.Load(); n != 1 {
		t.Errorf("%d connections, expected 1", n)
	}
}

func TestHighestCommonVersion(t *testing.T) {
	for _, tc := range []struct {
		vote    vrange
		maxAPIV int16
		pre     bool
		want    int16
		err     error
	}{
		{vrange{0, 2}, 4, true, 2, nil},
		{vrange{0, 9}, 4, true, 2, nil},
		{vrange{0, 1}, 3, false, 1, nil},
		{vrange{0, 0}, 0, false, 0, nil},
		{vrange{0, 1}, 3, true, 0, ErrUnsupported}, // a pre-vote cannot be said in version 1
		{vrange{7, 9}, 3, false, 0, ErrUnsupported},
	} {
		s := newServer(t)
		s.vote, s.maxAPIV = tc.vote, tc.maxAPIV
		got := make(chan int16, 1)
		inner := s.answer
		s.answer = func(v int16, m wire.Message) wire.Message { got <- v; return inner(v, m) }
		_, err := client(t, s.addr()).Do(voteRequest("t", tc.pre), 10*time.Second)
		if !errors.Is(err, tc.err) {
			t.Errorf("%+v: error %v", tc, err)
			continue
		}
		if err == nil {
			if v := <-got; v != tc.want {
				t.Errorf("%+v: sent in version %d", tc, v)
			}
		}
	}
}

func TestUnknownKeyDoesNotBreakTheConnection(t *testing.T) {
	s := newServer(t)
	c := client(t, s.addr())
	if _, err := c.Do(wire.NewRequest(wire.KeyFetch), 10*time.Second); !errors.Is(err, ErrUnsupported) {
		t.Fatalf("error %v", err)
	}
	if _, err := c.Do(voteRequest("t", false), 10*time.Second); err != nil {
		t.Fatal(err)
	}
}

func TestBrokenConnectionFailsWhatIsInFlightAndDialsAgain(t *testing.T) {
	s := newServer(t)
	first := true
	arrived := make(chan struct{})
	inner := s.answer
	s.answer = func(v int16, m wire.Message) wire.Message {
		if first {
			first = false
			close(arrived)
			return nil
		}
		return inner(v, m)
	}
	c := client(t, s.addr())
	failed := make(chan error, 1)
	c.Send(voteRequest("t", false), time.Minute, func(_ wire.Message, err error) { failed <- err })
	<-arrived
	s.breakAll()
	if err := <-failed; !errors.Is(err, ErrDisconnected) {
		t.Fatalf("error %v", err)
	}
	for { // the client may not have noticed the end of its writer yet
		_, err := c.Do(voteRequest("t", false), time.Minute)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrDisconnected) {
			t.Fatal(err)
		}
	}
	if n := s.accepted.Load(); n != 2 {
		t.Errorf("%d connections, expected 2", n)
	}
}

func TestTimeoutGivesTheConnectionUp(t *testing.T) {
	s := newServer(t)
	s.answer = func(int16, wire.Message) wire.Message { return nil }
	c := client(t, s.addr())
	if _, err := c.Do(voteRequest("t", false), 50*time.Millisecond); !errors.Is(err, ErrTimeout) {
		t.Fatalf("error %v", err)
	}
}

func TestRefusedFailsAtOnceDuringBackoff(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	c := New(addr, Options{Backoff: time.Hour, BackoffMax: time.Hour})
	defer c.Close()
	for range 3 {
		if _, err := c.Do(voteRequest("t", false), time.Minute); !errors.Is(err, ErrDisconnected) {
			t.Fatalf("error %v", err)
		}
	}
}

func TestCloseFailsPendingAndEndsGoroutines(t *testing.T) {
	s := newServer(t)
	s.answer = func(int16, wire.Message) wire.Message { return nil }
	before := runtime.NumGoroutine()
	p := NewPool(Options{})
	errs := make(chan error, 10)
	c := p.Get(s.addr())
	for range 10 {
		c.Send(voteRequest("t", false), time.Minute, func(_ wire.Message, err error) { errs <- err })
	}
	p.Close()
	for range 10 {
		if err := <-errs; !errors.Is(err, ErrClosed) {
			t.Errorf("error %v", err)
		}
	}
	if _, err := c.Do(voteRequest("t", false), time.Minute); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v after Close", err)
	}
	s.close()
	for i := 0; runtime.NumGoroutine() > before-1 && i < 1000; i++ {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

func TestLimitOfPendingRequests(t *testing.T) {
	s := newServer(t)
	s.answer = func(int16, wire.Message) wire.Message { return nil }
	c := New(s.addr(), Options{MaxPending: 3})
	for range 3 {
		c.Send(voteRequest("t", false), time.Minute, func(wire.Message, error) {})
	}
	if _, err := c.Do(voteRequest("t", false), time.Minute); !errors.Is(err, ErrBusy) {
		t.Errorf("error %v", err)
	}
	c.Close()
}

func TestHostileResponses(t *testing.T) {
	for name, raw := range map[string][]byte{
		"negative size": {0xff, 0xff, 0xff, 0xff},
		"huge size":     {0x7f, 0xff, 0xff, 0xff},
		"too small":     {0, 0, 0, 1, 0},
		"wrong id":      {0, 0, 0, 6, 0, 0, 0, 99, 0, 0},
		"cut short":     {0, 0, 0, 6, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			go func() {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write(raw)
				if name == "cut short" {
					c.Close()
				}
			}()
			if _, err := client(t, ln.Addr().String()).Do(voteRequest("t", false), time.Minute); !errors.Is(err, ErrDisconnected) {
				t.Errorf("error %v", err)
			}
		})
	}
}
