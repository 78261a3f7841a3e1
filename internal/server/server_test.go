package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAnswersInOrder(t *testing.T) {
	h := &toy{}
	c := dial(t, start(t, h, nil))
	c.send("ea")
	c.expect("a")
	c.send("eb", "l1", "ec", "s", "l2", "ed")
	c.expect("b")
	waitFor(t, "two holes", func() bool { _, p := h.count(); return p == 2 })
	h.answer(1, nil)
	h.answer(0, nil)
	c.expect("1", "c", "2", "d")
}

func TestInOrderHoldsUpWhatFollows(t *testing.T) {
	h := &toy{}
	c := dial(t, start(t, h, nil))
	c.send("ea", "o1", "eb", "o2", "ec")
	c.expect("a")
	waitFor(t, "a hole", func() bool { _, p := h.count(); return p == 1 })
	if served, _ := h.count(); served != 2 {
		t.Fatalf("%d requests served before the answer, want 2", served)
	}
	h.answer(0, nil)
	c.expect("1", "b")
	waitFor(t, "the second hole", func() bool { _, p := h.count(); return p == 2 })
	h.answer(1, nil)
	c.expect("2", "c")
}

func TestRandomTrafficKeepsOrder(t *testing.T) {
	h := &toy{}
	s := start(t, h, nil)
	const conns = 4
	var wg sync.WaitGroup
	stop := make(chan struct{})
	answered := make(chan struct{})
	go func() { // answers holes in random order
		defer close(answered)
		rnd, next := rand.New(rand.NewPCG(1, 2)), 0
		var open []int
		var f Flusher
		for {
			_, parked := h.count()
			for ; next < parked; next++ {
				open = append(open, next)
			}
			if len(open) == 0 {
				select {
				case <-stop:
					return
				default:
					f.Flush()
					time.Sleep(100 * time.Microsecond) // holes come from other goroutines
					continue
				}
			}
			i := rnd.IntN(len(open))
			k := open[i]
			open = append(open[:i], open[i+1:]...)
			if rnd.IntN(2) == 0 {
				h.answer(k, nil)
			} else {
				h.answer(k, &f)
			}
		}
	}()
	for i := range conns {
		wg.Add(1)
		c := dial(t, s)
		rnd := rand.New(rand.NewPCG(uint64(i), 7))
		var want, send []string
		for k := range 2000 {
			payload := fmt.Sprintf("%d-%d-%s", i, k, strings.Repeat("x", rnd.IntN(100)))
			switch rnd.IntN(10) {
			case 0:
				send = append(send, "s"+payload)
				continue
			case 1, 2:
				send = append(send, "l"+payload)
			case 3:
				send = append(send, "o"+payload)
			default:
				send = append(send, "e"+payload)
			}
			want = append(want, payload)
		}
		go func() {
			b := frames(send...)
			for len(b) > 0 {
				n := min(len(b), 1+rnd.IntN(5000))
				if _, err := c.Write(b[:n]); err != nil {
					t.Error(err)
					return
				}
				b = b[n:]
			}
		}()
		go func() {
			defer wg.Done()
			for k, w := range want {
				if got, err := c.tryRead(); err != nil || got != w {
					t.Errorf("connection %d, answer %d: %q, %v, want %q", i, k, got, err, w)
					return
				}
			}
		}()
	}
	wg.Wait()
	close(stop)
	<-answered
}

func TestFramesOfAllSizesInAllPieces(t *testing.T) {
	h := &toy{}
	s := start(t, h, nil)
	rnd := rand.New(rand.NewPCG(3, 4))
	sizes := []int{1, 2, 511, 512, 513, 4 << 10, readSize - 5, readSize - 4, readSize - 3, readSize, readSize + 1, 264 << 10, 300 << 10, 1 << 20, 3 << 20, 5 << 20, 20 << 20}
	for range 60 {
		sizes = append(sizes, 1+rnd.IntN(200_000))
	}
	rnd.Shuffle(len(sizes), func(i, j int) { sizes[i], sizes[j] = sizes[j], sizes[i] })
	c := dial(t, s)
	go func() {
		for i, size := range sizes {
			b := frames("e" + strings.Repeat(string(rune('a'+i%26)), size))
			for len(b) > 0 {
				n := min(len(b), 1+rnd.IntN(1+rnd.IntN(1<<uint(rnd.IntN(22)))))
				if _, err := c.Write(b[:n]); err != nil {
					t.Error(err)
					return
				}
				b = b[n:]
			}
		}
	}()
	for i, size := range sizes {
		got := c.read()
		if len(got) != size || strings.Trim(got, string(rune('a'+i%26))) != "" {
			t.Fatalf("frame %d of %d bytes came back with %d", i, size, len(got))
		}
	}
}

func TestByteByByte(t *testing.T) {
	h := &toy{}
	c := dial(t, start(t, h, nil))
	for _, b := range frames("ehello", "eworld") {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Microsecond) // so that the server sees single bytes
	}
	c.expect("hello", "world")
}

func TestSlotsAreBounded(t *testing.T) {
	h := &toy{}
	c := dial(t, start(t, h, nil))
	var reqs []string
	for i := range maxSlots + 500 {
		reqs = append(reqs, fmt.Sprintf("l%d", i))
	}
	c.send(reqs...)
	waitFor(t, "a full ring", func() bool { _, p := h.count(); return p == maxSlots })
	time.Sleep(20 * time.Millisecond) // whether it goes on
	if _, p := h.count(); p != maxSlots {
		t.Fatalf("%d holes, want %d", p, maxSlots)
	}
	for i := range maxSlots + 500 {
		waitFor(t, "the next hole", func() bool { _, p := h.count(); return p > i })
		h.answer(i, nil)
		c.expect(fmt.Sprint(i))
	}
}

func TestSlowReaderStopsBeingRead(t *testing.T) {
	h := &toy{}
	s := start(t, h, nil)
	c := dial(t, s)
	payload := "e" + strings.Repeat("x", 100_000)
	wrote := make(chan int, 1)
	go func() {
		n := 0
		_ = c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		for ; n < 2000; n++ {
			if _, err := c.Write(frames(payload)); err != nil {
				break
			}
		}
		wrote <- n
	}()
	n := <-wrote
	served, _ := h.count()
	if served > 500 || n > 1000 {
		t.Fatalf("%d of %d requests of 100 kB served though nothing was read", served, n)
	}
	other := dial(t, s) // nobody else suffers
	other.send("ehi")
	other.expect("hi")
	for range served {
		if got := c.read(); len(got) != 100_000 {
			t.Fatalf("%d bytes", len(got))
		}
	}
}

func TestFillingHolesNeverBlocks(t *testing.T) {
	h := &toy{}
	s := start(t, h, nil)
	f := newToyFile(t, 16<<20)
	slow, fast := dial(t, s), dial(t, s)
	slow.send("l1", "l2")
	fast.send("l3")
	waitFor(t, "holes", func() bool { _, p := h.count(); return p == 3 })
	var fl Flusher
	h.mu.Lock()
	parked := h.mu.parked
	h.mu.Unlock()
	for _, k := range parked {
		r := k.t.Begin()
		if k.payload == "3" {
			writeFrame(r, "quick")
		} else {
			f.respond(r, "1,16777216")
		}
		k.t.End(r, &fl)
	}
	fl.Flush() // returns though slow reads nothing
	fast.expect("quick")
	for range 2 {
		if got := slow.read(); got != f.want(1, 16<<20) {
			t.Fatalf("%d bytes, or wrong ones", len(got))
		}
	}
	waitFor(t, "the file is let go", func() bool { return f.released.Load() == 2 })
}

func TestFilesInOnePieceAndMany(t *testing.T) {
	h := &toy{file: newToyFile(t, 8<<20)}
	c := dial(t, start(t, h, nil))
	held := int32(0)
	for _, k := range []struct{ pieces, size int }{
		{1, 100}, {1, 4096}, {1, 65536}, {1, 1 << 20}, {1, 8 << 20}, {64, 4096}, {64, 16384}, {3, 300_000}, {16, 65536}, {100, 7}, {5, 262144},
	} {
		c.send(fmt.Sprintf("f%d,%d", k.pieces, k.size))
		if got := c.read(); got != h.file.want(k.pieces, k.size) {
			t.Fatalf("%d pieces of %d: %d bytes, or wrong ones", k.pieces, k.size, len(got))
		}
		held += int32(k.pieces)
	}
	// Pipelined with others.
	c.send("ea", "f2,5000", "eb", "f1,1000000", "ec")
	c.expect("a", h.file.want(2, 5000), "b", h.file.want(1, 1000000), "c")
	waitFor(t, "all files are let go", func() bool { return h.file.released.Load() == held+3 })
}

func TestFileTooShortClosesTheConnection(t *testing.T) {
	h := &toy{file: newToyFile(t, 1000)}
	s := start(t, h, nil)
	for _, req := range []string{"f1,2000", "f1,70000"} { // gathered, and by sendfile
		c := dial(t, s)
		c.send(req)
		c.expectClosed()
	}
}

func TestBadFramesCloseTheConnection(t *testing.T) {
	var log syncBuffer
	h := &toy{}
	s := start(t, h, func(o *Options) {
		o.Limits.RequestMax = 1000
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	for _, c := range []struct {
		send string
		want string // before the connection is closed
		log  string
	}{
		{"\x80\x00\x00\x00", "", "Invalid receive (size = -2147483648)"},
		{"\x00\x00\x03\xe9", "", "Invalid receive (size = 1001 larger than 1000)"},
		{"\x00\x00\x00\x00", "", "empty request"},
		{"\x00\x00\x00\x02ea\x00\x00\x00\x01x", "a", "bad letter"},
		{"\x00\x00\x00\x02ea\xff\xff\xff\xff", "a", "Invalid receive (size = -1)"},
	} {
		conn := dial(t, s)
		before := strings.Count(log.String(), "\n")
		if _, err := conn.Write([]byte(c.send)); err != nil {
			t.Fatal(err)
		}
		if c.want != "" {
			conn.expect(c.want)
		}
		conn.expectClosed()
		if text := log.String(); !strings.Contains(text, c.log) || strings.Count(text, "\n") != before+1 {
			t.Errorf("%q: want one line with %q, log:\n%s", c.send, c.log, text)
		}
	}
	// A client that leaves in the middle of a frame is nothing to speak of.
	before := log.String()
	conn := dial(t, s)
	_, _ = conn.Write([]byte("\x00\x00\x00\x09e"))
	_ = conn.Close()
	waitFor(t, "no connections", func() bool { return s.Connections() == 0 })
	if log.String() != before {
		t.Errorf("log:\n%s", log.String())
	}
}

type syncBuffer struct {
	sync.Mutex
	b bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.Lock()
	defer s.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.Lock()
	defer s.Unlock()
	return s.b.String()
}

func TestLeavingAbandonsWhatIsParked(t *testing.T) {
	h := &toy{}
	s := start(t, h, nil)
	c := dial(t, s)
	c.send("l1", "l2", "ea")
	waitFor(t, "holes", func() bool { _, p := h.count(); return p == 2 })
	h.answer(0, nil)
	c.expect("1")
	_ = c.Close()
	waitFor(t, "abandoned", func() bool { return h.mu.parked[1].gone.Load() })
	if h.mu.parked[0].gone.Load() {
		t.Error("an answered request was abandoned")
	}
	h.answer(1, nil) // too late, and harmless
	waitFor(t, "closed", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.mu.closed == 1 })
}

func TestThrottle(t *testing.T) {
	h := &toy{}
	s := start(t, h, nil)
	c := dial(t, s)
	c.send("ea")
	c.expect("a")
	s.all()[0].Throttle(80)
	begin := time.Now()
	c.send("eb")
	c.expect("b")
	if d := time.Since(begin); d < 60*time.Millisecond {
		t.Errorf("served after %v", d)
	}
}

func TestCloseWhileBusy(t *testing.T) {
	for range 20 {
		h := &toy{file: newToyFile(t, 1<<20)}
		s := start(t, h, nil)
		for range 4 {
			c := dial(t, s)
			go func() {
				for range 1000 {
					if _, err := c.Write(frames("ea", "l1", "f1,1000000", "eb")); err != nil {
						return
					}
				}
			}()
		}
		waitFor(t, "some work", func() bool { n, _ := h.count(); return n > 20 })
		s.Close()
		if n := s.Connections(); n != 0 {
			t.Fatalf("%d connections are left", n)
		}
	}
}

func TestHalfClosedConnections(t *testing.T) {
	s := start(t, &toy{}, func(o *Options) { o.Limits.MaxIdle = 400 }) // the janitor looks every 50 ms
	for _, requests := range []int{1, 3, 100} {
		c := dial(t, s)
		for i := range requests {
			c.send("ea")
			if i < requests-1 {
				c.expect("a")
			}
		}
		_ = c.CloseWrite()
		c.expect("a")
		c.expectClosed()
	}
}
