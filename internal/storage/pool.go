package storage

import "sync"

// scanSize is how much of a data file is read at once to walk batch headers:
// a 4 KiB pread costs as much as one of 16 bytes.
const scanSize = 4096

var (
	blocks = sync.Pool{New: func() any { return new([searchBlock * timeRow]byte) }}
	scans  = sync.Pool{New: func() any { return new([scanSize]byte) }}
)
