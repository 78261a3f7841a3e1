package tool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"gregor/internal/config"
)

// loadProps reads a file of properties, as --command-config names it.
func loadProps(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	switch {
	case os.IsNotExist(err):
		return nil, throw("java.nio.file.NoSuchFileException", "%s", path)
	case os.IsPermission(err):
		return nil, throw("java.nio.file.AccessDeniedException", "%s", path)
	case err != nil:
		return nil, throw("java.io.IOException", "%v", err)
	}
	list, err := config.ParseProperties(b)
	if err != nil {
		return nil, badArgument("%s: %v", path, err)
	}
	props := map[string]string{}
	for _, p := range list {
		props[p.Key] = p.Value
	}
	return props, nil
}

// clientProps is a Java client's settings, read with their defaults. The
// first value that does not fit is err.
type clientProps struct {
	m   map[string]string
	err error
}

func (p *clientProps) fail(key, value, why string) {
	if p.err == nil {
		p.err = throw(configError, "Invalid value %s for configuration %s: %s", value, key, why)
	}
}

// millis is a setting in milliseconds, at least 0.
func (p *clientProps) millis(key string, def int64, bits int) time.Duration {
	v, ok := p.m[key]
	if !ok {
		return time.Duration(def) * time.Millisecond
	}
	v = strings.TrimSpace(v)
	n, err := strconv.ParseInt(v, 10, bits)
	if err != nil {
		p.fail(key, v, "Not a number of type "+map[int]string{32: "INT", 64: "LONG"}[bits])
	} else if n < 0 {
		p.fail(key, v, "Value must be at least 0")
	}
	return time.Duration(n) * time.Millisecond
}

func (p *clientProps) str(key, def string) string {
	if v, ok := p.m[key]; ok {
		return strings.TrimSpace(v)
	}
	return def
}

// clientKind is the Java client that a tool stands in for; it names its log
// lines.
type clientKind struct{ name, idPrefix string }

var adminKind = clientKind{"AdminClient", "adminclient-1"}

// clientSettings is what a tool's client runs on.
type clientSettings struct {
	opts           []kgo.Opt
	id             string
	seeds          []string
	controllers    bool // seeds are controllers
	apiTimeout     time.Duration
	requestTimeout time.Duration
}

// clientSettings turns Java's settings into options of kgo: bootstrap.servers
// or bootstrap.controllers, client.id, request.timeout.ms,
// default.api.timeout.ms, socket.connection.setup.timeout.ms, and those of
// security (see securityOpts). Others are left to kgo's defaults.
func (e *env) clientSettings(props map[string]string, kind clientKind) (*clientSettings, error) {
	p := &clientProps{m: props}
	s := &clientSettings{
		id:             p.str("client.id", kind.idPrefix),
		requestTimeout: p.millis("request.timeout.ms", 30000, 32),
		apiTimeout:     p.millis("default.api.timeout.ms", 60000, 32),
	}
	if s.id == "" {
		s.id = kind.idPrefix
	}
	dial := p.millis("socket.connection.setup.timeout.ms", 10000, 64)
	security, err := e.securityOpts(p)
	if p.err != nil {
		return nil, p.err
	}
	if err != nil {
		return nil, err
	}
	key := "bootstrap.servers"
	if v := p.str("bootstrap.controllers", ""); v != "" {
		key, s.controllers = "bootstrap.controllers", true
	}
	if s.seeds, err = e.addresses(key, p.str(key, ""), kind); err != nil {
		return nil, err
	}
	s.opts = append(security,
		kgo.SeedBrokers(s.seeds...), kgo.ClientID(s.id), kgo.SoftwareNameAndVersion("gregor-tools", KafkaVersion),
		kgo.RequestTimeoutOverhead(s.requestTimeout), kgo.RetryTimeout(s.apiTimeout), kgo.RequestRetries(1<<30),
		kgo.RetryBackoffFn(backoff), kgo.DialTimeout(dial), kgo.MetadataMinAge(100*time.Millisecond),
		kgo.WithHooks(&connectionLog{e: e, prefix: fmt.Sprintf("[%s clientId=%s] ", kind.name, s.id)}),
	)
	return s, nil
}

// backoff grows from Java's reconnect.backoff.ms to its
// reconnect.backoff.max.ms.
func backoff(fails int) time.Duration {
	return min(50*time.Millisecond<<min(fails, 5), time.Second)
}

var hostPort = regexp.MustCompile(`^(?:[0-9a-zA-Z\-._%]*://)?\[?([0-9a-zA-Z\-._%:]*)\]?:([0-9]+)$`)

// addresses checks a list of host:port and drops what cannot be resolved.
func (e *env) addresses(key, list string, kind clientKind) ([]string, error) {
	if list == "" {
		return nil, throw(configError, "You must set either bootstrap.servers or bootstrap.controllers")
	}
	var out []string
	for _, url := range config.SplitList(list) {
		if url == "" {
			continue
		}
		m := hostPort.FindStringSubmatch(url)
		if m == nil {
			return nil, throw(configError, "Invalid url in bootstrap.servers: %s", url)
		}
		if n, err := strconv.Atoi(m[2]); err != nil || n > 65535 {
			return nil, throw(configError, "Invalid port in bootstrap.servers: %s", url)
		}
		if _, err := net.DefaultResolver.LookupHost(e.Context, m[1]); err != nil {
			e.logLine("WARN", fmt.Sprintf("Couldn't resolve server %s from bootstrap.servers as DNS resolution failed for %s", url, m[1]), "org.apache.kafka.clients.ClientUtils")
			continue
		}
		out = append(out, net.JoinHostPort(m[1], m[2]))
	}
	if out == nil {
		return nil, throw(configError, "No resolvable bootstrap urls given in bootstrap.servers")
	}
	return out, nil
}

// connectionLog says what Java's client says when it cannot connect.
type connectionLog struct {
	e      *env
	prefix string
}

// OnBrokerConnect is kgo's hook.
func (l *connectionLog) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil || l.e.Context.Err() != nil || errors.Is(err, context.Canceled) { // canceled: the client closes
		return
	}
	id := int64(meta.NodeID)
	if id < 0 { // seeds count down from the smallest number
		id = -1
	}
	where := net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port)))
	if ip := net.ParseIP(meta.Host); ip != nil {
		where = "/" + where
	} else if addrs, err := net.DefaultResolver.LookupHost(context.Background(), meta.Host); err == nil && len(addrs) > 0 {
		where = meta.Host + "/" + net.JoinHostPort(addrs[0], strconv.Itoa(int(meta.Port)))
	}
	l.e.logLine("WARN", fmt.Sprintf("%sConnection to node %d (%s) could not be established. Node may not be available.", l.prefix, id, where), "org.apache.kafka.clients.NetworkClient")
}

// readAll reads a file of at most limit bytes.
func readAll(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return b, err
}
