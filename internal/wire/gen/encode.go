package main

import (
	"fmt"

	"gregor/internal/wire/defs"
)

func (p *printer) encode(b body) {
	if b.top {
		p.f("// Encode appends version v of the message to w.")
		p.f("func (m *%s) Encode(w *Writer, v int16) {", b.goName)
		p.f("if v < %d || v > %d { w.badVersion(%d, %d, v); return }", b.cur.Lo, b.cur.Hi, b.cur.Lo, b.cur.Hi)
	} else {
		p.f("func (m *%s) encode(w *Writer, v int16) {", b.goName)
	}
	p.flexVar(b)
	for _, f := range b.fields {
		p.encodeField(b, f)
	}
	p.encodeTags(b)
	p.f("}\n")
}

// encodeField prints the untagged form of a field, and the check that a field
// the version lacks is not set.
func (p *printer) encodeField(b body, f *defs.Field) {
	plain := f.Versions
	if !f.Tagged.Empty() {
		plain = defs.None
		if f.Tagged.Lo > f.Versions.Lo {
			plain = defs.Range{Lo: f.Versions.Lo, Hi: f.Tagged.Lo - 1}
		}
	}
	refuse := func(c string) {
		if f.Ignorable || c == "true" {
			return
		}
		p.f("if %s {", join(not(c), p.differs(b.msg, f, true)))
		p.f("w.unsupported(%q, v)", pathName(f))
		p.f("}")
	}
	switch c := cond(plain, b.cur); {
	case c == "true":
		p.write(b, f, b.cur, b.flex(f))
	case c == "false":
		refuse(cond(f.Versions, b.cur))
	default:
		p.f("if %s {", c)
		p.write(b, f, plain.And(b.cur), b.flex(f))
		if !f.Ignorable && f.Tagged.Empty() {
			p.f("} else if %s {", p.differs(b.msg, f, true))
			p.f("w.unsupported(%q, v)", pathName(f))
		}
		p.f("}")
		if !f.Tagged.Empty() {
			refuse(cond(f.Versions, b.cur))
		}
	}
}

func not(c string) string {
	if c == "false" {
		return ""
	}
	return "!(" + c + ")"
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + " && (" + b + ")"
}

func (p *printer) encodeTags(b body) {
	if b.flex(nil) == "false" {
		return
	}
	if b.flex(nil) == "flex" {
		p.f("if flex {")
		defer p.f("}")
	}
	tagged := taggedFields(b)
	if len(tagged) == 0 {
		p.f("w.i8(0)")
		return
	}
	set := make([]string, len(tagged))
	for i, f := range tagged {
		set[i] = p.differs(b.msg, f, false)
		if in := cond(f.Tagged, b.cur.And(b.msg.Flexible)); in != "true" {
			set[i] = in + " && (" + set[i] + ")"
		}
	}
	if len(tagged) > 1 {
		p.f("n := uint32(0)")
		for _, c := range set {
			p.f("if %s { n++ }", c)
		}
		p.f("if w.uvarint(n); n == 0 { return }")
	}
	for i, f := range tagged {
		p.f("if %s {", set[i])
		if len(tagged) == 1 {
			p.f("w.i8(1)")
		}
		p.f("at := w.startTag(%d)", f.Tag)
		p.write(b, f, f.Tagged.And(b.cur), "true")
		p.f("w.endTag(at)")
		if len(tagged) == 1 {
			p.f("} else {\nw.i8(0)")
		}
		p.f("}")
	}
}

// write prints the encoding of one field that is there in the versions cur.
func (p *printer) write(b body, f *defs.Field, cur defs.Range, flex string) {
	x, name, null := "m."+goField(f), pathName(f), cond(f.Null, cur)
	switch {
	case f.Array && f.Struct != nil:
		if null == "false" {
			p.f("w.length(%s, len(%s))", flex, x)
		} else {
			p.f("w.list(%s, %s == nil, %s, len(%s))", flex, x, null, x)
		}
		p.f("for i := range %s { %s[i].encode(w, v) }", x, x)
	case f.Array && f.Type == "string":
		p.f("w.strs(%s, %s, %s, %q)", x, flex, null, name)
	case f.Array:
		p.f("w.%ss(%s, %s, %s)", short(f), x, flex, null)
	case f.Struct != nil:
		p.writeStruct(f, x, name, null)
	case f.Type == "string" && pointer(f):
		p.f("w.nstr(%s, %s, %s, %q)", flex, null, x, name)
	case f.Type == "string":
		p.f("w.str(%s, %s, %q)", flex, x, name)
	case f.Type == "bytes" && null == "false":
		p.f("w.bytes(%s, %s)", flex, x)
	case f.Type == "bytes":
		p.f("w.nbytes(%s, %s, %s, %q)", flex, null, x, name)
	case f.Type == "records":
		p.f("w.records(%s, %s, &%s, %q)", flex, null, x, name)
	case f.Type == "uuid":
		p.f("w.uuid(&%s)", x)
	case isCode(f):
		p.f("w.i16(int16(%s))", x)
	default:
		p.f("w.%s(%s)", short(f), x)
	}
}

func (p *printer) writeStruct(f *defs.Field, x, name, null string) {
	if !pointer(f) {
		p.f("%s.encode(w, v)", x)
		return
	}
	one, none := "w.i8(1)", "w.i8(-1)"
	if !f.Tagged.Empty() {
		one, none = "w.uvarint(1)", "w.uvarint(0)"
	}
	if null == "false" {
		p.f("if %s == nil { w.nullField(%q) } else { %s.encode(w, v) }", x, name, x)
		return
	}
	if null != "true" {
		one = fmt.Sprintf("if %s { %s }", null, one)
		none = fmt.Sprintf("if %s { %s } else { w.nullField(%q) }", null, none, name)
	}
	p.f("if %s == nil {\n%s\n} else {\n%s\n%s.encode(w, v)\n}", x, none, one, x)
}
