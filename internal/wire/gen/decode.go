package main

import (
	"fmt"

	"gregor/internal/wire/defs"
)

// flex is the Go expression for "the field has its flexible form", where the
// variable flex says it of the message.
func (b body) flex(f *defs.Field) string {
	if f != nil && f.Inflexible {
		return "false"
	}
	switch c := cond(b.msg.Flexible, b.cur); c {
	case "true", "false":
		return c
	}
	return "flex"
}

// flexVar prints the variable flex if something uses it.
func (p *printer) flexVar(b body) {
	if b.flex(nil) == "flex" {
		p.f("flex := %s", cond(b.msg.Flexible, b.cur))
	}
}

func (p *printer) decode(b body) {
	if b.top {
		p.f("// Decode reads version v of the message.")
		p.f("func (m *%s) Decode(r *Reader, v int16) {", b.goName)
		p.f("if v < %d || v > %d { r.badVersion(%d, %d, v); return }", b.cur.Lo, b.cur.Hi, b.cur.Lo, b.cur.Hi)
	} else {
		p.f("func (m *%s) decode(r *Reader, v int16) {", b.goName)
	}
	p.flexVar(b)
	for _, f := range b.fields {
		plain := f.Versions
		if !f.Tagged.Empty() {
			plain = defs.None
			if f.Tagged.Lo > f.Versions.Lo { // tagged only from some version on
				plain = defs.Range{Lo: f.Versions.Lo, Hi: f.Tagged.Lo - 1}
			}
		}
		switch c := cond(plain, b.cur); c {
		case "true":
			p.read(b, f, b.cur, b.flex(f))
		case "false":
			p.reset(b, f)
		default:
			p.f("if %s {", c)
			p.read(b, f, plain.And(b.cur), b.flex(f))
			p.f("} else {")
			p.reset(b, f)
			p.f("}")
		}
	}
	p.decodeTags(b)
	p.f("}\n")
}

func (p *printer) decodeTags(b body) {
	if b.flex(nil) == "false" {
		return
	}
	if b.flex(nil) == "flex" {
		p.f("if flex {")
		defer p.f("}")
	}
	tagged := taggedFields(b)
	if len(tagged) == 0 {
		p.f("r.skipTags()")
		return
	}
	p.f("for n := r.tags(); n > 0 && r.err == nil; n-- {")
	p.f("tag, end := r.tag()")
	p.f("switch {")
	for _, f := range tagged {
		c := fmt.Sprintf("tag == %d", f.Tag)
		if in := cond(f.Tagged, b.cur.And(b.msg.Flexible)); in != "true" {
			c += " && " + in
		}
		p.f("case %s:", c)
		p.read(b, f, f.Tagged.And(b.cur), "true")
		p.f("r.tagEnd(end, %q)", pathName(f))
	}
	p.f("default:\nr.tagSkip(end)\n}\n}")
}

func taggedFields(b body) []*defs.Field {
	var out []*defs.Field
	for _, f := range b.fields {
		if !f.Tagged.And(b.cur).Empty() {
			out = append(out, f)
		}
	}
	for i := range out { // by tag
		for j := i; j > 0 && out[j].Tag < out[j-1].Tag; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}

// read prints the decoding of one field that is there in the versions cur.
func (p *printer) read(b body, f *defs.Field, cur defs.Range, flex string) {
	x, name, null := "m."+goField(f), pathName(f), cond(f.Null, cur)
	switch {
	case f.Array && f.Struct != nil:
		least := leastStruct(f.Struct, b.msg, cur)
		p.f("%s = elems(r, %s, %s, %s, %s, %q)", x, x, flex, null, least, name)
		p.f("for i := range %s {", x)
		p.f("if %s[i].decode(r, v); r.err != nil { r.in(%q, i); return }", x, name)
		p.f("}")
	case f.Array:
		p.f("%s = r.%ss(%s, %s, %s, %q)", x, short(f), x, flex, null, name)
	case f.Struct != nil:
		p.readStruct(b, f, x, name, null)
	case f.Type == "string" && pointer(f):
		p.f("%s = r.nstr(%s, %s, %s, %q)", x, flex, null, x, name)
	case f.Type == "string":
		p.f("%s = r.str(%s, %q)", x, flex, name)
	case f.Type == "bytes" || f.Type == "records":
		p.f("%s = r.%s(%s, %s, %q)", x, f.Type, flex, null, name)
	case isCode(f):
		p.use("gregor/internal/kerr")
		p.f("%s = kerr.Code(r.i16(%q))", x, name)
	default:
		p.f("%s = r.%s(%q)", x, short(f), name)
	}
}

func (p *printer) readStruct(b body, f *defs.Field, x, name, null string) {
	p.f("if r.err != nil { return }")
	call := fmt.Sprintf("if %s.decode(r, v); r.err != nil { r.under(%q); return }", x, name)
	if !pointer(f) {
		p.f("%s", call)
		return
	}
	// A nullable structure starts with a byte below 0 for null; a tagged one
	// with a number, 0 for null.
	if null != "false" {
		marker := fmt.Sprintf("r.i8(%q) < 0", name)
		if !f.Tagged.Empty() {
			marker = fmt.Sprintf("r.uvarint(%q) == 0", name)
		}
		if null != "true" {
			marker = fmt.Sprintf("(%s) && %s", null, marker)
		}
		p.f("if %s || r.err != nil {", marker)
		p.f("%s = nil", x)
		p.f("} else {")
		defer p.f("}")
	}
	p.f("if %s == nil { %s = new(%s) }", x, x, goStruct(b.msg, f.Struct))
	p.f("%s", call)
}

// reset prints the setting of a field to its default.
func (p *printer) reset(b body, f *defs.Field) {
	x := "m." + goField(f)
	z := zero(f)
	switch {
	case pointer(f) && f.Default == "null":
		z = "nil"
	case pointer(f) && f.Struct != nil:
		z = "&" + p.literal(b.msg, goStruct(b.msg, f.Struct), f.Struct.Fields)
	case pointer(f):
		z = "nil" // Kafka has the empty string here; in Go, nil is what was not set
	case f.Array && f.Default == "null", f.Type == "bytes" && f.Default == "null":
		z = "nil"
	case f.Array && !f.Null.Empty():
		z = "empty(" + x + ")"
	case f.Array:
		z = x + "[:0]" // keeps the memory
	case f.Type == "bytes" && !f.Null.Empty():
		z = "[]byte{}"
	case f.Type == "bytes":
		z = "nil"
	case f.Struct != nil:
		z = p.literal(b.msg, goStruct(b.msg, f.Struct), f.Struct.Fields)
	case f.Type == "records":
		z = "Records{}"
	case f.Type == "uuid":
		p.use("gregor/internal/model")
		z = "model.UUID{}"
	case z != "":
	case f.Type == "string":
		z = `""`
	case f.Type == "bool":
		z = "false"
	default:
		z = "0"
	}
	p.f("%s = %s", x, z)
}

var shortNames = map[string]string{
	"bool": "bool", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint16": "u16", "uint32": "u32",
	"float64": "f64", "uuid": "uuid", "string": "str",
}

// short is the name of the Reader's and Writer's method for a simple type.
func short(f *defs.Field) string { return shortNames[f.Type] }

var sizes = map[string]int{
	"bool": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint16": 2, "uint32": 4, "float64": 8, "uuid": 16,
}

// leastStruct is the least size of a list element in bytes, in any version of
// cur; an expression if the flexible form makes it differ.
func leastStruct(s *defs.Struct, m *defs.Message, cur defs.Range) string {
	least := func(flexible bool) int {
		best := -1
		for v := cur.Lo; v <= cur.Hi; v++ {
			if m.Flexible.Has(v) != flexible {
				continue
			}
			if n := leastAt(s.Fields, m, v); best < 0 || n < best {
				best = n
			}
		}
		return best
	}
	a, b := least(false), least(true)
	switch {
	case a < 0:
		return fmt.Sprint(b)
	case b < 0:
		return fmt.Sprint(a)
	}
	return fmt.Sprint(min(a, b))
}

func leastAt(fs []*defs.Field, m *defs.Message, v int) int {
	flexible := m.Flexible.Has(v)
	n := 0
	if flexible {
		n = 1 // number of tagged fields
	}
	for _, f := range fs {
		if !f.Versions.Has(v) || f.Tagged.Has(v) {
			continue
		}
		switch {
		case f.Array, f.Type == "bytes", f.Type == "records":
			n += prefix(flexible && !f.Inflexible, 4)
		case f.Type == "string":
			n += prefix(flexible && !f.Inflexible, 2)
		case f.Struct != nil && f.Null.Has(v):
			n++
		case f.Struct != nil:
			n += leastAt(f.Struct.Fields, m, v)
		default:
			n += sizes[f.Type]
		}
	}
	return n
}

func prefix(flexible bool, fixed int) int {
	if flexible {
		return 1
	}
	return fixed
}
