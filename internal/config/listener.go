package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gregor/internal/model"
)

// Listener is one endpoint: NAME://host:port and its security protocol.
type Listener struct {
	Name     string // upper case, such as PLAINTEXT or CONTROLLER
	Protocol string // PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL
	Host     string // empty means every address
	Port     int
}

// String is NAME://host:port.
func (l Listener) String() string { return fmt.Sprintf("%s://%s:%d", l.Name, l.Host, l.Port) }

var protocols = []string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}

var endpointPattern = regexp.MustCompile(`^([^:]*)://(\[?([0-9a-zA-Z\-%._:]*)\]?):(-?[0-9]+)$`)

// parseListeners reads a list of endpoints. setting is named in errors.
func parseListeners(setting string, items []string, protocol map[string]string) ([]Listener, error) {
	fail := func(format string, args ...any) error {
		return &Error{Msg: fmt.Sprintf("Error creating broker listeners from '%s' (%s): %s", strings.Join(items, ","), setting, fmt.Sprintf(format, args...))}
	}
	var out []Listener
	for _, it := range items {
		m := endpointPattern.FindStringSubmatch(it)
		if m == nil {
			return nil, fail("Unable to parse %s to a broker endpoint; expected NAME://host:port", it)
		}
		port, err := strconv.Atoi(m[4])
		if err != nil || port < 0 || port > 65535 {
			return nil, fail("Unable to parse %s to a broker endpoint; expected a port from 0 to 65535", it)
		}
		l := Listener{Name: strings.ToUpper(m[1]), Host: m[3], Port: port}
		p, ok := protocol[l.Name]
		if !ok {
			return nil, fail("No security protocol defined for listener %s", l.Name)
		}
		l.Protocol = p
		for _, o := range out {
			if o.Name == l.Name {
				return nil, fail("Each listener must have a different name, listeners: %s", strings.Join(items, ","))
			}
		}
		out = append(out, l)
	}
	return out, nil
}

func distinctPorts(ls []Listener, text string) error {
	for i, a := range ls {
		for _, b := range ls[:i] {
			if a.Port != b.Port || a.Port == 0 {
				continue
			}
			if v4v6(a.Host, b.Host) {
				continue
			}
			return &Error{Msg: fmt.Sprintf("Error creating broker listeners from '%s': Each listener must have a different port, listeners: %s", text, text)}
		}
	}
	return nil
}

// v4v6 reports whether one host is an IPv4 and the other an IPv6 address.
func v4v6(a, b string) bool {
	is4 := func(h string) bool { return h != "" && strings.Trim(h, "0123456789.") == "" }
	is6 := func(h string) bool { return strings.Contains(h, ":") }
	return is4(a) && is6(b) || is6(a) && is4(b)
}

// protocolMap is listener name → security protocol. Without an explicit
// listener.security.protocol.map and without TLS or SASL, controller listeners
// are PLAINTEXT.
func (v *Values) protocolMap() (map[string]string, error) {
	const key = "listener.security.protocol.map"
	m := map[string]string{}
	for _, it := range SplitList(v.Str(key)) {
		if it == "" {
			continue
		}
		i := strings.LastIndexByte(it, ':')
		if i < 0 {
			return nil, &Error{Msg: fmt.Sprintf("Error parsing configuration property '%s': %s; expected NAME:PROTOCOL", key, it)}
		}
		name, p := strings.ToUpper(strings.TrimSpace(it[:i])), strings.ToUpper(strings.TrimSpace(it[i+1:]))
		if !contains(protocols, p) {
			return nil, &Error{Msg: fmt.Sprintf("Invalid security protocol `%s` defined in %s; expected one of %s", p, key, strings.Join(protocols, ", "))}
		}
		m[name] = p
	}
	if v.IsSet(key) {
		return m, nil
	}
	secure := func(n string) bool { return n == "SSL" || n == "SASL_SSL" || n == "SASL_PLAINTEXT" }
	for _, n := range v.List("controller.listener.names") {
		if secure(n) {
			return m, nil
		}
	}
	for _, l := range v.List("listeners") {
		if n, _, _ := strings.Cut(l, ":"); secure(strings.ToUpper(n)) {
			return m, nil
		}
	}
	for _, n := range v.List("controller.listener.names") {
		if n != "PLAINTEXT" {
			m[strings.ToUpper(n)] = "PLAINTEXT"
		}
	}
	return m, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// Voter is one entry of controller.quorum.voters, id@host:port.
type Voter struct {
	ID   model.BrokerID
	Host string
	Port int
}

func parseVoters(items []string) ([]Voter, error) {
	const key = "controller.quorum.voters"
	var out []Voter
	for _, it := range items {
		if it == "" {
			continue
		}
		id, addr, ok := strings.Cut(it, "@")
		n, err := strconv.ParseInt(id, 10, 32)
		if !ok || err != nil || n < 0 {
			return nil, invalid(key, strings.Join(items, ","), "Invalid voter "+it+"; each entry should be in the form `{id}@{host}:{port}`.")
		}
		host, port, err := splitHostPort(addr)
		if err != nil {
			return nil, invalid(key, strings.Join(items, ","), "Failed to parse host and port of "+it+"; each entry should be in the form `{id}@{host}:{port}`.")
		}
		out = append(out, Voter{ID: model.BrokerID(n), Host: host, Port: port})
	}
	return out, nil
}

// HostPort is an address to connect to.
type HostPort struct {
	Host string
	Port int
}

func splitHostPort(s string) (string, int, error) {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 {
		return "", 0, fmt.Errorf("expected host:port")
	}
	p, err := strconv.Atoi(s[i+1:])
	if err != nil || p < 0 || p > 65535 {
		return "", 0, fmt.Errorf("expected a port from 0 to 65535")
	}
	return strings.Trim(s[:i], "[]"), p, nil
}

func parseBootstrap(items []string) ([]HostPort, error) {
	var out []HostPort
	for _, it := range items {
		if it == "" {
			continue
		}
		h, p, err := splitHostPort(it)
		if err != nil {
			return nil, invalid("controller.quorum.bootstrap.servers", strings.Join(items, ","), "Invalid url in bootstrap.servers: "+it)
		}
		out = append(out, HostPort{h, p})
	}
	return out, nil
}
