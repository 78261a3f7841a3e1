package partition

import (
	"fmt"
	"testing"

	"gregor/internal/kerr"
	"gregor/internal/record"
	"gregor/internal/vfs"
)

func onDisk(t testing.TB) *Partition {
	c := testConfig()
	p := New(&Env{Self: 1, LagMax: lag, Peers: alive()}, openLog(t, vfs.OS, t.TempDir()+"/t-0", true, c), testID, c)
	lead(t, p, 1)
	return p
}

// sized is an append of one batch of n records of size bytes.
func sized(n, size int) *Append {
	var bl record.Builder
	bl.Reset(record.NewSpec())
	for range n {
		bl.Append(start, nil, make([]byte, size))
	}
	b, _ := bl.Build()
	a := produce(1, nil)
	a.Records = b
	return a
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("%dKiB", n), func(b *testing.B) {
			p := onDisk(b)
			a := sized(n, 1000)
			var w Woken
			b.SetBytes(int64(len(a.Records)))
			b.ReportAllocs()
			for b.Loop() {
				record.Batch(a.Records).SetBaseOffset(0)
				if p.Append(a, &w); a.Code != kerr.None {
					b.Fatal(a.Err)
				}
			}
		})
	}
}

// Eight connections write to one partition.
func BenchmarkAppendHot(b *testing.B) {
	p := onDisk(b)
	b.SetBytes(int64(len(sized(1, 1000).Records)))
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		a := sized(1, 1000)
		var w Woken
		for pb.Next() {
			record.Batch(a.Records).SetBaseOffset(0)
			if p.Append(a, &w); a.Code != kerr.None {
				b.Error(a.Err)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	p := onDisk(b)
	var w Woken
	for range 1000 {
		a := sized(16, 1000)
		if p.Append(a, &w); a.Code != kerr.None {
			b.Fatal(a.Err)
		}
	}
	r := fetchAt(0)
	r.MaxBytes = 1 << 20
	b.ReportAllocs()
	for b.Loop() {
		if p.Read(r, &w); r.Code != kerr.None {
			b.Fatal(r.Code)
		}
		r.Offset = r.Records.Next
		if r.Offset == r.HighWatermark {
			r.Offset = 0
		}
		r.Release()
	}
}
