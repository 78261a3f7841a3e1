package storage

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/vfs"
)

// at moves a prebuilt batch to an offset.
func at(b []byte, o model.Offset) []byte {
	record.Batch(b).SetBaseOffset(o)
	return b
}

// cpu is the processor time of this process in nanoseconds: on a busy machine
// the only figure that means something.
func cpu() int64 {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// reportCPU reports the processor time since start for each operation.
func reportCPU(b *testing.B, start int64, ops int) {
	b.ReportMetric(float64(cpu()-start)/float64(b.N*ops), "cpu-ns/op")
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 128 << 10, 1 << 20} {
		for _, group := range []int{1, 4} {
			b.Run(fmt.Sprintf("%dKiB/group=%d", size>>10, group), func(b *testing.B) {
				tl := newTestLog(b, vfs.OS, b.TempDir(), nil)
				units := make([][]byte, group)
				for i := range units {
					units[i] = batch(0, 0, 1, size-70, 1)
				}
				b.SetBytes(int64(size * group))
				b.ReportAllocs()
				start := cpu()
				for b.Loop() {
					for i := range units {
						at(units[i], tl.LogEnd()+model.Offset(i))
					}
					if _, err := tl.Append(units, 1); err != nil {
						b.Fatal(err)
					}
					if tl.LogEnd()%20_000 == 0 {
						must(b, tl.TruncateFully(tl.LogEnd(), model.NoOffset))
						must(b, tl.RemoveDeleted(1<<60))
					}
				}
				reportCPU(b, start, group)
			})
		}
	}
}

func BenchmarkRead(b *testing.B) {
	tl := newTestLog(b, vfs.OS, b.TempDir(), nil)
	x := batch(0, 0, 16, 1000, 1)
	for range 20_000 {
		_, err := tl.Append([][]byte{at(x, tl.LogEnd())}, 1)
		must(b, err)
	}
	for _, max := range []int{16 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("sequential/%dKiB", max>>10), func(b *testing.B) {
			b.ReportAllocs()
			next, start := model.Offset(0), cpu()
			for b.Loop() {
				f, err := tl.Read(next, model.NoOffset, max, true)
				if err != nil || f.Len == 0 {
					b.Fatal(f, err)
				}
				f.File.Release()
				if next = f.Next; next == tl.LogEnd() {
					next = 0
				}
			}
			reportCPU(b, start, 1)
		})
		b.Run(fmt.Sprintf("random/%dKiB", max>>10), func(b *testing.B) {
			b.ReportAllocs()
			seed, start := uint64(1), cpu()
			for b.Loop() {
				seed = seed*6364136223846793005 + 1442695040888963407
				f, err := tl.Read(model.Offset(seed>>33)%tl.LogEnd(), model.NoOffset, max, true)
				if err != nil || f.Len == 0 {
					b.Fatal(f, err)
				}
				f.File.Release()
			}
			reportCPU(b, start, 1)
		})
	}
	b.Run("tail", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f, err := tl.Read(tl.LogEnd()-16, model.NoOffset, 1<<20, true)
			if err != nil || f.Len == 0 {
				b.Fatal(f, err)
			}
			f.File.Release()
		}
	})
}

const many = 10_000

// manyPartitions makes a formatted directory with many partitions.
func manyPartitions(t testing.TB, root string) *Dirs {
	must(t, vfs.OS.MkdirAll(root))
	must(t, WriteMetaProperties(vfs.OS, root, MetaProperties{Version: 1, Cluster: "c", NodeID: 1}, 0))
	d := openMany(t, root)
	id := model.NewUUID()
	for i := range many {
		_, err := d.Create(model.TopicPartition{Topic: "topic", Partition: int32(i)}, id, model.DirectoryID{}, nil)
		must(t, err)
	}
	return d
}

func openMany(t testing.TB, root string) *Dirs {
	d, err := OpenDirs(Options{FS: vfs.OS, Paths: []string{root}, NodeID: 1}, 1)
	must(t, err)
	return d
}

// BenchmarkManyPartitions creates 10,000 partitions, restarts with them, and
// recovers after a crash, with nothing in them and with a batch in each.
func BenchmarkManyPartitions(b *testing.B) {
	root := filepath.Join(b.TempDir(), "d")
	var d *Dirs
	b.Run("create", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			must(b, vfs.OS.RemoveAll(root))
			b.StartTimer()
			start := cpu()
			d = manyPartitions(b, root)
			b.StopTimer()
			b.ReportMetric(float64(cpu()-start)/many, "cpu-ns/partition")
			must(b, d.Close(1, 1, nil))
			b.StartTimer()
		}
	})
	b.Run("open-clean", func(b *testing.B) {
		for b.Loop() {
			start := cpu()
			d = openMany(b, root)
			b.StopTimer()
			b.ReportMetric(float64(cpu()-start)/many, "cpu-ns/partition")
			must(b, d.Close(1, 1, nil))
			b.StartTimer()
		}
	})
	d = openMany(b, root)
	x := batch(0, 0, 1, 100, 1)
	for l := range d.Logs() {
		_, err := l.Append([][]byte{x}, 1)
		must(b, err)
		must(b, l.Unload())
	}
	must(b, d.Close(1, 1, nil))
	b.Run("recover-idle", func(b *testing.B) {
		for b.Loop() {
			d := openMany(b, root)
			d.unlock() // a crash: nothing is closed
			start := cpu()
			d = openMany(b, root)
			must(b, d.Recover(1, nil))
			b.ReportMetric(float64(cpu()-start)/many, "cpu-ns/partition")
			d.unlock()
		}
	})
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestIdlePartitionMemory holds storage to its share of a partition's kilobyte.
func TestIdlePartitionMemory(t *testing.T) {
	fs := vfs.NewMem(1)
	must(t, fs.MkdirAll("/d"))
	must(t, WriteMetaProperties(fs, "/d", MetaProperties{Version: 1, Cluster: "c", NodeID: 1}, 0))
	for i := range many {
		dir := fmt.Sprintf("/d/topic-%d", i)
		must(t, fs.Mkdir(dir))
		must(t, writePartitionMeta(fs, dir, model.NewUUID()))
	}
	before := heap()
	d, err := OpenDirs(Options{FS: fs, Paths: []string{"/d"}, NodeID: 1}, 1)
	must(t, err)
	each := (heap() - before) / many
	t.Logf("%d bytes for an idle partition", each)
	if each > 512 {
		t.Errorf("an idle partition takes %d bytes of heap, more than 512", each)
	}
	runtime.KeepAlive(d)
}

// TestAppendDoesNotAllocate covers the steady state: no roll, no new producer.
func TestAppendDoesNotAllocate(t *testing.T) {
	tl := newTestLog(t, vfs.OS, t.TempDir(), nil)
	units := [][]byte{batch(0, 0, 1, 1000, 1), batch(0, 0, 1, 1000, 1)}
	put := func() {
		for i := range units {
			at(units[i], tl.LogEnd()+model.Offset(i))
		}
		if _, err := tl.Append(units, 1); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 * maxTailRows * 3 {
		put() // until the index's tail has its size
	}
	if n := testing.AllocsPerRun(200, put); n != 0 {
		t.Errorf("an append allocates %v times", n)
	}
	read := func() {
		f, err := tl.Read(tl.LogEnd()-2, model.NoOffset, 1<<20, true)
		if err != nil || f.Len == 0 {
			t.Fatal(f, err)
		}
		f.File.Release()
	}
	if n := testing.AllocsPerRun(200, read); n != 0 {
		t.Errorf("a read allocates %v times", n)
	}
}
