package wire

import (
	"encoding/binary"
	"fmt"
)

// ControlType is the type of a control record, the second int16 of its key.
type ControlType int16

// The control records of Kafka (ControlRecordType).
const (
	ControlAbort          ControlType = 0 // EndTxnMarker
	ControlCommit         ControlType = 1 // EndTxnMarker
	ControlLeaderChange   ControlType = 2 // LeaderChangeMessage
	ControlSnapshotHeader ControlType = 3 // SnapshotHeaderRecord
	ControlSnapshotFooter ControlType = 4 // SnapshotFooterRecord
	ControlKRaftVersion   ControlType = 5 // KRaftVersionRecord
	ControlVoters         ControlType = 6 // VotersRecord
	ControlUnknown        ControlType = -1
)

// AppendControlKey appends a control record's key: int16 version 0, int16
// type.
func AppendControlKey(dst []byte, t ControlType) []byte {
	dst = binary.BigEndian.AppendUint16(dst, 0)
	return binary.BigEndian.AppendUint16(dst, uint16(t))
}

// ParseControlKey is the type a control record's key says. As in Kafka, newer
// versions of the key may be longer, and an unknown type is ControlUnknown.
func ParseControlKey(key []byte) (ControlType, error) {
	r := NewReader(key)
	if v := r.i16("version"); v < 0 {
		r.fail("version", "is negative")
	}
	t := ControlType(r.i16("type"))
	if r.err != nil {
		return ControlUnknown, r.err
	}
	if t < ControlAbort || t > ControlVoters {
		t = ControlUnknown
	}
	return t, nil
}

// NewControl is the empty message of a control record's value, nil for
// ControlUnknown.
func NewControl(t ControlType) Message {
	switch t {
	case ControlAbort, ControlCommit:
		return NewEndTxnMarker()
	case ControlLeaderChange:
		return NewLeaderChangeMessage()
	case ControlSnapshotHeader:
		return NewSnapshotHeaderRecord()
	case ControlSnapshotFooter:
		return NewSnapshotFooterRecord()
	case ControlKRaftVersion:
		return NewKRaftVersionRecord()
	case ControlVoters:
		return NewVotersRecord()
	}
	return nil
}

// AppendControlValue appends a control record's value: the message at
// version, which is also its first field. The message must carry that number
// in its Version field, where it has one; EndTxnMarker has none, its version
// goes before it.
func AppendControlValue(dst []byte, m Message, version int16) ([]byte, error) {
	if _, ok := m.(*EndTxnMarker); ok {
		dst = binary.BigEndian.AppendUint16(dst, uint16(version))
	}
	return Append(dst, m, version)
}

// DecodeControlValue reads the value of a control record. Its first int16 is
// the version; of a version newer than the newest defined the fields of that
// one are read, as Kafka does.
func DecodeControlValue(t ControlType, value []byte) (m Message, version int16, err error) {
	m = NewControl(t)
	if m == nil {
		return nil, 0, &UnknownRecordError{Type: int16(t), Version: -1}
	}
	r := NewReader(value)
	version = r.i16("version")
	if version < 0 {
		r.fail("version", "is negative")
	}
	if _, hi := m.Versions(); version > hi {
		version = hi
	}
	if _, ok := m.(*EndTxnMarker); !ok {
		r.off = 0
	}
	m.Decode(r, version)
	if err := r.Err(); err != nil {
		return nil, version, fmt.Errorf("%s v%d: %w", Name(m), version, err)
	}
	return m, version, nil
}
