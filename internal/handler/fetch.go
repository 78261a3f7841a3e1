package handler

import (
	"strings"
	"sync"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/server"
	"gregor/internal/wire"
)

// fetch serves Fetch, versions 4 to 18, of consumers and followers on brokers:
// it reads partitions up to the bytes the client wants, sends ranges of files,
// and waits for MinBytes at most MaxWaitMs. Sessions (KIP-227, version 7 on),
// current leader epochs (KIP-320, 9), replica selection (KIP-392, 11),
// diverging epochs (KIP-595, 12), topic ids (KIP-516, 13).
//
// The first batch of the first partition that has one is sent whatever its
// size, so that a reader with small limits gets on; otherwise the bytes stay
// below the partition's and the request's limits (KIP-74).
func fetch(c *Context) error {
	op := fetchOps.Get().(*fetchOp)
	if err := c.decodeAlias(&op.req); err != nil {
		op.free()
		return err
	}
	op.begin(c)
	about, code := c.h.fetches.begin(&op.req, c.Version, c.Now)
	if code != kerr.None {
		op.free()
		c.Reply(&wire.FetchResponse{ErrorCode: code})
		return nil
	}
	op.about = about
	op.collect(c)
	if op.bad > 0 && op.req.IsolationLevel != 0 && op.req.IsolationLevel != 1 {
		c.Reply(refusedFetch(&op.req, c.Version, kerr.UnknownServerError))
		op.free()
		return nil
	}
	s := fetchScratches.Get().(*fetchScratch)
	op.read(s, false, c.Now, &c.local.woken)
	if !op.enough(s) {
		op.park(c, s)
		return nil
	}
	op.respond(s, c.Now)
	op.throttle(s, c.pass.Conn, c.Now)
	r := c.pass.Begin()
	s.hold(r)
	c.err = wire.EncodeResponse(&r.Writer, c.correlation, &s.response, c.Version)
	if err := c.pass.End(); c.err == nil {
		c.err = err
	}
	s.free()
	op.free()
	return nil
}

// fetchOp is one fetch request. While it is parked it owns itself (see
// fetch_wait.go); what it holds then is small, and nothing aliases the frame.
type fetchOp struct {
	req     wire.FetchRequest // good until the request is parked
	h       *Handlers
	version int16
	about   fetchContext

	principal string
	client    string
	listener  string
	follower  model.BrokerID
	brokerEp  model.BrokerEpoch
	any       bool // a follower may serve it
	isolation partition.Isolation
	minBytes  int
	maxBytes  int
	maxWait   model.Millis

	parts []fetchPart
	bad   int // parts[bad:] are not read: they have their code

	wait fetchWait
}

// fetchPart is one partition of a request.
type fetchPart struct {
	partitionKey
	maxBytes int32
	epoch    int32
	last     int32
	offset   int64
	logStart int64
	p        *partition.Partition
	code     kerr.Code // if p is nil
	cached   *cachedPartition
	waiter   partition.Waiter
}

var fetchOps = sync.Pool{New: func() any { return new(fetchOp) }}

// keepParts bounds what pooled requests keep.
const keepParts = 4096

func (op *fetchOp) free() {
	if cap(op.parts) > keepParts {
		return
	}
	clear(op.parts[:cap(op.parts)])
	op.parts, op.about = op.parts[:0], fetchContext{}
	fetchOps.Put(op)
}

// begin takes over what the request says of itself.
func (op *fetchOp) begin(c *Context) {
	req := &op.req
	op.h, op.version, op.listener = c.h, c.Version, c.Listener()
	op.principal, op.client = c.Principal(), c.ClientID()
	op.follower, op.brokerEp = model.BrokerID(req.ReplicaId), -1
	if c.Version >= 15 {
		op.follower, op.brokerEp = model.BrokerID(req.ReplicaState.ReplicaId), model.BrokerEpoch(req.ReplicaState.ReplicaEpoch)
	}
	op.isolation, op.any = partition.ReadUncommitted, c.Version >= 11
	switch {
	case op.follower >= 0:
		op.isolation, op.any = partition.ReadAll, false
	default:
		op.follower = model.NoBroker
		if req.IsolationLevel == 1 {
			op.isolation = partition.ReadCommitted
		}
	}
	op.maxBytes = min(int(req.MaxBytes), c.h.settings().fetchMaxBytes)
	op.minBytes = min(int(req.MinBytes), op.maxBytes)
	op.maxWait = model.Millis(req.MaxWaitMs)
}

// collect lists the partitions the request is about: those of its session, or
// those it names. Partitions that cannot be read at all come last, as in Kafka.
func (op *fetchOp) collect(c *Context) {
	op.parts = op.parts[:0]
	if s := op.about.session; s != nil {
		s.mu.Lock()
		for p := s.mu.first; p != nil; p = p.next {
			op.parts = append(op.parts, fetchPart{partitionKey: p.partitionKey, maxBytes: p.maxBytes, epoch: p.epoch, last: p.lastEpoch, offset: p.offset, logStart: p.logStart, cached: p})
		}
		s.mu.Unlock()
	} else {
		for i := range op.req.Topics {
			t := &op.req.Topics[i]
			for j := range t.Partitions {
				p := &t.Partitions[j]
				op.parts = append(op.parts, fetchPart{partitionKey: partitionKey{t.Topic, t.TopicId, p.Partition}, maxBytes: p.PartitionMaxBytes, epoch: p.CurrentLeaderEpoch, last: p.LastFetchedEpoch, offset: p.FetchOffset, logStart: p.LogStartOffset})
			}
		}
		if op.mayRepeat() {
			op.dropRepeated()
		}
	}
	mayFollow := op.follower == model.NoBroker || c.Allowed(ClusterAction, Cluster, ClusterName)
	unreadable := 0
	for i := range op.parts {
		p := &op.parts[i]
		p.p, p.code = c.Services.find(p.topic, p.id, p.index, c.Version >= 13)
		if c.Services.Authorizer != nil && p.code != kerr.UnknownTopicId {
			p.authorize(c, op.follower, mayFollow)
		}
		if p.unreadable() {
			unreadable++
		}
	}
	if op.bad = len(op.parts) - unreadable; unreadable > 0 {
		op.sortOut(unreadable)
	}
}

func (p *fetchPart) authorize(c *Context, follower model.BrokerID, mayFollow bool) {
	topic := p.topic
	if p.p != nil {
		topic = p.p.Topic()
	} else if t := c.Services.Metadata.Image().Topics.ByID(p.id); t != nil {
		topic = t.Name
	}
	if !mayFollow || follower == model.NoBroker && !c.Allowed(Read, Topic, topic) {
		p.p, p.code = nil, kerr.TopicAuthorizationFailed
	}
}

// unreadable reports whether the cluster has no such partition, or the client
// may not read it: that is told, but no reason to answer at once.
func (p *fetchPart) unreadable() bool {
	return p.code == kerr.UnknownTopicId || p.code == kerr.UnknownTopicOrPartition || p.code == kerr.TopicAuthorizationFailed
}

// sortOut puts unreadable partitions last and keeps the order otherwise.
func (op *fetchOp) sortOut(unreadable int) {
	last := make([]fetchPart, 0, unreadable)
	n := 0
	for i := range op.parts {
		if op.parts[i].unreadable() {
			last = append(last, op.parts[i])
			continue
		}
		op.parts[n] = op.parts[i]
		n++
	}
	copy(op.parts[n:], last)
}

// fetchScratch is what reading and answering need, but not waiting.
type fetchScratch struct {
	response wire.FetchResponse
	reads    []partition.Read
	bytes    int  // read
	urgent   bool // an error, or a diverging epoch: answer at once
}

var fetchScratches = sync.Pool{New: func() any { return new(fetchScratch) }}

func (s *fetchScratch) free() {
	if cap(s.reads) > keepParts {
		return
	}
	s.release()
	fetchScratches.Put(s)
}

// release lets go of what was read.
func (s *fetchScratch) release() {
	for i := range s.reads {
		s.reads[i].Release()
	}
}

// hold hands what was read over to r.
func (s *fetchScratch) hold(r *server.Response) {
	for i := range s.reads {
		if f := s.reads[i].Records.File; f != nil {
			r.Hold(f)
			s.reads[i].Records.File = nil
		}
	}
}

// read reads the partitions. again marks a repeated read after a wait.
func (op *fetchOp) read(s *fetchScratch, again bool, now model.Millis, woken *partition.Woken) {
	s.reads = resize(s.reads, op.bad)
	s.bytes, s.urgent = 0, false
	left, minOne := op.maxBytes, true
	for i := range s.reads {
		p, r := &op.parts[i], &s.reads[i]
		if p.p == nil {
			r.Code = p.code
			s.urgent = true
			continue
		}
		*r = partition.Read{
			Offset: model.Offset(p.offset), MaxBytes: min(int(p.maxBytes), left), MinOne: minOne, Isolation: op.isolation,
			CurrentEpoch: model.LeaderEpoch(p.epoch), LastFetched: model.LeaderEpoch(p.last),
			Follower: op.follower, FollowerEpoch: op.brokerEp, FollowerStart: model.Offset(p.logStart),
			AnyReplica: op.any, Again: again, Now: now,
		}
		negative := r.MaxBytes < 0
		if negative {
			r.MaxBytes, r.MinOne = 0, false
		}
		p.p.Read(r, woken)
		if negative && r.Records.Incomplete && r.Code == kerr.None {
			r.Code = kerr.UnknownServerError // as Kafka, whose segments refuse it
		}
		left = max(0, left-r.Records.Len)
		if n := r.Records.Len; n > 0 {
			minOne = false
			s.bytes += n
		}
		s.urgent = s.urgent || r.Code != kerr.None || r.Diverging.Epoch != model.NoEpoch
	}
}

// enough reports whether to answer now.
func (op *fetchOp) enough(s *fetchScratch) bool {
	return op.maxWait <= 0 || op.bad == 0 || s.bytes >= op.minBytes || s.urgent
}

// respond makes the response of what was read, and notes in the session what
// is told, or makes the session.
func (op *fetchOp) respond(s *fetchScratch, now model.Millis) {
	resp := &s.response
	resp.ThrottleTimeMs, resp.ErrorCode, resp.SessionId = 0, kerr.None, 0
	resp.Responses, resp.NodeEndpoints = resp.Responses[:0], resp.NodeEndpoints[:0]
	ses := op.about.session
	if ses != nil {
		ses.mu.Lock()
		defer ses.mu.Unlock()
		resp.SessionId = ses.id
		if ses.mu.epoch != op.about.epoch {
			resp.ErrorCode = kerr.InvalidFetchSessionEpoch
			s.release()
			return
		}
	}
	for i := range op.parts {
		p := &op.parts[i]
		t := responseTopic(resp, p)
		d := &t.Partitions[len(t.Partitions)-1]
		op.result(s, i, d)
		if ses == nil {
			continue
		}
		if p.cached.mustTell(d) {
			if d.Records.Size() > 0 {
				ses.toEndLocked(p.cached)
			}
			continue
		}
		if t.Partitions = t.Partitions[:len(t.Partitions)-1]; len(t.Partitions) == 0 {
			resp.Responses = resp.Responses[:len(resp.Responses)-1]
		}
	}
	op.hints(s)
	if op.about.create {
		resp.SessionId = op.create(s, now)
	}
}

// responseTopic is where p's answer goes: one more partition in the last topic
// if that is p's, else in a new one.
func responseTopic(resp *wire.FetchResponse, p *fetchPart) *wire.FetchResponseFetchableTopicResponse {
	n := len(resp.Responses)
	if n == 0 || resp.Responses[n-1].Topic != p.topic || resp.Responses[n-1].TopicId != p.id {
		resp.Responses = resize(resp.Responses, n+1)
		t := &resp.Responses[n]
		t.Topic, t.TopicId, t.Partitions = p.topic, p.id, t.Partitions[:0]
		n++
	}
	t := &resp.Responses[n-1]
	t.Partitions = resize(t.Partitions, len(t.Partitions)+1)
	return t
}

// result is the answer for the i-th partition.
func (op *fetchOp) result(s *fetchScratch, i int, d *wire.FetchResponsePartitionData) {
	aborted := d.AbortedTransactions[:0]
	*d = failedPartition(op.parts[i].index, kerr.None)
	if i >= op.bad {
		// Empty, and null with all other errors: so it is in Kafka.
		d.ErrorCode, d.AbortedTransactions = op.parts[i].code, noAborted
		return
	}
	r := &s.reads[i]
	if r.Code != kerr.None {
		if d.ErrorCode = r.Code; r.Code == kerr.KafkaStorageError && op.version <= 5 {
			d.ErrorCode = kerr.NotLeaderOrFollower
		}
		return
	}
	d.HighWatermark, d.LastStableOffset, d.LogStartOffset = int64(r.HighWatermark), int64(r.LastStable), int64(r.LogStart)
	if r.Diverging.Epoch != model.NoEpoch {
		d.DivergingEpoch = wire.FetchResponseEpochEndOffset{Epoch: int32(r.Diverging.Epoch), EndOffset: int64(r.Diverging.End)}
	}
	if r.Records.Len > 0 {
		d.Records = wire.Records{File: r.Records.File, Off: r.Records.Off, Len: r.Records.Len}
	}
	if op.isolation == partition.ReadCommitted && !r.Records.Incomplete {
		if aborted == nil {
			aborted = []wire.FetchResponseAbortedTransaction{}
		}
		for _, a := range r.Aborted {
			aborted = append(aborted, wire.FetchResponseAbortedTransaction{ProducerId: int64(a.Producer), FirstOffset: int64(a.FirstOffset)})
		}
		d.AbortedTransactions = aborted
	}
}

// hints tells the leaders of partitions that are led elsewhere (KIP-951).
func (op *fetchOp) hints(s *fetchScratch) {
	if op.version < 16 || !s.urgent {
		return
	}
	k := 0
	for i := range s.response.Responses {
		t := &s.response.Responses[i]
		for j := range t.Partitions {
			d := &t.Partitions[j]
			if d.ErrorCode != kerr.NotLeaderOrFollower && d.ErrorCode != kerr.FencedLeaderEpoch {
				continue
			}
			for op.parts[k].index != d.PartitionIndex || op.parts[k].topic != t.Topic || op.parts[k].id != t.TopicId {
				k++
			}
			h := op.h.services.hint(op.listener, op.parts[k].p, t.Topic, t.TopicId, d.PartitionIndex)
			d.CurrentLeader = wire.FetchResponseLeaderIdAndEpoch{LeaderId: h.leader, LeaderEpoch: h.epoch}
			op.endpoint(s, h)
		}
	}
}

func (op *fetchOp) endpoint(s *fetchScratch, h leaderHint) {
	if h.node == nil {
		return
	}
	for i := range s.response.NodeEndpoints {
		if s.response.NodeEndpoints[i].NodeId == h.leader {
			return
		}
	}
	s.response.NodeEndpoints = append(s.response.NodeEndpoints, wire.FetchResponseNodeEndpoint{
		NodeId: h.leader, Host: h.node.Host, Port: int32(h.node.Port), Rack: h.rack,
	})
}

// create makes a session of all partitions of the response; 0 if there is no
// room for it.
func (op *fetchOp) create(s *fetchScratch, now model.Millis) int32 {
	return op.h.fetches.create(op.follower != model.NoBroker, op.version >= 13, len(op.parts), now, func(ses *session) {
		k := 0
		for i := range s.response.Responses {
			for j := range s.response.Responses[i].Partitions {
				d, p := &s.response.Responses[i].Partitions[j], &op.parts[k]
				k++
				key := p.partitionKey
				if ses.mu.byKey[key] != nil {
					continue
				}
				key.topic = strings.Clone(key.topic)
				ses.addLocked(&cachedPartition{
					partitionKey: key, maxBytes: p.maxBytes, epoch: p.epoch, lastEpoch: p.last, offset: p.offset,
					logStart: p.logStart, highWatermark: d.HighWatermark, localStart: d.LogStartOffset,
				})
			}
		}
	})
}

// throttle counts what is sent against the client's quota; a client that is
// over it gets an empty response, and is not read for a while.
func (op *fetchOp) throttle(s *fetchScratch, conn *server.Conn, now model.Millis) {
	q := op.h.services.Quotas
	if q == nil || op.follower != model.NoBroker {
		return
	}
	if wait := q.Record(FetchQuota, op.principal, op.client, s.bytes, now); wait > 0 {
		conn.Throttle(wait)
		s.response.ThrottleTimeMs = int32(wait)
		s.response.Responses = s.response.Responses[:0]
		s.release()
	}
}
