package handler

import (
	"strings"
	"sync"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/partition"
	"gregor/internal/wire"
)

// produceWait is a produce request with acks=-1 that waits for its followers.
type produceWait struct {
	partitionWait
	firing *firing
	// results are those of the parts.
	results []*wire.ProduceResponsePartitionProduceResponse
}

// idleProduces are requests that nobody uses.
var idleProduces = sync.Pool{New: func() any { return new(produceRequest) }}

// park leaves the request waiting for the entries that are not committed. The
// response is complete but for their codes.
func (q *produceRequest) park(c *Context, entries []produceEntry) {
	w := &q.wait
	q.own()
	q.letGo()
	w.reset(q, c.h.wheel, len(entries))
	w.firing, w.results = &c.h.firing, w.results[:0]
	k := 0
	for i := range q.resp.Responses {
		for j := range q.resp.Responses[i].PartitionResponses {
			e := &entries[k]
			k++
			if e.waits() {
				w.parts = append(w.parts, waitPart{p: e.p, kind: partition.WaitCommitted, at: e.a.Required, epoch: e.a.LeaderEpoch})
				w.results = append(w.results, &q.resp.Responses[i].PartitionResponses[j])
			}
		}
	}
	later := Later{t: c.pass.Later(w, false), correlation: q.correlation, version: q.version}
	w.start(later, q.now+model.Millis(max(0, q.req.TimeoutMs)))
}

// own copies what the response shares with the frame and with the entries.
func (q *produceRequest) own() {
	for i := range q.resp.Responses {
		t := &q.resp.Responses[i]
		t.Name = strings.Clone(t.Name)
		for j := range t.PartitionResponses {
			r := &t.PartitionResponses[j]
			if r.ErrorMessage != nil {
				m := *r.ErrorMessage
				r.ErrorMessage = &m
			}
			r.RecordErrors = append([]wire.ProduceResponseBatchIndexAndErrorMessage(nil), r.RecordErrors...)
		}
	}
}

func (q *produceRequest) ready(i int) bool {
	part := &q.wait.parts[i]
	done, code := part.p.Committed(part.at, part.epoch)
	if done {
		q.wait.results[i].ErrorCode = code
	}
	return done
}

func (q *produceRequest) giveUp(i int) { q.wait.results[i].ErrorCode = kerr.RequestTimedOut }

func (q *produceRequest) answer() {
	w := &q.wait
	w.firing.answer(w.later, w.later.t.Begin(), &q.resp)
	idleProduces.Put(q)
}
