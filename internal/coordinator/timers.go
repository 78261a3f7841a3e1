package coordinator

// Timers are a shard's deadlines.
type Timers struct{ _ int }
