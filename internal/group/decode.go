package group

import (
	"encoding/binary"

	"gregor/internal/coordinator"
	"gregor/internal/wire"
)

// offsetCommitType is the type of an OffsetCommitKey since the first version
// of the coordinator that is not the legacy one.
const offsetCommitType = 1

// maxInterned bounds how many names a decoder remembers.
const maxInterned = 1 << 16

// offsetDecoder takes committed offsets apart, which most records of a log
// are, without allocating for names that were seen before.
type offsetDecoder struct {
	r     wire.Reader
	key   wire.OffsetCommitKey
	value wire.OffsetCommitValue
	names map[string]string
}

func newOffsetDecoder() func(*coordinator.Record, []byte, []byte) bool {
	d := &offsetDecoder{names: map[string]string{}}
	return d.decode
}

func (d *offsetDecoder) decode(rec *coordinator.Record, key, value []byte) bool {
	if len(key) < 2 || binary.BigEndian.Uint16(key) != offsetCommitType {
		return false
	}
	d.r.Reset(key[2:], true)
	d.key.Decode(&d.r, 0)
	d.r.End()
	if d.r.Err() != nil {
		return false
	}
	if value == nil {
		rec.Value = nil
	} else {
		if len(value) < 2 {
			return false
		}
		version := int16(binary.BigEndian.Uint16(value))
		if lo, hi := d.value.Versions(); version < lo || version > hi {
			return false
		}
		d.r.Reset(value[2:], true)
		d.value.Decode(&d.r, version)
		if d.r.Err() != nil {
			return false
		}
		d.value.Metadata = d.intern(d.value.Metadata)
		rec.Value = &d.value
	}
	d.key.Group, d.key.Topic = d.intern(d.key.Group), d.intern(d.key.Topic)
	rec.Key = &d.key
	return true
}

// intern is a copy of s, which is a view of a buffer.
func (d *offsetDecoder) intern(s string) string {
	if s == "" {
		return ""
	}
	if known, ok := d.names[s]; ok {
		return known
	}
	own := string([]byte(s))
	if len(d.names) >= maxInterned {
		clear(d.names)
	}
	d.names[own] = own
	return own
}
