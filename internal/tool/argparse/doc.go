// Package argparse parses command lines as argparse4j 0.7.0 does, the library
// behind kafka-cluster, kafka-metadata-quorum, kafka-features, kafka-storage,
// kafka-transactions, kafka-metadata-shell, kafka-producer-perf-test and the
// verifiable clients, and prints usage, help and errors in its layout:
//
//   - long flags and commands may be abbreviated as long as they are unique;
//   - --flag value, --flag=value, -f value and -fvalue are the same;
//   - a word that starts with - is a flag, unless it is a negative number;
//   - values are converted, and checked against choices, while parsing.
//
// A Parser is a table of arguments and commands; Parse gives a Namespace by
// destination name. An error prints itself: see Error.Print.
package argparse
