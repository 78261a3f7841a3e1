package metadata

// Between is the delta that leads from base to img in one step, as if a
// snapshot of img had been loaded: what differs is found by comparing.
func Between(base, img *Image) *Delta {
	return &Delta{base: base, next: *img, e: new(edit), all: true, replayed: true, made: img}
}
