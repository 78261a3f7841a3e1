package partition

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/vfs"
)

// A broker dies at any write to the disk and comes back on what is left. With
// flush.messages=1 everything it acknowledged must be there, at the same
// offsets; without, a killed process still keeps it (only a power cut may
// not). In every case a producer that retries what it does not know the fate
// of gets each batch into the log once.
func TestCrash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewMem(rapid.Uint64().Draw(t, "seed"))
		flush := rapid.Bool().Draw(t, "flush")
		power := flush && rapid.Bool().Draw(t, "power cut")
		c := testConfig(func(c *Config) {
			c.Log.SegmentBytes = rapid.SampledFrom([]int{400, 2000, 1 << 20}).Draw(t, "segment")
			if flush {
				c.Log.FlushMessages = 1
			}
		})
		var acked []model.Offset // of batch i of the producer
		epoch := model.LeaderEpoch(0)
		for life := range 4 {
			p := reopen(t, fs, c, epoch)
			epoch++
			fs.CutAfter(rapid.IntRange(1, 60).Draw(t, "writes"))
			for range rapid.IntRange(1, 12).Draw(t, "batches") {
				i := len(acked)
				a := p.append(produce(1, &sender{id: 7, seq: int32(i)}))
				if a.Code != kerr.None {
					break
				}
				if i > 0 && a.BaseOffset <= acked[i-1] {
					t.Fatalf("life %d: batch %d got offset %d after %d", life, i, a.BaseOffset, acked[i-1])
				}
				acked = append(acked, a.BaseOffset)
			}
			if power {
				fs.Crash()
			} else {
				fs.Kill()
			}
		}
		p := reopen(t, fs, c, epoch)
		want := make(map[model.Offset]bool)
		for _, o := range acked {
			want[o] = true
		}
		o, err := p.Offsets(start)
		if err != nil {
			t.Fatal(err)
		}
		// Each record has the number of its batch as sequence; no record is
		// there twice, so all there is is what was acknowledged, and at most
		// one batch that was not.
		if n := int(o.LogEnd); n < len(acked) || n > len(acked)+1 {
			t.Fatalf("%d batches were acknowledged, the log has %d records", len(acked), n)
		}
		if o.HighWatermark != o.LogEnd {
			t.Fatalf("high watermark %d of a sole replica that ends at %d", o.HighWatermark, o.LogEnd)
		}
		for i, at := range acked {
			if at != model.Offset(i) {
				t.Fatalf("batch %d was acknowledged at offset %d", i, at)
			}
		}
	})
}

func reopen(t *rapid.T, fs *vfs.Mem, c *Config, epoch model.LeaderEpoch) *Partition {
	l, err := openAt(fs, c)
	if err != nil {
		t.Fatal(err)
	}
	p := New(&Env{Self: 1, LagMax: lag, Peers: alive()}, l, testID, c)
	var w Woken
	r := &Registration{Leader: 1, LeaderEpoch: epoch + 1, PartitionEpoch: int32(epoch), Replicas: []model.BrokerID{1}, ISR: []model.BrokerID{1}}
	if err := p.Apply(r, start, &w); err != nil {
		t.Fatal(fmt.Errorf("apply: %w", err))
	}
	return p
}
