package wire

import (
	"bytes"
	"errors"
	"math/rand"
	"testing"

	"gregor/internal/wire/defs"
)

// A fuzz input is three bytes and a body: the message (two bytes) and version
// are taken modulo what there is, so every input is a try at some message.

func fuzzKind(f *testing.F, kinds map[string]bool) []*defs.Message {
	var ms []*defs.Message
	for _, m := range messages(f) {
		if kinds[m.Kind] {
			ms = append(ms, m)
		}
	}
	g := &filler{rnd: rand.New(rand.NewSource(8))}
	for i, m := range ms {
		v := m.Versions.Hi
		b, err := Append(nil, g.random(m, v), int16(v))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append([]byte{byte(i >> 8), byte(i), byte(v - m.Versions.Lo)}, b...))
	}
	return ms
}

// tryBody decodes a body. If it is a message, encoding it and decoding that
// again must come to the same bytes.
func tryBody(t *testing.T, ms []*defs.Message, in []byte) {
	if len(in) < 3 {
		return
	}
	m := ms[(int(in[0])<<8|int(in[1]))%len(ms)]
	v := int16(m.Versions.Lo + int(in[2])%(m.Versions.Hi-m.Versions.Lo+1))
	body := in[3:]
	msg := NewByName(m.Name)
	if err := Unmarshal(body, msg, v); err != nil {
		var de *DecodeError
		if !errors.As(err, &de) || de.Offset < 0 || de.Offset > len(body) || de.Reason == "" {
			t.Fatalf("%s v%d: a strange error: %v", m.Name, v, err)
		}
		return
	}
	first, err := Append(nil, msg, v)
	if err != nil {
		t.Fatalf("%s v%d: decoded, but cannot be encoded: %v\n%x", m.Name, v, err, body)
	}
	var r Reader
	r.Reset(first, true)
	again := NewByName(m.Name)
	again.Decode(&r, v)
	if r.End(); r.Err() != nil {
		t.Fatalf("%s v%d: its own encoding is refused: %v\n%x", m.Name, v, r.Err(), first)
	}
	second, err := Append(nil, again, v)
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%s v%d: %v\n%x\n%x", m.Name, v, err, first, second)
	}
	if len(first) > len(body)*2+16 {
		t.Fatalf("%s v%d: %d bytes were read, %d written", m.Name, v, len(body), len(first))
	}
}

func FuzzRequests(f *testing.F) {
	ms := fuzzKind(f, map[string]bool{"request": true, "header": true})
	f.Fuzz(func(t *testing.T, in []byte) { tryBody(t, ms, in) })
}

func FuzzResponses(f *testing.F) {
	ms := fuzzKind(f, map[string]bool{"response": true})
	f.Fuzz(func(t *testing.T, in []byte) { tryBody(t, ms, in) })
}

func FuzzRecords(f *testing.F) {
	ms := fuzzKind(f, map[string]bool{"record": true, "key": true, "value": true, "data": true})
	f.Fuzz(func(t *testing.T, in []byte) {
		tryBody(t, ms, in)
		// The frames around records must not panic either.
		_, _, _ = DecodeMetadataRecord(in)
		_, _, _ = DecodeRemoteLogRecord(in)
		for _, topic := range []CoordinatorTopic{ConsumerOffsets, TransactionState, ShareGroupState} {
			if key, err := topic.DecodeKey(in); err == nil {
				_, _, _ = topic.DecodeValue(key.RecordType(), in)
			}
		}
		if typ, err := ParseControlKey(in); err == nil {
			_, _, _ = DecodeControlValue(typ, in)
		}
	})
}

// FuzzFrame takes a frame as a server does: header, then the request.
func FuzzFrame(f *testing.F) {
	for _, a := range APIs() {
		var w Writer
		if err := EncodeRequest(&w, 1, ptr("client"), NewRequest(a.Key), a.MaxVersion); err != nil {
			continue // a null that must be set
		}
		b, _ := w.Bytes()
		f.Add(b[FrameHead:])
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var h RequestHeader
		var r Reader
		r.Reset(in, true)
		api, err := DecodeRequestHeader(&r, &h)
		if err != nil {
			return
		}
		req := NewRequest(api.Key)
		req.Decode(&r, h.RequestApiVersion)
		r.End()
	})
}
