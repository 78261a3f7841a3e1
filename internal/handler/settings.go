package handler

import (
	"sync/atomic"

	"gregor/internal/config"
)

// settings are the broker's settings that hot requests need, read once per
// change.
type settings struct {
	from          *config.Values
	fetchMaxBytes int
}

// settingsCache holds the settings of the newest values.
type settingsCache struct{ last atomic.Pointer[settings] }

func (h *Handlers) settings() *settings {
	v := h.services.Settings.Values()
	s := h.cached.last.Load()
	if s == nil || s.from != v {
		s = &settings{from: v, fetchMaxBytes: int(v.Int("fetch.max.bytes"))}
		h.cached.last.Store(s)
	}
	return s
}
