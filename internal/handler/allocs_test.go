package handler

import (
	"encoding/binary"
	"testing"

	"gregor/internal/kerr"
	"gregor/internal/record"
	"gregor/internal/wire"
)

// exchanger sends a prebuilt frame and reads the answer without allocating.
type exchanger struct {
	c     *conn
	frame []byte
	buf   []byte
}

func (x *exchanger) send() {
	if _, err := x.c.Write(x.frame); err != nil {
		x.c.t.Fatal(err)
	}
}

func (x *exchanger) receive() []byte {
	if _, err := readFull(x.c.Conn, x.buf[:4]); err != nil {
		x.c.t.Fatal(err)
	}
	n := int(binary.BigEndian.Uint32(x.buf))
	if _, err := readFull(x.c.Conn, x.buf[:n]); err != nil {
		x.c.t.Fatal(err)
	}
	return x.buf[:n]
}

func TestNoAllocationsPerProduce(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	cl := newCluster(t)
	cl.topic("t", 1)
	n := cl.node(nil)
	for _, k := range []struct {
		acks    int16
		records int
	}{{1, 16}, {-1, 16}, {1, 1}, {1, 128}, {1, 1000}} {
		x := &exchanger{c: n.dial(), frame: request(t, 1, produceTo("t", 0, k.acks, batch(k.records, 1000)), 9), buf: make([]byte, 64<<10)}
		run := func() {
			const window = 5
			for range window {
				x.send()
			}
			for range window {
				b := x.receive()
				if code := kerr.Code(binary.BigEndian.Uint16(b[4+1+1+2+1+4:])); code != kerr.None {
					t.Fatal(code.Name())
				}
			}
		}
		if a := testing.AllocsPerRun(100, run); a > 0 {
			t.Errorf("acks=%d, %d KB: %v allocations per 5 requests", k.acks, k.records, a)
		}
	}
}

func TestNoAllocationsPerIdempotentProduce(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	cl := newCluster(t)
	cl.topic("t", 1)
	n := cl.node(nil)
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = 5, 0, 0
	b := batchOf(spec, 4, 100)
	x := &exchanger{c: n.dial(), frame: request(t, 1, produceTo("t", 0, -1, b), 9), buf: make([]byte, 64<<10)}
	at := len(x.frame) - len(b) - 3 // tags of partition, topic and request
	seq := uint32(0)
	run := func() {
		binary.BigEndian.PutUint32(x.frame[at+53:], seq)
		record.Batch(x.frame[at : at+len(b)]).SetCRC()
		seq += 4
		x.send()
		if code := kerr.Code(binary.BigEndian.Uint16(x.receive()[4+1+1+2+1+4:])); code != kerr.None {
			t.Fatal(code.Name())
		}
	}
	if a := testing.AllocsPerRun(500, run); a > 0 {
		t.Errorf("%v allocations", a)
	}
}

func TestFewAllocationsPerFetch(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	cl := newCluster(t)
	cl.topic("t", 8)
	n := cl.node(nil)
	c := n.dial()
	for i := range int32(8) {
		c.produce(produceTo("t", i, 1, batch(16, 1000)), 9)
	}
	x := &exchanger{c: c, frame: request(t, 1, fetchFrom("t", 8, 0), 12), buf: make([]byte, 1<<20)}
	run := func() {
		x.send()
		if b := x.receive(); len(b) < 8*16000 {
			t.Fatalf("%d bytes", len(b))
		}
	}
	if a := testing.AllocsPerRun(200, run); a > 2 {
		t.Errorf("%v allocations", a)
	}
}

func TestApiVersionsAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	n := newNode(t, Options{Services: &Services{}})
	x := &exchanger{c: n.dial(), frame: request(t, 1, &wire.ApiVersionsRequest{ClientSoftwareName: "a", ClientSoftwareVersion: "1"}, 3), buf: make([]byte, 64<<10)}
	if a := testing.AllocsPerRun(200, func() { x.send(); x.receive() }); a > 0 {
		t.Errorf("%v allocations", a)
	}
}
