package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"time"

	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// link is one open connection. The client's run goroutine writes, one
// goroutine of the link's own reads.
type link struct {
	c        *Client
	conn     net.Conn
	versions map[int16]vrange
	corr     int32
	w        wire.Writer
	reading  bool // the reader was started; for the run goroutine

	mu struct {
		sync.Mutex
		inflight []*call // in the order sent
		broken   error   // no more answers will be taken
	}
	dead chan struct{} // closed when the reader ends
}

type vrange struct{ lo, hi int16 }

func newLink(c *Client, conn net.Conn) *link {
	return &link{c: c, conn: conn, versions: map[int16]vrange{}, dead: make(chan struct{})}
}

// close breaks the connection, waits for the reader and fails what is in
// flight.
func (l *link) close(err error) {
	l.fail(err)
	if l.reading {
		<-l.dead
	}
}

// fail breaks the connection for a reason, the first one given.
func (l *link) fail(err error) {
	if err == nil {
		err = ErrDisconnected
	}
	l.mu.Lock()
	if l.mu.broken == nil {
		l.mu.broken = err
	}
	l.mu.Unlock()
	l.conn.Close()
}

// negotiate asks for the peer's versions: in our newest form, and if the peer
// does not know that, in the newest it says it knows.
func (l *link) negotiate(timeout time.Duration) error {
	stop := make(chan struct{})
	defer close(stop)
	go func() { // a peer that accepts and says nothing must not hold Close up
		select {
		case <-l.c.stop.Done():
			l.conn.Close()
		case <-stop:
		}
	}()
	_ = l.conn.SetDeadline(time.Now().Add(timeout))
	api := wire.APIByKey(wire.KeyApiVersions)
	version := newest(api)
	resp, err := l.askVersions(version)
	if err == nil && resp.ErrorCode == kerr.UnsupportedVersion {
		hi := int16(0)
		for _, k := range resp.ApiKeys {
			if k.ApiKey == wire.KeyApiVersions {
				hi = k.MaxVersion
			}
		}
		resp, err = l.askVersions(max(0, min(hi, version)))
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: ApiVersions: %v", ErrDisconnected, err)
	case resp.ErrorCode != kerr.None:
		return fmt.Errorf("%w: ApiVersions: %s", ErrDisconnected, resp.ErrorCode.Name())
	}
	for _, k := range resp.ApiKeys {
		l.versions[k.ApiKey] = vrange{k.MinVersion, k.MaxVersion}
	}
	l.versions[wire.KeyApiVersions] = vrange{0, version}
	_ = l.conn.SetDeadline(time.Time{})
	l.reading = true
	go l.read()
	return nil
}

func newest(a *wire.API) int16 {
	if a.Unstable {
		return a.MaxVersion - 1
	}
	return a.MaxVersion
}

func (l *link) askVersions(version int16) (*wire.ApiVersionsResponse, error) {
	req := wire.NewRequest(wire.KeyApiVersions).(*wire.ApiVersionsRequest)
	req.ClientSoftwareName, req.ClientSoftwareVersion = "gregor", l.c.o.SoftwareVersion
	x := &call{req: req, version: version}
	if err := l.put(x); err != nil {
		return nil, err
	}
	frame, err := l.frame()
	if err != nil {
		return nil, err
	}
	m, err := decode(frame, x)
	if err != nil && version > 0 {
		// A node that does not know the version answers in version 0.
		x.version = 0
		m, err = decode(frame, x)
	}
	if err != nil {
		return nil, err
	}
	return m.(*wire.ApiVersionsResponse), nil
}

// put encodes and writes one request.
func (l *link) put(x *call) error {
	l.corr = (l.corr + 1) & math.MaxInt32
	x.corr = l.corr
	l.w.Reset()
	req := x.req
	if v, ok := req.(Versioned); ok {
		req = v.AtVersion(x.version)
	}
	if err := wire.EncodeRequest(&l.w, x.corr, &l.c.o.ClientID, req, x.version); err != nil {
		return fmt.Errorf("%w: %v", ErrUnsupported, err)
	}
	b, err := l.w.Bytes()
	if err != nil {
		return err
	}
	_, err = l.conn.Write(b)
	return err
}

// frame reads one response without its size.
func (l *link) frame() ([]byte, error) {
	var head [wire.FrameHead]byte
	if _, err := io.ReadFull(l.conn, head[:]); err != nil {
		return nil, err
	}
	n := int32(binary.BigEndian.Uint32(head[:]))
	if n < 4 || int(n) > l.c.o.MaxResponse {
		return nil, fmt.Errorf("response of %d bytes, expected 4 to %d", n, l.c.o.MaxResponse)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(l.conn, b)
	return b, err
}

func decode(frame []byte, x *call) (wire.Message, error) {
	api := wire.APIByKey(x.req.APIKey())
	r := wire.NewReader(frame)
	corr, err := wire.DecodeResponseHeader(r, api, x.version)
	if err != nil {
		return nil, err
	}
	if corr != x.corr {
		return nil, fmt.Errorf("response has correlation id %d, expected %d", corr, x.corr)
	}
	resp := wire.NewResponse(api.Key)
	resp.Decode(r, x.version)
	r.End()
	return resp, r.Err()
}

// read takes the answers, in order, until the connection breaks.
func (l *link) read() {
	var err error
	for err == nil {
		var frame []byte
		if frame, err = l.frame(); err != nil {
			break
		}
		x := l.next()
		if x == nil {
			err = errors.New("response to no request")
			break
		}
		resp, derr := decode(frame, x)
		if derr != nil {
			err = fmt.Errorf("%w: %v", ErrDisconnected, derr)
			l.c.finish(x, nil, err)
			break
		}
		l.c.finish(x, resp, nil)
	}
	l.fail(fmt.Errorf("%w: %v", ErrDisconnected, err))
	for _, x := range l.drain() {
		l.c.finish(x, nil, l.reason())
	}
	close(l.dead)
}

func (l *link) reason() error {
	if l.c.stop.Err() != nil {
		return ErrClosed
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.broken
}

func (l *link) next() *call {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.mu.inflight) == 0 {
		return nil
	}
	x := l.mu.inflight[0]
	l.mu.inflight[0] = nil
	l.mu.inflight = l.mu.inflight[1:]
	return x
}

func (l *link) drain() []*call {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.mu.inflight
	l.mu.inflight = nil
	return x
}

// add notes a request before it is written; false once the link is broken.
func (l *link) add(x *call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.broken != nil {
		return false
	}
	l.mu.inflight = append(l.mu.inflight, x)
	return true
}

// remove takes back a request that could not be encoded.
func (l *link) remove(x *call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := len(l.mu.inflight) - 1; k >= 0 && l.mu.inflight[k] == x {
		l.mu.inflight = l.mu.inflight[:k]
		return true
	}
	return false
}

// oldest is the earliest deadline in flight.
func (l *link) oldest() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := int64(math.MaxInt64)
	for _, x := range l.mu.inflight {
		at = min(at, x.deadline)
	}
	return at
}

// write sends what is queued until the link breaks; the error says why.
func (l *link) write() error {
	for {
		for _, x := range l.c.take() {
			if err := l.send(x); err != nil {
				return err
			}
		}
		at := l.oldest()
		now := l.c.o.Clock.Nanos()
		if at <= now {
			return ErrTimeout
		}
		if err := l.pause(time.Duration(min(at-now, int64(time.Hour)))); err != nil {
			return err
		}
	}
}

// pause waits for something to do, at most d.
func (l *link) pause(d time.Duration) error {
	timer, stop := l.c.o.Clock.After(d)
	defer stop()
	select {
	case <-l.c.wake:
	case <-timer:
	case <-l.dead:
		return l.reason()
	case <-l.c.stop.Done():
		return ErrClosed
	}
	return nil
}

// send writes one call, or completes it with the reason why not. An error
// means that the link is of no more use.
func (l *link) send(x *call) error {
	if l.c.o.Clock.Nanos() >= x.deadline {
		l.c.finish(x, nil, ErrTimeout)
		return nil
	}
	api := wire.APIByKey(x.req.APIKey())
	if api == nil {
		l.c.finish(x, nil, ErrUnsupported)
		return nil
	}
	theirs, ok := l.versions[api.Key]
	x.version = min(theirs.hi, newest(api))
	if !ok || x.version < max(theirs.lo, api.MinVersion) {
		l.c.finish(x, nil, fmt.Errorf("%w: it knows versions %d to %d", ErrUnsupported, theirs.lo, theirs.hi))
		return nil
	}
	if !l.add(x) {
		l.c.finish(x, nil, l.reason())
		return l.reason()
	}
	err := l.put(x)
	if errors.Is(err, ErrUnsupported) {
		if l.remove(x) {
			l.c.finish(x, nil, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %v", ErrDisconnected, err)
	}
	return nil
}
