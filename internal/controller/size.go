package controller

import (
	"iter"

	"gregor/internal/metadata"
	"gregor/internal/wire"
)

// The metadata log takes batches up to 8 MiB. What many requests share stays
// well below, so that an estimate will do.
const (
	maxBatchBytes  = 2 << 20
	maxAtomicBytes = 6 << 20
)

// weigh is about how many bytes records are, rather more than less.
func weigh(recs []metadata.Record) int {
	n := 0
	for _, r := range recs {
		n += weighOne(r)
	}
	return n
}

func weighOne(r metadata.Record) int {
	const overhead = 64
	switch m := r.Msg.(type) {
	case *wire.ConfigRecord:
		n := overhead + len(m.ResourceName) + len(m.Name)
		if m.Value != nil {
			n += len(*m.Value)
		}
		return n
	case *wire.TopicRecord:
		return overhead + len(m.Name)
	case *wire.PartitionRecord:
		return overhead + 4*(len(m.Replicas)+len(m.Isr)) + 16*len(m.Directories)
	case *wire.PartitionChangeRecord:
		return overhead + 4*(len(m.Replicas)+len(m.Isr)+len(m.AddingReplicas)+len(m.RemovingReplicas)+len(m.EligibleLeaderReplicas)+len(m.LastKnownElr)) + 16*len(m.Directories)
	case *wire.RegisterBrokerRecord:
		n := 2*overhead + 16*len(m.LogDirs)
		for _, e := range m.EndPoints {
			n += 16 + len(e.Name) + len(e.Host)
		}
		for _, f := range m.Features {
			n += 8 + len(f.Name)
		}
		return n
	case *wire.RegisterControllerRecord:
		n := 2 * overhead
		for _, e := range m.EndPoints {
			n += 16 + len(e.Name) + len(e.Host)
		}
		return n + 48*len(m.Features)
	}
	return 4 * overhead
}

// parts splits records into pieces that fit into a batch each. Records that
// must be atomic are few and small enough to be one piece.
func parts(recs []metadata.Record) iter.Seq[[]metadata.Record] {
	return func(yield func([]metadata.Record) bool) {
		from, n := 0, 0
		for i, r := range recs {
			w := weighOne(r)
			if i > from && (i-from >= maxRecords || n+w > maxAtomicBytes) {
				if !yield(recs[from:i:i]) {
					return
				}
				from, n = i, 0
			}
			n += w
		}
		yield(recs[from:])
	}
}
