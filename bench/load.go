package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"
)

// client is one raw connection.
type client struct {
	c   *net.TCPConn
	buf []byte
}

// congestion is what every socket of a run uses, at both ends: the servers are
// started in a place where it is the default, or inherit it.
const congestion = "cubic"

func dial(addr string) (*client, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	t := c.(*net.TCPConn)
	if raw, err := t.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestion)
		})
	}
	return &client{c: t, buf: make([]byte, 2<<20)}, nil
}

// readFrame reads one answer into the client's buffer.
func (c *client) readFrame() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c.c, size[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(size[:]))
	if n > len(c.buf) {
		c.buf = make([]byte, n)
	}
	_, err := io.ReadFull(c.c, c.buf[:n])
	return c.buf[:n], err
}

// do sends one request and waits for its answer.
func (c *client) do(req kmsg.Request) (kmsg.Response, error) {
	f := kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench"))
	if _, err := c.c.Write(f.AppendRequest(nil, req, 1)); err != nil {
		return nil, err
	}
	b, err := c.readFrame()
	if err != nil {
		return nil, err
	}
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	b = b[4:]
	if resp.IsFlexible() && req.Key() != 18 {
		b = b[1:]
	}
	return resp, resp.ReadFrom(b)
}

// result is what a load did.
type result struct {
	bytes, requests int64
	elapsed         time.Duration
	latency         []time.Duration
}

func (r *result) mbps() float64 { return float64(r.bytes) / 1e6 / r.elapsed.Seconds() }

func (r *result) percentile(p float64) time.Duration {
	if len(r.latency) == 0 {
		return 0
	}
	sort.Slice(r.latency, func(i, j int) bool { return r.latency[i] < r.latency[j] })
	return r.latency[min(len(r.latency)-1, int(p*float64(len(r.latency))))]
}

const window = 5 // requests in flight per connection

// produceLoad keeps window requests in flight on each connection for d.
// Connection i writes to partition i.
func produceLoad(addr, topic string, b batchSpec, conns int, d time.Duration) (*result, error) {
	return parallel(conns, d, func(i int, stop *atomic.Bool) (*result, error) {
		c, err := dial(addr)
		if err != nil {
			return nil, err
		}
		defer c.c.Close()
		f := newFrame(topic, int32(i), b)
		f.conns = conns
		return produceOne(c, f, stop)
	})
}

func produceOne(c *client, f *frame, stop *atomic.Bool) (*result, error) {
	r := &result{}
	var sent [window]time.Time
	out, head := 0, 0
	for {
		for out < window && !stop.Load() {
			sent[(head+out)%window] = time.Now()
			if _, err := c.c.Write(f.next()); err != nil {
				return nil, err
			}
			out++
		}
		if out == 0 {
			return r, nil
		}
		b, err := c.readFrame()
		if err != nil {
			return nil, err
		}
		if err := f.check(b); err != nil {
			return nil, err
		}
		r.latency = append(r.latency, time.Since(sent[head]))
		head, out = (head+1)%window, out-1
		r.bytes += int64(f.batchLen)
		r.requests++
		if r.bytes >= maxBytes/int64(f.conns) {
			stop.Store(true)
		}
	}
}

// maxBytes ends a produce run early: a fast server would fill the disk and
// measure the kernel's dirty-page throttling.
const maxBytes = 1 << 30

// parallel runs n workers until d has passed and adds up what they did.
func parallel(n int, d time.Duration, work func(i int, stop *atomic.Bool) (*result, error)) (*result, error) {
	var stop atomic.Bool
	var wg sync.WaitGroup
	results, errs := make([]*result, n), make([]error, n)
	start := time.Now()
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			results[i], errs[i] = work(i, &stop)
		}()
	}
	timer := time.AfterFunc(d, func() { stop.Store(true) })
	defer timer.Stop()
	wg.Wait()
	sum := &result{elapsed: time.Since(start)}
	for i := range results {
		if errs[i] != nil {
			return nil, fmt.Errorf("connection %d: %w", i, errs[i])
		}
		sum.bytes += results[i].bytes
		sum.requests += results[i].requests
		sum.latency = append(sum.latency, results[i].latency...)
	}
	return sum, nil
}

// fetchLoad reads partitions of topic in a loop from their start, limit bytes
// of each per request, one request in flight on each connection.
func fetchLoad(addr, topic string, partitions int, limit int32, end int64, conns int, d time.Duration) (*result, error) {
	return parallel(conns, d, func(i int, stop *atomic.Bool) (*result, error) {
		c, err := dial(addr)
		if err != nil {
			return nil, err
		}
		defer c.c.Close()
		f := newFetchFrame(topic, partitions, limit, end)
		r := &result{}
		for !stop.Load() {
			start := time.Now()
			if _, err := c.c.Write(f.frame); err != nil {
				return nil, err
			}
			b, err := c.readFrame()
			if err != nil {
				return nil, err
			}
			n, err := f.advance(b)
			if err != nil {
				return nil, err
			}
			r.latency = append(r.latency, time.Since(start))
			r.bytes += int64(n)
			r.requests++
		}
		return r, nil
	})
}

// openLoop sends at a fixed rate whatever the answers do, and measures each
// answer from when its request was due.
func openLoop(addr, topic string, b batchSpec, conns int, perSecond float64, d time.Duration) (*result, error) {
	return parallel(conns, d+time.Hour, func(i int, _ *atomic.Bool) (*result, error) {
		c, err := dial(addr)
		if err != nil {
			return nil, err
		}
		defer c.c.Close()
		f := newFrame(topic, int32(i), b)
		every := time.Duration(float64(time.Second) * float64(conns) / perSecond)
		n := int(d / every)
		due := make(chan time.Time, n)
		errc := make(chan error, 1)
		go func() {
			start := time.Now().Add(time.Duration(i) * every / time.Duration(conns))
			for k := 0; k < n; k++ {
				at := start.Add(time.Duration(k) * every)
				if w := time.Until(at); w > 0 {
					time.Sleep(w)
				}
				due <- at
				if _, err := c.c.Write(f.next()); err != nil {
					errc <- err
					return
				}
			}
		}()
		r := &result{}
		for k := 0; k < n; k++ {
			ans, err := c.readFrame()
			if err != nil {
				return nil, err
			}
			if err := f.check(ans); err != nil {
				return nil, err
			}
			r.latency = append(r.latency, time.Since(<-due))
			r.bytes += int64(f.batchLen)
			r.requests++
		}
		return r, nil
	})
}

// small repeats one prebuilt request on conns connections.
func small(addr string, req kmsg.Request, conns int, d time.Duration) (*result, error) {
	f := kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench"))
	frame := f.AppendRequest(nil, req, 1)
	return parallel(conns, d, func(i int, stop *atomic.Bool) (*result, error) {
		c, err := dial(addr)
		if err != nil {
			return nil, err
		}
		defer c.c.Close()
		r := &result{}
		for !stop.Load() {
			start := time.Now()
			if _, err := c.c.Write(frame); err != nil {
				return nil, err
			}
			if _, err := c.readFrame(); err != nil {
				return nil, err
			}
			r.latency = append(r.latency, time.Since(start))
			r.requests++
		}
		return r, nil
	})
}
