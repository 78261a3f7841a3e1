package metalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/vfs"
)

// quorumStateName is the file that holds epoch, leader and vote: one line of
// JSON, replaced as a whole (FileQuorumStateStore). Version 0 is written while
// kraft.version is 0, version 1 from kraft.version 1 on.
const quorumStateName = "quorum-state"

type quorumStateV0 struct {
	ClusterID     string  `json:"clusterId"`
	LeaderID      int32   `json:"leaderId"`
	LeaderEpoch   int32   `json:"leaderEpoch"`
	VotedID       int32   `json:"votedId"`
	AppliedOffset int64   `json:"appliedOffset"`
	CurrentVoters []voter `json:"currentVoters"`
	DataVersion   int16   `json:"data_version"`
}

type voter struct {
	VoterID int32 `json:"voterId"`
}

type quorumStateV1 struct {
	LeaderID         int32  `json:"leaderId"`
	LeaderEpoch      int32  `json:"leaderEpoch"`
	VotedID          int32  `json:"votedId"`
	VotedDirectoryID string `json:"votedDirectoryId"`
	DataVersion      int16  `json:"data_version"`
}

func encodeQuorumState(s raft.QuorumState) ([]byte, error) {
	if s.KVersion > 0 {
		return json.Marshal(quorumStateV1{
			LeaderID: int32(s.Leader), LeaderEpoch: int32(s.Epoch),
			VotedID: int32(s.Voted.ID), VotedDirectoryID: s.Voted.Dir.String(), DataVersion: 1,
		})
	}
	v := quorumStateV0{
		LeaderID: int32(s.Leader), LeaderEpoch: int32(s.Epoch), VotedID: int32(s.Voted.ID),
		CurrentVoters: []voter{},
	}
	for _, id := range s.Voters.IDs() {
		v.CurrentVoters = append(v.CurrentVoters, voter{int32(id)})
	}
	return json.Marshal(v)
}

func writeQuorumState(fsys vfs.FS, dir string, s raft.QuorumState) error {
	b, err := encodeQuorumState(s)
	if err != nil {
		return err
	}
	return vfs.WriteFile(fsys, filepath.Join(dir, quorumStateName), b, true)
}

// readQuorumState reads the file; nil if there is none. A file that cannot be
// read is an error: without it the node might vote twice in an epoch.
func readQuorumState(fsys vfs.FS, dir string) (*raft.QuorumState, error) {
	path := filepath.Join(dir, quorumStateName)
	b, err := vfs.ReadFile(fsys, path, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		var s *raft.QuorumState
		if s, err = decodeQuorumState(b); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("Error while reading the Quorum status from the file %s: %w", path, err)
}

func decodeQuorumState(b []byte) (*raft.QuorumState, error) {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	if len(bytes.TrimSpace(line)) == 0 {
		return nil, errors.New("File ended prematurely.")
	}
	var v struct {
		quorumStateV1
		Version *int16 `json:"data_version"`
	}
	v.LeaderID, v.LeaderEpoch, v.VotedID = -1, -1, -1
	if err := json.Unmarshal(line, &v); err != nil {
		return nil, fmt.Errorf("expected one line with a JSON object: %w", err)
	}
	if v.Version == nil {
		return nil, fmt.Errorf("Deserialized node %s does not have data_version field", line)
	}
	if *v.Version < 0 || *v.Version > 1 {
		return nil, fmt.Errorf("data_version (%d) is not within the min (0) and max (1) supported version", *v.Version)
	}
	s := &raft.QuorumState{
		Epoch: model.LeaderEpoch(v.LeaderEpoch), Leader: model.BrokerID(v.LeaderID),
		Voted: raft.None, KVersion: *v.Version,
	}
	if v.LeaderEpoch < 0 || v.LeaderID < -1 || v.VotedID < -1 {
		return nil, fmt.Errorf("leaderEpoch %d, leaderId %d and votedId %d: expected an epoch of at least 0 and ids of at least -1", v.LeaderEpoch, v.LeaderID, v.VotedID)
	}
	if v.VotedID >= 0 {
		s.Voted.ID = model.BrokerID(v.VotedID)
		if *v.Version > 0 && v.VotedDirectoryID != "" {
			dir, err := model.ParseUUID(v.VotedDirectoryID)
			if err != nil {
				return nil, fmt.Errorf("votedDirectoryId: %w", err)
			}
			s.Voted.Dir = dir
		}
	}
	return s, nil
}
