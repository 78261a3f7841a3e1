package main

import (
	"fmt"
	"sort"

	"gregor/internal/wire/defs"
)

// tables prints the table of API keys and the functions from a number to an
// empty message.
func (p *printer) tables(files []*defs.File) {
	var apis []*defs.File
	for _, f := range files {
		if f.Key >= 0 {
			apis = append(apis, f)
		}
	}
	p.f("// apis is indexed by API key.")
	p.f("var apis = [...]API{")
	for _, f := range apis {
		q := f.Messages[0]
		p.f("{Key: %d, Name: %q, MinVersion: %d, MaxVersion: %d, FirstFlexible: %d, Unstable: %v, advertised: [3]advertised{%s, %s, %s}},",
			f.Key, f.API, q.Versions.Lo, q.Versions.Hi, firstFlexible(q), q.Unstable,
			advertised(f, "broker"), advertised(f, "controller"), advertised(f, "zk"))
	}
	p.f("}\n")
	p.f("// The API keys.")
	p.f("const (")
	for _, f := range apis {
		p.f("Key%s int16 = %d", f.API, f.Key)
	}
	p.f(")\n")
	p.byNumber("NewRequest", "is an empty request of API key n with Kafka's defaults, nil if there is no such key", "Message", pick(files, "request", ""))
	p.byNumber("NewResponse", "is an empty response of API key n with Kafka's defaults, nil if there is no such key", "Message", pick(files, "response", ""))
	for _, t := range []struct{ topic, name string }{
		{"__cluster_metadata", "Metadata"}, {"__remote_log_metadata", "RemoteLog"},
	} {
		p.byNumber("new"+t.name+"Record", "is an empty record of type n, nil if there is no such type", "Record", pick(files, "record", t.topic))
	}
	for _, t := range []struct{ topic, name string }{
		{"__consumer_offsets", "Group"}, {"__transaction_state", "Txn"}, {"__share_group_state", "Share"},
	} {
		p.byNumber("new"+t.name+"Key", "is an empty key of type n, nil if there is no such type", "Record", pick(files, "key", t.topic))
		p.byNumber("new"+t.name+"Value", "is an empty value of type n, nil if there is no such type", "Record", pick(files, "value", t.topic))
	}
	p.everything(files)
}

func firstFlexible(m *defs.Message) int {
	if m.Flexible.Empty() {
		return -1
	}
	return m.Flexible.Lo
}

func advertised(f *defs.File, listener string) string {
	a, ok := f.Advertise[listener]
	if !ok {
		return "none"
	}
	return fmt.Sprintf("{%d, %d, %d, %d}", a.Range.Lo, a.Range.Hi, a.Accept.Lo, a.Accept.Hi)
}

func pick(files []*defs.File, kind, topic string) []*defs.Message {
	var out []*defs.Message
	for _, f := range files {
		for _, m := range f.Messages {
			if m.Kind == kind && m.Topic == topic {
				out = append(out, m)
			}
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Num < out[j].Num })
	return out
}

func (p *printer) byNumber(name, does, typ string, ms []*defs.Message) {
	p.f("// %s %s.", name, does)
	p.f("func %s(n int16) %s {", name, typ)
	p.f("switch n {")
	for _, m := range ms {
		p.f("case %d: return New%s()", m.Num, m.Name)
	}
	p.f("}\nreturn nil\n}\n")
}

// everything prints the list of all messages by name, for tests and tools.
func (p *printer) everything(files []*defs.File) {
	p.f("// NewByName is an empty message with Kafka's defaults by its name, such as")
	p.f("// FetchRequest; nil if there is none.")
	p.f("func NewByName(name string) Message {")
	p.f("switch name {")
	for _, f := range files {
		for _, m := range f.Messages {
			p.f("case %q: return New%s()", m.Name, m.Name)
		}
	}
	p.f("}\nreturn nil\n}")
}
