package model

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

// UUID is Kafka's 128-bit id; in text it is URL-safe base64 without padding,
// 22 characters.
type UUID [16]byte

// IsZero reports whether u is the zero UUID, which means none.
func (u UUID) IsZero() bool { return u == UUID{} }

// String is the 22-character text form.
func (u UUID) String() string { return base64.RawURLEncoding.EncodeToString(u[:]) }

// Reserved reports whether u is one of the first hundred ids, which Kafka
// keeps for marks such as DirLost.
func (u UUID) Reserved() bool {
	for _, b := range u[:15] {
		if b != 0 {
			return false
		}
	}
	return u[15] < 100
}

// ParseUUID reads the text form; padding is tolerated, as Kafka tolerates it.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	if len(s) > 24 {
		return u, fmt.Errorf("Input string with prefix `%s` is too long to be decoded as a base64 UUID", s[:24])
	}
	t := s
	for len(t) > 0 && t[len(t)-1] == '=' {
		t = t[:len(t)-1]
	}
	b, err := base64.RawURLEncoding.DecodeString(t)
	if err != nil || len(b) != 16 {
		return u, fmt.Errorf("Input string `%s` decoded as %d bytes, which is not equal to the expected 16 bytes of a base64-encoded UUID", s, len(b))
	}
	copy(u[:], b)
	return u, nil
}

// NewUUID is a random version 4 UUID that is not reserved and whose text does
// not start with a dash, so that it can be given on a command line. The
// process cannot go on without randomness: crypto/rand ends it.
func NewUUID() UUID {
	for {
		var u UUID
		_, _ = rand.Read(u[:])
		u[6] = u[6]&0x0f | 0x40
		u[8] = u[8]&0x3f | 0x80
		if !u.Reserved() && u.String()[0] != '-' {
			return u
		}
	}
}
