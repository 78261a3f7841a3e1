package codec

import (
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Compress appends src, compressed, to dst. Levels are Kafka's
// (compression.gzip.level and so on) and mean nothing for None and Snappy;
// where our coder has fewer steps than Kafka's the nearest is taken.
func Compress(dst, src []byte, t Type, level int) ([]byte, error) {
	switch t {
	case None:
		return append(dst, src...), nil
	case Gzip:
		return compressGzip(dst, src, level)
	case Snappy:
		return compressSnappy(dst, src), nil
	case LZ4:
		return compressLZ4(dst, src, level)
	case Zstd:
		e, err := zstdEncoder(level)
		if err != nil {
			return dst, err
		}
		return e.EncodeAll(src, dst), nil
	}
	return dst, ErrUnknown
}

// appender is a Writer that appends.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

type gzipWriter struct {
	w   *gzip.Writer
	out appender
}

// gzipWriters are pools by level, from GzipDefault (-1) to GzipMax.
var gzipWriters [GzipMax - GzipDefault + 1]sync.Pool

func compressGzip(dst, src []byte, level int) ([]byte, error) {
	level = min(max(level, GzipDefault), GzipMax)
	pool := &gzipWriters[level-GzipDefault]
	g, _ := pool.Get().(*gzipWriter)
	if g == nil {
		w, err := gzip.NewWriterLevel(io.Discard, level)
		if err != nil {
			return dst, err
		}
		g = &gzipWriter{w: w}
	}
	g.out.b = dst
	g.w.Reset(&g.out)
	_, err := g.w.Write(src)
	if e := g.w.Close(); err == nil {
		err = e
	}
	dst, g.out.b = g.out.b, nil
	pool.Put(g)
	return dst, err
}

type lz4Writer struct {
	w   *lz4.Writer
	out appender
}

// lz4Writers are pools by level; 0 is the fast compressor, which Kafka uses
// for its default level.
var lz4Writers [10]sync.Pool

var lz4Levels = [10]lz4.CompressionLevel{
	lz4.Fast, lz4.Level1, lz4.Level2, lz4.Level3, lz4.Level4,
	lz4.Level5, lz4.Level6, lz4.Level7, lz4.Level8, lz4.Level9,
}

func compressLZ4(dst, src []byte, level int) ([]byte, error) {
	step := min(max(level, 1), 9)
	if level == LZ4Default {
		step = 0
	}
	pool := &lz4Writers[step]
	l, _ := pool.Get().(*lz4Writer)
	if l == nil {
		l = &lz4Writer{w: lz4.NewWriter(io.Discard)}
		err := l.w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false), lz4.ConcurrencyOption(1),
			lz4.CompressionLevelOption(lz4Levels[step]))
		if err != nil {
			return dst, err
		}
	}
	l.out.b = dst
	l.w.Reset(&l.out)
	_, err := l.w.Write(src)
	if e := l.w.Close(); err == nil {
		err = e
	}
	dst, l.out.b = l.out.b, nil
	pool.Put(l)
	return dst, err
}

// zstdEncoders has one shared encoder per speed; EncodeAll may run in parallel.
var zstdEncoders struct {
	sync.Mutex
	bySpeed map[zstd.EncoderLevel]*zstd.Encoder
}

func zstdEncoder(level int) (*zstd.Encoder, error) {
	speed := zstd.EncoderLevelFromZstd(level)
	zstdEncoders.Lock()
	defer zstdEncoders.Unlock()
	if e := zstdEncoders.bySpeed[speed]; e != nil {
		return e, nil
	}
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(speed), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true))
	if err != nil {
		return nil, err
	}
	if zstdEncoders.bySpeed == nil {
		zstdEncoders.bySpeed = make(map[zstd.EncoderLevel]*zstd.Encoder)
	}
	zstdEncoders.bySpeed[speed] = e
	return e, nil
}
