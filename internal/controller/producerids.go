package controller

import (
	"math"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/wire"
)

// idBlock is how many producer ids a broker gets at a time.
const idBlock = 1000

// allocateIDs decides AllocateProducerIds. Source: ProducerIdControlManager.
func (s *state) allocateIDs(_ *Request, req *wire.AllocateProducerIdsRequest) (result, error) {
	if err := s.checkEpoch(req.BrokerId, req.BrokerEpoch); err != nil {
		return result{}, err
	}
	first := max(int64(s.tip.NextProducerID), 0)
	if first > math.MaxInt64-idBlock {
		return result{}, kerr.UnknownServerError.With("Exhausted all producerIds as the next block's end producerId has exceeded the int64 type limit")
	}
	m := &wire.ProducerIdsRecord{BrokerId: req.BrokerId, BrokerEpoch: req.BrokerEpoch, NextProducerId: first + idBlock}
	return result{
		records: []metadata.Record{metadata.V0(m)},
		resp:    &wire.AllocateProducerIdsResponse{ProducerIdStart: first, ProducerIdLen: idBlock},
	}, nil
}
