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

func known(scenario, step, diff, reason string) difference {
	return difference{regexp.MustCompile(scenario), regexp.MustCompile(step), regexp.MustCompile(diff), reason, false}
}

func sometimes(scenario, step, diff, reason string) difference {
	d := known(scenario, step, diff, reason)
	d.optional = true
	return d
}

// knownDifferences is the whole list.
var knownDifferences = append(notServed(
	"AddPartitionsToTxn", "AddOffsetsToTxn", "EndTxn", "WriteTxnMarkers", "TxnOffsetCommit", "DescribeTransactions", "ListTransactions",
	"DescribeACLs", "CreateACLs", "DeleteACLs", "SASLHandshake", "SASLAuthenticate",
	"CreateDelegationToken", "RenewDelegationToken", "ExpireDelegationToken", "DescribeDelegationToken",
	"DescribeClientQuotas", "AlterClientQuotas", "DescribeUserSCRAMCredentials", "AlterUserSCRAMCredentials", "AlterReplicaLogDirs",
	"ConsumerGroupHeartbeat", "ConsumerGroupDescribe",
	"ShareGroupHeartbeat", "ShareGroupDescribe", "ShareFetch", "ShareAcknowledge", "InitializeShareGroupState", "ReadShareGroupState",
	"WriteShareGroupState", "DeleteShareGroupState", "ReadShareGroupStateSummary", "DescribeShareGroupOffsets", "AlterShareGroupOffsets", "DeleteShareGroupOffsets",
	"StreamsGroupHeartbeat", "StreamsGroupDescribe", "StreamsGroupTopologyDescriptionUpdate",
),
	known("^fetch limits$", ".*", `RecordBatches\.rest: Kafka "[0-9a-f]+", gregor ""`,
		"Kafka cuts at the limit inside a batch, and clients drop the torn end; gregor sends whole batches (storage.Log.Read)"),
	known("^codecs$", "^a record claims", `(ErrorCode: Kafka "0", gregor "87"|BaseOffset|LogStartOffset)`,
		"Kafka walks over the records of a compressed batch without looking at their lengths, and stores what no consumer can read"),
	known("^codecs$", "^kept as it is", `(ErrorCode: Kafka "-1", gregor "0"|BaseOffset|LogStartOffset)`,
		"a compressed batch is opened only when a rule needs its records (docs/decisions/0003-compressed-batches.md)"),
)

// notServed are requests that gregor does not serve yet, and so does not
// advertise.
func notServed(keys ...string) (out []difference) {
	for _, k := range keys {
		out = append(out, known("^api versions$", "^ApiVersions", `^ApiKeys\.`+k+`: only Kafka has it`, "not served yet, so not advertised"))
	}
	return out
}

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
