package partition

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gregor/internal/kerr"
	"gregor/internal/model"
)

// fakePeers are brokers by id; one that is missing is dead.
type fakePeers map[model.BrokerID]fakePeer

type fakePeer struct {
	epoch    model.BrokerEpoch
	stopping bool
}

func (f fakePeers) Broker(id model.BrokerID) (model.BrokerEpoch, bool, bool) {
	b, ok := f[id]
	return b.epoch, ok, ok && !b.stopping
}

const lag model.Millis = 100

func reg(leader model.BrokerID, epoch model.LeaderEpoch, partitionEpoch int32, isr ...model.BrokerID) *Registration {
	return &Registration{Leader: leader, LeaderEpoch: epoch, PartitionEpoch: partitionEpoch, Replicas: []model.BrokerID{1, 2, 3}, ISR: isr}
}

func alive() fakePeers { return fakePeers{1: {epoch: 10}, 2: {epoch: 20}, 3: {epoch: 30}} }

func leader(t *testing.T, isr ...model.BrokerID) *core {
	t.Helper()
	c := newCore(1)
	c.minISR = 2
	c.opened(0, 10, 4, model.NoOffset, 0, lag, alive())
	if _, ok := c.apply(reg(1, 5, 7, isr...), 0, lag, alive()); !ok {
		t.Fatal("registration was not taken")
	}
	return &c
}

func TestSoleReplicaCommitsAtOnce(t *testing.T) {
	c := newCore(1)
	r := &Registration{Leader: 1, LeaderEpoch: 3, Replicas: []model.BrokerID{1}, ISR: []model.BrokerID{1}}
	c.apply(r, 0, lag, alive())
	if e := c.opened(2, 10, 0, model.NoOffset, 0, lag, alive()); !e.highWatermark || c.highWatermark != 10 || c.lastStable != 10 {
		t.Errorf("after opening: %+v, high watermark %d", e, c.highWatermark)
	}
	if e := c.appended(12, model.NoOffset, 0, lag, alive()); !e.highWatermark || !e.lastStable || !e.logEnd || c.highWatermark != 12 {
		t.Errorf("after an append: %+v, high watermark %d", e, c.highWatermark)
	}
	c.minISR = 2
	if code, _ := c.mayAppend(-1, model.NoEpoch); code != kerr.None {
		t.Errorf("min.insync.replicas above the number of replicas: %v", code.Name())
	}
}

func TestHighWatermarkFollowsISR(t *testing.T) {
	c := leader(t, 1, 2)
	p := alive()
	fetch := func(id model.BrokerID, at model.Offset) effects {
		e, code := c.followerFetched(id, p[id].epoch, at, 0, c.logEnd, 1, lag, p)
		if code != kerr.None {
			t.Fatal(code.Name())
		}
		return e
	}
	if c.highWatermark != 4 || !c.lagsBehindEpoch() {
		t.Fatalf("a new leader keeps the checkpointed high watermark, not %d", c.highWatermark)
	}
	fetch(2, 8)
	if c.highWatermark != 8 {
		t.Errorf("high watermark %d, want 8", c.highWatermark)
	}
	// 3 is out of the ISR, and has all up to the high watermark, but not up to
	// the start of the epoch.
	if e := fetch(3, 9); e.propose {
		t.Error("proposed a replica that lacks records of before the epoch")
	}
	fetch(2, 10)
	if e := fetch(3, 10); !e.propose {
		t.Error("a replica that has everything was not proposed")
	}
	prop := c.proposal(10, 1, lag)
	if fmt.Sprint(prop.ISR, prop.Epochs, prop.PartitionEpoch) != "[1 2 3] [10 20 30] 7" {
		t.Errorf("proposal is %+v", prop)
	}
	// A proposed replica holds the high watermark back.
	c.appended(20, model.NoOffset, 1, lag, p)
	fetch(2, 20)
	if c.highWatermark != 10 {
		t.Errorf("high watermark %d, want 10", c.highWatermark)
	}
	if e, again := c.proposed(prop.Seq, kerr.None, []model.BrokerID{1, 2, 3}, 5, 8, 1, lag, p); again || e.propose {
		t.Error("an accepted proposal was sent again")
	}
	fetch(3, 15)
	if c.highWatermark != 15 || c.partitionEpoch != 8 {
		t.Errorf("high watermark %d, want 15", c.highWatermark)
	}
}

func TestLaggardsLeaveTheISR(t *testing.T) {
	c := leader(t, 1, 2, 3)
	p := alive()
	c.followerFetched(2, 20, 10, 0, 10, 50, lag, p)
	if e := c.lagging(lag, lag); e.propose {
		t.Error("proposed before the time")
	}
	if e := c.lagging(lag+1, lag); !e.propose {
		t.Fatal("3 has not fetched and must leave")
	}
	prop := c.proposal(10, lag+1, lag)
	if fmt.Sprint(prop.ISR) != "[1 2]" {
		t.Errorf("proposal is %+v", prop)
	}
	// Until the controller agrees 3 counts as in sync.
	if c.highWatermark != 4 {
		t.Errorf("high watermark %d moved without 3", c.highWatermark)
	}
	if e := c.lagging(lag+50, lag); e.propose {
		t.Error("a second proposal while one is under way")
	}
	e, _ := c.proposed(prop.Seq, kerr.None, []model.BrokerID{1, 2}, 5, 8, lag+1, lag, p)
	if !e.highWatermark || c.highWatermark != 10 {
		t.Errorf("%+v, high watermark %d, want 10", e, c.highWatermark)
	}
}

func TestProposalAnswers(t *testing.T) {
	for _, tc := range []struct {
		code    kerr.Code
		again   bool
		pending bool
	}{
		{kerr.OperationNotAttempted, false, false},
		{kerr.IneligibleReplica, false, false},
		{kerr.InvalidUpdateVersion, false, true},
		{kerr.FencedLeaderEpoch, false, true},
		{kerr.NewLeaderElected, false, true},
		{kerr.UnknownServerError, true, true},
		{kerr.RequestTimedOut, true, true},
	} {
		c := leader(t, 1, 2)
		c.followerFetched(3, 30, 10, 0, 10, 1, lag, alive())
		_, again := c.proposed(c.rf.pending.seq, tc.code, nil, 5, 8, 1, lag, alive())
		if again != tc.again || (c.rf.pending.seq != 0) != tc.pending {
			t.Errorf("%v: again %v, pending %v", tc.code.Name(), again, c.rf.pending.seq != 0)
		}
	}
	c := leader(t, 1, 2)
	c.followerFetched(3, 30, 10, 0, 10, 1, lag, alive())
	seq := c.rf.pending.seq
	c.apply(reg(1, 5, 9, 1, 2, 3), 1, lag, alive())
	if e, again := c.proposed(seq, kerr.None, []model.BrokerID{1}, 5, 10, 1, lag, alive()); again || e != (effects{}) || len(c.rf.isr) != 3 {
		t.Error("an answer of before the newest metadata was taken")
	}
}

func TestFencedFollowers(t *testing.T) {
	c := leader(t, 1, 2)
	p := alive()
	if _, code := c.followerFetched(4, 40, 10, 0, 10, 1, lag, p); code != kerr.UnknownLeaderEpoch {
		t.Errorf("a broker without a replica: %v", code.Name())
	}
	if _, code := c.followerFetched(3, 29, 10, 0, 10, 1, lag, p); code != kerr.NotLeaderOrFollower {
		t.Errorf("an earlier life of the broker: %v", code.Name())
	}
	p[3] = fakePeer{epoch: 30, stopping: true}
	if e, _ := c.followerFetched(3, 30, 10, 0, 10, 1, lag, p); e.propose {
		t.Error("a broker that is shutting down was proposed")
	}
}

func TestMinISR(t *testing.T) {
	c := leader(t, 1)
	code, msg := c.mayAppend(-1, model.NoEpoch)
	if code != kerr.NotEnoughReplicas || msg == "" {
		t.Errorf("acks=-1 under min.insync.replicas: %v %q", code.Name(), msg)
	}
	if code, _ = c.mayAppend(1, model.NoEpoch); code != kerr.None {
		t.Errorf("acks=1: %v", code.Name())
	}
	if code, _ = c.mayAppend(1, 4); code != kerr.NotLeaderOrFollower {
		t.Errorf("older epoch: %v", code.Name())
	}
	c.appended(20, model.NoOffset, 1, lag, alive())
	if c.highWatermark != 4 {
		t.Error("the high watermark moved under min.insync.replicas")
	}
}

func TestFence(t *testing.T) {
	c := leader(t, 1, 2)
	for epoch, want := range map[model.LeaderEpoch]kerr.Code{
		model.NoEpoch: kerr.None, 5: kerr.None, 4: kerr.FencedLeaderEpoch, 6: kerr.UnknownLeaderEpoch,
	} {
		if got := c.serve(epoch, false); got != want {
			t.Errorf("epoch %d: %v, want %v", epoch, got.Name(), want.Name())
		}
	}
	c.apply(reg(2, 6, 8, 2), 0, lag, alive())
	if got := c.serve(6, false); got != kerr.NotLeaderOrFollower {
		t.Errorf("a follower: %v", got.Name())
	}
	if got := c.serve(6, true); got != kerr.None {
		t.Errorf("a follower that may answer: %v", got.Name())
	}
	if done, code := c.committed(1, 5); !done || code != kerr.NotLeaderOrFollower {
		t.Errorf("an append of the old epoch: %v %v", done, code.Name())
	}
	if _, ok := c.apply(reg(1, 5, 7, 1), 0, lag, alive()); ok {
		t.Error("took older metadata")
	}
}

func TestLastStable(t *testing.T) {
	c := newCore(1)
	c.apply(&Registration{Leader: 1, LeaderEpoch: 3, Replicas: []model.BrokerID{1}, ISR: []model.BrokerID{1}}, 0, lag, alive())
	c.opened(0, 10, 0, 6, 0, lag, alive())
	if c.lastStable != 6 || c.bound(ReadCommitted) != 6 || c.bound(ReadUncommitted) != 10 {
		t.Errorf("last stable %d", c.lastStable)
	}
	if e := c.appended(12, 6, 0, lag, alive()); e.lastStable {
		t.Error("the last stable offset moved in a transaction")
	}
	if e := c.decided(model.NoOffset); !e.lastStable || c.lastStable != 12 {
		t.Errorf("after the marker: %+v %d", e, c.lastStable)
	}
}

// A leader is driven by arbitrary events; the high watermark must be a promise
// that every possible next leader can keep: all replicas of the committed ISR
// and of a proposed one have everything below it, and it never goes back.
func TestHighWatermarkIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCore(1)
		c.minISR = int32(rapid.IntRange(1, 3).Draw(t, "min"))
		p := alive()
		now := model.Millis(0)
		has := map[model.BrokerID]model.Offset{2: 0, 3: 0}
		c.opened(0, 5, 0, model.NoOffset, now, lag, p)
		partitionEpoch := int32(1)
		c.apply(reg(1, 1, partitionEpoch, 1, 2), now, lag, p)
		hw := c.highWatermark
		for range rapid.IntRange(1, 80).Draw(t, "events") {
			now += model.Millis(rapid.IntRange(0, 40).Draw(t, "pass"))
			id := model.BrokerID(rapid.IntRange(2, 3).Draw(t, "id"))
			switch rapid.IntRange(0, 6).Draw(t, "event") {
			case 0, 1:
				c.appended(c.logEnd+model.Offset(rapid.IntRange(1, 3).Draw(t, "n")), model.NoOffset, now, lag, p)
			case 2, 3, 4:
				has[id] = model.Offset(rapid.IntRange(int(has[id]), int(c.logEnd)).Draw(t, "to"))
				c.followerFetched(id, p[id].epoch, has[id], 0, c.logEnd, now, lag, p)
			case 5:
				c.lagging(now, lag)
			case 6:
				if c.rf.pending.seq == 0 {
					continue
				}
				prop := c.proposal(10, now, lag)
				code := rapid.SampledFrom([]kerr.Code{kerr.None, kerr.None, kerr.OperationNotAttempted, kerr.RequestTimedOut}).Draw(t, "answer")
				if code == kerr.None {
					partitionEpoch++
				}
				c.proposed(prop.Seq, code, prop.ISR, 1, partitionEpoch, now, lag, p)
			}
			if c.highWatermark < hw {
				t.Fatalf("high watermark went back from %d to %d", hw, c.highWatermark)
			}
			if c.highWatermark > hw {
				for id, end := range has {
					if (slices.Contains(c.rf.isr, id) || c.rf.pending.seq != 0 && !c.rf.pending.shrink && c.rf.pending.added == id) && end < c.highWatermark {
						t.Fatalf("high watermark %d, but in-sync replica %d ends at %d", c.highWatermark, id, end)
					}
				}
				if len(c.rf.isr) < min(int(c.minISR), 3) {
					t.Fatalf("high watermark moved with ISR %v under min.insync.replicas %d", c.rf.isr, c.minISR)
				}
			}
			hw = c.highWatermark
			if slices.Contains(c.rf.isr, id) && c.rf.pending.seq != 0 && !c.rf.pending.shrink && c.rf.pending.added == id {
				t.Fatalf("replica %d of the ISR was proposed for it", id)
			}
		}
	})
}
