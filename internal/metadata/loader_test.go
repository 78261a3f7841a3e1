package metadata

import (
	"errors"
	"iter"
	"testing"

	"gregor/internal/model"
	"gregor/internal/wire"
)

func topicRec(n int) Record {
	return V0(&wire.TopicRecord{Name: string(rune('a' + n)), TopicId: tid(n)})
}

func batch(base model.Offset, recs ...Record) Batch {
	return Batch{Base: base, Last: base + model.Offset(len(recs)) - 1, Epoch: 1, AppendTime: 5, Records: recs}
}

func TestTransactionsCountWhenTheyEnd(t *testing.T) {
	begin, end, abort := V0(&wire.BeginTransactionRecord{}), V0(&wire.EndTransactionRecord{}), V0(&wire.AbortTransactionRecord{})
	for _, c := range []struct {
		name    string
		batches []Batch
		topics  []int // visible after each batch
		steps   []int // published by each batch
	}{
		{"none", []Batch{batch(0, topicRec(0), topicRec(1))}, []int{2}, []int{1}},
		{"whole in one batch", []Batch{batch(0, begin, topicRec(0), end)}, []int{1}, []int{1}},
		{"over batches", []Batch{batch(0, begin, topicRec(0)), batch(2, topicRec(1)), batch(3, end)}, []int{0, 0, 2}, []int{0, 0, 1}},
		{"aborted", []Batch{batch(0, begin, topicRec(0)), batch(2, abort), batch(3, topicRec(0))}, []int{0, 0, 1}, []int{0, 1, 1}},
		{"in the middle", []Batch{batch(0, topicRec(0), begin, topicRec(1)), batch(3, topicRec(2), abort, topicRec(3))}, []int{1, 2}, []int{1, 1}},
		{"ended in the middle", []Batch{batch(0, begin, topicRec(0)), batch(2, end, topicRec(1), begin, topicRec(2))}, []int{0, 2}, []int{0, 1}},
	} {
		l := NewLoader()
		for i, b := range c.batches {
			steps, err := l.Batch(b)
			if err != nil {
				t.Fatalf("%s: %s", c.name, err)
			}
			if n := l.Image().Topics.Len(); n != c.topics[i] || len(steps) != c.steps[i] {
				t.Errorf("%s: after batch %d %d topics, %d steps; want %d and %d", c.name, i, n, len(steps), c.topics[i], c.steps[i])
			}
			if n := len(steps); n > 0 && steps[n-1].Next() != l.Image() {
				t.Errorf("%s: the last step is not the image", c.name)
			}
			if !l.InTransaction() && l.Image().At != (Provenance{b.Last, 1, 5}) {
				t.Errorf("%s: image at %+v after a batch that ends at %d", c.name, l.Image().At, b.Last)
			}
		}
	}
	for _, b := range []Batch{batch(0, end), batch(0, abort), batch(0, begin, begin)} {
		if _, err := NewLoader().Batch(b); err == nil {
			t.Errorf("replayed %v", b.Records)
		}
	}
}

func TestSnapshotTakesThePlaceOfEverything(t *testing.T) {
	l := NewLoader()
	if _, err := l.Batch(batch(0, topicRec(0), topicRec(1), V0(&wire.BeginTransactionRecord{}), topicRec(2))); err != nil {
		t.Fatal(err)
	}
	d, err := l.Snapshot(Provenance{Offset: 9, Epoch: 2}, seq(nil, topicRec(1), topicRec(3)))
	if err != nil {
		t.Fatal(err)
	}
	var gone, made []string
	for c := range d.Topics() {
		switch {
		case c.New == nil:
			gone = append(gone, c.Old.Name)
		case c.Old == nil:
			made = append(made, c.New.Name)
		}
	}
	if len(gone) != 1 || gone[0] != "a" || len(made) != 1 || made[0] != "d" || l.InTransaction() || l.Image().At.Offset != 9 {
		t.Fatalf("gone %v, made %v, at %+v", gone, made, l.Image().At)
	}
	before := l.Image()
	if _, err := l.Snapshot(Provenance{}, seq(errors.New("torn"), topicRec(5))); err == nil || l.Image() != before {
		t.Fatalf("a torn snapshot was loaded: %v", err)
	}
}

func seq(err error, recs ...Record) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, r := range recs {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(Record{}, err)
		}
	}
}
