// Package interop runs other people's clients and tools against gregor. Each
// client's program is also run against Apache Kafka when KIND=kafka is set, so
// that a program that is wrong itself is found out.
package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gregor/test/harness"
)

func kind() harness.Kind {
	if k := os.Getenv("KIND"); k != "" {
		return harness.Kind(k)
	}
	return harness.Gregor
}

// run runs a client program and fails the test with all it printed.
func run(t *testing.T, limit time.Duration, s *harness.Server, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s %s: %v\n%s\nserver:\n%s", name, strings.Join(args, " "), err, out.String(), s.Log())
	}
	return out.String()
}

func client(name string) string {
	return filepath.Join(harness.Root(), "test/interop/clients", name)
}

func pythonEnv(t *testing.T) []string {
	harness.Need(t, "python3", "install Python 3 with pip")
	lib := filepath.Join(harness.Root(), ".cache/python/lib")
	if _, err := os.Stat(lib); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the pinned Python clients are missing: run scripts/python.sh")
		}
		t.Skip("NOT TESTED: the pinned Python clients are missing: run scripts/python.sh")
	}
	return []string{"PYTHONPATH=" + lib}
}

func TestLibrdkafka(t *testing.T) {
	env := pythonEnv(t)
	s := harness.Start(t, kind(), nil)
	t.Log(run(t, 3*time.Minute, s, env, "python3", client("librdkafka.py"), s.Addr()))
}

func TestKafkaPython(t *testing.T) {
	env := pythonEnv(t)
	s := harness.Start(t, kind(), nil)
	t.Log(run(t, 3*time.Minute, s, env, "python3", client("kafkapython.py"), s.Addr()))
}

func TestJavaClients(t *testing.T) {
	harness.NeedJava(t)
	s := harness.Start(t, kind(), nil)
	t.Log(run(t, 4*time.Minute, s, nil, "java", "-Xmx256m", "-cp", harness.ServerLibs(), client("Interop.java"), s.Addr()))
}
