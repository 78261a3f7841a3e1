// Package wire is Kafka's protocol in Go: every request and response of API
// keys 0 to 94, their headers, and the records of Kafka's internal topics, in
// every version from 0 to that of Apache Kafka 4.4.
//
// The types and their codecs are generated (*_gen.go) from the definitions in
// defs/; run go generate after changing one. Hand-written are the bounded
// Reader, the segment-list Writer and the frames around messages (frame.go,
// records.go).
//
// # Types
//
// A message is a Go struct named as Kafka names it; structures inside it are
// named <Message><Structure>, unless their name starts with the message's
// already. Nullable strings and structures are pointers; a nil slice is null
// where the field may be null, and empty elsewhere. NewX gives an X with
// Kafka's defaults, where they are not Go's zero values; Decode sets every
// field, to its default if the version lacks it.
//
// # Memory
//
// Byte fields and records alias the bytes that were decoded: do not reuse
// them while the message lives. Strings are copies unless the Reader was told
// to alias them too (Reader.Reset), which is for messages that are finished
// before their frame is reused. Decode reuses the slices of the message
// it decodes into, so a pooled message costs no allocation; never decode into
// a message that somebody else still reads.
package wire

//go:generate go run ./gen
