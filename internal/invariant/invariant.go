// Package invariant asserts what must hold. A violated invariant is a bug in
// gregor, never bad input: it panics with what was expected. Costly checks are
// compiled in only with the build tag "invariants", which the tests set.
package invariant

import "fmt"

// Check panics unless ok. Use it where the check costs next to nothing.
func Check(ok bool, format string, args ...any) {
	if !ok {
		panic("invariant violated: " + fmt.Sprintf(format, args...))
	}
}

// Expensive runs check only in builds with the tag "invariants"; check returns
// an empty string when all is well and what was found otherwise.
func Expensive(check func() string) {
	if !Enabled {
		return
	}
	if s := check(); s != "" {
		panic("invariant violated: " + s)
	}
}
