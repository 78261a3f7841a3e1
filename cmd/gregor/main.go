// Command gregor is the whole product under many names: called as
// kafka-topics.sh, or as gregor kafka-topics, or gregor topics, it is that
// tool; called as kafka-server-start it becomes the server.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"gregor/internal/node"
	"gregor/internal/tool"
)

// serverClass is the word by which people's scripts find a Kafka server in
// the process list; a command line that has it is a server.
const serverClass = "kafka.Kafka"

func main() { os.Exit(run(os.Args)) }

func run(argv []string) int {
	for i, a := range argv {
		if a == serverClass {
			return serve(argv[1:i], argv[i+1:])
		}
	}
	name, args := commandName(argv)
	switch name {
	case "", "help", "--help", "-h":
		usage(os.Stdout)
		return 0
	case "version", "--version":
		fmt.Printf("%s (Kafka protocol %s)\n", node.Version, node.KafkaVersion)
		return 0
	case "run":
		return runEmbedded(args)
	case "kafka-server-start":
		return serverStart(args)
	case "kafka-server-stop":
		return serverStop(args)
	}
	return tool.Main(name, args, tool.IO{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
}

// commandName finds the command: in argv[0], or as the first argument, with or
// without kafka- and .sh.
func commandName(argv []string) (string, []string) {
	if n := canonical(filepath.Base(argv[0])); n != "gregor" && known(n) {
		return n, argv[1:]
	}
	if len(argv) < 2 {
		return "", nil
	}
	n := canonical(argv[1])
	if !known(n) && known("kafka-"+n) {
		n = "kafka-" + n
	}
	return n, argv[2:]
}

func canonical(s string) string { return strings.TrimSuffix(s, ".sh") }

func known(name string) bool {
	return name == "kafka-server-start" || name == "kafka-server-stop" || tool.Known(name)
}

func usage(w io.Writer) {
	fmt.Fprint(w, "gregor: Apache Kafka, whole, as one binary\n\n"+
		"  gregor run [DIR]          start one node on embedded defaults, data in DIR (./data)\n"+
		"  gregor COMMAND [ARG...]   the same as kafka-COMMAND.sh\n"+
		"  gregor completion SHELL   print completion for bash, zsh or fish\n"+
		"  gregor version\n\ncommands:\n")
	names := append(tool.Names(), "kafka-server-start", "kafka-server-stop")
	sort.Strings(names)
	for _, n := range names {
		fmt.Fprintf(w, "  %s\n", strings.TrimPrefix(n, "kafka-"))
	}
}
