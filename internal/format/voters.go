package format

import (
	"fmt"
	"strconv"
	"strings"

	"gregor/internal/model"
	"gregor/internal/raft"
)

// parseVoters reads --initial-controllers: id@host:port:directory, separated by
// commas. listener is the name their endpoints get.
func parseVoters(text, listener string) (raft.Voters, error) {
	var vs []raft.Voter
	for _, s := range strings.Split(text, ",") {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		v, err := parseVoter(s, listener)
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
	if len(vs) == 0 {
		return nil, fmt.Errorf("No voters given.")
	}
	return raft.NewVoters(vs...)
}

func parseVoter(s, listener string) (raft.Voter, error) {
	bad := func(format string, args ...any) (raft.Voter, error) {
		return raft.Voter{}, fmt.Errorf("%s; expected id@host:port:directory, but got %s", fmt.Sprintf(format, args...), s)
	}
	idText, rest, ok := strings.Cut(s, "@")
	if !ok {
		return bad("No @ found in dynamic voter string.")
	}
	id, err := strconv.ParseInt(idText, 10, 32)
	if err != nil || id < 0 {
		return bad("Failed to parse node id in dynamic voter string.")
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return bad("No colon following port could be found.")
	}
	dir, err := model.ParseUUID(rest[i+1:])
	if err != nil {
		return bad("Failed to parse directory ID in dynamic voter string.")
	}
	rest = rest[:i]
	if i = strings.LastIndexByte(rest, ':'); i <= 0 {
		return bad("No colon following hostname could be found.")
	}
	port, err := strconv.ParseUint(rest[i+1:], 10, 16)
	if err != nil {
		return bad("Failed to parse port in dynamic voter string.")
	}
	host := strings.Trim(rest[:i], "[]")
	return raft.Voter{
		Key:       raft.Key{ID: model.BrokerID(id), Dir: dir},
		Endpoints: raft.Endpoints{{Listener: listener, Address: raft.Address{Host: host, Port: uint16(port)}}},
		Versions:  raft.Supported,
	}, nil
}
