package handler

import (
	"errors"
	"fmt"
	"strings"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/record"
	"gregor/internal/server"
	"gregor/internal/wire"
)

// produce serves Produce, versions 3 to 13: it appends one batch to each
// partition named (KIP-98), by topic name, or from version 13 on by topic id
// (KIP-516). With acks=-1 the answer waits for the high watermark, at most
// TimeoutMs. With acks=0 there is no answer; an error closes the connection.
//
// The requests that one read of the connection found are gathered and appended
// together, so that neighbouring batches of a partition cost one system call.
// In steady state nothing is allocated.
func produce(c *Context) error {
	w := &c.local.produce
	q := w.add()
	if err := c.decodeAlias(&q.req); err != nil {
		w.requests = w.requests[:len(w.requests)-1]
		return err
	}
	q.correlation, q.version, q.now, q.size = c.correlation, c.Version, c.Now, len(c.payload)
	w.plan(c, q)
	w.bytes += len(c.payload)
	if w.bytes >= produceBytes || len(w.requests) >= produceRequests {
		return w.finish(c)
	}
	return nil
}

// At this many bytes or requests the gathered requests are appended without
// waiting for the end of the pass.
const (
	produceBytes    = 1 << 20
	produceRequests = 64
)

// produceWork is the produce requests gathered in a pass.
type produceWork struct {
	requests []*produceRequest // in order; those behind the length are kept for reuse
	entries  []produceEntry    // of all requests
	group    []*partition.Append
	bytes    int
}

// produceRequest is one of them.
type produceRequest struct {
	req           wire.ProduceRequest
	resp          wire.ProduceResponse
	correlation   int32
	version       int16
	now           model.Millis
	first, behind int         // its entries
	size          int         // bytes, without the header
	wait          produceWait // with acks=-1
}

// produceEntry is one partition of a request.
type produceEntry struct {
	a    partition.Append
	p    *partition.Partition // nil: code says why
	code kerr.Code
	why  string // with code, if there is more to say than the code does
	done bool
}

// add is a request to decode into, at the end of requests.
func (w *produceWork) add() *produceRequest {
	n := len(w.requests)
	if n < cap(w.requests) {
		w.requests = w.requests[:n+1]
	} else {
		w.requests = append(w.requests, nil)
	}
	if w.requests[n] == nil {
		w.requests[n] = idleProduces.Get().(*produceRequest)
	}
	return w.requests[n]
}

// plan makes the request's entries.
func (w *produceWork) plan(c *Context, q *produceRequest) {
	q.first = len(w.entries)
	refused, why := w.mayWriteTxn(c, q)
	internal := c.ClientID() == "__admin_client"
	for i := range q.req.TopicData {
		t := &q.req.TopicData[i]
		for j := range t.PartitionData {
			d := &t.PartitionData[j]
			e := w.entry()
			if refused != kerr.None {
				e.code, e.why = refused, why
				continue
			}
			e.p, e.code = c.Services.find(t.Name, t.TopicId, d.Index, q.version >= 13)
			c.admit(q, e, t.Name, d.Records.Bytes, internal)
		}
	}
	q.behind = len(w.entries)
}

func (w *produceWork) entry() *produceEntry {
	n := len(w.entries)
	if n < cap(w.entries) {
		w.entries = w.entries[:n+1]
	} else {
		w.entries = append(w.entries, produceEntry{})
	}
	e := &w.entries[n]
	e.p, e.code, e.why, e.done = nil, kerr.None, "", false
	return e
}

// admit decides whether the entry may be appended, and prepares that.
func (c *Context) admit(q *produceRequest, e *produceEntry, topic string, records []byte, internal bool) {
	if e.p != nil {
		topic = e.p.Topic()
	}
	switch {
	case e.code == kerr.UnknownTopicId:
		return
	case !c.Allowed(Write, Topic, topic):
		e.code = kerr.TopicAuthorizationFailed
		return
	case e.code == kerr.UnknownTopicOrPartition:
		return
	}
	b, err := record.CheckProduce(records, q.version)
	switch acks := q.req.Acks; {
	case err != nil:
		e.code = kerr.Of(err)
	case acks < -1 || acks > 1:
		e.code = kerr.InvalidRequiredAcks
	case !internal && internalTopic(topic):
		e.code = kerr.InvalidTopicException
	}
	if e.code != kerr.None {
		return
	}
	a := &e.a
	a.Records, a.Acks, a.Now = b, q.req.Acks, q.now
	a.Origin, a.Epoch, a.Guard, a.TxnVersion = record.Client, model.NoEpoch, record.NoGuard, -1
}

// mayWriteTxn refuses a whole request with transactional batches that may not
// write them. Looking for them it meets records that cannot begin a batch: as
// in Kafka they spoil the whole request, and the client is told what they are.
func (w *produceWork) mayWriteTxn(c *Context, q *produceRequest) (kerr.Code, string) {
	id, seen := model.NoProducer, false
	for i := range q.req.TopicData {
		t := &q.req.TopicData[i]
		for j := range t.PartitionData {
			b, _, err := record.Next(t.PartitionData[j].Records.Bytes)
			if err != nil && !seen && errors.Is(err, record.ErrNoBatch) {
				return kerr.CorruptMessage, err.Error()
			}
			if err != nil || b.Magic() != record.Magic || !b.Transactional() {
				continue
			}
			if q.req.TransactionalId == nil || !c.Allowed(Write, TransactionalID, *q.req.TransactionalId) {
				return kerr.TransactionalIdAuthorizationFailed, ""
			}
			if seen && id != b.ProducerID() {
				return kerr.InvalidProducerIdMapping, ""
			}
			id, seen = b.ProducerID(), true
		}
	}
	return kerr.None, ""
}

// finish appends and answers everything gathered. The error closes the
// connection.
func (w *produceWork) finish(c *Context) error {
	if len(w.requests) == 0 {
		return nil
	}
	w.append(&c.local.woken)
	var err error
	for i, q := range w.requests {
		var kept bool
		if kept, err = w.answer(c, q); kept {
			w.requests[i] = nil
		}
		if err != nil {
			break
		}
	}
	if w.bytes > keepFrame {
		w.letGo()
	}
	w.requests, w.entries, w.bytes = w.requests[:0], w.entries[:0], 0
	return err
}

// keepFrame is the size of requests, in bytes, from which what aliases them is
// cleared at once: what is kept for reuse must not keep their memory.
const keepFrame = 64 << 10

// letGo drops what aliases the frames of the requests.
func (w *produceWork) letGo() {
	for _, q := range w.requests {
		if q != nil {
			q.letGo()
		}
	}
	for i := range w.entries {
		w.entries[i].a = partition.Append{}
	}
}

func (q *produceRequest) letGo() {
	for i := range q.req.TopicData {
		t := &q.req.TopicData[i]
		t.Name = ""
		for j := range t.PartitionData {
			t.PartitionData[j].Records = wire.Records{}
		}
	}
}

// append appends the entries, those of a partition together and in order.
func (w *produceWork) append(woken *partition.Woken) {
	for i := range w.entries {
		e := &w.entries[i]
		if e.done || e.code != kerr.None {
			continue
		}
		w.group = append(w.group[:0], &e.a)
		for j := i + 1; j < len(w.entries); j++ {
			if o := &w.entries[j]; o.p == e.p && o.code == kerr.None {
				o.done = true
				w.group = append(w.group, &o.a)
			}
		}
		if len(w.group) == 1 {
			e.p.Append(&e.a, woken)
		} else {
			e.p.AppendGroup(w.group, woken)
		}
	}
	clear(w.group)
}

// answer answers one request, or leaves it waiting; kept says that the request
// is needed until then.
func (w *produceWork) answer(c *Context, q *produceRequest) (kept bool, err error) {
	failed, waits := w.respond(c, q)
	q.resp.ThrottleTimeMs = c.Throttle(ProduceQuota, q.size)
	switch {
	case q.req.Acks == 0 && failed:
		return false, w.hangUp(c, q)
	case q.req.Acks == 0:
		c.pass.Skip()
		return false, nil
	case waits:
		q.park(c, w.entries[q.first:q.behind])
		return true, nil
	}
	r := c.pass.Begin()
	err = wire.EncodeResponse(&r.Writer, q.correlation, &q.resp, q.version)
	if e := c.pass.End(); e != nil && err == nil {
		err = e
	}
	return false, err
}

// respond fills in the response. It reports whether a partition failed, and
// whether one must wait for its followers.
func (w *produceWork) respond(c *Context, q *produceRequest) (failed, waits bool) {
	resp, k := &q.resp, q.first
	resp.NodeEndpoints = resp.NodeEndpoints[:0]
	resp.Responses = resize(resp.Responses, len(q.req.TopicData))
	for i := range q.req.TopicData {
		t, rt := &q.req.TopicData[i], &resp.Responses[i]
		rt.Name, rt.TopicId = t.Name, t.TopicId
		rt.PartitionResponses = resize(rt.PartitionResponses, len(t.PartitionData))
		for j := range t.PartitionData {
			e, r := &w.entries[k], &rt.PartitionResponses[j]
			k++
			r.Index = t.PartitionData[j].Index
			e.result(r)
			failed = failed || r.ErrorCode != kerr.None
			waits = waits || e.waits()
			if r.ErrorCode == kerr.NotLeaderOrFollower && q.version >= 10 {
				q.hint(c, e, t, r)
			}
		}
	}
	return failed, waits
}

// result is the partition's part of the response.
func (e *produceEntry) result(r *wire.ProduceResponsePartitionProduceResponse) {
	r.ErrorCode, r.BaseOffset, r.LogAppendTimeMs, r.LogStartOffset = e.code, -1, -1, -1
	r.RecordErrors, r.ErrorMessage = r.RecordErrors[:0], nil
	r.CurrentLeader = wire.ProduceResponseLeaderIdAndEpoch{LeaderId: -1, LeaderEpoch: -1}
	if e.code != kerr.None {
		if e.why != "" {
			r.ErrorMessage = &e.why
		}
		return
	}
	a := &e.a
	r.ErrorCode, r.BaseOffset = a.Code, int64(a.BaseOffset)
	r.LogAppendTimeMs, r.LogStartOffset = int64(a.LogAppendTime), int64(a.LogStart)
	if a.Code == kerr.None {
		return
	}
	if a.Message != "" {
		r.ErrorMessage = &a.Message
	}
	for i := range a.RecordErrors {
		r.RecordErrors = append(r.RecordErrors, wire.ProduceResponseBatchIndexAndErrorMessage{
			BatchIndex: a.RecordErrors[i].Index, BatchIndexErrorMessage: &a.RecordErrors[i].Msg,
		})
	}
}

// waits reports whether the entry is appended and not committed though it
// must be.
func (e *produceEntry) waits() bool {
	return e.code == kerr.None && e.a.Code == kerr.None && e.a.Acks == -1 && !e.a.Committed
}

func (q *produceRequest) hint(c *Context, e *produceEntry, t *wire.ProduceRequestTopicProduceData, r *wire.ProduceResponsePartitionProduceResponse) {
	h := c.Services.hint(c.Listener(), e.p, t.Name, t.TopicId, r.Index)
	r.CurrentLeader.LeaderId, r.CurrentLeader.LeaderEpoch = h.leader, h.epoch
	if h.node == nil {
		return
	}
	for i := range q.resp.NodeEndpoints {
		if q.resp.NodeEndpoints[i].NodeId == h.leader {
			return
		}
	}
	q.resp.NodeEndpoints = append(q.resp.NodeEndpoints, wire.ProduceResponseNodeEndpoint{
		NodeId: h.leader, Host: h.node.Host, Port: int32(h.node.Port), Rack: h.rack,
	})
}

// hangUp ends the connection of a producer that wants no answers and made an
// error, so that it notices.
func (w *produceWork) hangUp(c *Context, q *produceRequest) error {
	var b strings.Builder
	for i := range q.resp.Responses {
		t := &q.resp.Responses[i]
		for j := range t.PartitionResponses {
			r := &t.PartitionResponses[j]
			if b.Len() > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s-%d -> %s", topicText(t.Name, t.TopicId), r.Index, r.ErrorCode.Exception())
		}
	}
	c.h.log.Info(fmt.Sprintf("Closing connection due to error during produce request with correlation id %d from client id %s with ack=0\nTopic and partition to exceptions: %s",
		q.correlation, c.ClientID(), b.String()))
	return server.ErrQuiet
}

func topicText(name string, id model.TopicID) string {
	if id.IsZero() {
		return name
	}
	return id.String()
}

// resize is s with n elements; what the old ones hold is kept for reuse.
func resize[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	bigger := make([]T, n)
	copy(bigger, s[:cap(s)])
	return bigger
}
