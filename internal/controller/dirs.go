package controller

import (
	"slices"

	"gregor/internal/kerr"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/wire"
)

type placement struct {
	topic model.TopicID
	n     int32
}

// assignDirs decides AssignReplicasToDirs, by which a broker says where its
// replicas lie. Source: ReplicationControlManager.handleAssignReplicasToDirs;
// KIP-858.
func (s *state) assignDirs(_ *Request, req *wire.AssignReplicasToDirsRequest) (result, error) {
	if !s.version().Directories() {
		return result{}, kerr.UnsupportedVersion.With("Directory assignment is not supported yet.")
	}
	if err := s.checkEpoch(req.BrokerId, req.BrokerEpoch); err != nil {
		return result{}, err
	}
	b := s.tip.Cluster.Broker(model.BrokerID(req.BrokerId))
	resp := &wire.AssignReplicasToDirsResponse{}
	var recs []metadata.Record
	var offline []placement
	for _, d := range req.Directories {
		out := wire.AssignReplicasToDirsResponseDirectoryData{Id: d.Id}
		for _, rt := range d.Topics {
			res := wire.AssignReplicasToDirsResponseTopicData{TopicId: rt.TopicId}
			for _, rp := range rt.Partitions {
				r, ok, code := s.assignDir(b, d.Id, rt.TopicId, rp.PartitionIndex)
				if ok {
					recs = append(recs, r)
				}
				if code == kerr.None && !b.Online(d.Id) {
					offline = append(offline, placement{rt.TopicId, rp.PartitionIndex})
				}
				res.Partitions = append(res.Partitions, wire.AssignReplicasToDirsResponsePartitionData{PartitionIndex: rp.PartitionIndex, ErrorCode: code})
			}
			out.Topics = append(out.Topics, res)
		}
		resp.Directories = append(resp.Directories, out)
	}
	for _, o := range offline {
		m := move{remove: b.ID, add: model.NoBroker, unclean: model.NoBroker}
		t := s.tip.Topics.ByID(o.topic)
		if r, ok := s.moveOne(m, t, o.n, s.rules(t)); ok {
			recs = append(recs, r)
		}
	}
	return result{records: recs, resp: resp, split: true}, nil
}

func (s *state) assignDir(b *metadata.Broker, dir model.DirectoryID, topic model.TopicID, n int32) (r metadata.Record, ok bool, code kerr.Code) {
	t := s.tip.Topics.ByID(topic)
	if t == nil {
		return r, false, kerr.UnknownTopicId
	}
	p := t.Partition(n)
	if p == nil {
		return r, false, kerr.UnknownTopicOrPartition
	}
	if !slices.Contains(p.Replicas, b.ID) {
		return r, false, kerr.NotLeaderOrFollower
	}
	c := s.change(t, n, s.active)
	c.dirs = map[model.BrokerID]model.DirectoryID{b.ID: dir}
	r, ok = c.build()
	return r, ok, kerr.None
}
