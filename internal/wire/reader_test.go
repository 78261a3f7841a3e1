package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"gregor/internal/wire/defs"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestErrors: every kind of wrong byte, and the path of the field it is in.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		msg     Message
		version int16
		hex     string
		want    string
	}{
		{&HeartbeatRequest{}, 0, "", "groupId: needs 2 bytes, 0 are left (at byte 0)"},
		{&HeartbeatRequest{}, 0, "0001", "groupId: needs 1 bytes, 0 are left (at byte 2)"},
		{&HeartbeatRequest{}, 0, "ffff", "groupId: is null, which it may not be (at byte 2)"},
		{&HeartbeatRequest{}, 0, "0002 c3", "groupId: needs 2 bytes, 1 are left (at byte 2)"},
		{&HeartbeatRequest{}, 0, "0002 c328", "groupId: is not UTF-8 (at byte 2)"},
		{&HeartbeatRequest{}, 0, "0001 67 000000", "generationId: needs 4 bytes, 3 are left (at byte 3)"},
		{&HeartbeatRequest{}, 0, "0001 67 00000001 0001 6d ff", "1 bytes are left after the message (at byte 10)"},
		{&HeartbeatRequest{}, 4, "8080808080 00", "groupId: its variable-length number does not end within 32 bits (at byte 0)"},
		{&HeartbeatRequest{}, 4, "ffffffff10", "groupId: its variable-length number does not end within 32 bits (at byte 0)"},
		{&HeartbeatRequest{}, 4, "ffffffff0f", "groupId: is a string of 4294967294 bytes, more than 32767 (at byte 5)"},
		{&HeartbeatRequest{}, 4, "00", "groupId: is null, which it may not be (at byte 1)"},
		{&HeartbeatRequest{}, 4, "0267 00000001 026d 00 02", "tagged fields: claims 2 fields, 0 bytes are left (at byte 10)"},
		{&HeartbeatRequest{}, 4, "0267 00000001 026d 00 01 0005", "tagged fields: tag 0 claims 5 bytes, 0 are left (at byte 12)"},
		{&HeartbeatRequest{}, 5, "", "version 5 is not defined, only 0 to 4 are (at byte 0)"},
		{&ProduceRequest{}, 3, "ffff 0001 00000001 00000001 0001 74 00000001 00000007 00000005 01020304",
			"topicData[0].partitionData[0].records: needs 5 bytes, 4 are left (at byte 27)"},
		{&ProduceRequest{}, 3, "ffff 0001 00000001 7fffffff", "topicData: claims 2147483647 elements, 0 bytes are left (at byte 8)"},
		{&ProduceRequest{}, 3, "ffff 0001 00000001 ffffffff", "topicData: is null, which it may not be (at byte 12)"},
		{&ProduceRequest{}, 9, "00 0001 00000001 03 0274 02 00000007 00 00 00 0275 02 0000",
			"topicData[1].partitionData: claims 1 elements, 2 bytes are left (at byte 20)"},
		{&FetchRequest{}, 15, "00000001 00000001 00000001 00 00000000 00000000 01 01 01 01 01 0b ffffffff 00000000000000",
			"replicaState.replicaEpoch: needs 8 bytes, 7 are left (at byte 31)"},
		{&FetchRequest{}, 15, "00000001 00000001 00000001 00 00000000 00000000 01 01 01 01 01 0e ffffffff 0000000000000000 00 00",
			"replicaState: the tagged field ends at byte 41, its value at byte 40 (at byte 40)"},
		{&DescribeTopicPartitionsRequest{}, 0, "01 00000001 01 02ff 00000000 00 00", "cursor.topicName: is not UTF-8 (at byte 7)"},
		{&OffsetFetchRequest{}, 8, "02 0267 02 0274 02 000000", "groups[0].topics[0].partitionIndexes: claims 1 elements, 3 bytes are left (at byte 6)"},
		{&OffsetForLeaderEpochRequest{}, 0, "00000002 0001 61 00000000 0002 ff", "topics[1].topic: needs 2 bytes, 1 are left (at byte 13)"},
		{&ListGroupsRequest{}, 4, "03 0261 02ff 00", "statesFilter[1]: is not UTF-8 (at byte 4)"},
	} {
		err := Unmarshal(unhex(t, c.hex), c.msg, c.version)
		if err == nil {
			t.Errorf("%T v%d %s: no error, want %s", c.msg, c.version, c.hex, c.want)
			continue
		}
		want := fmt.Sprintf("%s v%d: %s", Name(c.msg), c.version, c.want)
		if err.Error() != want {
			t.Errorf("%T v%d %s:\n got %s\nwant %s", c.msg, c.version, c.hex, err, want)
		}
		var de *DecodeError
		if !errors.As(err, &de) {
			t.Errorf("%T is not a DecodeError", err)
		}
	}
}

// TestTruncated: no prefix of a message is one, and nothing panics.
func TestTruncated(t *testing.T) {
	g := &filler{rnd: rand.New(rand.NewSource(5))}
	eachVersion(t, func(m *defs.Message, v int16) {
		b, err := Append(nil, g.random(m, int(v)), v)
		if err != nil {
			t.Fatal(err)
		}
		step := 1 + len(b)/50
		for n := 0; n < len(b); n += step {
			if err := Unmarshal(b[:n], NewByName(m.Name), v); err == nil {
				t.Fatalf("%s v%d: the first %d of %d bytes are taken for a message: %x", m.Name, v, n, len(b), b)
			}
		}
		if err := Unmarshal(append(b, 0), NewByName(m.Name), v); err == nil {
			t.Fatalf("%s v%d: a byte after the message is accepted", m.Name, v)
		}
	})
}

// TestTags: unknown tags are skipped, wherever they stand, and as in Kafka a
// repeated one overwrites and any order is taken.
func TestTags(t *testing.T) {
	const head = "ffffffff 00000001 00000001 00000001 00 00000000 00000000 01 01 01"
	for _, c := range []struct{ tags, cluster string }{
		{"01 00 02 02 61", "a"},
		{"02 63 02 abcd 00 02 02 61", "a"},
		{"02 00 02 02 61 63 00", "a"},
		{"02 00 02 02 61 00 02 02 62", "b"},
		{"01 00 01 00", "null"},
		{"00", "null"},
	} {
		var m FetchRequest
		if err := Unmarshal(unhex(t, head+c.tags), &m, 13); err != nil {
			t.Errorf("%s: %v", c.tags, err)
			continue
		}
		got := "null"
		if m.ClusterId != nil {
			got = *m.ClusterId
		}
		if got != c.cluster {
			t.Errorf("%s: cluster id %s, want %s", c.tags, got, c.cluster)
		}
	}
}

// bomb is an ApiVersions v3 body of 9 bytes that claims 2³²-1 tagged fields.
var bomb = []byte{2, 'a', 2, 'a', 0xff, 0xff, 0xff, 0xff, 0x0f}

func TestBomb(t *testing.T) {
	var m ApiVersionsRequest
	err := Unmarshal(bomb, &m, 3)
	want := "ApiVersionsRequest v3: tagged fields: claims 4294967295 fields, 0 bytes are left (at byte 9)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	// 2³²-1 empty fields one after the other would be 8 GiB: what a frame can
	// claim, it must contain.
	body := append([]byte{1, 1}, 0x80, 0x80, 0x04)            // 65536 fields
	body = append(body, bytes.Repeat([]byte{7, 0}, 65536)...) // all there
	if err := Unmarshal(body, &m, 3); err != nil {
		t.Errorf("65536 unknown fields: %v", err)
	}
}

func BenchmarkBomb(b *testing.B) {
	var m ApiVersionsRequest
	var r Reader
	for range b.N {
		r.Reset(bomb, true)
		m.Decode(&r, 3)
		if r.Err() == nil {
			b.Fatal("no error")
		}
	}
}

// TestMemory: whatever the bytes are, decoding them allocates at most four
// times their number and the fixed slack. The frames are patterns that read as
// huge counts or many tiny elements, and for every message the list with the
// smallest elements at great length.
func TestMemory(t *testing.T) {
	const size = 64 << 10
	patterns := [][]byte{}
	for _, p := range []string{"00", "01", "02", "03", "0000000100", "7f", "80800402", "0001", "80048004", "010100"} {
		patterns = append(patterns, bytes.Repeat(unhex(t, p), size*2/len(p)+1)[:size])
	}
	flat := &filler{rnd: rand.New(rand.NewSource(6)), flat: 3000}
	worst, worstName := 0.0, ""
	var before, after runtime.MemStats
	eachVersion(t, func(m *defs.Message, v int16) {
		if int(v) != m.Versions.Lo && int(v) != m.Versions.Hi && int(v) != m.Flexible.Lo {
			return
		}
		list, err := Append(nil, flat.random(m, int(v)), v)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range append(patterns, list) {
			msg, r := NewByName(m.Name), NewReader(f)
			runtime.ReadMemStats(&before)
			msg.Decode(r, v)
			runtime.ReadMemStats(&after)
			n := float64(after.TotalAlloc-before.TotalAlloc) / float64(allocFactor*len(f)+allocSlack)
			if n > worst {
				worst, worstName = n, fmt.Sprintf("%s v%d: %x ...", m.Name, v, f[:min(20, len(f))])
			}
		}
	})
	t.Logf("at most %.2f of the limit: %s", worst, worstName)
	if worst > 1.1 { // size classes round up, and errors have a text
		t.Errorf("%.2f times the limit is allocated for %s", worst, worstName)
	}
}

// TestGenerousEnough: honest messages of many small elements are decoded.
func TestGenerousEnough(t *testing.T) {
	topics := NewMetadataRequest()
	for i := 0; i < 10000; i++ {
		name := fmt.Sprintf("t%d", i)
		topics.Topics = append(topics.Topics, MetadataRequestTopic{Name: &name})
	}
	create := &CreateTopicsRequest{}
	for i := 0; i < 10000; i++ {
		create.Topics = append(create.Topics, CreateTopicsRequestCreatableTopic{Name: fmt.Sprintf("t%d", i), NumPartitions: 1, ReplicationFactor: 1})
	}
	for _, m := range []Message{topics, create} {
		_, hi := m.Versions()
		for v := hi - 3; v <= hi; v++ {
			b, err := Append(nil, m, v)
			if err != nil {
				t.Fatal(err)
			}
			if err := Unmarshal(b, reflect.New(reflect.TypeOf(m).Elem()).Interface().(Message), v); err != nil {
				t.Errorf("%d bytes: %v", len(b), err)
			}
		}
	}
}
