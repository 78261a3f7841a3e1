package tool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"gregor/internal/wire"
)

// decoder turns key and value of a record into text; nil is left out.
type decoder func(offset int64, key, value []byte) (k, v *string, err error)

// plainDecoders turn bytes into what Java prints for the object, by class.
var plainDecoders = map[string]func([]byte) (string, error){
	stringDecoder: func(b []byte) (string, error) { return toUTF8(b), nil },
	"org.apache.kafka.tools.api.DefaultDecoder": func(b []byte) (string, error) { return toUTF8(b), nil },
	"org.apache.kafka.tools.api.IntegerDecoder": func(b []byte) (string, error) {
		if len(b) < 4 {
			return "", &exception{class: "java.nio.BufferUnderflowException", none: true}
		}
		return formatInt(int64(int32(binary.BigEndian.Uint32(b)))), nil
	},
	"org.apache.kafka.tools.api.LongDecoder": func(b []byte) (string, error) {
		if len(b) < 8 {
			return "", &exception{class: "java.nio.BufferUnderflowException", none: true}
		}
		return formatInt(int64(binary.BigEndian.Uint64(b))), nil
	},
}

func fieldsDecoder(key, value func([]byte) (string, error)) decoder {
	one := func(b []byte, f func([]byte) (string, error)) (*string, error) {
		if b == nil {
			return nil, nil
		}
		s, err := f(b)
		return &s, err
	}
	return func(_ int64, k, v []byte) (*string, *string, error) {
		ks, err := one(k, key)
		if err != nil {
			return nil, nil, err
		}
		vs, err := one(v, value)
		return ks, vs, err
	}
}

var (
	offsetsDecoder    = coordinatorDecoder(wire.ConsumerOffsets)
	txnLogDecoder     = coordinatorDecoder(wire.TransactionState)
	shareStateDecoder = coordinatorDecoder(wire.ShareGroupState)
)

func coordinatorDecoder(topic wire.CoordinatorTopic) decoder {
	return func(offset int64, k, v []byte) (*string, *string, error) {
		if k == nil {
			return nil, nil, throw(runtimeError, "Failed to decode message at offset %d using the specified decoder (message had a missing key)", offset)
		}
		key, value, version, err := decodeCoordinator(topic, k, v)
		var unknown *wire.UnknownRecordError
		if errors.As(err, &unknown) && unknown.Version < 0 {
			s := fmt.Sprintf("Unknown record type %d at offset %d, skipping.", unknown.Type, offset)
			return &s, nil, nil
		}
		if err != nil {
			s := fmt.Sprintf("Error at offset %d, skipping. %v", offset, err)
			return &s, nil, nil
		}
		ks := fmt.Sprintf(`{"type":"%d","data":%s}`, key.RecordType(), messageJSON(key, 0, nil))
		vs := "<DELETE>"
		if value != nil {
			var inner func(string, []byte) (string, bool)
			if g, ok := value.(*wire.GroupMetadataValue); ok && g.ProtocolType == "consumer" {
				inner = consumerProtocol
			}
			vs = fmt.Sprintf(`{"version":"%d","data":%s}`, version, messageJSON(value, version, inner))
		}
		return &ks, &vs, nil
	}
}

// consumerProtocol prints a member's subscription and assignment, which are
// bytes to the broker: a version int16 and a message. What does not parse
// stays bytes.
func consumerProtocol(field string, b []byte) (string, bool) {
	var m wire.Message
	switch field {
	case "subscription":
		m = wire.NewConsumerProtocolSubscription()
	case "assignment":
		m = wire.NewConsumerProtocolAssignment()
	default:
		return "", false
	}
	if len(b) < 2 {
		return "", false
	}
	version := int16(binary.BigEndian.Uint16(b))
	if lo, hi := m.Versions(); version < lo || version > hi {
		return "", false
	}
	r := wire.NewReader(b[2:])
	m.Decode(r, version)
	if r.Err() != nil {
		return "", false
	}
	return messageJSON(m, version, nil), true
}

func clusterMetadataDecoder(offset int64, _, v []byte) (*string, *string, error) {
	rec, version, err := wire.DecodeMetadataRecord(v)
	s := fmt.Sprintf("Error at %d, skipping. %v", offset, err)
	if err == nil {
		s = fmt.Sprintf(`{"type":"%s","version":%d,"data":%s}`, strings.ToUpper(snake(wire.Name(rec))), version, messageJSON(rec, version, nil))
	}
	return nil, &s, nil
}

func remoteLogDecoder(offset int64, _, v []byte) (*string, *string, error) {
	rec, version, err := wire.DecodeRemoteLogRecord(v)
	s := fmt.Sprintf("Error at offset %d, skipping. %v", offset, err)
	if err == nil {
		s = fmt.Sprintf(`{"type":"%s","version":%d,"data":%s}`, strings.ToUpper(snake(wire.Name(rec))), version, messageJSON(rec, version, nil))
	}
	return nil, &s, nil
}
