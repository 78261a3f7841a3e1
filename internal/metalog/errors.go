package metalog

import (
	"errors"
	"fmt"

	"gregor/internal/model"
)

// Errors of Append; test with errors.Is.
var (
	// ErrNotLeader: this node does not lead that epoch, or no more.
	ErrNotLeader = errors.New("this node is not the leader of the metadata quorum in that epoch")
	// ErrTooLarge: the records do not fit into one batch.
	ErrTooLarge = errors.New("records are larger than a batch of the metadata log may be")
	// ErrClosed: the log was closed, or has failed.
	ErrClosed = errors.New("the metadata log is closed")
)

// Error says where in the metadata log something is wrong that cannot be
// passed over.
type Error struct {
	File   string
	Offset model.Offset // of the batch or record; model.NoOffset if it has none
	Err    error
}

func (e *Error) Error() string {
	if e.Offset == model.NoOffset {
		return fmt.Sprintf("metadata log: %s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("metadata log: %s at offset %d: %v", e.File, e.Offset, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

func errorAt(file string, at model.Offset, format string, args ...any) error {
	return &Error{file, at, fmt.Errorf(format, args...)}
}
