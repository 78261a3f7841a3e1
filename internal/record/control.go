package record

import (
	"encoding/binary"

	"gregor/internal/model"
)

// ControlType is the type of a control record, in its key.
type ControlType int16

// The control record types (Kafka's ControlRecordType).
const (
	Abort          ControlType = 0
	Commit         ControlType = 1
	LeaderChange   ControlType = 2
	SnapshotHeader ControlType = 3
	SnapshotFooter ControlType = 4
	KRaftVersion   ControlType = 5
	KRaftVoters    ControlType = 6
	UnknownControl ControlType = -1
)

// controlKeySize is the size of a control record's key: version and type, an
// int16 each.
const controlKeySize = 4

// ControlTypeOf reads a control record's key. Types of a later time are
// UnknownControl; ok is false if the key is damaged.
func ControlTypeOf(key []byte) (t ControlType, ok bool) {
	if len(key) < controlKeySize || int16(binary.BigEndian.Uint16(key)) < 0 {
		return UnknownControl, false
	}
	t = ControlType(binary.BigEndian.Uint16(key[2:]))
	if t < Abort || t > KRaftVoters {
		t = UnknownControl
	}
	return t, true
}

// AppendControlKey appends the key of a control record of type t.
func AppendControlKey(dst []byte, t ControlType) []byte {
	return append(dst, 0, 0, byte(t>>8), byte(t))
}

// Marker is the end of a transaction (EndTxnMarker, version 0).
type Marker struct {
	Commit           bool
	CoordinatorEpoch int32
}

// MarkerOf reads the marker of a control batch that has a producer, and its
// time. ok is false when the batch holds no such marker, as when compaction
// has emptied it.
func MarkerOf(b Batch) (m Marker, t model.Millis, ok bool) {
	if b.Count() < 1 || b.Codec() != 0 {
		return Marker{}, 0, false
	}
	var rec Record
	if _, err := rec.parse(b.Payload()); err != nil {
		return Marker{}, 0, false
	}
	kind, ok := ControlTypeOf(rec.Key)
	if !ok || kind != Abort && kind != Commit || len(rec.Value) < 6 {
		return Marker{}, 0, false
	}
	t = b.BaseTimestamp() + rec.Timestamp
	if b.LogAppendTime() {
		t = b.MaxTimestamp()
	}
	return Marker{Commit: kind == Commit, CoordinatorEpoch: int32(binary.BigEndian.Uint32(rec.Value[2:]))}, t, true
}

// AppendMarkerValue appends the value of the marker's record.
func (m Marker) AppendMarkerValue(dst []byte) []byte {
	dst = append(dst, 0, 0)
	return binary.BigEndian.AppendUint32(dst, uint32(m.CoordinatorEpoch))
}
