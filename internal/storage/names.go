package storage

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"gregor/internal/model"
)

// File names of a log directory and of a partition's directory (LogFileUtils,
// LocalLog, LogManager of Kafka's storage module).
const (
	metaPropertiesName  = "meta.properties"
	lockName            = ".lock"
	cleanShutdownName   = ".kafka_cleanshutdown"
	recoveryPointsName  = "recovery-point-offset-checkpoint"
	logStartsName       = "log-start-offset-checkpoint"
	highWatermarksName  = "replication-offset-checkpoint"
	remoteCacheName     = "remote-log-index-cache"
	epochCheckpointName = "leader-epoch-checkpoint"
	partitionMetaName   = "partition.metadata"

	metadataTopic = "__cluster_metadata"

	logSuffix       = ".log"
	indexSuffix     = ".index"
	timeIndexSuffix = ".timeindex"
	txnIndexSuffix  = ".txnindex"
	snapshotSuffix  = ".snapshot"
	deletedSuffix   = ".deleted"
	cleanedSuffix   = ".cleaned"
	swapSuffix      = ".swap"
	// A KRaft snapshot marked for deletion belongs to the metadata log's owner.
	checkpointDeletedSuffix = ".checkpoint.deleted"

	deleteDirSuffix = "-delete"
	strayDirSuffix  = "-stray"
	futureDirSuffix = "-future"

	maxFileName = 255
	digits      = 20 // of a base offset in a file name
)

// segmentSuffixes are the files of one segment, the data first.
var segmentSuffixes = [...]string{logSuffix, indexSuffix, timeIndexSuffix, txnIndexSuffix}

// fileName is the name of the file of the segment or snapshot at base.
func fileName(base model.Offset, suffix string) string {
	var b [digits + 24]byte
	for i, v := digits-1, uint64(base); i >= 0; i, v = i-1, v/10 {
		b[i] = byte('0' + v%10)
	}
	n := copy(b[digits:], suffix)
	return string(b[:digits+n])
}

// offsetOfName is the base offset a file name starts with, up to the first
// dot, as Kafka reads it.
func offsetOfName(name string) (model.Offset, bool) {
	s, _, ok := strings.Cut(name, ".")
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseInt(s, 10, 64)
	return model.Offset(v), err == nil && v >= 0
}

// markedDirName is <topic>-<n>.<32 hex><suffix>; the topic is cut so that the
// name fits a file system's limit.
func markedDirName(tp model.TopicPartition, id model.UUID, suffix string) string {
	tail := fmt.Sprintf("-%d.%s%s", tp.Partition, hex.EncodeToString(id[:]), suffix)
	return tp.Topic[:min(len(tp.Topic), maxFileName-len(tail))] + tail
}

// dirKind says what the name of a partition's directory stands for.
type dirKind uint8

const (
	liveDir dirKind = iota
	deletedDir
	strayDir
	futureDir
)

// parseDirName reads the name of a partition's directory. path is for the
// error, whose text is Kafka's.
func parseDirName(path, name string) (model.TopicPartition, dirKind, error) {
	bad := func() (model.TopicPartition, dirKind, error) {
		return model.TopicPartition{}, 0, fmt.Errorf("Found directory %s, '%s' is not in the form of "+
			"topic-partition or topic-partition.uniqueId-delete (if marked for deletion).\n"+
			"Kafka's log directories (and children) should only contain Kafka topic data.", path, name)
	}
	kind, rest := liveDir, name
	for suffix, k := range map[string]dirKind{deleteDirSuffix: deletedDir, strayDirSuffix: strayDir, futureDirSuffix: futureDir} {
		if s, ok := strings.CutSuffix(name, suffix); ok {
			dot := strings.LastIndexByte(s, '.')
			if dot < 0 || dot == len(s)-1 {
				return bad()
			}
			kind, rest = k, s[:dot]
			break
		}
	}
	dash := strings.LastIndexByte(rest, '-')
	if dash <= 0 {
		return bad()
	}
	n, err := strconv.ParseInt(rest[dash+1:], 10, 32)
	if err != nil {
		return bad()
	}
	return model.TopicPartition{Topic: rest[:dash], Partition: int32(n)}, kind, nil
}
