package metalog

import (
	"errors"
	"fmt"
	"time"

	"gregor/internal/kerr"
	"gregor/internal/peer"
	"gregor/internal/raft"
	"gregor/internal/wire"
)

// loop is the one goroutine that drives the core and writes to disk: it takes
// events, one at a time, performs what the core wants done, then writes and
// syncs what has been appended meanwhile.
func (l *Log) loop() {
	defer l.wg.Done()
	defer l.closeDown()
	for !l.done {
		timer, stopTimer := l.o.Clock.After(l.untilNext())
		select {
		case f := <-l.requests:
			f()
		case <-l.wakeup:
			for _, f := range l.inbox.take() {
				f()
			}
		case <-timer:
		case <-l.stop:
			stopTimer()
			return
		}
		stopTimer()
		now := l.now()
		if now >= l.node.Deadline() {
			l.node.Tick(now)
		}
		if err := l.settle(); err != nil {
			l.fatal(err)
			return
		}
		if now >= l.cleanAt {
			l.cleanAt = now + l.o.CleanInterval
			if err := l.clean(); err != nil {
				l.fatal(err)
				return
			}
		}
	}
}

func (l *Log) untilNext() time.Duration {
	at := min(l.node.Deadline(), l.cleanAt)
	return time.Duration(max(at-l.now(), 0)) * time.Millisecond
}

// closeDown answers what was asked and will not be served.
func (l *Log) closeDown() {
	l.end()
	l.gate.Lock()
	l.shut = true
	l.gate.Unlock()
	for {
		select {
		case f := <-l.requests:
			f() // a question goes into asked, whatever the core wants is dropped
			l.node.Effects()
			continue
		default:
		}
		break
	}
	for _, q := range l.asked {
		q.reply(errorResponse(q.key, kerr.BrokerNotAvailable))
	}
	clear(l.asked)
	if l.fetching != nil {
		l.fetching.drop(l.o.FS)
		l.fetching = nil
	}
}

// settle performs effects and writes appends until there is nothing to do.
func (l *Log) settle() error {
	for {
		worked, err := l.perform()
		if err != nil {
			return err
		}
		wrote, err := l.writeAppends()
		if err != nil {
			return err
		}
		if !worked && !wrote {
			return nil
		}
	}
}

// perform does what the core asked for.
func (l *Log) perform() (worked bool, err error) {
	effects := l.node.Effects()
	for _, e := range effects {
		if err := l.effect(e); err != nil {
			return true, err
		}
	}
	if len(effects) > 0 {
		l.publish()
	}
	return len(effects) > 0, nil
}

func (l *Log) effect(e raft.Effect) error {
	switch e := e.(type) {
	case raft.Persist:
		return writeQuorumState(l.o.FS, l.dir, e.State)
	case raft.Send:
		l.send(e)
	case raft.Reply:
		l.reply(e.Token, e.Msg)
	case raft.ReplyRecords:
		return l.replyRecords(e)
	case raft.ReplySnapshot:
		l.replySnapshot(e)
	case raft.BecomeLeader:
		l.acc.begin(e.Epoch, e.Base)
		return l.store.AssignEpoch(e.Epoch)
	case raft.StopLeading:
		l.acc.end()
		l.pub.forget(l.store.LogEnd())
	case raft.AppendControl:
		return l.acc.control(e, l.o.Clock.Now())
	case raft.WriteFetched:
		return l.writeFetched(e)
	case raft.Truncate:
		l.pub.forget(e.To)
		_, err := l.store.TruncateTo(e.To)
		return err
	case raft.SnapshotChunk:
		return l.snapshotChunk(e)
	case raft.InstallSnapshot:
		return l.install(e.ID)
	case raft.DropSnapshot:
		if l.fetching != nil {
			l.fetching.drop(l.o.FS)
			l.fetching = nil
		}
	case raft.HighWatermark:
		l.pub.update(func() { l.pub.mu.hw = e.Offset })
	case raft.LeaderChanged:
		l.leaderChanged(e)
	case raft.Stopped:
		l.done = true
	case raft.Note:
		l.note(e)
	default:
		return fmt.Errorf("no such effect: %T", e)
	}
	return nil
}

// publish tells the rest of the node where the log is.
func (l *Log) publish() {
	l.pub.mu.Lock()
	defer l.pub.mu.Unlock()
	l.pub.mu.end = l.store.LogEnd()
	l.pub.mu.voters, l.pub.mu.version = l.node.Voters(), l.node.KVersion()
}

func (l *Log) leaderChanged(e raft.LeaderChanged) {
	at, _ := l.node.LeaderAddress()
	l.pub.update(func() { l.pub.mu.leader, l.pub.mu.address = e, at })
}

// writeAppends writes what is pending and syncs it, all at once.
func (l *Log) writeAppends() (bool, error) {
	entries := l.acc.take()
	if len(entries) == 0 {
		return false, nil
	}
	units := make([][]byte, len(entries))
	var controls []raft.Control
	for i, e := range entries {
		units[i] = e.data
		controls = append(controls, e.controls...)
	}
	if !l.node.IsLeader() {
		return true, nil // lost in the meantime: they were never anybody's
	}
	if _, err := l.store.Append(units, l.o.Clock.Now()); err != nil {
		return true, err
	}
	l.pub.keep(entries)
	end := entries[len(entries)-1].Last + 1
	l.node.Written(end, controls, l.now())
	// Followers need not wait for this node's disk.
	if _, err := l.perform(); err != nil {
		return true, err
	}
	if err := l.store.Flush(); err != nil {
		return true, err
	}
	l.node.Synced(end, l.now())
	return true, nil
}

func (l *Log) writeFetched(e raft.WriteFetched) error {
	s, err := scanBatches(e.Records.Bytes, e.Records.Base, 0, l.dir)
	if err != nil {
		return err
	}
	if _, err := l.store.AppendFollower(s.units, l.o.Clock.Now()); err != nil {
		return err
	}
	if !e.Sync {
		return nil
	}
	return l.store.Flush()
}

// send asks a peer; the answer comes back through the inbox.
func (l *Log) send(e raft.Send) {
	timeout := time.Duration(l.o.Raft.RequestTimeout) * time.Millisecond
	address := peer.Join(e.To.Host, int(e.To.Port))
	l.o.Peers.Get(address).Send(requestOut(e.Msg), timeout, func(m wire.Message, err error) {
		l.inbox.put(func() { l.answered(e, address, m, err) })
	})
}

func (l *Log) answered(e raft.Send, address string, m wire.Message, err error) {
	if err != nil {
		code := kerr.BrokerNotAvailable
		if errors.Is(err, peer.ErrUnsupported) {
			code = kerr.UnsupportedVersion
		}
		l.node.Response(e.Corr, &raft.Failed{Code: code}, l.now())
		return
	}
	f, ok := m.(*wire.FetchResponse)
	if !ok {
		l.node.Response(e.Corr, l.codec.responseIn(m), l.now())
		return
	}
	asked, _ := e.Msg.(*raft.FetchRequest)
	r, err := l.codec.fetchResponseIn(f, asked.Offset, asked.LastEpoch, "Fetch response of "+address)
	if err != nil {
		l.note(raft.Note{Warn: true, Text: fmt.Sprintf("Failed to append the records fetched from %s to the log: %v", address, err)})
	}
	l.node.Response(e.Corr, r, l.now())
}

func (l *Log) reply(token uint64, m raft.Message) {
	q, ok := l.asked[token]
	if !ok {
		return
	}
	delete(l.asked, token)
	q.reply(q.responseOut(m))
}

func (l *Log) replyRecords(e raft.ReplyRecords) error {
	buf, err := l.readLog(e.From, e.End, int(max(e.MaxBytes, 1)))
	if err != nil {
		return err
	}
	e.Msg.Records.Bytes = buf
	l.reply(e.Token, e.Msg)
	return nil
}
