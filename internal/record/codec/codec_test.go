package codec

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/snappy"
	"pgregory.net/rapid"
)

func levels(t Type) []int {
	switch t {
	case Gzip:
		return []int{GzipDefault, GzipMin, GzipMax}
	case LZ4:
		return []int{LZ4Default, LZ4Min, LZ4Max}
	case Zstd:
		return []int{ZstdDefault, ZstdMin, -1, ZstdMax}
	}
	return []int{0}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 50), 1, 5).Draw(t, "words")
		var src []byte
		for range rapid.IntRange(0, 3000).Draw(t, "n") {
			src = append(src, words[len(src)%len(words)]...)
		}
		typ := Type(rapid.IntRange(int(None), int(Zstd)).Draw(t, "type"))
		level := rapid.SampledFrom(levels(typ)).Draw(t, "level")
		head := []byte("head")
		packed, err := Compress(bytes.Clone(head), src, typ, level)
		if err != nil || !bytes.HasPrefix(packed, head) {
			t.Fatal(err)
		}
		out, err := Decompress(bytes.Clone(head), packed[len(head):], typ, len(src))
		if err != nil || !bytes.Equal(out[len(head):], src) {
			t.Fatalf("%v at level %d: %v, %d bytes of %d", typ, level, err, len(out)-len(head), len(src))
		}
		if len(src) == 0 {
			return
		}
		if _, err := Decompress(nil, packed[len(head):], typ, len(src)-1); !errors.Is(err, ErrTooLarge) {
			t.Fatalf("%v: one byte over the limit: %v", typ, err)
		}
	})
}

// A bomb is stopped at the limit, not after it was unpacked.
func TestBombs(t *testing.T) {
	const limit = 1 << 20
	zeros := make([]byte, 64<<20)
	for _, typ := range []Type{Gzip, Snappy, LZ4, Zstd} {
		bomb, err := Compress(nil, zeros, typ, typ.DefaultLevel())
		if err != nil {
			t.Fatal(err)
		}
		out, err := Decompress(nil, bomb, typ, limit)
		if !errors.Is(err, ErrTooLarge) || cap(out) > 4*limit {
			t.Errorf("%v: %v, %d bytes of memory", typ, err, cap(out))
		}
	}
	// A raw snappy block of 5 bytes that claims 4 GiB, and one that claims 16 MiB.
	for _, claim := range [][]byte{{0xff, 0xff, 0xff, 0xff, 0x0f}, {0x80, 0x80, 0x80, 0x08, 0, 0}} {
		if _, err := Decompress(nil, claim, Snappy, 1<<30); err == nil {
			t.Error("a lie about the size was believed")
		}
	}
}

func TestSnappyRawBlock(t *testing.T) {
	src := bytes.Repeat([]byte("raw "), 1000)
	out, err := Decompress(nil, snappy.Encode(nil, src), Snappy, 1<<20)
	if err != nil || !bytes.Equal(out, src) {
		t.Error(err)
	}
}

func TestDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	src := bytes.Repeat([]byte("some text that can be compressed "), 4000)
	for _, typ := range []Type{Gzip, Snappy, LZ4, Zstd} {
		packed, _ := Compress(nil, src, typ, typ.DefaultLevel())
		for range 300 {
			bad := bytes.Clone(packed)
			for range 1 + rng.IntN(3) {
				bad[rng.IntN(len(bad))] ^= byte(1 + rng.IntN(255))
			}
			if out, err := Decompress(nil, bad[:rng.IntN(len(bad)+1)], typ, 1<<20); err == nil && len(out) > 1<<20 {
				t.Fatalf("%v: over the limit", typ)
			}
		}
		// A coder that met damage must work again.
		if out, err := Decompress(nil, packed, typ, 1<<20); err != nil || !bytes.Equal(out, src) {
			t.Errorf("%v after damage: %v", typ, err)
		}
	}
}

// Kafka reads one lz4 frame, and of gzip the members that are some: what stands
// behind them is nothing.
func TestBytesBehindTheEnd(t *testing.T) {
	src := bytes.Repeat([]byte("some text "), 100)
	for _, typ := range []Type{Gzip, LZ4} {
		packed, _ := Compress(nil, src, typ, typ.DefaultLevel())
		for _, tail := range [][]byte{{1, 2, 3, 4}, bytes.Repeat([]byte{7}, 40)} {
			if out, err := Decompress(nil, append(bytes.Clone(packed), tail...), typ, 1<<20); err != nil || !bytes.Equal(out, src) {
				t.Errorf("%v: %v, %d bytes", typ, err, len(out))
			}
		}
		want := src
		if typ == Gzip {
			want = append(bytes.Clone(src), src...)
		}
		if out, err := Decompress(nil, append(bytes.Clone(packed), packed...), typ, 1<<20); err != nil || !bytes.Equal(out, want) {
			t.Errorf("%v twice: %v, %d bytes", typ, err, len(out))
		}
	}
	if _, err := Decompress(nil, nil, LZ4, 10); err == nil {
		t.Error("nothing is no lz4 frame")
	}
}

func TestParse(t *testing.T) {
	for _, typ := range []Type{None, Gzip, Snappy, LZ4, Zstd, Producer} {
		if got, ok := Parse(typ.String()); got != typ || !ok {
			t.Errorf("%v: %v %v", typ, got, ok)
		}
	}
	if got, ok := Parse("uncompressed"); got != None || !ok {
		t.Error("uncompressed is none")
	}
	if _, ok := Parse("brotli"); ok {
		t.Error("brotli is not known to Kafka")
	}
}

func TestPooledCodersAllocateLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget under the race detector")
	}
	src := bytes.Repeat([]byte("some text that can be compressed "), 1000)
	for _, typ := range []Type{Gzip, Snappy, LZ4, Zstd} {
		packed := make([]byte, 0, 1<<16)
		out := make([]byte, 0, 1<<16)
		n := testing.AllocsPerRun(50, func() {
			var err error
			if packed, err = Compress(packed[:0], src, typ, typ.DefaultLevel()); err != nil {
				t.Fatal(err)
			}
			if out, err = Decompress(out[:0], packed, typ, 1<<20); err != nil {
				t.Fatal(err)
			}
		})
		if n > 4 {
			t.Errorf("%v: %v allocations", typ, n)
		}
	}
}
