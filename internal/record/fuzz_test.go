package record

import (
	"testing"

	"gregor/internal/kerr"
	"gregor/internal/record/codec"
)

// FuzzProduce feeds bytes to everything a produce request's records meet.
func FuzzProduce(f *testing.F) {
	for _, b := range golden(f) {
		if len(b) < 2000 {
			f.Add(b, uint8(codec.None))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, target uint8) {
		b, err := CheckProduce(in, 9)
		if err != nil {
			return
		}
		r := rules()
		r.Compacted = target&8 != 0
		r.Codec = codec.Type(target%6) - 1
		// The fuzzer does not find checksums.
		b.SetBaseOffset(0)
		b.SetCRC()
		v, _, err := Validate(b, &r, tp, Client, now, nil)
		if err != nil {
			if kerr.Of(err) == kerr.None {
				t.Fatalf("refused without a code: %v", err)
			}
			return
		}
		if !v.Batch.Valid() {
			t.Fatal("validated to a batch with a wrong CRC or size")
		}
		if v.Batch.Codec() != codec.None {
			return
		}
		n := 0
		var rd Reader
		for rd.Reset(v.Batch); rd.Next(); n++ {
			rd.Record().AppendHeaders(nil)
		}
		if rd.Err() != nil || n != int(v.Batch.Count()) {
			t.Fatalf("validated, but has %d of %d records: %v", n, v.Batch.Count(), rd.Err())
		}
	})
}

// FuzzWalk holds walk against Reader.
func FuzzWalk(f *testing.F) {
	for _, b := range golden(f) {
		if len(b) < 2000 && len(b) > HeaderSize {
			f.Add(Batch(b).Payload(), int32(5))
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte, count int32) {
		if count < 1 || count > 1000 {
			return
		}
		b := Batch(append(make([]byte, HeaderSize), payload...))
		patch32(b, posCount, count)
		w, ok := walk(payload, count)
		var r Reader
		nulls := false
		for r.Reset(b); r.Next(); {
			nulls = nulls || r.Record().Key == nil
		}
		if ok != (r.Err() == nil) {
			t.Fatalf("walk says %v, Reader %v", ok, r.Err())
		}
		if ok && w.nullKey != nulls {
			t.Fatal("they differ about null keys")
		}
	})
}
