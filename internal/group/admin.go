package group

import (
	"fmt"
	"slices"
	"strings"

	"gregor/internal/coordinator"
	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// filter is what ListGroups asks for.
type filter struct {
	states []string
	kinds  []kind // nil: all
}

// newFilter reads a request's filters. They are compared without regard to
// case; a type that is not known matches nothing.
func newFilter(req *wire.ListGroupsRequest) filter {
	var f filter
	for _, s := range req.StatesFilter {
		f.states = append(f.states, strings.TrimSpace(strings.ToLower(s)))
	}
	for _, t := range req.TypesFilter {
		if f.kinds == nil {
			f.kinds = []kind{}
		}
		if k := kind(strings.ToLower(t)); slices.Contains(kinds, k) {
			f.kinds = append(f.kinds, k)
		}
	}
	return f
}

func (f *filter) matches(e entry) bool {
	return (len(f.states) == 0 || slices.Contains(f.states, strings.ToLower(e.stateName()))) &&
		(f.kinds == nil || slices.Contains(f.kinds, e.kind()))
}

// listGroups lists the committed groups.
func (s *Shard) listGroups(f *filter) []wire.ListGroupsResponseListedGroup {
	var list []wire.ListGroupsResponseListedGroup
	for id, e := range s.groups.AllCommitted {
		if _, ok := e.(*foreign); ok || !f.matches(e) {
			continue
		}
		list = append(list, wire.ListGroupsResponseListedGroup{
			GroupId: id, ProtocolType: e.ptype(), GroupState: e.stateName(), GroupType: string(e.kind()),
		})
	}
	return list
}

// describeNotFound is the version from which a group that does not exist is an
// error (KIP-1043); before, it is Dead.
const describeNotFound = 6

// noOperations says that the operations a requester may do were not asked for.
const noOperations = -1 << 31

// describeGroup describes a committed classic group.
func (s *Shard) describeGroup(version int16, id string) wire.DescribeGroupsResponseDescribedGroup {
	d := wire.DescribeGroupsResponseDescribedGroup{GroupId: id, AuthorizedOperations: noOperations}
	e, ok := s.groups.Committed(id)
	g, isClassic := e.(*classic)
	if !isClassic {
		d.GroupState = Dead.String()
		if version >= describeNotFound {
			msg := fmt.Sprintf("Group %s not found.", id)
			if ok {
				msg = fmt.Sprintf("Group %s is not a classic group.", id)
			}
			d.ErrorCode, d.ErrorMessage = kerr.GroupIdNotFound, &msg
		}
		return d
	}
	d.GroupState, d.ProtocolType = g.state.String(), g.protocolType
	if g.state == Stable {
		d.ProtocolData = *g.protocol
	}
	d.Members = make([]wire.DescribeGroupsResponseDescribedGroupMember, len(g.members))
	for i, m := range g.members {
		d.Members[i] = wire.DescribeGroupsResponseDescribedGroupMember{
			MemberId: m.id, GroupInstanceId: m.instance, ClientId: m.clientID, ClientHost: m.clientHost, MemberAssignment: m.assignment,
		}
		if g.state == Stable {
			d.Members[i].MemberMetadata, _ = m.metadata(*g.protocol)
		}
	}
	return d
}

// deleteGroups decides on the groups of a DeleteGroups that live here.
func (s *Shard) deleteGroups(ids []string, out *coordinator.Out) []wire.DeleteGroupsResponseDeletableGroupResult {
	results := make([]wire.DeleteGroupsResponseDeletableGroupResult, len(ids))
	var deleted []string
	offsets := 0
	for i, id := range ids {
		results[i].GroupId = id
		err := notFound(id)
		if e, ok := s.groups.Get(id); ok {
			err = e.validateDeletion()
		}
		if err != nil {
			results[i].ErrorCode = kerr.Of(err)
			continue
		}
		offsets += s.deleteAllOffsets(id, out)
		groupTombstone(id, out)
		deleted = append(deleted, id)
	}
	s.log.Info(fmt.Sprintf("The following groups were deleted: %s. A total of %d offsets were removed.", strings.Join(deleted, ", "), offsets))
	return results
}
