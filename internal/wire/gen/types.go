package main

import (
	"fmt"
	"strings"

	"gregor/internal/wire/defs"
)

// body is one Go struct: a message, or a structure inside it.
type body struct {
	msg    *defs.Message
	goName string
	fields []*defs.Field
	cur    defs.Range // versions in which it is used
	top    bool
}

func (p *printer) message(m *defs.Message) {
	bodies := []body{{m, m.Name, m.Fields, m.Versions, true}}
	for _, s := range m.Structs {
		bodies = append(bodies, body{m, goStruct(m, s), s.Fields, s.Versions.And(m.Versions), false})
	}
	for _, b := range bodies {
		p.declare(b)
		if b.top {
			p.methods(b)
		}
		p.constructor(b)
		p.decode(b)
		p.encode(b)
		if !b.top && usedTagged(m, b.goName) {
			p.isDefault(b)
		}
	}
}

// usedTagged reports whether some field compares the structure with its
// default: one that is tagged, or missing in some version and not ignorable.
func usedTagged(m *defs.Message, goName string) bool {
	found := false
	each(m, func(f *defs.Field, cur defs.Range) {
		if f.Struct == nil || f.Array || goStruct(m, f.Struct) != goName {
			return
		}
		if f.Tag >= 0 || !f.Ignorable && f.Versions.And(cur) != cur {
			found = true
		}
	})
	return found
}

// each calls fn for every field with the versions its structure is used in.
func each(m *defs.Message, fn func(f *defs.Field, cur defs.Range)) {
	for _, f := range m.Fields {
		fn(f, m.Versions)
	}
	for _, s := range m.Structs {
		for _, f := range s.Fields {
			fn(f, s.Versions.And(m.Versions))
		}
	}
}

func (p *printer) declare(b body) {
	p.f("%s", comment(b))
	p.f("type %s struct {", b.goName)
	for _, f := range b.fields {
		p.f("%s %s // %s", goField(f), p.goType(b.msg, f), fieldComment(f))
	}
	p.f("}\n")
}

func comment(b body) string {
	if !b.top {
		return fmt.Sprintf("// %s is part of %s.", b.goName, b.msg.Name)
	}
	m := b.msg
	what := ""
	switch m.Kind {
	case "request", "response":
		what = fmt.Sprintf("the %s of API key %d (%s)", m.Kind, m.Num, m.API)
	case "record":
		what = fmt.Sprintf("record type %d of %s", m.Num, m.Topic)
	case "key", "value":
		what = fmt.Sprintf("the %s of record type %d of %s", m.Kind, m.Num, m.Topic)
	default:
		what = "a Kafka " + map[string]string{"header": "header", "data": "structure"}[m.Kind]
	}
	flex := "never flexible"
	if !m.Flexible.Empty() {
		flex = "flexible " + m.Flexible.String()
	}
	if m.Unstable {
		flex += ", the last one unreleased"
	}
	return fmt.Sprintf("// %s is %s, versions %s, %s.", m.Name, what, m.Versions, flex)
}

func fieldComment(f *defs.Field) string {
	c := f.Versions.String()
	if !f.Tagged.Empty() {
		c += fmt.Sprintf(", tag %d", f.Tag)
		if f.Tagged.Lo != f.Versions.Lo {
			c += fmt.Sprintf(" in %s", f.Tagged)
		}
	}
	if !f.Null.Empty() {
		c += ", nullable"
		if f.Null.Lo > f.Versions.Lo {
			c += " " + f.Null.String()
		}
	}
	if !f.Null.Empty() && f.Default != "null" && (f.Array || f.Struct != nil) && f.Tag >= 0 {
		c += ", default empty"
	}
	if f.HasDefault && f.Default != "null" {
		c += ", default " + f.Default
	}
	switch f.Unit {
	case "":
	case "unix-ms":
		c += "; ms since 1970 UTC"
	default:
		c += "; " + f.Unit
	}
	return c
}

var goSimple = map[string]string{
	"bool": "bool", "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64",
	"uint16": "uint16", "uint32": "uint32", "float64": "float64", "string": "string",
	"uuid": "model.UUID", "bytes": "[]byte", "records": "Records",
}

func (p *printer) goType(m *defs.Message, f *defs.Field) string {
	t := goSimple[f.Type]
	switch {
	case f.Struct != nil:
		t = goStruct(m, f.Struct)
	case isCode(f):
		p.use("gregor/internal/kerr")
		t = "kerr.Code"
	case f.Type == "uuid":
		p.use("gregor/internal/model")
	}
	switch {
	case f.Array:
		return "[]" + t
	case pointer(f):
		return "*" + t
	}
	return t
}

func (p *printer) methods(b body) {
	key := -1
	if b.msg.Kind == "request" || b.msg.Kind == "response" {
		key = b.msg.Num
	}
	p.f("// APIKey is the key of a request or response, else -1.")
	p.f("func (*%s) APIKey() int16 { return %d }\n", b.goName, key)
	p.f("// Versions is the range of defined versions.")
	p.f("func (*%s) Versions() (lo, hi int16) { return %d, %d }\n", b.goName, b.cur.Lo, b.cur.Hi)
	switch b.msg.Kind {
	case "record", "key", "value":
		p.f("// RecordType is the number of the record's type in its topic.")
		p.f("func (*%s) RecordType() int16 { return %d }\n", b.goName, b.msg.Num)
	}
}

// zero is the Go default of a simple field, "" if it is the zero value.
func zero(f *defs.Field) string {
	if !f.HasDefault || f.Default == "null" {
		return ""
	}
	switch {
	case f.Array, f.Struct != nil, f.Type == "bytes", f.Type == "uuid":
		return ""
	case f.Type == "string":
		return fmt.Sprintf("%q", f.Default)
	}
	return f.Default
}

// needsPointee reports whether the default of a pointer field is not null.
func needsPointee(f *defs.Field) bool { return pointer(f) && f.Default != "null" }

// hasDefaults reports whether a structure's default is not Go's zero value.
// Nullable fields without a default count: Kafka's default for them is empty.
func hasDefaults(fs []*defs.Field) bool {
	for _, f := range fs {
		if zero(f) != "" || needsPointee(f) && f.Struct != nil {
			return true
		}
		if f.Struct != nil && !f.Array && !pointer(f) && hasDefaults(f.Struct.Fields) {
			return true
		}
	}
	return false
}

func (p *printer) constructor(b body) {
	if !b.top && !hasDefaults(b.fields) {
		return
	}
	p.f("// New%s is one with Kafka's defaults.", b.goName)
	p.f("func New%s() *%s {", b.goName, b.goName)
	p.f("return &%s", p.literal(b.msg, b.goName, b.fields))
	p.f("}\n")
}

// literal is a composite literal of a structure's default.
func (p *printer) literal(m *defs.Message, goName string, fs []*defs.Field) string {
	var out []string
	for _, f := range fs {
		z := zero(f)
		switch {
		case f.Struct != nil && !f.Array && hasDefaults(f.Struct.Fields) && (!pointer(f) || needsPointee(f)):
			z = p.literal(m, goStruct(m, f.Struct), f.Struct.Fields)
			if pointer(f) {
				z = "&" + z
			}
		case f.Struct != nil && needsPointee(f):
			z = "&" + goStruct(m, f.Struct) + "{}"
		}
		if z != "" {
			out = append(out, goField(f)+": "+z)
		}
	}
	return goName + "{" + strings.Join(out, ", ") + "}"
}

// isDefault prints the comparison with the structure's default.
func (p *printer) isDefault(b body) {
	var conds []string
	for _, f := range b.fields {
		conds = append(conds, "!("+p.differs(b.msg, f, false)+")")
	}
	p.f("func (m *%s) isDefault() bool {", b.goName)
	p.f("return %s", strings.Join(conds, " && "))
	p.f("}\n")
}

// differs is the condition that the field is not at its default. With absent,
// null counts as the default of a nullable field too, and Go's zero value as that
// of a number: a message made as a literal says nothing about fields that its
// version does not have.
func (p *printer) differs(m *defs.Message, f *defs.Field, absent bool) string {
	x := "m." + goField(f)
	nullToo := func(c string) string {
		if absent || f.Null.Empty() {
			return c
		}
		return x + " == nil || " + c
	}
	switch {
	case (f.Array || f.Type == "bytes") && f.Default == "null":
		return x + " != nil"
	case f.Array || f.Type == "bytes":
		return nullToo("len(" + x + ") > 0")
	case f.Type == "records":
		return x + ".Size() > 0"
	case pointer(f) && f.Default == "null":
		return x + " != nil"
	case pointer(f) && f.Struct != nil && absent:
		return x + " != nil && !" + x + ".isDefault()"
	case pointer(f) && f.Struct != nil:
		return x + " == nil || !" + x + ".isDefault()"
	case pointer(f) && absent:
		return fmt.Sprintf("%s != nil && *%s != %q", x, x, f.Default)
	case pointer(f):
		return fmt.Sprintf("%s == nil || *%s != %q", x, x, f.Default)
	case f.Struct != nil:
		return "!" + x + ".isDefault()"
	case f.Type == "uuid":
		p.use("gregor/internal/model")
		return x + " != (model.UUID{})"
	case f.Type == "string":
		return fmt.Sprintf("%s != %q", x, f.Default)
	case f.Type == "bool" && f.Default == "true":
		return "!" + x
	case f.Type == "bool":
		return x
	}
	z := zero(f)
	if z == "" {
		z = "0"
	}
	if absent && z != "0" {
		return x + " != " + z + " && " + x + " != 0"
	}
	return x + " != " + z
}
