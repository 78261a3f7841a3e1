package config

import (
	"fmt"
	"strings"
)

// Markdown is docs/config.md: every documented setting.
func Markdown() string {
	var sb strings.Builder
	sb.WriteString("# Settings\n\nWritten from the key table of `internal/config`; do not edit. Names, types, defaults and limits are those of\nApache Kafka 4.4.0. *Update* says how a broker setting changes while the broker runs. Settings marked † are\naccepted and have no effect yet: the server says so once in its log.\n")
	section := func(title string, t *Table) {
		fmt.Fprintf(&sb, "\n## %s\n\n| setting | type | default | valid values | update | what it does |\n|-|-|-|-|-|-|\n", title)
		for _, k := range t.Keys() {
			if k.Internal || k.Old {
				continue
			}
			mark := ""
			if _, ok := unbuilt[k.Name]; ok && t == Broker {
				mark = " †"
			}
			fmt.Fprintf(&sb, "| `%s`%s | %s | %s | %s | %s | %s |\n", k.Name, mark, strings.ToLower(k.Type.String()), k.defaultText(), k.validText(), k.Update, k.Doc)
		}
	}
	section("Broker and controller", Broker)
	section("Topic", Topic)
	section("Group", Group)
	section("Client metrics subscription", ClientMetrics)
	section("Quotas of users and clients", UserQuota)
	section("Quotas of IP addresses", IPQuota)
	return sb.String()
}

func (k *Key) defaultText() string {
	switch {
	case k.Required:
		return "(required)"
	case k.Null:
		return "null"
	case k.Default == "":
		return `""`
	}
	return k.Default
}

func (k *Key) validText() string {
	if k.Valid == nil {
		return ""
	}
	return k.Valid.String()
}
