package storage

import (
	"encoding/binary"
	"fmt"

	"gregor/internal/model"
	"gregor/internal/record"
)

// txnRow is the size of a row of a .txnindex file: version int16 = 0, producer
// id, first offset, last offset, last stable offset, int64 each (AbortedTxn).
const txnRow = 34

type txnEntry struct {
	producer                model.ProducerID
	first, last, lastStable model.Offset
}

// txnIndex lists the aborted transactions whose marker lies in a segment. The
// file is made with the first.
//
// Guarded by Log.mu.
type txnIndex struct {
	file     File
	entries  []txnEntry
	known    bool // entries are loaded
	absent   bool // known without a file
	unsynced bool
}

func (e txnEntry) encode() (b [txnRow]byte) {
	binary.BigEndian.PutUint64(b[2:], uint64(e.producer))
	binary.BigEndian.PutUint64(b[10:], uint64(e.first))
	binary.BigEndian.PutUint64(b[18:], uint64(e.last))
	binary.BigEndian.PutUint64(b[26:], uint64(e.lastStable))
	return b
}

func (x *txnIndex) load() error {
	if x.known {
		return nil
	}
	if x.absent {
		x.known = true
		return nil
	}
	if err := x.file.pin(false); err != nil {
		return err
	}
	defer x.file.Release()
	size, err := x.file.f.Size()
	if err != nil {
		return err
	}
	b := make([]byte, size/txnRow*txnRow)
	if _, err := x.file.ReadAt(b, 0); err != nil && len(b) > 0 {
		return err
	}
	for ; len(b) > 0; b = b[txnRow:] {
		if v := int16(binary.BigEndian.Uint16(b)); v > 0 {
			return fmt.Errorf("%w: Unexpected aborted transaction version %d in transaction index %s, current version is 0", ErrCorrupt, v, x.file.path())
		}
		x.entries = append(x.entries, txnEntry{
			model.ProducerID(binary.BigEndian.Uint64(b[2:])), model.Offset(binary.BigEndian.Uint64(b[10:])),
			model.Offset(binary.BigEndian.Uint64(b[18:])), model.Offset(binary.BigEndian.Uint64(b[26:])),
		})
	}
	x.known = true
	return nil
}

// add appends the aborted transaction that a marker ended.
func (x *txnIndex) add(c record.CompletedTxn) error {
	if err := x.load(); err != nil {
		return err
	}
	if err := x.file.pin(true); err != nil {
		return err
	}
	defer x.file.Release()
	e := txnEntry{c.Producer, c.First, c.Last, c.LastStable}
	b := e.encode()
	if _, err := x.file.f.WriteAt(b[:], int64(len(x.entries))*txnRow); err != nil {
		return err
	}
	if len(x.entries) == 0 {
		x.file.log.dirDirty.Store(true)
	}
	x.entries, x.absent, x.unsynced = append(x.entries, e), false, true
	return nil
}

// truncate removes the transactions whose marker is at or above o.
func (x *txnIndex) truncate(o model.Offset) error {
	if err := x.load(); err != nil {
		return err
	}
	n := len(x.entries)
	for n > 0 && x.entries[n-1].last >= o {
		n--
	}
	if n == len(x.entries) {
		return nil
	}
	x.entries = x.entries[:n]
	if err := x.file.pin(false); err != nil {
		return err
	}
	defer x.file.Release()
	x.unsynced = true
	return x.file.f.Truncate(int64(n) * txnRow)
}
