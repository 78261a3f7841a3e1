package storage

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

type epochEntry struct {
	epoch model.LeaderEpoch
	start model.Offset
}

// epochCache knows where each leader epoch of a log begins
// (LeaderEpochFileCache).
//
// *Invariant:* entries rise strictly in epoch and in start.
type epochCache struct {
	entries []epochEntry
	// disk is what leader-epoch-checkpoint holds. The file is written before
	// the recovery point passes an entry's start; until then recovery finds the
	// entry again in the batches themselves. Entries without a record yet are
	// not worth a write: the next leader assigns its own.
	disk []epochEntry
}

// stale reports whether the file lacks something about offsets below end.
func (c *epochCache) stale(end model.Offset) bool {
	below := func(e []epochEntry) []epochEntry {
		n := len(e)
		for n > 0 && e[n-1].start >= end {
			n--
		}
		return e[:n]
	}
	return !slices.Equal(below(c.entries), below(c.disk))
}

// assign notes that epoch begins at start. Entries that contradict it go.
func (c *epochCache) assign(epoch model.LeaderEpoch, start model.Offset) {
	if epoch < 0 || start < 0 {
		return
	}
	if n := len(c.entries); n > 0 {
		if last := c.entries[n-1]; last.epoch == epoch && last.start <= start {
			return
		}
	}
	for n := len(c.entries); n > 0 && (c.entries[n-1].epoch >= epoch || c.entries[n-1].start >= start); n-- {
		c.entries = c.entries[:n-1]
	}
	c.entries = append(c.entries, epochEntry{epoch, start})
}

func (c *epochCache) latest() model.LeaderEpoch {
	if len(c.entries) == 0 {
		return model.NoEpoch
	}
	return c.entries[len(c.entries)-1].epoch
}

// truncateEnd removes the epochs that begin at or after end.
func (c *epochCache) truncateEnd(end model.Offset) {
	for n := len(c.entries); n > 0 && c.entries[n-1].start >= end; n-- {
		c.entries = c.entries[:n-1]
	}
}

// truncateStart removes the epochs that end at or before start; the one in
// force there begins at start.
func (c *epochCache) truncateStart(start model.Offset) {
	i := 0
	for i < len(c.entries) && c.entries[i].start <= start {
		i++
	}
	if i == 0 || i == 1 && c.entries[0].start == start {
		return
	}
	c.entries = slices.Delete(c.entries, 0, i-1)
	c.entries[0].start = start
}

// endOf is LeaderEpochFileCache.endOffsetFor.
func (c *epochCache) endOf(epoch model.LeaderEpoch, logEnd model.Offset) EpochEnd {
	unknown := EpochEnd{model.NoEpoch, model.NoOffset}
	if epoch == model.NoEpoch {
		return unknown
	}
	if c.latest() == epoch {
		return EpochEnd{epoch, logEnd}
	}
	above := slices.IndexFunc(c.entries, func(e epochEntry) bool { return e.epoch > epoch })
	switch {
	case above < 0:
		return unknown
	case above == 0:
		// The records of the epoch, if there were any, are gone: the follower
		// goes on from the start of the log.
		return EpochEnd{epoch, c.entries[0].start}
	}
	return EpochEnd{c.entries[above-1].epoch, c.entries[above].start}
}

func (c *epochCache) at(o model.Offset) model.LeaderEpoch {
	e := model.NoEpoch
	for _, x := range c.entries {
		if x.start > o {
			break
		}
		e = x.epoch
	}
	return e
}

// lines are the entries of leader-epoch-checkpoint.
func (c *epochCache) lines() []byte {
	var b []byte
	for _, e := range c.entries {
		b = append(strconv.AppendInt(b, int64(e.epoch), 10), ' ')
		b = append(strconv.AppendInt(b, int64(e.start), 10), '\n')
	}
	return b
}

// readEpochs reads leader-epoch-checkpoint.
func readEpochs(fsys vfs.FS, path string) (epochCache, error) {
	var c epochCache
	lines, err := checkpointLines(fsys, path)
	if err != nil {
		return c, err
	}
	for _, l := range lines {
		a, b, _ := strings.Cut(l, " ")
		epoch, err1 := strconv.ParseInt(a, 10, 32)
		start, err2 := strconv.ParseInt(b, 10, 64)
		if err1 != nil || err2 != nil || epoch < 0 || start < 0 {
			return epochCache{}, fmt.Errorf("Malformed line in checkpoint file [%s]: %s", path, l)
		}
		c.assign(model.LeaderEpoch(epoch), model.Offset(start))
	}
	c.disk = slices.Clone(c.entries)
	return c, nil
}
