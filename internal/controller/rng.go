package controller

import "math/bits"

// rng is a small generator (PCG-XSH-RR), so that placement can be repeated
// from a seed.
type rng struct{ state uint64 }

func newRNG(seed uint64) *rng {
	r := &rng{state: seed*6364136223846793005 + 1442695040888963407}
	r.next()
	return r
}

func (r *rng) next() uint32 {
	old := r.state
	r.state = old*6364136223846793005 + 1442695040888963407
	return bits.RotateLeft32(uint32((old>>18^old)>>27), -int(old>>59))
}

// intn is uniform in [0, n).
func (r *rng) intn(n int) int {
	return int(uint64(r.next()) * uint64(n) >> 32)
}

func shuffle[T any](r *rng, s []T) {
	for i := len(s) - 1; i > 0; i-- {
		j := r.intn(i + 1)
		s[i], s[j] = s[j], s[i]
	}
}
