package server

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

var errShort = errors.New("the file ends before the range that was to be sent")

// fileError is a range of a file that cannot be read: the response is begun,
// so the connection must go.
type fileError struct{ err error }

func (e *fileError) Error() string { return "reading records to send: " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// plain is a TCP socket without encryption. It makes its system calls itself,
// in the callbacks of RawConn: so a wait holds no buffer, and files go out by
// sendfile with an offset.
type plain struct {
	tcp   *net.TCPConn
	raw   syscall.RawConn
	owner *Conn
	fd    int  // within serve
	fresh bool // serve has only begun
}

func newPlain(tcp *net.TCPConn, owner *Conn) (*plain, error) {
	raw, err := tcp.SyscallConn()
	return &plain{tcp: tcp, raw: raw, owner: owner}, err
}

func (t *plain) serve() error {
	t.fresh = true
	return t.raw.Read(t.readable)
}

// readable is called once at first and then whenever bytes may be there. The
// first time it looks whether there are any with next to no stack, so that a
// goroutine that only waits keeps the smallest one there is.
func (t *plain) readable(fd uintptr) bool {
	if t.fresh {
		t.fresh = false
		if nothing(fd) {
			return false
		}
	}
	t.fd = int(fd)
	return t.owner.turn()
}

// nothing reports whether there is nothing to read yet, not even an end.
func nothing(fd uintptr) bool {
	var b [1]byte
	_, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b[0])), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	return e == syscall.EAGAIN
}

func (t *plain) local() netip.AddrPort { return t.tcp.LocalAddr().(*net.TCPAddr).AddrPort() }

// nudge makes serve return os.ErrDeadlineExceeded once it waits.
func (t *plain) nudge() { _ = t.tcp.SetReadDeadline(time.Unix(1, 0)) }

// calm undoes a nudge.
func (t *plain) calm() { _ = t.tcp.SetReadDeadline(time.Time{}) }

func (t *plain) read(p []byte) (n int, more bool, err error) {
	for {
		n, err := unix.Read(t.fd, p)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, false, errAgain
		case err != nil:
			return 0, false, err
		case n == 0:
			return 0, false, io.EOF
		default:
			return n, n == len(p), nil
		}
	}
}

func (t *plain) send(s *sender, wait bool) error {
	s.conn, s.wait, s.sent, s.err = t.owner, wait, false, nil
	if err := t.raw.Write(s.run); err != nil {
		return err
	}
	return s.err
}

// shut ends the connection in both directions, which wakes owner and writer.
// The descriptor is freed by close, since that waits for both to have left.
func (t *plain) shut() {
	_ = t.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
}

func (t *plain) close() { _ = t.tcp.Close() }
