package tool

// splittable is java.util.SplittableRandom: payloads of the perf tools are the
// same bytes as Java's.
type splittable struct{ seed uint64 }

const goldenGamma = 0x9e3779b97f4a7c15

func (s *splittable) next32() uint32 {
	s.seed += goldenGamma
	z := s.seed
	z = (z ^ z>>33) * 0x62a9d9ed799705f5
	return uint32((z ^ z>>28) * 0xcb24d0a5c88c35b3 >> 32)
}

// nextInt is a number from 0 to below bound, as nextInt(bound) gives.
func (s *splittable) nextInt(bound int32) int32 {
	r := int32(s.next32())
	m := bound - 1
	if bound&m == 0 {
		return r & m
	}
	for u := int32(uint32(r) >> 1); ; u = int32(s.next32() >> 1) {
		if r = u % bound; u+m-r >= 0 {
			return r
		}
	}
}
