package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"gregor/internal/model"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func isPathError(err error) bool {
	var pe *fs.PathError
	return errors.As(err, &pe)
}

// list finds the partitions of all directories.
func (d *Dirs) list() error {
	for _, r := range d.roots {
		if r.offline() != nil {
			continue
		}
		if err := d.listRoot(r); err != nil {
			if !isPathError(err) {
				return err
			}
			r.fail(err)
		}
	}
	if len(d.roots) > 0 && !slices.ContainsFunc(d.roots, func(r *root) bool { return r.offline() == nil }) {
		return d.roots[0].offline()
	}
	return nil
}

func (d *Dirs) listRoot(r *root) error {
	var err error
	if r.clean, r.epoch, err = takeCleanShutdown(r.fs, r.path); err != nil {
		return err
	}
	if !r.clean {
		// Directories made before the crash may not be durable themselves.
		if err := r.fs.SyncDir(r.path); err != nil {
			return err
		}
	}
	recovery := d.offsets(r, recoveryPointsName, "resetting the recovery checkpoint to 0")
	starts := d.offsets(r, logStartsName, "resetting to the base offset of the first segment")
	marks := d.offsets(r, highWatermarksName, "resetting the high watermarks to 0")
	names, err := r.fs.ReadDir(r.path)
	if err != nil {
		return err
	}
	logs, err := d.identify(r, names)
	if err != nil {
		return err
	}
	for _, l := range logs {
		if other := d.mu.logs[l.tp]; other != nil {
			return fmt.Errorf("Duplicate log directories for %s are found in both %s and %s. It is likely because log directory "+
				"failure happened while broker was replacing current replica with future replica. Recover broker from this failure "+
				"by manually deleting one of the two directories for this partition. It is recommended to delete the partition in "+
				"the log directory that is known to have failed recently.", l.tp, l.Dir(), other.Dir())
		}
		l.savedRecovery, l.savedStart, l.savedWatermark = recovery[l.tp], starts[l.tp], marks[l.tp]
		l.unborn.Store(l.savedRecovery <= 0)
		l.start.Store(int64(max(l.savedStart, 0)))
		l.recovery.Store(int64(max(l.savedRecovery, 0)))
		d.mu.logs[l.tp] = l
	}
	for _, m := range []map[model.TopicPartition]model.Offset{recovery, starts} {
		for tp := range m {
			if d.mu.logs[tp] == nil {
				r.gone[tp] = struct{}{}
			}
		}
	}
	return nil
}

func (d *Dirs) offsets(r *root, name, consequence string) map[model.TopicPartition]model.Offset {
	m, err := ReadOffsets(r.fs, filepath.Join(r.path, name))
	if err != nil {
		r.warnf("Error occurred while reading %s file of directory %s, %s: %v", name, r.path, consequence, err)
	}
	return m
}

// identify makes the logs of the partitions' directories among names. Reading
// partition.metadata is most of the work of a start, so it is shared out.
func (d *Dirs) identify(r *root, names []string) ([]*Log, error) {
	topics := map[string]string{} // one copy of each name
	configs := map[string]*Config{}
	var todo []*Log
	for _, n := range names {
		if n == remoteCacheName {
			continue
		}
		path := filepath.Join(r.path, n)
		tp, kind, err := parseDirName(path, n)
		if err != nil {
			if i, serr := r.fs.Stat(path); serr != nil || !i.IsDir {
				continue // a file of the directory's own
			}
			return nil, err
		}
		if tp.Topic == metadataTopic || kind == strayDir || kind == futureDir {
			continue
		}
		if kind == deletedDir {
			r.work.dead = append(r.work.dead, deadPath{path: path, dir: true})
			continue
		}
		topic, ok := topics[tp.Topic]
		if !ok {
			topic = strings.Clone(tp.Topic)
			topics[topic], configs[topic] = topic, d.o.Defaults
			if d.o.Config != nil {
				configs[topic] = d.o.Config(topic)
			}
		}
		tp.Topic = topic
		todo = append(todo, newLog(r, tp, configs[topic], 0, 0, r.clean))
	}
	return d.readIDs(todo)
}

// readIDs reads the topic ids, with some helpers, and leaves out what turns
// out not to be a directory.
func (d *Dirs) readIDs(logs []*Log) ([]*Log, error) {
	errs := make([]error, len(logs))
	var wg sync.WaitGroup
	for w := range min(d.o.Workers, len(logs)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := w; i < len(logs); i += d.o.Workers {
				logs[i].id, errs[i] = readPartitionMeta(logs[i].fs(), logs[i].Dir())
			}
		}()
	}
	wg.Wait()
	kept := logs[:0]
	for i, l := range logs {
		if errs[i] == nil {
			kept = append(kept, l)
			continue
		}
		if st, err := l.fs().Stat(l.Dir()); err == nil && st.IsDir {
			return nil, errs[i]
		}
	}
	return kept, nil
}
