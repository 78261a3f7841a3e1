package controller

import (
	"math"

	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// hearts is what an active controller knows of its brokers from their
// heartbeats. It is soft: a new controller learns it anew. Used by the loop
// alone. Source: BrokerHeartbeatManager.
type hearts struct {
	brokers map[model.BrokerID]*heart
}

type heart struct {
	fenced bool
	// offset is how far the broker has applied the metadata log.
	offset model.Offset
	// shutdownAt is the offset that all active brokers must reach before this one may
	// stop; -1 while it is not shutting down.
	shutdownAt model.Offset
	// registered is the offset of its registration record, or more.
	registered model.Offset
}

// newHearts knows the brokers of an image.
func newHearts(img *metadata.Image) *hearts {
	h := &hearts{brokers: map[model.BrokerID]*heart{}}
	for b := range img.Cluster.Brokers() {
		h.register(b.ID, b.Fenced, img.At.Offset)
	}
	return h
}

// register notes a registration, as its record says it; a new one begins anew.
func (h *hearts) register(id model.BrokerID, fenced bool, at model.Offset) {
	h.brokers[id] = &heart{fenced: fenced, offset: -1, shutdownAt: -1, registered: at}
}

// begin is for a controller that becomes active: what it knows of the broker's
// registration stays, the rest is learned anew.
func (h *hearts) begin(id model.BrokerID, fenced bool, at model.Offset) {
	if b := h.brokers[id]; b != nil {
		at = b.registered
	}
	h.register(id, fenced, at)
}

// revert is for a controller that lost its leadership: registrations that were
// not committed never were.
func (h *hearts) revert(img *metadata.Image) {
	for id, b := range h.brokers {
		if img.Cluster.Broker(id) == nil {
			delete(h.brokers, id)
		}
		b.registered = min(b.registered, img.At.Offset)
	}
	for b := range img.Cluster.Brokers() {
		if h.brokers[b.ID] == nil {
			h.register(b.ID, b.Fenced, img.At.Offset)
		}
	}
}

// change notes that a broker was fenced or unfenced by a record.
func (h *hearts) change(id model.BrokerID, fenced bool) {
	if b := h.brokers[id]; b != nil {
		h.touch(id, fenced, b.offset)
	}
}

func (h *hearts) remove(id model.BrokerID) { delete(h.brokers, id) }

// touch notes a heartbeat. A fenced broker leaves controlled shutdown.
func (h *hearts) touch(id model.BrokerID, fenced bool, offset model.Offset) {
	b := h.brokers[id]
	if b == nil {
		return
	}
	b.fenced, b.offset = fenced, offset
	if fenced {
		b.shutdownAt = -1
	}
}

// stopping reports whether a broker is in controlled shutdown.
func (h *hearts) stopping(id model.BrokerID) bool {
	b := h.brokers[id]
	return b != nil && b.shutdownAt >= 0
}

// stopAt notes the offset at which a broker's controlled shutdown is complete.
func (h *hearts) stopAt(id model.BrokerID, at model.Offset) {
	if b := h.brokers[id]; b != nil && !b.fenced && b.shutdownAt < 0 {
		b.shutdownAt = at
	}
}

// lowestActive is the least offset that an active broker has reported, the
// highest number if there is none.
func (h *hearts) lowestActive() model.Offset {
	low := model.Offset(math.MaxInt64)
	for _, b := range h.brokers {
		if !b.fenced && b.shutdownAt < 0 {
			low = min(low, b.offset)
		}
	}
	return low
}

// phase is where a broker stands in its life.
type phase int8

const (
	phaseFenced phase = iota
	phaseUnfenced
	phaseStopping // controlled shutdown
	phaseStop     // may stop now
)

func (p phase) fenced() bool { return p == phaseFenced || p == phaseStop }

// next is the phase a broker is in and the one its heartbeat leads to. leads is
// asked whether the broker leads a partition.
func (h *hearts) next(b *heart, req *wire.BrokerHeartbeatRequest, leads func() bool) (now, then phase) {
	switch {
	case b.shutdownAt >= 0:
		if leads() || b.shutdownAt > h.lowestActive() {
			return phaseStopping, phaseStopping
		}
		return phaseStopping, phaseStop
	case b.fenced:
		switch {
		case req.WantShutDown:
			return phaseFenced, phaseStop
		case !req.WantFence && model.Offset(req.CurrentMetadataOffset) >= b.registered:
			return phaseFenced, phaseUnfenced
		}
		return phaseFenced, phaseFenced
	case req.WantFence && req.WantShutDown:
		return phaseUnfenced, phaseStop
	case req.WantFence:
		return phaseUnfenced, phaseFenced
	case req.WantShutDown && leads():
		return phaseUnfenced, phaseStopping
	case req.WantShutDown:
		return phaseUnfenced, phaseStop
	}
	return phaseUnfenced, phaseUnfenced
}
