package diff

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	batchHeader   = 61
	codecMask     = 7
	appendTimeBit = 8
)

var decompressor = kgo.DefaultDecompressor()

// batchLeaves takes the records of a fetch apart, so that a difference names
// the field, and times of today do not spoil the comparison. The checksum is
// compared whenever all that it covers can be equal.
func batchLeaves(path string, b []byte, recompressed bool, emit func(path, value string)) {
	n := 0
	for ; len(b) >= batchHeader; n++ {
		size := int(binary.BigEndian.Uint32(b[8:])) + 12
		if size < batchHeader || size > len(b) {
			break
		}
		oneBatch(fmt.Sprintf("%s[%d]", path, n), b[:size], recompressed, emit)
		b = b[size:]
	}
	emit(path+".len", fmt.Sprint(n))
	if recompressed {
		return
	}
	emit(path+".rest", hex.EncodeToString(b))
}

func oneBatch(path string, b []byte, recompressed bool, emit func(path, value string)) {
	var rb kmsg.RecordBatch
	if err := rb.ReadFrom(b); err != nil {
		emit(path, hex.EncodeToString(b))
		return
	}
	field := func(name string, v any) { emit(path+"."+name, fmt.Sprint(v)) }
	field("FirstOffset", rb.FirstOffset)
	field("LeaderEpoch", rb.PartitionLeaderEpoch)
	field("Magic", rb.Magic)
	field("Attributes", rb.Attributes)
	field("LastOffsetDelta", rb.LastOffsetDelta)
	field("FirstTimestamp", rb.FirstTimestamp)
	field("MaxTimestamp", rb.MaxTimestamp)
	field("ProducerID", rb.ProducerID)
	field("ProducerEpoch", rb.ProducerEpoch)
	field("FirstSequence", rb.FirstSequence)
	field("NumRecords", rb.NumRecords)
	if !recompressed {
		field("Length", rb.Length)
	}
	if !recompressed && rb.Attributes&appendTimeBit == 0 && rb.ProducerID < 0 {
		field("CRC", uint32(rb.CRC))
	}
	body := b[batchHeader:]
	if codec := rb.Attributes & codecMask; codec != 0 {
		plain, err := decompressor.Decompress(bytes.Clone(body), kgo.CompressionCodecType(codec))
		if err != nil {
			field("Records", "do not decompress: "+hex.EncodeToString(body))
			return
		}
		body = plain
	}
	field("Records", hex.EncodeToString(body))
}
