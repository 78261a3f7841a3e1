package raft

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"slices"
	"sort"
	"strings"
	"testing"

	"gregor/internal/kerr"
	"gregor/internal/model"
)

// entry is a record of the simulated log; every record is a batch.
type entry struct {
	epoch    model.LeaderEpoch
	value    uint64
	controls []Control // of a control batch; the offset is filled in on reading
}

// disk is what a simulated node has on disk. Entries from synced on are lost
// in a crash, by chance.
type disk struct {
	state   *QuorumState
	start   model.Offset
	entries []int32 // indexes into sim.table
	synced  model.Offset
	snaps   map[ID][]Control
	votes   map[model.LeaderEpoch]Key
}

func (d *disk) end() model.Offset { return d.start + model.Offset(len(d.entries)) }

type simNode struct {
	cfg     Config
	n       *Node // nil: down
	disk    disk
	life    int // counts crashes: answers of an earlier life are lost
	leading bool
	hw      model.Offset
	epoch   model.LeaderEpoch
	fetched int64 // bytes of the snapshot received
	paused  model.Millis
}

type packet struct {
	at       model.Millis
	seq      int
	from, to model.BrokerID
	life     int // of the receiver of an answer
	corr     uint64
	req      Request
	resp     Message
}

type sim struct {
	t       testing.TB
	rnd     *rand.Rand
	now     model.Millis
	nodes   map[model.BrokerID]*simNode
	ids     []model.BrokerID
	net     []packet
	seq     int
	table   []entry
	loss    float64
	dup     float64
	cut     map[[2]model.BrokerID]bool
	leaders map[model.LeaderEpoch]model.BrokerID
	commit  []int32 // committed entries from offset 0 on
	// commitIn is the epoch in which each was first known to be committed.
	commitIn []model.LeaderEpoch
	tokens   map[uint64]packet
	token    uint64
	value    uint64
	story    []string
	static   bool
	elected  int
}

const simListener = "CONTROLLER"

func dirOf(id model.BrokerID) model.DirectoryID { return model.DirectoryID{1, byte(id)} }

func addrOf(id model.BrokerID) Endpoints {
	return Endpoints{{simListener, Address{fmt.Sprintf("n%d", id), uint16(9000 + id)}}}
}

func voterOf(id model.BrokerID) Voter { return Voter{Key{id, dirOf(id)}, addrOf(id), Supported} }

// newSim makes voters 1..k and observers behind them; the last canJoin of the
// observers have the controller role.
func newSim(t testing.TB, seed int64, voters, observers, canJoin int, static bool) *sim {
	s := &sim{
		t: t, rnd: rand.New(rand.NewSource(seed)), now: 1_000_000, static: static,
		nodes: map[model.BrokerID]*simNode{}, cut: map[[2]model.BrokerID]bool{},
		leaders: map[model.LeaderEpoch]model.BrokerID{}, tokens: map[uint64]packet{},
	}
	var set Voters
	var boot []Address
	for i := 1; i <= voters; i++ {
		v := voterOf(model.BrokerID(i))
		if static {
			v.Dir, v.Versions = model.DirectoryID{}, VersionRange{}
		}
		set = set.with(v)
		boot = append(boot, v.Endpoints[0].Address)
	}
	for i := 1; i <= voters+observers; i++ {
		id := model.BrokerID(i)
		cfg := Config{
			Key: Key{id, dirOf(id)}, ClusterID: "sim", Voter: i <= voters || i > voters+observers-canJoin,
			Listener: simListener, Endpoints: addrOf(id), Bootstrap: boot, Seed: uint64(seed),
		}
		d := disk{snaps: map[ID][]Control{}, votes: map[model.LeaderEpoch]Key{}}
		if static {
			cfg.Static, cfg.Bootstrap = set, nil
		} else if i <= voters {
			d.snaps[BootstrapID] = []Control{{Offset: -1, KVersion: 1}, {Offset: -1, Voters: set}}
		}
		s.nodes[id] = &simNode{cfg: cfg, disk: d, hw: -1}
		s.ids = append(s.ids, id)
	}
	return s
}

func (s *sim) say(format string, args ...any) {
	s.story = append(s.story, fmt.Sprintf("%d ", s.now)+fmt.Sprintf(format, args...))
}

func (s *sim) fail(format string, args ...any) {
	tail := s.story
	if len(tail) > 120 {
		tail = tail[len(tail)-120:]
	}
	s.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(tail, "\n"))
}

func (s *sim) start(id model.BrokerID) {
	sn := s.nodes[id]
	d := &sn.disk
	for snap, c := range d.snaps { // as a shell does whose log ends before its snapshot
		if snap.Offset > d.end() {
			d.start, d.entries, d.snaps = snap.Offset, nil, map[ID][]Control{snap: c}
		}
	}
	ls := LogState{Start: d.start, End: d.end()}
	for i, e := range d.entries {
		at := d.start + model.Offset(i)
		if k := len(ls.Epochs); k == 0 || ls.Epochs[k-1].Epoch < s.table[e].epoch {
			ls.Epochs = append(ls.Epochs, EpochStart{s.table[e].epoch, at})
		}
	}
	for snap := range d.snaps {
		ls.Snapshots = append(ls.Snapshots, snap)
	}
	sort.Slice(ls.Snapshots, func(i, j int) bool { return ls.Snapshots[i].Offset < ls.Snapshots[j].Offset })
	if k := len(ls.Snapshots); k > 0 {
		ls.Controls = append(ls.Controls, d.snaps[ls.Snapshots[k-1]]...)
	}
	for i, e := range d.entries {
		at := d.start + model.Offset(i)
		if k := len(ls.Snapshots); k > 0 && at < ls.Snapshots[k-1].Offset {
			continue
		}
		ls.Controls = append(ls.Controls, s.controlsAt(e, at)...)
	}
	n, err := New(sn.cfg, d.state, ls)
	if err != nil {
		s.fail("node %d: %v", id, err)
	}
	d.synced = d.end()
	sn.n, sn.leading, sn.hw, sn.fetched = n, false, -1, 0
	s.say("start %d", id)
	n.Start(s.now)
	s.perform(sn)
}

func (s *sim) crash(id model.BrokerID) {
	sn := s.nodes[id]
	d := &sn.disk
	if lost := int(d.end() - d.synced); lost > 0 {
		keep := s.rnd.Intn(lost + 1)
		d.entries = d.entries[:len(d.entries)-lost+keep]
	}
	sn.n = nil
	sn.life++
	s.say("crash %d, log end %d", id, d.end())
}

func (s *sim) controlsAt(e int32, at model.Offset) []Control {
	out := slices.Clone(s.table[e].controls)
	for i := range out {
		out[i].Offset = at
	}
	return out
}

func (s *sim) post(p packet) {
	if s.cut[[2]model.BrokerID{p.from, p.to}] || s.rnd.Float64() < s.loss {
		return
	}
	s.seq++
	p.seq = s.seq
	p.at = s.now + 1 + model.Millis(s.rnd.Intn(15))
	s.net = append(s.net, p)
	if s.rnd.Float64() < s.dup {
		q := p
		s.seq++
		q.seq = s.seq
		q.at += model.Millis(s.rnd.Intn(300))
		s.net = append(s.net, q)
	}
}

// perform does what the node asked for, and checks it.
func (s *sim) perform(sn *simNode) {
	for {
		effects := sn.n.Effects()
		if len(effects) == 0 {
			break
		}
		var then []func()
		for _, e := range effects {
			s.effect(sn, e, &then)
		}
		for _, f := range then {
			f()
		}
	}
	s.check(sn)
}

func (s *sim) effect(sn *simNode, e Effect, then *[]func()) {
	id, d := sn.cfg.ID, &sn.disk
	switch e := e.(type) {
	case Persist:
		st := e.State
		if d.state != nil && st.Epoch < d.state.Epoch {
			s.fail("node %d persists epoch %d after %d", id, st.Epoch, d.state.Epoch)
		}
		if st.Voted != None {
			if old, ok := d.votes[st.Epoch]; ok && old != st.Voted {
				s.fail("node %d voted for %v and %v in epoch %d", id, old, st.Voted, st.Epoch)
			}
			d.votes[st.Epoch] = st.Voted
		}
		d.state = &st
	case Send:
		to := e.To.ID
		if to < 0 {
			to = model.BrokerID(e.To.Port - 9000)
		}
		if to != model.BrokerID(e.To.Port-9000) {
			s.fail("node %d sends to %d at %v", id, e.To.ID, e.To.Address)
		}
		if s.nodes[to] == nil || s.nodes[to].n == nil { // connection refused
			life, corr := sn.life, e.Corr
			s.seq++
			s.net = append(s.net, packet{at: s.now + 1, seq: s.seq, from: to, to: id, life: life, corr: corr, resp: &Failed{kerr.BrokerNotAvailable}})
			return
		}
		s.post(packet{from: id, to: to, corr: e.Corr, req: e.Msg, life: sn.life})
	case Reply:
		s.answer(sn, e.Token, e.Msg)
	case ReplyRecords:
		r := *e.Msg
		end := min(e.End, e.From+model.Offset(1+s.rnd.Intn(5)))
		r.Records = s.read(d, e.From, end)
		s.answer(sn, e.Token, &r)
	case ReplySnapshot:
		r := *e.Msg
		r.Size = 30
		if r.Position >= r.Size {
			r.Code = kerr.PositionOutOfRange
		} else {
			r.Bytes = make([]byte, min(r.Size-r.Position, 12))
		}
		s.answer(sn, e.Token, &r)
	case BecomeLeader:
		if old, ok := s.leaders[e.Epoch]; ok && old != id {
			s.fail("epoch %d has leaders %d and %d", e.Epoch, old, id)
		}
		if d.state.Epoch != e.Epoch || d.state.Leader != id {
			s.fail("node %d leads epoch %d before that is durable", id, e.Epoch)
		}
		for at := range s.commit { // what earlier epochs have committed
			if o := model.Offset(at); s.commitIn[at] < e.Epoch && o >= d.start && (o >= d.end() || d.entries[o-d.start] != s.commit[at]) {
				s.fail("new leader %d of epoch %d lacks committed offset %d", id, e.Epoch, at)
			}
		}
		s.leaders[e.Epoch] = id
		s.elected++
		s.say("node %d leads epoch %d from %d", id, e.Epoch, e.Base)
		sn.leading = true
	case StopLeading:
		sn.leading = false
		s.say("node %d leads no more", id)
	case AppendControl:
		var c []Control
		if e.KVersion != nil {
			c = append(c, Control{KVersion: *e.KVersion})
		}
		if e.Voters != nil {
			s.say("node %d appends voters %s", id, e.Voters.keysString())
			c = append(c, Control{Voters: e.Voters})
		}
		*then = append(*then, s.append(sn, entry{epoch: e.Epoch, controls: c}))
	case WriteFetched:
		for b := e.Records.Bytes; len(b) > 0; b = b[4:] {
			d.entries = append(d.entries, int32(binary.BigEndian.Uint32(b)))
		}
		if e.Sync {
			d.synced = d.end()
		}
	case Truncate:
		if e.To < sn.hw {
			s.fail("node %d truncates to %d below its high watermark %d", id, e.To, sn.hw)
		}
		s.say("node %d truncates to %d", id, e.To)
		d.entries = d.entries[:e.To-d.start]
		d.synced = min(d.synced, e.To)
	case SnapshotChunk:
		if e.Position != 0 && e.Position != sn.fetched {
			s.fail("node %d: snapshot chunk at %d, expected %d", id, e.Position, sn.fetched)
		}
		sn.fetched = e.Position + int64(len(e.Bytes))
	case InstallSnapshot:
		*then = append(*then, func() { s.install(sn, e.ID) })
	case HighWatermark:
		s.committed(sn, e.Offset)
		s.majorityHolds(sn)
	}
}

// install copies the snapshot from whoever took it.
func (s *sim) install(sn *simNode, id ID) {
	for _, o := range s.nodes {
		if c, ok := o.disk.snaps[id]; ok && o != sn {
			s.say("node %d installs %v", sn.cfg.ID, id)
			c = slices.Clone(c)
			for i := range c {
				c[i].Offset = id.Offset - 1
			}
			sn.disk.snaps = map[ID][]Control{id: c}
			sn.disk.start, sn.disk.entries, sn.disk.synced = id.Offset, nil, id.Offset
			sn.hw = max(sn.hw, id.Offset)
			sn.n.Installed(id, c, s.now)
			return
		}
	}
	sn.n.InstallFailed(s.now)
}

func (s *sim) append(sn *simNode, e entry) func() {
	d := &sn.disk
	s.table = append(s.table, e)
	k := int32(len(s.table) - 1)
	at := d.end()
	d.entries = append(d.entries, k)
	return func() { sn.n.Written(at+1, s.controlsAt(k, at), s.now) }
}

func (s *sim) read(d *disk, from, to model.Offset) Records {
	r := Records{Base: from, Last: to - 1}
	for at := from; at < to; at++ {
		k := d.entries[at-d.start]
		r.Bytes = binary.BigEndian.AppendUint32(r.Bytes, uint32(k))
		if e := s.table[k].epoch; len(r.Epochs) == 0 || r.Epochs[len(r.Epochs)-1].Epoch != e {
			r.Epochs = append(r.Epochs, EpochStart{e, at})
		}
		r.Controls = append(r.Controls, s.controlsAt(k, at)...)
	}
	return r
}

func (s *sim) answer(sn *simNode, token uint64, m Message) {
	p, ok := s.tokens[token]
	if !ok {
		s.fail("node %d answers token %d twice or without question", sn.cfg.ID, token)
	}
	delete(s.tokens, token)
	if p.from == 0 { // from a client of the test
		return
	}
	s.post(packet{from: sn.cfg.ID, to: p.from, life: p.life, corr: p.corr, resp: m})
}

// committed checks that what a node says is committed stays and is the same
// everywhere.
func (s *sim) committed(sn *simNode, hw model.Offset) {
	if hw < sn.hw {
		s.fail("node %d: high watermark back from %d to %d", sn.cfg.ID, sn.hw, hw)
	}
	d := &sn.disk
	for at := max(d.start, 0); at < hw; at++ {
		k := d.entries[at-d.start]
		if int(at) < len(s.commit) {
			if s.commit[at] != k {
				s.fail("node %d: offset %d holds %d (epoch %d), committed was %d (epoch %d)", sn.cfg.ID, at, k, s.table[k].epoch, s.commit[at], s.table[s.commit[at]].epoch)
			}
			continue
		}
		if int(at) > len(s.commit) {
			s.fail("node %d: gap in the committed log at %d", sn.cfg.ID, len(s.commit))
		}
		s.commit = append(s.commit, k)
		s.commitIn = append(s.commitIn, sn.n.Epoch())
	}
	sn.hw = hw
}

func (s *sim) check(sn *simNode) {
	n, d := sn.n, &sn.disk
	if n.Epoch() < sn.epoch {
		s.fail("node %d: epoch back from %d to %d", sn.cfg.ID, sn.epoch, n.Epoch())
	}
	sn.epoch = n.Epoch()
	if n.End() != d.end() || n.log.start != d.start {
		s.fail("node %d: core thinks the log is [%d,%d), it is [%d,%d)", sn.cfg.ID, n.log.start, n.End(), d.start, d.end())
	}
}

// majorityHolds: what a leader commits is durable at a majority of its voters.
func (s *sim) majorityHolds(sn *simNode) {
	if !sn.leading {
		return
	}
	have := 0
	for _, v := range sn.n.Voters() {
		if s.nodes[v.ID].disk.synced >= sn.hw {
			have++
		}
	}
	if have < len(sn.n.Voters())/2+1 {
		s.fail("node %d: high watermark %d is on %d of %s only", sn.cfg.ID, sn.hw, have, sn.n.Voters().keysString())
	}
}

// step lets the next thing happen: a packet arrives or a deadline passes.
func (s *sim) step() {
	next := s.now + 50
	for _, id := range s.ids {
		if n := s.nodes[id]; n.n != nil {
			next = min(next, max(n.n.Deadline(), n.paused, s.now))
		}
	}
	best := -1
	for i, p := range s.net {
		if best < 0 || p.at < s.net[best].at || p.at == s.net[best].at && p.seq < s.net[best].seq {
			best = i
		}
	}
	if best >= 0 && s.net[best].at <= next {
		p := s.net[best]
		s.net = slices.Delete(s.net, best, best+1)
		s.now = max(s.now, p.at)
		s.deliver(p)
		return
	}
	s.now = max(next, s.now+1)
	for _, id := range s.ids {
		if n := s.nodes[id]; n.n != nil && n.paused <= s.now && n.n.Deadline() <= s.now {
			n.n.Tick(s.now)
			s.perform(n)
		}
	}
}

func (s *sim) deliver(p packet) {
	sn := s.nodes[p.to]
	if sn == nil || sn.n == nil {
		return
	}
	if sn.paused > s.now { // a stopped process finds it later
		p.at = sn.paused + 1
		s.net = append(s.net, p)
		return
	}
	if p.req == nil {
		if p.life == sn.life {
			sn.n.Response(p.corr, p.resp, s.now)
			s.perform(sn)
		}
		return
	}
	if _, ok := p.req.(*VersionsRequest); ok {
		s.post(packet{from: p.to, to: p.from, life: p.life, corr: p.corr, resp: &VersionsResponse{Versions: &Supported}})
		return
	}
	s.ask(sn, p)
}

func (s *sim) ask(sn *simNode, p packet) {
	s.token++
	s.tokens[s.token] = p
	sn.n.Request(s.token, p.req, s.now)
	s.perform(sn)
}

// produce appends through whoever thinks it leads, and syncs by chance.
func (s *sim) produce() {
	for _, id := range s.ids {
		sn := s.nodes[id]
		if sn.n == nil || !sn.leading || sn.paused > s.now {
			continue
		}
		if s.rnd.Intn(3) > 0 {
			s.value++
			s.append(sn, entry{epoch: sn.n.Epoch(), value: s.value})()
			s.perform(sn)
		}
		if sn.leading && s.rnd.Intn(2) == 0 {
			sn.disk.synced = sn.disk.end()
			sn.n.Synced(sn.disk.end(), s.now)
			s.perform(sn)
		}
	}
}

// snapshot makes a node write a snapshot at its high watermark and drop the
// log before it.
func (s *sim) snapshot(id model.BrokerID) {
	sn := s.nodes[id]
	if sn.n == nil || sn.hw <= sn.disk.start {
		return
	}
	d := &sn.disk
	at := ID{sn.hw, s.table[d.entries[sn.hw-1-d.start]].epoch}
	voters, version := sn.n.VotersAt(at.Offset)
	c := []Control{}
	if version > 0 {
		c = append(c, Control{KVersion: version})
		if voters != nil {
			c = append(c, Control{Voters: voters})
		}
	}
	for i := range c {
		c[i].Offset = at.Offset - 1
	}
	d.snaps[at] = c
	sn.n.SnapshotTaken(at, s.now)
	if s.rnd.Intn(2) == 0 {
		d.entries = slices.Clone(d.entries[at.Offset-d.start:])
		d.start, d.synced = at.Offset, max(d.synced, at.Offset)
		d.snaps = map[ID][]Control{at: c}
		sn.n.Cleaned(at.Offset, s.now)
	}
	s.say("node %d takes snapshot %v", id, at)
	s.perform(sn)
}

func (s *sim) run(ms model.Millis, each func()) {
	until := s.now + ms
	for s.now < until {
		if each != nil {
			each()
		}
		s.step()
	}
}

func (s *sim) leaderNode() *simNode {
	var best *simNode
	for _, id := range s.ids {
		if n := s.nodes[id]; n.n != nil && n.leading && (best == nil || n.n.Epoch() > best.n.Epoch()) {
			best = n
		}
	}
	return best
}

// settle heals everything and expects one leader whom all follow, with equal
// logs.
func (s *sim) settle() {
	s.loss, s.dup = 0, 0
	clear(s.cut)
	for _, id := range s.ids {
		s.nodes[id].paused = 0
		if s.nodes[id].n == nil {
			s.start(id)
		}
	}
	var l *simNode
	for i := 0; i < 60; i++ {
		s.run(1000, nil)
		l = s.leaderNode()
		if l == nil {
			continue
		}
		l.disk.synced = l.disk.end()
		l.n.Synced(l.disk.end(), s.now)
		s.perform(l)
		same := true
		for _, id := range s.ids {
			n := s.nodes[id]
			same = same && n.disk.end() == l.disk.end() && n.hw == l.disk.end() && n.n.Leader() == l.cfg.ID
		}
		if same {
			return
		}
	}
	for _, id := range s.ids {
		n := s.nodes[id]
		s.say("node %d: %s epoch %d leader %d log [%d,%d) hw %d voters %s", id, n.n.Role(), n.n.Epoch(), n.n.Leader(), n.disk.start, n.disk.end(), n.hw, n.n.Voters().keysString())
	}
	s.fail("no agreement a minute after the last fault")
}
