package tool

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"gregor/internal/tool/argparse"
)

// columns is the width of the terminal, 0 if there is none: $COLUMNS, or what
// the terminal says.
func (e *env) columns() int {
	if v := e.Env("COLUMNS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return 0
		}
		return n
	}
	f, ok := e.Stdout.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// parseArgs parses with argparse. Where that ends the tool it prints why and
// done is true; helpStatus is the exit status after a help screen.
func (e *env) parseArgs(p *argparse.Parser, args []string, helpStatus int) (ns *argparse.Namespace, status int, done bool) {
	ns, err := p.Parse(args, e.columns())
	var stop *argparse.Stop
	var bad *argparse.Error
	switch {
	case err == nil:
		return ns, 0, false
	case errors.As(err, &stop):
		e.printf("%s", stop.Text)
		return nil, helpStatus, true
	case errors.As(err, &bad):
		bad.Print(e.Stderr, e.columns())
	default:
		e.eprintln(err)
	}
	return nil, 1, true
}

// optional is a value of the namespace, nil if it was not given.
func optional(ns *argparse.Namespace, dest string) *string {
	if !ns.Has(dest) {
		return nil
	}
	v := ns.Str(dest)
	return &v
}
