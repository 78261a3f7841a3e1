package tool

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"gregor/internal/wire"
)

// coordinatorFormatter prints the records of a coordinator's topic as JSON
// (CoordinatorRecordMessageFormatter of Apache Kafka).
type coordinatorFormatter struct {
	topic wire.CoordinatorTopic
	types []int16 // nil: all
}

func newOffsetsFormatter(*env, map[string]string) (formatter, error) {
	return coordinatorFormatter{wire.ConsumerOffsets, []int16{0, 1}}, nil
}

func newGroupMetadataFormatter(*env, map[string]string) (formatter, error) {
	return coordinatorFormatter{wire.ConsumerOffsets, []int16{2}}, nil
}

func newShareGroupFormatter(*env, map[string]string) (formatter, error) {
	return coordinatorFormatter{wire.ConsumerOffsets, []int16{10, 11, 12, 13, 14, 15}}, nil
}

func newTransactionFormatter(*env, map[string]string) (formatter, error) {
	return coordinatorFormatter{wire.TransactionState, nil}, nil
}

func (f coordinatorFormatter) write(o *bufferedOut, r *kgo.Record) error {
	if r.Key == nil {
		return nil
	}
	key, value, version, err := decodeCoordinator(f.topic, r.Key, r.Value)
	var unknown *wire.UnknownRecordError
	if errors.As(err, &unknown) && unknown.Version < 0 {
		return nil
	}
	if err != nil {
		return throw(runtimeError, "Could not read record at offset %d due to: %v", r.Offset, err)
	}
	allowed := f.types == nil
	for _, t := range f.types {
		allowed = allowed || t == key.RecordType()
	}
	if !allowed {
		return nil
	}
	o.text(fmt.Sprintf(`{"key":{"type":%d,"data":%s},"value":`, key.RecordType(), messageJSON(key, 0, nil)))
	if value == nil {
		o.text("null}")
		return nil
	}
	o.text(fmt.Sprintf(`{"version":%d,"data":%s}}`, version, messageJSON(value, version, nil)))
	return nil
}

// decodeCoordinator takes key and value apart; value is nil for a tombstone.
func decodeCoordinator(t wire.CoordinatorTopic, k, v []byte) (key, value wire.Record, version int16, err error) {
	if key, err = t.DecodeKey(k); err != nil {
		return nil, nil, 0, err
	}
	if v == nil {
		return key, nil, 0, nil
	}
	value, version, err = t.DecodeValue(key.RecordType(), v)
	return key, value, version, err
}
