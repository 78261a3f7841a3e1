package jopt

import (
	"sort"
	"strconv"
	"strings"
)

// Type is what a value must be. Its name stands in the help.
type Type string

// The types of values.
const (
	String  Type = "String"
	Integer Type = "Integer" // 32 bits, signed
	Long    Type = "Long"    // 64 bits, signed
	Double  Type = "Double"
	Boolean Type = "Boolean"
)

type arity int8

const (
	none arity = iota
	required
	optional
)

// Option is one row of a table of options.
type Option struct {
	names    []string // one-letter names first, each group sorted
	desc     string
	typ      Type
	arg      arity
	argDesc  string
	sep      byte // 0: a value is not split
	defaults []string
	must     bool
	help     bool
}

// Arg makes the option require a value, described as desc in the help.
func (o *Option) Arg(desc string) *Option { o.arg, o.argDesc = required, desc; return o }

// OptionalArg lets the option have a value.
func (o *Option) OptionalArg(desc string) *Option { o.arg, o.argDesc = optional, desc; return o }

// OfType sets the type of the value; String if never called.
func (o *Option) OfType(t Type) *Option { o.typ = t; return o }

// SeparatedBy splits values at c.
func (o *Option) SeparatedBy(c byte) *Option { o.sep = c; return o }

// Default is the value when the option is not given.
func (o *Option) Default(v ...string) *Option { o.defaults = v; return o }

// Required makes parsing fail without the option, unless a ForHelp option is
// there.
func (o *Option) Required() *Option { o.must = true; return o }

// ForHelp marks an option that asks for help.
func (o *Option) ForHelp() *Option { o.help = true; return o }

// Name is the option's first name.
func (o *Option) Name() string { return o.names[0] }

// Names are all of the option's names, without hyphens.
func (o *Option) Names() []string { return append([]string(nil), o.names...) }

// Description is the option's help text.
func (o *Option) Description() string { return o.desc }

// TakesValue reports whether the option has a value, always or sometimes.
func (o *Option) TakesValue() bool { return o.arg != none }

// ArgDescription says what the value is; it may be empty.
func (o *Option) ArgDescription() string { return o.argDesc }

// String is the option as Kafka's messages name it: [bootstrap-server].
func (o *Option) String() string { return "[" + strings.Join(o.names, ", ") + "]" }

func (o *Option) slashed() string { return strings.Join(o.names, "/") }

// check converts a value of the option.
func (o *Option) check(v string) error {
	var err error
	switch o.typ {
	case Integer:
		_, err = strconv.ParseInt(v, 10, 32)
	case Long:
		_, err = strconv.ParseInt(v, 10, 64)
	case Double:
		_, err = strconv.ParseFloat(strings.TrimSpace(v), 64)
	}
	if err != nil {
		return &Error{"Cannot parse argument '" + v + "' of option " + o.slashed()}
	}
	return nil
}

// Error is a command line that does not fit the table, in jopt-simple's words.
type Error struct{ Msg string }

func (e *Error) Error() string { return e.Msg }

// Parser is a table of options.
type Parser struct {
	options []*Option
	byName  map[string]*Option
}

// New makes an empty table.
func New() *Parser { return &Parser{byName: map[string]*Option{}} }

// Accepts adds the option --name.
func (p *Parser) Accepts(name, desc string) *Option { return p.AcceptsAll([]string{name}, desc) }

// AcceptsAll adds an option with several names.
func (p *Parser) AcceptsAll(names []string, desc string) *Option {
	sorted := append([]string(nil), names...)
	sort.Slice(sorted, func(i, j int) bool {
		if a, b := len(sorted[i]) == 1, len(sorted[j]) == 1; a != b {
			return a
		}
		return sorted[i] < sorted[j]
	})
	o := &Option{names: sorted, desc: desc, typ: String}
	p.options = append(p.options, o)
	for _, n := range names {
		p.byName[n] = o
	}
	return o
}

// Options are the rows of the table in the order they were added.
func (p *Parser) Options() []*Option { return p.options }
