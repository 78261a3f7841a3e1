package tool

import (
	"bytes"
	"io"
	"strconv"
	"sync"
	"time"
)

// events prints the JSON events of the verifiable clients, a line each.
type events struct {
	now func() time.Time
	mu  sync.Mutex
	out io.Writer
}

// field is a name and a value in JSON.
type field struct{ name, json string }

func strField(name, v string) field       { return field{name, jsonString(v)} }
func intField(name string, v int64) field { return field{name, strconv.FormatInt(v, 10)} }

// nullableField is a string, or null.
func nullableField(name string, v []byte) field {
	if v == nil {
		return field{name, "null"}
	}
	return strField(name, string(v))
}

func object(fields ...field) string {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Quote(f.name) + ":" + f.json)
	}
	b.WriteByte('}')
	return b.String()
}

func array(items []string) string {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, it := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(it)
	}
	b.WriteByte(']')
	return b.String()
}

func (ev *events) print(name string, fields ...field) {
	all := append([]field{intField("timestamp", ev.now().UnixMilli()), strField("name", name)}, fields...)
	line := object(all...) + "\n"
	ev.mu.Lock()
	defer ev.mu.Unlock()
	io.WriteString(ev.out, line) // standard output: the run goes on without a reader, as Kafka's does
}

// partitionList are topic partitions in JSON, sorted.
func partitionList(parts map[string][]int32) string {
	var out []string
	for _, t := range sortedKeys(parts) {
		for _, p := range parts[t] {
			out = append(out, object(strField("topic", t), intField("partition", int64(p))))
		}
	}
	return array(out)
}
