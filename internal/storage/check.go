package storage

import (
	"fmt"

	"gregor/internal/invariant"
)

// check asserts the invariants of a state that was just loaded.
func (l *Log) check(st *state) error {
	invariant.Check(len(st.segs) > 0, "%s has no segment", l.tp)
	invariant.Check(l.LogStart() <= l.LogEnd(), "%s: log start %d is above log end %d", l.tp, l.LogStart(), l.LogEnd())
	invariant.Check(l.RecoveryPoint() <= l.LogEnd(), "%s: recovery point %d is above log end %d", l.tp, l.RecoveryPoint(), l.LogEnd())
	invariant.Expensive(func() string {
		for i := 1; i < len(st.segs); i++ {
			if st.segs[i].base <= st.segs[i-1].base {
				return fmt.Sprintf("%s: segment %d follows %d", l.tp, st.segs[i].base, st.segs[i-1].base)
			}
		}
		for i := 1; i < len(st.epochs.entries); i++ {
			if a, b := st.epochs.entries[i-1], st.epochs.entries[i]; b.epoch <= a.epoch || b.start <= a.start {
				return fmt.Sprintf("%s: epoch entry %v follows %v", l.tp, b, a)
			}
		}
		return ""
	})
	return nil
}
