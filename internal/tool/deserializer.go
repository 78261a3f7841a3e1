package tool

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// deserializer turns the bytes of a field into the text that Java prints for
// the object.
type deserializer func([]byte) (string, error)

const pkgSerialization = "org.apache.kafka.common.serialization."

// deserializers are those of Kafka's clients, by class.
var deserializers = map[string]deserializer{
	pkgSerialization + "StringDeserializer":    func(b []byte) (string, error) { return toUTF8(b), nil },
	pkgSerialization + "BytesDeserializer":     func(b []byte) (string, error) { return bytesText(b), nil },
	pkgSerialization + "ByteArrayDeserializer": func(b []byte) (string, error) { return toUTF8(b), nil },
	pkgSerialization + "ByteBufferDeserializer": func(b []byte) (string, error) {
		return fmt.Sprintf("java.nio.HeapByteBuffer[pos=0 lim=%d cap=%d]", len(b), len(b)), nil
	},
	pkgSerialization + "ShortDeserializer": sized("ShortDeserializer", 2, func(b []byte) string {
		return formatInt(int64(int16(binary.BigEndian.Uint16(b))))
	}),
	pkgSerialization + "IntegerDeserializer": sized("IntegerDeserializer", 4, func(b []byte) string {
		return formatInt(int64(int32(binary.BigEndian.Uint32(b))))
	}),
	pkgSerialization + "LongDeserializer": sized("LongDeserializer", 8, func(b []byte) string {
		return formatInt(int64(binary.BigEndian.Uint64(b)))
	}),
	pkgSerialization + "FloatDeserializer": sized("Deserializer", 4, func(b []byte) string {
		return javaFloat(float64(math.Float32frombits(binary.BigEndian.Uint32(b))), 32)
	}),
	pkgSerialization + "DoubleDeserializer": sized("Deserializer", 8, func(b []byte) string {
		return javaFloat(math.Float64frombits(binary.BigEndian.Uint64(b)), 64)
	}),
	pkgSerialization + "BooleanDeserializer": booleanText,
	pkgSerialization + "UUIDDeserializer":    uuidText,
	pkgSerialization + "VoidDeserializer": func([]byte) (string, error) {
		return "", throw(illegalArgument, "Data should be null for a VoidDeserializer.")
	},
}

func badData(format string, a ...any) error {
	return throw(pkgErrors+"SerializationException", format, a...)
}

func sized(name string, n int, text func([]byte) string) deserializer {
	return func(b []byte) (string, error) {
		if len(b) != n {
			return "", badData("Size of data received by %s is not %d", name, n)
		}
		return text(b), nil
	}
}

func booleanText(b []byte) (string, error) {
	if len(b) != 1 {
		return "", badData("Size of data received by BooleanDeserializer is not 1")
	}
	if b[0] > 1 {
		return "", badData("Unexpected byte received by BooleanDeserializer: %d", int8(b[0]))
	}
	return strconv.FormatBool(b[0] == 1), nil
}

// uuidText prints a UUID as java.util.UUID.fromString and toString would: the
// groups may be short.
func uuidText(b []byte) (string, error) {
	parts := strings.Split(string(b), "-")
	widths := []int{8, 4, 4, 4, 12}
	if len(parts) != len(widths) {
		return "", badData("Error parsing data into UUID")
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 16, 4*widths[i])
		if err != nil {
			return "", badData("Error parsing data into UUID")
		}
		parts[i] = fmt.Sprintf("%0*x", widths[i], n)
	}
	return strings.Join(parts, "-"), nil
}

// bytesText is org.apache.kafka.common.utils.Bytes.toString.
func bytesText(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		if c >= ' ' && c <= '~' && c != '\\' {
			s.WriteByte(c)
		} else {
			fmt.Fprintf(&s, `\x%02X`, c)
		}
	}
	return s.String()
}

// javaFloat is Double.toString or Float.toString: decimal between 10^-3 and
// 10^7, else with an exponent; always with a point.
func javaFloat(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, bits)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exp, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, bits), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exp) // FormatFloat wrote it
	return mantissa + "E" + strconv.Itoa(n)
}
