package storage

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

// maxCheckpoint bounds what is read of a checkpoint file: some hundred bytes
// for each of a million partitions.
const maxCheckpoint = 256 << 20

// checkpointLines reads a checkpoint file's entries: version 0, their number,
// one entry a line (CheckpointFile). An empty or missing file has none.
func checkpointLines(fsys vfs.FS, path string) ([]string, error) {
	if ok, err := vfs.Exists(fsys, path); err != nil || !ok {
		return nil, err
	}
	b, err := vfs.ReadFile(fsys, path, maxCheckpoint)
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return nil, nil
	}
	malformed := func(line string) error {
		return fmt.Errorf("Malformed line in checkpoint file [%s]: %s", path, line)
	}
	lines := strings.Split(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n")
	if last := lines[len(lines)-1]; last != "" {
		// Every writer ends the last line: this one was torn.
		return nil, malformed(last)
	}
	lines = lines[:len(lines)-1]
	version, err := strconv.Atoi(lines[0])
	if err != nil {
		return nil, malformed(lines[0])
	}
	if version != 0 {
		return nil, fmt.Errorf("Unrecognised version:%d, expected version: 0 in checkpoint file at: %s", version, path)
	}
	if len(lines) == 1 {
		return nil, nil
	}
	want, err := strconv.Atoi(lines[1])
	if err != nil {
		return nil, malformed(lines[1])
	}
	if lines = lines[2:]; len(lines) != want {
		return nil, fmt.Errorf("Expected [%d] entries in checkpoint file [%s], but found only [%d]", want, path, len(lines))
	}
	return lines, nil
}

func writeCheckpoint(fsys vfs.FS, path string, n int, entries []byte, sync bool) error {
	b := make([]byte, 0, len(entries)+16)
	b = append(b, "0\n"...)
	b = append(strconv.AppendInt(b, int64(n), 10), '\n')
	return vfs.WriteFile(fsys, path, append(b, entries...), sync)
}

// ReadOffsets reads an offset checkpoint of a log directory
// (OffsetCheckpointFile): the offset of each partition.
func ReadOffsets(fsys vfs.FS, path string) (map[model.TopicPartition]model.Offset, error) {
	lines, err := checkpointLines(fsys, path)
	if err != nil {
		return nil, err
	}
	m := make(map[model.TopicPartition]model.Offset, len(lines))
	for _, l := range lines {
		f := strings.Fields(l)
		bad := len(f) != 3
		var p, o int64
		if !bad {
			var err1, err2 error
			p, err1 = strconv.ParseInt(f[1], 10, 32)
			o, err2 = strconv.ParseInt(f[2], 10, 64)
			bad = err1 != nil || err2 != nil
		}
		if bad {
			return nil, fmt.Errorf("Malformed line in checkpoint file [%s]: %s", path, l)
		}
		m[model.TopicPartition{Topic: f[0], Partition: int32(p)}] = model.Offset(o)
	}
	return m, nil
}

// offsetLines collects the entries of an offset checkpoint.
type offsetLines struct {
	n int
	b []byte
}

func (o *offsetLines) add(tp model.TopicPartition, at model.Offset) {
	o.n++
	o.b = append(append(o.b, tp.Topic...), ' ')
	o.b = append(strconv.AppendInt(o.b, int64(tp.Partition), 10), ' ')
	o.b = append(strconv.AppendInt(o.b, int64(at), 10), '\n')
}

func (o *offsetLines) write(fsys vfs.FS, dir, name string) error {
	return writeCheckpoint(fsys, filepath.Join(dir, name), o.n, o.b, true)
}
