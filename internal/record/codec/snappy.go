package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/klauspost/compress/snappy"
)

// Snappy travels in xerial framing (snappy-java): a magic of 8 bytes, version
// and lowest compatible version (int32 each, both 1), then blocks, each an
// int32 length and a raw snappy block. Some clients send one raw block.

var xerialHeader = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1}

const (
	xerialMagic = 8
	// xerialBlock is how much snappy-java puts in a block.
	xerialBlock = 32 << 10
	// snappyMaxRatio bounds what a raw block can grow to: a copy of 64 bytes
	// takes 2 or more. Larger claims are lies, made to have memory allocated.
	snappyMaxRatio = 64
)

var errSnappy = errors.New("damaged snappy data")

func compressSnappy(dst, src []byte) []byte {
	dst = append(dst, xerialHeader...)
	for len(src) > 0 {
		block := src[:min(len(src), xerialBlock)]
		src = src[len(block):]
		dst = slices.Grow(dst, 4+snappy.MaxEncodedLen(len(block)))
		at := len(dst)
		out := snappy.Encode(dst[at+4:cap(dst)], block)
		dst = dst[:at+4+len(out)]
		binary.BigEndian.PutUint32(dst[at:], uint32(len(out)))
	}
	return dst
}

func decompressSnappy(dst, src []byte, limit int) ([]byte, error) {
	if !bytes.HasPrefix(src, xerialHeader[:xerialMagic]) {
		return snappyBlock(dst, src, limit)
	}
	if len(src) < len(xerialHeader) {
		return dst, errSnappy
	}
	src = src[len(xerialHeader):]
	start := len(dst)
	for len(src) > 0 {
		// snappy-java writes a header before each flush, so one may stand
		// between blocks.
		if bytes.HasPrefix(src, xerialHeader[:xerialMagic]) && len(src) >= len(xerialHeader) {
			src = src[len(xerialHeader):]
			continue
		}
		if len(src) < 4 {
			return dst, errSnappy
		}
		n := binary.BigEndian.Uint32(src)
		if uint64(n) > uint64(len(src)-4) {
			return dst, errSnappy
		}
		var err error
		if dst, err = snappyBlock(dst, src[4:4+n], limit-(len(dst)-start)); err != nil {
			return dst, err
		}
		src = src[4+n:]
	}
	return dst, nil
}

func snappyBlock(dst, block []byte, limit int) ([]byte, error) {
	n, err := snappy.DecodedLen(block)
	if err != nil || n > snappyMaxRatio*len(block) {
		return dst, errSnappy
	}
	if n > limit {
		return dst, ErrTooLarge
	}
	dst = slices.Grow(dst, n)
	at := len(dst)
	if _, err := snappy.Decode(dst[at:at+n], block); err != nil {
		return dst, errSnappy
	}
	return dst[:at+n], nil
}
