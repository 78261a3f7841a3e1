package handler

import (
	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// ProducerIDs hands out producer ids, from blocks that the controller gives.
type ProducerIDs interface {
	// Next calls done once with an id nobody had before, now or later, from any
	// goroutine. The error carries a code.
	Next(done func(model.ProducerID, error))
}

// initProducerID serves InitProducerId, versions 0 to 5, of producers without
// a transactional id: a new id at epoch 0, whatever the producer had before
// (KIP-98, KIP-360). This node coordinates no transactions.
func initProducerID(c *Context, req *wire.InitProducerIdRequest) {
	fail := func(code kerr.Code) {
		resp := wire.NewInitProducerIdResponse()
		resp.ErrorCode, resp.ProducerEpoch = code, -1
		c.Reply(resp)
	}
	id := req.TransactionalId
	switch {
	case id != nil && !c.Allowed(Write, TransactionalID, *id):
		fail(kerr.TransactionalIdAuthorizationFailed)
		return
	case id == nil && !c.Allowed(IdempotentWrite, Cluster, ClusterName) && !c.AllowedAny(Write, Topic):
		fail(kerr.ClusterAuthorizationFailed)
		return
	case (req.ProducerId == -1) != (req.ProducerEpoch == -1), id != nil && *id == "":
		fail(kerr.InvalidRequest)
		return
	case id != nil:
		fail(kerr.NotCoordinator)
		return
	}
	throttle := c.Throttle(RequestQuota, 0)
	later := c.Later()
	c.Services.ProducerIDs.Next(func(id model.ProducerID, err error) {
		resp := wire.NewInitProducerIdResponse()
		resp.ThrottleTimeMs, resp.ProducerId = throttle, int64(id)
		if err != nil {
			resp.ErrorCode, resp.ProducerId, resp.ProducerEpoch = kerr.Of(err), -1, -1
		}
		later.Reply(resp)
	})
}
