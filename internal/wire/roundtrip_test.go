package wire

import (
	"bytes"
	"math/rand"
	"reflect"
	"testing"

	"gregor/internal/wire/defs"
)

// TestRoundTrip encodes and decodes random messages of every kind and version:
// nothing is lost, and a message that was used before decodes as a new one.
func TestRoundTrip(t *testing.T) {
	used := map[string]Message{}
	g := &filler{rnd: rand.New(rand.NewSource(1)), long: true}
	eachVersion(t, func(m *defs.Message, v int16) {
		for i := 0; i < 5; i++ {
			msg := g.random(m, int(v))
			b, err := Append(nil, msg, v)
			if err != nil {
				t.Fatalf("%s v%d: %v", m.Name, v, err)
			}
			fresh := NewByName(m.Name)
			if err := Unmarshal(b, fresh, v); err != nil {
				t.Fatalf("%s v%d: %v\n%x", m.Name, v, err, b)
			}
			want := toJSON(t, m, msg, int(v), true)
			if got := toJSON(t, m, fresh, int(v), true); got != want {
				t.Fatalf("%s v%d:\n got %s\nwant %s", m.Name, v, got, want)
			}
			if used[m.Name] == nil {
				used[m.Name] = NewByName(m.Name)
			}
			if err := Unmarshal(b, used[m.Name], v); err != nil {
				t.Fatal(err)
			}
			if !equalMessages(used[m.Name], fresh) {
				t.Fatalf("%s v%d: a message used before decodes differently:\n got %+v\nwant %+v", m.Name, v, used[m.Name], fresh)
			}
			again, err := Append(nil, fresh, v)
			if err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%s v%d: encoded again: %v\n%x\n%x", m.Name, v, err, again, b)
			}
		}
	})
}

// equalMessages compares by content; empty and missing lists are equal, for a
// field that a version lacks keeps the memory of its list.
func equalMessages(a, b Message) bool {
	return equalValues(reflect.ValueOf(a), reflect.ValueOf(b))
}

func equalValues(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return equalValues(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := 0; i < a.NumField(); i++ {
			if !equalValues(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := 0; i < a.Len(); i++ {
			if !equalValues(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// TestDefaults: constructors, and Decode of fields the version lacks, give
// the defaults of the definition. Nullable strings without a default are nil
// in Go and empty in Kafka.
func TestDefaults(t *testing.T) {
	for _, m := range messages(t) {
		want := reflect.New(reflect.TypeOf(NewByName(m.Name)).Elem())
		for _, f := range m.Fields {
			setDefault(want.Elem().FieldByName(goName(f)), f)
		}
		nilStrings(want)
		if got := NewByName(m.Name); !equalMessages(got, want.Interface().(Message)) {
			t.Errorf("New%s: got %+v, want %+v", m.Name, got, want.Interface())
		}
	}
	// Every field of FetchResponse v0's partition that came later.
	p := FetchResponsePartitionData{LastStableOffset: 5, LogStartOffset: 5, PreferredReadReplica: 5, AbortedTransactions: make([]FetchResponseAbortedTransaction, 3)}
	p.DivergingEpoch.Epoch = 7
	p.decode(NewReader(make([]byte, 18)), 0)
	want := NewFetchResponsePartitionData()
	want.Records.Bytes = []byte{}
	if !equalValues(reflect.ValueOf(p), reflect.ValueOf(*want)) {
		t.Errorf("got %+v, want %+v", p, *want)
	}
}

func nilStrings(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && v.Elem().Kind() == reflect.String {
			if v.Elem().Len() == 0 {
				v.SetZero()
			}
		} else if !v.IsNil() {
			nilStrings(v.Elem())
		}
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			nilStrings(v.Field(i))
		}
	}
}
