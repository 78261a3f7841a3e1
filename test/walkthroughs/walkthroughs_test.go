// Package walkthroughs types what the guides that operators follow tell them
// to type, against the built distribution.
package walkthroughs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"gregor/test/harness"
)

// archive builds the distribution once.
func archive(t *testing.T) string {
	t.Helper()
	root := harness.Root()
	pattern := filepath.Join(root, "dist", "gregor-*-linux-"+runtime.GOARCH+".tar.gz")
	cmd := exec.Command("make", "-s", "dist")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "ARCHES="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make dist: %v\n%s", err, out)
	}
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v %v", pattern, found, err)
	}
	return found[0]
}

func TestA(t *testing.T) {
	args := []string{filepath.Join(harness.Root(), "test/walkthroughs/a.sh"), archive(t)}
	for _, p := range harness.FreePorts(t, 2) {
		args = append(args, fmt.Sprint(p))
	}
	if _, err := exec.LookPath("java"); err == nil || os.Getenv("CI") == "true" {
		harness.NeedJava(t)
		args = append(args, harness.ToolLibs())
	}
	// kafka-server-stop.sh stops every gregor server it sees: as root the script
	// gets process ids of its own, so that it sees no others.
	shell := []string{"bash"}
	if os.Getuid() == 0 && exec.Command("unshare", "-pf", "--mount-proc", "true").Run() == nil {
		shell = []string{"unshare", "-pf", "--mount-proc", "bash"}
	}
	args = append(shell, args...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}
