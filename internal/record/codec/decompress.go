package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Decompress appends src, decompressed, to dst, at most limit bytes of it;
// if there is more the error is ErrTooLarge. Other errors mean that src is
// damaged. After an error what was appended means nothing.
func Decompress(dst, src []byte, t Type, limit int) ([]byte, error) {
	switch t {
	case None:
		if len(src) > limit {
			return dst, ErrTooLarge
		}
		return append(dst, src...), nil
	case Gzip:
		return decompressGzip(dst, src, limit)
	case Snappy:
		return decompressSnappy(dst, src, limit)
	case LZ4:
		return decompressLZ4(dst, src, limit)
	case Zstd:
		return decompressZstd(dst, src, limit)
	}
	return dst, ErrUnknown
}

// readAll appends what r yields to dst, at most limit bytes. The buffer grows
// with what has really come, never with what a header promises.
func readAll(dst []byte, r io.Reader, limit int) ([]byte, error) {
	start := len(dst)
	for {
		if len(dst)-start > limit {
			return dst, ErrTooLarge
		}
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, max(4096, min(len(dst), 1<<20)))
		}
		room := min(cap(dst)-len(dst), limit+1-(len(dst)-start))
		n, err := r.Read(dst[len(dst) : len(dst)+room])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			if len(dst)-start > limit {
				return dst, ErrTooLarge
			}
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}

type gzipReader struct {
	r  *gzip.Reader
	in bytes.Reader
}

var gzipReaders sync.Pool

func decompressGzip(dst, src []byte, limit int) ([]byte, error) {
	g, _ := gzipReaders.Get().(*gzipReader)
	if g == nil {
		g = &gzipReader{r: new(gzip.Reader)}
	}
	defer func() {
		g.in.Reset(nil)
		gzipReaders.Put(g)
	}()
	g.in.Reset(src)
	if err := g.r.Reset(&g.in); err != nil {
		return dst, fmt.Errorf("gzip: %w", noEOF(err))
	}
	for start := len(dst); ; {
		g.r.Multistream(false)
		var err error
		if dst, err = readAll(dst, g.r, limit-(len(dst)-start)); err != nil {
			return dst, noEOF(err)
		}
		// Another member may follow; what is none is left alone, as Java does.
		if g.in.Len() < gzipMember || g.r.Reset(&g.in) != nil {
			return dst, nil
		}
	}
}

// gzipMember is the least number of bytes of a member: header, an empty block
// and trailer.
const gzipMember = 10 + 2 + 8

// noEOF names an end that came too early; a bare io.EOF would look like the
// regular one.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

type lz4Reader struct {
	r  *lz4.Reader
	in bytes.Reader
}

var lz4Readers sync.Pool

func decompressLZ4(dst, src []byte, limit int) ([]byte, error) {
	l, _ := lz4Readers.Get().(*lz4Reader)
	if l == nil {
		l = &lz4Reader{}
		l.r = lz4.NewReader(&l.in)
	}
	defer func() {
		l.in.Reset(nil)
		lz4Readers.Put(l)
	}()
	if len(src) == 0 {
		return dst, io.ErrUnexpectedEOF
	}
	l.in.Reset(firstFrame(src))
	l.r.Reset(&l.in)
	dst, err := readAll(dst, l.r, limit)
	return dst, noEOF(err)
}

// firstFrame is the lz4 frame that src begins with: Kafka reads no further. If
// src is damaged it is all of src, and the decoder says why.
func firstFrame(src []byte) []byte {
	const magic, blockChecksum, contentSize, contentChecksum = 4, 1 << 4, 1 << 3, 1 << 2
	if len(src) < magic+3 {
		return src
	}
	flags := src[magic]
	at, after := magic+3, 0
	if flags&contentSize != 0 {
		at += 8
	}
	if flags&blockChecksum != 0 {
		after = 4
	}
	for at+4 <= len(src) {
		size := binary.LittleEndian.Uint32(src[at:]) &^ (1 << 31)
		at += 4
		if size == 0 {
			if flags&contentChecksum != 0 {
				at += 4
			}
			return src[:min(at, len(src))]
		}
		if uint64(size) > uint64(len(src)-at) {
			break
		}
		at += int(size) + after
	}
	return src
}

// zstdReaders decode as streams, in the caller's goroutine: unlike DecodeAll
// that follows a limit which differs per call, and does not allocate what a
// frame header claims.
var zstdReaders sync.Pool

// zstdMaxWindow is the largest window of a frame, 128 MiB: what Kafka's
// decoder (zstd's ZSTD_WINDOWLOG_LIMIT_DEFAULT, 27) takes.
const zstdMaxWindow = 1 << 27

type zstdReader struct {
	r  *zstd.Decoder
	in bytes.Reader
}

func decompressZstd(dst, src []byte, limit int) ([]byte, error) {
	z, _ := zstdReaders.Get().(*zstdReader)
	if z == nil {
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdMaxWindow))
		if err != nil {
			return dst, err
		}
		z = &zstdReader{r: r}
	}
	z.in.Reset(src)
	err := z.r.Reset(&z.in)
	if err == nil {
		dst, err = readAll(dst, z.r, limit)
	}
	z.in.Reset(nil)
	_ = z.r.Reset(nil) // lets go of the frame; nil never fails
	zstdReaders.Put(z)
	return dst, noEOF(err)
}
