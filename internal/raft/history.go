package raft

import (
	"slices"

	"gregor/internal/model"
)

// history is the voter sets and kraft.versions of the log, by offset. The last
// one counts as soon as it is in the log, committed or not (KIP-853), so a
// truncation must find the one before it.
type history struct {
	static   Voters
	voters   []Control
	versions []Control
}

func (h *history) add(c Control) {
	list := &h.versions
	if c.Voters != nil {
		list = &h.voters
	}
	if k := len(*list); k > 0 && (*list)[k-1].Offset >= c.Offset {
		(*list)[k-1] = c
		return
	}
	*list = append(*list, c)
}

// lastVoters is the voter set in force.
func (h *history) lastVoters() Voters {
	if k := len(h.voters); k > 0 {
		return h.voters[k-1].Voters
	}
	return h.static
}

// lastVotersOffset is where the voter set in force stands in the log; -1: in
// the bootstrap checkpoint. ok is false when it comes from the configuration.
func (h *history) lastVotersOffset() (model.Offset, bool) {
	if k := len(h.voters); k > 0 {
		return h.voters[k-1].Offset, true
	}
	return 0, false
}

// lastVersion is the kraft.version in force.
func (h *history) lastVersion() int16 {
	if k := len(h.versions); k > 0 {
		return h.versions[k-1].KVersion
	}
	return 0
}

// at is the voter set and kraft.version in force below an end offset, for a
// snapshot of it. voters is nil when they are not in the log.
func (h *history) at(end model.Offset) (voters Voters, version int16) {
	for _, c := range h.voters {
		if c.Offset < end {
			voters = c.Voters
		}
	}
	for _, c := range h.versions {
		if c.Offset < end {
			version = c.KVersion
		}
	}
	return voters, version
}

func (h *history) truncateNew(end model.Offset) {
	drop := func(c Control) bool { return c.Offset >= end }
	h.voters = slices.DeleteFunc(h.voters, drop)
	h.versions = slices.DeleteFunc(h.versions, drop)
}

// truncateOld forgets what a snapshot at start has made old, but never the
// last entry before it.
func (h *history) truncateOld(start model.Offset) {
	for _, list := range []*[]Control{&h.voters, &h.versions} {
		for len(*list) > 1 && (*list)[1].Offset < start {
			*list = (*list)[1:]
		}
	}
}

func (h *history) clear() { h.voters, h.versions = nil, nil }
