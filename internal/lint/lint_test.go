package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// levels is the table of rooms of docs/ARCHITECTURE.md. A room imports rooms
// of lower levels, and of its own level only what allowed names.
var levels = map[string]int{
	"model": 0, "kerr": 0, "clock": 0, "invariant": 0, "klog": 0,
	"vfs": 1, "wire": 1, "wire/gen": 1, "record": 1, "record/codec": 1, "config": 1, "raft": 1,
	"metadata": 2, "storage": 2, "peer": 2,
	"controller": 3, "metalog": 3, "partition": 3, "coordinator": 3, "group": 3,
	"broker": 4, "format": 4, "replica": 4, "handler": 4, "server": 4,
	"node": 5, "tool": 5, "tool/jopt": 1, "tool/argparse": 1, "tool/linebreak": 0,
	"lint": 6,
}

// allowed are imports within one level, each for a reason.
var allowed = map[string]string{
	"clock -> model":         "time is a model.Millis",
	"record -> wire":         "the producer snapshot and control records are wire messages",
	"record -> record/codec": "the codecs are record's own",
	"raft -> wire":           "its inputs and outputs are protocol messages",
	"group -> coordinator":   "groups run on the coordinator runtime",
	"handler -> server":      "answers go out through the passes and tickets of the server",
	"handler -> replica":     "data-plane handlers ask the replica set",
}

// pure rooms decide and never act: no I/O, goroutines' tools, clocks or chance.
var pure = map[string]bool{
	"wire": true, "record": true, "raft": true, "metadata": true, "group": true, "config": true, "model": false,
}

// pureFiles are single pure files of rooms that also have a shell.
var pureFiles = []string{"partition/core.go"}

// exempt are imports a pure room may have all the same.
var exempt = map[string]string{
	"record/codec sync": "coders are pooled",
	"wire sync":         "writers are pooled",
	"record sync":       "builders are pooled",
}

const (
	maxFile     = 1000
	maxFunction = 120
)

type file struct {
	room, path string
	ast        *ast.File
	fset       *token.FileSet
	lines      int
	generated  bool
	test       bool
}

func load(t *testing.T) []file {
	t.Helper()
	var out []file
	root := ".."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "defs") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		a, err := parser.ParseFile(fset, path, src, parser.ParseComments)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		rel, _ := filepath.Rel(root, filepath.Dir(path))
		out = append(out, file{
			room: filepath.ToSlash(rel), path: path, ast: a, fset: fset,
			lines:     strings.Count(string(src), "\n"),
			generated: ast.IsGenerated(a), test: strings.HasSuffix(path, "_test.go"),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d files found: the walk is broken", len(out))
	}
	return out
}

func TestImportsPointDown(t *testing.T) {
	for _, f := range load(t) {
		if f.test {
			continue
		}
		level, ok := levels[f.room]
		if !ok {
			t.Errorf("%s: room %q has no level: add it to levels in internal/lint and to the table in docs/ARCHITECTURE.md", f.path, f.room)
			continue
		}
		for _, im := range f.ast.Imports {
			p, _ := strconv.Unquote(im.Path.Value)
			to, ours := strings.CutPrefix(p, "gregor/internal/")
			if !ours {
				continue
			}
			toLevel, ok := levels[to]
			if !ok {
				continue // reported above, at the room itself
			}
			_, exempted := allowed[f.room+" -> "+to]
			if toLevel > level || toLevel == level && !exempted {
				t.Errorf("%s: room %s (level %d) imports %s (level %d); imports point down: declare an interface in %s for what it needs, and let node pass it in", f.path, f.room, level, to, toLevel, f.room)
			}
		}
	}
}

var impure = map[string]string{
	"os": "files go through vfs, in a shell", "net": "sockets belong to server and peer",
	"sync": "a pure room is driven by one caller at a time", "sync/atomic": "a pure room is driven by one caller at a time",
	"math/rand": "pass chance in as an argument", "math/rand/v2": "pass chance in as an argument",
	"context": "a pure room has nothing to cancel",
}

func TestPureRoomsStayPure(t *testing.T) {
	for _, f := range load(t) {
		isPure := pure[f.room]
		for _, p := range pureFiles {
			isPure = isPure || strings.HasSuffix(filepath.ToSlash(f.path), p)
		}
		if f.test || !isPure {
			continue
		}
		for _, im := range f.ast.Imports {
			p, _ := strconv.Unquote(im.Path.Value)
			if why, bad := impure[p]; bad && exempt[f.room+" "+p] == "" {
				t.Errorf("%s: the pure room %s imports %q: %s", f.path, f.room, p, why)
			}
		}
		checkTime(t, f)
	}
}

// checkTime allows of package time only its Duration and units.
func checkTime(t *testing.T, f file) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && x.Obj == nil {
			switch s.Sel.Name {
			case "Duration", "Millisecond", "Second", "Minute", "Hour", "Microsecond", "Nanosecond":
			default:
				t.Errorf("%s: time.%s in a pure room: take now as a model.Millis argument", f.fset.Position(s.Pos()), s.Sel.Name)
			}
		}
		return true
	})
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	doc := map[string]bool{}
	for _, f := range load(t) {
		if !f.test {
			doc[f.room] = doc[f.room] || f.ast.Doc != nil
		}
	}
	for room, ok := range doc {
		if !ok {
			t.Errorf("package %s has no package comment: say in one sentence what the room is responsible for", room)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, f := range load(t) {
		if f.generated {
			continue
		}
		if f.lines > maxFile {
			t.Errorf("%s has %d lines (at most %d): split it by responsibility", f.path, f.lines, maxFile)
		}
		if f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line; n > maxFunction {
				t.Errorf("%s: %s has %d lines (at most %d): name its steps and make them functions", f.fset.Position(fn.Pos()), fn.Name.Name, n, maxFunction)
			}
		}
	}
}

// TestNoClientLibraryInTheServer: franz-go is for the tools and the tests.
func TestNoClientLibraryInTheServer(t *testing.T) {
	for _, f := range load(t) {
		if f.test || strings.HasPrefix(f.room, "tool") {
			continue
		}
		for _, im := range f.ast.Imports {
			if strings.Contains(im.Path.Value, "twmb/franz-go") {
				t.Errorf("%s imports %s: the server speaks with internal/wire and internal/peer; the client library is for internal/tool and tests", f.path, im.Path.Value)
			}
		}
	}
}
