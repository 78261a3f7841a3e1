package controller

import (
	"fmt"
	"strconv"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// The upgrade types of UpdateFeatures (KIP-778).
const (
	upgrade         int8 = 1
	safeDowngrade   int8 = 2
	unsafeDowngrade int8 = 3
)

// featureUpdate works out one UpdateFeatures.
type featureUpdate struct {
	s            *state
	proposed     map[string]int16 // all levels, if the request succeeds
	validateOnly bool
	records      []metadata.Record
}

// updateFeatures decides UpdateFeatures: all of it or nothing. Source:
// FeatureControlManager.updateFeatures; KIP-584, KIP-778, KIP-1022.
func (s *state) updateFeatures(_ *Request, req *wire.UpdateFeaturesRequest, version int16) (result, error) {
	u := &featureUpdate{s: s, validateOnly: req.ValidateOnly, proposed: map[string]int16{metadata.FeatureMetadata: int16(s.version())}}
	for _, o := range s.tip.Features.Other {
		u.proposed[o.Name] = o.Level
	}
	for _, f := range req.FeatureUpdates {
		u.proposed[f.Feature] = f.MaxVersionLevel
	}
	for _, f := range req.FeatureUpdates {
		kind := f.UpgradeType
		if version == 0 {
			if kind = upgrade; f.AllowDowngrade {
				kind = safeDowngrade
			}
		}
		if err := u.update(f.Feature, f.MaxVersionLevel, kind); err != nil {
			e := failOf(err)
			return result{resp: &wire.UpdateFeaturesResponse{
				ErrorCode: e.code, ErrorMessage: ptr("The update failed for all features since the following feature had an error: " + err.Error()),
			}}, nil
		}
	}
	resp := &wire.UpdateFeaturesResponse{}
	if version <= 1 {
		for _, f := range req.FeatureUpdates {
			resp.Results = append(resp.Results, wire.UpdateFeaturesResponseUpdatableFeatureResult{Feature: f.Feature, ErrorMessage: ptr("NONE")})
		}
	}
	if req.ValidateOnly {
		return result{resp: resp}, nil
	}
	for _, f := range req.FeatureUpdates {
		if f.Feature == metadata.FeatureELR && f.MaxVersionLevel > 0 {
			u.records = append(s.elrSafety(), u.records...)
		}
	}
	return result{records: u.records, resp: resp}, nil
}

func invalidLevel(name string, level int16, why string) error {
	return kerr.InvalidUpdateVersion.With(fmt.Sprintf("Invalid update version %d for feature %s. %s", level, name, why))
}

// update decides one feature.
func (u *featureUpdate) update(name string, level int16, kind int8) error {
	if kind < upgrade || kind > unsafeDowngrade {
		return invalidLevel(name, level, "The controller does not support the given upgrade type.")
	}
	now := u.s.tip.Features.Get(name)
	if name == metadata.FeatureKRaft {
		now = u.s.quorum.KRaftVersion()
	}
	if level < 0 {
		return invalidLevel(name, level, "A feature version cannot be less than 0.")
	}
	if why := u.s.notSupported(name, level); why != "" {
		return invalidLevel(name, level, why)
	}
	if level < now && kind == upgrade {
		return invalidLevel(name, level, "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.")
	}
	if level > now && kind != upgrade {
		return invalidLevel(name, level, "Can't downgrade to a newer version.")
	}
	switch name {
	case metadata.FeatureMetadata:
		return u.setVersion(metadata.Version(level), kind == unsafeDowngrade)
	case metadata.FeatureKRaft:
		return u.setKRaft(level, now, kind)
	}
	f, ok := metadata.FeatureByName(name)
	if !ok {
		return invalidLevel(name, level, "Feature "+name+" not found.")
	}
	if level > 0 {
		if need := f.Needs[level-1]; need != 0 && u.proposed[metadata.FeatureMetadata] < int16(need) {
			return invalidLevel(name, level, fmt.Sprintf("%s could not be set to %d because it depends on metadata.version level %d", name, level, need))
		}
	}
	u.records = append(u.records, metadata.V0(&wire.FeatureLevelRecord{Name: name, FeatureLevel: level}))
	return nil
}

func (u *featureUpdate) setVersion(v metadata.Version, unsafe bool) error {
	now := u.s.version()
	if v < now {
		changed := false
		for x := v + 1; x <= now; x++ {
			changed = changed || x.Changed()
		}
		why := "Refusing to perform the requested downgrade because it might delete metadata information."
		if unsafe {
			why = "Unsafe metadata downgrade is not supported in this version."
		}
		if changed {
			return kerr.InvalidUpdateVersion.With(fmt.Sprintf("Unsupported metadata.version downgrade from %d to %d. %s", int16(now), int16(v), why))
		}
	}
	u.records = append(u.records, metadata.V0(&wire.FeatureLevelRecord{Name: metadata.FeatureMetadata, FeatureLevel: int16(v)}))
	return nil
}

// setKRaft asks the quorum: kraft.version is a control record. The NoOpRecord
// gives the response an offset to wait for.
func (u *featureUpdate) setKRaft(level, now int16, kind int8) error {
	if kind != upgrade {
		if level != now {
			return invalidLevel(metadata.FeatureKRaft, level, "Can't downgrade the version of this feature.")
		}
		return nil
	}
	if err := u.s.quorum.UpgradeKRaftVersion(u.s.epoch, level, u.validateOnly); err != nil {
		if kerr.Of(err) == kerr.UnknownServerError {
			return invalidLevel(metadata.FeatureKRaft, level, err.Error())
		}
		return err
	}
	u.records = append(u.records, metadata.V0(&wire.NoOpRecord{}))
	return nil
}

// notSupported is which node does not support a level, and what it does;
// empty if all do.
func (s *state) notSupported(name string, level int16) string {
	if why := outside(level, "Local controller "+strconv.Itoa(int(s.id)), metadata.Supported()[name]); why != "" {
		return why
	}
	for b := range s.tip.Cluster.Brokers() {
		r, _ := b.Feature(name)
		if why := outside(level, fmt.Sprintf("Broker %d", b.ID), r); why != "" {
			return why
		}
	}
	if !s.version().ControllerRegistration() {
		return ""
	}
	found := map[model.BrokerID]bool{s.id: true}
	for c := range s.tip.Cluster.Controllers() {
		if c.ID == s.id {
			continue
		}
		r, _ := c.Feature(name)
		if why := outside(level, fmt.Sprintf("Controller %d", c.ID), r); why != "" {
			return why
		}
		found[c.ID] = true
	}
	for _, id := range s.quorum.Voters() {
		if !found[id] {
			return fmt.Sprintf("controller %d has not registered, and may not support this feature", id)
		}
	}
	return ""
}

func outside(level int16, who string, r metadata.Range) string {
	switch {
	case r.Has(level):
		return ""
	case r.Max == 0:
		return who + " does not support this feature."
	case r.Min == r.Max:
		return fmt.Sprintf("%s only supports versions %d", who, r.Min)
	}
	return fmt.Sprintf("%s only supports versions %d-%d", who, r.Min, r.Max)
}

// elrSafety makes min.insync.replicas the same everywhere, as ELR needs it.
func (s *state) elrSafety() []metadata.Record {
	var recs []metadata.Record
	def := metadata.Resource{Type: metadata.BrokerResource}
	if _, ok := s.tip.Configs.Of(def)[minISRConfig]; !ok {
		recs = append(recs, configRecord(def, minISRConfig, ptr(s.staticMinISR())))
	}
	for name, m := range s.tip.Configs.OfType(metadata.BrokerResource) {
		if _, ok := m[minISRConfig]; ok && name != "" {
			recs = append(recs, configRecord(metadata.Resource{Type: metadata.BrokerResource, Name: name}, minISRConfig, nil))
		}
	}
	return recs
}

func (s *state) staticMinISR() string { return strconv.FormatInt(s.static.Int(minISRConfig), 10) }

// activate are the records of a controller that becomes active: those of
// kafka-storage format if the log holds nothing yet, in a transaction if the
// version knows them; the end of a transaction that its predecessor left open.
// Source: ActivationRecordsGenerator.
func (s *state) activate(bootstrap []metadata.Record, inTransaction bool) ([]metadata.Record, error) {
	if s.version() != metadata.NoVersion {
		if inTransaction {
			return []metadata.Record{metadata.V0(&wire.AbortTransactionRecord{Reason: ptr("Controller failover")})}, nil
		}
		return nil, nil
	}
	var v metadata.Version
	elr := false
	for _, r := range bootstrap {
		if f, ok := r.Msg.(*wire.FeatureLevelRecord); ok {
			switch f.Name {
			case metadata.FeatureMetadata:
				v = metadata.Version(f.FeatureLevel)
			case metadata.FeatureELR:
				elr = f.FeatureLevel > 0
			}
		}
	}
	if !v.Known() {
		return nil, fmt.Errorf("No FeatureLevelRecord for metadata.version was found in the bootstrap metadata")
	}
	var recs []metadata.Record
	if inTransaction {
		recs = append(recs, metadata.V0(&wire.AbortTransactionRecord{Reason: ptr("Controller failover")}))
	}
	if v.Transactions() {
		recs = append(recs, metadata.V0(&wire.BeginTransactionRecord{Name: ptr("Bootstrap records")}))
	}
	recs = append(recs, bootstrap...)
	if elr {
		recs = append(recs, configRecord(metadata.Resource{Type: metadata.BrokerResource}, minISRConfig, ptr(s.staticMinISR())))
	}
	if v.Transactions() {
		recs = append(recs, metadata.V0(&wire.EndTransactionRecord{}))
	}
	return recs, nil
}
