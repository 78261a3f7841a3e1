package metadata

import (
	"fmt"
	"slices"

	"gregor/internal/model"
	"gregor/internal/wire"
)

// Replay applies one record. The error is a *ReplayError; the delta is then of
// no use any more. Records of metadata transactions are the Loader's business
// and refused here.
func (d *Delta) Replay(r Record) error {
	var why string
	d.replayed = true
	switch m := r.Msg.(type) {
	case *wire.TopicRecord:
		why = d.topic(m)
	case *wire.PartitionRecord:
		why = d.partition(m)
	case *wire.PartitionChangeRecord:
		why = d.partitionChange(m)
	case *wire.RemoveTopicRecord:
		why = d.removeTopic(m)
	case *wire.ClearElrRecord:
		why = d.clearELR(m)
	case *wire.ConfigRecord:
		d.config(m)
	case *wire.RegisterBrokerRecord:
		why = d.registerBroker(m)
	case *wire.UnregisterBrokerRecord:
		d.next.Cluster.brokers.del(d.e, model.BrokerID(m.BrokerId))
		d.brokers = append(d.brokers, model.BrokerID(m.BrokerId))
	case *wire.FenceBrokerRecord:
		why = d.changeBroker(m.Id, m.Epoch, func(b *Broker) { b.Fenced = true })
	case *wire.UnfenceBrokerRecord:
		why = d.changeBroker(m.Id, m.Epoch, func(b *Broker) { b.Fenced = false })
	case *wire.BrokerRegistrationChangeRecord:
		why = d.brokerChange(m)
	case *wire.RegisterControllerRecord:
		d.registerController(m)
	case *wire.UnregisterControllerRecord:
		d.next.Cluster.controllers.del(d.e, model.BrokerID(m.ControllerId))
		d.controllers = append(d.controllers, model.BrokerID(m.ControllerId))
	case *wire.FeatureLevelRecord:
		why = d.feature(m)
	case *wire.ProducerIdsRecord:
		d.next.NextProducerID = model.ProducerID(m.NextProducerId)
	case *wire.NoOpRecord, *wire.ZkMigrationStateRecord:
		// Nothing of it is kept.
	default:
		return d.replaySecurity(r)
	}
	return replayError(r, why)
}

func replayError(r Record, why string) error {
	if why == "" {
		return nil
	}
	return &ReplayError{Record: wire.Name(r.Msg), Reason: why}
}

func (d *Delta) topic(m *wire.TopicRecord) string {
	t := &d.next.Topics
	if old := t.ByName(m.Name); old != nil {
		return fmt.Sprintf("Found duplicate TopicRecord for %s with topic ID %s", m.Name, m.TopicId)
	}
	if old := t.ByID(m.TopicId); old != nil {
		return fmt.Sprintf("topic ID %s of %s is that of topic %s already", m.TopicId, m.Name, old.Name)
	}
	d.putTopic(&Topic{Name: m.Name, ID: m.TopicId, owner: d.e})
	d.topics = append(d.topics, m.TopicId)
	return ""
}

func (d *Delta) putTopic(t *Topic) {
	d.next.Topics.byID.set(d.e, t.ID, t)
	d.next.Topics.byName.set(d.e, t.Name, t)
}

// ownTopic is the topic, or a copy that may be changed.
func (d *Delta) ownTopic(id model.TopicID) *Topic {
	t := d.next.Topics.ByID(id)
	if t == nil || t.owner == d.e {
		return t
	}
	t = &Topic{Name: t.Name, ID: t.ID, Partitions: slices.Clone(t.Partitions), owner: d.e}
	d.putTopic(t)
	d.topics = append(d.topics, id)
	return t
}

func (d *Delta) partition(m *wire.PartitionRecord) string {
	t := d.ownTopic(m.TopicId)
	if t == nil {
		return fmt.Sprintf("Tried to create partition %s:%d, but no topic with that ID was found.", m.TopicId, m.PartitionId)
	}
	n := int(m.PartitionId)
	if n < 0 || n > len(t.Partitions) {
		return fmt.Sprintf("partition %s:%d does not follow the %d partitions of the topic", m.TopicId, n, len(t.Partitions))
	}
	if RecoveryState(m.LeaderRecoveryState) != Recovered && RecoveryState(m.LeaderRecoveryState) != Recovering {
		return fmt.Sprintf("Value %d is not a valid leader recovery state", m.LeaderRecoveryState)
	}
	p := &Partition{
		Replicas: ids(m.Replicas), Leader: model.BrokerID(m.Leader), LeaderEpoch: model.LeaderEpoch(m.LeaderEpoch),
		PartitionEpoch: m.PartitionEpoch, Recovery: RecoveryState(m.LeaderRecoveryState),
	}
	if len(m.Directories) > 0 && len(m.Directories) != len(m.Replicas) {
		return fmt.Sprintf("The lengths for replicas and directories do not match: %d and %d of partition %s:%d", len(m.Replicas), len(m.Directories), m.TopicId, n)
	}
	p.Dirs = dirsOf(m.Directories, len(m.Replicas))
	p.ISR = isrOf(m.Isr, p.Replicas)
	p.setRare(ids(m.AddingReplicas), ids(m.RemovingReplicas), ids(m.EligibleLeaderReplicas), ids(m.LastKnownElr))
	if n > 0 {
		p.share(t.Partitions[n-1])
	}
	if n == len(t.Partitions) {
		t.Partitions = append(t.Partitions, p)
		d.next.Topics.partitions++
	} else {
		t.Partitions[n] = p
	}
	return ""
}

// share lets p use the neighbour's slices where they are equal.
func (p *Partition) share(o *Partition) {
	if slices.Equal(p.Replicas, o.Replicas) {
		p.Replicas = o.Replicas
	}
	if slices.Equal(p.ISR, p.Replicas) {
		p.ISR = p.Replicas
	}
	if slices.Equal(p.Dirs, o.Dirs) {
		p.Dirs = o.Dirs
	}
}

func isrOf(isr []int32, replicas []model.BrokerID) []model.BrokerID {
	out := ids(isr)
	if slices.Equal(out, replicas) {
		return replicas
	}
	return out
}

// migrating serves partitions of clusters that assign no directories yet.
var migrating [16]model.DirectoryID

// dirsOf are the directories of n replicas; none given, or nothing but
// DirMigrating, is DirMigrating for each.
func dirsOf(dirs []model.DirectoryID, n int) []model.DirectoryID {
	for _, d := range dirs {
		if d != model.DirMigrating {
			return slices.Clone(dirs)
		}
	}
	if n <= len(migrating) {
		return migrating[:n:n]
	}
	return make([]model.DirectoryID, n)
}

func (p *Partition) setRare(adding, removing, elr, lastELR []model.BrokerID) {
	p.rare = nil
	if len(adding)+len(removing)+len(elr)+len(lastELR) > 0 {
		p.rare = &rare{adding, removing, elr, lastELR}
	}
}

func (d *Delta) partitionChange(m *wire.PartitionChangeRecord) string {
	t := d.ownTopic(m.TopicId)
	if t == nil {
		return fmt.Sprintf("Tried to change partition %s:%d, but no topic with that ID was found.", m.TopicId, m.PartitionId)
	}
	old := t.Partition(m.PartitionId)
	if old == nil {
		return fmt.Sprintf("Unable to find partition %s:%d", m.TopicId, m.PartitionId)
	}
	p, err := old.Merge(m)
	if err != nil {
		return err.Error()
	}
	t.Partitions[m.PartitionId] = p
	return ""
}

// Merge is the partition after a change record.
func (p *Partition) Merge(m *wire.PartitionChangeRecord) (*Partition, error) {
	n := *p
	n.PartitionEpoch++
	if m.Replicas != nil {
		n.Replicas = ids(m.Replicas)
	}
	if m.Directories != nil {
		n.Dirs = m.Directories
	}
	if len(n.Dirs) > 0 && len(n.Dirs) != len(n.Replicas) {
		return nil, fmt.Errorf("The lengths for replicas and directories do not match: %d and %d of partition %s:%d", len(n.Replicas), len(n.Dirs), m.TopicId, m.PartitionId)
	}
	if m.Directories != nil || len(n.Dirs) != len(n.Replicas) {
		n.Dirs = dirsOf(n.Dirs, len(n.Replicas))
	}
	if m.Isr != nil {
		n.ISR = isrOf(m.Isr, n.Replicas)
	}
	if l := model.BrokerID(m.Leader); l != NoLeaderChange {
		n.Leader = l
		n.LeaderEpoch++
	}
	switch s := RecoveryState(m.LeaderRecoveryState); s {
	case NoRecoveryChange:
	case Recovered, Recovering:
		n.Recovery = s
	default:
		return nil, fmt.Errorf("Value %d is not a valid leader recovery state", s)
	}
	or := func(v []int32, old []model.BrokerID) []model.BrokerID {
		if v == nil {
			return old
		}
		return ids(v)
	}
	if m.AddingReplicas != nil || m.RemovingReplicas != nil || m.EligibleLeaderReplicas != nil || m.LastKnownElr != nil {
		n.setRare(or(m.AddingReplicas, p.Adding()), or(m.RemovingReplicas, p.Removing()),
			or(m.EligibleLeaderReplicas, p.ELR()), or(m.LastKnownElr, p.LastKnownELR()))
	}
	return &n, nil
}

func (d *Delta) removeTopic(m *wire.RemoveTopicRecord) string {
	t := &d.next.Topics
	topic := t.ByID(m.TopicId)
	if topic == nil {
		return fmt.Sprintf("Can't find topic with ID %s to remove.", m.TopicId)
	}
	t.byID.del(d.e, topic.ID)
	t.byName.del(d.e, topic.Name)
	t.partitions -= len(topic.Partitions)
	d.topics = append(d.topics, m.TopicId)
	r := Resource{TopicResource, topic.Name}
	if d.next.Configs.tree.del(d.e, r) {
		d.configs = append(d.configs, r)
	}
	return ""
}

// clearELR empties the ELR of one topic, or of all when the name is empty.
func (d *Delta) clearELR(m *wire.ClearElrRecord) string {
	if m.TopicName != "" {
		t := d.next.Topics.ByName(m.TopicName)
		if t == nil {
			return fmt.Sprintf("Unable to find a topic with name %s.", m.TopicName)
		}
		return d.clearTopicELR(t)
	}
	var withELR []*Topic
	for t := range d.next.Topics.All() {
		if slices.ContainsFunc(t.Partitions, func(p *Partition) bool { return len(p.ELR())+len(p.LastKnownELR()) > 0 }) {
			withELR = append(withELR, t)
		}
	}
	for _, t := range withELR {
		if why := d.clearTopicELR(t); why != "" {
			return why
		}
	}
	return ""
}

func (d *Delta) clearTopicELR(t *Topic) string {
	for i, p := range t.Partitions {
		if len(p.ELR())+len(p.LastKnownELR()) == 0 {
			continue
		}
		m := wire.NewPartitionChangeRecord()
		m.PartitionId, m.TopicId = int32(i), t.ID
		m.EligibleLeaderReplicas, m.LastKnownElr = []int32{}, []int32{}
		if why := d.partitionChange(m); why != "" {
			return why
		}
	}
	return ""
}

func (d *Delta) feature(m *wire.FeatureLevelRecord) string {
	switch m.Name {
	case FeatureMetadata:
		v := Version(m.FeatureLevel)
		if !v.Known() {
			return fmt.Sprintf("metadata.version %d is not supported; this software reads %d (%s) to %d (%s)", m.FeatureLevel, MinVersion, MinVersion, MaxVersion, MaxVersion)
		}
		d.next.Features.Version = v
	case FeatureKRaft:
		// kraft.version is a control record; older software wrote it here by mistake (KAFKA-18979).
	default:
		d.next.Features = d.next.Features.with(m.Name, m.FeatureLevel)
	}
	return ""
}
