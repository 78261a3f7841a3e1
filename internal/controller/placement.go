package controller

import (
	"cmp"
	"fmt"
	"slices"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
)

// Replica placement as Kafka's StripedReplicaPlacer places: every partition
// starts at the next rack and takes one broker of each rack in turn, the first of
// them unfenced; within a rack it goes round, one broker further per partition;
// when all unfenced brokers have been first once, racks and brokers are shuffled.

// ring is the brokers of a rack that are fenced, or those that are not.
type ring struct {
	brokers       []model.BrokerID
	index, offset int
	epoch         int
}

func (r *ring) start(rnd *rng) {
	if len(r.brokers) > 0 {
		slices.Sort(r.brokers)
		r.offset = rnd.intn(len(r.brokers))
	}
}

// next is the next broker for the partition of epoch, model.NoBroker when all
// were given.
func (r *ring) next(epoch int) model.BrokerID {
	if len(r.brokers) == 0 {
		return model.NoBroker
	}
	if r.epoch != epoch {
		r.epoch, r.index = epoch, 0
		r.offset = (r.offset + 1) % len(r.brokers)
	}
	if r.index >= len(r.brokers) {
		return model.NoBroker
	}
	b := r.brokers[(r.index+r.offset)%len(r.brokers)]
	r.index++
	return b
}

type rack struct {
	name             *string
	unfenced, fenced ring
}

func (r *rack) next(epoch int) model.BrokerID {
	if b := r.unfenced.next(epoch); b >= 0 {
		return b
	}
	return r.fenced.next(epoch)
}

// placer places the partitions of one topic.
type placer struct {
	rng             *rng
	racks           []*rack
	total, unfenced int
	epoch, offset   int
}

// newPlacer takes the brokers that are not shutting down and have a directory
// that is not cordoned.
func newPlacer(s *state) *placer {
	p := &placer{rng: s.rng}
	for b := range s.tip.Cluster.Brokers() {
		if s.hearts.stopping(b.ID) || !b.Roomy() {
			continue
		}
		r := p.rack(b)
		if b.Fenced {
			r.fenced.brokers = append(r.fenced.brokers, b.ID)
		} else {
			r.unfenced.brokers = append(r.unfenced.brokers, b.ID)
			p.unfenced++
		}
		p.total++
	}
	slices.SortFunc(p.racks, compareRacks)
	for _, r := range p.racks {
		r.fenced.start(p.rng)
		r.unfenced.start(p.rng)
	}
	if len(p.racks) > 0 {
		p.offset = p.rng.intn(len(p.racks))
	}
	return p
}

func (p *placer) rack(b *metadata.Broker) *rack {
	for _, r := range p.racks {
		if (r.name == nil) == (b.Rack == nil) && (r.name == nil || *r.name == *b.Rack) {
			return r
		}
	}
	r := &rack{name: b.Rack}
	p.racks = append(p.racks, r)
	return r
}

// compareRacks orders by name, brokers without a rack first.
func compareRacks(a, b *rack) int {
	switch {
	case a.name == nil || b.name == nil:
		return cmp.Compare(btoi(a.name != nil), btoi(b.name != nil))
	}
	return cmp.Compare(*a.name, *b.name)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// check fails with INVALID_REPLICATION_FACTOR if rf replicas cannot be placed.
func (p *placer) check(rf int) error {
	switch {
	case rf <= 0:
		return kerr.InvalidReplicationFactor.With(fmt.Sprintf("Invalid replication factor %d: the replication factor must be positive.", rf))
	case p.unfenced == 0:
		return kerr.InvalidReplicationFactor.With("All brokers are currently fenced, or have all their log directories cordoned.")
	case rf > p.total:
		return kerr.InvalidReplicationFactor.With(fmt.Sprintf("The target replication factor of %d cannot be reached because only %d broker(s) are registered or some brokers have all their log directories cordoned.", rf, p.total))
	}
	return nil
}

// place is the replicas of the next partition. check(rf) has passed, so that
// both loops end: there is an unfenced broker, and there are rf brokers.
func (p *placer) place(rf int) []model.BrokerID {
	if p.epoch == p.unfenced && p.unfenced > 1 {
		p.shuffle()
	}
	if p.offset == len(p.racks) {
		p.offset = 0
	}
	out := make([]model.BrokerID, 0, rf)
	first := p.offset
	for {
		if b := p.racks[first].unfenced.next(p.epoch); b >= 0 {
			out = append(out, b)
			break
		}
		first = (first + 1) % len(p.racks)
	}
	for i := p.offset; len(out) < rf; i = (i + 1) % len(p.racks) {
		if i == first {
			first = -1 // the leader's rack is passed over once
			continue
		}
		if b := p.racks[i].next(p.epoch); b >= 0 {
			out = append(out, b)
		}
	}
	p.epoch++
	p.offset++
	return out
}

// shuffle begins a new round. Kafka's leaves a ring alone that was not asked
// since epoch 0, which then has nothing to give in the new epoch 0.
func (p *placer) shuffle() {
	shuffle(p.rng, p.racks)
	for _, r := range p.racks {
		shuffle(p.rng, r.fenced.brokers)
		shuffle(p.rng, r.unfenced.brokers)
		r.fenced.epoch, r.unfenced.epoch = -1, -1
	}
	p.epoch = 0
}
