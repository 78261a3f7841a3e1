package controller

import (
	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

type deleted = wire.DeleteTopicsResponseDeletableTopicResult

// deleteError answers all topics of a DeleteTopics alike.
func deleteError(r *wire.DeleteTopicsRequest, version int16, e apiError) *wire.DeleteTopicsResponse {
	out := &wire.DeleteTopicsResponse{}
	if version < 6 {
		for _, name := range r.TopicNames {
			out.Responses = append(out.Responses, deleted{Name: ptr(name), ErrorCode: e.code})
		}
		return out
	}
	for _, t := range r.Topics {
		out.Responses = append(out.Responses, deleted{Name: t.Name, TopicId: t.TopicId, ErrorCode: e.code})
	}
	return out
}

// deletion sorts out what a DeleteTopics names.
type deletion struct {
	s       *state
	ctx     *Request
	cluster bool // the principal may delete any topic
	out     []deleted
	// chosen are the topics to delete, in order; a nil value was named twice.
	chosen map[model.TopicID]*metadata.Topic
	order  []model.TopicID
}

// deleteTopics decides DeleteTopics. Source: ControllerApis.deleteTopics.
func (s *state) deleteTopics(ctx *Request, req *wire.DeleteTopicsRequest, version int16) (result, error) {
	if !s.static.Bool("delete.topic.enable") {
		if version < 3 {
			return result{}, kerr.InvalidRequest.With("This version does not support topic deletion.")
		}
		return result{}, kerr.TopicDeletionDisabled
	}
	d := &deletion{s: s, ctx: ctx, chosen: map[model.TopicID]*metadata.Topic{}, cluster: ctx.allowed(OpDelete, KindCluster, ClusterName)}
	names, ids := d.sort(req)
	for _, id := range ids {
		d.byID(id)
	}
	for _, name := range names {
		d.byName(name)
	}
	var recs []metadata.Record
	for _, id := range d.order {
		t := d.chosen[id]
		if t == nil {
			continue
		}
		recs = append(recs, metadata.V0(&wire.RemoveTopicRecord{TopicId: id}))
		d.answer(ptr(t.Name), id, apiError{})
	}
	if err := tooMany(recs); err != nil {
		return result{}, err
	}
	// Shuffled, so that places do not tell absent topics from forbidden ones.
	shuffle(s.rng, d.out)
	return result{records: recs, resp: &wire.DeleteTopicsResponse{Responses: d.out}}, nil
}

func (d *deletion) answer(name *string, id model.TopicID, e apiError) {
	d.out = append(d.out, deleted{Name: name, TopicId: id, ErrorCode: e.code, ErrorMessage: e.msg})
}

// sort splits the request into names and ids that are given once, and answers
// for the rest.
func (d *deletion) sort(req *wire.DeleteTopicsRequest) (names []string, ids []model.TopicID) {
	nameCount, idCount := map[string]int{}, map[model.TopicID]int{}
	var allNames []string
	var allIDs []model.TopicID
	addName := func(n string) {
		if nameCount[n]++; nameCount[n] == 1 {
			allNames = append(allNames, n)
		}
	}
	for _, n := range req.TopicNames {
		addName(n)
	}
	for _, t := range req.Topics {
		switch {
		case t.Name == nil && t.TopicId.IsZero():
			d.answer(nil, model.TopicID{}, fail(kerr.InvalidRequest, "Neither topic name nor id were specified."))
		case t.Name == nil:
			if idCount[t.TopicId]++; idCount[t.TopicId] == 1 {
				allIDs = append(allIDs, t.TopicId)
			}
		case t.TopicId.IsZero():
			addName(*t.Name)
		default:
			d.answer(t.Name, t.TopicId, fail(kerr.InvalidRequest, "You may not specify both topic name and topic id."))
		}
	}
	for _, n := range allNames {
		if nameCount[n] > 1 {
			d.answer(ptr(n), model.TopicID{}, fail(kerr.InvalidRequest, "Duplicate topic name."))
		} else {
			names = append(names, n)
		}
	}
	for _, id := range allIDs {
		if idCount[id] > 1 {
			d.answer(nil, id, fail(kerr.InvalidRequest, "Duplicate topic id."))
			d.chosen[id] = nil
		} else {
			ids = append(ids, id)
		}
	}
	return names, ids
}

func (d *deletion) may(op Operation, name string) bool {
	return d.cluster || d.ctx.allowed(op, KindTopic, name)
}

func (d *deletion) byID(id model.TopicID) {
	t := d.s.tip.Topics.ByID(id)
	switch {
	case t == nil:
		d.answer(nil, id, failPlain(kerr.UnknownTopicId))
	case d.may(OpDelete, t.Name):
		d.chosen[id] = t
		d.order = append(d.order, id)
	case d.may(OpDescribe, t.Name):
		d.answer(ptr(t.Name), id, failPlain(kerr.TopicAuthorizationFailed))
	default:
		d.answer(nil, id, failPlain(kerr.TopicAuthorizationFailed))
	}
}

func (d *deletion) byName(name string) {
	if !d.may(OpDescribe, name) {
		d.answer(ptr(name), model.TopicID{}, failPlain(kerr.TopicAuthorizationFailed))
		return
	}
	t := d.s.tip.Topics.ByName(name)
	if t == nil {
		d.answer(ptr(name), model.TopicID{}, failPlain(kerr.UnknownTopicOrPartition))
		return
	}
	if !d.may(OpDelete, name) {
		d.answer(ptr(name), model.TopicID{}, failPlain(kerr.TopicAuthorizationFailed))
		return
	}
	if _, named := d.chosen[t.ID]; named {
		d.chosen[t.ID] = nil
		d.answer(ptr(name), t.ID, fail(kerr.InvalidRequest, "The provided topic name maps to an ID that was already supplied."))
		return
	}
	d.chosen[t.ID] = t
	d.order = append(d.order, t.ID)
}
