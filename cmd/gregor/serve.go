package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gregor/internal/config"
	"gregor/internal/klog"
	"gregor/internal/node"
)

// serve runs a server until a signal ends it. flags are what a JVM would have
// been given; args are the configuration file and overrides.
func serve(flags, args []string) int {
	for _, a := range args {
		if a == "--version" {
			fmt.Println(node.Version)
			return 0
		}
	}
	if len(args) == 0 || args[0] == "--help" {
		fmt.Printf(startUsage, "kafka-server-start.sh")
		return 1
	}
	logs := "logs"
	for _, f := range flags {
		if d, ok := strings.CutPrefix(f, "-Dkafka.logs.dir="); ok {
			logs = d
		}
	}
	levels := klog.NewLevels(slog.LevelInfo)
	sinks := []klog.Sink{klog.NewWriter(os.Stdout)}
	files, err := klog.OpenFiles(logs, time.Now())
	if err != nil {
		fmt.Fprintf(os.Stderr, "no log files: %v; set LOG_DIR to a directory that can be written\n", err)
	} else {
		defer files.Close()
		sinks = append(sinks, files)
	}
	base := slog.New(klog.NewHandler(levels, sinks...))
	log := klog.Named(base, "kafka.Kafka$", "")
	props, err := readProps(args)
	if err != nil {
		log.Log(context.Background(), klog.LevelFatal, "Exiting Kafka due to fatal exception: "+err.Error())
		return 1
	}
	return runNode(props, base, levels, nil)
}

// readProps reads the configuration file and the overrides behind it.
func readProps(args []string) (map[string]string, error) {
	b, err := os.ReadFile(args[0])
	if err != nil {
		return nil, err
	}
	list, err := config.ParseProperties(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	props := map[string]string{}
	for _, p := range list {
		props[p.Key] = p.Value
	}
	for rest := args[1:]; len(rest) > 0; {
		kv, n := "", 1
		switch {
		case rest[0] == "--override" && len(rest) > 1:
			kv, n = rest[1], 2
		case strings.HasPrefix(rest[0], "--override="):
			kv = strings.TrimPrefix(rest[0], "--override=")
		default:
			return nil, fmt.Errorf("Found non argument parameters: %s", rest[0])
		}
		k, v, ok := strings.Cut(kv, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("--override %s: expected property=value", kv)
		}
		props[k] = v
		rest = rest[n:]
	}
	return props, nil
}

// runNode starts a node and waits for a signal or a fatal error. started is
// called once it serves.
func runNode(props map[string]string, base *slog.Logger, levels *klog.Levels, started func(*node.Node)) int {
	log := klog.Named(base, "kafka.Kafka$", "")
	fatal := func(err error) int {
		log.Log(context.Background(), klog.LevelFatal, "Exiting Kafka due to fatal exception: "+err.Error())
		return 1
	}
	sig := make(chan os.Signal, 2)
	signal.Notify(sig, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	n, err := node.Start(node.Options{Props: props, Log: base, Levels: levels})
	if err != nil {
		return fatal(err)
	}
	if started != nil {
		started(n)
	}
	select {
	case s := <-sig:
		log.Info("Terminating process due to signal SIG" + signalName(s))
		n.Stop()
		return 0
	case err := <-n.Failed():
		n.Stop()
		return fatal(err)
	}
}

func signalName(s os.Signal) string {
	switch s {
	case syscall.SIGTERM:
		return "TERM"
	case syscall.SIGINT:
		return "INT"
	}
	return "HUP"
}

// runEmbedded starts one node on embedded defaults and formats its directory
// if it is new.
func runEmbedded(args []string) int {
	dir := "data"
	if len(args) > 0 {
		dir = args[0]
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gregor run:", err)
		return 1
	}
	if err := os.MkdirAll(abs, 0o755); err != nil {
		fmt.Fprintf(os.Stderr, "gregor run: data directory %s: %v; give another as gregor run DIR\n", abs, err)
		return 1
	}
	props := node.EmbeddedDefaults(filepath.Join(abs, "log"))
	cluster, err := node.FormatIfNew(props)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gregor run:", err)
		return 1
	}
	levels := klog.NewLevels(slog.LevelInfo)
	files, err := klog.OpenFiles(filepath.Join(abs, "logs"), time.Now())
	if err != nil {
		fmt.Fprintln(os.Stderr, "gregor run:", err)
		return 1
	}
	defer files.Close()
	base := slog.New(klog.NewHandler(levels, files, errorsTo(os.Stderr)))
	return runNode(props, base, levels, func(*node.Node) { welcome(abs, cluster) })
}

// errorSink shows only what went wrong.
type errorSink struct{ *klog.Writer }

func errorsTo(f *os.File) errorSink { return errorSink{klog.NewWriter(f)} }

func (s errorSink) WriteLine(logger string, t time.Time, line []byte) {
	text := string(line)
	if strings.Contains(text, "] ERROR ") || strings.Contains(text, "] FATAL ") {
		s.Writer.WriteLine(logger, t, line)
	}
}

func welcome(dir, cluster string) {
	self := "gregor"
	if exe, err := os.Executable(); err == nil {
		self = exe
		if wd, err := os.Getwd(); err == nil {
			if r, err := filepath.Rel(wd, exe); err == nil && !strings.HasPrefix(r, "..") {
				self = r
			}
		}
	}
	fmt.Printf(`gregor %s: Apache Kafka, one node, broker and controller (cluster %s)

  clients    localhost:9092        controller  localhost:9093
  data       %s
  log        %s

Try, in another terminal:
  %s topics --bootstrap-server localhost:9092 --create --topic hello --partitions 3
  echo 'hello, world' | %s console-producer --bootstrap-server localhost:9092 --topic hello
  %s console-consumer --bootstrap-server localhost:9092 --topic hello --from-beginning --max-messages 1

Ctrl-C stops it.
`, node.Version, cluster, filepath.Join(dir, "log"), filepath.Join(dir, "logs", "server.log"), self, self, self)
}
