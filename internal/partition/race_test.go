//go:build race

package partition

// The race detector makes sync.Pool forget.
const raceEnabled = true
