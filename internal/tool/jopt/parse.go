package jopt

import (
	"strconv"
	"strings"
)

// Set is a parsed command line.
type Set struct {
	specs    []*Option // as detected, once per value
	has      map[*Option]bool
	values   map[*Option][]string
	operands []string
	err      error
}

// Parse reads args. The error is an *Error.
func (p *Parser) Parse(args []string) (*Set, error) {
	s := &Set{has: map[*Option]bool{}, values: map[*Option][]string{}}
	for i := 0; i < len(args); {
		arg := args[i]
		i++
		var used int
		var err error
		switch {
		case arg == "--":
			s.operands = append(s.operands, args[i:]...)
			i = len(args)
		case strings.HasPrefix(arg, "--"):
			used, err = p.long(s, arg[2:], args[i:])
		case strings.HasPrefix(arg, "-") && arg != "-":
			used, err = p.short(s, arg[1:], args[i:])
		default:
			s.operands = append(s.operands, arg)
		}
		if err != nil {
			return nil, err
		}
		i += used
	}
	return s, p.checkRequired(s)
}

func (p *Parser) checkRequired(s *Set) error {
	var missing []string
	for _, o := range p.options {
		if o.help && s.has[o] {
			return nil
		}
		if o.must && !s.has[o] {
			missing = append(missing, o.slashed())
		}
	}
	if missing == nil {
		return nil
	}
	return &Error{"Missing required option(s) [" + strings.Join(missing, ", ") + "]"}
}

func unknown(name string) error { return &Error{name + " is not a recognized option"} }

func (p *Parser) long(s *Set, word string, rest []string) (int, error) {
	name, value, given := strings.Cut(word, "=")
	o := p.byName[name]
	if o == nil {
		return 0, unknown(name)
	}
	return p.take(s, o, value, given, rest)
}

func (p *Parser) short(s *Set, word string, rest []string) (int, error) {
	name, value, given := strings.Cut(word, "=")
	if o := p.byName[name]; o != nil {
		return p.take(s, o, value, given, rest)
	}
	letters := []rune(word)
	for _, c := range letters {
		o := p.byName[string(c)]
		if o == nil {
			return 0, unknown(string(c))
		}
		if o.TakesValue() {
			break
		}
	}
	for i, c := range letters {
		o := p.byName[string(c)]
		if o.TakesValue() {
			return p.take(s, o, string(letters[i+1:]), i+1 < len(letters), rest)
		}
		s.add(o)
	}
	return 0, nil
}

// take notes option o with its value, which is in the same word or the next;
// it returns how many words of rest it used.
func (p *Parser) take(s *Set, o *Option, value string, given bool, rest []string) (int, error) {
	switch {
	case o.arg == none:
		s.add(o)
		return 0, nil
	case given:
		s.addValue(o, value)
		return 0, nil
	case o.arg == required:
		if len(rest) == 0 {
			return 0, &Error{"Option " + o.slashed() + " requires an argument"}
		}
		s.addValue(o, rest[0])
		return 1, nil
	}
	if len(rest) > 0 && o.check(rest[0]) == nil && (!p.looksLikeOption(rest[0]) || o.typ != String) {
		s.addValue(o, rest[0])
		return 1, nil
	}
	s.add(o)
	return 0, nil
}

func (p *Parser) looksLikeOption(word string) bool {
	return strings.HasPrefix(word, "-") && word != "-"
}

func (s *Set) add(o *Option) {
	s.specs = append(s.specs, o)
	s.has[o] = true
}

func (s *Set) addValue(o *Option, v string) {
	parts := []string{v}
	if o.sep != 0 {
		split := strings.FieldsFunc(v, func(c rune) bool { return c == rune(o.sep) })
		if len(split) > 0 {
			parts = split
		}
	}
	for _, part := range parts {
		s.add(o)
		s.values[o] = append(s.values[o], part)
	}
}

// Has reports whether the option was given.
func (s *Set) Has(o *Option) bool { return s.has[o] }

// Specs are the options as they were given, once per value.
func (s *Set) Specs() []*Option { return s.specs }

// Operands are the words that belong to no option.
func (s *Set) Operands() []string { return s.operands }

// Err is the first error of the readers below: a value of the wrong type, or
// several where one was asked for. Check it before using what they returned.
func (s *Set) Err() error { return s.err }

// Values are all values of o, or its defaults.
func (s *Set) Values(o *Option) []string {
	v := s.values[o]
	if len(v) == 0 {
		v = o.defaults
	}
	for _, x := range v {
		if err := o.check(x); err != nil {
			s.fail(err)
			return nil
		}
	}
	return v
}

// Value is the one value of o, or its default; ok is false if there is none.
func (s *Set) Value(o *Option) (v string, ok bool) {
	all := s.Values(o)
	if len(all) > 1 {
		s.fail(&Error{"Found multiple arguments for option " + o.slashed() + ", but you asked for only one"})
		return "", false
	}
	if len(all) == 0 {
		return "", false
	}
	return all[0], true
}

// Str is Value, empty if there is none.
func (s *Set) Str(o *Option) string {
	v, _ := s.Value(o)
	return v
}

// Int is Value as a number, 0 if there is none.
func (s *Set) Int(o *Option) int64 {
	v, ok := s.Value(o)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		s.fail(&Error{"Cannot parse argument '" + v + "' of option " + o.slashed()})
	}
	return n
}

// Float is Value as a number, 0 if there is none.
func (s *Set) Float(o *Option) float64 {
	v, ok := s.Value(o)
	if !ok {
		return 0
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil {
		s.fail(&Error{"Cannot parse argument '" + v + "' of option " + o.slashed()})
	}
	return f
}

func (s *Set) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}
