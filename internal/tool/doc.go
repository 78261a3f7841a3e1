// Package tool holds Apache Kafka's command-line tools, over the public client
// (franz-go) only: the same names, options, output, errors and exit statuses.
//
// # How a tool is made
//
// A tool is a file, or a few, with its own table of options and a run function;
// table.go lists them all, there is no registration. Most parse with package
// jopt, some with package argparse, as Kafka's do; completion and the lists of
// options in the tests come from the same tables.
//
//	func runThing(e *env, args []string) int {
//		o := newThingOptions()                  // table of options (jopt)
//		set, err := o.parse(args)
//		...
//		if o.wantsHelp(set, args) { return e.usage(o.Parser, "This tool ...") }
//		...
//		a, err := e.newAdmin(props)             // client from --command-config
//		defer a.close()
//	}
//
// A run function returns the exit status and writes only to e.Stdout, e.Stderr.
// It never ends the process. Output lines end in \n. Where Kafka prints usage
// and exits (CommandLineUtils.printUsageAndExit) a tool returns e.usage(...);
// deeper down it returns an error made by failUsage, which e.usageError prints.
//
// # Errors
//
// What Java throws is an *exception here: a class name, a message, a cause.
// Errors of the protocol become one through codeError (the response's own
// message, or Kafka's default), those of the network through clientError.
// Tools print them as Kafka's do: e.logError is log4j's ERROR line, trace what
// Utils.stackTrace prints, without the frames. execution wraps an error as
// Future.get does, for tools that show that.
//
// # Client settings
//
// The files of --command-config hold Java's names (client.id,
// security.protocol, sasl.jaas.config, ...): env.loadProps reads one,
// clientOptions turns the settings into options of kgo.
//
// # Tests
//
// testdata/script holds testscript files: those at the top need no server;
// those in server/ are given $BOOTSTRAP and run against gregor and against
// Apache Kafka itself, whose tools must print the same.
package tool
