package handler

import (
	"maps"
	"slices"
	"sync/atomic"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/wire"
)

// apiVersions serves ApiVersions, versions 0 to 5: which keys and versions the
// node serves, and the features of software and cluster (KIP-35, 511, 584).
// Version 5 tells a client that it is connected to another cluster or node
// than it believes (KIP-1242). What cannot be decoded closes the connection;
// a version that is not known is answered in version 0 (see unsupported).
func apiVersions(c *Context) error {
	req := &c.local.apiVersions
	if err := c.decodeAlias(req); err != nil {
		return err
	}
	if c.Version >= 3 && !(softwareName(req.ClientSoftwareName) && softwareName(req.ClientSoftwareVersion)) {
		c.Reply(&wire.ApiVersionsResponse{ErrorCode: kerr.InvalidRequest, FinalizedFeaturesEpoch: -1})
		return nil
	}
	if c.Version >= 5 && !c.Controller() && req.ClusterId != nil &&
		(*req.ClusterId != c.Services.ClusterID || req.NodeId != int32(c.Services.Self)) {
		c.Reply(&wire.ApiVersionsResponse{ErrorCode: kerr.RebootstrapRequired, FinalizedFeaturesEpoch: -1})
		return nil
	}
	c.Reply(c.h.versions.response(c.Services.Metadata.Image(), c.Version))
	return nil
}

// softwareName reports whether s is [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?
func softwareName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case (c == '-' || c == '.') && i > 0 && i < len(s)-1:
		default:
			return false
		}
	}
	return s != ""
}

// unsupported answers ApiVersions of an unknown version: version 0, with the
// range of versions of ApiVersions itself.
func (h *Handlers) unsupported(c *Context) {
	c.Version = 0
	lo, hi, _ := c.API.Advertised(h.listener)
	c.Reply(&wire.ApiVersionsResponse{
		ErrorCode:              kerr.UnsupportedVersion,
		ApiKeys:                []wire.ApiVersionsResponseApiVersion{{ApiKey: c.API.Key, MinVersion: lo, MaxVersion: hi}},
		FinalizedFeaturesEpoch: -1,
	})
}

// versions makes the answers, which change only with the cluster's features.
type versions struct {
	keys      []wire.ApiVersionsResponseApiVersion
	supported []wire.ApiVersionsResponseSupportedFeatureKey
	oldest    []wire.ApiVersionsResponseSupportedFeatureKey // without those that begin at level 0
	last      atomic.Pointer[answers]
}

// answers are those of one image; [0] is before version 4.
type answers struct {
	image *metadata.Image
	by    [2]wire.ApiVersionsResponse
}

func (v *versions) init(h *Handlers) {
	for key, f := range h.serve {
		api := wire.APIByKey(int16(key))
		if lo, hi, _ := api.Advertised(h.listener); f != nil {
			v.keys = append(v.keys, wire.ApiVersionsResponseApiVersion{ApiKey: api.Key, MinVersion: lo, MaxVersion: hi})
		}
	}
	levels := metadata.Supported()
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		k := wire.ApiVersionsResponseSupportedFeatureKey{Name: name, MinVersion: levels[name].Min, MaxVersion: levels[name].Max}
		v.supported = append(v.supported, k)
		if k.MinVersion > 0 {
			v.oldest = append(v.oldest, k)
		}
	}
}

// response is the answer of a version. It is shared and must not be changed.
func (v *versions) response(image *metadata.Image, version int16) *wire.ApiVersionsResponse {
	a := v.last.Load()
	if a == nil || a.image != image {
		a = &answers{image: image}
		for i := range a.by {
			a.by[i] = wire.ApiVersionsResponse{
				ApiKeys: v.keys, SupportedFeatures: v.oldest,
				FinalizedFeaturesEpoch: int64(image.At.Offset), FinalizedFeatures: finalized(image.Features),
			}
		}
		a.by[1].SupportedFeatures = v.supported
		v.last.Store(a)
	}
	if version < 4 {
		return &a.by[0]
	}
	return &a.by[1]
}

func finalized(l metadata.Levels) []wire.ApiVersionsResponseFinalizedFeatureKey {
	var out []wire.ApiVersionsResponseFinalizedFeatureKey
	add := func(name string, level int16) {
		if level != 0 {
			out = append(out, wire.ApiVersionsResponseFinalizedFeatureKey{Name: name, MinVersionLevel: level, MaxVersionLevel: level})
		}
	}
	add(metadata.FeatureMetadata, int16(l.Version))
	for _, f := range l.Other {
		add(f.Name, f.Level)
	}
	return out
}
