package tool

import (
	"crypto/tls"
	"crypto/x509"
	"regexp"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const maxPEM = 1 << 20 // bytes of a key or trust store

// securityOpts turns security.protocol, sasl.* and ssl.* into options of kgo:
// PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL; PLAIN, SCRAM-SHA-256 and
// SCRAM-SHA-512; keys and certificates in PEM. What is not supported is an
// error that says so.
func (e *env) securityOpts(p *clientProps) ([]kgo.Opt, error) {
	protocol := strings.ToUpper(p.str("security.protocol", "PLAINTEXT"))
	useTLS, useSASL := false, false
	switch protocol {
	case "PLAINTEXT":
	case "SSL":
		useTLS = true
	case "SASL_PLAINTEXT":
		useSASL = true
	case "SASL_SSL":
		useTLS, useSASL = true, true
	default:
		p.fail("security.protocol", p.m["security.protocol"], "String must be one of (case insensitive): SASL_SSL, PLAINTEXT, SSL, SASL_PLAINTEXT")
		return nil, nil
	}
	var opts []kgo.Opt
	if useTLS {
		cfg, err := tlsConfig(p)
		if err != nil {
			return nil, failedClient(err)
		}
		opts = append(opts, kgo.DialTLSConfig(cfg))
	}
	if useSASL {
		m, err := saslMechanism(p)
		if err != nil {
			return nil, failedClient(err)
		}
		opts = append(opts, kgo.SASL(m))
	}
	return opts, nil
}

func failedClient(err error) error {
	return &exception{class: kafkaError, msg: "Failed to create new NetworkClient", cause: err}
}

var jaasOption = regexp.MustCompile(`(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^\s;]+)`)

// saslMechanism reads sasl.mechanism and the credentials of sasl.jaas.config.
func saslMechanism(p *clientProps) (sasl.Mechanism, error) {
	jaas := p.str("sasl.jaas.config", "")
	if jaas == "" {
		return nil, badArgument("Could not find a 'KafkaClient' entry in the JAAS configuration. System property 'java.security.auth.login.config' is not set")
	}
	opt := map[string]string{}
	for _, m := range jaasOption.FindAllStringSubmatch(jaas, -1) {
		v := m[2]
		if len(v) > 1 && (v[0] == '"' || v[0] == '\'') {
			v = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(v[1 : len(v)-1])
		}
		opt[m[1]] = v
	}
	user, pass := opt["username"], opt["password"]
	switch mechanism := p.str("sasl.mechanism", "GSSAPI"); mechanism {
	case "PLAIN":
		return plain.Auth{User: user, Pass: pass}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: user, Pass: pass, IsToken: opt["tokenauth"] == "true"}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: user, Pass: pass, IsToken: opt["tokenauth"] == "true"}.AsSha512Mechanism(), nil
	default:
		return nil, throw(configError, "Invalid value %s for configuration sasl.mechanism: this tool can use PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512", mechanism)
	}
}

// tlsConfig reads the ssl.* settings.
func tlsConfig(p *clientProps) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	trust, err := pem(p, "ssl.truststore", "ssl.truststore.certificates")
	if err != nil {
		return nil, err
	}
	if trust != nil {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(trust) {
			return nil, throw(configError, "ssl.truststore: no certificates found in PEM")
		}
	}
	key, err := pem(p, "ssl.keystore", "ssl.keystore.certificate.chain")
	if err != nil {
		return nil, err
	}
	if key != nil {
		private := key
		if k := p.str("ssl.keystore.key", ""); k != "" {
			private = []byte(k)
		}
		pair, err := tls.X509KeyPair(key, private)
		if err != nil {
			return nil, throw(configError, "ssl.keystore: %v", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	if v, ok := p.m["ssl.endpoint.identification.algorithm"]; ok && v == "" {
		anyName(cfg)
	}
	return cfg, nil
}

// anyName makes cfg check the certificate, but not whose it is.
func anyName(cfg *tls.Config) {
	roots := cfg.RootCAs
	cfg.InsecureSkipVerify = true
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range cs.PeerCertificates[1:] {
			opts.Intermediates.AddCert(c)
		}
		_, err := cs.PeerCertificates[0].Verify(opts)
		return err
	}
}

// pem is the content of a store of type PEM: inline, or of a file. nil if
// there is none.
func pem(p *clientProps, store, inline string) ([]byte, error) {
	if v := p.str(inline, ""); v != "" {
		return []byte(v), nil
	}
	path := p.str(store+".location", "")
	if path == "" {
		return nil, nil
	}
	if t := p.str(store+".type", "JKS"); !strings.EqualFold(t, "PEM") {
		return nil, throw(configError, "Invalid value %s for configuration %s.type: this tool reads stores of type PEM", t, store)
	}
	b, err := readAll(path, maxPEM)
	if err != nil {
		return nil, throw(kafkaError, "Failed to load SSL keystore %s of type PEM: %v", path, err)
	}
	return b, nil
}
