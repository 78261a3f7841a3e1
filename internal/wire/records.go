package wire

import (
	"encoding/binary"
	"fmt"
)

// Record is a record, key or value of one of Kafka's internal topics.
type Record interface {
	Message
	// RecordType is the number of the record's type in its topic.
	RecordType() int16
}

// metadataFrame is the version of the frame around metadata records
// (AbstractApiMessageSerde): unsigned varints for the frame, the type and the
// version of the record, then its fields.
const metadataFrame = 1

// DecodeMetadataRecord takes a value of __cluster_metadata apart: a record in
// its frame and nothing after it. Byte fields alias value. An unknown type or
// version is an error: the log was written by newer software.
func DecodeMetadataRecord(value []byte) (rec Record, version int16, err error) {
	return decodeFramed(value, newMetadataRecord, "metadata record")
}

// AppendMetadataRecord appends the record in its frame to dst.
func AppendMetadataRecord(dst []byte, rec Record, version int16) ([]byte, error) {
	return appendFramed(dst, rec, version)
}

// DecodeRemoteLogRecord takes a value of __remote_log_metadata apart, which
// has the same frame.
func DecodeRemoteLogRecord(value []byte) (rec Record, version int16, err error) {
	return decodeFramed(value, newRemoteLogRecord, "remote log metadata record")
}

// AppendRemoteLogRecord appends the record in its frame to dst.
func AppendRemoteLogRecord(dst []byte, rec Record, version int16) ([]byte, error) {
	return appendFramed(dst, rec, version)
}

func decodeFramed(value []byte, empty func(int16) Record, what string) (Record, int16, error) {
	r := NewReader(value)
	frame := r.uvarint("frame version")
	typ := r.uvarint("type")
	version := r.uvarint("version")
	if err := r.Err(); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", what, err)
	}
	if frame != metadataFrame {
		return nil, 0, fmt.Errorf("%s has frame version %d, only %d is known", what, frame, metadataFrame)
	}
	if typ > 0x7fff || version > 0x7fff {
		return nil, 0, fmt.Errorf("%s has type %d and version %d, beyond 32767", what, typ, version)
	}
	rec := empty(int16(typ))
	if rec == nil {
		return nil, 0, fmt.Errorf("%s of unknown type %d", what, typ)
	}
	rec.Decode(r, int16(version))
	r.End()
	if err := r.Err(); err != nil {
		return nil, 0, fmt.Errorf("%s v%d: %w", Name(rec), version, err)
	}
	return rec, int16(version), nil
}

func appendFramed(dst []byte, rec Record, version int16) ([]byte, error) {
	dst = binary.AppendUvarint(dst, metadataFrame)
	dst = binary.AppendUvarint(dst, uint64(rec.RecordType()))
	dst = binary.AppendUvarint(dst, uint64(uint16(version)))
	return Append(dst, rec, version)
}

// CoordinatorTopic is an internal topic whose keys start with an int16 record
// type, and whose values start with an int16 version.
type CoordinatorTopic int

// The coordinators' topics.
const (
	ConsumerOffsets  CoordinatorTopic = iota // __consumer_offsets
	TransactionState                         // __transaction_state
	ShareGroupState                          // __share_group_state
)

// UnknownRecordError is a key of a type, or a value of a version, that newer
// software wrote. Kafka's coordinators skip records of unknown types.
type UnknownRecordError struct {
	Type    int16
	Version int16 // of the value; -1 for a key
}

func (e *UnknownRecordError) Error() string {
	if e.Version < 0 {
		return fmt.Sprintf("record type %d is unknown", e.Type)
	}
	return fmt.Sprintf("version %d of the value of record type %d is unknown", e.Version, e.Type)
}

// DecodeKey takes a key apart; all keys have version 0. Type and key tell
// which record it is. *UnknownRecordError if the type is not known.
func (t CoordinatorTopic) DecodeKey(b []byte) (Record, error) {
	r := NewReader(b)
	typ := r.i16("type")
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	key := t.newKey(typ)
	if key == nil {
		return nil, &UnknownRecordError{Type: typ, Version: -1}
	}
	key.Decode(r, 0)
	r.End()
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", Name(key), err)
	}
	return key, nil
}

// DecodeValue takes the value that belongs to a key of that type apart. A
// nil b is a tombstone: the answer is nil. As in Kafka, bytes after the value
// are not looked at.
func (t CoordinatorTopic) DecodeValue(typ int16, b []byte) (value Record, version int16, err error) {
	if b == nil {
		return nil, 0, nil
	}
	r := NewReader(b)
	version = r.i16("version")
	if err := r.Err(); err != nil {
		return nil, 0, fmt.Errorf("value: %w", err)
	}
	value = t.newValue(typ)
	if value == nil {
		return nil, version, &UnknownRecordError{Type: typ, Version: version}
	}
	if lo, hi := value.Versions(); version < lo || version > hi {
		return nil, version, &UnknownRecordError{Type: typ, Version: version}
	}
	value.Decode(r, version)
	if err := r.Err(); err != nil {
		return nil, version, fmt.Errorf("%s v%d: %w", Name(value), version, err)
	}
	return value, version, nil
}

// AppendKey appends the record type and the key to dst.
func AppendKey(dst []byte, key Record) ([]byte, error) {
	dst = binary.BigEndian.AppendUint16(dst, uint16(key.RecordType()))
	return Append(dst, key, 0)
}

// AppendValue appends the version and the value to dst.
func AppendValue(dst []byte, value Record, version int16) ([]byte, error) {
	dst = binary.BigEndian.AppendUint16(dst, uint16(version))
	return Append(dst, value, version)
}

func (t CoordinatorTopic) newKey(typ int16) Record {
	switch t {
	case ConsumerOffsets:
		return newGroupKey(typ)
	case TransactionState:
		return newTxnKey(typ)
	case ShareGroupState:
		return newShareKey(typ)
	}
	return nil
}

func (t CoordinatorTopic) newValue(typ int16) Record {
	switch t {
	case ConsumerOffsets:
		return newGroupValue(typ)
	case TransactionState:
		return newTxnValue(typ)
	case ShareGroupState:
		return newShareValue(typ)
	}
	return nil
}
