package record

import (
	"fmt"

	"gregor/internal/kerr"
)

// Error is a refused append: Kafka's code and message, and the records that
// are to blame when the code is about records.
type Error struct {
	// Code is the code of the partition's answer.
	Code kerr.Code
	// Msg says what is wrong, in Kafka's words.
	Msg string
	// Records names the records that were refused. Only when it is not empty
	// does Kafka send Msg to the client (ProduceResponse, ErrorMessage).
	Records []RecordError
}

// RecordError blames one record (ProduceResponse, BatchIndexAndErrorMessage).
type RecordError struct {
	// Index is the record's place in its batch, from 0.
	Index int32
	// Msg says what is wrong with it.
	Msg string
}

func (e *Error) Error() string { return e.Msg }

// Unwrap lets errors.Is and kerr.Of see the code.
func (e *Error) Unwrap() error { return e.Code }

func refuse(code kerr.Code, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...)}
}
