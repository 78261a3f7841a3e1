package diff

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// leaf is one value of an answer: its path, such as Topics[0].ErrorCode, and
// its text.
type leaf struct{ path, value string }

// flatten lists the leaves of an answer in order. norm replaces values that
// two servers cannot have in common.
// With byName the elements of arrays go by what names them, not by their place.
func flatten(v any, recompressed, byName bool, norm func(path, value string) string) []leaf {
	var out []leaf
	w := walker{recompressed, byName, norm, func(path, value string) {
		out = append(out, leaf{path, norm(path, value)})
	}}
	if r, ok := v.(*kmsg.ApiVersionsResponse); ok {
		c := *r
		w.keys(&c)
		v = &c
	}
	w.walk(reflect.ValueOf(v), "")
	return out
}

type walker struct {
	recompressed, byName bool
	norm                 func(path, value string) string
	emit                 func(path, value string)
}

// keys lists the ranges of ApiVersions by the names of the keys, and features
// by theirs, for neither has an order.
func (w walker) keys(r *kmsg.ApiVersionsResponse) {
	for _, k := range r.ApiKeys {
		w.emit("ApiKeys."+kmsg.NameForKey(k.ApiKey), fmt.Sprintf("%d-%d", k.MinVersion, k.MaxVersion))
	}
	for _, f := range r.SupportedFeatures {
		w.emit("SupportedFeatures."+f.Name, fmt.Sprintf("%d-%d", f.MinVersion, f.MaxVersion))
	}
	for _, f := range r.FinalizedFeatures {
		w.emit("FinalizedFeatures."+f.Name, fmt.Sprintf("%d-%d", f.MinVersionLevel, f.MaxVersionLevel))
	}
	r.ApiKeys, r.SupportedFeatures, r.FinalizedFeatures = nil, nil, nil
}

// names are fields that name an element of an array.
var names = []string{"Name", "Topic", "ResourceName", "Group", "GroupID", "CoordinatorKey", "Key", "Partition", "NodeID", "ReplicaID"}

// elements are the elements of an array with what they go by: their place, or
// their name, or their place among the nameless in the order of their content.
func (w walker) elements(v reflect.Value) (elems []reflect.Value, labels []string) {
	for i := 0; i < v.Len(); i++ {
		elems, labels = append(elems, v.Index(i)), append(labels, fmt.Sprint(i))
	}
	if !w.byName {
		return elems, labels
	}
	content := make([]string, len(elems))
	for i, e := range elems {
		c := w
		c.emit = func(path, value string) { content[i] += path + "=" + w.norm(path, value) + " " }
		c.walk(e, "")
	}
	sort.Sort(byContent{elems, content})
	taken := map[string]int{}
	for i, e := range elems {
		l := name(e)
		if taken[l]++; taken[l] > 1 || l == "" {
			l += fmt.Sprintf("#%d", taken[l])
		}
		labels[i] = l
	}
	return elems, labels
}

// name is what names an element of an array, if anything does.
func name(v reflect.Value) string {
	if v.Kind() != reflect.Struct {
		return fmt.Sprint(v.Interface())
	}
	for _, n := range names {
		f := reflect.Indirect(v.FieldByName(n))
		if f.IsValid() && !f.IsZero() && f.Kind() != reflect.Array {
			return fmt.Sprint(f.Interface())
		}
	}
	return ""
}

type byContent struct {
	elems   []reflect.Value
	content []string
}

func (b byContent) Len() int           { return len(b.elems) }
func (b byContent) Less(i, j int) bool { return b.content[i] < b.content[j] }
func (b byContent) Swap(i, j int) {
	b.elems[i], b.elems[j] = b.elems[j], b.elems[i]
	b.content[i], b.content[j] = b.content[j], b.content[i]
}

func (w walker) walk(v reflect.Value, path string) {
	emit := w.emit
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			emit(path, "null")
			return
		}
		w.walk(v.Elem(), path)
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			f := v.Type().Field(i)
			if f.Name == "UnknownTags" || f.Name == "Version" || !f.IsExported() {
				continue
			}
			w.walk(v.Field(i), strings.TrimPrefix(path+"."+f.Name, "."))
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
			if strings.HasSuffix(path, ".RecordBatches") {
				batchLeaves(path, v.Bytes(), w.recompressed, emit)
				return
			}
			emit(path, hex.EncodeToString(v.Bytes()))
			return
		}
		emit(path+".len", fmt.Sprint(v.Len()))
		elems, labels := w.elements(v)
		for i, e := range elems {
			w.walk(e, fmt.Sprintf("%s[%s]", path, labels[i]))
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
