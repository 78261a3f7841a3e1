package jopt

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sample is the table of the reference program whose answers the tests hold:
// jopt-simple 5.0.4 was given the same options and the same words.
func sample(must bool) (*Parser, []*Option) {
	p := New()
	o := []*Option{
		p.AcceptsAll([]string{"b", "bootstrap-server", "a-name"}, "The server; well-known (see docs/ops.md), e.g. 10.0.0.1:9092,host-2:9093 or \"x\"/y.").Arg("server to connect to"),
		p.Accepts("num", "A number.").Arg("").OfType(Integer).Default("5"),
		p.Accepts("long", "").Arg("n").OfType(Long),
		p.Accepts("list", "list").Arg("").SeparatedBy(',').Default("a", "b"),
		p.Accepts("opt", "optional").OptionalArg(""),
		p.Accepts("optn", "optional").OptionalArg("x-y z").OfType(Long),
		p.Accepts("x", "flag x"),
		p.Accepts("y", "flag y"),
		p.Accepts("z", "z arg").Arg(""),
	}
	if must {
		o = append(o, p.Accepts("req", "must\n\tline two\nline three is quite a bit longer than the width of the column really").Arg("").Required())
	}
	return p, append(o, p.Accepts("help", "Print usage information.").ForHelp())
}

// show prints what was parsed: given options with their values, operands.
func show(args []string, must bool) string {
	p, opts := sample(must)
	s, err := p.Parse(args)
	if err != nil {
		return "ERR " + err.Error()
	}
	var out []string
	for _, o := range opts {
		if !s.Has(o) {
			continue
		}
		t := *s
		all := t.Values(o)
		if t.Err() != nil {
			out = append(out, o.Name()+" ERR "+t.Err().Error())
			continue
		}
		out = append(out, fmt.Sprintf("%s=%q", o.Name(), all))
	}
	return strings.Join(append(out, fmt.Sprintf("non=%q", s.Operands()), fmt.Sprint(s.Specs())), " ")
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args, want string
		must       bool
	}{
		{args: "-b", want: "ERR Option b/a-name/bootstrap-server requires an argument"},
		{args: "--num", want: "ERR Option num requires an argument"},
		{args: "--num q --num=7 --num 8", want: "num ERR Cannot parse argument 'q' of option num non=[] [[num] [num] [num]]"},
		{args: "--list a,b,,c --list= x", want: `list=["a" "b" "c" ""] non=["x"] [[list] [list] [list] [list]]`},
		{args: "--boot x", want: "ERR boot is not a recognized option"},
		{args: "-topic", want: "ERR t is not a recognized option"},
		{args: "-num 5", want: `num=["5"] non=[] [[num]]`},
		{args: "-xyz5 rest -- --x", want: `x=[] y=[] z=["5"] non=["rest" "--x"] [[x] [y] [z]]`},
		{args: "-xyq", want: "ERR q is not a recognized option"},
		{args: "-xzy5", want: `x=[] z=["y5"] non=[] [[x] [z]]`},
		{args: "--opt --x", want: "opt=[] x=[] non=[] [[opt] [x]]"},
		{args: "--opt=v --optn -5 - foo", want: `opt=["v"] optn=["-5"] non=["-" "foo"] [[opt] [optn]]`},
		{args: "--optn foo", want: `optn=[] non=["foo"] [[optn]]`},
		{args: "--help=3 -x=7", want: "x=[] help=[] non=[] [[help] [x]]"},
		{args: "--x", must: true, want: "ERR Missing required option(s) [req]"},
		{args: "--help", must: true, want: "help=[] non=[] [[help]]"},
		{args: "--num=", want: "num ERR Cannot parse argument '' of option num non=[] [[num]]"},
		{args: "--num= --x", want: "num ERR Cannot parse argument '' of option num x=[] non=[] [[num] [x]]"},
		{args: "--=5", want: "ERR  is not a recognized option"},
		{args: "-=5", want: "ERR = is not a recognized option"},
		{args: "--list ,", want: `list=[","] non=[] [[list]]`},
		{args: "--num +7 --long 99999999999999999999", want: `num=["+7"] long ERR Cannot parse argument '99999999999999999999' of option long non=[] [[num] [long]]`},
		{args: "--z --list", want: `z=["--list"] non=[] [[z]]`},
	} {
		if got := show(strings.Fields(c.args), c.must); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.args, got, c.want)
		}
	}
}

func TestValue(t *testing.T) {
	p, o := sample(false)
	s, err := p.Parse([]string{"-b", "one", "-b=two", "--num", "3"})
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Int(o[1]); n != 3 || s.Err() != nil {
		t.Fatalf("num = %d, %v", n, s.Err())
	}
	if v := s.Str(o[2]); v != "" || s.Err() != nil {
		t.Fatalf("long = %q, %v", v, s.Err())
	}
	s.Str(o[0])
	s.Str(o[3])
	if got, want := fmt.Sprint(s.Err()), "Found multiple arguments for option b/a-name/bootstrap-server, but you asked for only one"; got != want {
		t.Errorf("first error: %s, want %s", got, want)
	}
}

const help = `Option                            Description                          |
------                            -----------                          |
-b, --a-name, --bootstrap-server  The server; well-known (see docs/ops.|
  <String: server to connect to>    md), e.g. 10.0.0.1:9092,host-2:9093|
                                    or "x"/y.                          |
--help                            Print usage information.             |
--list <String>                   list (default: [a, b])               |
--long <Long: n>                                                       |
--num <Integer>                   A number. (default: 5)               |
--opt [String]                    optional                             |
--optn [Long: x-y z]              optional                             |
`

const helpMust = `* --req <String>                  must                                 |
                                  	line two                            |
                                  line three is quite a bit longer than|
                                    the width of the column really     |
`

const helpEnd = `-x                                flag x                               |
-y                                flag y                               |
-z <String>                       z arg                                |
`

func TestHelp(t *testing.T) {
	for _, must := range []bool{false, true} {
		p, _ := sample(must)
		var b strings.Builder
		if err := p.PrintHelp(&b); err != nil {
			t.Fatal(err)
		}
		want := help + helpEnd
		if must {
			want = strings.Replace(help, "Option               ", "Option (* = required)", 1) + helpMust + helpEnd
			want = strings.Replace(want, "------               ", "---------------------", 1)
		}
		if got := strings.ReplaceAll(b.String(), "\n", "|\n"); got != want {
			t.Errorf("must=%v\n got:\n%s\nwant:\n%s", must, got, want)
		}
	}
}

// TestHelpFits: whatever the table says, no line of help is wider than 80.
func TestHelpFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := New()
		words := rapid.StringMatching(`([a-z]{1,12}[ ,.-]){0,40}`)
		for i := range rapid.IntRange(1, 5).Draw(t, "options") {
			p.Accepts(fmt.Sprintf("option-%d", i), words.Draw(t, "desc")).Arg(words.Draw(t, "arg"))
		}
		var b strings.Builder
		if err := p.PrintHelp(&b); err != nil {
			t.Fatal(err)
		}
		for _, l := range strings.Split(b.String(), "\n") {
			if len(l) > 80 {
				t.Fatalf("%d columns: %q", len(l), l)
			}
		}
	})
}
