//go:build race

package codec

// The race detector makes sync.Pool forget.
const raceEnabled = true
