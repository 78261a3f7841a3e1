package metadata

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gregor/internal/model"
	"gregor/internal/wire"
)

func (d *Delta) replaySecurity(r Record) error {
	var why string
	switch m := r.Msg.(type) {
	case *wire.ClientQuotaRecord:
		d.quota(m)
	case *wire.AccessControlEntryRecord:
		d.next.ACLs.tree.set(d.e, m.Id, &ACL{
			ID: m.Id, ResourceType: m.ResourceType, ResourceName: m.ResourceName, PatternType: m.PatternType,
			Principal: m.Principal, Host: m.Host, Operation: m.Operation, PermissionType: m.PermissionType,
		})
		d.acls = append(d.acls, m.Id)
	case *wire.RemoveAccessControlEntryRecord:
		if !d.next.ACLs.tree.del(d.e, m.Id) {
			why = fmt.Sprintf("there is no ACL with ID %s", m.Id)
		}
		d.acls = append(d.acls, m.Id)
	case *wire.UserScramCredentialRecord:
		u := ScramUser{m.Mechanism, m.Name}
		why = checkMechanism(m.Mechanism)
		d.next.Scram.tree.set(d.e, u, &ScramCredential{
			Salt: bytes.Clone(m.Salt), StoredKey: bytes.Clone(m.StoredKey), ServerKey: bytes.Clone(m.ServerKey), Iterations: m.Iterations,
		})
		d.scram = append(d.scram, u)
	case *wire.RemoveUserScramCredentialRecord:
		u := ScramUser{m.Mechanism, m.Name}
		why = checkMechanism(m.Mechanism)
		d.next.Scram.tree.del(d.e, u)
		d.scram = append(d.scram, u)
	case *wire.DelegationTokenRecord:
		d.next.Tokens.tree.set(d.e, m.TokenId, &Token{
			ID: m.TokenId, Owner: m.Owner, Requester: m.Requester, Renewers: slices.Clone(m.Renewers),
			Issued: model.Millis(m.IssueTimestamp), Max: model.Millis(m.MaxTimestamp), Expires: model.Millis(m.ExpirationTimestamp),
		})
		d.tokens = append(d.tokens, m.TokenId)
	case *wire.RemoveDelegationTokenRecord:
		d.next.Tokens.tree.del(d.e, m.TokenId)
		d.tokens = append(d.tokens, m.TokenId)
	default:
		why = "a record of this type cannot stand here"
	}
	return replayError(r, why)
}

func checkMechanism(m int8) string {
	if m != 1 && m != 2 {
		return fmt.Sprintf("unknown SCRAM mechanism %d", m)
	}
	return ""
}

func (d *Delta) quota(m *wire.ClientQuotaRecord) {
	entity := make([]QuotaPart, len(m.Entity))
	for i, e := range m.Entity {
		entity[i] = QuotaPart{e.EntityType, e.EntityName}
	}
	slices.SortStableFunc(entity, func(a, b QuotaPart) int { return strings.Compare(a.Type, b.Type) })
	key := quotaKey(entity)
	old, _ := d.next.Quotas.tree.get(key)
	n := &Quota{Entity: entity, Values: map[string]float64{}}
	if old != nil {
		maps.Copy(n.Values, old.Values)
	}
	if m.Remove {
		delete(n.Values, m.Key)
	} else {
		n.Values[m.Key] = m.Value
	}
	if len(n.Values) == 0 {
		d.next.Quotas.tree.del(d.e, key)
	} else {
		d.next.Quotas.tree.set(d.e, key, n)
	}
	d.quotas = append(d.quotas, key)
}
