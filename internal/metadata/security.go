package metadata

import (
	"cmp"
	"iter"
	"strings"

	"gregor/internal/model"
)

// QuotaPart is one part of the entity a quota is for.
type QuotaPart struct {
	Type string  // user, client-id or ip
	Name *string // nil is the default
}

// Quota is the quotas of one entity.
type Quota struct {
	// Entity is sorted by type.
	Entity []QuotaPart
	// Values by key, such as producer_byte_rate. Not to be changed.
	Values map[string]float64
}

// Quotas are the client quotas.
type Quotas struct {
	tree tree[string, *Quota]
}

// Of is the quotas of an entity (sorted by type), nil if there are none.
func (q Quotas) Of(entity []QuotaPart) *Quota {
	v, _ := q.tree.get(quotaKey(entity))
	return v
}

// All are the entities that have quotas.
func (q Quotas) All() iter.Seq[*Quota] { return values(q.tree) }

// quotaKey makes one string of an entity. A NUL in a name is doubled, so that
// no name can pass for the marks in between.
func quotaKey(entity []QuotaPart) string {
	var b strings.Builder
	for _, p := range entity {
		b.WriteString(p.Type)
		if p.Name == nil {
			b.WriteString("\x00d")
		} else {
			b.WriteString("\x00n")
			b.WriteString(strings.ReplaceAll(*p.Name, "\x00", "\x00\x00"))
		}
		b.WriteString("\x00;")
	}
	return b.String()
}

// ACL is one access control entry. The numbers are those of the protocol.
type ACL struct {
	ID             model.UUID
	ResourceType   int8
	ResourceName   string
	PatternType    int8
	Principal      string
	Host           string
	Operation      int8
	PermissionType int8
}

// ACLs are the access control entries by id.
type ACLs struct {
	tree tree[model.UUID, *ACL]
}

// ByID is an entry, nil if there is none of that id.
func (a ACLs) ByID(id model.UUID) *ACL {
	v, _ := a.tree.get(id)
	return v
}

// All are the entries by id.
func (a ACLs) All() iter.Seq[*ACL] { return values(a.tree) }

// Len is the number of entries.
func (a ACLs) Len() int { return a.tree.len }

// ScramUser is a user and the mechanism of a credential: 1 SCRAM-SHA-256, 2
// SCRAM-SHA-512.
type ScramUser struct {
	Mechanism int8
	Name      string
}

func compareScram(a, b ScramUser) int {
	return cmp.Or(cmp.Compare(a.Mechanism, b.Mechanism), strings.Compare(a.Name, b.Name))
}

// ScramCredential is what is stored of a password.
type ScramCredential struct {
	Salt, StoredKey, ServerKey []byte
	Iterations                 int32
}

// Scram are the SCRAM credentials.
type Scram struct {
	tree tree[ScramUser, *ScramCredential]
}

// Of is a user's credential, nil if there is none.
func (s Scram) Of(u ScramUser) *ScramCredential {
	v, _ := s.tree.get(u)
	return v
}

// All are the credentials by mechanism and user.
func (s Scram) All() iter.Seq2[ScramUser, *ScramCredential] { return s.tree.all() }

// Token is a delegation token's public part.
type Token struct {
	ID                   string
	Owner, Requester     string
	Renewers             []string
	Issued, Max, Expires model.Millis
}

// Tokens are the delegation tokens by id.
type Tokens struct {
	tree tree[string, *Token]
}

// ByID is a token, nil if there is none of that id.
func (t Tokens) ByID(id string) *Token {
	v, _ := t.tree.get(id)
	return v
}

// All are the tokens by id.
func (t Tokens) All() iter.Seq[*Token] { return values(t.tree) }
