package group

import (
	"fmt"
	"log/slog"
	"testing"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// stable is a world with one stable group of n members; it returns their ids.
func stable(t testing.TB, n int) (*world, []string) {
	cfg := DefaultConfig()
	cfg.Partitions, cfg.InitialRebalanceDelay = 1, 3000
	w := newWorld(cfg, slog.New(slog.DiscardHandler))
	t.Cleanup(w.s.Close)
	w.elect()
	ids := make([]string, n)
	for i := range n {
		req := &wire.JoinGroupRequest{
			GroupId: "g", SessionTimeoutMs: 45000, RebalanceTimeoutMs: 300000, ProtocolType: "consumer",
			Protocols: []wire.JoinGroupRequestProtocol{{Name: "range", Metadata: subscription("t")}},
		}
		w.s.JoinGroup(w.context(fmt.Sprint("c", i), 3), req, func(r *wire.JoinGroupResponse) { ids[i] = r.MemberId })
	}
	w.advance(3e9 * 2)
	for i := range n {
		w.s.SyncGroup(w.context("", 5), &wire.SyncGroupRequest{GroupId: "g", GenerationId: 1, MemberId: ids[i]}, func(r *wire.SyncGroupResponse) {
			if r.ErrorCode != kerr.None {
				t.Fatalf("member %d: %s", i, r.ErrorCode.Name())
			}
		})
	}
	return w, ids
}

func BenchmarkHeartbeat(b *testing.B) {
	w, ids := stable(b, 8)
	c := w.context("", 4)
	b.ReportAllocs()
	for i := range b.N {
		req := &wire.HeartbeatRequest{GroupId: "g", GenerationId: 1, MemberId: ids[i%8]}
		w.s.Heartbeat(c, req, func(r *wire.HeartbeatResponse) {
			if r.ErrorCode != kerr.None {
				b.Fatal(r.ErrorCode)
			}
		})
	}
}

func BenchmarkOffsetCommit(b *testing.B) {
	for _, n := range []int32{1, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, ids := stable(b, 8)
			w.logs[0].forget = true
			c := w.context("", 9)
			t := wire.OffsetCommitRequestTopic{Name: "t", TopicId: model.TopicID{1}}
			for p := range n {
				t.Partitions = append(t.Partitions, wire.OffsetCommitRequestPartition{PartitionIndex: p, CommittedLeaderEpoch: 3})
			}
			b.ReportAllocs()
			for i := range b.N {
				req := &wire.OffsetCommitRequest{GroupId: "g", GenerationIdOrMemberEpoch: 1, MemberId: ids[i%8], RetentionTimeMs: -1, Topics: []wire.OffsetCommitRequestTopic{t}}
				w.s.OffsetCommit(c, req, func(r *wire.OffsetCommitResponse) {
					if code := r.Topics[0].Partitions[0].ErrorCode; code != kerr.None {
						b.Fatal(code)
					}
				})
			}
		})
	}
}

func BenchmarkOffsetFetch(b *testing.B) {
	w, ids := stable(b, 1)
	c := w.context("", 9)
	commit := &wire.OffsetCommitRequest{GroupId: "g", GenerationIdOrMemberEpoch: 1, MemberId: ids[0], RetentionTimeMs: -1,
		Topics: []wire.OffsetCommitRequestTopic{{Name: "t", Partitions: make([]wire.OffsetCommitRequestPartition, 1)}}}
	w.s.OffsetCommit(c, commit, func(*wire.OffsetCommitResponse) {})
	b.ReportAllocs()
	for range b.N {
		req := &wire.OffsetFetchRequestGroup{GroupId: "g", MemberEpoch: -1, Topics: []wire.OffsetFetchRequestTopics{{Name: "t", PartitionIndexes: []int32{0}}}}
		w.s.OffsetFetch(c, req, true, func(r *wire.OffsetFetchResponseGroup) {
			if r.Topics[0].Partitions[0].CommittedOffset != 0 {
				b.Fatal("not found")
			}
		})
	}
}

// BenchmarkLoad replays a log of a million offset commits.
func BenchmarkLoad(b *testing.B) {
	w, _ := stable(b, 1)
	const n = 200_000
	for i := range n / 1000 {
		t := wire.OffsetCommitRequestTopic{Name: "topic-of-some-name"}
		for p := range int32(1000) {
			t.Partitions = append(t.Partitions, wire.OffsetCommitRequestPartition{PartitionIndex: p})
		}
		req := &wire.OffsetCommitRequest{GroupId: fmt.Sprint("group-", i%50), GenerationIdOrMemberEpoch: -1, RetentionTimeMs: -1, Topics: []wire.OffsetCommitRequestTopic{t}}
		w.s.OffsetCommit(w.context("", 9), req, func(*wire.OffsetCommitResponse) {})
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		w.resign()
		w.elect()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}
