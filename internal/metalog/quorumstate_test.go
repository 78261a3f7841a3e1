package metalog

import (
	"reflect"
	"testing"

	"gregor/internal/raft"
	"gregor/internal/vfs"
)

func TestQuorumStateFile(t *testing.T) {
	dir := uuid(t, "3Db5QLSqSZieL3rJBUUegA")
	voters := raft.Voters{formatVoter(t, 1, "5GFLI9jqQv2UUOS1plT7fg", "a"), formatVoter(t, 2, "4Db5QLSqSZieL3rJBUUegA", "b")}
	for text, s := range map[string]raft.QuorumState{
		`{"clusterId":"","leaderId":1,"leaderEpoch":7,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1},{"voterId":2}],"data_version":0}`: {
			Epoch: 7, Leader: 1, Voted: raft.None, Voters: voters},
		`{"clusterId":"","leaderId":-1,"leaderEpoch":0,"votedId":-1,"appliedOffset":0,"currentVoters":[],"data_version":0}`: {
			Leader: -1, Voted: raft.None},
		`{"leaderId":-1,"leaderEpoch":9,"votedId":2,"votedDirectoryId":"3Db5QLSqSZieL3rJBUUegA","data_version":1}`: {
			Epoch: 9, Leader: -1, Voted: raft.Key{ID: 2, Dir: dir}, KVersion: 1},
		`{"leaderId":2,"leaderEpoch":9,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}`: {
			Epoch: 9, Leader: 2, Voted: raft.None, KVersion: 1},
	} {
		fsys := vfs.NewMem(1)
		check(t, writeQuorumState(fsys, "", s))
		b, err := vfs.ReadFile(fsys, quorumStateName, 1000)
		check(t, err)
		if string(b) != text {
			t.Errorf("wrote %s\nexpected %s", b, text)
		}
		got, err := readQuorumState(fsys, "")
		check(t, err)
		s.Voters = nil // for people to read; the log and the configuration have them
		if !reflect.DeepEqual(*got, s) {
			t.Errorf("%s reads as %+v", text, got)
		}
	}
}

func TestBadQuorumStateFile(t *testing.T) {
	for _, text := range []string{
		"", "\n", "{", "[]", "7", `{"leaderId":1}`,
		`{"leaderId":1,"leaderEpoch":1,"votedId":-1,"data_version":2}`,
		`{"leaderId":1,"leaderEpoch":1,"votedId":-1,"data_version":-1}`,
		`{"leaderId":1,"leaderEpoch":-5,"votedId":-1,"data_version":0}`,
		`{"leaderId":"x","leaderEpoch":1,"votedId":-1,"data_version":0}`,
		`{"leaderId":1,"leaderEpoch":1,"votedId":2,"votedDirectoryId":"?","data_version":1}`,
	} {
		fsys := vfs.NewMem(1)
		check(t, vfs.WriteFile(fsys, quorumStateName, []byte(text), false))
		if s, err := readQuorumState(fsys, ""); err == nil {
			t.Errorf("%q reads as %+v", text, s)
		}
	}
	if s, err := readQuorumState(vfs.NewMem(1), ""); s != nil || err != nil {
		t.Errorf("no file: %v %v", s, err)
	}
}
