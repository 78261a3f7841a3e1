package wire

import (
	"bytes"
	"fmt"
	"math/rand"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/wire/defs"
)

// kmsgFaults are the messages franz-go's kmsg v1.15.0 has wrong, found by
// comparison with Kafka's own classes. It reads the others, and writes them
// again unchanged.
var kmsgFaults = map[string]string{
	"StopReplicaRequest v4":     "has IsKRaftController after ControllerEpoch; Kafka has it before",
	"UpdateMetadataRequest v8":  "lacks the tagged field Type, which it carries as an unknown tag",
	"InitProducerIdRequest v6":  "ends at version 5; 6 is not released",
	"InitProducerIdResponse v6": "ends at version 5; 6 is not released",
}

type kmsgMessage interface {
	ReadFrom([]byte) error
	AppendTo([]byte) []byte
	SetVersion(int16)
}

// TestKmsg holds the codecs against those of franz-go, which were written
// independently: for machines without Java.
func TestKmsg(t *testing.T) {
	g := &filler{rnd: rand.New(rand.NewSource(3)), long: true}
	wrong := map[string]bool{}
	eachVersion(t, func(m *defs.Message, v int16) {
		if m.Kind != "request" && m.Kind != "response" {
			return
		}
		name := fmt.Sprintf("%s v%d", m.Name, v)
		for i := 0; i < 10; i++ {
			err := compareWithKmsg(g, m, v)
			if err == nil {
				continue
			}
			wrong[name] = true
			if kmsgFaults[name] == "" {
				t.Errorf("%s: %v", name, err)
			}
			return
		}
	})
	for name, why := range kmsgFaults {
		if !wrong[name] {
			t.Errorf("%s is right now in kmsg: take it off the list (%s)", name, why)
		}
	}
}

func compareWithKmsg(g *filler, m *defs.Message, v int16) error {
	var k kmsgMessage = kmsg.RequestForKey(int16(m.Num)) // a new one: ReadFrom leaves old tags
	if m.Kind == "response" {
		k = kmsg.ResponseForKey(int16(m.Num))
	}
	b, err := Append(nil, g.random(m, int(v)), v)
	if err != nil {
		return err
	}
	k.SetVersion(v)
	if err := k.ReadFrom(b); err != nil {
		return fmt.Errorf("kmsg cannot read: %w\n%x", err, b)
	}
	if tags := unknownTags(reflect.ValueOf(k)); tags != "" {
		return fmt.Errorf("kmsg does not know the tag at %s", tags)
	}
	back := k.AppendTo(nil)
	if !bytes.Equal(back, b) {
		return fmt.Errorf("kmsg reads %x\nand writes %x", b, back)
	}
	msg := NewByName(m.Name)
	if err := Unmarshal(back, msg, v); err != nil {
		return err
	}
	again, err := Append(nil, msg, v)
	if err == nil && !bytes.Equal(again, back) {
		err = fmt.Errorf("written again: %x\nby kmsg: %x", again, back)
	}
	return err
}

// unknownTags is the path of the first tag that kmsg kept as unknown.
func unknownTags(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return unknownTags(v.Elem())
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Struct {
			return ""
		}
		for i := 0; i < v.Len(); i++ {
			if s := unknownTags(v.Index(i)); s != "" {
				return fmt.Sprintf("[%d]%s", i, s)
			}
		}
	case reflect.Struct:
		if tags, ok := v.Interface().(kmsg.Tags); ok {
			if tags.Len() > 0 {
				return "unknown"
			}
			return ""
		}
		for i := 0; i < v.NumField(); i++ {
			if s := unknownTags(v.Field(i)); s != "" {
				return v.Type().Field(i).Name + "." + s
			}
		}
	}
	return ""
}

// TestKmsgRecords compares the records of internal topics that kmsg has; its
// messages contain the version, ours are framed by CoordinatorTopic.
func TestKmsgRecords(t *testing.T) {
	g := &filler{rnd: rand.New(rand.NewSource(4)), long: true}
	type codec interface {
		ReadFrom([]byte) error
		AppendTo([]byte) []byte
	}
	for name, fresh := range map[string]func() codec{
		"OffsetCommitKey":     func() codec { return &kmsg.OffsetCommitKey{} },
		"OffsetCommitValue":   func() codec { return &kmsg.OffsetCommitValue{} },
		"GroupMetadataKey":    func() codec { return &kmsg.GroupMetadataKey{} },
		"GroupMetadataValue":  func() codec { return &kmsg.GroupMetadataValue{} },
		"TransactionLogKey":   func() codec { return &kmsg.TxnMetadataKey{} },
		"TransactionLogValue": func() codec { return &kmsg.TxnMetadataValue{} },
	} {
		for _, m := range messages(t) {
			for v := m.Versions.Lo; m.Name == name && v <= m.Versions.Hi; v++ {
				for i := 0; i < 20; i++ {
					rec := g.random(m, v).(Record)
					b, err := AppendValue(nil, rec, int16(v))
					if m.Kind == "key" {
						b, err = AppendKey(nil, rec)
					}
					if err != nil {
						t.Fatal(err)
					}
					k := fresh()
					if err := k.ReadFrom(b); err != nil {
						t.Fatalf("%s v%d: %v", name, v, err)
					}
					if got := k.AppendTo(nil); !bytes.Equal(got, b) {
						t.Fatalf("%s v%d:\nours %x\nkmsg %x", name, v, b, got)
					}
				}
			}
		}
	}
}
