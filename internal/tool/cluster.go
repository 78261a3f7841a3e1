package tool

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/tool/argparse"
)

// newClusterParser is the table of kafka-cluster (KIP-631, KIP-919, KIP-1073).
func newClusterParser() *argparse.Parser {
	p := argparse.New("kafka-cluster", "The Kafka cluster tool.").DefaultHelp().Commands("command", "", "")
	id := p.Command("cluster-id", "Print the id of the cluster.")
	unregister := p.Command("unregister", "Make the cluster forget a broker.")
	endpoints := p.Command("list-endpoints", "Print where brokers or controllers listen.")
	for _, c := range []*argparse.Parser{id, unregister, endpoints} {
		g := c.Mutex("", true)
		g.Arg("--bootstrap-server", "-b").Help("Brokers to ask, as host:port, with commas between them.")
		g.Arg("--bootstrap-controller", "-C").Help("Controllers to ask, as host:port, with commas between them.")
		c.Arg("--config").Help("(DEPRECATED) The same as --command-config.")
		c.Arg("--command-config", "-c").Help("A file of properties for the admin client.")
	}
	unregister.Arg("--id", "-i").Type(argparse.Integer).Required().Help("The id of the broker.")
	endpoints.Arg("--include-fenced-brokers").StoreTrue().Help("Print fenced brokers too.")
	return p
}

// runCluster is kafka-cluster: ClusterTool.
func runCluster(e *env, args []string) int {
	ns, status, done := e.parseArgs(newClusterParser(), args, 1)
	if done {
		return status
	}
	return e.fail("", cluster(e, ns))
}

func cluster(e *env, ns *argparse.Namespace) error {
	file := optional(ns, "command_config")
	if old := optional(ns, "config"); old != nil {
		if file != nil {
			return throw("net.sourceforge.argparse4j.inf.ArgumentParserException", "--config and --command-config cannot be specified together.")
		}
		e.println("Option --config has been deprecated and will be removed in a future version. Use --command-config instead.")
		file = old
	}
	a, err := e.adminOf(file, optional(ns, "bootstrap_server"), optional(ns, "bootstrap_controller"))
	if err != nil {
		return err
	}
	defer a.close()
	switch ns.Str("command") {
	case "cluster-id":
		c, err := a.describeCluster(false)
		if err != nil {
			return execution(err)
		}
		e.println("Cluster ID: " + c.ClusterID)
		return nil
	case "unregister":
		return e.unregister(a, int32(ns.Int("id")))
	}
	fenced := ns.Bool("include_fenced_brokers")
	if fenced && a.set.controllers {
		return badArgument("The option --include-fenced-brokers is only supported with --bootstrap-server option")
	}
	return e.listEndpoints(a, fenced)
}

// adminOf connects to servers or controllers with the settings of a file.
func (e *env) adminOf(file, server, controller *string) (*admin, error) {
	props := map[string]string{}
	if file != nil {
		var err error
		if props, err = loadProps(*file); err != nil {
			return nil, err
		}
	}
	if err := bootstrapProps(props, server, controller); err != nil {
		return nil, err
	}
	return e.newAdmin(props)
}

func (e *env) unregister(a *admin, id int32) error {
	req := kmsg.NewPtrUnregisterBrokerRequest()
	req.BrokerID = id
	resp, err := must[*kmsg.UnregisterBrokerResponse](a.do(req, "unregisterBroker"))
	if err == nil {
		err = codeError(resp.ErrorCode, resp.ErrorMessage)
	}
	switch {
	case isClass(err, unsupported):
		e.println("The target cluster does not support the broker unregistration API.")
	case err != nil:
		e.logLine("ERROR", fmt.Sprintf("[AdminClient clientId=%s] Unregister broker request for broker ID %d failed: %s", a.set.id, id, err), "org.apache.kafka.clients.admin.KafkaAdminClient")
		return execution(err)
	default:
		e.printf("Broker %d is no longer registered.\n", id)
	}
	return nil
}

func (e *env) listEndpoints(a *admin, fenced bool) error {
	c, err := a.describeCluster(fenced)
	if isClass(err, unsupported) {
		e.println(err.Error())
		return nil
	}
	if err != nil {
		return execution(err)
	}
	host, rack := 0, 0
	for _, b := range c.Brokers {
		host = max(host, len(b.Host))
		if b.Rack != nil {
			rack = max(rack, len(*b.Rack))
		}
	}
	if len(c.Brokers) == 0 {
		host = 100
	}
	if rack == 0 {
		rack = 10
	}
	line := func(id, h, port, r, state, kind string) {
		out := fmt.Sprintf("%-10s %-*s %-10s %-*s ", id, host, h, port, rack, r)
		if !a.set.controllers {
			out += fmt.Sprintf("%-10s ", state)
		}
		e.printf("%s%-15s\n", out, kind)
	}
	line("ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE")
	kind := "broker"
	if a.set.controllers {
		kind = "controller"
	}
	for _, b := range hashed(c.Brokers, func(b kmsg.DescribeClusterResponseBroker) int32 { return b.NodeID }) {
		state := "unfenced"
		if b.IsFenced {
			state = "fenced"
		}
		line(fmt.Sprint(b.NodeID), b.Host, fmt.Sprint(b.Port), orNull(b.Rack), state, kind)
	}
	return nil
}
