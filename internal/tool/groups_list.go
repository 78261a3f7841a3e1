package tool

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// listedGroup is a group as ListGroups tells of it.
type listedGroup struct {
	id, protocolType string
	state, typ       string // empty where the server is too old to say
}

// consumerGroups are the kinds of groups kafka-consumer-groups works on, and
// the protocol types it takes for consumers.
var consumerGroups = struct{ types, protocols []string }{[]string{"Classic", "Consumer"}, []string{"", "consumer"}}

// listGroups asks every broker for its groups; states, types and protocols
// choose, nil means any. The order is that of Java's client.
func (a *admin) listGroups(states, types []string, protocols ...string) ([]listedGroup, error) {
	req := kmsg.NewPtrListGroupsRequest()
	req.StatesFilter, req.TypesFilter = states, types
	answers, err := a.toAll(req, "listGroups")
	if err != nil {
		return nil, &exception{class: kafkaError, msg: "Failed to find brokers to send ListGroups", cause: err}
	}
	found := map[string]listedGroup{}
	var ids []string
	for _, an := range answers {
		if an.err != nil {
			return nil, an.err
		}
		resp, err := must[*kmsg.ListGroupsResponse](an.resp, nil)
		if err != nil {
			return nil, err
		}
		if err := codeError(resp.ErrorCode, nil); err != nil {
			return nil, err
		}
		for _, g := range resp.Groups {
			if len(protocols) > 0 && !slices.Contains(protocols, g.ProtocolType) {
				continue
			}
			if _, twice := found[g.Group]; !twice {
				ids = append(ids, g.Group)
			}
			found[g.Group] = listedGroup{g.Group, g.ProtocolType, g.GroupState, g.GroupType}
		}
	}
	var out []listedGroup
	for _, id := range hashedStrings(ids) {
		out = append(out, found[id])
	}
	return out, nil
}
