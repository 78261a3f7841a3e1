package server

import (
	"sync"
	"syscall"
	"unsafe"

	"gregor/internal/wire"

	"golang.org/x/sys/unix"
)

// A range goes out by sendfile when it is the response's only one and at least
// soleFile bytes, or one of several and at least eachFile: below that, reading
// ranges into a buffer and writing it once costs less.
const (
	soleFile = 64 << 10
	eachFile = 256 << 10
)

// gatherSize is the buffer in which small pieces are put together.
const gatherSize = 256 << 10

// sender is a response on its way into a socket: which segment comes next, and
// how much of it is sent.
type sender struct {
	r       *Response
	segs    []wire.Segment
	next    int // segment
	done    int // bytes of it
	minFile int

	// Of plain.send.
	run  func(fd uintptr) bool // sendOn, bound once
	conn *Conn
	wait bool
	sent bool // since the connection was touched
	err  error
}

var senders = sync.Pool{New: func() any {
	s := new(sender)
	s.run = s.sendOn
	return s
}}

func newSender(r *Response) *sender {
	s := senders.Get().(*sender)
	files := 0
	s.r, s.segs, s.next, s.done = r, r.Segments(), 0, 0
	for i := range s.segs {
		if s.segs[i].File != nil {
			files++
		}
	}
	s.minFile = eachFile
	if files == 1 {
		s.minFile = soleFile
	}
	return s
}

// free lets go of the response and of s, which may be nil.
func (s *sender) free() {
	if s != nil {
		s.r.free()
		s.r, s.segs, s.err, s.conn = nil, nil, nil, nil
		senders.Put(s)
	}
}

// sendOn sends until all is sent, an error, or a full socket. It returns false
// to be called again once there is room.
func (s *sender) sendOn(fd uintptr) bool {
	for {
		done, err := s.step(int(fd))
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			if s.sent {
				s.sent = false
				s.conn.touch()
			}
			if s.wait {
				return false
			}
			s.err = errAgain
			return true
		case err != nil || done:
			s.err = err
			return true
		default:
			s.sent = true
		}
	}
}

// advance notes n more bytes as sent.
func (s *sender) advance(n int) {
	for n > 0 {
		left := s.segs[s.next].Len - s.done
		if n < left {
			s.done += n
			return
		}
		n -= left
		s.next, s.done = s.next+1, 0
	}
}

// byFile reports whether a segment goes out by sendfile.
func (s *sender) byFile(g *wire.Segment) bool {
	return g.File != nil && g.Len >= s.minFile && g.File.Fd() >= 0
}

// step sends one piece to the socket fd: a file range, or memory, or several
// pieces gathered. It reports whether everything is sent.
func (s *sender) step(fd int) (done bool, err error) {
	if s.next == len(s.segs) {
		return true, nil
	}
	g := &s.segs[s.next]
	switch {
	case s.byFile(g):
		err = s.sendFile(fd, g)
	case g.File == nil && (s.next+1 == len(s.segs) || s.byFile(&s.segs[s.next+1])):
		err = s.sendBytes(fd, g.Bytes[s.done:], s.next+1 < len(s.segs))
	default:
		err = s.gather(fd)
	}
	return s.next == len(s.segs), err
}

func (s *sender) sendFile(fd int, g *wire.Segment) error {
	off := g.Off + int64(s.done)
	n, err := unix.Sendfile(fd, g.File.Fd(), &off, g.Len-s.done)
	if n > 0 {
		s.advance(n)
		return nil
	}
	if err == nil {
		return errShort
	}
	return err
}

func (s *sender) sendBytes(fd int, b []byte, more bool) error {
	flags := unix.MSG_NOSIGNAL
	if more {
		flags |= unix.MSG_MORE
	}
	n, _, e := syscall.Syscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), uintptr(flags), 0, 0)
	if e != 0 {
		return e
	}
	s.advance(int(n))
	return nil
}

// gather reads the next pieces into one buffer, up to its size or to a piece
// that goes out by itself, and sends that. What the socket does not take is
// read again later, so that a slow client holds no buffer.
func (s *sender) gather(fd int) error {
	b := getBuffer(gatherSize)
	defer putBuffer(b)
	fill, from := b.data[:0], s.done
	i := s.next
	for ; i < len(s.segs) && len(fill) < gatherSize; i++ {
		g := &s.segs[i]
		if i > s.next && s.byFile(g) {
			break
		}
		n := min(g.Len-from, gatherSize-len(fill))
		at := len(fill)
		fill = fill[:at+n]
		if g.File == nil {
			copy(fill[at:], g.Bytes[from:from+n])
		} else if m, err := g.File.ReadAt(fill[at:], g.Off+int64(from)); m < n {
			return &fileError{err}
		}
		from = 0
	}
	return s.sendBytes(fd, fill, i < len(s.segs) || len(fill) == gatherSize)
}
