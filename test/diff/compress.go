package diff

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// The codecs of a batch's attributes.
const (
	gzipCodec = 1 + iota
	snappyCodec
	lz4Codec
	zstdCodec
)

// codecNames are the values of compression.type, by codec.
var codecNames = []string{"uncompressed", "gzip", "snappy", "lz4", "zstd"}

// compressed is b as clients write it with that codec.
func compressed(codec int16, b []byte) []byte {
	var out bytes.Buffer
	switch codec {
	case gzipCodec:
		w := gzip.NewWriter(&out)
		_, _ = w.Write(b)
		_ = w.Close()
	case snappyCodec:
		return xerial(b)
	case lz4Codec:
		w := lz4.NewWriter(&out)
		if err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false)); err != nil {
			panic(err)
		}
		_, _ = w.Write(b)
		_ = w.Close()
	case zstdCodec:
		w, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err)
		}
		_, _ = w.Write(b)
		_ = w.Close()
	default:
		return b
	}
	return out.Bytes()
}

// xerial is snappy in the framing of Java clients, 32 KiB a block.
func xerial(b []byte) []byte {
	out := []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1}
	for len(b) > 0 {
		n := min(len(b), 32<<10)
		block := snappy.Encode(nil, b[:n])
		out = binary.BigEndian.AppendUint32(out, uint32(len(block)))
		out, b = append(out, block...), b[n:]
	}
	return out
}
