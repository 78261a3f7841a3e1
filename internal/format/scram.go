package format

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"gregor/internal/wire"
)

type mechanism struct {
	id   int8
	hash func() hash.Hash
}

var mechanisms = map[string]mechanism{
	"SCRAM-SHA-256": {1, sha256.New},
	"SCRAM-SHA-512": {2, sha512.New},
}

const (
	minIterations = 4096
	maxIterations = 16384
	saltBytes     = 24
)

// scramRecords reads the arguments of --add-scram, such as
// SCRAM-SHA-256=[name=alice,password=secret,iterations=8192] (KIP-900).
func scramRecords(args []string) ([]*wire.UserScramCredentialRecord, error) {
	var out []*wire.UserScramCredentialRecord
	seen := map[string]bool{}
	for _, a := range args {
		r, err := scramRecord(a)
		if err != nil {
			return nil, err
		}
		key := fmt.Sprint(r.Name, "\x00", r.Mechanism)
		if seen[key] {
			return nil, fmt.Errorf("The user %s has more than one credential of the same mechanism in --add-scram", r.Name)
		}
		seen[key] = true
		out = append(out, r)
	}
	return out, nil
}

func scramRecord(arg string) (*wire.UserScramCredentialRecord, error) {
	name, rest, ok := strings.Cut(arg, "=")
	m, known := mechanisms[name]
	if !ok || !known {
		return nil, fmt.Errorf("Failed to parse %q: expected SCRAM-SHA-256=[...] or SCRAM-SHA-512=[...]", name)
	}
	if !strings.HasPrefix(rest, "[") || !strings.HasSuffix(rest, "]") {
		return nil, fmt.Errorf("Expected configuration string of %s to start with [ and end with ]", name)
	}
	conf := map[string]string{}
	for _, kv := range strings.Split(rest[1:len(rest)-1], ",") {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, fmt.Errorf("Expected = sign between SCRAM configuration key and value, in %q", k)
		}
		conf[k] = strings.Trim(v, `"`)
	}
	for k := range conf {
		switch k {
		case "name", "password", "iterations", "salt", "saltedpassword":
		default:
			return nil, fmt.Errorf("Unknown SCRAM configuration: %s", k)
		}
	}
	return credential(m, conf)
}

func credential(m mechanism, conf map[string]string) (*wire.UserScramCredentialRecord, error) {
	user := conf["name"]
	if user == "" {
		return nil, fmt.Errorf("You must supply 'name' to add-scram")
	}
	iterations := minIterations
	if s, ok := conf["iterations"]; ok {
		n, err := strconv.Atoi(s)
		if err != nil || n < minIterations || n > maxIterations {
			return nil, fmt.Errorf("The 'iterations' value must be >= %d and <= %d in add-scram, got %s", minIterations, maxIterations, s)
		}
		iterations = n
	}
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt)
	if s, ok := conf["salt"]; ok {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, fmt.Errorf("Failed to decode the salt of user %s as base64", user)
		}
		salt = b
	}
	salted, err := saltedPassword(m, conf, salt, iterations)
	if err != nil {
		return nil, err
	}
	mac := func(text string) []byte {
		h := hmac.New(m.hash, salted)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	h := m.hash()
	h.Write(mac("Client Key"))
	return &wire.UserScramCredentialRecord{
		Name: user, Mechanism: m.id, Salt: salt, StoredKey: h.Sum(nil), ServerKey: mac("Server Key"), Iterations: int32(iterations),
	}, nil
}

func saltedPassword(m mechanism, conf map[string]string, salt []byte, iterations int) ([]byte, error) {
	password, hasPassword := conf["password"]
	salted, hasSalted := conf["saltedpassword"]
	switch {
	case hasPassword && hasSalted:
		return nil, fmt.Errorf("You must only supply one of 'password' or 'saltedpassword' to add-scram")
	case hasPassword:
		return pbkdf2.Key(m.hash, password, salt, iterations, m.hash().Size())
	case hasSalted:
		if _, ok := conf["salt"]; !ok {
			return nil, fmt.Errorf("You must supply 'salt' with 'saltedpassword' to add-scram")
		}
		return base64.StdEncoding.DecodeString(salted)
	}
	return nil, fmt.Errorf("You must supply one of 'password' or 'saltedpassword' to add-scram")
}
