package linebreak

import (
	"strings"
	"testing"
)

// TestPieces holds what java.text.BreakIterator answered for these texts.
func TestPieces(t *testing.T) {
	for _, want := range []string{
		"see |docs/ops.|md, |--|create |-1 |a-|1 |a--|b |10.0.0.1:|9092,|host-|2:|9093 |(x) |<timestamp> |/ |-1 |or |",
		"'k1=v1,|k2=|[v1,|v2]' |e.|g. |\"foo\" |bar: |x...|y |3.5-|4 |50% |$5 |a/b|",
		"topic1:|1,|topic2:|0-|3,|topic3,|topic4:|5-|,|topic5:|-3|",
		"'a,|b'|", "x;|y|", "(a)|(b)|", "a |\"b\" |c|", "1,2,3|", "a1,|b2 |1a,|2b|",
		"a |-3|> |b|", "-3|a|", "3>|", "-3,|", "x:|-3-|4|", "-3|/4|", "-3|a>b|", "(-3)|", "5-|>|", "-3 |x|", "x |-3|=5|", "x |-3;|", "x |-3%|",
		"-3$|", "-3\"|", "-3.5|>|", "3.5|>|", "3.5|a|", "1-|2>3|",
	} {
		got := strings.Join(Pieces(strings.ReplaceAll(want, "|", "")), "|") + "|"
		if got != want {
			t.Errorf("pieces:\n got %s\nwant %s", got, want)
		}
	}
}
