package server

import (
	"sync"

	"gregor/internal/wire"
)

// Response is one or more whole response frames, sizes included, on their way
// out: encode into the Writer, with wire.EncodeResponse. Large records stay
// ranges of files.
type Response struct {
	wire.Writer
	held []Releaser
}

// Releaser is something a Response needs until it is sent, such as the file of
// a range.
type Releaser interface{ Release() }

// Hold has f released once the response is sent or dropped.
func (r *Response) Hold(f Releaser) { r.held = append(r.held, f) }

// keepWriter is the largest memory a pooled Response keeps, in bytes.
const keepWriter = 64 << 10

var responses = sync.Pool{New: func() any { return new(Response) }}

func getResponse() *Response { return responses.Get().(*Response) }

// free releases what r holds and returns it to the pool.
func (r *Response) free() {
	for i, f := range r.held {
		f.Release()
		r.held[i] = nil
	}
	r.held = r.held[:0]
	if r.Cap() > keepWriter {
		return
	}
	r.Reset()
	responses.Put(r)
}
