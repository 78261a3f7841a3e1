package handler

// Operation is what is to be done to a resource; the numbers are the
// protocol's (AclOperation).
type Operation int8

// The operations.
const (
	Read            Operation = 3
	Write           Operation = 4
	Create          Operation = 5
	Delete          Operation = 6
	Alter           Operation = 7
	Describe        Operation = 8
	ClusterAction   Operation = 9
	DescribeConfigs Operation = 10
	AlterConfigs    Operation = 11
	IdempotentWrite Operation = 12
	CreateTokens    Operation = 13
	DescribeTokens  Operation = 14
	TwoPhaseCommit  Operation = 15
)

// Resource is the type of a resource; the numbers are the protocol's.
type Resource int8

// The types of resources.
const (
	Topic           Resource = 2
	Group           Resource = 3
	Cluster         Resource = 4
	TransactionalID Resource = 5
	DelegationToken Resource = 6
	User            Resource = 7
)

// ClusterName is the name of the one resource of type Cluster.
const ClusterName = "kafka-cluster"

// Authorizer decides who may do what. Safe for concurrent use; it must not
// block.
type Authorizer interface {
	// Allowed says whether the principal, at host, may do op to the resource.
	Allowed(principal, host string, op Operation, kind Resource, name string) bool
	// AllowedAny says whether the principal may do op to any resource of a type
	// at all (KIP-679).
	AllowedAny(principal, host string, op Operation, kind Resource) bool
}

// Allowed says whether the requester may do op to a resource.
func (c *Context) Allowed(op Operation, kind Resource, name string) bool {
	a := c.Services.Authorizer
	return a == nil || a.Allowed(c.Principal(), c.Host(), op, kind, name)
}

// AllowedAny says whether the requester may do op to any resource of a type.
func (c *Context) AllowedAny(op Operation, kind Resource) bool {
	a := c.Services.Authorizer
	return a == nil || a.AllowedAny(c.Principal(), c.Host(), op, kind)
}

// operations are those a resource of each type knows (AclEntry.supportedOperations).
var operations = map[Resource][]Operation{
	Topic:           {Read, Write, Create, Describe, Delete, Alter, DescribeConfigs, AlterConfigs},
	Group:           {Read, Describe, Delete, DescribeConfigs, AlterConfigs},
	Cluster:         {Create, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite, Alter, Describe},
	TransactionalID: {Describe, Write, TwoPhaseCommit},
	DelegationToken: {Describe},
	User:            {CreateTokens, DescribeTokens},
}

// Operations is the set of operations the requester may do to a resource, a
// bit for each, as responses tell it (KIP-430).
func (c *Context) Operations(kind Resource, name string) int32 {
	var bits int32
	for _, op := range operations[kind] {
		if c.Allowed(op, kind, name) {
			bits |= 1 << op
		}
	}
	return bits
}
