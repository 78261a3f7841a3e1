package tool

import (
	"bufio"
	"io"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// bufferedOut collects output; err is the first write that failed.
type bufferedOut struct {
	*bufio.Writer
	err error
}

func newBufferedOut(w io.Writer) *bufferedOut {
	return &bufferedOut{Writer: bufio.NewWriterSize(w, 64<<10)}
}

func (o *bufferedOut) text(s string) {
	if _, err := o.WriteString(s); err != nil && o.err == nil {
		o.err = err
	}
}

func (o *bufferedOut) bytes(b []byte) {
	if _, err := o.Write(b); err != nil && o.err == nil {
		o.err = err
	}
}

// formatter prints records. Its errors are the record's fault; those of
// writing are kept in the output.
type formatter interface {
	write(o *bufferedOut, r *kgo.Record) error
}

const formatterPackage = "org.apache.kafka.tools.consumer."

// formatters are the message formatters by the names of Kafka's classes.
var formatters = map[string]func(e *env, props map[string]string) (formatter, error){
	formatterPackage + "DefaultMessageFormatter":        newDefaultFormatter,
	formatterPackage + "LoggingMessageFormatter":        newLoggingFormatter,
	formatterPackage + "NoOpMessageFormatter":           newNoOpFormatter,
	formatterPackage + "OffsetsMessageFormatter":        newOffsetsFormatter,
	formatterPackage + "GroupMetadataMessageFormatter":  newGroupMetadataFormatter,
	formatterPackage + "TransactionLogMessageFormatter": newTransactionFormatter,
	formatterPackage + "ShareGroupMessageFormatter":     newShareGroupFormatter,
}

// defaultFormatter is Kafka's DefaultMessageFormatter.
type defaultFormatter struct {
	timestamp, key, value, partition, offset, delivery, epoch, headers bool

	keySep, lineSep, headerSep string
	null                       []byte

	keyDe, valueDe, headerDe deserializer // nil: bytes as they are
}

func newDefaultFormatter(e *env, props map[string]string) (formatter, error) {
	f := &defaultFormatter{value: true, keySep: "\t", lineSep: "\n", headerSep: ",", null: []byte("null")}
	for key, at := range map[string]*bool{
		"print.timestamp": &f.timestamp, "print.key": &f.key, "print.offset": &f.offset, "print.delivery": &f.delivery,
		"print.epoch": &f.epoch, "print.partition": &f.partition, "print.headers": &f.headers, "print.value": &f.value,
	} {
		if v, ok := props[key]; ok {
			*at = strings.EqualFold(strings.TrimSpace(v), "true")
		}
	}
	for key, at := range map[string]*string{"key.separator": &f.keySep, "line.separator": &f.lineSep, "headers.separator": &f.headerSep} {
		if v, ok := props[key]; ok {
			*at = v
		}
	}
	if v, ok := props["null.literal"]; ok {
		f.null = []byte(v)
	}
	for _, d := range []struct {
		key string
		at  *deserializer
	}{{"key.deserializer", &f.keyDe}, {"value.deserializer", &f.valueDe}, {"headers.deserializer", &f.headerDe}} {
		name, ok := props[d.key]
		if !ok {
			continue
		}
		if *d.at = deserializers[name]; *d.at == nil {
			e.logLine("ERROR", "Unable to instantiate a deserializer from "+name, formatterPackage+"DefaultMessageFormatter")
			e.eprintf("%s", trace(throw("java.lang.ClassNotFoundException", "%s", name)))
		}
	}
	return f, nil
}

// column ends a column; last says that none of more follows, which ends the
// line.
func (f *defaultFormatter) column(o *bufferedOut, more ...bool) {
	for _, m := range more {
		if m {
			o.text(f.keySep)
			return
		}
	}
	o.text(f.lineSep)
}

func (f *defaultFormatter) write(o *bufferedOut, r *kgo.Record) error {
	if f.timestamp {
		o.text(timestampText(r))
		f.column(o, f.partition, f.offset, f.delivery, f.epoch, f.headers, f.key, f.value)
	}
	if f.partition {
		o.text("Partition:" + strconv.Itoa(int(r.Partition)))
		f.column(o, f.offset, f.delivery, f.epoch, f.headers, f.key, f.value)
	}
	if f.offset {
		o.text("Offset:" + formatInt(r.Offset))
		f.column(o, f.delivery, f.epoch, f.headers, f.key, f.value)
	}
	if f.delivery {
		o.text("Delivery:NOT_PRESENT")
		f.column(o, f.epoch, f.headers, f.key, f.value)
	}
	if f.epoch {
		// Kafka's console consumer hides the epoch from its formatters.
		o.text("Epoch:NOT_PRESENT")
		f.column(o, f.headers, f.key, f.value)
	}
	if f.headers {
		if err := f.writeHeaders(o, r); err != nil {
			return err
		}
		f.column(o, f.key, f.value)
	}
	if f.key {
		if err := f.field(o, f.keyDe, r.Key); err != nil {
			return err
		}
		f.column(o, f.value)
	}
	if f.value {
		if err := f.field(o, f.valueDe, r.Value); err != nil {
			return err
		}
		o.text(f.lineSep)
	}
	return nil
}

func timestampText(r *kgo.Record) string {
	kind := "CreateTime"
	switch r.Attrs.TimestampType() {
	case -1:
		return "NO_TIMESTAMP"
	case 1:
		kind = "LogAppendTime"
	}
	return kind + ":" + formatInt(r.Timestamp.UnixMilli())
}

func (f *defaultFormatter) writeHeaders(o *bufferedOut, r *kgo.Record) error {
	if len(r.Headers) == 0 {
		o.text("NO_HEADERS")
	}
	for i, h := range r.Headers {
		if i > 0 {
			o.text(f.headerSep)
		}
		o.text(h.Key + ":")
		if err := f.field(o, f.headerDe, h.Value); err != nil {
			return err
		}
	}
	return nil
}

// field prints a key, value or header. As in Kafka, a deserializer is given
// the literal for null too.
func (f *defaultFormatter) field(o *bufferedOut, d deserializer, b []byte) error {
	if b == nil {
		b = f.null
	}
	if d == nil {
		o.bytes(b)
		return nil
	}
	text, err := d(b)
	if err != nil {
		return err
	}
	o.text(text)
	return nil
}

// loggingFormatter is Kafka's LoggingMessageFormatter: the default, and a line
// in the log, which the tools' log does not show unless it is turned on.
type loggingFormatter struct{ formatter }

func newLoggingFormatter(e *env, props map[string]string) (formatter, error) {
	f, err := newDefaultFormatter(e, props)
	return loggingFormatter{f}, err
}

type noOpFormatter struct{}

func newNoOpFormatter(*env, map[string]string) (formatter, error) { return noOpFormatter{}, nil }

func (noOpFormatter) write(*bufferedOut, *kgo.Record) error { return nil }
