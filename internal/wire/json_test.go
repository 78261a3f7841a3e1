package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"gregor/internal/model"
	"gregor/internal/wire/defs"
)

// toJSON is the message as Kafka's JsonConverter classes write it: fields by
// their names in camelCase, tagged ones only if they are not at their
// default, bytes in base64. withRecords writes the bytes of records too, which
// Kafka reads and never writes.
func toJSON(t testing.TB, m *defs.Message, msg Message, version int, withRecords bool) string {
	t.Helper()
	tree := jsonStruct(reflect.ValueOf(msg).Elem(), m.Fields, version, withRecords)
	b, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func jsonStruct(v reflect.Value, fs []*defs.Field, version int, withRecords bool) map[string]any {
	out := map[string]any{}
	for _, f := range fs {
		if !f.Versions.Has(version) {
			continue
		}
		x := v.FieldByName(goName(f))
		if f.Tagged.Has(version) {
			def := reflect.New(x.Type()).Elem()
			setDefault(def, f)
			if sameValue(x, def, f) {
				continue
			}
		}
		out[strings.ToLower(f.Name[:1])+f.Name[1:]] = jsonField(x, f, version, withRecords)
	}
	return out
}

// sameValue compares by content; nil and empty differ where null may be.
func sameValue(a, b reflect.Value, f *defs.Field) bool {
	if a.Kind() == reflect.Slice && !f.Null.Empty() && a.IsNil() != b.IsNil() {
		return false
	}
	return equalValues(a, b)
}

func jsonField(x reflect.Value, f *defs.Field, version int, withRecords bool) any {
	nullable := f.Null.Has(version)
	if !f.Array {
		return jsonOne(x, f, version, withRecords)
	}
	if x.IsNil() && nullable {
		return nil
	}
	list := []any{}
	for i := 0; i < x.Len(); i++ {
		list = append(list, jsonOne(x.Index(i), f, version, withRecords))
	}
	return list
}

func jsonOne(x reflect.Value, f *defs.Field, version int, withRecords bool) any {
	if x.Kind() == reflect.Pointer {
		if x.IsNil() {
			return nil
		}
		x = x.Elem()
	}
	switch f.Type {
	case "uuid":
		return x.Interface().(model.UUID).String()
	case "bytes":
		return jsonBytes(x.Bytes(), f.Null.Has(version))
	case "records":
		b := x.Interface().(Records).Bytes
		if b != nil && !withRecords {
			b = []byte{}
		}
		return jsonBytes(b, f.Null.Has(version))
	case "float64":
		if f := x.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return "not a number" // never made at random
		}
		return x.Float()
	}
	if f.Struct != nil {
		return jsonStruct(x, f.Struct.Fields, version, withRecords)
	}
	return x.Interface()
}

func jsonBytes(b []byte, nullable bool) any {
	if b == nil && nullable {
		return nil
	}
	return base64.StdEncoding.EncodeToString(b)
}

// sameJSON compares two documents by content.
func sameJSON(t testing.TB, a, b string) bool {
	t.Helper()
	return reflect.DeepEqual(parseJSON(t, a), parseJSON(t, b))
}

func parseJSON(t testing.TB, s string) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(s)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return floats(v)
}

// floats turns numbers with a fraction or exponent into float64.
func floats(v any) any {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			f, _ := v.Float64()
			return f
		}
		return v.String()
	case []any:
		for i := range v {
			v[i] = floats(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = floats(v[k])
		}
	}
	return v
}
