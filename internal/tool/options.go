package tool

import (
	"errors"
	"strings"

	"gregor/internal/tool/jopt"
)

// options is a table with --help and --version, as all tools of Kafka that
// parse with jopt have.
type options struct {
	*jopt.Parser
	help, version *jopt.Option
}

func newOptions() options {
	p := jopt.New()
	return options{
		Parser:  p,
		help:    p.Accepts("help", "Print usage information.").ForHelp(),
		version: p.Accepts("version", "Display Kafka version.").ForHelp(),
	}
}

// usageErr ends a tool after its message and the usage were printed.
type usageErr struct {
	parser *jopt.Parser
	msg    string
}

func (u *usageErr) Error() string { return u.msg }

// failUsage is CommandLineUtils.printUsageAndExit: e.usageError prints it.
func failUsage(p *jopt.Parser, msg string) error { return &usageErr{p, msg} }

// versionErr ends a tool after the version was printed.
var errVersion = errors.New("version")

// usage prints a message and the options on standard error; the exit status
// is 1.
func (e *env) usage(p *jopt.Parser, msg string) int {
	e.eprintln(msg)
	p.PrintHelp(e.Stderr) // standard error: there is nobody to tell
	return 1
}

// usageError handles the errors that stand for CommandLineUtils' exits: usage
// and version. done is false for any other error.
func (e *env) usageError(err error) (status int, done bool) {
	var u *usageErr
	if errors.As(err, &u) {
		return e.usage(u.parser, u.msg), true
	}
	if errors.Is(err, errVersion) {
		e.println(KafkaVersion)
		return 0, true
	}
	return 0, false
}

// parse is OptionParser.parse; its error is an OptionException.
func (o options) parse(args []string) (*jopt.Set, error) {
	s, err := o.Parse(args)
	return s, optionError(err)
}

// optionError makes an error of package jopt an exception.
func optionError(err error) error {
	if err == nil {
		return nil
	}
	name := "UnrecognizedOptionException"
	switch msg := err.Error(); {
	case strings.HasPrefix(msg, "Cannot parse argument"):
		_, rest, _ := strings.Cut(msg, "'")
		value, _, _ := strings.Cut(rest, "' of option")
		number := throw("java.lang.NumberFormatException", `For input string: "%s"`, value)
		reflection := &exception{class: "joptsimple.internal.ReflectionException", msg: describe(number), cause: number}
		return &exception{class: "joptsimple.OptionArgumentConversionException", msg: msg, cause: reflection}
	case strings.HasPrefix(msg, "Found multiple arguments"):
		name = "MultipleArgumentsForOptionException"
	case strings.HasSuffix(msg, "requires an argument"):
		name = "OptionMissingRequiredArgumentException"
	case strings.HasPrefix(msg, "Missing required option"):
		name = "MissingRequiredOptionsException"
	}
	return throw("joptsimple."+name, "%s", err.Error())
}

// isOptionError reports whether err is an OptionException.
func isOptionError(err error) bool { return strings.HasPrefix(class(err), "joptsimple.") }

// helpOrVersion is CommandLineUtils.maybePrintHelpOrVersion.
func (o options) helpOrVersion(s *jopt.Set, args []string, msg string) error {
	if len(args) == 0 || s.Has(o.help) {
		return failUsage(o.Parser, msg)
	}
	if s.Has(o.version) {
		return errVersion
	}
	return nil
}

// need fails with usage unless all of these options were given.
func (o options) need(s *jopt.Set, required ...*jopt.Option) error {
	for _, r := range required {
		if !s.Has(r) {
			return failUsage(o.Parser, `Missing required argument "`+r.String()+`"`)
		}
	}
	return nil
}

// clash fails with usage if used was given together with one of the others.
func (o options) clash(s *jopt.Set, used *jopt.Option, others ...*jopt.Option) error {
	if !s.Has(used) {
		return nil
	}
	for _, other := range others {
		if s.Has(other) {
			return failUsage(o.Parser, `Option "`+used.String()+`" can't be used with option "`+other.String()+`"`)
		}
	}
	return nil
}

// oneOf fails with usage unless exactly one of these options was given.
func (o options) oneOf(s *jopt.Set, among ...*jopt.Option) error {
	n := 0
	var names []string
	for _, a := range among {
		if s.Has(a) {
			n++
		}
		names = append(names, a.String())
	}
	if n == 1 {
		return nil
	}
	return failUsage(o.Parser, "Exactly one of the following arguments is required: "+strings.Join(names, ", "))
}

// count says how many of these options were given.
func count(s *jopt.Set, among ...*jopt.Option) int {
	n := 0
	for _, a := range among {
		if s.Has(a) {
			n++
		}
	}
	return n
}

// bootstrapOf is the address to connect to, and whether it is a controller's.
func bootstrapProps(props map[string]string, server, controller *string) error {
	switch {
	case server != nil && controller != nil:
		return throw("org.apache.kafka.server.util.CommandLineUtils$InitializeBootstrapException", "You cannot specify both --bootstrap-controller and --bootstrap-server.")
	case server != nil:
		props["bootstrap.servers"] = *server
		delete(props, "bootstrap.controllers")
	case controller != nil:
		props["bootstrap.controllers"] = *controller
		delete(props, "bootstrap.servers")
	default:
		return throw("org.apache.kafka.server.util.CommandLineUtils$InitializeBootstrapException", "You must specify either --bootstrap-controller or --bootstrap-server.")
	}
	return nil
}
