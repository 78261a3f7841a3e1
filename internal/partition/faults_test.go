package partition

import (
	"errors"
	"testing"

	"gregor/internal/kerr"
	"gregor/internal/vfs"
)

// A full disk refuses what does not fit and goes on when there is room again.
func TestFullDisk(t *testing.T) {
	fs := vfs.NewMem(1)
	c := testConfig()
	p := New(&Env{Self: 1, LagMax: lag, Peers: alive()}, openLog(t, fs, "/t-0", true, c), testID, c)
	lead(t, p, 1)
	p.append(produce(2, &sender{id: 7})).ok(t)
	fs.SetCapacity(1)
	big := p.append(produce(2000, &sender{id: 7, seq: 2}))
	if big.Code != kerr.KafkaStorageError || big.BaseOffset != -1 {
		t.Fatalf("on a full disk: %v %v", big.Code.Name(), big.Err)
	}
	fs.SetCapacity(1 << 30)
	again := p.append(produce(2000, &sender{id: 7, seq: 2})).ok(t)
	if again.BaseOffset != 2 || again.Duplicate {
		t.Errorf("the retry got offset %d, duplicate %v", again.BaseOffset, again.Duplicate)
	}
	if got := offsets(t, p.fetch(fetchAt(0))); len(got) != 2002 {
		t.Errorf("the log has %d records", len(got))
	}
}

// With flush.messages a batch is not acknowledged if it could not be synced,
// and nothing is taken any more: what the disk holds is not known.
func TestFailedSync(t *testing.T) {
	broken := false
	fs := &vfs.Faulty{FS: vfs.NewMem(1), Fail: func(op vfs.Op, _ string) error {
		if broken && op == vfs.OpSync {
			return errors.New("input/output error")
		}
		return nil
	}}
	c := testConfig(func(c *Config) { c.Log.FlushMessages = 1 })
	p := New(&Env{Self: 1, LagMax: lag, Peers: alive()}, openLog(t, fs, "/t-0", true, c), testID, c)
	lead(t, p, 1)
	p.append(produce(2, nil)).ok(t)
	broken = true
	for range 2 {
		if a := p.append(produce(2, nil)); a.Code != kerr.KafkaStorageError || a.BaseOffset != -1 || a.Committed {
			t.Fatalf("%v, base offset %d", a.Code.Name(), a.BaseOffset)
		}
	}
	broken = false
	if a := p.append(produce(2, nil)); a.Code != kerr.KafkaStorageError {
		t.Errorf("after a failed sync: %v", a.Code.Name())
	}
}
