package tool

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"gregor/internal/model"
	"gregor/internal/wire"
	"gregor/internal/wire/defs"
)

// definitions are the definitions of all messages by name. They are parsed
// when the first message is printed.
var definitions = sync.OnceValue(func() map[string]*defs.Message {
	files, err := defs.All()
	if err != nil {
		panic("the built-in message definitions do not parse: " + err.Error()) // the build generated code from them
	}
	out := map[string]*defs.Message{}
	for _, f := range files {
		for _, m := range f.Messages {
			out[m.Name] = m
		}
	}
	return out
})

// messageJSON is a message as Kafka's JsonConverter classes print it: fields
// in the order of their definition, tagged ones unless they have their
// default, bytes in base64. inner, if not nil, may print a field of bytes
// itself.
func messageJSON(msg wire.Message, version int16, inner func(field string, b []byte) (string, bool)) string {
	name := wire.Name(msg)
	def := definitions()[name]
	if def == nil {
		return "{}"
	}
	w := &jsonWriter{version: int(version), inner: inner}
	w.structure(reflect.ValueOf(msg).Elem(), def.Fields)
	return w.String()
}

type jsonWriter struct {
	bytes.Buffer
	version int
	inner   func(field string, b []byte) (string, bool)
}

func (w *jsonWriter) structure(v reflect.Value, fields []*defs.Field) {
	w.WriteByte('{')
	first := true
	for _, f := range fields {
		if !f.Versions.Has(w.version) {
			continue
		}
		x := v.FieldByName(goField(f))
		if f.Tagged.Has(w.version) && isDefault(x, f) {
			continue
		}
		if !first {
			w.WriteByte(',')
		}
		first = false
		w.WriteString(strconv.Quote(strings.ToLower(f.Name[:1])+f.Name[1:]) + ":")
		w.field(x, f)
	}
	w.WriteByte('}')
}

// isDefault reports whether a tagged field need not be written. A structure
// that may be null has the empty structure as its default, unless the
// definition says null.
func isDefault(x reflect.Value, f *defs.Field) bool {
	null := f.HasDefault && f.Default == "null"
	switch x.Kind() {
	case reflect.Slice:
		if null {
			return x.IsNil()
		}
		return x.Len() == 0 && (f.Null.Empty() || !x.IsNil())
	case reflect.Pointer:
		if null || x.IsNil() {
			return null && x.IsNil()
		}
		x = x.Elem()
	}
	if x.Kind() == reflect.Struct && f.Struct != nil {
		for _, sub := range f.Struct.Fields {
			if !isDefault(x.FieldByName(goField(sub)), sub) {
				return false
			}
		}
		return true
	}
	if f.HasDefault {
		return fmt.Sprint(x.Interface()) == f.Default
	}
	return x.IsZero()
}

// goField is the name of a field in the generated types.
func goField(f *defs.Field) string { return strings.ToUpper(f.Name[:1]) + f.Name[1:] }

func (w *jsonWriter) field(x reflect.Value, f *defs.Field) {
	if !f.Array {
		w.one(x, f)
		return
	}
	if x.IsNil() && f.Null.Has(w.version) {
		w.WriteString("null")
		return
	}
	w.WriteByte('[')
	for i := range x.Len() {
		if i > 0 {
			w.WriteByte(',')
		}
		w.one(x.Index(i), f)
	}
	w.WriteByte(']')
}

func (w *jsonWriter) one(x reflect.Value, f *defs.Field) {
	if x.Kind() == reflect.Pointer {
		if x.IsNil() {
			w.WriteString("null")
			return
		}
		x = x.Elem()
	}
	switch {
	case f.Struct != nil:
		w.structure(x, f.Struct.Fields)
	case f.Type == "bytes":
		w.bytesField(x, f)
	case f.Type == "uuid":
		w.WriteString(jsonString(x.Interface().(model.UUID).String()))
	case x.Kind() == reflect.String:
		w.WriteString(jsonString(x.String()))
	case x.Kind() == reflect.Float64:
		w.WriteString(jsonDouble(x.Float()))
	default:
		fmt.Fprint(w, x.Interface())
	}
}

func (w *jsonWriter) bytesField(x reflect.Value, f *defs.Field) {
	if x.IsNil() && f.Null.Has(w.version) {
		w.WriteString("null")
		return
	}
	if w.inner != nil {
		if text, ok := w.inner(f.Name, x.Bytes()); ok {
			w.WriteString(text)
			return
		}
	}
	w.WriteString(`"` + base64.StdEncoding.EncodeToString(x.Bytes()) + `"`)
}

// jsonString quotes as Jackson does.
func jsonString(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return strconv.Quote(s)
	}
	out := strings.TrimSuffix(b.String(), "\n")
	return strings.NewReplacer("\\u2028", "\u2028", "\\u2029", "\u2029").Replace(out)
}

// jsonDouble prints a number with Java's spelling.
func jsonDouble(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return `"` + javaFloat(f, 64) + `"`
	}
	return javaFloat(f, 64)
}
