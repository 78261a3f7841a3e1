package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/record/codec"
)

const now = goldenTime + 1000

func rules() Rules {
	return Rules{
		MaxMessageBytes: 1 << 20, MaxRecordBytes: math.MaxInt32, SegmentBytes: 1 << 30, Codec: codec.Producer,
		BeforeMax: math.MaxInt64, AfterMax: 3600_000,
	}
}

var tp = model.TopicPartition{Topic: "t", Partition: 1}

type rec struct {
	t          model.Millis
	key, value string // "-" is null
}

func bytesOf(s string) []byte {
	if s == "-" {
		return nil
	}
	return []byte(s)
}

func batchOf(s Spec, recs ...rec) Batch {
	var bl Builder
	bl.Reset(s)
	for _, r := range recs {
		bl.Append(r.t, bytesOf(r.key), bytesOf(r.value))
	}
	b, err := bl.Build()
	if err != nil {
		panic(err)
	}
	return b
}

func clientSpec(c codec.Type) Spec {
	s := NewSpec()
	s.Codec, s.Level = c, c.DefaultLevel()
	return s
}

var plainRecs = []rec{{goldenTime, "a", "1"}, {goldenTime + 9, "-", "2"}, {goldenTime + 3, "c", "-"}}

func patch32(b Batch, pos int, v int32) Batch {
	binary.BigEndian.PutUint32(b[pos:], uint32(v))
	b.SetCRC()
	return b
}

func TestValidateRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		mod    func(b Batch) Batch
		rules  func(r *Rules)
		codec  codec.Type
		origin Origin
		code   kerr.Code
		msg    string
		blamed []int32
	}{
		{name: "base offset", mod: func(b Batch) Batch { b.SetBaseOffset(4); return b }, code: kerr.InvalidRecord,
			msg: "The baseOffset of the record batch in the append to t-1 should be 0, but it is 4"},
		{name: "too large", rules: func(r *Rules) { r.MaxMessageBytes = 80 }, code: kerr.MessageTooLarge,
			msg: "The record batch size in the append to t-1 is 86 bytes which exceeds the maximum configured value of 80)."},
		{name: "segment", rules: func(r *Rules) { r.SegmentBytes = 80 }, code: kerr.RecordListTooLarge,
			msg: "Message batch size is 86 bytes in append to partition t-1, which exceeds the maximum configured segment size of 80."},
		{name: "crc", mod: func(b Batch) Batch { b[len(b)-1] ^= 1; return b }, code: kerr.CorruptMessage, msg: "Record is corrupt (stored crc = "},
		{name: "codec", mod: func(b Batch) Batch { b[posAttributes+1] = 5; b.SetCRC(); return b }, code: kerr.UnknownServerError,
			msg: "Unknown compression type id: 5"},
		{name: "offset range", mod: func(b Batch) Batch { return patch32(b, posLastOffsetDelta, -2) }, code: kerr.InvalidRecord,
			msg: "Batch has an invalid offset range: [0, -2] in topic partition t-1"},
		{name: "count", mod: func(b Batch) Batch { return patch32(b, posCount, 0) }, code: kerr.InvalidRecord,
			msg: "Invalid reported count for record batch: 0 in topic partition t-1"},
		{name: "count and offsets", mod: func(b Batch) Batch { return patch32(b, posCount, 2) }, code: kerr.InvalidRecord,
			msg: "Inconsistent batch offset range [0, 2] and count of records 2 in topic partition t-1"},
		{name: "control", mod: func(b Batch) Batch { b[posAttributes+1] |= attrControl; b.SetCRC(); return b }, code: kerr.InvalidRecord,
			msg: "Clients are not allowed to write control records in topic partition t-1"},
		{name: "sequence", mod: func(b Batch) Batch {
			binary.BigEndian.PutUint64(b[posProducerID:], 7)
			b.SetCRC()
			return b
		}, code: kerr.InvalidRecord, msg: "Invalid sequence number -1 in record batch with producerId 7 in topic partition t-1"},
		{name: "fewer records than said", mod: func(b Batch) Batch {
			return patch32(patch32(b, posCount, 4), posLastOffsetDelta, 3)
		}, code: kerr.InvalidRecord, msg: "Incorrect declared batch size, premature EOF reached"},
		{name: "more records than said", mod: func(b Batch) Batch {
			return patch32(patch32(b, posCount, 2), posLastOffsetDelta, 1)
		}, code: kerr.InvalidRecord, msg: "Incorrect declared batch size, records still remaining in file"},
		{name: "record structure", mod: func(b Batch) Batch { b[posRecords+4] = 0x7e; b.SetCRC(); return b }, code: kerr.InvalidRecord,
			msg: "Found invalid record structure"},
		{name: "null key", rules: func(r *Rules) { r.Compacted = true }, code: kerr.InvalidRecord, blamed: []int32{1},
			msg: "One or more records have been rejected due to 1 record errors in total, and only showing the first three errors at most: [RecordError(batchIndex=1, message='Compacted topic cannot accept message without key in topic partition t-1')]"},
		{name: "null key, compressed", codec: codec.LZ4, rules: func(r *Rules) { r.Compacted = true }, code: kerr.InvalidRecord, blamed: []int32{1}},
		{name: "too old", rules: func(r *Rules) { r.BeforeMax = 995 }, code: kerr.InvalidTimestamp, blamed: []int32{0, 2},
			msg: "One or more records have been rejected due to invalid timestamp"},
		{name: "too old, compressed", codec: codec.Gzip, rules: func(r *Rules) { r.BeforeMax = 995 }, code: kerr.InvalidTimestamp, blamed: []int32{0, 2}},
		{name: "too new", rules: func(r *Rules) { r.AfterMax = -993 }, code: kerr.InvalidTimestamp, blamed: []int32{1}},
		{name: "too new, compressed", codec: codec.Zstd, rules: func(r *Rules) { r.AfterMax = -993 }, code: kerr.InvalidTimestamp, blamed: []int32{1}},
		{name: "append time by client", mod: func(b Batch) Batch { b[posAttributes+1] |= attrLogAppendTime; b.SetCRC(); return b },
			rules: func(r *Rules) { r.LogAppendTime = true }, code: kerr.InvalidTimestamp, blamed: []int32{0, 1, 2}},
		{name: "append time by client, compressed", codec: codec.Snappy, mod: func(b Batch) Batch { b[posAttributes+1] |= attrLogAppendTime; b.SetCRC(); return b },
			rules: func(r *Rules) { r.LogAppendTime = true }, code: kerr.InvalidTimestamp, blamed: []int32{0, 1, 2}},
		{name: "damaged compression, opened", codec: codec.Zstd, mod: func(b Batch) Batch { b[posRecords] ^= 0xff; b.SetCRC(); return b },
			rules: func(r *Rules) { r.Codec = codec.None }, code: kerr.UnknownServerError, msg: "Failed to decompress record stream: "},
		{name: "record too large, opened", codec: codec.LZ4, rules: func(r *Rules) { r.Codec, r.MaxRecordBytes = codec.None, 5 }, code: kerr.InvalidRecord,
			msg: "Invalid record size: 9 exceeds the configured maximum record size of 5"},
		{name: "too large when rewritten", codec: codec.None, rules: func(r *Rules) { r.Codec, r.MaxMessageBytes = codec.Gzip, 86 }, code: kerr.MessageTooLarge,
			msg: "Message batch size is "},
		{name: "control by coordinator is fine", origin: Coordinator, mod: func(b Batch) Batch { b[posAttributes+1] |= attrControl; b.SetCRC(); return b }},
		{name: "damaged compression, not opened", codec: codec.Zstd, mod: func(b Batch) Batch { b[posRecords] ^= 0xff; b.SetCRC(); return b }},
	} {
		r := rules()
		if tc.rules != nil {
			tc.rules(&r)
		}
		b := batchOf(clientSpec(tc.codec), plainRecs...)
		if tc.mod != nil {
			b = tc.mod(b)
		}
		_, _, err := Validate(b, &r, tp, tc.origin, now, nil)
		if tc.code == kerr.None {
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		var e *Error
		if !errors.As(err, &e) || e.Code != tc.code || !strings.HasPrefix(e.Msg, tc.msg) {
			t.Errorf("%s: got %v %v\nwant %v %s", tc.name, kerr.Of(err).Name(), err, tc.code.Name(), tc.msg)
			continue
		}
		var blamed []int32
		for _, re := range e.Records {
			blamed = append(blamed, re.Index)
		}
		if len(blamed) != len(tc.blamed) {
			t.Errorf("%s: blames %v, want %v", tc.name, blamed, tc.blamed)
		}
		for i := range blamed {
			if blamed[i] != tc.blamed[i] {
				t.Errorf("%s: blames %v, want %v", tc.name, blamed, tc.blamed)
			}
		}
	}
}

func TestValidateStamps(t *testing.T) {
	for _, c := range []codec.Type{codec.None, codec.LZ4} {
		r := rules()
		b := batchOf(clientSpec(c), plainRecs...)
		// An uncompressed batch's largest time is computed anew.
		if c == codec.None {
			b.SetMaxTimestamp(false, 5)
		}
		v, _, err := Validate(b, &r, tp, Client, now, nil)
		if err != nil || v.Batch.MaxTimestamp() != goldenTime+9 || v.Batch.LogAppendTime() || v.Rewritten || !v.Batch.Valid() {
			t.Errorf("%v, create time: %v, max %d", c, err, v.Batch.MaxTimestamp())
		}
		r.LogAppendTime = true
		v, _, err = Validate(b, &r, tp, Client, now, nil)
		if err != nil || v.Batch.MaxTimestamp() != now || !v.Batch.LogAppendTime() || v.Rewritten || !v.Batch.Valid() {
			t.Errorf("%v, append time: %v, max %d", c, err, v.Batch.MaxTimestamp())
		}
	}
}

func TestValidateRewrites(t *testing.T) {
	s := clientSpec(codec.None)
	s.ProducerID, s.ProducerEpoch, s.BaseSequence, s.Transactional = 9, 2, 33, true
	var buf []byte
	for from := codec.None; from <= codec.Zstd; from++ {
		for to := codec.None; to <= codec.Zstd; to++ {
			s.Codec = from
			b := batchOf(s, plainRecs...)
			want := dump(t, batchOf(s, plainRecs...))
			r := rules()
			r.Codec, r.Level = to, to.DefaultLevel()
			var v Valid
			var err error
			v, buf, err = Validate(b, &r, tp, Client, now, buf)
			if err != nil {
				t.Fatalf("%v to %v: %v", from, to, err)
			}
			got := v.Batch
			if v.Rewritten != (from != to) || !got.Valid() || got.Codec() != to {
				t.Errorf("%v to %v: rewritten %v, codec %v", from, to, v.Rewritten, got.Codec())
			}
			if d := dump(t, got); d != want {
				t.Errorf("%v to %v: %s", from, to, d)
			}
			if got.ProducerID() != 9 || got.ProducerEpoch() != 2 || got.BaseSequence() != 33 || !got.Transactional() || got.MaxTimestamp() != goldenTime+9 {
				t.Errorf("%v to %v: header is wrong", from, to)
			}
		}
	}
}

// Old clients number the records inside a compressed batch wrongly; they are
// renumbered if the batch is opened.
func TestValidateRenumbers(t *testing.T) {
	var bl Builder
	s := clientSpec(codec.LZ4)
	bl.Reset(s)
	for _, o := range []model.Offset{1, 4, 7} {
		bl.AppendAt(o, goldenTime, []byte("k"), nil)
	}
	b, _ := bl.Build()
	b = patch32(b, posLastOffsetDelta, 2)
	r := rules()
	r.Compacted = true
	v, _, err := Validate(b, &r, tp, Client, now, nil)
	if err != nil || !v.Rewritten {
		t.Fatal(v.Rewritten, err)
	}
	var rd Reader
	want := model.Offset(0)
	for rd.Reset(v.Batch); rd.Next(); want++ {
		if rd.Record().Offset != want {
			t.Errorf("offset %d, want %d", rd.Record().Offset, want)
		}
	}
}

func TestCheckProduce(t *testing.T) {
	one := batchOf(clientSpec(codec.None), plainRecs...)
	z := batchOf(clientSpec(codec.Zstd), plainRecs...)
	bad := bytes.Clone(one)
	bad[posMagic] = 9
	for _, tc := range []struct {
		name    string
		b       []byte
		version int16
		code    kerr.Code
	}{
		{"empty", nil, 9, kerr.InvalidRecord},
		{"cut", one[:len(one)-1], 9, kerr.InvalidRecord},
		{"one", one, 9, kerr.None},
		{"one and a torn tail", append(bytes.Clone(one), one[:30]...), 9, kerr.None},
		{"two", append(bytes.Clone(one), one...), 9, kerr.InvalidRecord},
		{"one and rubbish", append(bytes.Clone(one), make([]byte, 40)...), 9, kerr.CorruptMessage},
		{"magic 9", bad, 9, kerr.CorruptMessage},
		{"zstd too early", z, 6, kerr.UnsupportedCompressionType},
		{"zstd", z, 7, kerr.None},
	} {
		b, err := CheckProduce(tc.b, tc.version)
		if kerr.Of(err) != tc.code {
			t.Errorf("%s: %v", tc.name, err)
		}
		if err == nil && !b.Valid() {
			t.Errorf("%s: not the batch", tc.name)
		}
	}
}

func TestValidateAllocatesNothing(t *testing.T) {
	r := rules()
	for _, c := range []codec.Type{codec.None, codec.LZ4, codec.Zstd} {
		b := batchOf(clientSpec(c), plainRecs...)
		if n := testing.AllocsPerRun(100, func() {
			if _, _, err := Validate(b, &r, tp, Client, now, nil); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%v: %v allocations", c, n)
		}
	}
}

func benchBatch(n, size int, c codec.Type) Batch {
	recs := make([]rec, n)
	for i := range recs {
		recs[i] = rec{goldenTime, "key", strings.Repeat("v", size)}
	}
	return batchOf(clientSpec(c), recs...)
}

func BenchmarkValidate16x1K(b *testing.B) {
	r := rules()
	batch := benchBatch(16, 1000, codec.None)
	b.SetBytes(int64(len(batch)))
	for b.Loop() {
		if _, _, err := Validate(batch, &r, tp, Client, now, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate160x100(b *testing.B) {
	r := rules()
	batch := benchBatch(160, 100, codec.None)
	b.SetBytes(int64(len(batch)))
	for b.Loop() {
		if _, _, err := Validate(batch, &r, tp, Client, now, nil); err != nil {
			b.Fatal(err)
		}
	}
}
