package metadata

import (
	"bytes"
	"cmp"
	"iter"
	"strings"

	"gregor/internal/model"
)

// Provenance says up to where in the metadata log an Image goes.
type Provenance struct {
	Offset model.Offset      // of the last record in it; -1 if none
	Epoch  model.LeaderEpoch // of that record
	Time   model.Millis      // append time of its batch
}

// Image is the state of a cluster at one offset of the metadata log. It is
// immutable, and so is everything in it.
type Image struct {
	At       Provenance
	Features Levels
	Cluster  Cluster
	Topics   Topics
	Configs  Configs
	Quotas   Quotas
	// NextProducerID is the first producer id not given out, -1 before the
	// first block.
	NextProducerID model.ProducerID
	ACLs           ACLs
	Scram          Scram
	Tokens         Tokens
}

// Empty is the image before the first record.
func Empty() *Image {
	return &Image{
		At:             Provenance{Offset: model.NoOffset, Epoch: model.NoEpoch},
		NextProducerID: -1,
		Cluster: Cluster{
			brokers:     tree[model.BrokerID, *Broker]{cmp: cmp.Compare[model.BrokerID]},
			controllers: tree[model.BrokerID, *Controller]{cmp: cmp.Compare[model.BrokerID]},
		},
		Topics: Topics{
			byID:   tree[model.TopicID, *Topic]{cmp: compareIDs},
			byName: tree[string, *Topic]{cmp: strings.Compare},
		},
		Configs: Configs{tree[Resource, map[string]string]{cmp: compareResources}},
		Quotas:  Quotas{tree[string, *Quota]{cmp: strings.Compare}},
		ACLs:    ACLs{tree[model.UUID, *ACL]{cmp: compareIDs}},
		Scram:   Scram{tree[ScramUser, *ScramCredential]{cmp: compareScram}},
		Tokens:  Tokens{tree[string, *Token]{cmp: strings.Compare}},
	}
}

func compareIDs(a, b model.UUID) int { return bytes.Compare(a[:], b[:]) }

// Cluster is the registered nodes.
type Cluster struct {
	brokers     tree[model.BrokerID, *Broker]
	controllers tree[model.BrokerID, *Controller]
}

// Broker is a registered broker, nil if there is none of that id.
func (c Cluster) Broker(id model.BrokerID) *Broker {
	b, _ := c.brokers.get(id)
	return b
}

// Brokers are the registered brokers by ascending id, fenced ones included.
func (c Cluster) Brokers() iter.Seq[*Broker] { return values(c.brokers) }

// NumBrokers is the number of registered brokers.
func (c Cluster) NumBrokers() int { return c.brokers.len }

// Controller is a registered controller, nil if there is none of that id.
func (c Cluster) Controller(id model.BrokerID) *Controller {
	r, _ := c.controllers.get(id)
	return r
}

// Controllers are the registered controllers by ascending id.
func (c Cluster) Controllers() iter.Seq[*Controller] { return values(c.controllers) }

func values[K, V any](t tree[K, V]) iter.Seq[V] {
	return func(yield func(V) bool) {
		t.root.each(func(_ K, v V) bool { return yield(v) })
	}
}

// Resource names something that has settings.
type Resource struct {
	Type ResourceType
	Name string // "" is the default of brokers
}

// ResourceType is the kind of a Resource; the numbers are the protocol's.
type ResourceType int8

// The kinds of resources.
const (
	UnknownResource       ResourceType = 0
	TopicResource         ResourceType = 2
	BrokerResource        ResourceType = 4
	BrokerLoggerResource  ResourceType = 8
	ClientMetricsResource ResourceType = 16
	GroupResource         ResourceType = 32
)

// String is Kafka's name of the kind.
func (t ResourceType) String() string {
	switch t {
	case TopicResource:
		return "TOPIC"
	case BrokerResource:
		return "BROKER"
	case BrokerLoggerResource:
		return "BROKER_LOGGER"
	case ClientMetricsResource:
		return "CLIENT_METRICS"
	case GroupResource:
		return "GROUP"
	}
	return "UNKNOWN"
}

// String is Kafka's text form.
func (r Resource) String() string {
	return "ConfigResource(type=" + r.Type.String() + ", name='" + r.Name + "')"
}

func compareResources(a, b Resource) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
}

// Configs are the dynamic settings of resources.
type Configs struct {
	tree tree[Resource, map[string]string]
}

// Of are the settings of a resource, nil if it has none. The caller does not
// change the map.
func (c Configs) Of(r Resource) map[string]string {
	m, _ := c.tree.get(r)
	return m
}

// Topic is Of for a topic.
func (c Configs) Topic(name string) map[string]string { return c.Of(Resource{TopicResource, name}) }

// All are the resources that have settings, by kind and name.
func (c Configs) All() iter.Seq2[Resource, map[string]string] { return c.tree.all() }

// OfType are the resources of one kind that have settings, by name.
func (c Configs) OfType(t ResourceType) iter.Seq2[string, map[string]string] {
	return func(yield func(string, map[string]string) bool) {
		for r, m := range c.tree.from(Resource{Type: t}) {
			if r.Type != t || !yield(r.Name, m) {
				return
			}
		}
	}
}
