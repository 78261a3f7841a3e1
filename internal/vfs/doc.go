// Package vfs is the only way to files: the operating system's (OS), a twin in
// memory that loses power on demand (Mem), and a wrapper that makes chosen
// operations fail (Faulty).
//
// Durability, as storage relies on it and as Mem plays it back:
//
//   - WriteAt and WritevAt reach the page cache. They survive the end of the
//     process, and may be lost, torn or reordered when the machine stops.
//   - Sync makes a file's data and size durable, Datasync the data and the
//     size needed to read it.
//   - Create, Rename, Remove and Mkdir change a directory; the change is
//     durable after SyncDir on that directory. A file's Sync alone does not
//     make its name durable.
//   - After a Sync or Datasync that failed nothing is known about the data
//     written since the last one that succeeded: the kernel may have dropped
//     it and marked the pages clean. Asking again proves nothing, so a caller
//     must stop using the file.
//
// Names are paths as the operating system spells them; Mem takes any
// slash-separated path.
package vfs
