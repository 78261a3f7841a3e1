package raft

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"gregor/internal/kerr"
	"gregor/internal/model"
)

// The scripts in testdata drive one node and show every effect. Commands:
//
//	node id=1 voters=(1,2,3) [static] [observer] [join] [state=epoch/leader/voted] [log=(epoch:start,...)] [end=n] [snapshot=offset/epoch]
//	tick ms=n
//	vote|begin|end|fetch|snapshot|describe|add|remove|update from=n ...     a request
//	answer corr=n vote|begin|end|fetch|snapshot|update|versions|fail ...    a response
//	written end=n [voters=(...)]        synced end=n
//	resign, shutdown ms=n, elect (by all others), state
type script struct {
	t     *testing.T
	n     *Node
	now   model.Millis
	token uint64
}

func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{t: t}
		datadriven.RunTest(t, path, s.run)
	})
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	s.t = t
	switch d.Cmd {
	case "node":
		s.node(d)
	case "tick":
		s.now += model.Millis(num(d, "ms", 0))
		s.n.Tick(s.now)
	case "answer":
		s.answer(d)
	case "written":
		var c []Control
		if d.HasArg("voters") {
			c = append(c, Control{Offset: model.Offset(num(d, "at", 0)), Voters: voterSet(d, "voters")})
		}
		s.n.Written(model.Offset(num(d, "end", 0)), c, s.now)
	case "synced":
		s.n.Synced(model.Offset(num(d, "end", 0)), s.now)
	case "resign":
		s.n.Resign(s.n.Epoch(), s.now)
	case "shutdown":
		s.n.Shutdown(model.Millis(num(d, "ms", 0)), s.now)
	case "installed":
		s.n.Installed(idOf(d, "id"), nil, s.now)
	case "taken":
		s.n.SnapshotTaken(idOf(d, "id"), s.now)
	case "cleaned":
		s.n.Cleaned(model.Offset(num(d, "start", 0)), s.now)
	case "elect":
		s.elect()
	case "state":
		return fmt.Sprintf("%s epoch=%d leader=%d voted=%d hw=%d log=[%d,%d) due=%s\n", s.n.Role(), s.n.Epoch(), s.n.Leader(), s.n.voted.ID, s.n.hw, s.n.log.start, s.n.log.end, s.due())
	default:
		s.token++
		s.n.Request(s.token, s.request(d), s.now)
	}
	return s.effects()
}

// elect has all others vote for the node until it leads.
func (s *script) elect() {
	var sends []Send
	for range 50 {
		for _, e := range s.n.Effects() {
			if x, ok := e.(Send); ok {
				sends = append(sends, x)
			}
		}
		if s.n.IsLeader() {
			return
		}
		if len(sends) == 0 {
			s.now++
			s.n.Tick(s.now)
			continue
		}
		if _, ok := sends[0].Msg.(*VoteRequest); ok {
			s.n.Response(sends[0].Corr, &VoteResponse{Leader: Leader{Epoch: s.n.Epoch(), ID: model.NoBroker}, Granted: true}, s.now)
		}
		sends = sends[1:]
	}
	s.t.Fatal("not elected")
}

func (s *script) due() string {
	if s.n.Deadline() == never {
		return "never"
	}
	return fmt.Sprintf("+%d", s.n.Deadline()-s.now)
}

func (s *script) node(d *datadriven.TestData) {
	id := model.BrokerID(num(d, "id", 1))
	cfg := Config{
		Key: Key{id, dirOf(id)}, ClusterID: "c", Voter: !d.HasArg("observer"), AutoJoin: d.HasArg("join"),
		Listener: simListener, Endpoints: addrOf(id),
		// No chance in the scripts: the timeout of an election is 1000 exactly.
		ElectionTimeout: 1, FetchTimeout: 2000, Seed: 1,
	}
	var ls LogState
	vs := voterSet(d, "voters")
	for _, v := range vs {
		cfg.Bootstrap = append(cfg.Bootstrap, v.Endpoints[0].Address)
	}
	if d.HasArg("static") {
		for i := range vs {
			vs[i].Dir, vs[i].Versions = model.DirectoryID{}, VersionRange{}
		}
		cfg.Static, cfg.Bootstrap = vs, nil
	} else if !d.HasArg("observer") || d.HasArg("join") {
		ls.Controls = []Control{{Offset: -1, KVersion: 1}, {Offset: -1, Voters: vs}}
		ls.Snapshots = []ID{BootstrapID}
	}
	if d.HasArg("snapshot") {
		id := idOf(d, "snapshot")
		ls.Snapshots = []ID{id}
		ls.Start, ls.End = id.Offset, id.Offset
	}
	for _, a := range list(d, "log") {
		e, at, _ := strings.Cut(a, ":")
		ls.Epochs = append(ls.Epochs, EpochStart{model.LeaderEpoch(atoi(e)), model.Offset(atoi(at))})
	}
	ls.End = max(ls.End, model.Offset(num(d, "end", 0)))
	var st *QuorumState
	if d.HasArg("state") {
		var text string
		d.ScanArgs(s.t, "state", &text)
		p := strings.Split(text, "/")
		st = &QuorumState{Epoch: model.LeaderEpoch(atoi(p[0])), Leader: model.BrokerID(atoi(p[1])), Voted: None}
		if v := model.BrokerID(atoi(p[2])); v >= 0 {
			st.Voted = Key{v, dirOf(v)}
		}
	}
	n, err := New(cfg, st, ls)
	if err != nil {
		s.t.Fatal(err)
	}
	n.cfg.ElectionTimeout = 1 // random within [1,2): always 1
	s.n, s.now, s.token = n, 1_000_000, 0
	n.Start(s.now)
}

func (s *script) request(d *datadriven.TestData) Request {
	from := model.BrokerID(num(d, "from", 0))
	key := Key{from, dirOf(from)}
	epoch := model.LeaderEpoch(num(d, "epoch", int(s.n.Epoch())))
	var cluster *string
	if d.HasArg("cluster") {
		var c string
		d.ScanArgs(s.t, "cluster", &c)
		cluster = &c
	}
	to := Key{model.BrokerID(num(d, "to", -1)), model.DirectoryID{}}
	switch d.Cmd {
	case "vote":
		return &VoteRequest{ClusterID: cluster, Epoch: epoch, Candidate: key, Voter: to, Last: idOf(d, "last"), PreVote: d.HasArg("pre")}
	case "begin":
		return &BeginRequest{ClusterID: cluster, Epoch: epoch, Leader: from, Endpoints: addrOf(from), Voter: to}
	case "end":
		var p []Key
		for _, x := range list(d, "preferred") {
			p = append(p, Key{model.BrokerID(atoi(x)), dirOf(model.BrokerID(atoi(x)))})
		}
		return &EndRequest{ClusterID: cluster, Epoch: epoch, Leader: from, Endpoints: addrOf(from), Preferred: p}
	case "fetch":
		return &FetchRequest{
			ClusterID: cluster, Replica: key, Epoch: epoch, Offset: model.Offset(num(d, "offset", 0)), LastEpoch: model.LeaderEpoch(num(d, "last", 0)),
			HighWatermark: model.Offset(num(d, "hw", 1<<40)), MaxWait: model.Millis(num(d, "wait", 0)), MaxBytes: 1000,
		}
	case "snapshot":
		return &FetchSnapshotRequest{ClusterID: cluster, Replica: key, Epoch: epoch, Snapshot: idOf(d, "id"), Position: int64(num(d, "at", 0)), MaxBytes: 100}
	case "describe":
		return &DescribeRequest{}
	case "add":
		return &AddVoterRequest{ClusterID: cluster, Voter: key, Endpoints: addrOf(from), AckWhenCommitted: !d.HasArg("early")}
	case "remove":
		return &RemoveVoterRequest{ClusterID: cluster, Voter: key}
	case "update":
		v := voterOf(from)
		v.Endpoints = Endpoints{{simListener, Address{"elsewhere", 1}}}
		return &UpdateVoterRequest{ClusterID: cluster, Epoch: epoch, Voter: v}
	}
	s.t.Fatalf("no such command: %s", d.Cmd)
	return nil
}

func (s *script) answer(d *datadriven.TestData) {
	l := Leader{Epoch: model.LeaderEpoch(num(d, "epoch", int(s.n.Epoch()))), ID: model.BrokerID(num(d, "leader", -1))}
	if l.ID > 0 {
		l.Endpoints = addrOf(l.ID)
	}
	code := kerr.None
	if d.HasArg("code") {
		code = kerr.Code(num(d, "code", 0))
	}
	var m Message
	switch d.CmdArgs[1].Key {
	case "vote":
		m = &VoteResponse{Code: code, Leader: l, Granted: d.HasArg("granted")}
	case "begin":
		m = &BeginResponse{Code: code, Leader: l}
	case "end":
		m = &EndResponse{Code: code, Leader: l}
	case "update":
		m = &UpdateVoterResponse{Code: code, Leader: l}
	case "add":
		m = &AddVoterResponse{Code: code}
	case "versions":
		r := &VersionsResponse{Code: code}
		if d.HasArg("max") {
			r.Versions = &VersionRange{0, int16(num(d, "max", 0))}
		}
		m = r
	case "fetch":
		m = s.fetched(d, code, l)
	case "snapshot":
		m = &FetchSnapshotResponse{Code: code, Leader: l, Snapshot: idOf(d, "id"), Position: int64(num(d, "at", 0)), Size: int64(num(d, "size", 0)), Bytes: make([]byte, num(d, "bytes", 0))}
	case "fail":
		m = &Failed{code}
	}
	s.n.Response(uint64(num(d, "corr", 0)), m, s.now)
}

func (s *script) fetched(d *datadriven.TestData, code kerr.Code, l Leader) Message {
	r := &FetchResponse{Code: code, Leader: l, HighWatermark: model.Offset(num(d, "hw", -1))}
	if d.HasArg("diverging") {
		id := idOf(d, "diverging")
		r.Diverging = &id
	}
	if d.HasArg("snapshotid") {
		id := idOf(d, "snapshotid")
		r.Snapshot = &id
	}
	if d.HasArg("base") {
		base, last := model.Offset(num(d, "base", 0)), model.Offset(num(d, "last", 0))
		r.Records = Records{Bytes: []byte{1}, Base: base, Last: last, Epochs: []EpochStart{{model.LeaderEpoch(num(d, "of", int(l.Epoch))), base}}}
		if d.HasArg("voters") {
			r.Records.Controls = []Control{{Offset: last, Voters: voterSet(d, "voters")}}
		}
	}
	return r
}

func (s *script) effects() string {
	var b strings.Builder
	for _, e := range s.n.Effects() {
		switch e := e.(type) {
		case Persist:
			fmt.Fprintf(&b, "persist epoch=%d leader=%d voted=%d\n", e.State.Epoch, e.State.Leader, e.State.Voted.ID)
		case Send:
			fmt.Fprintf(&b, "send corr=%d to %d at %s: %s\n", e.Corr, e.To.ID, e.To.Host, show(e.Msg))
		case Reply:
			fmt.Fprintf(&b, "reply %d: %s\n", e.Token, show(e.Msg))
		case ReplyRecords:
			fmt.Fprintf(&b, "reply %d: %s with records from %d below %d\n", e.Token, show(e.Msg), e.From, e.End)
		case ReplySnapshot:
			fmt.Fprintf(&b, "reply %d: snapshot %d/%d from %d\n", e.Token, e.Msg.Snapshot.Offset, e.Msg.Snapshot.Epoch, e.Msg.Position)
		case AppendControl:
			b.WriteString("append")
			if c := e.LeaderChange; c != nil {
				fmt.Fprintf(&b, " leader-change(%d voters=%v granting=%v)", c.Leader, c.Voters, c.Granting)
			}
			if e.KVersion != nil {
				fmt.Fprintf(&b, " kraft.version(%d)", *e.KVersion)
			}
			if e.Voters != nil {
				fmt.Fprintf(&b, " voters%v", e.Voters.IDs())
			}
			fmt.Fprintf(&b, " in epoch %d\n", e.Epoch)
		case WriteFetched:
			fmt.Fprintf(&b, "write fetched %d-%d sync=%t\n", e.Records.Base, e.Records.Last, e.Sync)
		case Note:
			if e.Warn {
				fmt.Fprintf(&b, "warn %s\n", e.Text)
			}
		default:
			fmt.Fprintf(&b, "%s %v\n", strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", e), "raft.")), e)
		}
	}
	if b.Len() == 0 {
		return "ok\n"
	}
	return b.String()
}

func show(m Message) string {
	who := func(l Leader) string { return fmt.Sprintf("epoch=%d leader=%d", l.Epoch, l.ID) }
	code := func(c kerr.Code) string {
		if c == kerr.None {
			return ""
		}
		return " " + c.Name()
	}
	switch m := m.(type) {
	case *VoteRequest:
		return fmt.Sprintf("vote epoch=%d last=%d/%d pre=%t", m.Epoch, m.Last.Offset, m.Last.Epoch, m.PreVote)
	case *VoteResponse:
		return fmt.Sprintf("vote granted=%t %s%s%s", m.Granted, who(m.Leader), code(m.Top), code(m.Code))
	case *BeginRequest:
		return fmt.Sprintf("begin epoch=%d leader=%d", m.Epoch, m.Leader)
	case *BeginResponse:
		return fmt.Sprintf("begin %s%s%s", who(m.Leader), code(m.Top), code(m.Code))
	case *EndRequest:
		var ids []model.BrokerID
		for _, k := range m.Preferred {
			ids = append(ids, k.ID)
		}
		return fmt.Sprintf("end epoch=%d preferred=%v", m.Epoch, ids)
	case *EndResponse:
		return fmt.Sprintf("end %s%s%s", who(m.Leader), code(m.Top), code(m.Code))
	case *FetchRequest:
		return fmt.Sprintf("fetch epoch=%d offset=%d last=%d hw=%d", m.Epoch, m.Offset, m.LastEpoch, m.HighWatermark)
	case *FetchResponse:
		out := fmt.Sprintf("fetch %s hw=%d%s%s", who(m.Leader), m.HighWatermark, code(m.Top), code(m.Code))
		if m.Diverging != nil {
			out += fmt.Sprintf(" diverging=%d/%d", m.Diverging.Offset, m.Diverging.Epoch)
		}
		if m.Snapshot != nil {
			out += fmt.Sprintf(" snapshot=%d/%d", m.Snapshot.Offset, m.Snapshot.Epoch)
		}
		return out
	case *FetchSnapshotRequest:
		return fmt.Sprintf("fetch-snapshot epoch=%d id=%d/%d at=%d", m.Epoch, m.Snapshot.Offset, m.Snapshot.Epoch, m.Position)
	case *FetchSnapshotResponse:
		return fmt.Sprintf("fetch-snapshot %s%s%s", who(m.Leader), code(m.Top), code(m.Code))
	case *AddVoterRequest:
		return fmt.Sprintf("add-voter %d", m.Voter.ID)
	case *AddVoterResponse:
		return strings.TrimSpace(fmt.Sprintf("add-voter%s %s", code(m.Code), m.Msg))
	case *RemoveVoterRequest:
		return fmt.Sprintf("remove-voter %d", m.Voter.ID)
	case *RemoveVoterResponse:
		return strings.TrimSpace(fmt.Sprintf("remove-voter%s %s", code(m.Code), m.Msg))
	case *UpdateVoterRequest:
		return fmt.Sprintf("update-voter %d epoch=%d", m.Voter.ID, m.Epoch)
	case *UpdateVoterResponse:
		return fmt.Sprintf("update-voter %s%s", who(m.Leader), code(m.Code))
	case *VersionsRequest:
		return "versions"
	case *DescribeResponse:
		out := fmt.Sprintf("describe %s hw=%d%s", who(m.Leader), m.HighWatermark, code(m.Code))
		for _, v := range m.Voters {
			out += fmt.Sprintf(" voter(%d end=%d)", v.ID, v.End)
		}
		for _, v := range m.Observers {
			out += fmt.Sprintf(" observer(%d end=%d)", v.ID, v.End)
		}
		return out
	case *Failed:
		return "failed" + code(m.Code)
	}
	return fmt.Sprintf("%T", m)
}

func atoi(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		panic(err)
	}
	return n
}

func num(d *datadriven.TestData, name string, def int) int {
	for _, a := range d.CmdArgs {
		if a.Key == name && len(a.Vals) == 1 {
			return atoi(a.Vals[0])
		}
	}
	return def
}

func list(d *datadriven.TestData, name string) []string {
	for _, a := range d.CmdArgs {
		if a.Key == name {
			return a.Vals
		}
	}
	return nil
}

func voterSet(d *datadriven.TestData, name string) Voters {
	out := Voters{}
	for _, v := range list(d, name) {
		out = out.with(voterOf(model.BrokerID(atoi(v))))
	}
	return out
}

// idOf reads offset/epoch.
func idOf(d *datadriven.TestData, name string) ID {
	v := list(d, name)
	if len(v) == 0 {
		return ID{}
	}
	o, e, _ := strings.Cut(v[0], "/")
	return ID{model.Offset(atoi(o)), model.LeaderEpoch(atoi(e))}
}
