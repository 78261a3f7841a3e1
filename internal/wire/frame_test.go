package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"gregor/internal/wire/defs"
)

func ptr[T any](v T) *T { return &v }

// TestFrames holds whole frames to their bytes.
func TestFrames(t *testing.T) {
	metadata := NewMetadataRequest()
	metadata.AllowAutoTopicCreation = false
	for _, c := range []struct {
		msg     Message
		version int16
		client  *string
		want    string
	}{
		{&ApiVersionsRequest{ClientSoftwareName: "a", ClientSoftwareVersion: "1"}, 3, ptr("me"), "00000012 0012 0003 00000007 0002 6d65 00 0261 0231 00"},
		{&ApiVersionsRequest{}, 0, nil, "0000000a 0012 0000 00000007 ffff"},
		{&ControlledShutdownRequest{BrokerId: 1, BrokerEpoch: -1}, 0, ptr("me"), "0000000c 0007 0000 00000007 00000001"},
		{metadata, 4, ptr(""), "0000000f 0003 0004 00000007 0000 ffffffff 00"},
	} {
		var w Writer
		if err := EncodeRequest(&w, 7, c.client, c.msg, c.version); err != nil {
			t.Errorf("%s v%d: %v", Name(c.msg), c.version, err)
			continue
		}
		b, err := w.Bytes()
		if err != nil || !bytes.Equal(b, unhex(t, c.want)) {
			t.Errorf("%s v%d: %v\n got %x\nwant %s", Name(c.msg), c.version, err, b, c.want)
		}
		r := NewReader(b[FrameHead:])
		var h RequestHeader
		api, err := DecodeRequestHeader(r, &h)
		if err != nil || api.Key != c.msg.APIKey() || h.RequestApiVersion != c.version || h.CorrelationId != 7 {
			t.Errorf("%s v%d: header %+v, %v", Name(c.msg), c.version, h, err)
		}
		back := NewRequest(api.Key)
		back.Decode(r, c.version)
		if r.End(); r.Err() != nil {
			t.Errorf("%s v%d: %v", Name(c.msg), c.version, r.Err())
		}
	}
	for _, c := range []struct {
		msg     Message
		version int16
		want    string
	}{
		{&HeartbeatResponse{ErrorCode: 27}, 0, "00000006 00000007 001b"},
		{&HeartbeatResponse{ErrorCode: 27}, 4, "0000000c 00000007 00 00000000 001b 00"},
		{NewApiVersionsResponse(), 3, "0000000c 00000007 0000 01 00000000 00"},
	} {
		var w Writer
		if err := EncodeResponse(&w, 7, c.msg, c.version); err != nil {
			t.Fatal(err)
		}
		b, _ := w.Bytes()
		if !bytes.Equal(b, unhex(t, c.want)) {
			t.Errorf("%s v%d: got %x, want %s", Name(c.msg), c.version, b, c.want)
		}
		r := NewReader(b[FrameHead:])
		if id, err := DecodeResponseHeader(r, APIByKey(c.msg.APIKey()), c.version); id != 7 || err != nil {
			t.Errorf("%s v%d: correlation id %d, %v", Name(c.msg), c.version, id, err)
		}
	}
}

func TestRequestHeaderErrors(t *testing.T) {
	for _, c := range []struct{ hex, want string }{
		{"", "request header: needs 4 bytes, 0 are left (at byte 0)"},
		{"0012 00", "request header: needs 4 bytes, 3 are left (at byte 0)"},
		{"005f 0000 00000001 ffff", "unknown API key 95"},
		{"ffff 0000 00000001 ffff", "unknown API key -1"},
		{"0012 ffff 00000001 ffff", "request of API key 18 (ApiVersions) has version -1"},
		{"0012 0003 00000001 0005 61", "clientId: needs 5 bytes, 1 are left (at byte 10)"},
		{"0012 0003 00000001 0001 ff 00", "clientId: is not UTF-8 (at byte 10)"},
		{"0012 0003 00000001 0001 61", "tagged fields: needs 1 bytes, 0 are left (at byte 11)"},
	} {
		var h RequestHeader
		_, err := DecodeRequestHeader(NewReader(unhex(t, c.hex)), &h)
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: got %v, want %s", c.hex, err, c.want)
		}
	}
	// A version of ApiVersions from the future still has a header that can be
	// read, to be answered with version 0.
	var h RequestHeader
	if api, err := DecodeRequestHeader(NewReader(unhex(t, "0012 03e7 00000001 0001 61 00")), &h); err != nil || api.Key != KeyApiVersions || h.RequestApiVersion != 999 {
		t.Errorf("ApiVersions v999: %+v, %v", h, err)
	}
}

func TestEncodeErrors(t *testing.T) {
	long := string(bytes.Repeat([]byte{'x'}, 40000))
	for _, c := range []struct {
		msg     Message
		version int16
		want    string
	}{
		{&HeartbeatRequest{GroupInstanceId: ptr("i")}, 2, "HeartbeatRequest v2: attempted to write a non-default groupInstanceId at version 2: the version has no such field"},
		{&HeartbeatRequest{}, 5, "HeartbeatRequest v5: version 5 is not defined, only 0 to 4 are"},
		{&HeartbeatRequest{GroupId: long}, 0, "HeartbeatRequest v0: groupId is a string of 40000 bytes, more than 32767"},
		{&JoinGroupResponse{}, 6, "JoinGroupResponse v6: protocolName is null, which it may not be"},
	} {
		if _, err := Append(nil, c.msg, c.version); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
		var w Writer
		if err := EncodeResponse(&w, 1, c.msg, c.version); err == nil {
			t.Errorf("%s: no error", c.want)
		}
	}
	_, err := Append(nil, &HeartbeatRequest{GroupInstanceId: ptr("i")}, 2)
	if !errors.Is(err, ErrUnsupportedField) {
		t.Errorf("%v is not ErrUnsupportedField", err)
	}
	// Ignorable fields are dropped.
	if _, err := Append(nil, &HeartbeatResponse{ThrottleTimeMs: 5}, 0); err != nil {
		t.Error(err)
	}
}

// TestTables: every number leads to its message and back.
func TestTables(t *testing.T) {
	for i, a := range APIs() {
		q, r := NewRequest(a.Key), NewResponse(a.Key)
		if int(a.Key) != i || Name(q) != a.Name+"Request" || Name(r) != a.Name+"Response" || q.APIKey() != a.Key || r.APIKey() != a.Key {
			t.Errorf("key %d: %s, %s and %s", i, a.Name, Name(q), Name(r))
		}
		for _, m := range []Message{q, r} {
			if lo, hi := m.Versions(); lo != a.MinVersion || hi != a.MaxVersion {
				t.Errorf("%s: versions %d to %d", Name(m), lo, hi)
			}
		}
	}
	if NewRequest(95) != nil || NewResponse(-1) != nil || APIByKey(95) != nil || NewByName("X") != nil {
		t.Error("messages that do not exist")
	}
	p := APIByKey(KeyProduce)
	if lo, hi, ok := p.Advertised(BrokerListener); lo != 0 || hi != 13 || !ok || p.Accepts(BrokerListener, 2) || !p.Accepts(BrokerListener, 3) {
		t.Error("Produce is advertised from 0 and accepted from 3")
	}
	if _, _, ok := p.Advertised(ControllerListener); ok || p.Accepts(ControllerListener, 9) {
		t.Error("controllers take no Produce")
	}
	if _, hi, _ := APIByKey(KeyInitProducerId).Advertised(BrokerListener); hi != 5 {
		t.Errorf("InitProducerId is advertised to %d", hi)
	}
}

// TestRecords frames and unframes every record of the internal topics.
func TestRecords(t *testing.T) {
	g := &filler{rnd: rand.New(rand.NewSource(7))}
	topics := map[string]CoordinatorTopic{"__consumer_offsets": ConsumerOffsets, "__transaction_state": TransactionState, "__share_group_state": ShareGroupState}
	eachVersion(t, func(m *defs.Message, v int16) {
		msg := g.random(m, int(v))
		var b []byte
		var err error
		var back Message
		version := v
		switch {
		case m.Topic == "__cluster_metadata":
			b, _ = AppendMetadataRecord(nil, msg.(Record), v)
			back, version, err = DecodeMetadataRecord(b)
		case m.Topic == "__remote_log_metadata":
			b, _ = AppendRemoteLogRecord(nil, msg.(Record), v)
			back, version, err = DecodeRemoteLogRecord(b)
		case m.Kind == "key":
			b, _ = AppendKey(nil, msg.(Record))
			back, err = topics[m.Topic].DecodeKey(b)
		case m.Kind == "value":
			b, _ = AppendValue(nil, msg.(Record), v)
			back, version, err = topics[m.Topic].DecodeValue(int16(m.Num), b)
		default:
			return
		}
		if err != nil || version != v || Name(back) != m.Name {
			t.Fatalf("%s v%d: %v v%d, %v", m.Name, v, back, version, err)
		}
		if got, want := toJSON(t, m, back, int(v), true), toJSON(t, m, msg, int(v), true); got != want {
			t.Errorf("%s v%d: got %s, want %s", m.Name, v, got, want)
		}
	})
}

func TestRecordErrors(t *testing.T) {
	metadata := func(s string) error { _, _, err := DecodeMetadataRecord(unhex(t, s)); return err }
	key := func(s string) error { _, err := ConsumerOffsets.DecodeKey(unhex(t, s)); return err }
	value := func(typ int16, s string) error {
		_, _, err := ConsumerOffsets.DecodeValue(typ, unhex(t, s))
		return err
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{metadata(""), "metadata record: frame version: needs 1 bytes, 0 are left (at byte 0)"},
		{metadata("00 14 00"), "metadata record has frame version 0, only 1 is known"},
		{metadata("01 06 00"), "metadata record of unknown type 6"},
		{metadata("01 14 01 00"), "NoOpRecord v1: version 1 is not defined, only 0 to 0 are (at byte 3)"},
		{metadata("01 14 00 00 00"), "NoOpRecord v0: 1 bytes are left after the message (at byte 4)"},
		{metadata("01 808002 00"), "metadata record has type 32768 and version 0, beyond 32767"},
		{key("00"), "key: type: needs 2 bytes, 1 are left (at byte 0)"},
		{key("0063"), "record type 99 is unknown"},
		{key("0002 0005 61"), "GroupMetadataKey: group: needs 5 bytes, 1 are left (at byte 4)"},
		{value(2, "0009"), "version 9 of the value of record type 2 is unknown"},
		{value(99, "0000"), "version 0 of the value of record type 99 is unknown"},
		{value(2, "0000 00"), "GroupMetadataValue v0: protocolType: needs 2 bytes, 1 are left (at byte 2)"},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("got %v, want %s", c.err, c.want)
		}
	}
	if v, _, err := ConsumerOffsets.DecodeValue(2, nil); v != nil || err != nil {
		t.Error("a tombstone is no value and no error")
	}
}

func TestControlRecords(t *testing.T) {
	for typ := ControlAbort; typ <= ControlVoters; typ++ {
		if got, err := ParseControlKey(AppendControlKey(nil, typ)); got != typ || err != nil {
			t.Errorf("type %d: %d, %v", typ, got, err)
		}
		m := NewControl(typ)
		b, err := AppendControlValue(nil, m, 0)
		if err != nil {
			t.Fatal(err)
		}
		back, v, err := DecodeControlValue(typ, b)
		if err != nil || v != 0 || !reflect.DeepEqual(typeOf(back), typeOf(m)) {
			t.Errorf("type %d: %T v%d, %v", typ, back, v, err)
		}
	}
	for s, want := range map[string]ControlType{"0000 0063": ControlUnknown, "0005 0001 ffff": ControlCommit, "0000 ffff": ControlUnknown} {
		if got, err := ParseControlKey(unhex(t, s)); got != want || err != nil {
			t.Errorf("%s: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "0000", "ffff 0001"} {
		if _, err := ParseControlKey(unhex(t, s)); err == nil {
			t.Errorf("key %s is accepted", s)
		}
	}
	// What Kafka writes for a commit of coordinator epoch 5.
	m := &EndTxnMarker{CoordinatorEpoch: 5}
	if b, _ := AppendControlValue(nil, m, 0); hex.EncodeToString(b) != "000000000005" {
		t.Errorf("end marker %x", b)
	}
}

func typeOf(m Message) reflect.Type { return reflect.TypeOf(m) }

// TestGenerated: the committed code is what the generator makes of the
// definitions.
func TestGenerated(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("go", "run", "./gen", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	names := map[string]bool{}
	for _, d := range []string{dir, "."} {
		paths, _ := filepath.Glob(filepath.Join(d, "*_gen.go"))
		for _, p := range paths {
			names[filepath.Base(p)] = true
		}
	}
	if len(names) < 100 {
		t.Fatalf("%d generated files", len(names))
	}
	for n := range names {
		want, err1 := os.ReadFile(filepath.Join(dir, n))
		got, err2 := os.ReadFile(n)
		if err1 != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes: run go generate in internal/wire", n)
		}
	}
}
