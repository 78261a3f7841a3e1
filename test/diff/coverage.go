package diff

import (
	"fmt"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/test/harness"
)

// asked are the requests that scenarios sent, by key and version.
var asked = struct {
	sync.Mutex
	at map[[2]int16]bool
}{at: map[[2]int16]bool{}}

func noteAsked(req kmsg.Request) {
	asked.Lock()
	defer asked.Unlock()
	asked.at[[2]int16{req.Key(), req.GetVersion()}] = true
}

// notAsked are keys that no scenario asks, with the reason.
var notAsked = map[int16]string{
	int16(kmsg.ElectLeaders):               "no scenario yet: what it elects among needs several nodes",
	int16(kmsg.AlterPartitionAssignments):  "no scenario yet: reassignment needs several nodes",
	int16(kmsg.ListPartitionReassignments): "no scenario yet: reassignment needs several nodes",
	int16(kmsg.UpdateFeatures):             "no scenario yet",
	int16(kmsg.UnregisterBroker):           "no scenario yet: it needs a second broker",
	int16(kmsg.ListConfigResources):        "no scenario yet",
	int16(kmsg.AddRaftVoter):               "no scenario yet: it needs several controllers",
	int16(kmsg.RemoveRaftVoter):            "no scenario yet: it needs several controllers",
	94:                                     "no scenario yet: UnregisterController needs several controllers",
}

// unasked fails for every version of every key that gregor advertises on its
// broker listener and no scenario asked.
func unasked(t *testing.T, g *harness.Server) {
	t.Helper()
	c, err := dial(g.Addr(), "diff")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	r, err := c.do(kmsg.NewPtrApiVersionsRequest())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range r.(*kmsg.ApiVersionsResponse).ApiKeys {
		if notAsked[k.ApiKey] != "" {
			continue
		}
		missing := ""
		for v := k.MinVersion; v <= k.MaxVersion; v++ {
			if !asked.at[[2]int16{k.ApiKey, v}] && !(k.ApiKey == int16(kmsg.Produce) && v < 3) {
				missing += fmt.Sprintf(" %d", v)
			}
		}
		if missing != "" {
			t.Errorf("gregor advertises %s, and no scenario asks it at version%s", kmsg.NameForKey(k.ApiKey), missing)
		}
	}
}
