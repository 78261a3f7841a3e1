package node

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	"gregor/internal/config"
	"gregor/internal/metadata"
	"gregor/internal/model"
)

// settings are the broker's settings in force: the file's under those in the
// metadata (KIP-226). Reads are safe at any time; apply is the publisher's.
type settings struct {
	self   model.BrokerID
	static *config.Values
	log    *slog.Logger
	layers atomic.Pointer[config.Layers]
	values atomic.Pointer[config.Values]
	// changed is told of new values, after they are in force.
	changed func(*config.Values)
}

func newSettings(n *config.Node, log *slog.Logger) *settings {
	s := &settings{self: n.ID, static: n.Values, log: log, changed: func(*config.Values) {}}
	s.layers.Store(&config.Layers{Static: n.Values})
	s.values.Store(n.Values)
	return s
}

// Values are the settings in force.
func (s *settings) Values() *config.Values { return s.values.Load() }

// Layers are the settings with where each comes from.
func (s *settings) Layers() config.Layers { return *s.layers.Load() }

func (s *settings) apply(d *metadata.Delta, img *metadata.Image) {
	own := metadata.Resource{Type: metadata.BrokerResource, Name: fmt.Sprint(int32(s.self))}
	all := metadata.Resource{Type: metadata.BrokerResource}
	if !d.ConfigsChanged(own) && !d.ConfigsChanged(all) {
		return
	}
	l := &config.Layers{Static: s.static, DynamicBroker: img.Configs.Of(own), DynamicDefault: img.Configs.Of(all)}
	v := l.Effective()
	s.layers.Store(l)
	s.values.Store(v)
	for name := range l.DynamicBroker {
		s.log.Info(fmt.Sprintf("Dynamic setting of this broker: %s", name))
	}
	s.changed(v)
}
