package server

import "sync"

// readSize is the buffer a connection borrows when bytes arrive: large enough
// to take several small requests with one system call.
const readSize = 64 << 10

// classes are the sizes of pooled buffers, in bytes. Those above readSize have
// slack for what stands around a batch of a round size, so that a produce of
// one 1 MiB batch takes the 1 MiB class.
var classes = [...]int{512, 4 << 10, readSize, 256<<10 + 8<<10, 1<<20 + 64<<10, 4<<20 + 64<<10, 16<<20 + 64<<10}

// directMax is the largest request whose buffer is borrowed whole as soon as
// its size is known. Beyond it the buffer grows as bytes arrive, so that a
// client pays for the memory it claims.
const directMax = 4<<20 + 64<<10

// buffer is a pooled byte slice. class is -1 for one of its own size.
type buffer struct {
	data  []byte
	class int
}

var pools [len(classes)]sync.Pool

// getBuffer is a buffer of at least n bytes.
func getBuffer(n int) *buffer {
	for i, size := range classes {
		if n <= size {
			if b, ok := pools[i].Get().(*buffer); ok {
				return b
			}
			return &buffer{data: make([]byte, size), class: i}
		}
	}
	return &buffer{data: make([]byte, n), class: -1}
}

func putBuffer(b *buffer) {
	if b.class >= 0 {
		pools[b.class].Put(b)
	}
}

// classSize is the size of the buffer getBuffer(n) gives.
func classSize(n int) int {
	for _, size := range classes {
		if n <= size {
			return size
		}
	}
	return n
}
