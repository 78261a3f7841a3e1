package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const startUsage = "USAGE: %s [-daemon] server.properties [--override property=value]*\n"

// serverStart becomes the server, so that the process a script started is the
// server itself: its command line then has the words that people look for in
// the process list.
func serverStart(args []string) int {
	daemon := false
	name := "kafkaServer"
	for len(args) > 0 {
		switch {
		case args[0] == "-daemon" || args[0] == "--daemon":
			daemon = true
		case args[0] == "-name" && len(args) > 1:
			name, args = args[1], args[1:]
		case args[0] == "-loggc":
		default:
			return startAs(name, daemon, args)
		}
		args = args[1:]
	}
	fmt.Printf(startUsage, "kafka-server-start.sh")
	return 1
}

func startAs(name string, daemon bool, args []string) int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kafka-server-start:", err)
		return 1
	}
	logs := logDir(self)
	argv := append([]string{self, "-Djava.awt.headless=true", "-Dkafka.logs.dir=" + logs, serverClass}, args...)
	if !daemon {
		err = syscall.Exec(self, argv, os.Environ())
		fmt.Fprintln(os.Stderr, "kafka-server-start:", err)
		return 1
	}
	if err := startDaemon(self, argv, filepath.Join(logs, name+".out")); err != nil {
		fmt.Fprintln(os.Stderr, "kafka-server-start:", err)
		return 1
	}
	return 0
}

// logDir is where server.log goes: $LOG_DIR, or logs beside the bin directory
// the binary lies in, or ./logs.
func logDir(self string) string {
	if d := os.Getenv("LOG_DIR"); d != "" {
		return d
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	if dir := filepath.Dir(self); filepath.Base(dir) == "bin" {
		return filepath.Join(filepath.Dir(dir), "logs")
	}
	return "logs"
}

// startDaemon starts argv in a session of its own, with its output in the file
// out, and does not wait for it.
func startDaemon(self string, argv []string, out string) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(out, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	p, err := os.StartProcess(self, argv, &os.ProcAttr{
		Files: []*os.File{null, f, f},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return err
	}
	return p.Release()
}

// serverStop sends TERM (or $SIGNAL) to every gregor server there is on this
// host, or to those of --process-role or --node-id.
func serverStop(args []string) int {
	var role, id string
	for _, a := range args {
		if v, ok := strings.CutPrefix(a, "--process-role="); ok {
			role = v
		}
		if v, ok := strings.CutPrefix(a, "--node-id="); ok {
			id = v
		}
	}
	if role != "" && id != "" {
		fmt.Println("When both node-id and process-role are provided, the value for node-id will take precedence")
	}
	sig, err := stopSignal(os.Getenv("SIGNAL"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "kafka-server-stop:", err)
		return 1
	}
	found := servers()
	if len(found) == 0 {
		fmt.Println("No kafka server to stop")
		return 1
	}
	status := 0
	for _, s := range found {
		if !s.is(role, id) {
			continue
		}
		if err := syscall.Kill(s.pid, sig); err != nil {
			fmt.Fprintf(os.Stderr, "kafka-server-stop: process %d: %v\n", s.pid, err)
			status = 1
		}
	}
	return status
}
