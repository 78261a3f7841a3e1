// Package codec compresses and decompresses the records of a batch with the
// coders Kafka's clients use: gzip, snappy in xerial framing, lz4 frames and
// zstd. Coders are pooled; both directions append to the caller's buffer and,
// with room in it, allocate nothing that stays. What is decompressed is capped,
// so a small batch cannot claim the machine's memory.
package codec

import "errors"

// Type is a compression type, as in the attributes of a batch.
type Type int8

// The compression types.
const (
	None   Type = 0
	Gzip   Type = 1
	Snappy Type = 2
	LZ4    Type = 3
	Zstd   Type = 4
	// Producer is no type of a batch: as compression.type of a topic it means
	// that what the producer chose is kept.
	Producer Type = -1
)

// Valid reports whether batches can have t.
func (t Type) Valid() bool { return t >= None && t <= Zstd }

// String is the name in configurations.
func (t Type) String() string {
	switch t {
	case None:
		return "none"
	case Gzip:
		return "gzip"
	case Snappy:
		return "snappy"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	case Producer:
		return "producer"
	}
	return "unknown"
}

// Parse reads the name in configurations; "uncompressed" is none, as in
// Kafka's compression.type.
func Parse(s string) (Type, bool) {
	switch s {
	case "none", "uncompressed":
		return None, true
	case "gzip":
		return Gzip, true
	case "snappy":
		return Snappy, true
	case "lz4":
		return LZ4, true
	case "zstd":
		return Zstd, true
	case "producer":
		return Producer, true
	}
	return None, false
}

// Levels and their defaults, as in Kafka's configuration.
const (
	GzipDefault = -1
	GzipMin     = 1
	GzipMax     = 9
	LZ4Default  = 9
	LZ4Min      = 1
	LZ4Max      = 17
	ZstdDefault = 3
	ZstdMin     = -131072
	ZstdMax     = 22
)

// DefaultLevel is the level t is used with when the configuration says nothing.
func (t Type) DefaultLevel() int {
	switch t {
	case Gzip:
		return GzipDefault
	case LZ4:
		return LZ4Default
	case Zstd:
		return ZstdDefault
	}
	return 0
}

// ErrTooLarge reports that decompressed data exceeds the cap.
var ErrTooLarge = errors.New("decompressed data exceeds the limit")

// ErrUnknown reports a compression type that does not exist.
var ErrUnknown = errors.New("unknown compression type")
