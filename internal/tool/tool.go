package tool

import (
	"context"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"
)

// KafkaVersion is what --version prints: the version of Apache Kafka whose
// tools these are.
const KafkaVersion = "4.4.0"

// IO is the part of the process that a tool may use. Nil fields get the
// process's own.
type IO struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Env            func(string) string
	Now            func() time.Time
	// Context ends a tool early; what it started is closed in order.
	Context context.Context
}

func (o *IO) fill() {
	if o.Stdin == nil {
		o.Stdin = os.Stdin
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Env == nil {
		o.Env = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Context == nil {
		o.Context = context.Background()
	}
}

// env is one run of a tool.
type env struct {
	IO
	tool *Tool
}

// Tool is one command.
type Tool struct {
	Name    string // kafka-topics
	Class   string // Kafka's name for it, which its log lines carry
	Summary string // for completion and lists
	// Table is a *jopt.Parser or an *argparse.Parser with the tool's options.
	Table func() any
	Run   func(e *env, args []string) int
}

// Main runs the tool of that name (kafka-topics, kafka-topics.sh or topics)
// and returns its exit status. The name completion prints shell completion.
func Main(name string, args []string, std IO) int {
	std.fill()
	name = strings.TrimSuffix(name, ".sh")
	if name == "completion" {
		return runCompletion(&env{IO: std}, args)
	}
	t := find(name)
	if t == nil {
		fmt.Fprintf(std.Stderr, "%s: no such command; gregor help lists them\n", name)
		return 1
	}
	return t.Run(&env{IO: std, tool: t}, args)
}

func find(name string) *Tool {
	for i := range tools {
		if tools[i].Name == name || tools[i].Name == "kafka-"+name {
			return &tools[i]
		}
	}
	return nil
}

// Known reports whether there is a tool of that name, with kafka- in front.
func Known(name string) bool {
	return name == "completion" || find(name) != nil && find(name).Name == name
}

// Names are the names of all tools, sorted.
func Names() []string {
	var out []string
	for _, t := range tools {
		out = append(out, t.Name)
	}
	sort.Strings(out)
	return out
}

func (e *env) printf(format string, a ...any)  { fmt.Fprintf(e.Stdout, format, a...) }
func (e *env) println(a ...any)                { fmt.Fprintln(e.Stdout, a...) }
func (e *env) eprintf(format string, a ...any) { fmt.Fprintf(e.Stderr, format, a...) }
func (e *env) eprintln(a ...any)               { fmt.Fprintln(e.Stderr, a...) }
