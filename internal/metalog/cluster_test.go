package metalog

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/peer"
	"gregor/internal/raft"
	"gregor/internal/vfs"
	"gregor/internal/wire"
)

// noPeers is a pool whose dials all fail.
func noPeers(t testing.TB) *peer.Pool {
	p := peer.NewPool(peer.Options{Dial: func(context.Context, string) (net.Conn, error) { return nil, io.EOF }})
	t.Cleanup(p.Close)
	return p
}

// rpcServer serves a log's RPCs on a socket, as a controller's listener does.
type rpcServer struct {
	t  testing.TB
	ln net.Listener
	wg sync.WaitGroup
	mu struct {
		sync.Mutex
		log   *Log
		conns map[net.Conn]bool
	}
}

func newRPCServer(t testing.TB) *rpcServer {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	s := &rpcServer{t: t, ln: ln}
	s.mu.conns = map[net.Conn]bool{}
	s.wg.Add(1)
	go s.accept()
	t.Cleanup(func() { ln.Close(); s.set(nil); s.wg.Wait() })
	return s
}

func (s *rpcServer) address() raft.Address {
	return raft.Address{Host: "127.0.0.1", Port: uint16(s.ln.Addr().(*net.TCPAddr).Port)}
}

// set makes l the one that answers; nil breaks all connections.
func (s *rpcServer) set(l *Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.log = l
	if l == nil {
		for c := range s.mu.conns {
			c.Close()
		}
	}
}

func (s *rpcServer) log() *Log {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.log
}

func (s *rpcServer) accept() {
	defer s.wg.Done()
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.mu.conns[c] = true
		s.mu.Unlock()
		s.wg.Add(1)
		go s.serve(c)
	}
}

func (s *rpcServer) serve(c net.Conn) {
	defer s.wg.Done()
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.mu.conns, c)
		s.mu.Unlock()
	}()
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
		l := s.log()
		if err != nil || l == nil {
			return
		}
		resp := s.answer(l, api, h.RequestApiVersion, r)
		if resp == nil {
			return
		}
		var w wire.Writer
		if err := wire.EncodeResponse(&w, h.CorrelationId, resp, h.RequestApiVersion); err != nil {
			s.t.Error(err)
			return
		}
		out, _ := w.Bytes()
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

func (s *rpcServer) answer(l *Log, api *wire.API, version int16, r *wire.Reader) wire.Message {
	if api.Key == wire.KeyApiVersions {
		m := wire.NewResponse(api.Key).(*wire.ApiVersionsResponse)
		for _, a := range wire.APIs() {
			if lo, hi, ok := a.Advertised(wire.ControllerListener); ok {
				m.ApiKeys = append(m.ApiKeys, wire.ApiVersionsResponseApiVersion{ApiKey: a.Key, MinVersion: lo, MaxVersion: hi})
			}
		}
		if version >= 3 {
			m.SupportedFeatures = []wire.ApiVersionsResponseSupportedFeatureKey{{Name: "kraft.version", MaxVersion: 1}}
		}
		return m
	}
	req := wire.NewRequest(api.Key)
	req.Decode(r, version)
	ch := make(chan wire.Message, 1)
	l.HandleRPC("CONTROLLER", req, version, func(m wire.Message) { ch <- m })
	return <-ch
}

// testNode is one node of a cluster over real sockets, on a disk in memory.
type testNode struct {
	id  model.BrokerID
	fs  *vfs.Mem
	srv *rpcServer
	o   Options
	l   *Log
	r   *recorder
	led chan model.BrokerID
}

func newTestNode(t testing.TB, id model.BrokerID, controller bool) *testNode {
	n := &testNode{id: id, fs: vfs.NewMem(uint64(id)), srv: newRPCServer(t)}
	check(t, n.fs.MkdirAll("data"))
	n.o = options(n.fs)
	n.o.Raft.Key = raft.Key{ID: id, Dir: model.DirectoryID{byte(id), 7}}
	n.o.Raft.Endpoints = raft.Endpoints{{Listener: "CONTROLLER", Address: n.srv.address()}}
	n.o.Raft.Voter = controller
	n.o.Raft.Seed = uint64(id)
	// Short, so that the test need not wait; nothing depends on how short.
	n.o.Raft.ElectionTimeout, n.o.Raft.FetchTimeout, n.o.Raft.FetchWait = 100, 400, 50
	n.o.ShutdownTimeout = 500
	return n
}

func (n *testNode) voter() raft.Voter {
	return raft.Voter{Key: n.o.Raft.Key, Endpoints: n.o.Raft.Endpoints, Versions: raft.Supported}
}

func (n *testNode) start(t testing.TB) {
	n.o.Peers = peer.NewPool(peer.Options{ClientID: fmt.Sprint("node-", n.id)})
	n.l, n.r = openWith(t, n.o, n.led)
	n.srv.set(n.l)
}

func (n *testNode) stop(t testing.TB) {
	check(t, n.l.Close())
	n.srv.set(nil)
	n.r.check(t)
	n.l = nil
}

// has waits until the node has been given exactly these records.
func (n *testNode) has(want []string) {
	n.r.until(func() bool { return slices.Equal(n.r.records, want) })
}

// A broker follows a controller through its whole life: from the empty log,
// over a snapshot, across restarts of either.
func TestObserverFollowsController(t *testing.T) {
	c, b := newTestNode(t, 1, true), newTestNode(t, 2, false)
	c.o.SegmentBytes, c.o.RetentionBytes = 1000, 1500
	b.o.Raft.Bootstrap = []raft.Address{c.srv.address()}
	c.o.Raft.Bootstrap = b.o.Raft.Bootstrap
	b.o.Raft.SnapshotMaxBytes = 500 // many pieces
	check(t, WriteFormat(c.fs, "data", Format{KVersion: 1, Voters: raft.Voters{c.voter()}}))
	b.start(t) // before there is anybody
	c.start(t)
	var want []string
	add := func(n int) {
		epoch := c.r.leads(1)
		for range n {
			x := fmt.Sprint("x", len(want))
			_, err := c.l.Append(epoch, named(x))
			check(t, err)
			want = append(want, x)
		}
		c.has(want)
	}
	add(30)
	b.has(want)
	b.r.leads(1)
	if id, at, _, ok := b.l.LeaderAndEpoch(); id != 1 || !ok || at != c.srv.address() {
		t.Errorf("the broker thinks that %d at %v leads", id, at)
	}
	d := rpc(c.l, describeRequest(), 2).(*wire.DescribeQuorumResponse).Topics[0].Partitions[0]
	if len(d.Observers) != 1 || d.Observers[0].ReplicaId != 2 || d.Observers[0].ReplicaDirectoryId != b.o.Raft.Dir || d.Observers[0].LastFetchTimestamp <= 0 {
		t.Errorf("observers %+v", d.Observers)
	}

	b.stop(t)
	add(20)
	b.start(t)
	b.has(want)

	// While the broker is away its place in the log is cleaned away.
	b.stop(t)
	for range 3 {
		add(40)
		c.r.mu.Lock()
		at := metadata.Provenance{Offset: c.r.next - 1, Epoch: c.r.epoch, Time: 1}
		c.r.mu.Unlock()
		check(t, c.l.Write(at, slices.Values(named(want...))))
		c.l.ask(func() { check(t, c.l.clean()) })
	}
	add(3)
	b.start(t)
	b.has(want)
	if b.r.loads == 0 {
		t.Error("the broker did not load a snapshot")
	}
	names, err := b.fs.ReadDir("data/__cluster_metadata-0")
	check(t, err)
	for _, n := range names {
		if _, complete, ok := ParseSnapshotName(n); ok && !complete {
			t.Errorf("%s is left", n)
		}
	}

	// The controller restarts: a new epoch, the same log.
	c.stop(t)
	c.start(t)
	add(5)
	b.has(want)
	b.r.until(func() bool { return b.r.epoch == 2 && b.r.leader == 1 })

	// The broker loses power, and what it had not synced; it has no vote, so
	// it may.
	b.stop(t)
	b.fs.Crash()
	add(5)
	b.start(t)
	b.has(want)
	b.stop(t)
	c.stop(t)
}

// Three voters over sockets: an election, a failover, a restart.
func TestThreeVoters(t *testing.T) {
	var nodes []*testNode
	var voters raft.Voters
	for id := model.BrokerID(1); id <= 3; id++ {
		nodes = append(nodes, newTestNode(t, id, true))
		voters = append(voters, nodes[id-1].voter())
	}
	for _, n := range nodes {
		for _, o := range nodes {
			n.o.Raft.Bootstrap = append(n.o.Raft.Bootstrap, o.srv.address())
		}
		check(t, WriteFormat(n.fs, "data", Format{KVersion: 1, Voters: voters}))
	}
	led := make(chan model.BrokerID, 100)
	for _, n := range nodes {
		n.led = led
		n.start(t)
	}
	var want []string
	add := func(n *testNode, x string) {
		last, err := n.l.Append(n.r.leads(n.id), named(x))
		check(t, err)
		n.r.until(func() bool { return n.r.next > last })
		want = append(want, x)
	}
	first := nodes[<-led-1]
	add(first, "a")
	for _, n := range nodes {
		n.has(want)
	}
	first.stop(t) // hands over
	second := nodes[<-led-1]
	for second == first {
		second = nodes[<-led-1]
	}
	add(second, "b")
	first.start(t)
	first.has(want)
	for _, n := range nodes {
		n.has(want)
	}
	for _, n := range nodes {
		n.stop(t)
	}
}
