package diff

import (
	"regexp"
	"sync"
	"testing"
)

// difference is one that is accepted, with the reason. It is an error when a
// listed difference no longer shows.
type difference struct {
	scenario, step, diff *regexp.Regexp
	reason               string
	optional             bool // shows only sometimes
}

var indexPattern = regexp.MustCompile(`\[\d+\]`)

func known(scenario, step, diff, reason string) difference {
	return difference{regexp.MustCompile(scenario), regexp.MustCompile(step), regexp.MustCompile(diff), reason, false}
}

func sometimes(scenario, step, diff, reason string) difference {
	d := known(scenario, step, diff, reason)
	d.optional = true
	return d
}

// knownDifferences is the whole list.
var knownDifferences = []difference{}

var seen = struct {
	sync.Mutex
	used map[int]bool
}{used: map[int]bool{}}

// isKnown is the reason of a listed difference, or nothing.
func isKnown(scenario, step, diff string) string {
	for i, d := range knownDifferences {
		if d.scenario.MatchString(scenario) && d.step.MatchString(step) && d.diff.MatchString(diff) {
			seen.Lock()
			seen.used[i] = true
			seen.Unlock()
			return d.reason
		}
	}
	return ""
}

// unusedKnown fails for listed differences that are none any more.
func unusedKnown(t *testing.T) {
	seen.Lock()
	defer seen.Unlock()
	for i, d := range knownDifferences {
		if !seen.used[i] && !d.optional && !t.Failed() {
			t.Errorf("the known difference %q of %s/%s no longer shows: take it off the list", d.diff, d.scenario, d.step)
		}
	}
}
