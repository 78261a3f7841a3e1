package metadata

import (
	"fmt"
	"maps"
	"slices"

	"gregor/internal/config"
	"gregor/internal/model"
	"gregor/internal/wire"
)

func (d *Delta) registerBroker(m *wire.RegisterBrokerRecord) string {
	b := &Broker{
		ID: model.BrokerID(m.BrokerId), Epoch: model.BrokerEpoch(m.BrokerEpoch), Incarnation: m.IncarnationId,
		Rack: m.Rack, Fenced: m.Fenced, Stopping: m.InControlledShutdown, MigratingZK: m.IsMigratingZkBroker,
		Dirs: sortedDirs(m.LogDirs), Cordoned: m.CordonedLogDirs,
	}
	for _, e := range m.EndPoints {
		if e.Name == "" {
			return "Broker listeners must be named."
		}
		b.Endpoints = append(b.Endpoints, Endpoint{e.Name, e.Host, e.Port, e.SecurityProtocol})
	}
	for _, f := range m.Features {
		b.Features = append(b.Features, NodeFeature{f.Name, Range{f.MinSupportedVersion, f.MaxSupportedVersion}})
	}
	if b.Cordoned != nil {
		b.Cordoned = slices.Clone(b.Cordoned)
	}
	d.putBroker(b)
	return ""
}

func sortedDirs(in []model.DirectoryID) []model.DirectoryID {
	out := slices.Clone(in)
	slices.SortFunc(out, compareIDs)
	return out
}

func (d *Delta) putBroker(b *Broker) {
	d.next.Cluster.brokers.set(d.e, b.ID, b)
	d.brokers = append(d.brokers, b.ID)
}

func (d *Delta) changeBroker(id int32, epoch int64, change func(*Broker)) string {
	old := d.next.Cluster.Broker(model.BrokerID(id))
	if old == nil {
		return fmt.Sprintf("Tried to change broker %d, but that broker was not registered.", id)
	}
	if int64(old.Epoch) != epoch {
		return fmt.Sprintf("Tried to change broker %d, but the given epoch, %d, did not match the current broker epoch, %d", id, epoch, old.Epoch)
	}
	b := *old
	change(&b)
	d.putBroker(&b)
	return ""
}

func (d *Delta) brokerChange(m *wire.BrokerRegistrationChangeRecord) string {
	if m.Fenced < -1 || m.Fenced > 1 {
		return fmt.Sprintf("unknown value for fenced field: %d", m.Fenced)
	}
	if m.InControlledShutdown < 0 || m.InControlledShutdown > 1 {
		return fmt.Sprintf("unknown value for inControlledShutdown field: %d", m.InControlledShutdown)
	}
	return d.changeBroker(m.BrokerId, m.BrokerEpoch, func(b *Broker) {
		if m.Fenced != 0 {
			b.Fenced = m.Fenced > 0
		}
		if m.InControlledShutdown != 0 {
			b.Stopping = true
		}
		if len(m.LogDirs) > 0 {
			b.Dirs = sortedDirs(m.LogDirs)
		}
		if m.CordonedLogDirs != nil {
			b.Cordoned = append([]model.DirectoryID{}, m.CordonedLogDirs...)
		}
	})
}

func (d *Delta) registerController(m *wire.RegisterControllerRecord) {
	c := &Controller{ID: model.BrokerID(m.ControllerId), Incarnation: m.IncarnationId, ZKReady: m.ZkMigrationReady}
	for _, e := range m.EndPoints {
		c.Endpoints = append(c.Endpoints, Endpoint{e.Name, e.Host, e.Port, e.SecurityProtocol})
	}
	for _, f := range m.Features {
		c.Features = append(c.Features, NodeFeature{f.Name, Range{f.MinSupportedVersion, f.MaxSupportedVersion}})
	}
	d.next.Cluster.controllers.set(d.e, c.ID, c)
	d.controllers = append(d.controllers, c.ID)
}

// knownSetting reports whether settings of that name are kept. Settings that
// Kafka has dropped may still stand in an old log; broker settings may be a
// listener's or a plugin's.
func knownSetting(t ResourceType, name string) bool {
	var table *config.Table
	switch t {
	case BrokerResource:
		return true
	case TopicResource:
		table = config.Topic
	case GroupResource:
		table = config.Group
	case ClientMetricsResource:
		table = config.ClientMetrics
	default:
		return false
	}
	_, ok := table.Lookup(name)
	return ok
}

func (d *Delta) config(m *wire.ConfigRecord) {
	r := Resource{ResourceType(m.ResourceType), m.ResourceName}
	if !knownSetting(r.Type, m.Name) {
		return
	}
	old := d.next.Configs.Of(r)
	if m.Value == nil {
		if _, ok := old[m.Name]; !ok {
			return
		}
		if len(old) == 1 {
			d.next.Configs.tree.del(d.e, r)
			d.configs = append(d.configs, r)
			return
		}
	}
	n := make(map[string]string, len(old)+1)
	maps.Copy(n, old)
	if m.Value == nil {
		delete(n, m.Name)
	} else {
		n[m.Name] = *m.Value
	}
	d.next.Configs.tree.set(d.e, r, n)
	d.configs = append(d.configs, r)
}
