package handler

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// FuzzConnection sends arbitrary bytes to a broker's connection: nothing may
// panic, and the node answers others as before.
func FuzzConnection(f *testing.F) {
	for key := range keyCount {
		api := wire.APIByKey(key)
		lo, hi, ok := api.Advertised(wire.BrokerListener)
		if !ok || table[key].broker.serve == nil {
			continue
		}
		for _, v := range []int16{lo, hi} {
			if api.Accepts(wire.BrokerListener, v) {
				f.Add(request(f, 7, wire.NewRequest(key), v))
			}
		}
	}
	f.Add(request(f, 1, produceTo("t", 0, -1, batch(2, 10)), 9))
	f.Add(append(request(f, 1, produceTo("t", 0, 1, batch(2, 10)), 7), request(f, 2, fetchFrom("t", 2, 0), 12)...))
	f.Add([]byte{0, 0, 0, 17, 0, 18, 0, 3, 0, 0, 0, 1, 255, 255, 0, 1, 1, 255, 255, 255, 255, 15})
	f.Add([]byte{255, 255, 255, 255})

	cl := newCluster(f)
	cl.topic("t", 2)
	ids := &fakeIDs{}
	f.Cleanup(ids.wait.Wait)
	n := cl.node(func(s *Services) { s.LogDirs, s.ProducerIDs = fakeDirs{}, ids })
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := net.Dial("tcp", n.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go func() {
			_, _ = c.Write(b)
			_ = c.(*net.TCPConn).CloseWrite()
		}()
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Fatal("the server neither answers nor hangs up")
			}
		}
		var resp wire.ApiVersionsResponse
		(&node{t: t, addr: n.addr}).dial().do(&wire.ApiVersionsRequest{}, &resp, 0)
	})
}

// TestManyWaitAndLeave has clients wait, produce, and leave at any time, so
// that waking, expiring and abandoning meet in all ways (for the race detector).
func TestManyWaitAndLeave(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 3)
	cl.topic("two", 1, 1, 2)
	n := cl.node(nil)
	var wg sync.WaitGroup
	var stop atomic.Bool
	time.AfterFunc(400*time.Millisecond, func() { stop.Store(true) })
	client := func(seed uint64, work func(c *conn, rnd *rand.Rand) error) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rnd := rand.New(rand.NewPCG(seed, 9))
			for !stop.Load() {
				nc, err := net.Dial("tcp", n.addr)
				if err != nil {
					t.Error(err)
					return
				}
				_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
				c := &conn{Conn: nc, t: t}
				for range 1 + rnd.IntN(20) {
					if err := work(c, rnd); err != nil {
						t.Error(err)
						break
					}
				}
				_ = nc.Close()
			}
		}()
	}
	for i := range uint64(4) {
		client(i, func(c *conn, rnd *rand.Rand) error { // consumers, who often do not wait for the answer
			req := fetchFrom("t", 3, 0)
			for i := range req.Topics[0].Partitions {
				p, _ := cl.PartitionOf("t", int32(i))
				o, err := p.Offsets(1)
				if err != nil {
					return err
				}
				req.Topics[0].Partitions[i].FetchOffset = int64(o.HighWatermark)
			}
			req.MaxWaitMs, req.MinBytes = int32(rnd.IntN(30)), int32(1+rnd.IntN(5000))
			if _, err := c.Write(request(t, 1, req, 12)); err != nil {
				return err
			}
			if rnd.IntN(3) > 0 {
				_, err := c.frame()
				return err
			}
			return nil
		})
	}
	for i := range uint64(2) {
		client(10+i, func(c *conn, rnd *rand.Rand) error {
			_, err := c.Write(request(t, 1, produceTo("t", int32(rnd.IntN(3)), 1, batch(1, rnd.IntN(2000))), 9))
			if err == nil {
				_, err = c.frame()
			}
			return err
		})
		client(20+i, func(c *conn, rnd *rand.Rand) error { // acks=-1, with a follower that comes now and then
			req := produceTo("two", 0, -1, batch(1, 10))
			req.TimeoutMs = int32(rnd.IntN(20))
			_, err := c.Write(request(t, 1, req, 9))
			if err == nil && rnd.IntN(3) > 0 {
				_, err = c.frame()
			}
			return err
		})
	}
	client(30, func(c *conn, rnd *rand.Rand) error {
		p, _ := cl.PartitionOf("two", 0)
		o, err := p.Offsets(1)
		if err != nil {
			return err
		}
		req := fetchAsFollower("two", int64(o.LogEnd))
		req.MaxWaitMs = int32(rnd.IntN(10))
		if _, err := c.Write(request(t, 1, req, 12)); err != nil {
			return err
		}
		b, err := c.frame()
		if err != nil {
			return err
		}
		var resp wire.FetchResponse
		if err := wire.Unmarshal(b[5:], &resp, 12); err != nil {
			return err
		}
		if code := resp.Responses[0].Partitions[0].ErrorCode; code != kerr.None {
			return fmt.Errorf("follower: %s", code.Name())
		}
		return nil
	})
	client(40, func(_ *conn, rnd *rand.Rand) error { // leaderships change
		time.Sleep(time.Millisecond) // as metadata would, now and then
		p, _ := cl.PartitionOf("t", 2)
		_, e := p.Leader()
		cl.lead(p, []model.BrokerID{1}, e+1)
		return nil
	})
	wg.Wait()
	waitFor(t, "everyone is gone", func() bool { return n.h.wheel.Len() == 0 })
}
