package tool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	franz "github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"gregor/internal/kerr"
)

// exception is an error as Java's tools show it.
type exception struct {
	class string // with its package
	msg   string
	cause error
	none  bool // there is no message: Java prints null
}

// Error is Throwable.getMessage.
func (x *exception) Error() string {
	if x.none {
		return "null"
	}
	return x.msg
}

// Unwrap gives the cause.
func (x *exception) Unwrap() error { return x.cause }

const (
	pkgErrors       = "org.apache.kafka.common.errors."
	illegalArgument = "java.lang.IllegalArgumentException"
	runtimeError    = "java.lang.RuntimeException"
	configError     = "org.apache.kafka.common.config.ConfigException"
	kafkaError      = "org.apache.kafka.common.KafkaException"
	timeoutError    = pkgErrors + "TimeoutException"
	terseError      = "org.apache.kafka.tools.TerseException"
	unsupported     = pkgErrors + "UnsupportedVersionException"
)

func throw(class, format string, a ...any) *exception {
	return &exception{class: class, msg: fmt.Sprintf(format, a...)}
}

// badArgument is a java.lang.IllegalArgumentException.
func badArgument(format string, a ...any) error { return throw(illegalArgument, format, a...) }

// terse is an error whose message alone is printed.
func terse(format string, a ...any) error {
	return throw(terseError, format, a...)
}

// class is the Java class of an error.
func class(err error) string {
	var x *exception
	if errors.As(err, &x) && error(x) == err {
		return x.class
	}
	return runtimeError
}

func isClass(err error, name string) bool { return class(err) == name }

// describe is Throwable.toString.
func describe(err error) string {
	var x *exception
	if errors.As(err, &x) && error(x) == err && x.none {
		return x.class
	}
	return class(err) + ": " + err.Error()
}

// trace is what Java prints as the stack trace, without the frames: the
// exception and its causes, each on a line.
func trace(err error) string {
	var b strings.Builder
	b.WriteString(describe(err) + "\n")
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		b.WriteString("Caused by: " + describe(cause) + "\n")
	}
	return b.String()
}

// execution wraps an error as java.util.concurrent.Future.get does.
func execution(err error) error {
	if err == nil {
		return nil
	}
	return &exception{class: "java.util.concurrent.ExecutionException", msg: describe(err), cause: err}
}

// runtime wraps an error as new RuntimeException(e) does.
func runtime(err error) error {
	if err == nil {
		return nil
	}
	return &exception{class: runtimeError, msg: describe(err), cause: err}
}

// cause undoes execution.
func cause(err error) error {
	if isClass(err, "java.util.concurrent.ExecutionException") {
		return errors.Unwrap(err)
	}
	return err
}

// codeError is the error of a response; nil for none. msg is the response's
// own message; where that is null the code's default stands in.
func codeError(code int16, msg *string) error {
	c := kerr.Code(code)
	if c == kerr.None {
		return nil
	}
	text := c.Message()
	if msg != nil {
		text = *msg
	}
	return &exception{class: pkgErrors + c.Exception(), msg: text, cause: nil}
}

// clientError is an error of franz-go as Java's client would have shown it.
// call names the request, as in "Call: listTopics".
func clientError(err error, call string) error {
	var x *exception
	var ne net.Error
	var ke *franz.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &x):
		return err
	case errors.As(err, &ke):
		return codeError(ke.Code, nil)
	case errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrClientClosed):
		return throw("java.lang.InterruptedException", "%v", err)
	case strings.Contains(err.Error(), "unsupported") || strings.Contains(err.Error(), "does not support") || strings.Contains(err.Error(), "too old"):
		return throw(unsupported, "The node does not support %s", strings.ToUpper(snake(call)))
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &ne), isUnknownBroker(err),
		strings.Contains(err.Error(), "controller broker is not available"):
		return throw(timeoutError, "Timed out waiting for a node assignment. Call: %s", call)
	}
	return throw(timeoutError, "Timed out waiting to send the call. Call: %s (%v)", call, err)
}

// isUnknownBroker: the cluster has no node of that id.
func isUnknownBroker(err error) bool {
	return err != nil && strings.Contains(err.Error(), "unknown broker")
}

// snake turns describeTopicPartitions into describe_topic_partitions.
func snake(s string) string {
	var b strings.Builder
	for i, c := range s {
		if c >= 'A' && c <= 'Z' && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// logLine prints a line as log4j does for the tools: on standard error.
func (e *env) logLine(level, msg, logger string) {
	e.eprintf("[%s] %s %s (%s)\n", e.Now().Format("2006-01-02 15:04:05,000"), level, msg, logger)
}

// logError is Kafka's log.error(Utils.stackTrace(err)).
func (e *env) logError(err error) { e.logLine("ERROR", trace(err), e.tool.Class) }

// printTrace is System.err.println(Utils.stackTrace(err)).
func (e *env) printTrace(err error) { e.eprintln(trace(err)) }
