package tool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/kerr"
	"gregor/internal/tool/jopt"
)

// deleteRecordsOptions is the table of kafka-delete-records (KIP-107).
type deleteRecordsOptions struct {
	options
	server, file, commandConfig *jopt.Option
}

func newDeleteRecordsOptions() *deleteRecordsOptions {
	o := &deleteRecordsOptions{options: newOptions()}
	o.server = o.Accepts("bootstrap-server", "REQUIRED: the servers to ask.").Arg("server(s) to use for bootstrapping")
	o.file = o.Accepts("offset-json-file", "REQUIRED: a file that says before which offset records of each partition go; -1 means all of them:\n"+
		"{\"partitions\":\n  [{\"topic\": \"foo\", \"partition\": 1, \"offset\": 1}],\n \"version\":1\n}").Arg("Offset json file path")
	o.commandConfig = o.Accepts("command-config", "A file of properties for the admin client.").Arg("command config property file path")
	return o
}

// runDeleteRecords is kafka-delete-records: DeleteRecordsCommand.
func runDeleteRecords(e *env, args []string) int { return e.fail("", deleteRecords(e, args)) }

func deleteRecords(e *env, args []string) error {
	o := newDeleteRecordsOptions()
	s, err := o.parse(args)
	if err != nil {
		return err
	}
	if err := o.helpOrVersion(s, args, "This tool helps to delete records of the given partitions down to the specified offset."); err != nil {
		return err
	}
	if err := o.need(s, o.server, o.file); err != nil {
		return err
	}
	a, err := e.adminFor(s, o.server, o.commandConfig, nil)
	if err != nil {
		return err
	}
	defer a.close()
	path := s.Str(o.file)
	if s.Err() != nil {
		return optionError(s.Err())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		why := throw("java.io.IOException", "%v", err)
		if errors.Is(err, fs.ErrNotExist) {
			why = throw("java.nio.file.NoSuchFileException", "%s", path)
		}
		return &exception{class: "java.io.IOException", msg: "Unable to read file " + path, cause: why}
	}
	order, offsets, err := recordsToDelete(data)
	if err != nil {
		return err
	}
	e.println("Executing records delete operation")
	low, err := a.deleteRecords(offsets)
	if err != nil {
		return err
	}
	e.println("Records delete operation completed:")
	for _, p := range order {
		if err := low[p].err; err != nil {
			if code := kerr.Code(low[p].code); code != kerr.None {
				e.logLine("ERROR", fmt.Sprintf("[AdminClient clientId=%s] DeleteRecords request for topic partition %s failed due to an unexpected error %s", a.set.id, p, code.Name()), "org.apache.kafka.clients.admin.internals.DeleteRecordsHandler")
			}
			e.printf("partition: %s\terror: %s\n", p, describe(err))
			continue
		}
		e.printf("partition: %s\tlow_watermark: %d\n", p, low[p].offset)
	}
	return nil
}

// deleteRecords asks the leaders to drop what is before the offsets; the
// answers are the new first offsets.
func (a *admin) deleteRecords(offsets map[partition]int64) (map[partition]listedOffset, error) {
	out := map[partition]listedOffset{}
	if len(offsets) == 0 {
		return out, nil
	}
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = int32(a.timeout.Milliseconds())
	byTopic := map[string][]kmsg.DeleteRecordsRequestTopicPartition{}
	for p, at := range offsets {
		r := kmsg.NewDeleteRecordsRequestTopicPartition()
		r.Partition, r.Offset = p.id, at
		byTopic[p.topic] = append(byTopic[p.topic], r)
	}
	for _, t := range sortedKeys(byTopic) {
		r := kmsg.NewDeleteRecordsRequestTopic()
		r.Topic, r.Partitions = t, byTopic[t]
		req.Topics = append(req.Topics, r)
	}
	answers, err := a.toAll(req, "deleteRecords")
	if err != nil {
		return nil, err
	}
	for _, an := range answers {
		if an.err != nil {
			for _, t := range an.req.(*kmsg.DeleteRecordsRequest).Topics {
				for _, p := range t.Partitions {
					out[partition{t.Topic, p.Partition}] = listedOffset{err: an.err}
				}
			}
			continue
		}
		resp, err := must[*kmsg.DeleteRecordsResponse](an.resp, nil)
		if err != nil {
			return nil, err
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				out[partition{t.Topic, p.Partition}] = listedOffset{offset: p.LowWatermark, code: p.ErrorCode, err: codeError(p.ErrorCode, nil)}
			}
		}
	}
	return out, nil
}

const jsonError = "com.fasterxml.jackson.databind.JsonMappingException"

// recordsToDelete reads the file of --offset-json-file; order is that of
// Java's client.
func recordsToDelete(data []byte) (order []partition, offsets map[partition]int64, err error) {
	var root any
	if len(bytes.TrimSpace(data)) > 0 {
		if err := decodeJSON(data, &root); err != nil {
			return nil, nil, throw("org.apache.kafka.tools.AdminOperationException", "The input string is not a valid JSON")
		}
	} else {
		root = missing{}
	}
	top, err := jsonObject(root)
	if err != nil {
		return nil, nil, err
	}
	if v, ok := top["version"]; ok {
		n, err := jsonNumber(v, "Integer", 32)
		if err != nil {
			return nil, nil, err
		}
		if n != 1 {
			return nil, nil, throw("org.apache.kafka.tools.AdminOperationException", "Not supported version field value %d", n)
		}
	}
	v, ok := top["partitions"]
	if !ok {
		return nil, nil, throw("org.apache.kafka.tools.AdminOperationException", "Missing partitions field")
	}
	list, ok := v.([]any)
	if !ok {
		return nil, nil, throw(jsonError, "Expected JSON array, received %s", jsonText(v))
	}
	offsets = map[partition]int64{}
	var twice []partition
	for _, item := range list {
		p, at, err := recordToDelete(item)
		if err != nil {
			return nil, nil, err
		}
		if _, dup := offsets[p]; dup {
			twice = append(twice, p)
		} else {
			order = append(order, p)
		}
		offsets[p] = at
	}
	if twice != nil {
		var names []string
		for _, p := range hashed(twice, hashPartition) {
			names = append(names, p.String())
		}
		return nil, nil, throw("org.apache.kafka.tools.AdminCommandFailedException", "Offset json file contains duplicate topic partitions: %s", strings.Join(names, ","))
	}
	return hashed(order, hashPartition), offsets, nil
}

func recordToDelete(item any) (p partition, offset int64, err error) {
	o, err := jsonObject(item)
	if err != nil {
		return p, 0, err
	}
	for _, k := range []string{"topic", "partition", "offset"} {
		v, ok := o[k]
		if !ok {
			return p, 0, throw(jsonError, "No such field exists: `%s`", k)
		}
		var n int64
		switch k {
		case "topic":
			if p.topic, ok = v.(string); !ok {
				return p, 0, throw(jsonError, "Expected `String` value, received %s", jsonText(v))
			}
		case "partition":
			n, err = jsonNumber(v, "Integer", 32)
			p.id = int32(n)
		default:
			offset, err = jsonNumber(v, "Long", 64)
		}
		if err != nil {
			return p, 0, err
		}
	}
	return p, offset, nil
}

// missing is the value of an empty text.
type missing struct{}

// decodeJSON decodes the first value of data, with numbers as json.Number.
func decodeJSON(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(v)
}

func jsonText(v any) string {
	if _, none := v.(missing); none {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

func jsonObject(v any) (map[string]any, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return nil, throw(jsonError, "Expected JSON object, received %s", jsonText(v))
	}
	return o, nil
}

func jsonNumber(v any, name string, bits int) (int64, error) {
	if n, ok := v.(json.Number); ok {
		if i, err := strconv.ParseInt(n.String(), 10, bits); err == nil {
			return i, nil
		}
	}
	return 0, throw(jsonError, "Expected `%s` value, received %s", name, jsonText(v))
}
