package storage

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"gregor/internal/model"
	"gregor/internal/record"
	"gregor/internal/vfs"
)

// TestReadersBesideOneWriter: readers see whole batches in order while the
// writer appends, rolls and deletes, flushes and checkpoints run, few files may
// be open, and the log is unloaded now and then.
func TestReadersBesideOneWriter(t *testing.T) {
	fs := vfs.OS
	root := t.TempDir()
	format(t, fs, root)
	d, err := OpenDirs(Options{FS: fs, Paths: []string{root}, NodeID: 1, MaxFiles: 4}, 1)
	must(t, err)
	cfg := DefaultConfig()
	cfg.SegmentBytes, cfg.IndexIntervalBytes, cfg.FileDeleteDelayMs = 20_000, 500, 0
	cfg.RetentionMs, cfg.RetentionBytes = -1, 60_000
	l, err := d.Create(testTP, model.NewUUID(), model.DirectoryID{}, cfg)
	must(t, err)
	must(t, l.Load(1))
	var stop atomic.Bool
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := follow(l, &stop, i); err != nil {
				t.Errorf("reader %d: %v", i, err)
			}
		}()
	}
	wg.Add(1)
	go func() {
		defer wg.Done()
		for now := model.Millis(1); !stop.Load(); now++ {
			_, err := d.Background(now)
			if err := errors.Join(err, l.Flush(), d.CheckpointRecoveryPoints(), d.CheckpointLogStarts()); err != nil {
				t.Errorf("background: %v", err)
				return
			}
		}
	}()
	for i := range 3000 {
		must(t, l.Load(1))
		_, err := l.Append([][]byte{batch(l.LogEnd(), 0, 1+i%3, 200, 1)}, 1)
		must(t, err)
		if i%50 == 0 {
			_, err := l.DeleteOldSegments(1, l.LogEnd())
			must(t, err)
		}
		if i%500 == 499 {
			must(t, l.Unload())
		}
	}
	stop.Store(true)
	wg.Wait()
	if n := d.files.len(); n > 8 {
		t.Errorf("%d files open, %d allowed", n, 4)
	}
	must(t, d.Close(1, 1, nil))
	if n := d.files.len(); n != 0 {
		t.Errorf("%d files open after Close", n)
	}
}

func follow(l *Log, stop *atomic.Bool, seed int) error {
	next := model.Offset(0)
	buf := make([]byte, 64<<10)
	for i := 0; !stop.Load(); i++ {
		f, err := l.Read(next, model.NoOffset, 1000+seed*10_000, true)
		var re *RangeError
		if errors.As(err, &re) {
			next = model.Offset(re.Start) // retention was faster
			continue
		}
		if err != nil {
			return err
		}
		if f.Len == 0 {
			continue
		}
		b := buf[:f.Len]
		_, err = f.File.ReadAt(b, f.Off)
		f.File.Release()
		if err != nil {
			return fmt.Errorf("a piece that was held: %w", err)
		}
		for len(b) > 0 {
			var x record.Batch
			if x, b, err = record.Next(b); err != nil || !x.Valid() {
				return fmt.Errorf("batch at %d: %v", next, err)
			}
			if x.BaseOffset() > next && x.BaseOffset() > l.LogStart() || x.LastOffset() < next {
				return fmt.Errorf("batch [%d, %d] where %d was expected", x.BaseOffset(), x.LastOffset(), next)
			}
			next = x.NextOffset()
		}
		if seed == 2 && i%100 == 0 {
			next = l.LogStart() // an old reader
		}
		if _, _, err := l.OffsetForTime(1); err != nil && !errors.Is(err, ErrOutOfRange) {
			return err
		}
	}
	return nil
}

// TestOpenFilesAreLimited however many logs are read.
func TestOpenFilesAreLimited(t *testing.T) {
	fs := vfs.NewMem(1)
	format(t, fs, "/d")
	d, err := OpenDirs(Options{FS: fs, Paths: []string{"/d"}, NodeID: 1, MaxFiles: 10}, 1)
	must(t, err)
	for i := range int32(50) {
		put(t, create(t, d, tp("a", i)), 1)
		if n := d.files.len(); n > 10 {
			t.Fatalf("%d files open", n)
		}
	}
	var held []*File
	for i := range int32(50) {
		f, err := d.Log(tp("a", i)).Read(0, model.NoOffset, 100, true)
		must(t, err)
		held = append(held, f.File)
	}
	if n := d.files.len(); n != 50 {
		t.Errorf("%d files open while 50 are held", n)
	}
	for _, f := range held {
		if _, err := f.ReadAt(make([]byte, 50), 0); err != nil {
			t.Error(err)
		}
		f.Release()
	}
	put(t, d.Log(tp("a", 0)), 1)
	put(t, create(t, d, tp("b", 0)), 1)
	if n := d.files.len(); n > 10 {
		t.Errorf("%d files open after they were released", n)
	}
}
