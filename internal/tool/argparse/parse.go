package argparse

import (
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// Namespace holds values by destination name.
type Namespace struct {
	values map[string][]string
}

// Has reports whether there is a value, given or default.
func (n *Namespace) Has(dest string) bool { return len(n.values[dest]) > 0 }

// Str is the value, empty if there is none.
func (n *Namespace) Str(dest string) string {
	if v := n.values[dest]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// List are all values.
func (n *Namespace) List(dest string) []string { return n.values[dest] }

// Bool is a switch.
func (n *Namespace) Bool(dest string) bool { return n.Str(dest) == "true" }

// Int is the value of an Integer, Short or Long; parsing checked it.
func (n *Namespace) Int(dest string) int64 {
	v, _ := strconv.ParseInt(n.Str(dest), 10, 64) // the parser let no other value in
	return v
}

// Float is the value of a Double; parsing checked it.
func (n *Namespace) Float(dest string) float64 {
	v, _ := strconv.ParseFloat(n.Str(dest), 64) // the parser let no other value in
	return v
}

// Stop is the error of a command line that asked for help or the version: Text
// is what to print.
type Stop struct{ Text string }

func (s *Stop) Error() string { return "help screen" }

// Error is a command line that does not fit, in argparse4j's words.
type Error struct {
	Msg    string
	parser *Parser
	near   string   // the word that was not known
	known  []string // the words it may have meant
}

func (e *Error) Error() string { return e.Msg }

// Parse reads args. width is the columns of the terminal, 0 if unknown. The
// error is a *Stop or an *Error.
func (p *Parser) Parse(args []string, width int) (*Namespace, error) {
	ns := &Namespace{values: map[string][]string{}}
	st := &state{args: args, ns: ns, width: formatWidth(width)}
	if err := p.parse(st); err != nil {
		return nil, err
	}
	if st.missing != nil {
		return nil, st.missing
	}
	return ns, nil
}

type state struct {
	args  []string
	i     int
	sep   bool // -- was seen: no more flags
	ns    *Namespace
	width int
	// missing is the first thing that should have been there: it counts only
	// if nothing else is wrong, so that a command's help needs no more than
	// the command.
	missing error
}

func (st *state) lacks(err error) {
	if st.missing == nil {
		st.missing = err
	}
}

func (p *Parser) fail(format string, a ...any) error {
	return &Error{Msg: fmt.Sprintf(format, a...), parser: p}
}

func (p *Parser) failArg(a *Arg, format string, args ...any) error {
	return p.fail("argument %s: %s", a.textualName(), fmt.Sprintf(format, args...))
}

// run is the parsing of one table: what was used, and positionals so far.
type run struct {
	*Parser
	used  map[*Arg]bool
	mutex map[*Group]*Arg
	pos   []string
}

func (p *Parser) parse(st *state) error {
	r := &run{Parser: p, used: map[*Arg]bool{}, mutex: map[*Group]*Arg{}}
	for _, a := range p.Args() {
		if a.def != nil {
			st.ns.values[a.dest] = a.def
		}
	}
	for st.i < len(st.args) {
		word := st.args[st.i]
		switch {
		case !st.sep && word == "--":
			st.sep = true
			st.i++
		case !st.sep && isFlag(word):
			st.i++
			if err := r.flag(st, word); err != nil {
				return err
			}
		case len(r.pos) < len(p.pos) || len(p.pos) > 0 && p.pos[len(p.pos)-1].many:
			r.pos = append(r.pos, word)
			st.i++
		case !st.sep && len(p.commands) > 0:
			if err := r.finish(st); err != nil {
				return err
			}
			return p.enter(st, word)
		default:
			return p.fail("unrecognized arguments: '%s'", strings.Join(st.args[st.i:], " "))
		}
	}
	if len(p.commands) > 0 {
		return p.fail("too few arguments")
	}
	return r.finish(st)
}

var negative = regexp.MustCompile(`^-\d+$|^-\d*.\d+$`)

func isFlag(word string) bool {
	return strings.HasPrefix(word, "-") && !negative.MatchString(word)
}

func (p *Parser) enter(st *state, word string) error {
	var found []*Parser
	var names, quoted []string
	for _, c := range p.commands {
		if c.command == word {
			found, names = []*Parser{c}, []string{word}
			break
		}
		if strings.HasPrefix(c.command, word) {
			found, names = append(found, c), append(names, c.command)
		}
		quoted = append(quoted, "'"+c.command+"'")
	}
	switch len(found) {
	case 0:
		e := &Error{Msg: "invalid choice: '" + word + "' (choose from " + strings.Join(quoted, ", ") + ")", parser: p, near: word}
		for _, c := range p.commands {
			e.known = append(e.known, c.command)
		}
		return e
	case 1:
		st.i++
		if err := found[0].parse(st); err != nil {
			return err
		}
		if p.dest != "" {
			st.ns.values[p.dest] = names
		}
		return nil
	}
	sort.Strings(names)
	return p.fail("ambiguous command: %s could match %s", word, strings.Join(names, ", "))
}

// flag handles the flag in word; st.i is behind it.
func (r *run) flag(st *state, word string) error {
	name, value, given := word, "", false
	if strings.HasPrefix(word, "--") {
		name, value, given = strings.Cut(word, "=")
	}
	a, err := r.resolve(name)
	if err != nil {
		return err
	}
	if a == nil && !strings.HasPrefix(word, "--") {
		return r.cluster(st, word)
	}
	if a == nil {
		return r.unknownFlag(word)
	}
	return r.apply(st, a, value, given)
}

func (r *run) unknownFlag(word string) error {
	e := &Error{Msg: "unrecognized arguments: '" + word + "'", parser: r.Parser}
	bare, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	if len(bare) < 2 {
		return e
	}
	e.near = bare
	for _, a := range r.opts {
		for _, f := range a.flags {
			if strings.HasPrefix(f, "--") {
				e.known = append(e.known, f)
			}
		}
	}
	return e
}

// resolve finds the argument of a flag that may be abbreviated; nil if there
// is none.
func (p *Parser) resolve(name string) (*Arg, error) {
	byFlag := map[string]*Arg{}
	var match []string
	for _, a := range p.opts {
		for _, f := range a.flags {
			byFlag[f] = a
			if strings.HasPrefix(f, name) {
				match = append(match, f)
			}
		}
	}
	if a := byFlag[name]; a != nil {
		return a, nil
	}
	switch len(match) {
	case 0:
		return nil, nil
	case 1:
		return byFlag[match[0]], nil
	}
	sort.Strings(match)
	return nil, p.fail("ambiguous option: %s could match %s", name, strings.Join(match, ", "))
}

// cluster handles -fvalue and -abc.
func (r *run) cluster(st *state, word string) error {
	rest := word[1:]
	for rest != "" {
		c := rest[:1]
		rest = rest[1:]
		var a *Arg
		for _, o := range r.opts {
			for _, f := range o.flags {
				if f == "-"+c {
					a = o
				}
			}
		}
		if a == nil {
			return r.unknownFlag(word)
		}
		if a.TakesValue() {
			return r.apply(st, a, strings.TrimPrefix(rest, "="), rest != "")
		}
		if err := r.apply(st, a, "", false); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) apply(st *state, a *Arg, value string, given bool) error {
	if g := a.group; g != nil && g.mutex {
		if other := r.mutex[g]; other != nil && other != a {
			return r.failArg(a, "not allowed with argument %s", other.textualName())
		}
		r.mutex[g] = a
	}
	r.used[a] = true
	if given && !a.TakesValue() {
		return r.failArg(a, "ignore implicit argument '%s'", value)
	}
	switch a.act {
	case help:
		return &Stop{r.helpText(st.width)}
	case version:
		return &Stop{a.text + "\n"}
	case storeTrue:
		st.ns.values[a.dest] = []string{"true"}
		return nil
	}
	var got []string
	if given {
		got = []string{value}
	}
	for !given && st.i < len(st.args) && (a.many || len(got) == 0) {
		if !st.sep && (st.args[st.i] == "--" || isFlag(st.args[st.i])) {
			break
		}
		got = append(got, st.args[st.i])
		st.i++
	}
	if a.many && len(got) < a.min {
		return r.failArg(a, "expected %d argument(s)", a.min)
	}
	if len(got) == 0 && !a.many {
		return r.failArg(a, "expected one argument")
	}
	return r.set(st, a, got)
}

func (p *Parser) set(st *state, a *Arg, got []string) error {
	for _, v := range got {
		if err := p.convert(a, v); err != nil {
			return err
		}
	}
	if a.act == appendTo {
		got = append(append([]string(nil), st.ns.values[a.dest]...), got...)
	}
	st.ns.values[a.dest] = got
	return nil
}

func (p *Parser) convert(a *Arg, v string) error {
	var err error
	switch a.typ {
	case Integer:
		_, err = strconv.ParseInt(v, 10, 32)
	case Short:
		_, err = strconv.ParseInt(v, 10, 16)
	case Long:
		_, err = strconv.ParseInt(v, 10, 64)
	case Double:
		_, err = strconv.ParseFloat(v, 64)
	}
	if err != nil {
		why := fmt.Sprintf("For input string: \"%s\"", v)
		if a.typ == Short && errors.Is(err, strconv.ErrRange) {
			why = fmt.Sprintf("Value out of range. Value:\"%s\" Radix:10", v)
		}
		return p.failArg(a, "could not convert '%s' to %s (%s)", v, a.typ, why)
	}
	if a.choices == nil {
		return nil
	}
	for _, c := range a.choices {
		if c == v {
			return nil
		}
	}
	return p.failArg(a, "invalid choice: '%s' (choose from {%s})", v, strings.Join(a.choices, ","))
}

// finish hands the positionals out and checks that nothing is missing.
func (r *run) finish(st *state) error {
	for i, a := range r.Parser.pos {
		if i >= len(r.pos) {
			if a.required {
				return r.fail("too few arguments")
			}
			break
		}
		take := r.pos[i : i+1]
		if a.many {
			take = r.pos[i:]
		}
		if err := r.set(st, a, take); err != nil {
			return err
		}
	}
	for _, a := range r.opts {
		if a.required && !r.used[a] {
			st.lacks(r.fail("argument %s is required", a.textualName()))
		}
	}
	for _, g := range r.groups {
		if g.mutex && g.required && r.mutex[g] == nil {
			var names []string
			for _, a := range g.args {
				names = append(names, a.textualName())
			}
			st.lacks(r.fail("one of the arguments %s is required", strings.Join(names, " ")))
		}
	}
	return nil
}
