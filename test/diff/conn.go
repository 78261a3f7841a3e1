// Package diff sends the same sequence of requests to Apache Kafka and to
// gregor and compares the answers field by field. What two servers can never
// have in common (times, ids, ports) is normalised; every other difference is
// a failure unless it is listed, with its reason, in known.go.
package diff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// conn is one raw connection: requests are sent at the version they carry.
type conn struct {
	c    net.Conn
	id   int32
	f    *kmsg.RequestFormatter
	sent kmsg.Request // waits for its answer
}

func dial(addr, client string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &conn{c: c, f: kmsg.NewRequestFormatter(kmsg.FormatterClientID(client))}, nil
}

// do sends req and decodes the answer.
func (c *conn) do(req kmsg.Request) (kmsg.Response, error) {
	if err := c.send(req); err != nil {
		return nil, err
	}
	return c.take()
}

// send sends req; take reads the answer.
func (c *conn) send(req kmsg.Request) error {
	c.id++
	c.sent = req
	if err := c.c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	noteAsked(req)
	_, err := c.c.Write(c.f.AppendRequest(nil, req, c.id))
	return err
}

// take reads the answer to what was sent and decodes it. An answer with bytes
// left over is an error.
func (c *conn) take() (kmsg.Response, error) {
	req := c.sent
	if req == nil {
		return nil, errors.New("harness: nothing was sent on this connection")
	}
	body, err := c.read()
	if err != nil {
		return nil, err
	}
	if got := int32(binary.BigEndian.Uint32(body)); got != c.id {
		return nil, fmt.Errorf("harness: correlation id %d, want %d", got, c.id)
	}
	body = body[4:]
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	if resp.IsFlexible() && req.Key() != 18 {
		r := kbin.Reader{Src: body}
		for n := r.Uvarint(); n > 0; n-- {
			r.Uvarint()
			r.Span(int(r.Uvarint()))
		}
		body = r.Src
	}
	if err := resp.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("harness: answer to %s v%d does not decode: %w", kmsg.NameForKey(req.Key()), req.GetVersion(), err)
	}
	if again := resp.AppendTo(nil); len(again) != len(body) {
		return nil, fmt.Errorf("harness: answer to %s v%d has %d bytes, its message %d", kmsg.NameForKey(req.Key()), req.GetVersion(), len(body), len(again))
	}
	return resp, nil
}

func (c *conn) read() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c.c, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 4 || n > 64<<20 {
		return nil, fmt.Errorf("answer of %d bytes", n)
	}
	body := make([]byte, n)
	_, err := io.ReadFull(c.c, body)
	return body, err
}

// raw sends bytes as they are and reads one frame or the end of the connection.
func (c *conn) raw(b []byte) ([]byte, error) {
	if err := c.c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := c.c.Write(b); err != nil {
		return nil, err
	}
	return c.read()
}

func (c *conn) close() { _ = c.c.Close() }
