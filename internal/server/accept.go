package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"gregor/internal/config"

	"golang.org/x/sys/unix"
)

// bind opens the listening socket of l. The error is Kafka's.
func (s *Server) bind(l config.Listener) (*listener, error) {
	if l.Protocol != "PLAINTEXT" {
		return nil, fmt.Errorf("listener %s: the security protocol %s is not supported yet, only PLAINTEXT is", l.Name, l.Protocol)
	}
	lim := s.limits.Load()
	lc := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, rc syscall.RawConn) error {
		return setBuffers(rc, lim.ReceiveBuffer, -1) // before listen, so that the window scale fits
	}}
	ln, err := lc.Listen(context.Background(), "tcp", hostPort(l.Host, l.Port))
	if err != nil {
		return nil, fmt.Errorf("Socket server failed to bind to %s:%d: %w", l.Host, l.Port, unwrapBind(err))
	}
	tcp := ln.(*net.TCPListener)
	if rc, err := tcp.SyscallConn(); err == nil && lim.Backlog > 0 {
		_ = rc.Control(func(fd uintptr) { _ = unix.Listen(int(fd), lim.Backlog) })
	}
	b := &listener{Listener: l, tcp: tcp}
	s.log.acceptor.Info(fmt.Sprintf("Awaiting socket connections on %s:%d.", hostOrAny(l.Host), b.local().Port()))
	s.log.server.Info(fmt.Sprintf("Created data-plane acceptor and processors for endpoint : ListenerName(%s)", l.Name))
	return b, nil
}

func hostOrAny(h string) string {
	if h == "" {
		return "0.0.0.0"
	}
	return h
}

func unwrapBind(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func setBuffers(rc syscall.RawConn, receive, send int) error {
	return rc.Control(func(fd uintptr) {
		if receive > 0 {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receive)
		}
		if send > 0 {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, send)
		}
	})
}

// accept accepts the connections of l until it is closed.
func (s *Server) accept(l *listener) {
	defer s.wg.Done()
	for {
		tcp, err := l.tcp.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, or the client is gone already
			s.log.acceptor.Error(fmt.Sprintf("Error while accepting connection: %v", err))
			if !s.pause(100 * time.Millisecond) {
				return
			}
			continue
		}
		if !s.welcome(l, tcp) {
			_ = tcp.Close()
		}
	}
}

// pause waits; false if the server is closed meanwhile.
func (s *Server) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.stop:
		return false
	}
}

// welcome waits until the limits let the connection in and starts it. It
// returns false if they do not.
func (s *Server) welcome(l *listener, tcp *net.TCPConn) bool {
	remote := tcp.RemoteAddr().(*net.TCPAddr).AddrPort()
	ip := remote.Addr().Unmap()
	remote = netip.AddrPortFrom(ip, remote.Port())
	ok, evict := s.quotas.enter(l.Name, ip)
	if !ok {
		if n, over := s.quotas.over(ip); over {
			s.log.acceptor.Info(fmt.Sprintf("Rejected connection from /%s, address already has the configured maximum of %d connections.", ip, n))
		}
		return false
	}
	if evict {
		s.evict(l.Name)
	}
	c := &Conn{srv: s, listener: l, remote: remote, number: s.numbers.Add(1) - 1}
	lim := s.limits.Load()
	_ = tcp.SetNoDelay(true)
	_ = tcp.SetKeepAlive(true)
	t, err := newPlain(tcp, c)
	if err == nil {
		_ = setBuffers(t.raw, -1, lim.SendBuffer)
		c.t = t
		if s.admit(c) {
			return true
		}
	}
	s.quotas.left(l.Name, ip)
	return false
}
