package controller

import (
	"fmt"
	"slices"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// registerBroker decides BrokerRegistration. The broker's epoch is the offset
// its registration gets. Source: ClusterControlManager.registerBroker; KIP-631,
// KIP-858 (directories), KIP-966 (clean shutdown).
func (s *state) registerBroker(_ *Request, req *wire.BrokerRegistrationRequest, version int16) (result, error) {
	id := model.BrokerID(req.BrokerId)
	old := s.tip.Cluster.Broker(id)
	if err := s.checkRegistration(req, old); err != nil {
		return result{}, err
	}
	if err := s.checkDirs(req); err != nil {
		return result{}, err
	}
	m := wire.NewRegisterBrokerRecord()
	m.BrokerId, m.IncarnationId, m.Rack = req.BrokerId, req.IncarnationId, req.Rack
	for _, l := range req.Listeners {
		m.EndPoints = append(m.EndPoints, wire.RegisterBrokerRecordBrokerEndpoint{Name: l.Name, Host: l.Host, Port: l.Port, SecurityProtocol: l.SecurityProtocol})
	}
	if err := s.checkFeatures(req, m); err != nil {
		return result{}, err
	}
	if s.version().Directories() {
		m.LogDirs = slices.Clone(req.LogDirs)
	}
	var recs []metadata.Record
	again := old != nil && old.Incarnation == req.IncarnationId
	if again {
		m.Fenced, m.InControlledShutdown, m.BrokerEpoch = old.Fenced, old.Stopping, int64(old.Epoch)
	} else {
		clean := version >= 3 && old != nil && int64(old.Epoch) == req.PreviousBrokerEpoch
		recs = s.brokerDown(id, clean)
		m.BrokerEpoch = int64(s.next)
	}
	recs = append(recs, metadata.Record{Msg: m, Version: s.version().RegisterBroker()})
	resp := wire.NewBrokerRegistrationResponse()
	resp.BrokerEpoch = m.BrokerEpoch
	// The registration is the last record: if a failover cuts the others off,
	// the broker registers again.
	return result{records: recs, resp: resp, split: true}, nil
}

func (s *state) checkRegistration(req *wire.BrokerRegistrationRequest, old *metadata.Broker) error {
	if req.ClusterId != s.clusterID {
		return kerr.InconsistentClusterId.With(fmt.Sprintf("Expected cluster ID %s, but got cluster ID %s", s.clusterID, req.ClusterId))
	}
	if old != nil && old.Incarnation != req.IncarnationId && s.sessions.valid(old.ID, old.Epoch, s.now) {
		return kerr.DuplicateBrokerRegistration.With("Another broker is registered with that broker id. If the broker was recently restarted this should self-resolve once the heartbeat manager expires the broker's session.")
	}
	if req.IsMigratingZkBroker {
		return kerr.BrokerIdNotRegistered.With("Controller does not support registering ZK brokers.")
	}
	for _, l := range req.Listeners {
		if l.SecurityProtocol < 0 || l.SecurityProtocol > 3 {
			return kerr.UnknownServerError.With(fmt.Sprintf("Unknown security protocol %d in listener %s", l.SecurityProtocol, l.Name))
		}
		if l.Name == "" {
			return kerr.UnknownServerError.With("Broker listeners must be named.")
		}
	}
	return nil
}

// checkDirs checks the directories of a registration: named, each once, and
// no other broker's.
func (s *state) checkDirs(req *wire.BrokerRegistrationRequest) error {
	if !s.version().Directories() {
		return nil
	}
	if len(req.LogDirs) == 0 {
		return kerr.InvalidRegistration.With("No directories specified in request")
	}
	if slices.ContainsFunc(req.LogDirs, model.UUID.Reserved) {
		return kerr.InvalidRegistration.With("Reserved directory ID in request")
	}
	seen := make(map[model.DirectoryID]bool, len(req.LogDirs))
	for _, d := range req.LogDirs {
		if seen[d] {
			return kerr.InvalidRegistration.With("Duplicate directory ID in request")
		}
		seen[d] = true
	}
	for b := range s.tip.Cluster.Brokers() {
		if int32(b.ID) == req.BrokerId {
			continue
		}
		for _, d := range b.Dirs {
			if seen[d] {
				return kerr.InvalidRegistration.With(fmt.Sprintf("Broker %d is already registered with directory %s", b.ID, d))
			}
		}
	}
	return nil
}

// checkFeatures checks that the broker supports every finalized level, and
// writes its ranges into the record.
func (s *state) checkFeatures(req *wire.BrokerRegistrationRequest, m *wire.RegisterBrokerRecord) error {
	levels := map[string]int16{metadata.FeatureMetadata: int16(s.version()), metadata.FeatureKRaft: s.quorum.KRaftVersion()}
	for _, o := range s.tip.Features.Other {
		levels[o.Name] = o.Level
	}
	unsupported := func(name string, lo, hi int16) error {
		return kerr.UnsupportedVersion.With(fmt.Sprintf("Unable to register because the broker does not support finalized version %d of %s. The broker wants a version between %d and %d, inclusive.", levels[name], name, lo, hi))
	}
	hasVersion := false
	for _, f := range req.Features {
		if l := levels[f.Name]; l < f.MinSupportedVersion || l > f.MaxSupportedVersion {
			return unsupported(f.Name, f.MinSupportedVersion, f.MaxSupportedVersion)
		}
		m.Features = append(m.Features, wire.RegisterBrokerRecordBrokerFeature{Name: f.Name, MinSupportedVersion: f.MinSupportedVersion, MaxSupportedVersion: f.MaxSupportedVersion})
		hasVersion = hasVersion || f.Name == metadata.FeatureMetadata
		delete(levels, f.Name)
	}
	if !hasVersion {
		return kerr.InvalidRegistration.With("Request features do not contain '" + metadata.FeatureMetadata + "'")
	}
	for _, name := range sortedKeys(levels) {
		if levels[name] != 0 {
			return unsupported(name, 0, 0)
		}
	}
	return nil
}

// brokerDown cleans up after the last incarnation of a broker.
func (s *state) brokerDown(id model.BrokerID, clean bool) []metadata.Record {
	if clean || !s.tip.Features.ELR() {
		return s.moved(move{remove: id, add: model.NoBroker, unclean: model.NoBroker}, inISR(id))
	}
	m := move{remove: model.NoBroker, add: model.NoBroker, unclean: id}
	return s.moved(m, func(p *metadata.Partition) bool { return inISR(id)(p) || inELR(id)(p) })
}

func brokerChange(b *metadata.Broker, version int16, set func(*wire.BrokerRegistrationChangeRecord)) metadata.Record {
	m := wire.NewBrokerRegistrationChangeRecord()
	m.BrokerId, m.BrokerEpoch = int32(b.ID), int64(b.Epoch)
	set(m)
	return metadata.Record{Msg: m, Version: version}
}

// fenced takes a broker out of ISRs and leadership, and fences it.
func (s *state) fenced(b *metadata.Broker) []metadata.Record {
	recs := s.moved(move{remove: b.ID, add: model.NoBroker, unclean: model.NoBroker}, inISR(b.ID))
	return append(recs, brokerChange(b, 0, func(m *wire.BrokerRegistrationChangeRecord) { m.Fenced = 1 }))
}

// unfenced lets a broker serve, and lead what has no leader.
func (s *state) unfenced(b *metadata.Broker) []metadata.Record {
	recs := []metadata.Record{brokerChange(b, 0, func(m *wire.BrokerRegistrationChangeRecord) { m.Fenced = -1 })}
	return append(recs, s.moved(move{remove: model.NoBroker, add: b.ID, unclean: model.NoBroker}, leaderless)...)
}

// stopping moves leadership away from a broker that shuts down.
func (s *state) stopping(b *metadata.Broker) []metadata.Record {
	var recs []metadata.Record
	if !b.Stopping {
		recs = append(recs, brokerChange(b, 1, func(m *wire.BrokerRegistrationChangeRecord) { m.InControlledShutdown = 1 }))
	}
	return append(recs, s.moved(move{remove: b.ID, add: model.NoBroker, unclean: model.NoBroker}, inISR(b.ID))...)
}

// heartbeat decides BrokerHeartbeat. Source:
// ReplicationControlManager.processBrokerHeartbeat.
func (s *state) heartbeat(_ *Request, req *wire.BrokerHeartbeatRequest) (result, error) {
	id := model.BrokerID(req.BrokerId)
	h := s.hearts.brokers[id]
	if h == nil {
		return result{}, kerr.StaleBrokerEpoch.With(fmt.Sprintf("Receive a heartbeat from broker %d before registration", id))
	}
	if err := s.checkEpoch(req.BrokerId, req.BrokerEpoch); err != nil {
		return result{}, err
	}
	b := s.tip.Cluster.Broker(id)
	now, then := s.hearts.next(h, req, func() bool { return s.leads(id) })
	var recs []metadata.Record
	if now != then {
		switch then {
		case phaseFenced, phaseStop:
			recs = s.fenced(b)
		case phaseUnfenced:
			recs = s.unfenced(b)
		case phaseStopping:
			recs = s.stopping(b)
		}
	}
	s.hearts.touch(id, then.fenced(), model.Offset(req.CurrentMetadataOffset))
	recs = append(recs, s.dirsOffline(b, req.OfflineLogDirs)...)
	recs = append(recs, s.dirsCordoned(b, req.CordonedLogDirs)...)
	resp := wire.NewBrokerHeartbeatResponse()
	resp.IsCaughtUp = model.Offset(req.CurrentMetadataOffset) >= h.registered
	resp.IsFenced, resp.ShouldShutDown = then.fenced(), then == phaseStop
	r := result{records: recs, resp: resp, split: true}
	if then == phaseStopping {
		r.after = func(last model.Offset) { s.hearts.stopAt(id, last) }
	}
	return r, nil
}

// dirsOffline notes directories that failed, and moves leadership off them.
func (s *state) dirsOffline(b *metadata.Broker, offline []model.DirectoryID) []metadata.Record {
	if !s.version().Directories() || len(offline) == 0 {
		return nil
	}
	var gone, left []model.DirectoryID
	for _, d := range b.Dirs {
		if slices.Contains(offline, d) {
			gone = append(gone, d)
		} else {
			left = append(left, d)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	recs := s.moved(move{remove: b.ID, add: model.NoBroker, unclean: model.NoBroker}, func(p *metadata.Partition) bool {
		dir, ok := p.Dir(b.ID)
		return ok && slices.Contains(gone, dir)
	})
	return append(recs, brokerChange(b, 2, func(m *wire.BrokerRegistrationChangeRecord) { m.LogDirs = left }))
}

// dirsCordoned notes the directories that take no new replicas; nil says
// nothing about them.
func (s *state) dirsCordoned(b *metadata.Broker, cordoned []model.DirectoryID) []metadata.Record {
	if !s.version().Cordoned() || cordoned == nil {
		return nil
	}
	same := b.Cordoned != nil && sameSet(b.Cordoned, cordoned)
	if same {
		return nil
	}
	return []metadata.Record{brokerChange(b, 3, func(m *wire.BrokerRegistrationChangeRecord) {
		m.CordonedLogDirs = append([]model.DirectoryID{}, cordoned...)
	})}
}

func sameSet(a, b []model.DirectoryID) bool {
	in := func(s []model.DirectoryID) func(model.DirectoryID) bool {
		return func(d model.DirectoryID) bool { return !slices.Contains(s, d) }
	}
	return !slices.ContainsFunc(a, in(b)) && !slices.ContainsFunc(b, in(a))
}

// unregisterBroker decides UnregisterBroker.
func (s *state) unregisterBroker(_ *Request, req *wire.UnregisterBrokerRequest) (result, error) {
	b := s.tip.Cluster.Broker(model.BrokerID(req.BrokerId))
	if b == nil {
		return result{}, kerr.BrokerIdNotRegistered.With(fmt.Sprintf("Broker ID %d is not currently registered", req.BrokerId))
	}
	recs := s.moved(move{remove: b.ID, add: model.NoBroker, unclean: model.NoBroker}, func(p *metadata.Partition) bool {
		return inISR(b.ID)(p) || inELR(b.ID)(p)
	})
	recs = append(recs, metadata.V0(&wire.UnregisterBrokerRecord{BrokerId: req.BrokerId, BrokerEpoch: int64(b.Epoch)}))
	return result{records: recs, resp: &wire.UnregisterBrokerResponse{}, split: true}, nil
}

// registerController decides ControllerRegistration (KIP-919).
func (s *state) registerController(_ *Request, req *wire.ControllerRegistrationRequest) (result, error) {
	if !s.version().ControllerRegistration() {
		return result{}, kerr.UnsupportedVersion.With("The current MetadataVersion is too old to support controller registrations.")
	}
	m := &wire.RegisterControllerRecord{ControllerId: req.ControllerId, IncarnationId: req.IncarnationId}
	for _, l := range req.Listeners {
		m.EndPoints = append(m.EndPoints, wire.RegisterControllerRecordControllerEndpoint{Name: l.Name, Host: l.Host, Port: l.Port, SecurityProtocol: l.SecurityProtocol})
	}
	for _, f := range req.Features {
		m.Features = append(m.Features, wire.RegisterControllerRecordControllerFeature{Name: f.Name, MinSupportedVersion: f.MinSupportedVersion, MaxSupportedVersion: f.MaxSupportedVersion})
	}
	return result{records: []metadata.Record{metadata.V0(m)}, resp: &wire.ControllerRegistrationResponse{}}, nil
}

// unregisterController decides UnregisterController.
func (s *state) unregisterController(_ *Request, req *wire.UnregisterControllerRequest) (result, error) {
	id := model.BrokerID(req.ControllerId)
	switch {
	case id == s.id:
		return result{}, kerr.InvalidRequest.With("Controller cannot unregister itself while it is active.")
	case !s.version().ControllerUnregistration():
		return result{}, kerr.UnsupportedVersion.With("The current MetadataVersion is too old to support controller unregistration.")
	case s.tip.Cluster.Controller(id) == nil:
		return result{}, kerr.ControllerIdNotRegistered.With(fmt.Sprintf("Controller ID %d is not currently registered.", id))
	}
	recs := []metadata.Record{metadata.V0(&wire.UnregisterControllerRecord{ControllerId: req.ControllerId})}
	return result{records: recs, resp: &wire.UnregisterControllerResponse{}}, nil
}
