package server

import (
	"errors"
	"io"
	"net"
	"syscall"

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
	tcp *net.TCPConn
	raw syscall.RawConn
	fd  int // within serve

	// Of the one writer.
	write func(fd uintptr) bool // sendOn
	s     *sender
	wait  bool
	err   error
	touch func()
}

func newPlain(tcp *net.TCPConn, touch func()) (*plain, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	t := &plain{tcp: tcp, raw: raw, touch: touch}
	t.write = t.sendOn
	return t, nil
}

func (t *plain) serve(step func() bool) error {
	return t.raw.Read(func(fd uintptr) bool {
		t.fd = int(fd)
		return step()
	})
}

func (t *plain) read(p []byte) (int, error) {
	for {
		n, err := unix.Read(t.fd, p)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, errAgain
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (t *plain) send(s *sender, wait bool) error {
	t.s, t.wait, t.err = s, wait, nil
	if err := t.raw.Write(t.write); err != nil {
		return err
	}
	return t.err
}

// sendOn sends until all is sent, an error, or a full socket. It returns false
// to be called again once there is room.
func (t *plain) sendOn(fd uintptr) bool {
	for sent := false; ; sent = true {
		done, err := t.s.step(int(fd))
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			if sent {
				t.touch()
			}
			if t.wait {
				return false
			}
			t.err = errAgain
			return true
		case err != nil || done:
			t.err = err
			return true
		}
	}
}

func (t *plain) close() error { return t.tcp.Close() }
