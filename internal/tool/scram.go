package tool

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"regexp"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	scramIterations    = 4096 // default, and the least
	scramSalt          = 20   // bytes
	scramMaxIterations = 16384
)

// scramMechanism is the protocol's number of a mechanism, 0 if unknown.
func scramMechanism(name string) int8 {
	return map[string]int8{"SCRAM-SHA-256": 1, "SCRAM-SHA-512": 2}[name]
}

func scramName(mechanism int8) string {
	switch mechanism {
	case 1:
		return "SCRAM-SHA-256"
	case 2:
		return "SCRAM-SHA-512"
	}
	return "Unknown"
}

var credential = regexp.MustCompile(`^(?:iterations=(-?[0-9]*),)?password=(.*)$`)

// alterScram sets and removes SCRAM credentials of one user (KIP-554). The
// password does not leave this process.
func (c *configsRun) alterScram(ch *changes, add, remove []string) error {
	req := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	for _, m := range remove {
		d := kmsg.NewAlterUserSCRAMCredentialsRequestDeletion()
		d.Name, d.Mechanism = c.names[0], scramMechanism(m)
		req.Deletions = append(req.Deletions, d)
	}
	for _, m := range add {
		u, err := upsertion(c.names[0], m, ch.set[m])
		if err != nil {
			return err
		}
		req.Upsertions = append(req.Upsertions, u)
	}
	resp, err := must[*kmsg.AlterUserSCRAMCredentialsResponse](c.a.do(req, "alterUserScramCredentials"))
	if err != nil {
		return execution(err)
	}
	for _, r := range resp.Results {
		if err := codeError(r.ErrorCode, r.ErrorMessage); err != nil {
			return execution(err)
		}
	}
	return nil
}

func upsertion(user, mechanism, text string) (kmsg.AlterUserSCRAMCredentialsRequestUpsertion, error) {
	u := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
	m := credential.FindStringSubmatch(text)
	if m == nil {
		return u, badArgument("Invalid credential property %s=%s", strings.ReplaceAll(mechanism, "-", "_"), text)
	}
	n := int64(scramIterations)
	if given := m[1]; given != "-1" && len(text) > len("password=") && text[0] == 'i' {
		var err error
		if n, err = strconv.ParseInt(given, 10, 32); err != nil {
			return u, throw("java.lang.NumberFormatException", `For input string: "%s"`, given)
		}
	}
	if n < scramIterations {
		return u, badArgument("Iterations %d is less than the minimum %d required for %s", n, scramIterations, mechanism)
	}
	salt := make([]byte, scramSalt)
	if _, err := rand.Read(salt); err != nil {
		return u, throw(kafkaError, "%v", err)
	}
	u.Name, u.Mechanism, u.Iterations, u.Salt = user, scramMechanism(mechanism), int32(n), salt
	if n > scramMaxIterations {
		return u, nil // the server refuses it; there is no need to compute it
	}
	var err error
	if u.Mechanism == 1 {
		u.SaltedPassword, err = pbkdf2.Key(sha256.New, m[2], salt, int(n), sha256.Size)
	} else {
		u.SaltedPassword, err = pbkdf2.Key(sha512.New, m[2], salt, int(n), sha512.Size)
	}
	if err != nil {
		return u, throw(kafkaError, "%v", err)
	}
	return u, nil
}
