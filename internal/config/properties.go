package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Property is one key and value of a .properties file, with the line (from 1)
// it starts on.
type Property struct {
	Key, Value string
	Line       int
}

// ParseProperties reads a Java .properties file: # and ! comments, = : or
// white space between key and value, \ at the end of a line joins the next,
// \t \n \r \f \uXXXX escapes. Bytes that are not valid UTF-8 are taken as
// ISO-8859-1, as Java takes them all. A key that stands twice keeps its last
// value. The only error is a malformed \uXXXX.
func ParseProperties(data []byte) ([]Property, error) {
	text := string(data)
	if !utf8.ValidString(text) {
		text = latin1(data)
	}
	var out []Property
	at := map[string]int{}
	lines := splitLines(text)
	for i := 0; i < len(lines); i++ {
		start := i + 1
		l := strings.TrimLeft(lines[i], " \t\f")
		if l == "" || l[0] == '#' || l[0] == '!' {
			continue
		}
		for continues(l) {
			l = l[:len(l)-1]
			if i+1 >= len(lines) {
				break
			}
			i++
			l += strings.TrimLeft(lines[i], " \t\f")
		}
		p, err := splitProperty(l)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", start, err)
		}
		p.Line = start
		if j, ok := at[p.Key]; ok {
			out[j] = p
			continue
		}
		at[p.Key] = len(out)
		out = append(out, p)
	}
	return out, nil
}

func splitLines(s string) []string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(s, "\r", "\n"), "\n")
}

func latin1(b []byte) string {
	var sb strings.Builder
	for _, c := range b {
		sb.WriteRune(rune(c))
	}
	return sb.String()
}

// continues reports whether l ends in an odd number of backslashes.
func continues(l string) bool {
	n := 0
	for n < len(l) && l[len(l)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

func splitProperty(l string) (Property, error) {
	end := len(l)
	for i := 0; i < len(l); i++ {
		if l[i] == '\\' {
			i++
			continue
		}
		if strings.IndexByte("=: \t\f", l[i]) >= 0 {
			end = i
			break
		}
	}
	rest := strings.TrimLeft(l[end:], " \t\f")
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], " \t\f")
	}
	k, err := unescape(l[:end])
	if err != nil {
		return Property{}, err
	}
	v, err := unescape(rest)
	return Property{Key: k, Value: v}, err
}

func unescape(s string) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var sb strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			sb.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			break
		}
		switch s[i] {
		case 't':
			sb.WriteByte('\t')
		case 'n':
			sb.WriteByte('\n')
		case 'r':
			sb.WriteByte('\r')
		case 'f':
			sb.WriteByte('\f')
		case 'u':
			if i+4 >= len(s) {
				return "", fmt.Errorf(`malformed \uxxxx in %q: expected four hexadecimal digits`, s)
			}
			n, err := strconv.ParseUint(s[i+1:i+5], 16, 16)
			if err != nil {
				return "", fmt.Errorf(`malformed \uxxxx in %q: expected four hexadecimal digits`, s)
			}
			sb.WriteRune(rune(n))
			i += 4
		default:
			sb.WriteByte(s[i])
		}
	}
	return sb.String(), nil
}
