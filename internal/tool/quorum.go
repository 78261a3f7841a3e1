package tool

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/config"
	"gregor/internal/model"
	"gregor/internal/tool/argparse"
)

// newQuorumParser is the table of kafka-metadata-quorum (KIP-595, KIP-836,
// KIP-853).
func newQuorumParser() *argparse.Parser {
	p := argparse.New("kafka-metadata-quorum", "This tool describes kraft metadata quorum status.").DefaultHelp().Commands("command", "", "")
	g := p.Mutex("", true)
	g.Arg("--bootstrap-server").Help("Brokers to ask, as host:port, with commas between them.")
	g.Arg("--bootstrap-controller").Help("Controllers to ask, as host:port, with commas between them.")
	p.Arg("--command-config").Type(argparse.File).Help("A file of properties for the admin client; for add-controller it is also the configuration of the controller.")
	d := p.Command("describe", "Print the state of the quorum.")
	d.Group("Status").Arg("--status").StoreTrue().Help("Print the leader, the epoch, the lag and the members.")
	r := d.Group("Replication")
	r.Arg("--replication").StoreTrue().Help("Print how far each member has got.")
	r.Arg("--human-readable").StoreTrue().Help("Print ages instead of timestamps.")
	add := p.Command("add-controller", "Make a controller a voter.")
	add.Arg("--dry-run").StoreTrue().Help("Only print what would be done.")
	remove := p.Command("remove-controller", "Make a controller no voter any more.")
	remove.Arg("--controller-id", "-i").Type(argparse.Integer).Required().Help("The id of the controller.")
	remove.Arg("--controller-directory-id", "-d").Required().Help("The directory id of the controller.")
	remove.Arg("--dry-run").StoreTrue().Help("Only print what would be done.")
	return p
}

// runQuorum is kafka-metadata-quorum: MetadataQuorumCommand.
func runQuorum(e *env, args []string) int {
	ns, status, done := e.parseArgs(newQuorumParser(), args, 0)
	if done {
		return status
	}
	return e.fail("", quorum(e, ns))
}

func quorum(e *env, ns *argparse.Namespace) error {
	file := optional(ns, "command_config")
	props := map[string]string{}
	if file != nil {
		if _, err := os.Stat(*file); err != nil {
			return terse("Properties file %s does not exists!", *file)
		}
		var err error
		if props, err = loadProps(*file); err != nil {
			return err
		}
	}
	if err := bootstrapProps(props, optional(ns, "bootstrap_server"), optional(ns, "bootstrap_controller")); err != nil {
		return err
	}
	a, err := e.newAdmin(props)
	if err != nil {
		return err
	}
	defer a.close()
	switch ns.Str("command") {
	case "describe":
		return e.describeQuorum(a, ns)
	case "add-controller":
		if file == nil {
			return terse("You must supply the configuration file of the controller you are adding when using add-controller.")
		}
		return e.addController(a, ns.Bool("dry_run"), props)
	}
	return e.removeController(a, ns)
}

func (e *env) describeQuorum(a *admin, ns *argparse.Namespace) error {
	status, replication, human := ns.Bool("status"), ns.Bool("replication"), ns.Bool("human_readable")
	switch {
	case status && replication:
		return terse("Only one of --status or --replication should be specified with describe sub-command")
	case replication:
		return e.quorumReplication(a, human)
	case status && human:
		return terse("The option --human-readable is only supported along with --replication")
	case status:
		return e.quorumStatus(a)
	}
	return terse("One of --status or --replication must be specified with describe sub-command")
}

// quorumInfo is the state of __cluster_metadata-0.
type quorumInfo struct {
	kmsg.DescribeQuorumResponseTopicPartition
	nodes  []kmsg.DescribeQuorumResponseNode
	leader kmsg.DescribeQuorumResponseTopicPartitionReplicaState
}

func (a *admin) describeQuorum() (*quorumInfo, error) {
	req := kmsg.NewPtrDescribeQuorumRequest()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic = "__cluster_metadata"
	t.Partitions = []kmsg.DescribeQuorumRequestTopicPartition{kmsg.NewDescribeQuorumRequestTopicPartition()}
	req.Topics = append(req.Topics, t)
	resp, err := must[*kmsg.DescribeQuorumResponse](a.do(req, "describeMetadataQuorum"))
	if err == nil {
		err = codeError(resp.ErrorCode, resp.ErrorMessage)
	}
	if err != nil {
		return nil, execution(err)
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, execution(throw(pkgErrors+"UnknownServerException", "DescribeMetadataQuorum received %d topics when 1 was expected", len(resp.Topics)))
	}
	q := &quorumInfo{DescribeQuorumResponseTopicPartition: resp.Topics[0].Partitions[0], nodes: resp.Nodes}
	if err := codeError(q.ErrorCode, q.ErrorMessage); err != nil {
		return nil, execution(err)
	}
	for _, v := range q.CurrentVoters {
		if v.ReplicaID == q.LeaderID {
			q.leader = v
			return q, nil
		}
	}
	return nil, throw("java.util.NoSuchElementException", "No value present")
}

func (e *env) quorumReplication(a *admin, human bool) error {
	q, err := a.describeQuorum()
	if err != nil {
		return err
	}
	var rows [][]string
	add := func(r kmsg.DescribeQuorumResponseTopicPartitionReplicaState, status string) error {
		fetch, err := e.quorumTime(r.LastFetchTimestamp, human, "last fetch")
		if err != nil {
			return err
		}
		caught, err := e.quorumTime(r.LastCaughtUpTimestamp, human, "last caught up")
		rows = append(rows, []string{
			fmt.Sprint(r.ReplicaID), model.UUID(r.ReplicaDirectoryID).String(), fmt.Sprint(r.LogEndOffset),
			fmt.Sprint(q.leader.LogEndOffset - r.LogEndOffset), fetch, caught, status,
		})
		return err
	}
	if err := add(q.leader, "Leader"); err != nil {
		return err
	}
	for _, v := range q.CurrentVoters {
		if v.ReplicaID != q.LeaderID {
			if err := add(v, "Follower"); err != nil {
				return err
			}
		}
	}
	for _, o := range q.Observers {
		if err := add(o, "Observer"); err != nil {
			return err
		}
	}
	prettyTable(e.Stdout, []string{"NodeId", "DirectoryId", "LogEndOffset", "Lag", "LastFetchTimestamp", "LastCaughtUpTimestamp", "Status"}, rows)
	return nil
}

func (e *env) quorumTime(ms int64, human bool, what string) (string, error) {
	if ms < 0 || !human {
		return strconv.FormatInt(max(ms, -1), 10), nil
	}
	now := e.Now().UnixMilli()
	if ms == 0 || ms > now {
		return "", throw(kafkaError, "Error while computing relative time, possible drift in system clock.\nCurrent timestamp is %d, %s timestamp is %d", now, what, ms)
	}
	return fmt.Sprintf("%d ms ago", now-ms), nil
}

func (e *env) quorumStatus(a *admin) error {
	c, err := a.describeCluster(false)
	if err != nil {
		return execution(err)
	}
	q, err := a.describeQuorum()
	if err != nil {
		return err
	}
	last := q.CurrentVoters[0]
	for _, v := range q.CurrentVoters {
		if v.LogEndOffset < last.LogEndOffset {
			last = v
		}
	}
	behind := int64(-1)
	switch {
	case last.ReplicaID == q.LeaderID:
		behind = 0
	case q.leader.LastCaughtUpTimestamp >= 0 && last.LastCaughtUpTimestamp >= 0:
		behind = q.leader.LastCaughtUpTimestamp - last.LastCaughtUpTimestamp
	}
	e.printf("ClusterId:              %s\nLeaderId:               %d\nLeaderEpoch:            %d\nHighWatermark:          %d\n"+
		"MaxFollowerLag:         %d\nMaxFollowerLagTimeMs:   %d\nCurrentVoters:          %s\nCurrentObservers:       %s\n",
		c.ClusterID, q.LeaderID, q.LeaderEpoch, q.HighWatermark, q.leader.LogEndOffset-last.LogEndOffset, behind,
		q.members(q.CurrentVoters), q.members(q.Observers))
	return nil
}

// members prints nodes as [{"id": 1, "directoryId": "…", "endpoints": ["C://h:1"]}].
func (q *quorumInfo) members(list []kmsg.DescribeQuorumResponseTopicPartitionReplicaState) string {
	var out []string
	for _, r := range list {
		text := fmt.Sprintf(`{"id": %d`, r.ReplicaID)
		if id := model.UUID(r.ReplicaDirectoryID); !id.IsZero() {
			text += fmt.Sprintf(`, "directoryId": "%s"`, id)
		}
		var ends []string
		for _, n := range q.nodes {
			for _, l := range n.Listeners {
				if n.NodeID == r.ReplicaID {
					ends = append(ends, `"`+endpointText(l.Name, l.Host, int(l.Port))+`"`)
				}
			}
		}
		if ends != nil {
			text += `, "endpoints": [` + strings.Join(ends, ", ") + "]"
		}
		out = append(out, text+"}")
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func endpointText(name, host string, port int) string {
	return name + "://" + net.JoinHostPort(host, strconv.Itoa(port))
}

// newVoter is what the configuration of a controller says of it.
type newVoter struct {
	id        int32
	directory model.UUID
	endpoints []config.Listener
}

const notController = "Is this a valid controller configuration file?"

func readVoter(props map[string]string) (*newVoter, error) {
	text, ok := props["node.id"]
	if !ok {
		return nil, terse("node.id not found in configuration file. %s", notController)
	}
	id, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return nil, throw("java.lang.NumberFormatException", `For input string: "%s"`, text)
	}
	if id < 0 {
		return nil, terse("node.id was negative in configuration file. %s", notController)
	}
	if !strings.Contains(props["process.roles"], "controller") {
		return nil, terse("process.roles did not contain 'controller' in configuration file. %s", notController)
	}
	dir := props["metadata.log.dir"]
	if dir == "" {
		dirs := config.SplitList(props["log.dirs"])
		if len(dirs) == 0 || dirs[0] == "" {
			return nil, terse("Neither metadata.log.dir nor log.dirs were found. %s", notController)
		}
		dir = dirs[0]
	}
	v := &newVoter{id: int32(id)}
	if v.directory, err = directoryID(dir); err != nil {
		return nil, err
	}
	v.endpoints, err = controllerEndpoints(props)
	return v, err
}

// directoryID reads the id of a log directory from its meta.properties.
func directoryID(dir string) (model.UUID, error) {
	props, err := loadProps(filepath.Join(dir, "meta.properties"))
	if err != nil {
		return model.UUID{}, terse("Unable to read meta.properties from %s", dir)
	}
	text, ok := props["directory.id"]
	if !ok {
		return model.UUID{}, terse("No directory id found in %s", dir)
	}
	id, err := model.ParseUUID(text)
	if err != nil {
		return id, terse("directory.id in %s: %v", dir, err)
	}
	return id, nil
}

// controllerEndpoints are where clients reach a controller, by
// advertised.listeners over listeners.
func controllerEndpoints(props map[string]string) ([]config.Listener, error) {
	found := map[string]config.Listener{}
	for _, key := range []string{"listeners", "advertised.listeners"} {
		for _, text := range config.SplitList(props[key]) {
			name, rest, ok := strings.Cut(text, "://")
			i := strings.LastIndexByte(rest, ':')
			if text == "" {
				continue
			}
			port, err := strconv.ParseUint(rest[i+1:], 10, 16)
			if !ok || i < 0 || err != nil {
				return nil, badArgument("Unable to parse %s to a broker endpoint", text)
			}
			l := config.Listener{Name: strings.ToUpper(name), Host: strings.Trim(rest[:i], "[]"), Port: int(port)}
			if l.Host == "" {
				l.Host = "localhost"
			}
			found[l.Name] = l
		}
	}
	names, ok := props["controller.listener.names"]
	if !ok {
		return nil, terse("controller.listener.names was not found. %s", notController)
	}
	var out []config.Listener
	for _, n := range strings.Split(names, ",") {
		l, ok := found[strings.ToUpper(n)]
		if !ok {
			return nil, terse("Cannot find information about controller listener name: %s", strings.ToUpper(n))
		}
		out = append(out, l)
	}
	return out, nil
}

func (e *env) addController(a *admin, dry bool, props map[string]string) error {
	v, err := readVoter(props)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrAddRaftVoterRequest()
	req.TimeoutMillis = int32(a.timeout / time.Millisecond)
	req.VoterID, req.VoterDirectoryID = v.id, v.directory
	var ends []string
	for _, l := range v.endpoints {
		r := kmsg.NewAddRaftVoterRequestListener()
		r.Name, r.Host, r.Port = l.Name, l.Host, uint16(l.Port)
		req.Listeners = append(req.Listeners, r)
		ends = append(ends, endpointText(l.Name, l.Host, l.Port))
	}
	verb := "DRY RUN of adding"
	if !dry {
		verb = "Added"
		resp, err := must[*kmsg.AddRaftVoterResponse](a.do(req, "addRaftVoter"))
		if err == nil {
			err = codeError(resp.ErrorCode, resp.ErrorMessage)
		}
		if err != nil {
			return execution(err)
		}
	}
	e.printf("%s controller %d with directory id %s and endpoints: %s\n", verb, v.id, v.directory, strings.Join(ends, ", "))
	return nil
}

func (e *env) removeController(a *admin, ns *argparse.Namespace) error {
	id := ns.Int("controller_id")
	if id < 0 {
		return terse("Invalid negative --controller-id: %d", id)
	}
	dir, err := model.ParseUUID(ns.Str("controller_directory_id"))
	if err != nil {
		return terse("Failed to parse --controller-directory-id: %v", err)
	}
	verb := "DRY RUN of removing "
	if !ns.Bool("dry_run") {
		verb = "Removed "
		req := kmsg.NewPtrRemoveRaftVoterRequest()
		req.VoterID, req.VoterDirectoryID = int32(id), dir
		resp, err := must[*kmsg.RemoveRaftVoterResponse](a.do(req, "removeRaftVoter"))
		if err == nil {
			err = codeError(resp.ErrorCode, resp.ErrorMessage)
		}
		if err != nil {
			return execution(err)
		}
	}
	e.printf("%s KRaft controller %d with directory id %s\n", verb, id, dir)
	return nil
}
