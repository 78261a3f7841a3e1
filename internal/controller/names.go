package controller

import (
	"fmt"
	"strings"

	"gregor/internal/metadata"
)

const maxTopicName = 249

// CheckTopicName says, in Kafka's words, why a topic cannot have that name;
// empty if it can.
func CheckTopicName(name string) string { return checkTopicName(name) }

// checkTopicName says, in Kafka's words, why a topic cannot have that name;
// empty if it can.
func checkTopicName(name string) string {
	switch {
	case name == "":
		return "Topic name is invalid: the empty string is not allowed"
	case name == ".":
		return "Topic name is invalid: '.' is not allowed"
	case name == "..":
		return "Topic name is invalid: '..' is not allowed"
	case len(name) > maxTopicName:
		return fmt.Sprintf("Topic name is invalid: the length of '%s' is longer than the max allowed length %d", name, maxTopicName)
	}
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || c == '.' || c == '_' || c == '-' {
			continue
		}
		return fmt.Sprintf("Topic name is invalid: '%s' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", name)
	}
	return ""
}

// collision finds a topic whose name differs from name by nothing but '.' and
// '_', which metric names cannot tell apart; empty if there is none. name itself
// counts. The names are ordered, so the search follows prefixes that exist
// instead of keeping an index.
func collision(t metadata.Topics, name string) string {
	if len(name) > maxTopicName || !strings.ContainsAny(name, "._") {
		return ""
	}
	return collide(t, []byte(name), 0)
}

// collide tries both characters at every place from at on where one stands.
func collide(t metadata.Topics, name []byte, at int) string {
	i := at
	for i < len(name) && name[i] != '.' && name[i] != '_' {
		i++
	}
	if i == len(name) {
		if t.ByName(string(name)) != nil {
			return string(name)
		}
		return ""
	}
	was := name[i]
	defer func() { name[i] = was }()
	for _, c := range []byte{'.', '_'} {
		name[i] = c
		if !hasPrefix(t, string(name[:i+1])) {
			continue
		}
		if found := collide(t, name, i+1); found != "" {
			return found
		}
	}
	return ""
}

func hasPrefix(t metadata.Topics, prefix string) bool {
	for topic := range t.From(prefix) {
		return strings.HasPrefix(topic.Name, prefix)
	}
	return false
}
