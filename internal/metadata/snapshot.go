package metadata

import (
	"iter"
	"maps"
	"slices"

	"gregor/internal/model"
	"gregor/internal/wire"
)

// Records are the records of a snapshot of the image at its own
// metadata.version, in the order in which Kafka writes them; the control
// records around them are not among them.
func (img *Image) Records() iter.Seq[Record] {
	return img.RecordsAt(img.Features.Version, func(string) {})
}

// RecordsAt writes the image as metadata.version v allows. lost is told what
// cannot be written at v.
func (img *Image) RecordsAt(v Version, lost func(what string)) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		w := &writer{v: v, elr: img.Features.ELR(), lost: lost, yield: yield}
		w.features(img.Features)
		w.cluster(img.Cluster)
		w.topics(img.Topics)
		w.configs(img.Configs)
		w.quotas(img.Quotas)
		if img.NextProducerID >= 0 {
			w.put(&wire.ProducerIdsRecord{BrokerId: -1, BrokerEpoch: -1, NextProducerId: int64(img.NextProducerID)}, 0)
		}
		w.security(img)
	}
}

type writer struct {
	v     Version
	elr   bool
	lost  func(string)
	yield func(Record) bool
	done  bool
}

func (w *writer) put(m wire.Record, version int16) bool {
	if !w.done && !w.yield(Record{m, version}) {
		w.done = true
	}
	return !w.done
}

// features writes metadata.version first, and always in version 0, so that any
// reader knows what follows.
func (w *writer) features(l Levels) {
	if w.v != NoVersion {
		w.put(&wire.FeatureLevelRecord{Name: FeatureMetadata, FeatureLevel: int16(w.v)}, 0)
	}
	for _, o := range l.Other {
		w.put(&wire.FeatureLevelRecord{Name: o.Name, FeatureLevel: o.Level}, 0)
	}
}

func (w *writer) cluster(c Cluster) {
	for b := range c.Brokers() {
		if !w.put(w.broker(b), w.v.RegisterBroker()) {
			return
		}
	}
	for r := range c.Controllers() {
		if !w.v.ControllerRegistration() {
			w.lost("controller registration data")
			return
		}
		if !w.put(controllerRecord(r), 0) {
			return
		}
	}
}

func (w *writer) broker(b *Broker) *wire.RegisterBrokerRecord {
	m := wire.NewRegisterBrokerRecord()
	m.BrokerId, m.BrokerEpoch, m.IncarnationId, m.Rack = int32(b.ID), int64(b.Epoch), b.Incarnation, b.Rack
	m.Fenced, m.InControlledShutdown = b.Fenced, b.Stopping
	if b.MigratingZK {
		if w.v >= V3_4_IV0 {
			m.IsMigratingZkBroker = true
		} else {
			w.lost("the isMigratingZkBroker state of one or more brokers")
		}
	}
	if len(b.Dirs) == 0 || w.v.Directories() {
		m.LogDirs = slices.Clone(b.Dirs)
	} else {
		w.lost("the online log directories of one or more brokers")
	}
	if b.Cordoned == nil || w.v.Cordoned() {
		m.CordonedLogDirs = slices.Clone(b.Cordoned)
	} else {
		w.lost("the cordoned log directories of one or more brokers")
	}
	for _, e := range b.Endpoints {
		m.EndPoints = append(m.EndPoints, wire.RegisterBrokerRecordBrokerEndpoint{Name: e.Name, Host: e.Host, Port: e.Port, SecurityProtocol: e.Protocol})
	}
	for _, f := range b.Features {
		m.Features = append(m.Features, wire.RegisterBrokerRecordBrokerFeature{Name: f.Name, MinSupportedVersion: f.Min, MaxSupportedVersion: f.Max})
	}
	return m
}

func controllerRecord(c *Controller) *wire.RegisterControllerRecord {
	m := &wire.RegisterControllerRecord{ControllerId: int32(c.ID), IncarnationId: c.Incarnation, ZkMigrationReady: c.ZKReady}
	for _, e := range c.Endpoints {
		m.EndPoints = append(m.EndPoints, wire.RegisterControllerRecordControllerEndpoint{Name: e.Name, Host: e.Host, Port: e.Port, SecurityProtocol: e.Protocol})
	}
	for _, f := range c.Features {
		m.Features = append(m.Features, wire.RegisterControllerRecordControllerFeature{Name: f.Name, MinSupportedVersion: f.Min, MaxSupportedVersion: f.Max})
	}
	return m
}

// topics writes them by id, as Kafka does.
func (w *writer) topics(t Topics) {
	for topic := range values(t.byID) {
		if !w.put(&wire.TopicRecord{Name: topic.Name, TopicId: topic.ID}, 0) {
			return
		}
		for i, p := range topic.Partitions {
			if !w.partition(topic.ID, int32(i), p) {
				return
			}
		}
	}
}

func (w *writer) partition(id model.TopicID, n int32, p *Partition) bool {
	m := p.Record(id, n, w.v, w.elr)
	if !w.v.Directories() && slices.ContainsFunc(p.Dirs, func(d model.DirectoryID) bool { return d != model.DirMigrating }) {
		w.lost("the directory assignment state of one or more replicas")
	}
	return w.put(m, w.v.Partition())
}

// Record is the PartitionRecord of a partition, for metadata.version v. With
// elr, the eligible leader replicas are in it.
func (p *Partition) Record(id model.TopicID, n int32, v Version, elr bool) *wire.PartitionRecord {
	m := wire.NewPartitionRecord()
	m.PartitionId, m.TopicId = n, id
	m.Replicas, m.Isr = Int32s(p.Replicas), Int32s(p.ISR)
	m.RemovingReplicas, m.AddingReplicas = Int32s(p.Removing()), Int32s(p.Adding())
	m.Leader, m.LeaderEpoch, m.PartitionEpoch = int32(p.Leader), int32(p.LeaderEpoch), p.PartitionEpoch
	m.LeaderRecoveryState = int8(p.Recovery)
	if elr && v.ELR() {
		if l := p.ELR(); len(l) > 0 {
			m.EligibleLeaderReplicas = Int32s(l)
		}
		if l := p.LastKnownELR(); len(l) > 0 {
			m.LastKnownElr = Int32s(l)
		}
	}
	if v.Directories() {
		m.Directories = slices.Clone(p.Dirs)
	}
	return m
}

func (w *writer) configs(c Configs) {
	for r, m := range c.All() {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			v := m[k]
			if !w.put(&wire.ConfigRecord{ResourceType: int8(r.Type), ResourceName: r.Name, Name: k, Value: &v}, 0) {
				return
			}
		}
	}
}

func (w *writer) quotas(q Quotas) {
	for e := range q.All() {
		for _, k := range slices.Sorted(maps.Keys(e.Values)) {
			m := &wire.ClientQuotaRecord{Key: k, Value: e.Values[k]}
			for _, p := range e.Entity {
				m.Entity = append(m.Entity, wire.ClientQuotaRecordEntityData{EntityType: p.Type, EntityName: p.Name})
			}
			if !w.put(m, 0) {
				return
			}
		}
	}
}

func (w *writer) security(img *Image) {
	for a := range img.ACLs.All() {
		w.put(&wire.AccessControlEntryRecord{
			Id: a.ID, ResourceType: a.ResourceType, ResourceName: a.ResourceName, PatternType: a.PatternType,
			Principal: a.Principal, Host: a.Host, Operation: a.Operation, PermissionType: a.PermissionType,
		}, 0)
	}
	for u, c := range img.Scram.All() {
		if !w.v.Scram() {
			w.lost("SCRAM credentials of one or more users")
			break
		}
		w.put(&wire.UserScramCredentialRecord{
			Name: u.Name, Mechanism: u.Mechanism, Salt: c.Salt, StoredKey: c.StoredKey, ServerKey: c.ServerKey, Iterations: c.Iterations,
		}, 0)
	}
	for t := range img.Tokens.All() {
		if !w.v.DelegationTokens() {
			w.lost("one or more delegation tokens")
			break
		}
		w.put(&wire.DelegationTokenRecord{
			Owner: t.Owner, Requester: t.Requester, Renewers: t.Renewers, TokenId: t.ID,
			IssueTimestamp: int64(t.Issued), MaxTimestamp: int64(t.Max), ExpirationTimestamp: int64(t.Expires),
		}, 0)
	}
}
