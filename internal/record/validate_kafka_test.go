package record

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"gregor/internal/model"
	"gregor/internal/record/codec"
)

var casesOut = flag.String("cases", "", "write the cases for testdata/Validate.java to this file")

// TestValidateAsKafka holds Validate against what Kafka's LogValidator made of
// the same batches (testdata/validate.txt, by testdata/Validate.java).
func TestValidateAsKafka(t *testing.T) {
	if *casesOut != "" {
		writeCases(t)
		return
	}
	f, err := os.Open("testdata/validate.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	n, accepted := 0, 0
	for sc.Scan() {
		in, want, _ := strings.Cut(sc.Text(), "\t")
		got := runCase(t, in)
		if got != want && !(damaged(got) && damaged(want)) {
			t.Errorf("case %d: %s\n got %s\nwant %s", n, in, got, want)
		}
		n++
		if strings.HasPrefix(want, "OK") {
			accepted++
		}
	}
	if n < 300 || accepted < 60 || n-accepted < 60 {
		t.Errorf("%d cases, %d accepted: not enough of each", n, accepted)
	}
}

// damaged reports a refusal because a record's structure is broken. Kafka reads
// on beyond the record's end and so may stumble over something else; the
// message stays on the server.
func damaged(result string) bool {
	for _, m := range []string{"Found invalid", "Invalid record size", "Invalid negative header"} {
		if strings.HasPrefix(result, "INVALID_RECORD "+m) {
			return true
		}
	}
	return false
}

func runCase(t *testing.T, in string) string {
	t.Helper()
	f := strings.Fields(in)
	r := rules()
	r.Codec, _ = codec.Parse(f[0])
	r.Level = r.Codec.DefaultLevel()
	r.Compacted, r.LogAppendTime = f[1] == "true", f[2] == "true"
	before, err1 := strconv.ParseInt(f[3], 10, 64)
	after, err2 := strconv.ParseInt(f[4], 10, 64)
	b, err3 := hex.DecodeString(f[5])
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	r.BeforeMax, r.AfterMax = model.Millis(before), model.Millis(after)
	v, _, err := Validate(b, &r, tp, Client, now, nil)
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return err.Error()
		}
		out := e.Code.Name() + " " + e.Msg
		for _, re := range e.Records {
			out += fmt.Sprintf(" | %d %s", re.Index, re.Msg)
		}
		return out
	}
	return describe(v.Batch)
}

func describe(b Batch) string {
	kind := "CreateTime"
	if b.LogAppendTime() {
		kind = "LogAppendTime"
	}
	out := fmt.Sprintf("OK %v %s max=%d pid=%d seq=%d txn=%v last=%d", b.Codec(), kind, b.MaxTimestamp(), b.ProducerID(), b.BaseSequence(), b.Transactional(), b.LastOffset())
	var r Reader
	for r.Reset(b); r.Next(); {
		rec := r.Record()
		out += fmt.Sprintf(" | %d@%d %s=%s %d", rec.Offset, rec.Timestamp, nullHex(rec.Key), nullHex(rec.Value), rec.NumHeaders())
	}
	return out
}

func nullHex(b []byte) string {
	if b == nil {
		return "null"
	}
	return hex.EncodeToString(b)
}

// writeCases makes batches, right ones and ones that lie, under rules of all kinds.
func writeCases(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	var out strings.Builder
	for range 500 {
		r, b := randomCase(rng)
		fmt.Fprintf(&out, "%v %v %v %d %d %x\n", r.Codec, r.Compacted, r.LogAppendTime, r.BeforeMax, r.AfterMax, []byte(b))
	}
	if err := os.WriteFile(*casesOut, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func randomCase(rng *rand.Rand) (Rules, Batch) {
	r := rules()
	one := func(n int) bool { return rng.IntN(n) == 0 }
	r.Compacted, r.LogAppendTime = one(4), one(4)
	r.Codec = codec.Producer
	if one(3) {
		r.Codec = codec.Type(rng.IntN(5))
	}
	r.BeforeMax, r.AfterMax = math.MaxInt64, 3600_000
	if one(3) {
		r.BeforeMax = model.Millis(rng.IntN(2000))
	}
	if one(3) {
		r.AfterMax = model.Millis(rng.IntN(20))
	}
	s := clientSpec(codec.None)
	if one(3) {
		s.Codec = codec.Type(1 + rng.IntN(4))
		s.Level = s.Codec.DefaultLevel()
	}
	if one(3) {
		s.ProducerID, s.ProducerEpoch, s.BaseSequence, s.Transactional = 77, 1, int32(rng.IntN(9)), one(2)
	}
	b := randomBatch(rng, s)
	// A compressed batch that is not opened is believed; lies about it are
	// told only where it is.
	opened := s.Codec == codec.None || r.Compacted || r.BeforeMax < math.MaxInt64 && !r.LogAppendTime ||
		r.Codec != codec.Producer && r.Codec != s.Codec
	if opened && !one(3) {
		lie(rng, b)
	}
	return r, b
}

func randomBatch(rng *rand.Rand, s Spec) Batch {
	var bl Builder
	bl.Reset(s)
	for range 1 + rng.IntN(4) {
		key, value := []byte("key"), []byte("value")
		if rng.IntN(4) == 0 {
			key = nil
		}
		if rng.IntN(4) == 0 {
			value = nil
		}
		var hs []Header
		for range rng.IntN(3) {
			hs = append(hs, Header{Key: []byte("h"), Value: []byte("x")})
		}
		at := now + model.Millis(rng.IntN(1040)-1000)
		if rng.IntN(12) == 0 {
			at = NoTimestamp
		}
		bl.Append(at, key, value, hs...)
	}
	b, err := bl.Build()
	if err != nil {
		panic(err)
	}
	return b
}

// lie changes something of a batch and makes the CRC agree.
func lie(rng *rand.Rand, b Batch) {
	switch rng.IntN(8) {
	case 0:
		binary.BigEndian.PutUint32(b[posCount:], uint32(rng.IntN(7)-1))
	case 1:
		binary.BigEndian.PutUint32(b[posLastOffsetDelta:], uint32(rng.IntN(7)-2))
	case 2:
		n := uint32(rng.IntN(6))
		binary.BigEndian.PutUint32(b[posCount:], n)
		binary.BigEndian.PutUint32(b[posLastOffsetDelta:], n-1)
	case 3:
		b[posAttributes+1] |= attrControl
	case 4:
		b[posAttributes+1] |= attrLogAppendTime
	case 5:
		binary.BigEndian.PutUint64(b[posMaxTimestamp:], uint64(now+model.Millis(rng.IntN(3000)-1000)))
	case 6:
		binary.BigEndian.PutUint64(b[posProducerID:], uint64(rng.IntN(3)-1))
		binary.BigEndian.PutUint32(b[posBaseSequence:], uint32(rng.IntN(4)-2))
	case 7:
		if b.Codec() == codec.None {
			b[posRecords+rng.IntN(len(b)-posRecords)] ^= byte(1 << rng.IntN(8))
		}
	}
	b.SetCRC()
}
