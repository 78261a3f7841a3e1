package record

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"gregor/internal/model"
)

// The snapshot file (ProducerSnapshot, version 1): version int16, CRC-32C of
// all that follows it uint32, number of entries int32, entries. An entry is
// producer id int64, epoch int16, last sequence int32, last offset int64,
// offset delta int32, time int64, coordinator epoch int32, first offset of the
// open transaction int64 (-1 if none).
const (
	snapshotVersion = 1
	snapshotHeader  = 2 + 4 + 4
	snapshotEntry   = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8
)

// AppendSnapshot appends the snapshot file of the table to dst. Of a
// producer's five batches only the last is kept, as in Kafka. Entries are in
// order of id, so equal tables give equal bytes.
func (ps *Producers) AppendSnapshot(dst []byte) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, snapshotVersion)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(ps.Len()))
	var ids []model.ProducerID
	if ps.t != nil {
		ids = make([]model.ProducerID, 0, len(ps.t.byID))
		for id := range ps.t.byID {
			ids = append(ids, id)
		}
		slices.Sort(ids)
	}
	for _, id := range ids {
		p := ps.t.byID[id]
		last := batchMeta{lastSeq: NoSequence, lastOffset: model.NoOffset}
		if !p.empty() {
			last = p.batches[p.n-1]
		}
		dst = binary.BigEndian.AppendUint64(dst, uint64(id))
		dst = binary.BigEndian.AppendUint16(dst, uint16(p.epoch))
		dst = binary.BigEndian.AppendUint32(dst, uint32(last.lastSeq))
		dst = binary.BigEndian.AppendUint64(dst, uint64(last.lastOffset))
		dst = binary.BigEndian.AppendUint32(dst, uint32(last.delta))
		dst = binary.BigEndian.AppendUint64(dst, uint64(p.lastTime))
		dst = binary.BigEndian.AppendUint32(dst, uint32(p.coordEpoch))
		dst = binary.BigEndian.AppendUint64(dst, uint64(p.txnFirst))
	}
	crc := crc32.Checksum(dst[start+6:], castagnoli)
	binary.BigEndian.PutUint32(dst[start+2:], crc)
	return dst
}

// LoadSnapshot replaces the table by the snapshot file b, taken at offset end,
// leaving out producers that have expired. The error wraps ErrCorrupt; the
// table is then empty.
func (ps *Producers) LoadSnapshot(b []byte, end model.Offset, now, expiry model.Millis) error {
	ps.Reset(end)
	if len(b) < snapshotHeader {
		return corrupt("Snapshot failed schema validation: %d bytes are fewer than a snapshot has", len(b))
	}
	if v := int16(binary.BigEndian.Uint16(b)); v != snapshotVersion {
		return corrupt("Snapshot contained an unknown file version %d", v)
	}
	stored, computed := binary.BigEndian.Uint32(b[2:]), crc32.Checksum(b[6:], castagnoli)
	if stored != computed {
		return corrupt("Snapshot is corrupt (CRC is no longer valid). Stored crc: %d. Computed crc: %d", stored, computed)
	}
	n := int(int32(binary.BigEndian.Uint32(b[6:])))
	b = b[snapshotHeader:]
	if n < 0 || n*snapshotEntry > len(b) {
		return corrupt("Snapshot failed schema validation: %d entries do not fit in %d bytes", n, len(b))
	}
	for ; n > 0; n-- {
		ps.loadEntry(b, now, expiry)
		b = b[snapshotEntry:]
	}
	return nil
}

func (ps *Producers) loadEntry(b []byte, now, expiry model.Millis) {
	id := model.ProducerID(binary.BigEndian.Uint64(b))
	p := producer{
		epoch:      model.ProducerEpoch(binary.BigEndian.Uint16(b[8:])),
		lastTime:   model.Millis(binary.BigEndian.Uint64(b[26:])),
		coordEpoch: int32(binary.BigEndian.Uint32(b[34:])),
		txnFirst:   max(model.NoOffset, model.Offset(binary.BigEndian.Uint64(b[38:]))),
	}
	if p.expired(now, expiry) {
		return
	}
	last := batchMeta{
		lastSeq:    int32(binary.BigEndian.Uint32(b[10:])),
		lastOffset: model.Offset(binary.BigEndian.Uint64(b[14:])),
		delta:      int32(binary.BigEndian.Uint32(b[22:])),
		time:       p.lastTime,
	}
	if last.lastOffset >= 0 {
		p.add(last)
	}
	t := ps.mutable()
	t.byID[id] = &p
	if p.txnFirst >= 0 {
		t.insertOpen(openTxn{p.txnFirst, id})
	}
}
