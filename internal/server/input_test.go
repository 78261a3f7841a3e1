package server

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
)

// cut is what the frames of a stream are, found the simple way.
func cut(stream []byte, largest int) (frames [][]byte, bad bool) {
	for len(stream) >= sizeBytes {
		size := int(int32(binary.BigEndian.Uint32(stream)))
		if size < 0 || size > largest {
			return frames, true
		}
		if len(stream) < sizeBytes+size {
			break
		}
		frames = append(frames, stream[sizeBytes:sizeBytes+size])
		stream = stream[sizeBytes+size:]
	}
	return frames, false
}

// FuzzFrames reads a stream in pieces of any size, with rests in between, and
// compares the frames with those found the simple way.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 2, 'b', 'c'}, uint64(1))
	f.Add([]byte{255, 255, 255, 255}, uint64(2))
	f.Add([]byte{0, 0, 0, 5, 'a'}, uint64(3))
	f.Add([]byte{0, 127, 0, 0, 1, 2, 3}, uint64(4))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) { checkFrames(t, stream, seed, 1<<20) })
}

func TestFramesAgainstModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	for seed := range uint64(150) {
		var stream []byte
		for range rnd.IntN(20) {
			n := rnd.IntN(1 << uint(rnd.IntN(19)))
			stream = binary.BigEndian.AppendUint32(stream, uint32(n))
			for i := range n {
				stream = append(stream, byte(i*int(seed)))
			}
		}
		checkFrames(t, stream, seed, 300_000)
	}
}

func checkFrames(t *testing.T, stream []byte, seed uint64, largest int) {
	want, bad := cut(stream, largest)
	rnd := rand.New(rand.NewPCG(seed, 1))
	bg := newBudget(1 << 40)
	var in input
	step := 1 << uint(rnd.IntN(20))
	for len(stream) > 0 {
		n := in.wants()
		if n > 0 && !bg.take(int64(n), nil) {
			t.Fatal("no memory")
		}
		in.grow(n, bg)
		if len(in.free()) == 0 {
			t.Fatal("nothing can be read")
		}
		k := copy(in.free()[:min(len(in.free()), 1+rnd.IntN(step))], stream)
		in.end += k
		stream = stream[k:]
		for {
			frame, err := in.frame(largest)
			if err != nil {
				var fe *frameError
				if !bad || len(want) > 0 || !errors.As(err, &fe) {
					t.Fatalf("%v, %d frames to come", err, len(want))
				}
				in.drop(bg)
				checkBudget(t, bg)
				return
			}
			if frame == nil {
				break
			}
			if len(want) == 0 || !bytes.Equal(frame, want[0]) {
				t.Fatalf("a frame of %d bytes, want another", len(frame))
			}
			want = want[1:]
		}
		if in.start < 0 || in.start > in.end || in.end > len(in.b.data) {
			t.Fatalf("%d to %d of %d", in.start, in.end, len(in.b.data))
		}
		if rnd.IntN(4) == 0 {
			in.rest(bg)
			if in.b != nil && in.start == in.end {
				t.Fatal("an empty buffer is kept")
			}
		}
	}
	if len(want) > 0 || bad && len(stream) > 0 {
		t.Fatalf("%d frames are missing", len(want))
	}
	in.drop(bg)
	checkBudget(t, bg)
}

func checkBudget(t *testing.T, bg *budget) {
	t.Helper()
	if bg.mu.left != 1<<40 {
		t.Fatalf("%d bytes of memory are lost", 1<<40-bg.mu.left)
	}
}
