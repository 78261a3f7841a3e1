package wire

import (
	"math/rand"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gregor/internal/model"
	"gregor/internal/wire/defs"
)

// allDefs is every message definition.
var allDefs = sync.OnceValues(func() ([]*defs.Message, error) {
	files, err := defs.All()
	var out []*defs.Message
	for _, f := range files {
		out = append(out, f.Messages...)
	}
	return out, err
})

func messages(t testing.TB) []*defs.Message {
	t.Helper()
	ms, err := allDefs()
	if err != nil {
		t.Fatal(err)
	}
	if len(ms) < 280 {
		t.Fatalf("only %d messages are defined", len(ms))
	}
	return ms
}

// eachVersion calls fn for every message in every version.
func eachVersion(t testing.TB, fn func(m *defs.Message, version int16)) {
	for _, m := range messages(t) {
		for v := m.Versions.Lo; v <= m.Versions.Hi; v++ {
			fn(m, int16(v))
		}
	}
}

// filler makes random messages from their definitions, independently of the
// generated code: it knows the definition and the Go names only.
type filler struct {
	rnd   *rand.Rand
	long  bool // some strings and lists whose length takes more than one byte
	flat  int  // that many elements in outer lists, and nothing in anything else
	depth int
}

// random is a message with every field of the version set at random.
func (g *filler) random(m *defs.Message, version int) Message {
	msg := reflect.New(reflect.TypeOf(NewByName(m.Name)).Elem())
	g.fill(msg.Elem(), m.Fields, version)
	return msg.Interface().(Message)
}

func goName(f *defs.Field) string { return strings.ToUpper(f.Name[:1]) + f.Name[1:] }

func (g *filler) fill(v reflect.Value, fs []*defs.Field, version int) {
	g.depth++
	defer func() { g.depth-- }()
	for _, f := range fs {
		x := v.FieldByName(goName(f))
		setDefault(x, f)
		if !f.Versions.Has(version) || f.Tagged.Has(version) && g.rnd.Intn(3) == 0 {
			continue
		}
		if f.Null.Has(version) && g.rnd.Intn(4) == 0 {
			x.SetZero()
			continue
		}
		g.value(x, f, version)
	}
}

func (g *filler) value(x reflect.Value, f *defs.Field, version int) {
	if f.Array {
		n := g.rnd.Intn(max(1, 5-g.depth))
		if g.flat > 0 {
			n = 0
			if g.depth == 1 {
				n = g.flat
			}
		}
		if g.long && g.depth == 1 && g.rnd.Intn(20) == 0 {
			n = 127 + g.rnd.Intn(3)
		}
		x.Set(reflect.MakeSlice(x.Type(), n, n))
		for i := 0; i < n; i++ {
			g.one(x.Index(i), f, version)
		}
		return
	}
	g.one(x, f, version)
}

func (g *filler) one(x reflect.Value, f *defs.Field, version int) {
	if x.Kind() == reflect.Pointer {
		x.Set(reflect.New(x.Type().Elem()))
		x = x.Elem()
	}
	switch f.Type {
	case "bool":
		x.SetBool(g.rnd.Intn(2) == 0)
	case "int8", "int16", "int32", "int64":
		x.SetInt(g.integer(x.Type().Bits()))
	case "uint16", "uint32":
		x.SetUint(uint64(g.integer(64)) & (1<<x.Type().Bits() - 1))
	case "float64":
		x.SetFloat(g.rnd.NormFloat64() * 1e6)
	case "uuid":
		var u model.UUID
		g.rnd.Read(u[:])
		x.Set(reflect.ValueOf(u))
	case "string":
		x.SetString(g.text())
	case "bytes":
		x.SetBytes(g.blob())
	case "records":
		x.Set(reflect.ValueOf(Records{Bytes: g.blob()}))
	default:
		g.fill(x, f.Struct.Fields, version)
	}
}

// integer is a number of that many bits, often near a border.
func (g *filler) integer(bits int) int64 {
	n := int64(g.rnd.Uint64())
	switch g.rnd.Intn(4) {
	case 0:
		n = int64(g.rnd.Intn(5)) - 2
	case 1:
		n = int64(1)<<(bits-1) - int64(g.rnd.Intn(2))
	}
	return n << (64 - bits) >> (64 - bits)
}

const letters = "abcXYZ09._-é世\U0001F600 \x00\"\\"

func (g *filler) text() string {
	n := g.rnd.Intn(12)
	if g.flat > 0 {
		n = 0
	}
	if g.long && g.rnd.Intn(20) == 0 {
		n = 120 + g.rnd.Intn(400)
	}
	all := []rune(letters)
	var b strings.Builder
	for i := 0; i < n; i++ {
		b.WriteRune(all[g.rnd.Intn(len(all))])
	}
	return b.String()
}

func (g *filler) blob() []byte {
	n := g.rnd.Intn(20)
	if g.flat > 0 {
		n = 0
	}
	if g.long && g.rnd.Intn(20) == 0 {
		n = 120 + g.rnd.Intn(300)
	}
	b := make([]byte, n)
	g.rnd.Read(b)
	return b
}

// setDefault gives x the definition's default, as Kafka's constructors do.
func setDefault(x reflect.Value, f *defs.Field) {
	x.SetZero()
	if f.Default == "null" {
		return
	}
	if f.Array {
		x.Set(reflect.MakeSlice(x.Type(), 0, 0))
		return
	}
	if x.Kind() == reflect.Pointer {
		x.Set(reflect.New(x.Type().Elem()))
		x = x.Elem()
	}
	switch {
	case f.Struct != nil:
		for _, s := range f.Struct.Fields {
			setDefault(x.FieldByName(goName(s)), s)
		}
	case f.Type == "bytes":
		x.SetBytes([]byte{})
	case !f.HasDefault:
	case f.Type == "string":
		x.SetString(f.Default)
	case f.Type == "bool":
		x.SetBool(f.Default == "true")
	case x.CanInt():
		n, err := strconv.ParseInt(f.Default, 10, 64)
		if err != nil {
			panic(err)
		}
		x.SetInt(n)
	default:
		panic("no default for a field of type " + f.Type)
	}
}
