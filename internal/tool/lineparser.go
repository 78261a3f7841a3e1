package tool

import (
	"regexp"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lineParser makes a record of a line of text (LineMessageReader of Apache
// Kafka).
type lineParser struct {
	topic                                string
	parseKey, parseHeaders, ignoreErrors bool
	keySeparator                         string
	headersDelimiter, headersSeparator   string
	headersKeySeparator                  string
	pattern                              *regexp.Regexp // of headersSeparator
	null                                 *string        // the marker of null, if there is one
}

func newLineParser(props map[string]string) (*lineParser, error) {
	p := &lineParser{topic: props["topic"], keySeparator: "\t", headersDelimiter: "\t", headersSeparator: ",", headersKeySeparator: ":"}
	isTrue := func(key string) bool { return strings.EqualFold(strings.TrimSpace(props[key]), "true") }
	p.parseKey, p.parseHeaders, p.ignoreErrors = isTrue("parse.key"), isTrue("parse.headers"), isTrue("ignore.error")
	for key, at := range map[string]*string{
		"key.separator": &p.keySeparator, "headers.delimiter": &p.headersDelimiter,
		"headers.separator": &p.headersSeparator, "headers.key.separator": &p.headersKeySeparator,
	} {
		if v, ok := props[key]; ok {
			*at = v
		}
	}
	if v, ok := props["null.marker"]; ok {
		p.null = &v
	}
	var err error
	if p.pattern, err = regexp.Compile(p.headersSeparator); err != nil {
		return nil, throw("java.util.regex.PatternSyntaxException", "%v", err)
	}
	return p, p.check()
}

// check: separators must differ from each other and from the null marker.
func (p *lineParser) check() error {
	for _, c := range []struct{ a, b, names string }{
		{p.headersDelimiter, p.headersSeparator, "headers.delimiter and headers.separator"},
		{p.headersDelimiter, p.headersKeySeparator, "headers.delimiter and headers.key.separator"},
		{p.headersSeparator, p.headersKeySeparator, "headers.separator and headers.key.separator"},
	} {
		if c.a == c.b {
			return throw(kafkaError, "%s may not be equal", c.names)
		}
	}
	for _, c := range []struct{ v, name string }{
		{p.keySeparator, "key.separator"}, {p.headersSeparator, "headers.separator"},
		{p.headersDelimiter, "headers.delimiter"}, {p.headersKeySeparator, "headers.key.separator"},
	} {
		if p.isNull(c.v) {
			return throw(kafkaError, "null.marker and %s may not be equal", c.name)
		}
	}
	return nil
}

func (p *lineParser) isNull(s string) bool { return p.null != nil && s == *p.null }

// bytes are the bytes of a field, nil for the null marker.
func (p *lineParser) bytes(s string) []byte {
	if p.isNull(s) {
		return nil
	}
	return append([]byte{}, s...)
}

// parse makes a record of the line of that number, which errors name.
func (p *lineParser) parse(line string, number int) (*kgo.Record, error) {
	rest := line
	cut := func(enabled bool, sep, name string) (string, bool, error) {
		if !enabled {
			return "", false, nil
		}
		before, after, ok := strings.Cut(rest, sep)
		if ok {
			rest = after
			return before, true, nil
		}
		if p.ignoreErrors {
			return "", false, nil
		}
		return "", false, throw(kafkaError, "No %s found on line number %d: '%s'", name, number, line)
	}
	headers, hasHeaders, err := cut(p.parseHeaders, p.headersDelimiter, "headers delimiter")
	if err != nil {
		return nil, err
	}
	key, hasKey, err := cut(p.parseKey, p.keySeparator, "key separator")
	if err != nil {
		return nil, err
	}
	r := &kgo.Record{Topic: p.topic, Value: p.bytes(rest)}
	if hasKey {
		r.Key = p.bytes(key)
	}
	if hasHeaders && !p.isNull(headers) {
		r.Headers, err = p.headers(headers, number)
	}
	return r, err
}

func (p *lineParser) headers(text string, number int) ([]kgo.RecordHeader, error) {
	pairs := p.pattern.Split(text, -1)
	for len(pairs) > 1 && pairs[len(pairs)-1] == "" { // as Java's split
		pairs = pairs[:len(pairs)-1]
	}
	var out []kgo.RecordHeader
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, p.headersKeySeparator)
		switch {
		case !ok && p.ignoreErrors:
			out = append(out, kgo.RecordHeader{Key: pair})
		case !ok:
			return nil, throw(kafkaError, "No header key separator found in pair '%s' on line number %d", pair, number)
		case p.isNull(key):
			return nil, throw(kafkaError, "Header keys should not be equal to the null marker '%s' as they can't be null", key)
		default:
			out = append(out, kgo.RecordHeader{Key: key, Value: p.bytes(value)})
		}
	}
	return out, nil
}
