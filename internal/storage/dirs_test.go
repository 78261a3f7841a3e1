package storage

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gregor/internal/model"
	"gregor/internal/vfs"
)

func openDirs(t testing.TB, fs vfs.FS, edit func(*Options)) (*Dirs, error) {
	o := Options{FS: fs, Paths: []string{"/d"}, NodeID: 1}
	if edit != nil {
		edit(&o)
	}
	return OpenDirs(o, 1_700_000_000_000)
}

func tp(topic string, n int32) model.TopicPartition {
	return model.TopicPartition{Topic: topic, Partition: n}
}

func create(t testing.TB, d *Dirs, p model.TopicPartition) *Log {
	t.Helper()
	l, err := d.Create(p, model.NewUUID(), model.DirectoryID{}, nil)
	must(t, err)
	return l
}

func put(t testing.TB, l *Log, n int) {
	t.Helper()
	must(t, l.Load(1))
	_, err := l.Append([][]byte{batch(l.LogEnd(), 0, n, 10, 1)}, 1)
	must(t, err)
}

func text(t testing.TB, fs vfs.FS, path string) string {
	t.Helper()
	b, err := vfs.ReadFile(fs, path, 1<<20)
	must(t, err)
	return string(b)
}

// TestOpenDirsErrors has the words of Kafka.
func TestOpenDirsErrors(t *testing.T) {
	props := func(fs vfs.FS, dir, content string) {
		must(t, fs.MkdirAll(dir))
		must(t, vfs.WriteFile(fs, filepath.Join(dir, metaPropertiesName), []byte(content), true))
	}
	const ok = "version=1\nnode.id=1\ncluster.id=c\ndirectory.id=AAAAAAAAAAAAAAAAAAAAZQ\n"
	for _, c := range []struct {
		name string
		edit func(fs *vfs.Mem, o *Options)
		want string
	}{
		{"unformatted", func(fs *vfs.Mem, o *Options) { must(t, fs.Remove("/d/meta.properties")) }, "No readable meta.properties files found."},
		{"missing directory", func(fs *vfs.Mem, o *Options) { o.Paths = []string{"/x"} }, "No readable meta.properties files found."},
		{"half formatted", func(fs *vfs.Mem, o *Options) {
			must(t, fs.MkdirAll("/e"))
			o.Paths = []string{"/d", "/e"}
		}, "No `meta.properties` found in /e (have you run `kafka-storage.sh` to format the directory?)"},
		{"other cluster", func(fs *vfs.Mem, o *Options) {
			props(fs, "/e", strings.Replace(strings.Replace(ok, "=c", "=other", 1), "Zg", "Zw", 1))
			o.Paths = []string{"/d", "/e"}
		}, "Invalid cluster.id in: /e/meta.properties. Expected c, but read other"},
		{"other node", func(fs *vfs.Mem, o *Options) { o.NodeID = 7 }, "Stored node id 1 doesn't match previous node id 7 in /d/meta.properties. If you moved your data, " +
			"make sure your configured node id matches. If you intend to create a new node, you should remove all data in your data directories."},
		{"same directory id", func(fs *vfs.Mem, o *Options) {
			props(fs, "/e", ok)
			o.Paths = []string{"/d", "/e"}
		}, "Duplicate directory ID Optional[AAAAAAAAAAAAAAAAAAAAZQ] found. It was the ID of /d, but also of /e"},
		{"reserved directory id", func(fs *vfs.Mem, o *Options) { props(fs, "/d", strings.Replace(ok, "ZQ", "AQ", 1)) }, "Invalid reserved directory ID AAAAAAAAAAAAAAAAAAAAAQ found in /d"},
		{"unknown version", func(fs *vfs.Mem, o *Options) { props(fs, "/d", "version=2\n") }, "No readable meta.properties files found."},
		{"broken metadata directory", func(fs *vfs.Mem, o *Options) {
			props(fs, "/m", "version=1\nnode.id=x\n")
			o.MetaDir = "/m"
		}, "Encountered I/O error in metadata log directory /m. Cannot continue."},
		{"metadata elsewhere", func(fs *vfs.Mem, o *Options) {
			props(fs, "/m", strings.Replace(ok, "ZQ", "Zg", 1))
			must(t, fs.MkdirAll("/d/__cluster_metadata-0"))
			o.MetaDir = "/m"
		}, "Found unexpected metadata location in data directory `/d/__cluster_metadata-0` (the configured metadata directory is /m)."},
		{"a ZooKeeper broker's, without node id", func(fs *vfs.Mem, o *Options) { props(fs, "/d", "version=0\ncluster.id=c\n") }, "Error: node ID not found in /d"},
		{"locked", func(fs *vfs.Mem, o *Options) {
			_, err := LockDir(fs, "/d")
			must(t, err)
		}, "Failed to acquire lock on file .lock in /d. A Kafka instance in another process or thread is using this directory."},
		{"foreign directory", func(fs *vfs.Mem, o *Options) { must(t, fs.Mkdir("/d/lost+found")) },
			"Found directory /d/lost+found, 'lost+found' is not in the form of topic-partition or topic-partition.uniqueId-delete (if marked for deletion).\n" +
				"Kafka's log directories (and children) should only contain Kafka topic data."},
		{"same directory twice", func(fs *vfs.Mem, o *Options) { o.Paths = []string{"/d", "/d"} }, "Duplicate log directory found: [/d /d]"},
		{"partition in two directories", func(fs *vfs.Mem, o *Options) {
			props(fs, "/e", strings.Replace(ok, "ZQ", "Zg", 1))
			must(t, fs.Mkdir("/d/a-1"))
			must(t, fs.Mkdir("/e/a-1"))
			o.Paths = []string{"/d", "/e"}
		}, "Duplicate log directories for a-1 are found in both /e/a-1 and /d/a-1."},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := vfs.NewMem(1)
			props(fs, "/d", ok)
			o := Options{FS: fs, Paths: []string{"/d"}, NodeID: 1}
			c.edit(fs, &o)
			_, err := OpenDirs(o, 1)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("got  %v\nwant %s", err, c.want)
			}
			if c.name == "locked" {
				return
			}
			if _, err := LockDir(fs, "/d"); err != nil {
				t.Errorf("the lock is left: %v", err)
			}
		})
	}
}

func TestMetaProperties(t *testing.T) {
	fs := vfs.NewMem(1)
	must(t, fs.MkdirAll("/d"))
	for _, m := range []MetaProperties{
		{Version: 1, Cluster: "a b=c#", NodeID: 5, DirectoryID: model.NewUUID()},
		{Version: 1, Cluster: "x", NodeID: 0},
		{Version: 0, Cluster: "x", NodeID: 3},
		{Version: 0, NodeID: model.NoBroker},
	} {
		must(t, WriteMetaProperties(fs, "/d", m, 1_700_000_000_000))
		got, err := ReadMetaProperties(fs, "/d")
		if err != nil || got != m {
			t.Errorf("%+v, want %+v (%v)\n%s", got, m, err, text(t, fs, "/d/meta.properties"))
		}
	}
	for content, want := range map[string]string{
		"version=x":                              "Invalid meta.properties version string 'x'",
		"version=9":                              "Unknown meta.properties version number 9",
		"version=1":                              "Failed to find node.id",
		"version=1\nnode.id=a":                   "Unable to read node.id as a base-10 number.",
		"broker.id=1.5":                          "Unable to read broker.id as a base-10 number.",
		"version=1\nnode.id=1":                   "cluster.id was not found.",
		"version=0\ndirectory.id=a":              "Unable to read directory.id as a Uuid: ",
		"version=1\nnode.id=1\ncluster.id=\\u12": "",
	} {
		must(t, vfs.WriteFile(fs, "/d/meta.properties", []byte(content), true))
		if _, err := ReadMetaProperties(fs, "/d"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
}

// TestDirectoryIDs are made up for directories of older versions, and kept.
func TestDirectoryIDs(t *testing.T) {
	fs := vfs.NewMem(1)
	must(t, fs.MkdirAll("/d"))
	must(t, WriteMetaProperties(fs, "/d", MetaProperties{Version: 1, Cluster: "c", NodeID: 1}, 0))
	d, err := openDirs(t, fs, func(o *Options) { o.MetaDir = "/d" })
	must(t, err)
	id := d.List()[0].ID
	if id.IsZero() || id.Reserved() || d.ClusterID() != "c" {
		t.Errorf("id %s of cluster %q", id, d.ClusterID())
	}
	if path, meta := d.MetaDir(); path != "/d" || meta != id {
		t.Errorf("metadata directory %s %s", path, meta)
	}
	must(t, d.Close(1, 1, nil))
	d, err = openDirs(t, fs, nil)
	must(t, err)
	if d.List()[0].ID != id {
		t.Error("the id has changed")
	}
}

// TestCleanShutdown: the file is there exactly while nobody runs, and holds
// the broker epoch.
func TestCleanShutdown(t *testing.T) {
	fs := vfs.NewMem(1)
	format(t, fs, "/d")
	d, err := openDirs(t, fs, nil)
	must(t, err)
	if d.PreviousBrokerEpoch() != -1 || d.List()[0].Clean {
		t.Error("clean before the first shutdown")
	}
	put(t, create(t, d, tp("a", 0)), 3)
	must(t, d.Close(1, 42, func(l *Log) (model.Offset, bool) { return 2, true }))
	if got := text(t, fs, "/d/.kafka_cleanshutdown"); got != `{"version":0,"brokerEpoch":42}` {
		t.Error(got)
	}
	for name, want := range map[string]string{
		recoveryPointsName: "0\n1\na 0 3\n", logStartsName: "0\n0\n", highWatermarksName: "0\n1\na 0 2\n",
	} {
		if got := text(t, fs, "/d/"+name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	d, err = openDirs(t, fs, nil)
	must(t, err)
	if ok, _ := vfs.Exists(fs, "/d/.kafka_cleanshutdown"); ok {
		t.Error("the file is there while the node runs")
	}
	if d.PreviousBrokerEpoch() != 42 || !d.List()[0].Clean || d.HighWatermark(tp("a", 0)) != 2 {
		t.Errorf("epoch %d, high watermark %d", d.PreviousBrokerEpoch(), d.HighWatermark(tp("a", 0)))
	}
	fs.Kill()
	d, err = openDirs(t, fs, nil)
	must(t, err)
	if d.PreviousBrokerEpoch() != -1 || d.List()[0].Clean {
		t.Error("clean after a kill")
	}
	// Nothing was looked at, so the next start must look.
	must(t, d.Close(1, 43, nil))
	if ok, _ := vfs.Exists(fs, "/d/.kafka_cleanshutdown"); ok {
		t.Error("clean although a log was never recovered")
	}
	d, err = openDirs(t, fs, nil)
	must(t, err)
	must(t, d.Recover(1, nil))
	must(t, d.Close(1, 44, nil))
	d, err = openDirs(t, fs, nil)
	must(t, err)
	if d.PreviousBrokerEpoch() != 44 {
		t.Error("not clean after all were recovered")
	}
}

// TestStaleCleanShutdownDoesNotComeBack when power fails after the start.
func TestStaleCleanShutdownDoesNotComeBack(t *testing.T) {
	for seed := range uint64(20) {
		fs := vfs.NewMem(seed)
		format(t, fs, "/d")
		d, err := openDirs(t, fs, nil)
		must(t, err)
		put(t, create(t, d, tp("a", 0)), 1)
		must(t, d.Close(1, 1, nil))
		d, err = openDirs(t, fs, nil)
		must(t, err)
		put(t, d.Log(tp("a", 0)), 1)
		fs.Crash()
		d, err = openDirs(t, fs, nil)
		must(t, err)
		if d.List()[0].Clean {
			t.Fatalf("seed %d: the clean shutdown of before is believed", seed)
		}
	}
}

func TestUnreadableCheckpointsAreReported(t *testing.T) {
	fs := vfs.NewMem(1)
	format(t, fs, "/d")
	must(t, vfs.WriteFile(fs, "/d/"+recoveryPointsName, []byte("0\n2\na 0 3\n"), true))
	must(t, vfs.WriteFile(fs, "/d/"+logStartsName, []byte("0\n1\na 3\n"), true))
	must(t, vfs.WriteFile(fs, "/d/"+highWatermarksName, []byte("7\n0\n"), true))
	var said []string
	_, err := openDirs(t, fs, func(o *Options) { o.Warn = func(m string) { said = append(said, m) } })
	must(t, err)
	want := []string{"Expected [2] entries in checkpoint file [/d/recovery-point-offset-checkpoint], but found only [1]",
		"Malformed line in checkpoint file [/d/log-start-offset-checkpoint]: a 3",
		"Unrecognised version:7, expected version: 0 in checkpoint file at: /d/replication-offset-checkpoint"}
	if len(said) != 3 {
		t.Fatalf("%q", said)
	}
	for i := range want {
		if !strings.HasSuffix(said[i], want[i]) {
			t.Errorf("%s\nwant %s", said[i], want[i])
		}
	}
}

func TestDeleteAndStray(t *testing.T) {
	fs := vfs.NewMem(1)
	format(t, fs, "/d")
	d, err := openDirs(t, fs, nil)
	must(t, err)
	long := strings.Repeat("x", 249)
	a, b := create(t, d, tp(long, 12345)), create(t, d, tp("b", 0))
	put(t, a, 2)
	put(t, b, 2)
	f, err := a.Read(0, model.NoOffset, 1000, true)
	must(t, err)
	must(t, d.Delete(a, 1000))
	must(t, d.MarkStray(b))
	names, _ := fs.ReadDir("/d")
	var dirs []string
	for _, n := range names {
		if strings.HasSuffix(n, "-delete") || strings.HasSuffix(n, "-stray") {
			dirs = append(dirs, n)
			if len(n) > 255 {
				t.Errorf("%d bytes of name", len(n))
			}
			if _, _, err := parseDirName("/d/"+n, n); err != nil {
				t.Error(err)
			}
		}
	}
	if len(dirs) != 2 || !strings.HasPrefix(dirs[0], "b-0.") || !strings.Contains(dirs[1], "-12345.") {
		t.Fatalf("%q", dirs)
	}
	if d.Log(a.Partition()) != nil || d.Log(b.Partition()) != nil {
		t.Error("still listed")
	}
	if _, err := a.Append([][]byte{batch(2, 0, 1, 1, 1)}, 1); !errors.Is(err, ErrDeleted) {
		t.Errorf("append to a deleted log: %v", err)
	}
	if err := d.Delete(a, 1000); !errors.Is(err, ErrDeleted) {
		t.Errorf("delete twice: %v", err)
	}
	if _, err := f.File.ReadAt(make([]byte, f.Len), f.Off); err != nil {
		t.Errorf("a read in flight: %v", err)
	}
	f.File.Release()
	next, err := d.Background(1000)
	must(t, err)
	if next != 61_000 {
		t.Errorf("next work at %d", next)
	}
	_, err = d.Background(61_000)
	must(t, err)
	if ok, _ := vfs.Exists(fs, "/d/"+dirs[1]); ok {
		t.Error("the deleted directory is still there")
	}
	if ok, _ := vfs.Exists(fs, "/d/"+dirs[0]); !ok {
		t.Error("the stray directory is gone")
	}
	// What a crash left to delete is deleted after the next start.
	put(t, create(t, d, tp("c", 1)), 1)
	must(t, d.Delete(d.Log(tp("c", 1)), 1000))
	fs.Kill()
	d, err = openDirs(t, fs, nil)
	must(t, err)
	if n := len(slices.Collect(d.Logs())); n != 0 {
		t.Errorf("%d logs", n)
	}
	_, err = d.Background(5)
	must(t, err)
	_, err = d.Background(60_005)
	must(t, err)
	names, _ = fs.ReadDir("/d")
	for _, n := range names {
		if strings.HasSuffix(n, "-delete") {
			t.Errorf("%s is left", n)
		}
	}
}

// TestRecreatedTopic starts from nothing, whatever checkpoints say of the old one.
func TestRecreatedTopic(t *testing.T) {
	for _, restart := range []bool{false, true} {
		fs := vfs.NewMem(1)
		format(t, fs, "/d")
		d, err := openDirs(t, fs, nil)
		must(t, err)
		l := create(t, d, tp("a", 0))
		put(t, l, 10)
		must(t, l.Flush())
		_, err = l.SetLogStart(7)
		must(t, err)
		must(t, d.CheckpointRecoveryPoints())
		must(t, d.CheckpointLogStarts())
		must(t, d.Delete(l, 1))
		if restart {
			fs.Kill()
			d, err = openDirs(t, fs, nil)
			must(t, err)
		}
		put(t, create(t, d, tp("a", 0)), 2)
		fs.Kill()
		d, err = openDirs(t, fs, nil)
		must(t, err)
		l = d.Log(tp("a", 0))
		must(t, l.Load(1))
		if l.LogStart() != 0 || l.LogEnd() != 2 || l.RecoveryPoint() != 0 {
			t.Errorf("restart %v: [%d, %d), recovery point %d", restart, l.LogStart(), l.LogEnd(), l.RecoveryPoint())
		}
	}
}

func TestCreateChoosesTheEmptiestDirectory(t *testing.T) {
	fs := vfs.NewMem(1)
	for _, p := range []string{"/d", "/e", "/f"} {
		format(t, fs, p)
	}
	d, err := openDirs(t, fs, func(o *Options) { o.Paths = []string{"/d", "/e", "/f"} })
	must(t, err)
	ids := d.List()
	_, err = d.Create(tp("x", 0), model.NewUUID(), ids[1].ID, nil)
	must(t, err)
	d.SetCordoned([]string{"/f"})
	counts := map[string]int{}
	for i := range 5 {
		counts[create(t, d, tp("a", int32(i))).Root()]++
	}
	if fmt.Sprint(counts) != "map[/d:3 /e:2]" {
		t.Error(counts)
	}
	d.SetCordoned([]string{"/d", "/e", "/f"})
	if l := create(t, d, tp("b", 0)); l.Root() != "/f" {
		t.Errorf("all cordoned: %s", l.Root())
	}
	if _, err := d.Create(tp("a", 1), model.NewUUID(), model.DirectoryID{}, nil); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	if _, err := d.Create(tp("c", 1), model.NewUUID(), model.NewUUID(), nil); !errors.Is(err, ErrOffline) {
		t.Errorf("an unknown directory: %v", err)
	}
}

// TestOneBadDirectoryOfTwo goes offline alone.
func TestOneBadDirectoryOfTwo(t *testing.T) {
	mem := vfs.NewMem(1)
	format(t, mem, "/d")
	format(t, mem, "/e")
	fs := &vfs.Faulty{FS: mem, Fail: func(op vfs.Op, name string) error {
		if strings.HasPrefix(name, "/e") && op == vfs.OpReadDir {
			return errors.New("input/output error")
		}
		return nil
	}}
	d, err := openDirs(t, fs, func(o *Options) { o.Paths = []string{"/d", "/e"} })
	must(t, err)
	l := d.List()
	if l[0].Err != nil || l[1].Err == nil || d.PreviousBrokerEpoch() != -1 {
		t.Errorf("%+v", l)
	}
	if create(t, d, tp("a", 0)).Root() != "/d" {
		t.Error("created in the bad directory")
	}
	must(t, d.Close(1, 1, nil))
}

func TestFlushMs(t *testing.T) {
	fs := vfs.NewMem(1)
	format(t, fs, "/d")
	d, err := openDirs(t, fs, nil)
	must(t, err)
	cfg := DefaultConfig()
	cfg.FlushMs = 100
	l, err := d.Create(tp("a", 0), model.NewUUID(), model.DirectoryID{}, cfg)
	must(t, err)
	for now := model.Millis(1000); now < 1100; now += 50 {
		must(t, l.Load(now))
		_, err = l.Append([][]byte{batch(l.LogEnd(), 0, 1, 1, 1)}, now)
		must(t, err)
	}
	must(t, d.FlushDirty(1099))
	if l.RecoveryPoint() != 0 {
		t.Error("flushed too early")
	}
	must(t, d.FlushDirty(1100))
	if l.RecoveryPoint() != 2 {
		t.Error("not flushed 100 ms after the first record")
	}
	ops := fs.Ops()
	must(t, d.FlushDirty(9999))
	if fs.Ops() != ops {
		t.Error("flushes what is flushed")
	}
}

// TestBackgroundSyncsRolledSegments, so that recovery has to read no more than
// the active one.
func TestBackgroundSyncsRolledSegments(t *testing.T) {
	fs := vfs.NewMem(1)
	format(t, fs, "/d")
	d, err := openDirs(t, fs, nil)
	must(t, err)
	l := create(t, d, tp("a", 0))
	put(t, l, 5)
	must(t, l.Roll(1))
	put(t, l, 5)
	_, err = d.Background(1)
	must(t, err)
	if l.RecoveryPoint() != 5 {
		t.Errorf("recovery point %d", l.RecoveryPoint())
	}
	must(t, d.CheckpointRecoveryPoints())
	fs.Crash()
	d, err = openDirs(t, fs, nil)
	must(t, err)
	l = d.Log(tp("a", 0))
	must(t, l.Load(1))
	if l.LogEnd() < 5 {
		t.Errorf("log end %d", l.LogEnd())
	}
}

// TestTopicIDs: partition.metadata in all the forms that occur.
func TestTopicIDs(t *testing.T) {
	id := model.NewUUID()
	for content, want := range map[string]model.TopicID{
		"version: 0\ntopic_id: " + id.String():            id,
		"version: 0\r\ntopic_id: " + id.String() + "\r\n": id,
		"version: 3\ntopic_id: " + id.String():            id,
		"version: 0\ntopic_id: " + id.String()[:10]:       {},
		"":                                      {},
		"version: -1\ntopic_id: " + id.String(): {},
		"\x00\x00\x00":                          {},
	} {
		fs := vfs.NewMem(1)
		must(t, fs.MkdirAll("/d/a-0"))
		must(t, vfs.WriteFile(fs, "/d/a-0/partition.metadata", []byte(content), true))
		got, err := readPartitionMeta(fs, "/d/a-0")
		if err != nil || got != want {
			t.Errorf("%q: %s, want %s (%v)", content, got, want, err)
		}
	}
}
