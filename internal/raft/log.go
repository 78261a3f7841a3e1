package raft

import (
	"cmp"
	"slices"

	"gregor/internal/invariant"
	"gregor/internal/model"
)

// logState is what the core knows of the local log. It is kept in step with
// the effects that change the log.
//
// *Invariant:* start <= synced <= end; epochs ascend strictly in both fields'
// order of time and lie within [start, end].
type logState struct {
	start, synced, end model.Offset
	epochs             []EpochStart
	snapshots          []ID // ascending by offset
	history
}

func newLogState(s LogState, static Voters) logState {
	l := logState{
		start: s.Start, synced: s.End, end: s.End,
		epochs:    slices.Clone(s.Epochs),
		snapshots: slices.Clone(s.Snapshots),
		history:   history{static: static},
	}
	slices.SortFunc(l.snapshots, func(a, b ID) int { return cmp.Compare(a.Offset, b.Offset) })
	for _, c := range s.Controls {
		l.history.add(c)
	}
	return l
}

// lastEpoch is the epoch of the last record: of the log, or of the snapshot
// that the empty log continues.
func (l *logState) lastEpoch() model.LeaderEpoch {
	if k := len(l.epochs); k > 0 {
		return l.epochs[k-1].Epoch
	}
	if s, ok := l.latest(); ok && s.Offset == l.start && s.Offset == l.end {
		return s.Epoch
	}
	return 0
}

// id names the end of the log.
func (l *logState) id() ID { return ID{l.end, l.lastEpoch()} }

func (l *logState) latest() (ID, bool) {
	if len(l.snapshots) == 0 {
		return ID{}, false
	}
	return l.snapshots[len(l.snapshots)-1], true
}

// assign makes epoch begin at the log's end.
func (l *logState) assign(epoch model.LeaderEpoch, at model.Offset) {
	k := len(l.epochs)
	if k > 0 && l.epochs[k-1].Epoch >= epoch {
		return
	}
	for k > 0 && l.epochs[k-1].Start >= at { // an epoch without records
		k--
	}
	l.epochs = append(l.epochs[:k], EpochStart{epoch, at})
}

// endOf is where an epoch ends: the largest epoch not above epoch, and the
// offset at which the next one begins. KIP-101's OffsetsForLeaderEpoch rule,
// with the end of the log for an epoch newer than all.
func (l *logState) endOf(epoch model.LeaderEpoch) ID {
	i, found := slices.BinarySearchFunc(l.epochs, epoch, func(e EpochStart, x model.LeaderEpoch) int { return cmp.Compare(e.Epoch, x) })
	if found {
		i++
	}
	switch {
	case i == len(l.epochs) && found:
		return ID{l.end, epoch}
	case i == len(l.epochs):
		return l.id()
	case i == 0: // older than all that the log knows
		return ID{l.epochs[0].Start, epoch}
	}
	return ID{l.epochs[i].Start, l.epochs[i-1].Epoch}
}

type validity int

const (
	valid validity = iota
	diverging
	fromSnapshot
)

// validate compares where a follower stands with this log: it may go on, or
// must truncate to the returned id, or must fetch the snapshot of that id.
func (l *logState) validate(offset model.Offset, epoch model.LeaderEpoch) (validity, ID) {
	if offset == 0 {
		// An empty follower is better served by a snapshot, if there is one.
		if s, ok := l.latest(); ok && s != BootstrapID {
			return fromSnapshot, s
		}
		if l.start == 0 {
			return valid, ID{}
		}
	}
	if len(l.snapshots) > 0 {
		first := l.snapshots[0]
		if offset < l.start || offset == l.start && epoch != first.Epoch || epoch < first.Epoch {
			s, _ := l.latest()
			return fromSnapshot, s
		}
	}
	if end := l.endOf(epoch); end.Epoch != epoch || end.Offset < offset {
		return diverging, end
	}
	return valid, ID{offset, epoch}
}

// truncation is the offset to cut the log at when a leader says that it
// diverges from theirs at d.
func (l *logState) truncation(d ID) model.Offset {
	if d.Epoch == 0 {
		return min(d.Offset, l.end)
	}
	mine := l.endOf(d.Epoch)
	if mine.Epoch == d.Epoch {
		return min(mine.Offset, d.Offset)
	}
	return mine.Offset
}

// appended takes note of records at the end of the log.
func (l *logState) appended(end model.Offset, epochs []EpochStart, controls []Control) {
	invariant.Check(end >= l.end, "log end went back from %d to %d", l.end, end)
	for _, e := range epochs {
		l.assign(e.Epoch, e.Start)
	}
	for _, c := range controls {
		l.history.add(c)
	}
	l.end = end
}

func (l *logState) truncate(to model.Offset) {
	l.end = to
	l.synced = min(l.synced, to)
	for k := len(l.epochs); k > 0 && l.epochs[k-1].Start >= to; k-- {
		l.epochs = l.epochs[:k-1]
	}
	l.history.truncateNew(to)
}

// restart makes the log begin and end at a snapshot.
func (l *logState) restart(s ID, controls []Control) {
	l.start, l.synced, l.end = s.Offset, s.Offset, s.Offset
	l.epochs = nil
	l.snapshots = []ID{s}
	l.history.clear()
	for _, c := range controls {
		l.history.add(c)
	}
}

func (l *logState) addSnapshot(s ID) {
	if slices.Contains(l.snapshots, s) {
		return
	}
	l.snapshots = append(l.snapshots, s)
	slices.SortFunc(l.snapshots, func(a, b ID) int { return cmp.Compare(a.Offset, b.Offset) })
	l.history.truncateOld(s.Offset)
}

// clean takes note that the log now begins at start and that snapshots below
// it are gone.
func (l *logState) clean(start model.Offset) {
	if start <= l.start {
		return
	}
	l.start = start
	l.snapshots = slices.DeleteFunc(l.snapshots, func(s ID) bool { return s.Offset < start })
	for len(l.epochs) > 1 && l.epochs[1].Start <= start {
		l.epochs = l.epochs[1:]
	}
	if len(l.epochs) > 0 && l.epochs[0].Start < start {
		l.epochs = slices.Clone(l.epochs)
		l.epochs[0].Start = start
	}
}
