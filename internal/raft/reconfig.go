package raft

import (
	"fmt"

	"gregor/internal/kerr"
	"gregor/internal/model"
)

// voterChange is an AddRaftVoter or RemoveRaftVoter under way (KIP-853). One
// voter at a time, and only from a committed set, so that old and new majority
// always share a member.
type voterChange struct {
	token    uint64
	replied  bool
	add      *AddVoterRequest // nil: a removal
	corr     uint64           // ApiVersions that was sent to the new voter
	at       model.Offset     // of the new voter set; -1 until written
	appended bool
	until    model.Millis
}

func (o *voterChange) reply(n *Node, c kerr.Code, msg string) {
	if o.replied {
		return
	}
	o.replied = true
	if o.add != nil {
		n.emit(Reply{o.token, addAnswer(c, msg)})
		return
	}
	n.emit(Reply{o.token, removeAnswer(c, msg)})
}

func addAnswer(c kerr.Code, msg string) *AddVoterResponse {
	if msg == "" && c != kerr.None {
		msg = c.Message()
	}
	return &AddVoterResponse{c, msg}
}

func removeAnswer(c kerr.Code, msg string) *RemoveVoterResponse {
	if msg == "" && c != kerr.None {
		msg = c.Message()
	}
	return &RemoveVoterResponse{c, msg}
}

// expireOp gives up a change that takes too long, and returns when that is due.
func (l *leader) expireOp(n *Node) model.Millis {
	if l.op == nil {
		return never
	}
	if n.now >= l.op.until {
		l.op.reply(n, kerr.RequestTimedOut, "")
		l.op = nil
		return never
	}
	return l.op.until
}

func (l *leader) dropOp(n *Node) {
	if l.op != nil {
		l.op.reply(n, notLeader, "")
		l.op = nil
	}
}

// clusterMismatch is Kafka's text for a request that names another cluster.
func (n *Node) clusterMismatch(id *string) string {
	return fmt.Sprintf("The given id %q doesn't match the cluster id %q", *id, n.cfg.ClusterID)
}

// changeable reports why the voters cannot be changed now; verb is "adding" or
// "removing".
func (l *leader) changeable(n *Node, verb string) (kerr.Code, string) {
	l.expireOp(n)
	if l.op != nil {
		return kerr.RequestTimedOut, "Request timed out waiting for leader to handle previous voter change request"
	}
	if !l.established {
		return kerr.RequestTimedOut, "Request timed out waiting for leader to establish HWM and fence previous voter changes"
	}
	if v := n.log.lastVersion(); v == 0 {
		return kerr.UnsupportedVersion, fmt.Sprintf("Cluster doesn't support %s voter because the kraft.version feature is %d", verb, v)
	}
	at, ok := n.log.lastVotersOffset()
	if !ok || at >= n.hw {
		where := "Optional.empty"
		if ok {
			where = fmt.Sprintf("Optional[%d]", at)
		}
		return kerr.RequestTimedOut, fmt.Sprintf("Request timed out waiting for voters to commit the latest voter change at %s with HWM %d", where, n.hw)
	}
	return kerr.None, ""
}

// onAddVoter begins to add a voter: first the leader asks it for its
// kraft.version range.
func (n *Node) onAddVoter(token uint64, r *AddVoterRequest) {
	refuse := func(c kerr.Code, msg string) { n.emit(Reply{token, addAnswer(c, msg)}) }
	if !n.clusterOK(r.ClusterID) {
		refuse(kerr.InconsistentClusterId, n.clusterMismatch(r.ClusterID))
		return
	}
	if c := n.leaderOnly(n.epoch); c != kerr.None {
		n.emit(Reply{token, &AddVoterResponse{Code: c}})
		return
	}
	if r.Voter.ID < 0 || r.Voter.Dir.IsZero() {
		refuse(kerr.InvalidRequest, "Add voter request didn't include a valid voter")
		return
	}
	a, ok := r.Endpoints.Address(n.cfg.Listener)
	if !ok {
		refuse(kerr.InvalidRequest, fmt.Sprintf("Add voter request didn't include the endpoint (%v) for the default listener %s", r.Endpoints, n.cfg.Listener))
		return
	}
	l := n.role.(*leader)
	if c, msg := l.changeable(n, "adding"); c != kerr.None {
		refuse(c, msg)
		return
	}
	if _, dup := n.log.lastVoters().Get(r.Voter.ID); dup {
		refuse(kerr.DuplicateVoter, fmt.Sprintf("The voter id for %v is already part of the set of voters %s.", r.Voter, n.log.lastVoters().keysString()))
		return
	}
	sent, until := n.send(Peer{r.Voter.ID, a}, func() Request { return &VersionsRequest{} })
	if !sent {
		refuse(kerr.RequestTimedOut, fmt.Sprintf("New voter %v is not ready to receive requests", r.Voter))
		return
	}
	l.op = &voterChange{token: token, add: r, corr: n.peers.corr, at: -1, until: until}
}

// onVersions goes on with an addition once the new voter has answered.
func (n *Node) onVersions(corr uint64, r *VersionsResponse) bool {
	l, ok := n.role.(*leader)
	if !ok || l.op == nil || l.op.corr != corr || l.op.appended {
		return true
	}
	op := l.op
	fail := func(c kerr.Code, msg string) {
		n.note(false, "Aborting add voter operation for %v: %s", op.add.Voter, msg)
		op.reply(n, c, msg)
		l.op = nil
	}
	if r.Code != kerr.None {
		fail(kerr.RequestTimedOut, fmt.Sprintf("Aborted add voter operation for since API_VERSIONS returned an error %s", r.Code.Name()))
		return false
	}
	version := n.log.lastVersion()
	if r.Versions == nil || !r.Versions.Has(version) {
		have := "(min: 0, max: 0)"
		if r.Versions != nil {
			have = fmt.Sprintf("(min: %d, max: %d", r.Versions.Min, r.Versions.Max)
		}
		fail(kerr.InvalidRequest, fmt.Sprintf("Aborted add voter operation for %v since the kraft.version range %s doesn't support the finalized version %d", op.add.Voter, have, version))
		return true
	}
	if !l.caughtUp(n, op.add.Voter) {
		fail(kerr.RequestTimedOut, fmt.Sprintf("Aborted add voter operation for %v since it is lagging behind", op.add.Voter))
		return true
	}
	n.emit(AppendControl{Epoch: n.epoch, Voters: n.log.lastVoters().with(Voter{op.add.Voter, op.add.Endpoints, *r.Versions})})
	op.appended = true
	if !op.add.AckWhenCommitted {
		op.reply(n, kerr.None, "")
	}
	return true
}

// caughtUp: the observer has reached the log's end in this epoch and fetched
// within the last hour.
func (l *leader) caughtUp(n *Node, k Key) bool {
	const hour = 3_600_000
	r := l.observers[k]
	return r != nil && r.lastCaughtUp > 0 && r.lastFetch > 0 && r.lastFetch > n.now-hour
}

// onRemoveVoter removes a voter, perhaps this leader: then it resigns once
// that is committed.
func (n *Node) onRemoveVoter(token uint64, r *RemoveVoterRequest) {
	refuse := func(c kerr.Code, msg string) { n.emit(Reply{token, removeAnswer(c, msg)}) }
	if !n.clusterOK(r.ClusterID) {
		refuse(kerr.InconsistentClusterId, n.clusterMismatch(r.ClusterID))
		return
	}
	if c := n.leaderOnly(n.epoch); c != kerr.None {
		n.emit(Reply{token, &RemoveVoterResponse{Code: c}})
		return
	}
	if r.Voter.ID < 0 || r.Voter.Dir.IsZero() {
		refuse(kerr.InvalidRequest, "Remove voter request didn't include a valid voter")
		return
	}
	l := n.role.(*leader)
	if c, msg := l.changeable(n, "removing"); c != kerr.None {
		refuse(c, msg)
		return
	}
	voters, ok := n.log.lastVoters().without(r.Voter)
	if !ok {
		refuse(kerr.VoterNotFound, fmt.Sprintf("Cannot remove voter %v from the set of voters %s", r.Voter, n.log.lastVoters().keysString()))
		return
	}
	n.emit(AppendControl{Epoch: n.epoch, Voters: voters})
	l.op = &voterChange{token: token, at: -1, appended: true, until: n.now + n.cfg.RequestTimeout}
}

// controlWritten: the record that the change appended is in the log, and its
// voter set counts from here on.
func (l *leader) controlWritten(n *Node, c Control) {
	if c.Voters == nil {
		return
	}
	if l.op != nil && l.op.appended && l.op.at < 0 {
		l.op.at = c.Offset
	}
	l.adopt(n, c.Voters)
}

// opCommitted ends the change when its voter set is committed.
func (l *leader) opCommitted(n *Node) {
	if l.op == nil || l.op.at < 0 || n.hw <= l.op.at {
		return
	}
	removal := l.op.add == nil
	l.op.reply(n, kerr.None, "")
	l.op = nil
	if removal && !n.IsVoter() {
		n.note(false, "Leader is not in the committed voter set %s, resigning from epoch %d", n.log.lastVoters().keysString(), n.epoch)
		l.resign = true
	}
}

// onUpdateVoter takes a voter's own description.
func (n *Node) onUpdateVoter(r *UpdateVoterRequest) *UpdateVoterResponse {
	answer := func(c kerr.Code) *UpdateVoterResponse { return &UpdateVoterResponse{c, n.leaderInfo()} }
	if !n.clusterOK(r.ClusterID) {
		return answer(kerr.InconsistentClusterId)
	}
	if c := n.leaderOnly(r.Epoch); c != kerr.None {
		return answer(c)
	}
	v := r.Voter
	_, reachable := v.Endpoints.Address(n.cfg.Listener)
	if v.ID < 0 || v.Dir.IsZero() || !reachable || v.Versions.Min < 0 || v.Versions.Max < v.Versions.Min {
		return answer(kerr.InvalidRequest)
	}
	l := n.role.(*leader)
	l.expireOp(n)
	if l.op != nil || !l.established {
		return answer(kerr.RequestTimedOut)
	}
	version := n.log.lastVersion()
	voters := n.log.lastVoters()
	if version == 0 {
		voters = l.volatile
	} else if at, ok := n.log.lastVotersOffset(); !ok || at >= n.hw {
		return answer(kerr.RequestTimedOut)
	}
	if voters == nil {
		return answer(kerr.RequestTimedOut)
	}
	if !v.Versions.Has(version) {
		return answer(kerr.InvalidRequest)
	}
	old, ok := voters.Get(v.ID)
	if !ok || version > 0 && !old.Matches(v.Key) {
		return answer(kerr.VoterNotFound)
	}
	if version == 0 {
		l.volatile = voters.with(v)
	} else {
		n.emit(AppendControl{Epoch: n.epoch, Voters: voters.with(v)})
	}
	l.heard(n, v.Key)
	return answer(kerr.None)
}

// UpgradeKVersion raises kraft.version, as UpdateFeatures asks for it. It
// changes nothing when the version is there already, or with validateOnly.
// Errors carry Kafka's code and text.
func (n *Node) UpgradeKVersion(epoch model.LeaderEpoch, to int16, validateOnly bool, now model.Millis) error {
	n.at(now)
	l, ok := n.role.(*leader)
	if !ok || epoch != n.epoch {
		return notLeader.With("Upgrade kraft version failed because the replica is not the current leader")
	}
	from := n.log.lastVersion()
	invalid := func(format string, args ...any) error {
		return kerr.InvalidUpdateVersion.With(fmt.Sprintf(format, args...))
	}
	switch {
	case l.upgrade != nil && *l.upgrade == to, from == to:
		return nil
	case l.upgrade != nil:
		return invalid("Invalid concurrent upgrade of kraft.version from version %d to %d", *l.upgrade, to)
	case from > to:
		return invalid("Invalid upgrade of kraft.version from version %d to %d because the new version is a downgrade", from, to)
	case l.volatile == nil || !Supported.Has(to):
		return invalid("Invalid upgrade of kraft.version from version %d to %d", from, to)
	case !l.volatile.supports(to):
		return invalid("Invalid upgrade of kraft.version to %d because not all of the voters support it", to)
	}
	for _, v := range l.volatile {
		if v.Dir.IsZero() {
			return invalid("Directory id must be known for all of the voters: %s", l.volatile.keysString())
		}
	}
	if validateOnly {
		return nil
	}
	l.upgrade = &to
	n.emit(AppendControl{Epoch: n.epoch, KVersion: &to, Voters: l.volatile})
	n.finish()
	return nil
}
