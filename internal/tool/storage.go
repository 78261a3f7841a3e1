package tool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gregor/internal/config"
	"gregor/internal/format"
	"gregor/internal/metadata"
	"gregor/internal/model"
	"gregor/internal/storage"
	"gregor/internal/tool/argparse"
	"gregor/internal/vfs"
)

// storageTable is the table of kafka-storage (StorageTool of Apache Kafka).
func storageTable() *argparse.Parser {
	p := argparse.New("kafka-storage", "The Kafka storage tool.").DefaultHelp().Commands("command", "", "")
	configArg := func(c *argparse.Parser) {
		c.Arg("--config", "-c").Required().Help("The Kafka configuration file to use.")
	}
	configArg(p.Command("info", "Get information about the Kafka log directories on this node."))
	f := p.Command("format", "Format the Kafka log directories on this node.")
	configArg(f)
	formatArgs(f)
	v := p.Command("version-mapping", "Look up the corresponding features for a given metadata version. "+
		"Using the command with no --release-version  argument will return the mapping for the latest stable metadata version")
	v.Arg("--release-version", "-r").Help("The release version to use for the corresponding feature mapping. " + versionRange())
	d := p.Command("feature-dependencies", "Look up dependencies for a given feature version. "+
		"If the feature is not known or the version not yet defined, an error is thrown. Multiple features can be specified.")
	d.Arg("--feature", "-f").Required().Append().Help("The features and their versions to look up dependencies for, in feature=version format." +
		" For example: `metadata.version=5`.")
	p.Command("random-uuid", "Print a random UUID.")
	return p
}

func versionRange() string {
	return fmt.Sprintf("The minimum is %s; the default is %s", metadata.Version(metadata.MinVersion), metadata.Version(metadata.MaxVersion))
}

func formatArgs(f *argparse.Parser) {
	f.Arg("--cluster-id", "-t").Required().Help("The cluster ID to use.")
	f.Arg("--add-scram", "-S").Append().Help("A SCRAM_CREDENTIAL to add to the __cluster_metadata log e.g.\n" +
		"'SCRAM-SHA-256=[name=alice,password=alice-secret]'\n" +
		"'SCRAM-SHA-512=[name=alice,iterations=8192,salt=\"N3E=\",saltedpassword=\"YCE=\"]'")
	f.Arg("--ignore-formatted", "-g").StoreTrue().Help("When this option is passed, the format command will skip over already formatted directories rather than failing.")
	f.Arg("--release-version", "-r").Help("The release version to use for the initial feature settings. " + versionRange())
	f.Arg("--feature", "-f").Append().Help("The setting to use for a specific feature, in feature=level format. For example: `kraft.version=1`.")
	const setInstead = "the controller.quorum.voters config must not be set, and controller.quorum.bootstrap.servers is set instead."
	g := f.Mutex("", false)
	g.Arg("--standalone", "-s").StoreTrue().Help("Used to initialize a controller as a single-node dynamic quorum. When setting this flag, " + setInstead)
	g.Arg("--no-initial-controllers", "-N").StoreTrue().Help("Used to initialize a server without specifying a dynamic quorum. When setting this flag, " +
		"the controller.quorum.voters config should not be set, and controller.quorum.bootstrap.servers is set instead.")
	g.Arg("--initial-controllers", "-I").Help("Used to initialize a server with the specified dynamic quorum. The argument " +
		"is a comma-separated list of id@hostname:port:directory. The same values must be used to format all nodes. For example:\n" +
		"0@example.com:8082:JEXY6aqzQY-32P5TStzaFg,1@example.com:8083:MvDxzVmcRsaTz33bUuRU6A,2@example.com:8084:07R5amHmR32VDA6jHkGbTA\n" +
		". When setting this flag, " + setInstead)
}

func runStorage(e *env, args []string) int {
	ns, status, stop := e.argsOf(storageTable(), args)
	if stop {
		return status
	}
	var err error
	switch ns.Str("command") {
	case "random-uuid":
		e.println(model.NewUUID())
	case "version-mapping":
		err = e.storageMapping(ns)
	case "feature-dependencies":
		err = e.storageDependencies(ns.List("feature"))
	case "info":
		status, err = e.storageInfo(ns.Str("config"))
	case "format":
		err = e.storageFormat(ns)
	}
	return e.thrown(status, err)
}

// thrown is how a Java program ends: what is terse is printed as it is, what
// nobody caught as the virtual machine does.
func (e *env) thrown(status int, err error) int {
	var x *exception
	switch {
	case err == nil:
		return status
	case errors.As(err, &x) && !strings.HasSuffix(x.class, ".TerseException"):
		e.eprintf("Exception in thread \"main\" %s", trace(err))
	default:
		e.eprintln(err)
	}
	return 1
}

func (e *env) storageMapping(ns *argparse.Namespace) error {
	text := metadata.Version(metadata.MaxVersion).String()
	if ns.Has("release_version") {
		text = ns.Str("release_version")
	}
	v, err := metadata.ParseVersion(text)
	if err != nil {
		return terse("%v", err)
	}
	e.printf("metadata.version=%d (%s)\n", v, text)
	for i := range metadata.Features {
		f := &metadata.Features[i]
		e.printf("%s=%d\n", f.Name, f.DefaultLevel(v))
	}
	return nil
}

// storageDependencies checks more strictly than kafka-features does, as Kafka.
func (e *env) storageDependencies(features []string) error {
	for _, arg := range features {
		name, text, ok := strings.Cut(arg, "=")
		if !ok {
			return terse("Invalid feature format: %s. Expected format: 'feature=version' (e.g. 'group.version=1')", arg)
		}
		name, text = strings.TrimSpace(name), strings.TrimSpace(text)
		level, err := strconv.ParseInt(text, 10, 16)
		if err != nil {
			return terse("Invalid version format: %s for feature %s", text, name)
		}
		if err := e.dependenciesOf(name, int16(level)); err != nil {
			return err
		}
	}
	return nil
}

func (e *env) dependenciesOf(name string, level int16) error {
	if name == metadata.FeatureMetadata {
		v := metadata.Version(level)
		if !v.Known() {
			return terse("Unknown metadata.version %d", level)
		}
		e.printf("%s=%d (%s) has no dependencies.\n", name, level, v)
		return nil
	}
	f, ok := metadata.FeatureByName(name)
	if !ok {
		return terse("Unknown feature: %s", name)
	}
	if level < 0 || level > f.Max {
		return terse("Feature level %d is not supported for feature %s", level, name)
	}
	if level == 0 || f.Needs[level-1] == metadata.NoVersion {
		e.printf("%s=%d has no dependencies.\n", name, level)
		return nil
	}
	need := f.Needs[level-1]
	e.printf("%s=%d requires:\n    %s=%d (%s)\n", name, level, metadata.FeatureMetadata, need, need)
	return nil
}

// nodeOf reads and checks a node's configuration file.
func nodeOf(path string) (*config.Node, error) {
	props, err := loadProps(path)
	if err != nil {
		return nil, err
	}
	v, _, err := config.Load(props)
	if err != nil {
		return nil, throw(configError, "%v", err)
	}
	n, _, err := config.NewNode(v)
	if err != nil {
		return nil, throw(configError, "%v", err)
	}
	return n, nil
}

func dirsOf(n *config.Node) []string {
	d := append([]string{n.MetadataLogDir}, n.LogDirs...)
	slices.Sort(d)
	return slices.Compact(d)
}

func (e *env) storageFormat(ns *argparse.Namespace) error {
	n, err := nodeOf(ns.Str("config"))
	if err != nil {
		return err
	}
	r := format.Request{
		FS: vfs.OS, Node: n, ClusterID: ns.Str("cluster_id"), Controllers: ns.Str("initial_controllers"),
		Release: ns.Str("release_version"), Scram: ns.List("add_scram"), IgnoreFormatted: ns.Bool("ignore_formatted"),
		Now: model.Millis(e.Now().UnixMilli()), Print: func(line string) { e.println(line) },
	}
	switch {
	case ns.Bool("standalone"):
		r.Quorum = format.Standalone
	case ns.Bool("no_initial_controllers"):
		r.Quorum = format.NoInitial
	case ns.Has("initial_controllers"):
		r.Quorum = format.Initial
	}
	if r.Features, err = levelsOf(ns.List("feature")); err != nil {
		return err
	}
	if err := format.Run(r); err != nil {
		return terse("%v", err)
	}
	return nil
}

func levelsOf(features []string) (map[string]int16, error) {
	out := map[string]int16{}
	for _, f := range features {
		name, text, ok := strings.Cut(f, "=")
		if !ok {
			return nil, throw(runtimeError, "Can't parse feature=level string %s: equals sign not found.", f)
		}
		text = strings.TrimSpace(text)
		level, err := strconv.ParseInt(text, 10, 16)
		if err != nil {
			return nil, throw(runtimeError, "Can't parse feature=level string %s: unable to parse %s as a short.", f, text)
		}
		out[strings.TrimSpace(name)] = int16(level)
	}
	return out, nil
}

// storageInfo prints what stands in the directories; the status is 1 if
// something is wrong with them.
func (e *env) storageInfo(path string) (int, error) {
	n, err := nodeOf(path)
	if err != nil {
		return 0, err
	}
	var found, problems []string
	var first *storage.MetaProperties
	for _, d := range dirsOf(n) {
		m, problem := dirInfo(d)
		if m != nil || strings.HasSuffix(problem, "is not formatted.") || strings.HasPrefix(problem, "Error") {
			found = append(found, d)
		}
		switch {
		case problem != "":
			problems = append(problems, problem)
		case first == nil:
			first = m
		case first.Cluster != m.Cluster:
			problems = append(problems, "Mismatched cluster IDs between storage directories.")
		case first.NodeID != m.NodeID:
			problems = append(problems, "Mismatched node IDs between storage directories.")
		}
	}
	if first != nil && first.Version == 0 {
		problems = append(problems, "The kafka configuration file appears to be for a cluster in KRaft mode, but "+
			"the directories are formatted for legacy mode.")
	}
	e.printList("Found log directory:", "Found log directories:", found)
	if first != nil {
		e.printf("Found metadata: %s\n\n", metaMap(*first))
	}
	e.printList("Found problem:", "Found problems:", problems)
	if problems != nil {
		return 1, nil
	}
	return 0, nil
}

func (e *env) printList(one, many string, lines []string) {
	if len(lines) == 0 {
		return
	}
	if len(lines) > 1 {
		one = many
	}
	e.printf("%s\n  %s\n\n", one, strings.Join(lines, "\n  "))
}

// dirInfo reads one directory; problem says what is wrong with it.
func dirInfo(dir string) (m *storage.MetaProperties, problem string) {
	st, err := os.Stat(dir)
	switch {
	case os.IsNotExist(err):
		return nil, dir + " does not exist"
	case err == nil && !st.IsDir():
		return nil, dir + " is not a directory"
	}
	props, err := storage.ReadMetaProperties(vfs.OS, dir)
	switch {
	case isNotExist(err):
		return nil, dir + " is not formatted."
	case err != nil:
		return nil, fmt.Sprintf("Error loading %s: %v", filepath.Join(dir, "meta.properties"), err)
	}
	return &props, ""
}

func isNotExist(err error) bool { return err != nil && errors.Is(err, fs.ErrNotExist) }

// metaMap is meta.properties as Java prints a sorted map.
func metaMap(m storage.MetaProperties) string {
	var kv []string
	if m.Cluster != "" {
		kv = append(kv, "cluster.id="+m.Cluster)
	}
	if m.DirectoryID != (model.DirectoryID{}) {
		kv = append(kv, "directory.id="+m.DirectoryID.String())
	}
	id := "node.id"
	if m.Version == 0 {
		id = "broker.id"
	}
	if m.NodeID != model.NoBroker {
		kv = append(kv, fmt.Sprintf("%s=%d", id, m.NodeID))
	}
	kv = append(kv, fmt.Sprintf("version=%d", m.Version))
	slices.Sort(kv)
	return "{" + strings.Join(kv, ", ") + "}"
}
