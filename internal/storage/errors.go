package storage

import (
	"errors"
	"fmt"
)

// Sentinels; test with errors.Is. partition maps them to Kafka's codes.
var (
	// ErrOutOfRange: the offset is below the log start or above the log end
	// (OFFSET_OUT_OF_RANGE).
	ErrOutOfRange = errors.New("offset is out of range")
	// ErrOffline: the log directory failed and is out of use
	// (KAFKA_STORAGE_ERROR).
	ErrOffline = errors.New("log directory is offline")
	// ErrNoSpace: the disk is full; nothing was appended and the log is in
	// order (KAFKA_STORAGE_ERROR).
	ErrNoSpace = errors.New("no space left on the log directory's device")
	// ErrCorrupt: bytes on disk are not what they must be
	// (CORRUPT_MESSAGE, or offline when found at load).
	ErrCorrupt = errors.New("corrupt log")
	// ErrTooLarge: one append is larger than segment.bytes
	// (RECORD_LIST_TOO_LARGE).
	ErrTooLarge = errors.New("append is larger than a segment may be")
	// ErrDeleted: the partition was deleted or closed
	// (UNKNOWN_TOPIC_OR_PARTITION / NOT_LEADER_OR_FOLLOWER).
	ErrDeleted = errors.New("log is deleted or closed")
	// ErrOffsetOrder: appended offsets do not go up from the log end.
	ErrOffsetOrder = errors.New("offsets are out of order")
	// ErrExists: the partition exists already.
	ErrExists = errors.New("partition exists already")
)

// RangeError is ErrOutOfRange with the numbers Kafka's message gives.
type RangeError struct {
	Offset, Start, End int64
	Partition          string
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("Received request for offset %d for partition %s, but we only have log segments upto %d.", e.Offset, e.Partition, e.End)
}

// Unwrap is ErrOutOfRange.
func (e *RangeError) Unwrap() error { return ErrOutOfRange }
