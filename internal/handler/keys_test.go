package handler

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/replica"
	"gregor/internal/storage"
	"gregor/internal/wire"
)

func TestListOffsets(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1)
	n := cl.node(nil)
	c := n.dial()
	c.produce(produceTo("t", 0, 1, batch(5, 10)), 9)
	for v := int16(1); v <= 11; v++ {
		for _, k := range []struct {
			time   int64
			from   int16 // the first version that knows it
			offset int64
			code   kerr.Code
		}{
			{-1, 1, 5, kerr.None}, {-2, 1, 0, kerr.None}, {-3, 7, 0, kerr.None}, {-4, 8, 0, kerr.None}, {-5, 9, -1, kerr.None}, {-6, 11, -1, kerr.None},
			{0, 1, 0, kerr.None}, {math.MaxInt64, 1, -1, kerr.None}, {-7, 99, -1, kerr.UnsupportedVersion},
		} {
			p := *wire.NewListOffsetsRequestListOffsetsPartition()
			p.Timestamp = k.time
			req := &wire.ListOffsetsRequest{ReplicaId: -1, Topics: []wire.ListOffsetsRequestListOffsetsTopic{{Name: "t", Partitions: []wire.ListOffsetsRequestListOffsetsPartition{p}}}}
			var resp wire.ListOffsetsResponse
			c.do(req, &resp, v)
			r := resp.Topics[0].Partitions[0]
			want, code := k.offset, k.code
			if v < k.from {
				want, code = -1, kerr.UnsupportedVersion
			}
			if r.ErrorCode != code || r.Offset != want {
				t.Errorf("v%d, time %d: %s, offset %d, want %s, %d", v, k.time, r.ErrorCode.Name(), r.Offset, code.Name(), want)
			}
		}
	}
	part := func(i int32) wire.ListOffsetsRequestListOffsetsPartition {
		return wire.ListOffsetsRequestListOffsetsPartition{PartitionIndex: i, CurrentLeaderEpoch: -1, Timestamp: -1, MaxNumOffsets: 1}
	}
	var resp wire.ListOffsetsResponse
	c.do(&wire.ListOffsetsRequest{ReplicaId: -1, Topics: []wire.ListOffsetsRequestListOffsetsTopic{
		{Name: "t", Partitions: []wire.ListOffsetsRequestListOffsetsPartition{part(0), part(0), part(3)}},
		{Name: "x", Partitions: []wire.ListOffsetsRequestListOffsetsPartition{part(0)}},
	}}, &resp, 5)
	if ps := resp.Topics[0].Partitions; len(ps) != 2 || ps[0].ErrorCode != kerr.InvalidRequest || ps[1].ErrorCode != kerr.UnknownTopicOrPartition || resp.Topics[1].Partitions[0].ErrorCode != kerr.UnknownTopicOrPartition {
		t.Errorf("%+v", resp)
	}
}

func TestOffsetForLeaderEpoch(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1)
	c := cl.node(nil).dial()
	c.produce(produceTo("t", 0, 1, batch(5, 10)), 9)
	for v := int16(2); v <= 4; v++ {
		q := func(index, current, epoch int32) wire.OffsetForLeaderEpochRequestOffsetForLeaderPartition {
			return wire.OffsetForLeaderEpochRequestOffsetForLeaderPartition{Partition: index, CurrentLeaderEpoch: current, LeaderEpoch: epoch}
		}
		req := &wire.OffsetForLeaderEpochRequest{ReplicaId: -2, Topics: []wire.OffsetForLeaderEpochRequestOffsetForLeaderTopic{{
			Topic: "t", Partitions: []wire.OffsetForLeaderEpochRequestOffsetForLeaderPartition{q(0, -1, 1), q(0, 1, 9), q(0, 0, 1), q(0, 7, 1), q(8, -1, 1)},
		}}}
		var resp wire.OffsetForLeaderEpochResponse
		c.do(req, &resp, v)
		got := fmt.Sprint(resp.Topics[0].Partitions)
		want := fmt.Sprint([]wire.OffsetForLeaderEpochResponseEpochEndOffset{
			{LeaderEpoch: 1, EndOffset: 5}, {LeaderEpoch: -1, EndOffset: -1},
			{ErrorCode: kerr.FencedLeaderEpoch, LeaderEpoch: -1, EndOffset: -1}, {ErrorCode: kerr.UnknownLeaderEpoch, LeaderEpoch: -1, EndOffset: -1},
			{ErrorCode: kerr.UnknownTopicOrPartition, Partition: 8, LeaderEpoch: -1, EndOffset: -1},
		})
		if got != want {
			t.Errorf("v%d:\n%s\nwant\n%s", v, got, want)
		}
	}
}

func deleteTo(offset int64, timeout int32) *wire.DeleteRecordsRequest {
	return &wire.DeleteRecordsRequest{TimeoutMs: timeout, Topics: []wire.DeleteRecordsRequestDeleteRecordsTopic{{
		Name: "t", Partitions: []wire.DeleteRecordsRequestDeleteRecordsPartition{{Offset: offset}},
	}}}
}

func TestDeleteRecords(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1)
	cl.topic("__consumer_offsets", 1)
	c := cl.node(nil).dial()
	c.produce(produceTo("t", 0, 1, batch(5, 10)), 9)
	for v := int16(0); v <= 2; v++ {
		for _, k := range []struct {
			to, low int64
			code    kerr.Code
		}{{int64(v), int64(v), kerr.None}, {9, -1, kerr.OffsetOutOfRange}, {-7, -1, kerr.OffsetOutOfRange}} {
			var resp wire.DeleteRecordsResponse
			c.do(deleteTo(k.to, 1000), &resp, v)
			if r := resp.Topics[0].Partitions[0]; r.ErrorCode != k.code || r.LowWatermark != k.low {
				t.Errorf("v%d, to %d: %+v", v, k.to, r)
			}
		}
	}
	var resp wire.DeleteRecordsResponse
	for name, code := range map[string]kerr.Code{"x": kerr.UnknownTopicOrPartition, "__consumer_offsets": kerr.InvalidTopicException} {
		req := deleteTo(0, 1000)
		req.Topics[0].Name = name
		if c.do(req, &resp, 2); resp.Topics[0].Partitions[0].ErrorCode != code || resp.Topics[0].Name != name {
			t.Errorf("%s: %+v", name, resp)
		}
	}
	c.do(deleteTo(-1, 1000), &resp, 2)
	if r := resp.Topics[0].Partitions[0]; r.LowWatermark != 5 {
		t.Errorf("to the high watermark: %+v", r)
	}
	if d := c.fetch(fetchFrom("t", 1, 2), 12).Responses[0].Partitions[0]; d.ErrorCode != kerr.OffsetOutOfRange {
		t.Errorf("deleted records are read: %+v", d)
	}
}

func TestDeleteRecordsWaitsForReplicas(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1, 1, 2)
	n := cl.node(nil)
	c, follower := n.dial(), n.dial()
	c.produce(produceTo("t", 0, 1, batch(5, 10)), 9)
	fetch := fetchAsFollower("t", 5)
	fetch.MaxWaitMs = 0
	follower.fetch(fetch, 12) // it has everything: the high watermark is 5
	var resp wire.DeleteRecordsResponse
	c.do(deleteTo(3, 30), &resp, 2)
	if r := resp.Topics[0].Partitions[0]; r.ErrorCode != kerr.RequestTimedOut || r.LowWatermark != 0 {
		t.Errorf("without the replica: %+v", r)
	}
	c.send(deleteTo(4, 15_000), 2)
	waitFor(t, "parked", func() bool { return n.h.wheel.Len() == 1 })
	fetch.Topics[0].Partitions[0].LogStartOffset = 4
	follower.fetch(fetch, 12)
	c.receive(&resp, 2)
	if r := resp.Topics[0].Partitions[0]; r.ErrorCode != kerr.None || r.LowWatermark != 4 {
		t.Errorf("with the replica: %+v", r)
	}
}

type fakeIDs struct {
	next   atomic.Int64
	refuse atomic.Bool
	wait   sync.WaitGroup
}

var errNoBlock = kerr.CoordinatorLoadInProgress.With("no block yet")

func (f *fakeIDs) Next(done func(model.ProducerID, error)) {
	f.wait.Add(1)
	go func() {
		defer f.wait.Done()
		if f.refuse.Load() {
			done(0, errNoBlock)
			return
		}
		done(model.ProducerID(f.next.Add(1)), nil)
	}()
}

func TestInitProducerID(t *testing.T) {
	cl := newCluster(t)
	ids := &fakeIDs{}
	defer ids.wait.Wait()
	c := cl.node(func(s *Services) { s.ProducerIDs = ids }).dial()
	text := func(s string) *string { return &s }
	for v := int16(0); v <= 5; v++ {
		var resp wire.InitProducerIdResponse
		req := wire.NewInitProducerIdRequest()
		c.do(req, &resp, v)
		if resp.ErrorCode != kerr.None || resp.ProducerId != int64(v)+1 || resp.ProducerEpoch != 0 {
			t.Errorf("v%d: %+v", v, resp)
		}
		for id, code := range map[string]kerr.Code{"": kerr.InvalidRequest, "tx": kerr.NotCoordinator} {
			req.TransactionalId = text(id)
			if c.do(req, &resp, v); resp.ErrorCode != code || resp.ProducerId != -1 || resp.ProducerEpoch != -1 {
				t.Errorf("v%d, %q: %+v", v, id, resp)
			}
		}
		if v >= 3 {
			req = wire.NewInitProducerIdRequest()
			req.ProducerId = 5
			if c.do(req, &resp, v); resp.ErrorCode != kerr.InvalidRequest {
				t.Errorf("v%d, an id without epoch: %+v", v, resp)
			}
		}
	}
	ids.refuse.Store(true)
	var resp wire.InitProducerIdResponse
	c.do(wire.NewInitProducerIdRequest(), &resp, 4)
	if resp.ErrorCode != kerr.CoordinatorLoadInProgress || resp.ProducerId != -1 {
		t.Errorf("%+v", resp)
	}
}

type fakeDirs struct{}

func (fakeDirs) LogDirs(wanted func(model.TopicPartition) bool) ([]replica.LogDir, error) {
	d := []replica.LogDir{
		{Dir: storage.Dir{Path: "/a", Total: 100, Usable: 60}},
		{Dir: storage.Dir{Path: "/b", Total: 100, Usable: 60, Err: errors.New("gone")}},
	}
	for _, r := range []replica.LogDirReplica{
		{Partition: model.TopicPartition{Topic: "u", Partition: 0}, Size: 7},
		{Partition: model.TopicPartition{Topic: "t", Partition: 1}, Size: 5, OffsetLag: 2},
		{Partition: model.TopicPartition{Topic: "t", Partition: 0}, Size: 6},
	} {
		if wanted(r.Partition) {
			d[0].Replicas = append(d[0].Replicas, r)
		}
	}
	return d, nil
}

func TestDescribeLogDirs(t *testing.T) {
	cl := newCluster(t)
	c := cl.node(func(s *Services) { s.LogDirs = fakeDirs{} }).dial()
	for v := int16(1); v <= 5; v++ {
		var resp wire.DescribeLogDirsResponse
		c.do(&wire.DescribeLogDirsRequest{}, &resp, v)
		total := int64(-1)
		if v >= 4 {
			total = 100
		}
		if len(resp.Results) != 2 || resp.Results[0].LogDir != "/a" || resp.Results[0].TotalBytes != total || len(resp.Results[0].Topics) != 2 ||
			resp.Results[0].Topics[0].Name != "t" || len(resp.Results[0].Topics[0].Partitions) != 2 || resp.Results[0].Topics[0].Partitions[1].OffsetLag != 2 ||
			resp.Results[1].ErrorCode != kerr.KafkaStorageError {
			t.Errorf("v%d: %+v", v, resp)
		}
		c.do(&wire.DescribeLogDirsRequest{Topics: []wire.DescribeLogDirsRequestDescribableLogDirTopic{{Topic: "u", Partitions: []int32{0, 4}}}}, &resp, v)
		if topics := resp.Results[0].Topics; len(topics) != 1 || topics[0].Name != "u" || topics[0].Partitions[0].PartitionSize != 7 {
			t.Errorf("v%d: %+v", v, resp)
		}
		c.do(&wire.DescribeLogDirsRequest{Topics: []wire.DescribeLogDirsRequestDescribableLogDirTopic{}}, &resp, v)
		if len(resp.Results[0].Topics) != 0 {
			t.Errorf("v%d: %+v", v, resp)
		}
	}
}

// nobody may do anything but what it names.
type nobody map[string]bool

func (n nobody) Allowed(_, _ string, op Operation, kind Resource, name string) bool {
	return n[fmt.Sprint(op, kind, name)]
}
func (n nobody) AllowedAny(string, string, Operation, Resource) bool { return false }

func TestDataPlaneAuthorization(t *testing.T) {
	cl := newCluster(t)
	id := cl.topic("t", 1)
	ids := &fakeIDs{}
	defer ids.wait.Wait()
	n := cl.node(func(s *Services) {
		s.Authorizer, s.LogDirs, s.ProducerIDs = nobody{}, fakeDirs{}, ids
	})
	c := n.dial()
	if r := c.produce(produceTo("t", 0, 1, batch(1, 1)), 9); r.ErrorCode != kerr.TopicAuthorizationFailed {
		t.Errorf("Produce: %v", r.ErrorCode.Name())
	}
	// An unknown topic is not betrayed.
	if r := c.produce(produceTo("x", 0, 1, batch(1, 1)), 9); r.ErrorCode != kerr.TopicAuthorizationFailed {
		t.Errorf("Produce to an unknown topic: %v", r.ErrorCode.Name())
	}
	byID := fetchFrom("", 1, 0)
	byID.Topics[0].TopicId = id
	for v, req := range map[int16]*wire.FetchRequest{12: fetchFrom("t", 1, 0), 13: byID} {
		if code := c.fetch(req, v).Responses[0].Partitions[0].ErrorCode; code != kerr.TopicAuthorizationFailed {
			t.Errorf("Fetch v%d: %v", v, code.Name())
		}
	}
	if code := c.fetch(fetchAsFollower("t", 0), 12).Responses[0].Partitions[0].ErrorCode; code != kerr.TopicAuthorizationFailed {
		t.Errorf("Fetch of a follower: %v", code.Name())
	}
	var list wire.ListOffsetsResponse
	c.do(&wire.ListOffsetsRequest{ReplicaId: -1, Topics: []wire.ListOffsetsRequestListOffsetsTopic{{Name: "t", Partitions: []wire.ListOffsetsRequestListOffsetsPartition{{CurrentLeaderEpoch: -1, Timestamp: -1, MaxNumOffsets: 1}}}}}, &list, 5)
	if code := list.Topics[0].Partitions[0].ErrorCode; code != kerr.TopicAuthorizationFailed {
		t.Errorf("ListOffsets: %v", code.Name())
	}
	var del wire.DeleteRecordsResponse
	c.do(deleteTo(0, 10), &del, 2)
	if code := del.Topics[0].Partitions[0].ErrorCode; code != kerr.TopicAuthorizationFailed {
		t.Errorf("DeleteRecords: %v", code.Name())
	}
	var init wire.InitProducerIdResponse
	c.do(wire.NewInitProducerIdRequest(), &init, 4)
	if init.ErrorCode != kerr.ClusterAuthorizationFailed {
		t.Errorf("InitProducerId: %v", init.ErrorCode.Name())
	}
	var dirs wire.DescribeLogDirsResponse
	c.do(&wire.DescribeLogDirsRequest{}, &dirs, 4)
	if dirs.ErrorCode != kerr.ClusterAuthorizationFailed || len(dirs.Results) != 0 {
		t.Errorf("DescribeLogDirs: %+v", dirs)
	}
}

type slowDown model.Millis

func (s slowDown) Record(QuotaKind, string, string, int, model.Millis) model.Millis {
	return model.Millis(s)
}

func TestThrottledRequestsAreAnsweredAndThenNotRead(t *testing.T) {
	cl := newCluster(t)
	cl.topic("t", 1)
	c := cl.node(func(s *Services) { s.Quotas = slowDown(60) }).dial()
	begin := time.Now()
	var resp wire.ProduceResponse
	for range 2 {
		c.do(produceTo("t", 0, 1, batch(1, 1)), &resp, 9)
		if resp.ThrottleTimeMs != 60 {
			t.Errorf("throttle time %d", resp.ThrottleTimeMs)
		}
	}
	if d := time.Since(begin); d < 50*time.Millisecond {
		t.Errorf("the second request was served after %v", d)
	}
	if f := c.fetch(fetchFrom("t", 1, 0), 12); f.ThrottleTimeMs != 60 || len(f.Responses) != 0 {
		t.Errorf("%+v", f)
	}
}

// TestAdvertisedKeysAreServed asks every key that is advertised with an empty
// request in each version, and expects an answer or a closed connection, never
// silence or a panic.
func TestAdvertisedKeysAreServed(t *testing.T) {
	cl := newCluster(t)
	ids := &fakeIDs{}
	defer ids.wait.Wait()
	n := cl.node(func(s *Services) { s.LogDirs, s.ProducerIDs = fakeDirs{}, ids })
	var versions wire.ApiVersionsResponse
	n.dial().do(&wire.ApiVersionsRequest{}, &versions, 0)
	var keys []string
	for _, k := range versions.ApiKeys {
		api := wire.APIByKey(k.ApiKey)
		keys = append(keys, api.Name)
		for v := k.MinVersion; v <= k.MaxVersion; v++ {
			if !api.Accepts(wire.BrokerListener, v) {
				continue
			}
			req, resp := wire.NewRequest(k.ApiKey), wire.NewResponse(k.ApiKey)
			if k.ApiKey == wire.KeyProduce {
				req.(*wire.ProduceRequest).Acks = 1
			}
			if k.ApiKey == wire.KeyApiVersions {
				req.(*wire.ApiVersionsRequest).ClientSoftwareName, req.(*wire.ApiVersionsRequest).ClientSoftwareVersion = "a", "1"
			}
			n.dial().do(req, resp, v)
		}
	}
	want := "Produce Fetch ListOffsets ApiVersions DeleteRecords InitProducerId OffsetForLeaderEpoch DescribeLogDirs DescribeProducers"
	for _, k := range strings.Fields(want) {
		if !strings.Contains(" "+strings.Join(keys, " ")+" ", " "+k+" ") {
			t.Errorf("%s is not advertised; these are: %v", k, keys)
		}
	}
	if strings.Contains(fmt.Sprint(keys), "JoinGroup") {
		t.Error("a key without its owner is advertised")
	}
}
