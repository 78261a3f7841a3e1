package tool

import (
	"fmt"
	"sort"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/tool/jopt"
	"gregor/internal/wire"
)

// apiVersionsOptions is the table of kafka-broker-api-versions (KIP-97).
type apiVersionsOptions struct {
	options
	commandConfig, server *jopt.Option
}

func newAPIVersionsOptions() *apiVersionsOptions {
	o := &apiVersionsOptions{options: newOptions()}
	o.commandConfig = o.Accepts("command-config", "A file of properties for the client.").Arg("command config property file")
	o.server = o.Accepts("bootstrap-server", "REQUIRED: the servers to ask.").Arg("server(s) to use for bootstrapping")
	return o
}

// runAPIVersions is kafka-broker-api-versions: BrokerApiVersionsCommand.
func runAPIVersions(e *env, args []string) int { return e.fail("", apiVersions(e, args)) }

func apiVersions(e *env, args []string) error {
	o := newAPIVersionsOptions()
	s, err := o.parse(args)
	if err != nil {
		return err
	}
	if err := o.helpOrVersion(s, args, "This tool helps to retrieve broker version information."); err != nil {
		return err
	}
	if err := o.need(s, o.server); err != nil {
		return err
	}
	a, err := e.adminFor(s, o.server, o.commandConfig, nil)
	if err != nil {
		return err
	}
	defer a.close()
	meta, err := a.metadata([]string{}, "metadata")
	if err != nil {
		return err
	}
	nodes := hashed(meta.Brokers, hashNode)
	for _, b := range nodes {
		e.printf("%s:%d (id: %d rack: %s isFenced: false) -> ", b.Host, b.Port, b.NodeID, orNull(b.Rack))
		req := kmsg.NewPtrApiVersionsRequest()
		req.ClientSoftwareName, req.ClientSoftwareVersion = "gregor-tools", KafkaVersion
		resp, err := must[*kmsg.ApiVersionsResponse](a.toBroker(b.NodeID, req, "apiVersions"))
		if err == nil {
			err = codeError(resp.ErrorCode, nil)
		}
		if err != nil {
			e.printf("ERROR: %s\n", describe(err))
			continue
		}
		e.printf("%s\n", versionsText(resp))
	}
	return nil
}

// hashNode is Node.hashCode.
func hashNode(b kmsg.MetadataResponseBroker) int32 {
	rack := int32(0)
	if b.Rack != nil {
		rack = hashString(*b.Rack)
	}
	const notFenced = 1237 // Boolean.hashCode(false)
	return 31*(31*(31*(31*(31+hashString(b.Host))+b.NodeID)+b.Port)+rack) + notFenced
}

// versionsText is NodeApiVersions.toString: every API of the server and of
// Kafka's brokers, by key.
func versionsText(resp *kmsg.ApiVersionsResponse) string {
	text := map[int16]string{}
	for _, k := range resp.ApiKeys {
		text[k.ApiKey] = versionText(k)
	}
	for _, api := range wire.APIs() {
		if _, _, served := api.Advertised(wire.BrokerListener); served && text[api.Key] == "" {
			text[api.Key] = fmt.Sprintf("%s(%d): UNSUPPORTED", api.Name, api.Key)
		}
	}
	var keys []int
	for k := range text {
		keys = append(keys, int(k))
	}
	sort.Ints(keys)
	var lines []string
	for _, k := range keys {
		lines = append(lines, text[int16(k)])
	}
	return "(\n\t" + strings.Join(lines, ",\n\t") + "\n)"
}

func versionText(k kmsg.ApiVersionsResponseApiKey) string {
	versions := fmt.Sprint(k.MinVersion)
	if k.MaxVersion != k.MinVersion {
		versions = fmt.Sprintf("%d to %d", k.MinVersion, k.MaxVersion)
	}
	api := wire.APIByKey(k.ApiKey)
	if api == nil {
		return fmt.Sprintf("UNKNOWN(%d): %s", k.ApiKey, versions)
	}
	lo := api.MinVersion
	if first, _, ok := api.Advertised(wire.BrokerListener); ok {
		lo = first
	}
	usable := fmt.Sprintf("[usable: %d]", min(api.MaxVersion, k.MaxVersion))
	switch {
	case api.MaxVersion < k.MinVersion:
		usable = "[unusable: node too new]"
	case k.MaxVersion < lo:
		usable = "[unusable: node too old]"
	}
	return fmt.Sprintf("%s(%d): %s %s", api.Name, k.ApiKey, versions, usable)
}
