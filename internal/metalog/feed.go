package metalog

import (
	"errors"
	"fmt"

	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/record"
)

// Listener is given what is committed. All its methods are called from one
// goroutine, in the order of the log.
type Listener interface {
	// LoadSnapshot says to forget everything and begin with the snapshot. The
	// reader is good until LoadSnapshot returns; when its Next fails, the
	// node stops, so the listener may just return.
	LoadSnapshot(*SnapshotReader)
	// Commit is the next batch.
	Commit(Batch)
	// LeaderChange says who leads from now on, model.NoBroker if that is not
	// known. This node's own id comes only after everything before its epoch
	// was committed and handed over, and never twice without another leader,
	// or none, in between.
	LeaderChange(leader model.BrokerID, epoch model.LeaderEpoch)
}

// feedReadBytes is about how much of the log a listener that is behind reads
// at once.
const feedReadBytes = 1 << 20

// feed brings one listener up to date and keeps it so.
type feed struct {
	l        *Log
	listener Listener
	next     model.Offset // of the next batch; -1: nothing was delivered. Guarded by pub.mu for writing.
	told     raft.LeaderChanged
}

// job is what a feed does next.
type job struct {
	stop     bool
	snapshot *raft.ID
	leader   *raft.LeaderChanged
	batch    *Batch
	upTo     model.Offset // read the log up to here
}

// run delivers until the log is closed.
func (f *feed) run() {
	defer f.l.wg.Done()
	for {
		j := f.wait()
		var err error
		switch {
		case j.stop:
			return
		case j.leader != nil:
			f.tell(*j.leader)
		case j.snapshot != nil:
			err = f.load(*j.snapshot)
		case j.batch != nil:
			f.commit(*j.batch)
		default:
			err = f.read(j.upTo)
		}
		if err != nil {
			f.l.fatal(err)
			return
		}
	}
}

// wait blocks until there is something to deliver.
func (f *feed) wait() job {
	p := f.l.pub
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.mu.stopped {
			return job{stop: true}
		}
		p.trimLocked()
		if j, ok := f.jobLocked(p); ok {
			return j
		}
		p.changed.Wait()
	}
}

func (f *feed) jobLocked(p *published) (job, bool) {
	mine := p.mu.leader.Leader == f.l.o.Raft.ID
	if p.mu.leader != f.told && (!mine || f.next > p.mu.leader.EpochStart) {
		l := p.mu.leader
		return job{leader: &l}, true
	}
	if p.mu.hw < 0 {
		return job{}, false
	}
	behind := f.next < p.mu.start || f.next < 0
	if behind && p.mu.snapshot != nil {
		return job{snapshot: p.mu.snapshot}, true
	}
	if f.next < 0 {
		f.next = p.mu.start
	}
	if f.next >= p.mu.hw {
		return job{}, false
	}
	if b, ok := p.recentLocked(f.next); ok && b.Last < p.mu.hw {
		return job{batch: &b}, true
	}
	return job{upTo: p.mu.hw}, true
}

// tell passes a leader change on. When this node led an epoch and leads
// another, the listener must hear that the first is over.
func (f *feed) tell(c raft.LeaderChanged) {
	me := f.l.o.Raft.ID
	if c.Leader == me && f.told.Leader == me {
		f.listener.LeaderChange(model.NoBroker, c.Epoch)
	}
	again := c.Leader == f.told.Leader && c.Epoch == f.told.Epoch
	f.told = c
	if !again {
		f.listener.LeaderChange(c.Leader, c.Epoch)
	}
}

func (f *feed) load(id raft.ID) error {
	r, err := OpenSnapshot(f.l.o.FS, snapshotPath(f.l.dir, id), id)
	if err != nil {
		if f.l.superseded(id) {
			return nil // a newer one took its place meanwhile
		}
		return err
	}
	defer r.Close()
	f.listener.LoadSnapshot(r)
	f.advance(id.Offset)
	return r.Err()
}

func (f *feed) advance(to model.Offset) {
	f.l.pub.mu.Lock()
	defer f.l.pub.mu.Unlock()
	f.next = to
}

func (f *feed) commit(b Batch) {
	f.listener.Commit(b)
	f.advance(b.Last + 1)
}

// read takes batches from the log's files.
func (f *feed) read(upTo model.Offset) error {
	buf, err := f.l.readLog(f.next, upTo, feedReadBytes)
	if err != nil {
		if f.l.below(f.next) {
			return nil // cleaned meanwhile: a snapshot is the way on
		}
		return err
	}
	name, from := f.l.dir, f.next
	for len(buf) > 0 {
		b, rest, err := record.Next(buf)
		if errors.Is(err, record.ErrIncomplete) {
			break
		}
		if err == nil {
			err = checked(b)
		}
		if err == nil && b.BaseOffset() != f.next {
			err = fmt.Errorf("batch begins at offset %d, expected %d", b.BaseOffset(), f.next)
		}
		if err != nil {
			return &Error{name, f.next, err}
		}
		if b.LastOffset() >= upTo {
			break
		}
		out := Batch{Base: b.BaseOffset(), Last: b.LastOffset(), Epoch: b.LeaderEpoch(), AppendTime: b.MaxTimestamp(), Bytes: len(b)}
		if !b.Control() {
			if out.Records, err = decodeData(b, name); err != nil {
				return err
			}
		}
		f.commit(out)
		buf = rest
	}
	if f.next == from {
		return errorAt(name, from, "no whole batch before the high watermark %d", upTo)
	}
	return nil
}
