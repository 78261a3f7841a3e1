// Package jopt parses command lines as jopt-simple 5.0.4 does, the library
// behind most of Apache Kafka's tools, and prints help in its layout:
//
//   - --topic x, --topic=x, -topic x and -topic=x are the same; names are never
//     abbreviated;
//   - an option that requires a value takes the next word, whatever it looks
//     like: --topic --list sets topic to "--list";
//   - -xyz is a cluster of one-letter options if there is no option xyz;
//   - -- ends the options; other words are operands and may stand anywhere;
//   - a value is converted when it is asked for, not when it is parsed.
//
// A Parser is built from a table of options, parses once and gives a Set, whose
// readers remember the first error (see Set.Err).
package jopt
