package tool

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/metadata"
	"gregor/internal/tool/argparse"
)

// newFeaturesParser is the table of kafka-features (KIP-584, KIP-1022).
func newFeaturesParser() *argparse.Parser {
	p := argparse.New("kafka-features", "This tool manages feature flags in Kafka.").DefaultHelp().Commands("command", "", "")
	g := p.Mutex("", false)
	g.Arg("--bootstrap-server").Help("Brokers to ask, as host:port, with commas between them.")
	g.Arg("--bootstrap-controller").Help("Controllers to ask, as host:port, with commas between them.")
	p.Arg("--command-config").Type(argparse.File).Help("A file of properties for the admin client.")
	p.Command("describe", "Print the features that are on.").
		Arg("--node-id").Type(argparse.Integer).Help("The node to ask; any without it.")
	up := p.Command("upgrade", "Raise the level of features.")
	down := p.Command("downgrade", "Lower the level of features.")
	off := p.Command("disable", "Turn features off, which is to lower their level to 0.")
	for _, c := range []*argparse.Parser{up, down} {
		c.Arg("--metadata").Help("DEPRECATED -- The level of the metadata, such as 3.3-IV3.")
		c.Arg("--release-version").Help("The release whose levels all features get, such as 3.9-IV0; version-mapping prints which these are.")
		c.Arg("--feature").Append().Help("A feature and its level, such as metadata.version=5.")
	}
	up.Arg("--dry-run").StoreTrue().Help("Only check whether it can be done.")
	off.Arg("--feature").Append().Help("The feature to turn off.")
	for _, c := range []*argparse.Parser{down, off} {
		c.Arg("--unsafe").StoreTrue().Help("Do it even if metadata may be lost.")
		c.Arg("--dry-run").StoreTrue().Help("Only check whether it can be done.")
	}
	p.Command("version-mapping", "Print the levels of all features in a release; of the newest without --release-version.").
		Arg("--release-version").Help(fmt.Sprintf("The release, from %s on; %s without it.", metadata.MinVersion, metadata.MaxVersion))
	p.Command("feature-dependencies", "Print what a level of a feature needs.").
		Arg("--feature").Required().Append().Help("A feature and its level, such as metadata.version=5.")
	return p
}

// runFeatures is kafka-features: FeatureCommand.
func runFeatures(e *env, args []string) int {
	ns, err := newFeaturesParser().Parse(args, e.columns())
	var stop *argparse.Stop
	var bad *argparse.Error
	switch {
	case errors.As(err, &stop):
		e.printf("%s", stop.Text)
		return 0
	case errors.As(err, &bad):
		e.eprintf("Command line error: %s. Type --help for help.", bad.Msg)
		return 1
	}
	if err := features(e, ns); err != nil {
		if strings.HasSuffix(class(err), "InitializeBootstrapException") {
			e.eprintf("Command line error: %s. Type --help for help.", err)
		} else {
			e.eprintln(err)
		}
		return 1
	}
	return 0
}

func features(e *env, ns *argparse.Namespace) error {
	command := ns.Str("command")
	switch command {
	case "version-mapping":
		return e.versionMapping(optional(ns, "release_version"))
	case "feature-dependencies":
		return e.featureDependencies(ns.List("feature"))
	}
	a, err := e.adminOf(optional(ns, "command_config"), optional(ns, "bootstrap_server"), optional(ns, "bootstrap_controller"))
	if err != nil {
		return err
	}
	defer a.close()
	if command == "describe" {
		return e.describeFeatures(a, ns)
	}
	u := &featureUpdate{env: e, a: a, op: command, dry: ns.Bool("dry_run"), kind: upgradeFeature, levels: map[string]int16{}}
	if command != "upgrade" {
		u.kind = safeDowngrade
		if ns.Bool("unsafe") {
			u.kind = unsafeDowngrade
		}
	}
	if err := u.read(ns); err != nil {
		return err
	}
	return u.run()
}

// levelText is the level of a feature as Kafka prints it.
func levelText(name string, level int16) string {
	if name != metadata.FeatureMetadata {
		return strconv.Itoa(int(level))
	}
	if v := metadata.Version(level); v.Known() {
		return v.String()
	}
	return fmt.Sprintf("UNKNOWN %d", level)
}

func (e *env) describeFeatures(a *admin, ns *argparse.Namespace) error {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "gregor-tools", KafkaVersion
	var raw kmsg.Response
	var err error
	if node := ns.Int("node_id"); ns.Has("node_id") {
		if node < 0 {
			return badArgument("Invalid node id %d: must be non-negative.", node)
		}
		raw, err = a.toBroker(int32(node), req, "describeFeatures")
	} else {
		raw, err = a.do(req, "describeFeatures")
	}
	resp, err := must[*kmsg.ApiVersionsResponse](raw, err)
	if err == nil {
		err = codeError(resp.ErrorCode, nil)
	}
	if err != nil {
		return execution(err)
	}
	final := map[string]int16{}
	for _, f := range resp.FinalizedFeatures {
		final[f.Name] = f.MaxVersionLevel
	}
	epoch := "-"
	if resp.FinalizedFeaturesEpoch >= 0 {
		epoch = strconv.FormatInt(resp.FinalizedFeaturesEpoch, 10)
	}
	sort.Slice(resp.SupportedFeatures, func(i, j int) bool { return resp.SupportedFeatures[i].Name < resp.SupportedFeatures[j].Name })
	for _, f := range resp.SupportedFeatures {
		e.printf("Feature: %-40s  SupportedMinVersion: %-15s  SupportedMaxVersion: %-15s  FinalizedVersionLevel: %-15s  Epoch: %s\n",
			f.Name, levelText(f.Name, f.MinVersion), levelText(f.Name, f.MaxVersion), levelText(f.Name, final[f.Name]), epoch)
	}
	return nil
}

func (e *env) versionMapping(release *string) error {
	text := metadata.MaxVersion.String()
	if release != nil {
		text = *release
	}
	v, err := metadata.ParseVersion(text)
	if err != nil {
		return err
	}
	e.printf("metadata.version=%d (%s)\n", v, text)
	for i := range metadata.Features {
		f := &metadata.Features[i]
		e.printf("%s=%d\n", f.Name, f.DefaultLevel(v))
	}
	return nil
}

func (e *env) featureDependencies(list []string) error {
	for _, text := range list {
		name, level, err := nameAndLevel(text)
		if err != nil {
			return err
		}
		if name == metadata.FeatureMetadata {
			if v := metadata.Version(level); !v.Known() {
				return terse("Unknown metadata.version %d", level)
			}
			e.printf("%s=%d (%s) has no dependencies.\n", name, level, metadata.Version(level))
			continue
		}
		f, ok := metadata.FeatureByName(name)
		if !ok {
			return terse("Unknown feature: %s", name)
		}
		if level < 0 || level > f.Max {
			return badArgument("No feature:%s with feature level %d", name, level)
		}
		if level == 0 || f.Needs[level-1] == metadata.NoVersion {
			e.printf("%s=%d has no dependencies.\n", name, level)
			continue
		}
		need := f.Needs[level-1]
		e.printf("%s=%d requires:\n    metadata.version=%d (%s)\n", name, level, need, need)
	}
	return nil
}

func nameAndLevel(text string) (string, int16, error) {
	name, level, ok := strings.Cut(text, "=")
	if !ok {
		return "", 0, throw(runtimeError, "Can't parse feature=level string %s: equals sign not found.", text)
	}
	level = strings.TrimSpace(level)
	n, err := strconv.ParseInt(level, 10, 16)
	if err != nil {
		return "", 0, throw(runtimeError, "Can't parse feature=level string %s: unable to parse %s as a short.", text, level)
	}
	return strings.TrimSpace(name), int16(n), nil
}

// Kinds of updates, by the protocol's numbers.
const (
	upgradeFeature  = 1
	safeDowngrade   = 2
	unsafeDowngrade = 3
)

// featureUpdate is an upgrade, a downgrade or a disabling.
type featureUpdate struct {
	*env
	a      *admin
	op     string
	dry    bool
	kind   int8
	levels map[string]int16
}

// read takes the levels to set from the command line.
func (u *featureUpdate) read(ns *argparse.Namespace) error {
	list := ns.List("feature")
	if u.op == "disable" {
		for _, f := range list {
			if err := u.set(f, 0); err != nil {
				return err
			}
		}
		return nil
	}
	if ns.Has("release_version") {
		if list != nil || ns.Has("metadata") {
			return terse("Can not specify `release-version` with other feature flags.")
		}
		return u.release(ns.Str("release_version"))
	}
	if ns.Has("metadata") {
		u.println(" `metadata` flag is deprecated and may be removed in a future release.")
		v, err := metadata.ParseVersion(ns.Str("metadata"))
		if err != nil {
			return err
		}
		u.levels[metadata.FeatureMetadata] = int16(v)
	}
	for _, f := range list {
		name, level, err := nameAndLevel(f)
		if err != nil {
			return err
		}
		if err := u.set(name, level); err != nil {
			return err
		}
	}
	return nil
}

func (u *featureUpdate) set(name string, level int16) error {
	if _, twice := u.levels[name]; twice {
		return throw(runtimeError, "Feature %s was specified more than once.", name)
	}
	u.levels[name] = level
	return nil
}

func (u *featureUpdate) release(text string) error {
	v, err := metadata.ParseVersion(text)
	if err != nil {
		return err
	}
	u.levels[metadata.FeatureMetadata] = int16(v)
	for i := range metadata.Features {
		f := &metadata.Features[i]
		if l := f.DefaultLevel(v); u.kind != upgradeFeature || l > 0 {
			u.levels[f.Name] = l
		}
	}
	return nil
}

func (u *featureUpdate) run() error {
	if len(u.levels) == 0 {
		return terse("You must specify at least one feature to %s", u.op)
	}
	req := kmsg.NewPtrUpdateFeaturesRequest()
	req.TimeoutMillis = int32(u.a.timeout.Milliseconds())
	req.ValidateOnly = u.dry
	names := sortedKeys(u.levels)
	for _, n := range names {
		f := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
		f.Feature, f.MaxVersionLevel, f.UpgradeType, f.AllowDowngrade = n, u.levels[n], u.kind, u.kind != upgradeFeature
		req.FeatureUpdates = append(req.FeatureUpdates, f)
	}
	resp, err := must[*kmsg.UpdateFeaturesResponse](u.a.do(req, "updateFeatures"))
	if err == nil {
		err = codeError(resp.ErrorCode, resp.ErrorMessage)
	}
	each := map[string]error{}
	if err == nil {
		for _, r := range resp.Results {
			each[r.Feature] = codeError(r.ErrorCode, r.ErrorMessage)
		}
	}
	failed := 0
	for _, n := range names {
		why := err
		if why == nil {
			why = each[n]
		}
		if !u.report(n, why) {
			failed++
		}
	}
	if failed > 0 {
		return terse("%d out of %d operation(s) failed.", failed, len(names))
	}
	return nil
}

// report says what became of one feature; it returns whether it went well.
func (u *featureUpdate) report(name string, err error) bool {
	disable := u.op == "disable"
	if err != nil {
		verb := map[bool]string{true: "Can not ", false: "Could not "}[u.dry]
		what := fmt.Sprintf("%s %s to %d", u.op, name, u.levels[name])
		if disable {
			what = "disable " + name
		}
		u.printf("%s%s. %s\n", verb, what, err)
		return false
	}
	verb := map[bool]string{true: " can be ", false: " was "}[u.dry]
	what := fmt.Sprintf("%sd to %d.", u.op, u.levels[name])
	if disable {
		what = "disabled."
	}
	u.println(name + verb + what)
	return true
}
