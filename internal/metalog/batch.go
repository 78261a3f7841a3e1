package metalog

import (
	"errors"
	"fmt"

	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/record"
	"gregor/internal/wire"
)

// Batch is a run of committed records, as one Append wrote it. A control batch
// has no Records, but moves the offset on all the same. Records are shared by
// all listeners and not to be changed.
type Batch = metadata.Batch

// maxBatchBytes is Kafka's limit of a batch in the metadata log
// (KafkaRaftClient.MAX_BATCH_SIZE_BYTES).
const maxBatchBytes = 8 << 20

// encoder makes the bytes of batches. Not safe for concurrent use.
type encoder struct {
	b     record.Builder
	value []byte
}

func (e *encoder) begin(base model.Offset, epoch model.LeaderEpoch, control bool) {
	s := record.NewSpec()
	s.BaseOffset, s.LeaderEpoch, s.Control = base, epoch, control
	e.b.Reset(s)
}

// add adds one metadata record to a data batch.
func (e *encoder) add(r metadata.Record, now model.Millis) error {
	v, err := wire.AppendMetadataRecord(e.value[:0], r.Msg, r.Version)
	if err != nil {
		return err
	}
	e.value = v
	e.b.Append(now, nil, v)
	return nil
}

// control adds one record to a control batch.
func (e *encoder) control(kind record.ControlType, m wire.Message, now model.Millis) error {
	v, err := wire.Append(e.value[:0], m, 0)
	if err != nil {
		return err
	}
	e.value = v
	e.b.AppendControl(now, kind, v)
	return nil
}

// finish returns a copy of the batch.
func (e *encoder) finish() ([]byte, error) {
	b, err := e.b.Build()
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), b...), nil
}

// data encodes records as one batch.
func (e *encoder) data(base model.Offset, epoch model.LeaderEpoch, recs []metadata.Record, now model.Millis) ([]byte, error) {
	e.begin(base, epoch, false)
	for i, r := range recs {
		if err := e.add(r, now); err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
	}
	if e.b.Size() > maxBatchBytes {
		return nil, fmt.Errorf("%w: %d records take %d bytes, at most %d fit", ErrTooLarge, len(recs), e.b.Size(), maxBatchBytes)
	}
	return e.finish()
}

// controls encodes the control batch that the core asks for, and says what the
// core must know of it.
func (e *encoder) controls(base model.Offset, a raft.AppendControl, now model.Millis) (b []byte, known []raft.Control, err error) {
	e.begin(base, a.Epoch, true)
	if c := a.LeaderChange; c != nil {
		m := wire.NewLeaderChangeMessage()
		m.LeaderId = int32(c.Leader)
		for _, id := range c.Voters {
			m.Voters = append(m.Voters, wire.LeaderChangeMessageVoter{VoterId: int32(id)})
		}
		for _, id := range c.Granting {
			m.GrantingVoters = append(m.GrantingVoters, wire.LeaderChangeMessageVoter{VoterId: int32(id)})
		}
		if err := e.control(record.LeaderChange, m, now); err != nil {
			return nil, nil, err
		}
	}
	if a.KVersion != nil {
		known = append(known, raft.Control{Offset: e.b.NextOffset(), KVersion: *a.KVersion})
		if err := e.control(record.KRaftVersion, &wire.KRaftVersionRecord{KRaftVersion: *a.KVersion}, now); err != nil {
			return nil, nil, err
		}
	}
	if a.Voters != nil {
		known = append(known, raft.Control{Offset: e.b.NextOffset(), Voters: a.Voters})
		if err := e.control(record.KRaftVoters, votersToWire(a.Voters), now); err != nil {
			return nil, nil, err
		}
	}
	b, err = e.finish()
	return b, known, err
}

func votersToWire(vs raft.Voters) *wire.VotersRecord {
	m := wire.NewVotersRecord()
	for _, v := range vs {
		w := wire.VotersRecordVoter{VoterId: int32(v.ID), VoterDirectoryId: v.Dir}
		w.KRaftVersionFeature.MinSupportedVersion = v.Versions.Min
		w.KRaftVersionFeature.MaxSupportedVersion = v.Versions.Max
		for _, e := range v.Endpoints {
			w.Endpoints = append(w.Endpoints, wire.VotersRecordEndpoint{Name: e.Listener, Host: e.Host, Port: e.Port})
		}
		m.Voters = append(m.Voters, w)
	}
	return m
}

func votersFromWire(m *wire.VotersRecord) (raft.Voters, error) {
	var vs []raft.Voter
	for _, w := range m.Voters {
		v := raft.Voter{
			Key:      raft.Key{ID: model.BrokerID(w.VoterId), Dir: w.VoterDirectoryId},
			Versions: raft.VersionRange{Min: w.KRaftVersionFeature.MinSupportedVersion, Max: w.KRaftVersionFeature.MaxSupportedVersion},
		}
		for _, e := range w.Endpoints {
			v.Endpoints = append(v.Endpoints, endpoint(e.Name, e.Host, e.Port))
		}
		vs = append(vs, v)
	}
	out, err := raft.NewVoters(vs...)
	if err == nil && out == nil {
		out = raft.Voters{}
	}
	return out, err
}

// checked verifies what every batch of the log must be.
func checked(b record.Batch) error {
	switch {
	case b.Magic() != record.Magic:
		return fmt.Errorf("batch has magic %d, expected %d", b.Magic(), record.Magic)
	case !b.Valid():
		return fmt.Errorf("batch has CRC %d, its bytes have %d", b.CRC(), b.ComputeCRC())
	case b.Count() <= 0 || b.Count()-1 != b.LastOffsetDelta():
		return fmt.Errorf("batch holds %d records, its last offset delta is %d", b.Count(), b.LastOffsetDelta())
	}
	return nil
}

// decodeData takes the metadata records of a data batch apart. The error names
// the record's offset.
func decodeData(b record.Batch, file string) ([]metadata.Record, error) {
	recs := make([]metadata.Record, 0, b.Count())
	var r record.Reader
	at := b.BaseOffset()
	for r.Reset(b); r.Next(); at++ {
		m, version, err := wire.DecodeMetadataRecord(r.Record().Value)
		if err != nil {
			return nil, &Error{file, at, err}
		}
		recs = append(recs, metadata.Record{Msg: m, Version: version})
	}
	if err := r.Err(); err != nil {
		return nil, &Error{file, at, err}
	}
	return recs, nil
}

// decodeControls takes out of a control batch what the core must know.
func decodeControls(b record.Batch, file string) ([]raft.Control, error) {
	var out []raft.Control
	err := eachControl(b, file, func(at model.Offset, m wire.Message) error {
		switch m := m.(type) {
		case *wire.KRaftVersionRecord:
			if !raft.Supported.Has(m.KRaftVersion) {
				return fmt.Errorf("kraft.version %d is not known, only %d to %d", m.KRaftVersion, raft.Supported.Min, raft.Supported.Max)
			}
			out = append(out, raft.Control{Offset: at, KVersion: m.KRaftVersion})
		case *wire.VotersRecord:
			vs, err := votersFromWire(m)
			if err != nil {
				return err
			}
			out = append(out, raft.Control{Offset: at, Voters: vs})
		}
		return nil
	})
	return out, err
}

// eachControl walks the records of a control batch. Types of a later time are
// passed over, as Kafka does; what they mean is decided by kraft.version.
func eachControl(b record.Batch, file string, f func(model.Offset, wire.Message) error) error {
	var r record.Reader
	at := b.BaseOffset()
	for r.Reset(b); r.Next(); at++ {
		kind, err := wire.ParseControlKey(r.Record().Key)
		if err != nil {
			return &Error{file, at, err}
		}
		if kind == wire.ControlUnknown {
			continue
		}
		m, _, err := wire.DecodeControlValue(kind, r.Record().Value)
		if err == nil {
			err = f(at, m)
		}
		if err != nil {
			return &Error{file, at, err}
		}
	}
	if err := r.Err(); err != nil {
		return &Error{file, at, err}
	}
	return nil
}

// scan is what a run of batches says about the log.
type scan struct {
	units    [][]byte // one batch each
	last     model.Offset
	epochs   []raft.EpochStart
	controls []raft.Control
}

// scanBatches checks batches that must go on at next, after a record of epoch.
// A batch cut off at the end is left out, as a fetch may end in one.
func scanBatches(b []byte, next model.Offset, epoch model.LeaderEpoch, file string) (s scan, err error) {
	s.last = next - 1
	for len(b) > 0 {
		batch, rest, err := record.Next(b)
		if errors.Is(err, record.ErrIncomplete) {
			return s, nil
		}
		if err == nil {
			err = checked(batch)
		}
		if err == nil && batch.BaseOffset() != next {
			err = fmt.Errorf("batch begins at offset %d, expected %d", batch.BaseOffset(), next)
		}
		if err == nil && batch.LeaderEpoch() < epoch {
			err = fmt.Errorf("batch of epoch %d follows one of epoch %d", batch.LeaderEpoch(), epoch)
		}
		if err != nil {
			return s, &Error{file, next, err}
		}
		if e := batch.LeaderEpoch(); len(s.epochs) == 0 || e > epoch {
			s.epochs = append(s.epochs, raft.EpochStart{Epoch: e, Start: next})
			epoch = e
		}
		if batch.Control() {
			c, err := decodeControls(batch, file)
			if err != nil {
				return s, err
			}
			s.controls = append(s.controls, c...)
		}
		s.units = append(s.units, batch)
		s.last = batch.LastOffset()
		next, b = s.last+1, rest
	}
	return s, nil
}
