// Package defs holds the definitions of every message Kafka puts on the wire
// or into its internal topics, one text file per API key, and the parser of
// those files. The generator (internal/wire/gen) turns them into Go code; the
// tests of package wire walk them to build random messages.
//
// A line of a definition is words; indentation by two spaces nests fields.
//
//	api 1 Fetch                                  key and name
//	advertise broker 4-18                        range Apache Kafka 4.4 advertises on that kind of listener
//	advertise broker 0-13 accept 3-13            ... where it refuses part of what it advertises
//	topic __consumer_offsets                     the internal topic the records below are written to
//
//	request FetchRequest 0-18 flexible 12+       also: response, record N, key N, value N, data, header
//	  MaxWaitMs int32 0+ unit ms                 name, type, versions, then any of:
//	    null V       versions in which the field may be null
//	    tag N V      number and versions in which the field is a tagged one
//	    default X    what an absent field has; else zero, empty
//	    ignorable    may be dropped silently when the version has no such field
//	    mapkey       part of the key of a list that Kafka keeps as a map
//	    inflexible   keeps its old form in flexible versions
//	    entity E     what the value names (topicName, groupId, ...)
//	    unit U       ms, unix-ms (milliseconds since 1970 UTC), bytes, offset, epoch
//	  struct Voter 0+                            a structure used by several fields
//
// "unstable" after a message's versions means that its last version is not
// released: it is never advertised.
//
// Source of the facts: the schemas in the jars of Apache Kafka 4.4.0, and of
// 3.9.2 for versions and keys that 4.0 removed.
package defs

import (
	"embed"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
)

//go:embed *.def
var files embed.FS

// Range is a closed range of versions. Hi is Open where no end is set.
type Range struct{ Lo, Hi int }

// Open is the end of a range such as 3+.
const Open = math.MaxInt16

// None is the empty range.
var None = Range{0, -1}

// Empty reports whether no version is in r.
func (r Range) Empty() bool { return r.Lo > r.Hi }

// Has reports whether v is in r.
func (r Range) Has(v int) bool { return r.Lo <= v && v <= r.Hi }

// And is the versions in both ranges.
func (r Range) And(o Range) Range {
	out := Range{max(r.Lo, o.Lo), min(r.Hi, o.Hi)}
	if out.Empty() {
		return None
	}
	return out
}

// String is the form used in definitions.
func (r Range) String() string {
	switch {
	case r.Empty():
		return "none"
	case r.Hi == Open:
		return fmt.Sprintf("%d+", r.Lo)
	case r.Hi == r.Lo:
		return strconv.Itoa(r.Lo)
	}
	return fmt.Sprintf("%d-%d", r.Lo, r.Hi)
}

// ParseRange reads 3, 3-5 or 3+.
func ParseRange(s string) (Range, error) {
	lo, hi, dash := strings.Cut(s, "-")
	if open, ok := strings.CutSuffix(s, "+"); ok {
		lo, hi, dash = open, strconv.Itoa(Open), true
	}
	if !dash {
		hi = lo
	}
	l, err1 := strconv.ParseUint(lo, 10, 15)
	h, err2 := strconv.ParseUint(hi, 10, 15)
	if err1 != nil || err2 != nil || l > h {
		return None, fmt.Errorf("%q is not a range of versions such as 3, 3-5 or 3+", s)
	}
	return Range{int(l), int(h)}, nil
}

// Advertised is what Apache Kafka 4.4 (for zk: 3.9) announces for a key on
// one kind of listener, and the part of it that it accepts.
type Advertised struct{ Range, Accept Range }

// File is one definition file.
type File struct {
	Name      string // without .def
	Key       int    // API key, or -1
	API       string // the key's name
	Advertise map[string]Advertised
	Messages  []*Message
}

// Message is one request, response, header or record.
type Message struct {
	Kind       string // request, response, record, key, value, data, header
	Num        int    // API key, or the record's number in its topic, or -1
	API        string
	Topic      string // internal topic, if any
	Name       string
	Versions   Range
	Flexible   Range // None: never
	Deprecated Range
	Unstable   bool
	Fields     []*Field
	Structs    []*Struct // every structure, in order of first use
}

// Struct is a structure inside a message.
type Struct struct {
	Name     string
	Versions Range // of the fields that use it
	Fields   []*Field
}

// Field is one field of a message or structure.
type Field struct {
	Name       string
	Type       string // without []
	Array      bool
	Versions   Range
	Null       Range
	Tag        int // -1: none
	Tagged     Range
	Default    string
	HasDefault bool
	Ignorable  bool
	MapKey     bool
	Inflexible bool
	Entity     string
	Unit       string
	Struct     *Struct // of Type, or nil for a simple one

	inline []*Field
	line   int
}

// All parses every definition; the order is by file name.
func All() ([]*File, error) {
	names, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var out []*File
	for _, e := range names {
		b, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		f, err := parse(strings.TrimSuffix(e.Name(), ".def"), string(b))
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

type parser struct {
	file  *File
	topic string
	msg   *Message
	stack []*[]*Field // where fields of each indentation go
	line  int
}

func parse(name, text string) (*File, error) {
	p := &parser{file: &File{Name: name, Key: -1, Advertise: map[string]Advertised{}}}
	for i, l := range strings.Split(text, "\n") {
		p.line = i + 1
		words := strings.Fields(l)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		depth := (len(l) - len(strings.TrimLeft(l, " "))) / 2
		if err := p.add(depth, words); err != nil {
			return nil, fmt.Errorf("%s.def:%d: %w", name, i+1, err)
		}
	}
	for _, m := range p.file.Messages {
		if err := resolve(m); err != nil {
			return nil, fmt.Errorf("%s.def: %s: %w", name, m.Name, err)
		}
	}
	return p.file, nil
}

func (p *parser) add(depth int, w []string) error {
	switch {
	case depth == 0 && w[0] == "api" && len(w) == 3:
		k, err := strconv.Atoi(w[1])
		p.file.Key, p.file.API = k, w[2]
		return err
	case depth == 0 && w[0] == "topic" && len(w) == 2:
		p.topic = w[1]
		return nil
	case depth == 0 && w[0] == "advertise":
		return p.advertise(w[1:])
	case depth == 0:
		return p.message(w)
	case p.msg == nil || depth > len(p.stack):
		return fmt.Errorf("a field is indented too far")
	case depth == 1 && w[0] == "struct" && len(w) == 3:
		v, err := ParseRange(w[2])
		s := &Struct{Name: w[1], Versions: v}
		p.msg.Structs = append(p.msg.Structs, s)
		p.stack = append(p.stack[:1], &s.Fields)
		return err
	}
	f, err := field(w)
	if err != nil {
		return err
	}
	f.line = p.line
	to := p.stack[depth-1]
	*to = append(*to, f)
	p.stack = append(p.stack[:depth], &f.inline)
	return nil
}

func (p *parser) advertise(w []string) error {
	if len(w) != 2 && (len(w) != 4 || w[2] != "accept") {
		return fmt.Errorf("advertise LISTENER VERSIONS [accept VERSIONS]")
	}
	var a Advertised
	var err error
	if a.Range, err = ParseRange(w[1]); err != nil {
		return err
	}
	a.Accept = a.Range
	if len(w) == 4 {
		a.Accept, err = ParseRange(w[3])
	}
	p.file.Advertise[w[0]] = a
	return err
}

func (p *parser) message(w []string) error {
	m := &Message{Kind: w[0], Num: -1, Topic: p.topic, Flexible: None, Deprecated: None}
	w = w[1:]
	switch m.Kind {
	case "request", "response":
		m.Num, m.API = p.file.Key, p.file.API
	case "record", "key", "value":
		if len(w) == 0 {
			return fmt.Errorf("%s needs a number", m.Kind)
		}
		n, err := strconv.Atoi(w[0])
		if err != nil {
			return err
		}
		m.Num, w = n, w[1:]
	case "data", "header":
	default:
		return fmt.Errorf("unknown word %q", m.Kind)
	}
	if len(w) < 2 {
		return fmt.Errorf("%s NAME VERSIONS expected", m.Kind)
	}
	var err error
	m.Name = w[0]
	if m.Versions, err = ParseRange(w[1]); err != nil {
		return err
	}
	for w = w[2:]; len(w) > 0 && err == nil; {
		switch {
		case w[0] == "unstable":
			m.Unstable, w = true, w[1:]
		case w[0] == "flexible" && len(w) > 1:
			m.Flexible, err = ParseRange(w[1])
			w = w[2:]
		case w[0] == "deprecated" && len(w) > 1:
			m.Deprecated, err = ParseRange(w[1])
			w = w[2:]
		default:
			return fmt.Errorf("unknown word %q", w[0])
		}
	}
	p.msg = m
	p.stack = []*[]*Field{&m.Fields}
	p.file.Messages = append(p.file.Messages, m)
	return err
}

func field(w []string) (*Field, error) {
	if len(w) < 3 {
		return nil, fmt.Errorf("NAME TYPE VERSIONS expected")
	}
	f := &Field{Name: w[0], Tag: -1, Null: None, Tagged: None}
	f.Type, f.Array = strings.CutPrefix(w[1], "[]")
	var err error
	if f.Versions, err = ParseRange(w[2]); err != nil {
		return nil, err
	}
	for w = w[3:]; len(w) > 0 && err == nil; {
		n := 2
		switch {
		case w[0] == "ignorable":
			f.Ignorable, n = true, 1
		case w[0] == "mapkey":
			f.MapKey, n = true, 1
		case w[0] == "inflexible":
			f.Inflexible, n = true, 1
		case w[0] == "tag" && len(w) > 2:
			n = 3
			if f.Tag, err = strconv.Atoi(w[1]); err == nil {
				f.Tagged, err = ParseRange(w[2])
			}
		case len(w) < 2:
			return nil, fmt.Errorf("%q is unknown or needs a value", w[0])
		case w[0] == "null":
			f.Null, err = ParseRange(w[1])
		case w[0] == "default":
			f.Default, f.HasDefault = w[1], true
		case w[0] == "entity":
			f.Entity = w[1]
		case w[0] == "unit":
			f.Unit = w[1]
		default:
			return nil, fmt.Errorf("unknown word %q", w[0])
		}
		w = w[n:]
	}
	return f, err
}

// Simple are the types that are not structures.
var Simple = map[string]bool{
	"bool": true, "int8": true, "int16": true, "int32": true, "int64": true, "uint16": true, "uint32": true,
	"float64": true, "uuid": true, "string": true, "bytes": true, "records": true,
}

// resolve gives every field of a structure type its Struct, and lists the
// structures of m in order of use.
func resolve(m *Message) error {
	common := map[string]*Struct{}
	for _, s := range m.Structs {
		common[s.Name] = s
	}
	m.Structs = nil
	seen := map[string]bool{}
	var walk func(fs []*Field) error
	walk = func(fs []*Field) error {
		for _, f := range fs {
			if f.Tag >= 0 && f.Tagged.Empty() || f.Versions.Empty() {
				return fmt.Errorf("field %s (line %d) has no versions", f.Name, f.line)
			}
			if Simple[f.Type] {
				if len(f.inline) > 0 {
					return fmt.Errorf("field %s (line %d) of type %s has fields of its own", f.Name, f.line, f.Type)
				}
				continue
			}
			s := common[f.Type]
			if s == nil {
				if seen[f.Type] {
					return fmt.Errorf("structure %s is defined twice (line %d)", f.Type, f.line)
				}
				s = &Struct{Name: f.Type, Versions: f.Versions, Fields: f.inline}
			}
			f.Struct = s
			if seen[f.Type] {
				continue
			}
			seen[f.Type] = true
			m.Structs = append(m.Structs, s)
			if err := walk(s.Fields); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(m.Fields)
}
