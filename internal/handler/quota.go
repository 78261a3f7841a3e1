package handler

import "gregor/internal/model"

// QuotaKind is what a quota is about.
type QuotaKind uint8

// The kinds of quotas.
const (
	ProduceQuota  QuotaKind = iota // bytes produced
	FetchQuota                     // bytes fetched
	RequestQuota                   // time spent
	MutationQuota                  // topics and partitions made or deleted
)

// Quotas decide who is slowed down. Safe for concurrent use; it must not block.
type Quotas interface {
	// Record counts amount for the principal and client id and returns for how
	// long the client is to be slowed down, 0 if not at all.
	Record(kind QuotaKind, principal, clientID string, amount int, now model.Millis) model.Millis
}

// Throttle counts amount against the requester's quota. If it is used up the
// connection is not read for a while, and the result, in milliseconds, goes
// into the response (KIP-219).
func (c *Context) Throttle(kind QuotaKind, amount int) int32 {
	q := c.Services.Quotas
	if q == nil {
		return 0
	}
	wait := q.Record(kind, c.Principal(), c.ClientID(), amount, c.Now)
	if wait > 0 {
		c.pass.Conn.Throttle(wait)
	}
	return int32(wait)
}
