package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"gregor/internal/config"
)

// process is a running gregor server.
type process struct {
	pid    int
	config string // path of its server.properties
}

// servers finds them in /proc: processes of this program whose command line
// has serverClass.
func servers() []process {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var out []process
	for _, d := range dirs {
		pid, err := strconv.Atoi(filepath.Base(d))
		if err != nil || pid == os.Getpid() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(d, "cmdline"))
		if err != nil {
			continue // it ended, or is somebody else's
		}
		argv := strings.Split(string(bytes.TrimRight(b, "\x00")), "\x00")
		if filepath.Base(argv[0]) != "gregor" {
			continue
		}
		for i, a := range argv {
			if a == serverClass && i+1 < len(argv) {
				p := argv[i+1]
				if cwd, err := os.Readlink(filepath.Join(d, "cwd")); err == nil && !filepath.IsAbs(p) {
					p = filepath.Join(cwd, p)
				}
				out = append(out, process{pid, p})
			}
		}
	}
	return out
}

// is reports whether the server has that role or id; empty means any.
func (p process) is(role, id string) bool {
	if role == "" && id == "" {
		return true
	}
	b, err := os.ReadFile(p.config)
	if err != nil {
		return false
	}
	props, err := config.ParseProperties(b)
	if err != nil {
		return false
	}
	for _, kv := range props {
		if id != "" && kv.Key == "node.id" && strings.TrimSpace(kv.Value) == id {
			return true
		}
		if id == "" && kv.Key == "process.roles" && strings.TrimSpace(kv.Value) == role {
			return true
		}
	}
	return false
}

var signals = map[string]syscall.Signal{
	"": syscall.SIGTERM, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT,
}

// stopSignal reads a signal's name or number.
func stopSignal(s string) (syscall.Signal, error) {
	if sig, ok := signals[strings.TrimPrefix(strings.ToUpper(s), "SIG")]; ok {
		return sig, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 64 {
		return 0, fmt.Errorf("SIGNAL=%s is no signal; expected a name such as TERM or KILL, or a number", s)
	}
	return syscall.Signal(n), nil
}
