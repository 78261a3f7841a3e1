package config

import (
	"fmt"
	"strings"

	"gregor/internal/model"
)

// Node is what a node is: the settings that decide its roles, addresses and
// directories, checked against each other as Kafka checks them.
type Node struct {
	Values *Values

	ID         model.BrokerID
	Broker     bool
	Controller bool
	LogDirs    []string
	// MetadataLogDir is metadata.log.dir, or the first of LogDirs.
	MetadataLogDir string

	Listeners             []Listener // all that this node listens on
	ControllerNames       []string   // controller.listener.names, upper case
	BrokerListeners       []Listener // Listeners without the controllers'
	ControllerListeners   []Listener
	AdvertisedBrokers     []Listener // a host may be empty: the node's own name is used
	AdvertisedControllers []Listener
	InterBroker           string            // name of the listener brokers use among themselves
	Protocols             map[string]string // listener name → security protocol
	Voters                []Voter           // static quorum; empty for a dynamic one
	BootstrapServers      []HostPort
}

// NewNode checks v as a whole. Errors are *Error in Kafka's words.
func NewNode(v *Values) (*Node, []Warning, error) {
	n := &Node{Values: v}
	for _, name := range []string{"process.roles", "node.id", "controller.listener.names"} {
		if !v.IsSet(name) {
			return nil, nil, &Error{Msg: fmt.Sprintf("Missing required configuration %q which has no default value.", name)}
		}
	}
	if err := n.roles(); err != nil {
		return nil, nil, err
	}
	if err := n.addresses(); err != nil {
		return nil, nil, err
	}
	if err := n.limits(); err != nil {
		return nil, nil, err
	}
	if err := n.quorum(); err != nil {
		return nil, nil, err
	}
	if n.Broker {
		if err := n.brokerListeners(); err != nil {
			return nil, nil, err
		}
	}
	for _, l := range append(append([]Listener{}, n.AdvertisedBrokers...), n.AdvertisedControllers...) {
		if l.Host == "0.0.0.0" {
			return nil, nil, &Error{Msg: "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address."}
		}
	}
	return n, n.warnings(), nil
}

func (n *Node) roles() error {
	v := n.Values
	for _, r := range v.List("process.roles") {
		switch r {
		case "broker":
			n.Broker = true
		case "controller":
			n.Controller = true
		}
	}
	if !n.Broker && !n.Controller {
		return &Error{Msg: "Configuration 'process.roles' must not be empty. Valid values include: [broker, controller]"}
	}
	n.ID = v.NodeID()
	if v.Int("broker.id") != v.Int("node.id") {
		return &Error{Msg: "You must set `node.id` to the same value as `broker.id`."}
	}
	n.LogDirs = v.LogDirs()
	if len(n.LogDirs) == 0 {
		return &Error{Msg: "At least one log directory must be defined via log.dirs or log.dir."}
	}
	n.MetadataLogDir = n.LogDirs[0]
	if d := v.Str("metadata.log.dir"); d != "" {
		n.MetadataLogDir = d
	}
	return nil
}

func (n *Node) addresses() error {
	v := n.Values
	var err error
	if n.Protocols, err = v.protocolMap(); err != nil {
		return err
	}
	for _, c := range v.List("controller.listener.names") {
		n.ControllerNames = append(n.ControllerNames, strings.ToUpper(c))
	}
	if n.Listeners, err = parseListeners("listeners", v.List("listeners"), n.Protocols); err != nil {
		return err
	}
	if err = distinctPorts(n.Listeners, strings.Join(v.List("listeners"), ",")); err != nil {
		return err
	}
	for _, l := range n.Listeners {
		if contains(n.ControllerNames, l.Name) {
			n.ControllerListeners = append(n.ControllerListeners, l)
		} else {
			n.BrokerListeners = append(n.BrokerListeners, l)
		}
	}
	adv := n.Listeners
	if a := v.Get("advertised.listeners"); !a.Null {
		if adv, err = parseListeners("advertised.listeners", a.List, n.Protocols); err != nil {
			return err
		}
	}
	for _, l := range adv {
		if !contains(n.ControllerNames, l.Name) {
			n.AdvertisedBrokers = append(n.AdvertisedBrokers, l)
		}
	}
	if n.Voters, err = parseVoters(v.List("controller.quorum.voters")); err != nil {
		return err
	}
	if n.BootstrapServers, err = parseBootstrap(v.List("controller.quorum.bootstrap.servers")); err != nil {
		return err
	}
	n.advertisedControllers(adv)
	return n.interBroker()
}

func (n *Node) advertisedControllers(advertised []Listener) {
	find := func(ls []Listener, name string) (Listener, bool) {
		for _, l := range ls {
			if l.Name == name {
				return l, true
			}
		}
		return Listener{}, false
	}
	for i, name := range n.ControllerNames {
		l, ok := find(advertised, name)
		explicit := ok && n.Values.IsSet("advertised.listeners")
		if !ok {
			if l, ok = find(n.ControllerListeners, name); !ok {
				continue
			}
		}
		if !explicit && (l.Host == "" || l.Host == "0.0.0.0") {
			l.Host = ""
			for _, voter := range n.Voters {
				if i == 0 && voter.ID == n.ID {
					l.Host, l.Port = voter.Host, voter.Port
				}
			}
		}
		n.AdvertisedControllers = append(n.AdvertisedControllers, l)
	}
}

func (n *Node) interBroker() error {
	v := n.Values
	name := v.Str("inter.broker.listener.name")
	if name == "" {
		n.InterBroker = strings.ToUpper(v.Str("security.inter.broker.protocol"))
		return nil
	}
	if v.IsSet("security.inter.broker.protocol") {
		return &Error{Msg: "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set."}
	}
	n.InterBroker = strings.ToUpper(name)
	if _, ok := n.Protocols[n.InterBroker]; !ok {
		return &Error{Msg: "Listener with name " + n.InterBroker + " defined in inter.broker.listener.name not found in listener.security.protocol.map."}
	}
	return nil
}

func (n *Node) limits() error {
	v := n.Values
	need := func(ok bool, msg string) error {
		if ok {
			return nil
		}
		return &Error{Msg: "requirement failed: " + msg}
	}
	ret := v.RetentionMs()
	checks := []error{
		need(v.RollMs() >= 1, "log.roll.ms must be greater than or equal to 1"),
		need(v.RollJitterMs() >= 0, "log.roll.jitter.ms must be greater than or equal to 0"),
		need(ret >= 1 || ret == -1, "log.retention.ms must be unlimited (-1) or, greater than or equal to 1"),
		need(v.Int("log.cleaner.dedupe.buffer.size")/max(1, v.Int("log.cleaner.threads")) > 1024*1024, "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread."),
		need(v.Int("replica.fetch.wait.max.ms") <= v.Int("replica.socket.timeout.ms"), "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket timeouts"),
		need(v.Int("replica.fetch.wait.max.ms") <= v.Int("replica.lag.time.max.ms"), "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent changes in ISR"),
		need(v.Int("queued.max.request.bytes") <= 0 || v.Int("queued.max.request.bytes") >= v.Int("socket.request.max.bytes"), "queued.max.request.bytes must be larger or equal to socket.request.max.bytes"),
		need(v.Int("max.connections.per.ip") != 0 || v.Str("max.connections.per.ip.overrides") != "", "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set."),
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) voterIDs() string {
	ids := make([]string, len(n.Voters))
	for i, v := range n.Voters {
		ids[i] = fmt.Sprint(int32(v.ID))
	}
	return "Set(" + strings.Join(ids, ", ") + ")"
}

func (n *Node) isVoter() bool {
	for _, v := range n.Voters {
		if v.ID == n.ID {
			return true
		}
	}
	return false
}

func (n *Node) quorum() error {
	fail := func(format string, args ...any) error { return &Error{Msg: fmt.Sprintf(format, args...)} }
	if len(n.Voters) == 0 && len(n.BootstrapServers) == 0 {
		return fail("If using process.roles, either controller.quorum.bootstrap.servers must contain the set of bootstrap controllers or controller.quorum.voters must contain a parseable set of controllers.")
	}
	if n.Controller {
		if len(n.Voters) > 0 && !n.isVoter() {
			return fail("requirement failed: If process.roles contains the 'controller' role, the node id %d must be included in the set of voters controller.quorum.voters=%s", n.ID, n.voterIDs())
		}
		if len(n.AdvertisedControllers) == 0 {
			return fail("requirement failed: controller.listener.names must contain at least one value appearing in the 'listeners' configuration when running the KRaft controller role")
		}
		if len(n.ControllerListeners) != len(n.ControllerNames) {
			return fail("requirement failed: controller.listener.names must only contain values appearing in the 'listeners' configuration when running the KRaft controller role")
		}
		if !n.Broker && len(n.BrokerListeners) > 0 {
			return fail("requirement failed: The listeners config must only contain KRaft controller listeners from controller.listener.names when process.roles=controller")
		}
		return nil
	}
	if n.isVoter() {
		return fail("requirement failed: If process.roles contains just the 'broker' role, the node id %d must not be included in the set of voters controller.quorum.voters=%s", n.ID, n.voterIDs())
	}
	if len(n.ControllerNames) == 0 {
		return fail("requirement failed: controller.listener.names must contain at least one value when running KRaft with just the broker role")
	}
	if len(n.ControllerListeners) > 0 {
		return fail("requirement failed: controller.listener.names must not contain a value appearing in the 'listeners' configuration when running KRaft with just the broker role")
	}
	for _, c := range n.ControllerNames {
		if _, ok := n.Protocols[c]; !ok {
			return fail("Controller listener with name %s defined in controller.listener.names not found in listener.security.protocol.map  (an explicit security mapping for each controller listener is required if listener.security.protocol.map is non-empty, or if there are security protocols other than PLAINTEXT in use)", c)
		}
	}
	return nil
}

func (n *Node) brokerListeners() error {
	names := func(ls []Listener) string {
		s := make([]string, len(ls))
		for i, l := range ls {
			s[i] = l.Name
		}
		return strings.Join(s, ",")
	}
	fail := func(format string, args ...any) error { return &Error{Msg: fmt.Sprintf(format, args...)} }
	if len(n.AdvertisedBrokers) == 0 {
		return fail("requirement failed: There must be at least one broker advertised listener. Perhaps all listeners appear in controller.listener.names?")
	}
	found := false
	for _, a := range n.AdvertisedBrokers {
		found = found || a.Name == n.InterBroker
		if !strings.Contains(","+names(n.Listeners)+",", ","+a.Name+",") {
			return fail("requirement failed: advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. Found %s. The valid options based on the current configuration are %s", names(n.AdvertisedBrokers), names(n.Listeners))
		}
	}
	if !found {
		return fail("requirement failed: inter.broker.listener.name must be a listener name defined in advertised.listeners. The valid options based on currently configured listeners are %s", names(n.AdvertisedBrokers))
	}
	return nil
}

func (n *Node) warnings() []Warning {
	v := n.Values
	var w []Warning
	if b, s := v.Int("broker.heartbeat.interval.ms"), v.Int("broker.session.timeout.ms"); b*2 > s {
		w = append(w, Warning(fmt.Sprintf("broker.heartbeat.interval.ms (%d ms) must be less than or equal to half of the broker.session.timeout.ms (%d ms): a broker that does not heartbeat within its session loses its lease.", b, s)))
	}
	for _, name := range sortedKeys(v.set) {
		if f, ok := unbuilt[name]; ok && v.IsSet(name) {
			w = append(w, Warning("The configuration "+name+" is accepted and has no effect yet: "+f+"."))
		}
	}
	return w
}
