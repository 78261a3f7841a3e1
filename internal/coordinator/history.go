package coordinator

// History remembers the changes that are not committed, over all Maps of a
// shard.
type History struct{ _ int }
