// Package klog prints log/slog records as Kafka's log4j does:
//
//	[2025-02-08 08:34:12,286] INFO [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)
//
// and keeps Kafka's files: server.log, controller.log and state-change.log,
// renamed every hour with the hour as their suffix. A logger carries the name
// that Kafka users grep for, and the prefix Kafka puts before the message.
package klog

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Keys of the two attributes the handler shows in a place of their own.
const (
	loggerKey = "\x00logger"
	prefixKey = "\x00prefix"
)

// LevelTrace and LevelFatal are the two levels of log4j that slog lacks.
const (
	LevelTrace = slog.Level(-8)
	LevelFatal = slog.Level(12)
)

// Named is base with a logger name, such as kafka.server.KafkaRaftServer, and
// a prefix, such as "[KafkaRaftServer nodeId=1] ", which may be empty.
func Named(base *slog.Logger, name, prefix string) *slog.Logger {
	return base.With(slog.String(loggerKey, name), slog.String(prefixKey, prefix))
}

// Sink takes one finished line, newline included. The line is the sink's only
// during the call.
type Sink interface {
	WriteLine(logger string, t time.Time, line []byte)
}

// Handler is the slog.Handler of Kafka's pattern.
type Handler struct {
	levels         *Levels
	sinks          []Sink
	logger, prefix string
	attrs          string
}

// NewHandler prints to every sink what levels lets through.
func NewHandler(levels *Levels, sinks ...Sink) *Handler {
	return &Handler{levels: levels, sinks: sinks, logger: "root"}
}

// Enabled asks the levels for this logger's name.
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool {
	return l >= h.levels.of(h.logger)
}

// WithAttrs keeps attrs; name and prefix take their own places.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *h
	for _, a := range attrs {
		switch a.Key {
		case loggerKey:
			n.logger = a.Value.String()
		case prefixKey:
			n.prefix = a.Value.String()
		default:
			n.attrs += " " + a.Key + "=" + a.Value.String()
		}
	}
	return &n
}

// WithGroup does nothing: log4j's pattern has no groups.
func (h *Handler) WithGroup(string) slog.Handler { return h }

// Handle prints one record.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	b := make([]byte, 0, 256)
	b = append(b, '[')
	b = appendTime(b, r.Time)
	b = append(b, "] "...)
	b = append(b, levelName(r.Level)...)
	b = append(b, ' ')
	b = append(b, h.prefix...)
	b = append(b, r.Message...)
	b = append(b, h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		b = append(b, ' ')
		b = append(b, a.Key...)
		b = append(b, '=')
		b = append(b, quoted(a.Value.Resolve().String())...)
		return true
	})
	b = append(b, " ("...)
	b = append(b, h.logger...)
	b = append(b, ")\n"...)
	for _, s := range h.sinks {
		s.WriteLine(h.logger, r.Time, b)
	}
	return nil
}

// quoted keeps a value from breaking the line: hostile input may end up in a
// log line.
func quoted(s string) string {
	if strings.ContainsAny(s, "\n\r") {
		return strconv.Quote(s)
	}
	return s
}

func appendTime(b []byte, t time.Time) []byte {
	b = t.AppendFormat(b, "2006-01-02 15:04:05")
	ms := t.Nanosecond() / 1e6
	return append(b, ',', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}

func levelName(l slog.Level) string {
	switch {
	case l >= LevelFatal:
		return "FATAL"
	case l >= slog.LevelError:
		return "ERROR"
	case l >= slog.LevelWarn:
		return "WARN"
	case l >= slog.LevelInfo:
		return "INFO"
	case l >= slog.LevelDebug:
		return "DEBUG"
	}
	return "TRACE"
}
