package metadata

import (
	"fmt"
	"iter"

	"gregor/internal/model"
	"gregor/internal/wire"
)

// Batch is a committed batch of the metadata log.
type Batch struct {
	Base, Last model.Offset
	Epoch      model.LeaderEpoch
	AppendTime model.Millis
	Records    []Record // none of a batch of control records
	Bytes      int      // size in the log
}

// Loader replays the committed log: batch by batch, snapshots, and metadata
// transactions (KIP-868), whose records count when the transaction ends. It is
// used by one goroutine.
type Loader struct {
	img *Image // visible: without the records of an open transaction
	txn *Delta // the open transaction, nil if there is none
}

// NewLoader begins with the image before the first record.
func NewLoader() *Loader { return &Loader{img: Empty()} }

// Image is the latest image.
func (l *Loader) Image() *Image { return l.img }

// InTransaction reports whether a metadata transaction is open.
func (l *Loader) InTransaction() bool { return l.txn != nil }

// Adopt takes img, which is that of the last batch and what was committed since,
// in the place of replaying it: the active controller has made it already.
func (l *Loader) Adopt(img *Image) { l.img, l.txn = img, nil }

// Batch replays a committed batch. Each delta that it returns is a step to be
// published, in order; there is mostly one, none inside a transaction. After an
// error the loader is of no use.
func (l *Loader) Batch(b Batch) ([]*Delta, error) {
	var steps []*Delta
	d := l.txn
	if d == nil {
		d = NewDelta(l.img)
	}
	at := Provenance{Offset: b.Base - 1, Epoch: b.Epoch, Time: b.AppendTime}
	publish := func() {
		if d.replayed || at.Offset >= b.Base {
			l.img = d.Image(at)
			steps = append(steps, d)
		}
	}
	for _, r := range b.Records {
		switch r.Msg.(type) {
		case *wire.BeginTransactionRecord:
			if l.txn != nil {
				return nil, txnError(at, r, "a transaction is open already")
			}
			publish()
			d = NewDelta(l.img)
			l.txn = d
		case *wire.EndTransactionRecord, *wire.AbortTransactionRecord:
			if l.txn == nil {
				return nil, txnError(at, r, "no transaction is open")
			}
			if _, abort := r.Msg.(*wire.AbortTransactionRecord); abort {
				d = NewDelta(l.img)
			}
			l.txn = nil
		default:
			if err := d.Replay(r); err != nil {
				return nil, fmt.Errorf("metadata record at offset %d: %w", at.Offset+1, err)
			}
		}
		at.Offset++
	}
	at.Offset = b.Last
	if l.txn == nil {
		publish()
	}
	return steps, nil
}

func txnError(at Provenance, r Record, why string) error {
	return fmt.Errorf("metadata record at offset %d: %w", at.Offset+1, replayError(r, why))
}

// Snapshot puts the records of a snapshot in the place of everything.
func (l *Loader) Snapshot(at Provenance, recs iter.Seq2[Record, error]) (*Delta, error) {
	d := NewSnapshotDelta(l.img)
	n := 0
	for r, err := range recs {
		if err == nil {
			err = d.Replay(r)
		}
		if err != nil {
			return nil, fmt.Errorf("metadata snapshot %d-%d, record %d: %w", at.Offset+1, at.Epoch, n, err)
		}
		n++
	}
	l.img, l.txn = d.Image(at), nil
	return d, nil
}
