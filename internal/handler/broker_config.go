package handler

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gregor/internal/config"
	"gregor/internal/kerr"
	"gregor/internal/metadata"
)

// What a broker checks of changes to its own settings before the controller
// sees them: the controller does not know what this broker can take. Source:
// ConfigAdminManager and DynamicBrokerConfig.

// checkBrokerChange checks the settings a broker resource would have of its own.
func (c *Context) checkBrokerChange(name string, props map[string]string) error {
	perBroker := name != ""
	var readOnly, needPrefix, onlyBroker []string
	for _, n := range sorted(props) {
		base, prefixed := baseSetting(n)
		k, known := config.Broker.Lookup(base)
		switch {
		case !known: // a plugin's
		case k.Update == config.ReadOnly:
			readOnly = append(readOnly, n)
		case !prefixed && listenerSecurity(n):
			needPrefix = append(needPrefix, n)
		case !perBroker && k.Update == config.PerBroker:
			onlyBroker = append(onlyBroker, n)
		}
	}
	switch {
	case len(readOnly) > 0:
		return fmt.Errorf("Cannot update these configs dynamically: [%s]", strings.Join(readOnly, ", "))
	case len(needPrefix) > 0:
		return fmt.Errorf("These security configs can be dynamically updated only per-listener using the listener prefix: [%s]", strings.Join(needPrefix, ", "))
	}
	for _, n := range sorted(props) {
		base, _ := baseSetting(n)
		if k, known := config.Broker.Lookup(base); known {
			if err := k.Check(props[n]); err != nil {
				return err
			}
		}
	}
	if len(onlyBroker) > 0 {
		return fmt.Errorf("Cannot update these configs at default cluster level, broker id must be specified: [%s]", strings.Join(onlyBroker, ", "))
	}
	return c.checkThreads(props, perBroker)
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// baseSetting takes the listener's prefix off a setting's name.
func baseSetting(name string) (base string, prefixed bool) {
	rest, ok := strings.CutPrefix(name, "listener.name.")
	if !ok {
		return name, false
	}
	_, base, ok = strings.Cut(rest, ".")
	if !ok {
		return name, false
	}
	return base, true
}

// listenerSecurity are the settings that can be changed for one listener only
// (SslConfigs.RECONFIGURABLE_CONFIGS).
func listenerSecurity(name string) bool {
	switch name {
	case "ssl.keystore.type", "ssl.keystore.location", "ssl.keystore.password", "ssl.key.password",
		"ssl.truststore.type", "ssl.truststore.location", "ssl.truststore.password",
		"ssl.keystore.certificate.chain", "ssl.keystore.key", "ssl.truststore.certificates":
		return true
	}
	return false
}

// threadSettings are the numbers of threads, which may be halved or doubled at
// a time.
var threadSettings = []string{"num.io.threads", "num.network.threads", "num.replica.fetchers", "num.recovery.threads.per.data.dir", "background.threads"}

func (c *Context) checkThreads(props map[string]string, perBroker bool) error {
	l := c.Services.Admin.Layers()
	now := l.Effective()
	if perBroker {
		l.DynamicBroker = props
	} else {
		l.DynamicDefault = props
	}
	next := l.Effective()
	for _, n := range threadSettings {
		was, will := now.Int(n), next.Int(n)
		text := fmt.Sprintf("Dynamic thread count update validation failed for %s=%d", n, will)
		switch {
		case was == will:
		case will <= 0:
			return fmt.Errorf("%s, value should be at least 1", text)
		case will < was/2:
			return fmt.Errorf("%s, value should be at least half the current value %d", text, was)
		case will > was*2:
			return fmt.Errorf("%s, value should not be greater than double the current value %d", text, was)
		}
	}
	return nil
}

// checkBrokerName refuses the name of another node.
func (c *Context) checkBrokerName(name string) error {
	if name == "" {
		return nil
	}
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return kerr.InvalidRequest.With("Node id must be an integer, but it is: " + name)
	}
	if id != int64(c.Services.Self) {
		return kerr.InvalidRequest.With(fmt.Sprintf("Unexpected broker id, expected %d, but received %s", int32(c.Services.Self), name))
	}
	return nil
}

// ownSettings are those a broker resource has in the metadata.
func (c *Context) ownSettings(name string) map[string]string {
	m := maps.Clone(c.Services.Metadata.Image().Configs.Of(metadata.Resource{Type: metadata.BrokerResource, Name: name}))
	if m == nil {
		m = map[string]string{}
	}
	return m
}
