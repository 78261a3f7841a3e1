// Package format formats the log directories of a node, as kafka-storage format
// does: meta.properties in each, and in the metadata directory of a controller
// the checkpoint that begins the metadata log.
//
// Source: Formatter of Apache Kafka 4.4; KIP-853 (dynamic quorums), KIP-900
// (SCRAM credentials), KIP-1022 (features).
package format

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gregor/internal/config"
	"gregor/internal/metadata"
	"gregor/internal/metalog"
	"gregor/internal/model"
	"gregor/internal/raft"
	"gregor/internal/storage"
	"gregor/internal/vfs"
	"gregor/internal/wire"
)

// Quorum is how the metadata quorum is made.
type Quorum int

// The ways to make a quorum.
const (
	// FromConfig is a static quorum: controller.quorum.voters.
	FromConfig Quorum = iota
	// Standalone is a dynamic quorum of this node alone.
	Standalone
	// Initial is a dynamic quorum of given controllers.
	Initial
	// NoInitial joins a dynamic quorum that others began.
	NoInitial
)

// Request is what to format.
type Request struct {
	FS        vfs.FS
	Node      *config.Node
	ClusterID string
	Quorum    Quorum
	// Controllers is --initial-controllers: id@host:port:directory,….
	Controllers string
	// Release is --release-version; "" is the newest.
	Release string
	// Features are --feature name=level.
	Features map[string]int16
	// Scram are --add-scram.
	Scram []string
	// IgnoreFormatted skips directories that are formatted already.
	IgnoreFormatted bool
	Now             model.Millis
	// Print gets the progress, a line at a time.
	Print func(line string)
}

// plan is a checked Request.
type plan struct {
	Request
	version metadata.Version
	levels  map[string]int16
	voters  raft.Voters
	records []metadata.Record
	meta    string
}

// Run formats the directories. Errors have Kafka's text.
func Run(r Request) error {
	p := plan{Request: r, meta: r.Node.MetadataLogDir}
	if r.ClusterID == "" {
		return fmt.Errorf("You must specify the cluster id.")
	}
	if err := p.quorum(); err != nil {
		return err
	}
	if err := p.features(); err != nil {
		return err
	}
	if err := p.bootstrap(); err != nil {
		return err
	}
	return p.write()
}

func (p *plan) quorum() error {
	static := len(p.Node.Voters) > 0
	if static && (p.Quorum == Standalone || p.Quorum == Initial) {
		return fmt.Errorf("You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone. If you want to use dynamic quorum, please remove controller.quorum.voters and specify controller.quorum.bootstrap.servers instead.")
	}
	if !static && p.Node.Controller && p.Quorum == FromConfig {
		return fmt.Errorf("Because controller.quorum.voters is not set on this controller, you must specify one of the following: --standalone, --initial-controllers, or --no-initial-controllers.")
	}
	var err error
	switch p.Quorum {
	case Standalone:
		p.voters, err = p.standalone()
	case Initial:
		p.voters, err = parseVoters(p.Controllers, p.Node.ControllerNames[0])
	}
	return err
}

func (p *plan) standalone() (raft.Voters, error) {
	if !p.Node.Controller {
		return nil, fmt.Errorf("You can only use --standalone on a controller.")
	}
	l := p.Node.AdvertisedControllers[0]
	host := l.Host
	if host == "" {
		host = "localhost"
	}
	return parseVoters(fmt.Sprintf("%d@%s:%d:%s", p.Node.ID, host, l.Port, model.NewUUID()), l.Name)
}

func (p *plan) features() error {
	p.version = metadata.MaxVersion
	level, given := p.Features[metadata.FeatureMetadata]
	switch {
	case given && p.Release != "":
		return fmt.Errorf("Use --release-version instead of --feature metadata.version=X to avoid ambiguity.")
	case given:
		p.version = metadata.Version(level)
		if !p.version.Known() {
			return fmt.Errorf("No MetadataVersion with feature level %d. Valid feature levels are from %d to %d.", level, metadata.MinVersion, metadata.MaxVersion)
		}
	case p.Release != "":
		v, err := metadata.ParseVersion(p.Release)
		if err != nil {
			return err
		}
		p.version = v
	}
	p.levels = map[string]int16{}
	for _, f := range metadata.Features {
		p.levels[f.Name] = f.DefaultLevel(p.version)
	}
	p.levels[metadata.FeatureKRaft] = 0
	if len(p.Node.Voters) == 0 {
		p.levels[metadata.FeatureKRaft] = 1
	}
	for _, name := range slices.Sorted(maps.Keys(p.Features)) {
		if err := p.feature(name, p.Features[name]); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) feature(name string, level int16) error {
	if name == metadata.FeatureMetadata {
		return nil
	}
	f, ok := metadata.FeatureByName(name)
	if !ok {
		var names []string
		for _, f := range metadata.Features {
			names = append(names, f.Name)
		}
		slices.Sort(names)
		return fmt.Errorf("Unsupported feature: %s. Supported features are: %s", name, strings.Join(names, ", "))
	}
	if level < 0 || level > f.Max {
		return fmt.Errorf("No feature:%s with feature level %d", name, level)
	}
	if name == metadata.FeatureKRaft {
		dynamic := len(p.Node.Voters) == 0
		if level == 0 && dynamic {
			return fmt.Errorf("Cannot set kraft.version to 0 if controller.quorum.voters is empty and one of the flags --standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try removing the --feature flag for kraft.version.")
		}
		if level > 0 && !dynamic {
			return fmt.Errorf("Cannot set kraft.version to %d unless controller.quorum.voters is empty and one of the flags --standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try using one of --standalone, --initial-controllers, or --no-initial-controllers and removing controller.quorum.voters.", level)
		}
	}
	if level > 0 {
		if need := f.Needs[level-1]; p.version < need {
			return fmt.Errorf("%s could not be set to %d because it depends on metadata.version level %d", name, level, need)
		}
	}
	p.levels[name] = level
	return nil
}

func (p *plan) bootstrap() error {
	add := func(name string, level int16) {
		p.records = append(p.records, metadata.V0(&wire.FeatureLevelRecord{Name: name, FeatureLevel: level}))
	}
	add(metadata.FeatureMetadata, int16(p.version))
	for _, name := range slices.Sorted(maps.Keys(p.levels)) {
		if name != metadata.FeatureKRaft && p.levels[name] > 0 {
			add(name, p.levels[name])
		}
	}
	if len(p.Scram) == 0 {
		return nil
	}
	if !p.version.Scram() {
		return fmt.Errorf("SCRAM is only supported in metadata.version 3.5-IV2 or later.")
	}
	recs, err := scramRecords(p.Scram)
	if err != nil {
		return err
	}
	for _, r := range recs {
		p.records = append(p.records, metadata.V0(r))
	}
	return nil
}

// dirs are all directories of the node, sorted, each once.
func (p *plan) dirs() []string {
	d := append([]string{p.meta}, p.Node.LogDirs...)
	slices.Sort(d)
	return slices.Compact(d)
}

func (p *plan) write() error {
	dirs := p.dirs()
	e := storage.LoadEnsemble(p.FS, dirs, p.meta)
	if len(e.Props) > 0 {
		if err := e.Verify(p.ClusterID, p.Node.ID); err != nil {
			return err
		}
		if !p.IgnoreFormatted {
			return fmt.Errorf("Log directory %s is already formatted. Use --ignore-formatted to ignore this directory and format the others.", slices.Sorted(maps.Keys(e.Props))[0])
		}
	}
	for _, d := range slices.Sorted(maps.Keys(e.Failed)) {
		p.Print("I/O error trying to read log directory " + d + ". Ignoring...")
	}
	if len(e.Empty) == 0 {
		if len(e.Props) == 0 {
			return fmt.Errorf("No available log directories to format.")
		}
		p.Print("All of the log directories are already formatted.")
		return nil
	}
	p.Print("Bootstrap metadata: " + p.describe())
	// The metadata directory comes last: until it is complete the node is not
	// formatted, whatever happens before.
	slices.SortFunc(e.Empty, func(a, b string) int {
		if (a == p.meta) != (b == p.meta) {
			if b == p.meta {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, d := range e.Empty {
		if err := p.writeDir(d); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) writeDir(dir string) error {
	kind, id := "data directory", newDirectoryID()
	me, voter := p.voters.Get(p.Node.ID)
	if dir == p.meta {
		switch {
		case p.voters == nil:
			kind = "metadata directory"
		case voter:
			kind, id = "dynamic metadata voter directory", me.Dir
		default:
			kind = "dynamic metadata directory"
		}
	}
	p.Print(fmt.Sprintf("Formatting %s %s with metadata.version %s.", kind, dir, p.version))
	if err := p.FS.MkdirAll(dir); err != nil {
		return err
	}
	if dir == p.meta && p.Node.Controller {
		f := metalog.Format{KVersion: p.levels[metadata.FeatureKRaft], Voters: p.voters, Records: p.records, Now: p.Now}
		if err := metalog.WriteFormat(p.FS, dir, f); err != nil {
			return err
		}
	}
	m := storage.MetaProperties{Version: 1, Cluster: p.ClusterID, NodeID: p.Node.ID, DirectoryID: id}
	if err := storage.WriteMetaProperties(p.FS, dir, m, p.Now); err != nil {
		return fmt.Errorf("Error while writing meta.properties file %s: %w", dir, err)
	}
	return nil
}

func newDirectoryID() model.DirectoryID { return model.NewUUID() }

// describe prints the bootstrap records as Kafka does.
func (p *plan) describe() string {
	var recs []string
	for _, r := range p.records {
		switch r := r.Msg.(type) {
		case *wire.FeatureLevelRecord:
			recs = append(recs, fmt.Sprintf("ApiMessageAndVersion(FeatureLevelRecord(name='%s', featureLevel=%d) at version 0)", r.Name, r.FeatureLevel))
		case *wire.UserScramCredentialRecord:
			// Kafka prints the keys too; they are secrets and stay out of logs.
			recs = append(recs, fmt.Sprintf("ApiMessageAndVersion(UserScramCredentialRecord(name='%s', mechanism=%d, iterations=%d) at version 0)", r.Name, r.Mechanism, r.Iterations))
		}
	}
	return fmt.Sprintf("BootstrapMetadata(records=[%s], metadataVersionLevel=%d, source=format command)", strings.Join(recs, ", "), p.version)
}
