package diff

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"sort"
	"strings"
)

// leaf is one value of an answer: its path, such as Topics[0].ErrorCode, and
// its text.
type leaf struct{ path, value string }

// flatten lists the leaves of an answer in order. norm replaces values that
// two servers cannot have in common.
func flatten(v any, norm func(path, value string) string) []leaf {
	var out []leaf
	walk(reflect.ValueOf(v), "", func(path, value string) {
		out = append(out, leaf{path, norm(path, value)})
	})
	return out
}

func walk(v reflect.Value, path string, emit func(path, value string)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			emit(path, "null")
			return
		}
		walk(v.Elem(), path, emit)
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			f := v.Type().Field(i)
			if f.Name == "UnknownTags" || f.Name == "Version" || !f.IsExported() {
				continue
			}
			walk(v.Field(i), strings.TrimPrefix(path+"."+f.Name, "."), emit)
		}
	case reflect.Array:
		b := make([]byte, v.Len())
		for i := range b {
			b[i] = byte(v.Index(i).Uint())
		}
		emit(path, hex.EncodeToString(b))
	case reflect.Slice:
		if v.IsNil() {
			emit(path, "null")
			return
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			emit(path, hex.EncodeToString(v.Bytes()))
			return
		}
		emit(path+".len", fmt.Sprint(v.Len()))
		for i := 0; i < v.Len(); i++ {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), emit)
		}
	default:
		emit(path, fmt.Sprint(v.Interface()))
	}
}

// compare lists where two answers differ, by path.
func compare(kafka, gregor []leaf) []string {
	km, gm := map[string]string{}, map[string]string{}
	paths := map[string]bool{}
	for _, l := range kafka {
		km[l.path], paths[l.path] = l.value, true
	}
	for _, l := range gregor {
		gm[l.path], paths[l.path] = l.value, true
	}
	var out []string
	for p := range paths {
		k, kok := km[p]
		g, gok := gm[p]
		switch {
		case !kok:
			out = append(out, fmt.Sprintf("%s: only gregor has it: %q", p, g))
		case !gok:
			out = append(out, fmt.Sprintf("%s: only Kafka has it: %q", p, k))
		case k != g:
			out = append(out, fmt.Sprintf("%s: Kafka %q, gregor %q", p, k, g))
		}
	}
	sort.Strings(out)
	return out
}
