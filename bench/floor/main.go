// Command floor is how fast a broker in Go could be on this machine if it did
// nothing but its duty: it receives produce requests, checks the CRC, writes
// the batch to a preallocated file, acknowledges, and serves the bytes back.
// No epochs, no indexes, no checks. The benchmarks show how far above it
// gregor stands.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// log is one partition: equal batches, so that an offset is a position.
type log struct {
	mu        sync.Mutex
	f         *os.File
	size      int64
	allocated int64
	next      int64 // next offset
	batch     int64 // bytes of a batch
	records   int64 // records of a batch
}

type server struct {
	dir  string
	mu   sync.Mutex
	logs map[string]*log
}

func (s *server) log(name []byte, partition int32) *log {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := fmt.Sprintf("%s-%d", name, partition)
	l := s.logs[key]
	if l == nil {
		f, err := os.Create(filepath.Join(s.dir, key))
		if err != nil {
			panic(err)
		}
		l = &log{f: f}
		s.logs[key] = l
	}
	return l
}

const step = 64 << 20

func (l *log) append(b []byte) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size+int64(len(b)) > l.allocated {
		_ = unix.Fallocate(int(l.f.Fd()), unix.FALLOC_FL_KEEP_SIZE, l.allocated, step)
		l.allocated += step
	}
	base := l.next
	binary.BigEndian.PutUint64(b, uint64(base))
	l.records = int64(binary.BigEndian.Uint32(b[57:]))
	l.batch = int64(len(b))
	if _, err := l.f.WriteAt(b, l.size); err != nil {
		panic(err)
	}
	l.size += int64(len(b))
	l.next += l.records
	return base
}

// at is the position of an offset and the bytes there are from it, at most max.
func (l *log) at(offset, max int64) (pos, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.batch == 0 {
		return 0, 0
	}
	pos = offset / l.records * l.batch
	n = l.size - pos
	if n > max {
		n = max / l.batch * l.batch
		if n == 0 {
			n = l.batch
		}
	}
	return pos, n
}

func main() {
	addr := flag.String("listen", "127.0.0.1:0", "address")
	dir := flag.String("dir", "", "directory")
	flag.Parse()
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		panic(err)
	}
	fmt.Println("listening", l.Addr())
	s := &server{dir: *dir, logs: map[string]*log{}}
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go s.serve(c.(*net.TCPConn))
	}
}

// serve reads as much as there is, handles every whole frame and answers them
// with one write.
func (s *server) serve(c *net.TCPConn) {
	defer c.Close()
	buf := make([]byte, 64<<10)
	have := 0
	var out []byte
	for {
		n, err := c.Read(buf[have:])
		if err != nil {
			return
		}
		have += n
		at := 0
		out = out[:0]
		for have-at >= 4 {
			size := int(binary.BigEndian.Uint32(buf[at:]))
			if have-at < 4+size {
				if 4+size > len(buf) {
					big := make([]byte, 4+size+64<<10)
					copy(big, buf[at:have])
					buf, have, at = big, have-at, 0
				}
				break
			}
			frame := buf[at+4 : at+4+size]
			if binary.BigEndian.Uint16(frame) == 0 {
				out = s.produce(frame, out)
			} else if out, err = s.fetch(c, frame, out); err != nil {
				return
			}
			at += 4 + size
		}
		copy(buf, buf[at:have])
		have -= at
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	}
}

// cursor walks a flexible request.
type cursor struct{ b []byte }

func (c *cursor) skip(n int) { c.b = c.b[n:] }
func (c *cursor) uvarint() int {
	v, n := binary.Uvarint(c.b)
	c.b = c.b[n:]
	return int(v)
}
func (c *cursor) bytes() []byte {
	n := c.uvarint() - 1
	if n < 0 {
		return nil
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}
func (c *cursor) i32() int32 { v := int32(binary.BigEndian.Uint32(c.b)); c.b = c.b[4:]; return v }
func (c *cursor) i64() int64 { v := int64(binary.BigEndian.Uint64(c.b)); c.b = c.b[8:]; return v }

// header skips a request header v2 and returns the correlation id.
func (c *cursor) header() []byte {
	id := c.b[4:8]
	c.skip(8)
	n := int(int16(binary.BigEndian.Uint16(c.b)))
	c.skip(2 + max(n, 0))
	c.uvarint()
	return id
}

// produce handles Produce v9 with one topic and one partition.
func (s *server) produce(frame, out []byte) []byte {
	c := &cursor{frame}
	id := c.header()
	c.bytes() // transactional id
	c.skip(2 + 4)
	c.uvarint()
	name := c.bytes()
	c.uvarint()
	partition := c.i32()
	b := c.bytes()
	if crc32.Checksum(b[21:], castagnoli) != binary.BigEndian.Uint32(b[17:]) {
		panic("bad CRC")
	}
	base := s.log(name, partition).append(b)
	start := len(out)
	out = append(out, 0, 0, 0, 0)
	out = append(out, id...)
	out = append(out, 0, 2, byte(len(name)+1))
	out = append(out, name...)
	out = append(out, 2)
	out = binary.BigEndian.AppendUint32(out, uint32(partition))
	out = append(out, 0, 0)
	out = binary.BigEndian.AppendUint64(out, uint64(base))
	out = append(out, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // log append time
	out = append(out, 0, 0, 0, 0, 0, 0, 0, 0)                         // log start offset
	out = append(out, 1, 0, 0, 0, 0, 0, 0, 0, 0)                      // record errors, message, tags, tags, throttle, tags
	binary.BigEndian.PutUint32(out[start:], uint32(len(out)-start-4))
	return out
}

type piece struct {
	l      *log
	pos, n int64
}

// fetch handles Fetch v12 of one topic: one large piece by sendfile, several
// small ones gathered into one write.
func (s *server) fetch(conn *net.TCPConn, frame, out []byte) ([]byte, error) {
	c := &cursor{frame}
	id := c.header()
	c.skip(4 + 4 + 4 + 4 + 1 + 4 + 4)
	c.uvarint()
	name := c.bytes()
	n := c.uvarint() - 1
	start := len(out)
	out = append(out, 0, 0, 0, 0)
	out = append(out, id...)
	out = append(out, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, byte(len(name)+1)) // tags, throttle, error, session, topics
	out = append(out, name...)
	out = binary.AppendUvarint(out, uint64(n+1))
	for i := 0; i < n; i++ {
		partition := c.i32()
		c.skip(4)
		offset := c.i64()
		c.skip(4 + 8)
		limit := c.i32()
		c.uvarint()
		l := s.log(name, partition)
		pos, size := l.at(offset, int64(limit))
		out = binary.BigEndian.AppendUint32(out, uint32(partition))
		out = append(out, 0, 0)
		out = binary.BigEndian.AppendUint64(out, uint64(l.next))
		out = binary.BigEndian.AppendUint64(out, uint64(l.next))
		out = append(out, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff) // log start, aborted null, replica
		out = binary.AppendUvarint(out, uint64(size+1))
		if n == 1 && size >= 64<<10 {
			return nil, s.sendfile(conn, out, start, piece{l, pos, size})
		}
		at := len(out)
		out = append(out, make([]byte, size)...)
		if _, err := l.f.ReadAt(out[at:], pos); err != nil {
			return nil, err
		}
		out = append(out, 0)
	}
	out = append(out, 0, 0)
	binary.BigEndian.PutUint32(out[start:], uint32(len(out)-start-4))
	return out, nil
}

func (s *server) sendfile(conn *net.TCPConn, out []byte, start int, p piece) error {
	binary.BigEndian.PutUint32(out[start:], uint32(len(out)-start-4+int(p.n)+3))
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	head := out
	off := p.pos
	left := int(p.n)
	var serr error
	if err := raw.Write(func(fd uintptr) bool {
		for len(head) > 0 {
			n, err := unix.SendmsgN(int(fd), head, nil, nil, unix.MSG_MORE|unix.MSG_DONTWAIT)
			if err == unix.EAGAIN {
				return false
			}
			if err != nil {
				serr = err
				return true
			}
			head = head[n:]
		}
		for left > 0 {
			n, err := unix.Sendfile(int(fd), int(p.l.f.Fd()), &off, left)
			if err == unix.EAGAIN {
				return false
			}
			if err != nil {
				serr = err
				return true
			}
			left -= n
		}
		return true
	}); err != nil {
		return err
	}
	if serr != nil {
		return serr
	}
	_, err = conn.Write([]byte{0, 0, 0})
	return err
}
