package replica

import (
	"errors"

	"gregor/internal/model"
	"gregor/internal/storage"
)

// LogDir is a log directory as DescribeLogDirs shows it.
type LogDir struct {
	storage.Dir
	Replicas []LogDirReplica
}

// LogDirReplica is a partition in a log directory.
type LogDirReplica struct {
	Partition model.TopicPartition
	// Size is the bytes of its segments.
	Size int64
	// OffsetLag is how far the log end is behind the high watermark.
	OffsetLag int64
}

// LogDirs describes the log directories and, of the partitions in them, those
// that wanted names.
func (s *Set) LogDirs(wanted func(model.TopicPartition) bool) ([]LogDir, error) {
	dirs := s.o.Dirs.List()
	out := make([]LogDir, len(dirs))
	at := make(map[model.DirectoryID]int, len(dirs))
	for i, d := range dirs {
		out[i].Dir, at[d.ID] = d, i
	}
	var errs []error
	for l := range s.o.Dirs.Logs() {
		i, ok := at[l.DirID()]
		if !ok || out[i].Err != nil || !wanted(l.Partition()) {
			continue
		}
		size, err := l.Size()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r := LogDirReplica{Partition: l.Partition(), Size: size}
		if p := s.of(l); p != nil && l.Loaded() {
			if hw, ok := p.HighWatermark(); ok {
				r.OffsetLag = max(0, int64(hw-l.LogEnd()))
			}
		}
		out[i].Replicas = append(out[i].Replicas, r)
	}
	return out, errors.Join(errs...)
}
