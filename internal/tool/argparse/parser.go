package argparse

import (
	"strings"
)

// Type is what a value must be, by the name its errors show.
type Type string

// The types of values.
const (
	String  Type = "String"
	Integer Type = "Integer" // 32 bits, signed
	Short   Type = "Short"   // 16 bits, signed
	Long    Type = "Long"    // 64 bits, signed
	Double  Type = "Double"
	Boolean Type = "Boolean"
	File    Type = "File"
)

type action int8

const (
	store action = iota
	storeTrue
	appendTo
	help
	version
)

// Arg is one row of a parser's table: a flag, or a positional argument.
type Arg struct {
	flags    []string // with their hyphens; none for a positional
	dest     string
	metavar  string
	help     string
	typ      Type
	act      action
	many     bool // several values
	min      int  // of them, at least
	required bool
	def      []string
	choices  []string
	text     string // what a version flag prints
	group    *Group
}

// Type sets the type of the value; String if never called.
func (a *Arg) Type(t Type) *Arg { a.typ = t; return a }

// Dest is the name of the value in the Namespace; by default it is made of the
// first long flag.
func (a *Arg) Dest(d string) *Arg { a.dest = d; return a }

// Metavar names the value in usage and help.
func (a *Arg) Metavar(m string) *Arg { a.metavar = m; return a }

// Help is the argument's help text.
func (a *Arg) Help(h string) *Arg { a.help = h; return a }

// Required makes parsing fail without the argument.
func (a *Arg) Required() *Arg { a.required = true; return a }

// Default is the value when the argument is not given.
func (a *Arg) Default(v string) *Arg { a.def = []string{v}; return a }

// Choices are the only values that are allowed.
func (a *Arg) Choices(c ...string) *Arg { a.choices = c; return a }

// OneOrMore lets the argument have several values.
func (a *Arg) OneOrMore() *Arg { a.many, a.min = true, 1; return a }

// ZeroOrMore lets the argument have any number of values.
func (a *Arg) ZeroOrMore() *Arg { a.many, a.min, a.required = true, 0, false; return a }

// StoreTrue makes the argument a switch.
func (a *Arg) StoreTrue() *Arg { a.act, a.def = storeTrue, []string{"false"}; return a }

// Append lets the argument be given several times.
func (a *Arg) Append() *Arg { a.act = appendTo; return a }

// Version makes the argument print text and end the program.
func (a *Arg) Version(text string) *Arg { a.act, a.text = version, text; return a }

// Flags are the argument's flags with their hyphens; empty for a positional.
func (a *Arg) Flags() []string { return append([]string(nil), a.flags...) }

// Description is the argument's help text.
func (a *Arg) Description() string { return a.help }

// TakesValue reports whether a word follows the flag.
func (a *Arg) TakesValue() bool { return a.act == store || a.act == appendTo }

func (a *Arg) textualName() string {
	if len(a.flags) == 0 {
		return a.dest
	}
	return strings.Join(a.flags, "/")
}

// Group is a set of arguments that the help shows together, or of which only
// one may be given.
type Group struct {
	parser      *Parser
	title, desc string
	mutex       bool
	required    bool
	args        []*Arg
}

// Description is shown under the group's title.
func (g *Group) Description(d string) *Group { g.desc = d; return g }

// Arg adds an argument to the group.
func (g *Group) Arg(flags ...string) *Arg {
	a := g.parser.Arg(flags...)
	a.group = g
	g.args = append(g.args, a)
	return a
}

// separate groups have a section of their own in the help.
func (g *Group) separate() bool { return !g.mutex || g.title != "" || g.desc != "" }

// Parser is a table of arguments, and of commands with tables of their own.
type Parser struct {
	prog, desc  string
	defaultHelp bool
	parent      *Parser
	command     string // of a command's parser
	commandHelp string

	opts, pos []*Arg
	groups    []*Group
	commands  []*Parser
	dest      string // where the command's name goes
	title     string // of the section of commands
	metavar   string // stands for the commands
}

// New makes a table with -h and --help.
func New(prog, desc string) *Parser {
	p := &Parser{prog: prog, desc: desc}
	p.Arg("-h", "--help").Help("show this help message and exit").act = help
	return p
}

// DefaultHelp makes the help show default values.
func (p *Parser) DefaultHelp() *Parser { p.defaultHelp = true; return p }

// Arg adds a flag with all its names, or a positional argument.
func (p *Parser) Arg(flags ...string) *Arg {
	a := &Arg{typ: String}
	if !strings.HasPrefix(flags[0], "-") {
		a.dest, a.required = flags[0], true
		p.pos = append(p.pos, a)
		return a
	}
	a.flags = flags
	a.dest = strings.ReplaceAll(strings.TrimLeft(flags[0], "-"), "-", "_")
	for _, f := range flags {
		if strings.HasPrefix(f, "--") {
			a.dest = strings.ReplaceAll(f[2:], "-", "_")
			break
		}
	}
	p.opts = append(p.opts, a)
	return a
}

// Group adds a section to the help.
func (p *Parser) Group(title string) *Group {
	g := &Group{parser: p, title: title}
	p.groups = append(p.groups, g)
	return g
}

// Mutex adds a group of arguments of which at most one may be given, or
// exactly one. title may be empty.
func (p *Parser) Mutex(title string, required bool) *Group {
	g := &Group{parser: p, title: title, mutex: true, required: required}
	p.groups = append(p.groups, g)
	return g
}

// Commands says where the name of the command goes, and how the help calls the
// commands if they get a section of their own.
func (p *Parser) Commands(dest, title, metavar string) *Parser {
	p.dest, p.title, p.metavar = dest, title, metavar
	return p
}

// Command adds a command with a table of its own.
func (p *Parser) Command(name, helpText string) *Parser {
	c := New(p.prog, "")
	c.parent, c.command, c.commandHelp = p, name, helpText
	p.commands = append(p.commands, c)
	return c
}

// Desc sets the text under the usage line of the help.
func (p *Parser) Desc(d string) *Parser { p.desc = d; return p }

// Args are all flags and positional arguments.
func (p *Parser) Args() []*Arg { return append(append([]*Arg(nil), p.opts...), p.pos...) }

// Subparsers are the commands' tables.
func (p *Parser) Subparsers() []*Parser { return p.commands }

// CommandName is the command this table belongs to, and its help.
func (p *Parser) CommandName() (name, helpText string) { return p.command, p.commandHelp }
