package metadata

import (
	"slices"

	"gregor/internal/model"
)

// Endpoint is an address under which a node is reached.
type Endpoint struct {
	Name     string // of the listener
	Host     string
	Port     uint16
	Protocol int16 // 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL
}

// NodeFeature is a feature that a node supports.
type NodeFeature struct {
	Name string
	Range
}

// Broker is the registration of a broker. Source: BrokerRegistration.
type Broker struct {
	ID          model.BrokerID
	Epoch       model.BrokerEpoch
	Incarnation model.UUID
	Endpoints   []Endpoint
	Features    []NodeFeature
	Rack        *string
	// Fenced brokers serve no clients and lead nothing.
	Fenced bool
	// Stopping is set during a controlled shutdown.
	Stopping    bool
	MigratingZK bool
	// Dirs are the online log directories, sorted; empty if the broker did not
	// tell (metadata.version below 3.7-IV2).
	Dirs []model.DirectoryID
	// Cordoned are the directories that get no new replicas (KIP-1066); nil if
	// the broker did not tell yet.
	Cordoned []model.DirectoryID
}

// Active reports whether the broker may lead and be in ISRs.
func (b *Broker) Active() bool { return !b.Fenced && !b.Stopping }

// Endpoint is the address under a listener name.
func (b *Broker) Endpoint(listener string) (Endpoint, bool) { return endpoint(b.Endpoints, listener) }

// Feature is the range of levels of a feature that the broker supports.
func (b *Broker) Feature(name string) (Range, bool) { return feature(b.Features, name) }

// Online reports whether dir, or what it stands for, is not known to be
// offline on this broker. A broker that did not tell its directories would
// have stopped if all had failed (KAFKA-16162).
func (b *Broker) Online(dir model.DirectoryID) bool {
	switch dir {
	case model.DirUnassigned, model.DirMigrating:
		return true
	case model.DirLost:
		return false
	}
	if len(b.Dirs) == 0 {
		return true
	}
	_, ok := slices.BinarySearchFunc(b.Dirs, dir, compareIDs)
	return ok
}

// Roomy reports whether the broker has a directory that is not cordoned.
func (b *Broker) Roomy() bool {
	if len(b.Dirs) == 0 || b.Cordoned == nil {
		return true
	}
	for _, d := range b.Dirs {
		if !slices.Contains(b.Cordoned, d) {
			return true
		}
	}
	return false
}

// Controller is the registration of a controller. Source: ControllerRegistration.
type Controller struct {
	ID          model.BrokerID
	Incarnation model.UUID
	ZKReady     bool
	Endpoints   []Endpoint
	Features    []NodeFeature
}

// Endpoint is the address under a listener name.
func (c *Controller) Endpoint(listener string) (Endpoint, bool) {
	return endpoint(c.Endpoints, listener)
}

// Feature is the range of levels of a feature that the controller supports.
func (c *Controller) Feature(name string) (Range, bool) { return feature(c.Features, name) }

func endpoint(es []Endpoint, listener string) (Endpoint, bool) {
	for _, e := range es {
		if e.Name == listener {
			return e, true
		}
	}
	return Endpoint{}, false
}

func feature(fs []NodeFeature, name string) (Range, bool) {
	for _, f := range fs {
		if f.Name == name {
			return f.Range, true
		}
	}
	return Range{}, false
}
