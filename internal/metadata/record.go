package metadata

import (
	"fmt"
	"slices"

	"gregor/internal/model"
	"gregor/internal/wire"
)

// Record is one record of the metadata log and the version it is written in.
type Record struct {
	Msg     wire.Record
	Version int16
}

// V0 is a record in version 0.
func V0(msg wire.Record) Record { return Record{Msg: msg} }

// String shows a record for scripts and logs; secrets are not hidden.
func (r Record) String() string {
	return fmt.Sprintf("%s v%d %+v", wire.Name(r.Msg), r.Version, r.Msg)
}

// ReplayError says that a record does not fit the image it came upon: the log
// is damaged, or written by something newer.
type ReplayError struct {
	Record string // the type's name
	Reason string
}

func (e *ReplayError) Error() string { return "cannot replay " + e.Record + ": " + e.Reason }

func ids(in []int32) []model.BrokerID {
	if len(in) == 0 {
		return nil
	}
	out := make([]model.BrokerID, len(in))
	for i, v := range in {
		out[i] = model.BrokerID(v)
	}
	return out
}

// Int32s are ids as records and messages hold them, never nil.
func Int32s(in []model.BrokerID) []int32 {
	out := make([]int32, len(in))
	for i, v := range in {
		out[i] = int32(v)
	}
	return out
}

// BrokerIDs are ids as the rest of the program holds them.
func BrokerIDs(in []int32) []model.BrokerID { return ids(in) }

func sortUnique[K comparable](in []K, cmp func(K, K) int) []K {
	out := slices.Clone(in)
	slices.SortFunc(out, cmp)
	return slices.Compact(out)
}
