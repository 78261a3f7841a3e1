package server

import (
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"gregor/internal/clock"
	"gregor/internal/config"

	"golang.org/x/sys/unix"
)

func TestConnectionsPerIP(t *testing.T) {
	s := start(t, &toy{}, func(o *Options) { o.Limits.PerIP = 2 })
	a, b := dial(t, s), dial(t, s)
	a.send("ea")
	a.expect("a")
	b.send("eb")
	b.expect("b")
	dial(t, s).expectClosed()
	_ = a.Close()
	waitFor(t, "one left", func() bool { return s.Connections() == 1 })
	c := dial(t, s)
	c.send("ec")
	c.expect("c")
	// An exception for the address.
	l := DefaultLimits()
	l.PerIP, l.Overrides = 1000, map[string]int{"127.0.0.1": 2}
	s.SetLimits(l)
	dial(t, s).expectClosed()
}

func TestMaxConnectionsWait(t *testing.T) {
	s := start(t, &toy{}, func(o *Options) { o.Limits.Connections = 1 })
	a := dial(t, s)
	a.send("ea")
	a.expect("a")
	b := dial(t, s) // queues up
	b.send("eb")
	_ = b.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := b.tryRead(); err == nil {
		t.Fatal("served beyond max.connections")
	}
	_ = b.SetReadDeadline(time.Now().Add(10 * time.Second))
	_ = a.Close()
	b.expect("b")
}

func TestInterBrokerListenerEvicts(t *testing.T) {
	s := start(t, &toy{}, func(o *Options) {
		o.Limits.Connections = 2
		o.InterBroker = "INTERNAL"
		o.Listeners = append(o.Listeners, config.Listener{Name: "INTERNAL", Protocol: "PLAINTEXT", Host: "127.0.0.1"})
	})
	a, b := dial(t, s), dial(t, s)
	a.send("ea")
	a.expect("a")
	b.send("eb")
	b.expect("b")
	addr, _ := s.Addr("INTERNAL")
	c, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	i := client{t, c.(*net.TCPConn)}
	i.send("ei")
	i.expect("i")
	a.expectClosed() // the one that was idle the longest
	b.send("eb")
	b.expect("b")
}

func TestCreationRate(t *testing.T) {
	p, now := pace{}, time.Unix(1000, 0)
	var waited time.Duration
	for range 30 {
		w := p.take(now, 10)
		waited += w
		now = now.Add(w)
	}
	// A second's worth at once, the rest at the rate.
	if waited < 1800*time.Millisecond || waited > 2*time.Second {
		t.Errorf("30 connections at 10 a second waited %v", waited)
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	clk := clock.NewManual(1000)
	s := start(t, &toy{}, func(o *Options) {
		o.Clock = clk
		o.Limits.MaxIdle = 80_000
	})
	idle, busy := dial(t, s), dial(t, s)
	for _, c := range []client{idle, busy} {
		c.send("ea")
		c.expect("a")
	}
	for range 12 {
		s.sweep(10 * time.Second)
		busy.send("eb")
		busy.expect("b")
	}
	idle.expectClosed()
	busy.send("ec")
	busy.expect("c")
}

func TestQueuedBytesAreBounded(t *testing.T) {
	h := &toy{}
	s := start(t, h, func(o *Options) { o.Limits.QueuedMax = 1 << 20 })
	big := frames("e" + strings.Repeat("x", 900_000))
	a, b := dial(t, s), dial(t, s)
	if _, err := a.Write(big[:500_000]); err != nil { // takes the memory, and keeps it
		t.Fatal(err)
	}
	waitFor(t, "memory taken", func() bool { s.budget.mu.Lock(); defer s.budget.mu.Unlock(); return s.budget.mu.left <= 0 })
	go func() { _, _ = b.Write(big) }()
	_ = b.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := b.tryRead(); err == nil {
		t.Fatal("served beyond queued.max.request.bytes")
	}
	small := dial(t, s) // needs no memory of the pool
	small.send("es")
	small.expect("s")
	_ = b.SetReadDeadline(time.Now().Add(10 * time.Second))
	_ = a.Close()
	if got := b.read(); len(got) != 900_000 {
		t.Fatalf("%d bytes", len(got))
	}
	waitFor(t, "memory given back", func() bool { s.budget.mu.Lock(); defer s.budget.mu.Unlock(); return s.budget.mu.left == 1<<20 })
}

func TestClaimedBytesAreNotTakenBeforeTheyCome(t *testing.T) {
	s := start(t, &toy{}, nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const n = 50
	for range n {
		c := dial(t, s)
		if _, err := c.Write([]byte{6, 0, 0, 0, 'e'}); err != nil { // 100 MB claimed
			t.Fatal(err)
		}
	}
	waitFor(t, "all accepted", func() bool { return s.Connections() == n })
	time.Sleep(20 * time.Millisecond) // for the owners to have read
	runtime.ReadMemStats(&after)
	if got := int64(after.HeapAlloc) - int64(before.HeapAlloc); got > 16<<20 {
		t.Errorf("%d connections that sent 5 bytes hold %d MB", n, got>>20)
	}
}

func TestNoAddressTwice(t *testing.T) {
	s := start(t, &toy{}, nil)
	a, _ := s.Addr("PLAINTEXT")
	_, err := New(Options{Limits: DefaultLimits(), Clock: clock.System{}, Handler: &toy{},
		Listeners: []config.Listener{{Name: "PLAINTEXT", Protocol: "PLAINTEXT", Host: "127.0.0.1", Port: int(a.Port())}}})
	if err == nil || !strings.Contains(err.Error(), "Socket server failed to bind to 127.0.0.1:") {
		t.Errorf("got %v", err)
	}
}

// TestIdleConnectionMemory counts what an idle connection costs the process:
// heap, stack and what the runtime takes besides. The clients are bare sockets.
func TestIdleConnectionMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	h := &toy{}
	s := start(t, h, nil)
	a, _ := s.Addr("PLAINTEXT")
	const n = 1000
	connect := func() int {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Write(fd, frames("ehello")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 64)
		if _, err := unix.Read(fd, buf); err != nil {
			t.Fatal(err)
		}
		return fd
	}
	var fds []int
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}()
	for range 20 { // what is made once
		fds = append(fds, connect())
	}
	h.mu.Lock()
	h.mu.served = make([]string, 0, n+100)
	h.mu.Unlock()
	before := footprint()
	for range n {
		fds = append(fds, connect())
	}
	waitFor(t, "all change over to small stacks", func() bool {
		s.sweep(time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := s.mu.conns; c != nil; c = c.next {
			if c.deep.Load() || c.touched.Load() {
				return false
			}
		}
		return true
	})
	after := footprint()
	for _, fd := range fds { // they still work
		if _, err := unix.Write(fd, frames("ex")); err != nil {
			t.Fatal(err)
		}
		if k, err := unix.Read(fd, make([]byte, 64)); err != nil || k != 5 {
			t.Fatalf("%d bytes, %v", k, err)
		}
	}
	each := (after - before) / n
	t.Logf("%d bytes", each)
	if each > 4<<10 {
		t.Errorf("an idle connection takes %d bytes, more than 4 KB", each)
	}
}

func footprint() int {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse + m.OtherSys + m.MSpanInuse)
}
