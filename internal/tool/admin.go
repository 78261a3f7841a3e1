package tool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"gregor/internal/tool/jopt"
)

// admin is the administrative client of one run. Every request of it ends
// within the client's default.api.timeout.ms.
type admin struct {
	e       *env
	cl      *kgo.Client
	set     *clientSettings
	active  *kgo.Client // to the active controller, with --bootstrap-controller
	timeout time.Duration
}

// newAdmin connects to nothing yet: it only checks the settings.
func (e *env) newAdmin(props map[string]string) (*admin, error) {
	s, err := e.clientSettings(props, adminKind)
	if err != nil {
		if isClass(err, configError) && !isBootstrap(err) {
			return nil, err
		}
		return nil, &exception{class: kafkaError, msg: "Failed to create new KafkaAdminClient", cause: err}
	}
	cl, err := kgo.NewClient(s.opts...)
	if err != nil {
		return nil, &exception{class: kafkaError, msg: "Failed to create new KafkaAdminClient", cause: throw(configError, "%v", err)}
	}
	return &admin{e: e, cl: cl, set: s, timeout: s.apiTimeout}, nil
}

// adminFor is newAdmin with the settings of the command line.
func (e *env) adminFor(s *jopt.Set, server, commandConfig *jopt.Option, extra map[string]string) (*admin, error) {
	props := map[string]string{}
	if s.Has(commandConfig) {
		var err error
		if props, err = loadProps(s.Str(commandConfig)); err != nil {
			return nil, err
		}
	}
	props["bootstrap.servers"] = s.Str(server)
	for k, v := range extra {
		props[k] = v
	}
	if s.Err() != nil {
		return nil, optionError(s.Err())
	}
	return e.newAdmin(props)
}

// fail prints an error as most tools do: the message, and for all but terse
// errors the trace. prefix stands before the message.
func (e *env) fail(prefix string, err error) int {
	if status, done := e.usageError(err); done {
		return status
	}
	if err == nil {
		return 0
	}
	e.eprintln(prefix + err.Error())
	if !isClass(err, terseError) {
		e.printTrace(err)
	}
	return 1
}

// isBootstrap: the address, and not another setting, is wrong.
func isBootstrap(err error) bool { return hasAny(err.Error(), "bootstrap.", "bootstrap urls") }

func (a *admin) close() {
	a.cl.Close()
	if a.active != nil {
		a.active.Close()
	}
}

// context is the life of one call.
func (a *admin) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(a.e.Context, a.timeout)
}

// do sends a request to whom it concerns: any broker, the coordinator, or the
// active controller when bootstrapped from controllers. call is the Java
// client's name for it.
func (a *admin) do(req kmsg.Request, call string) (kmsg.Response, error) {
	ctx, cancel := a.context()
	defer cancel()
	if a.set.controllers {
		return a.toController(ctx, req, call)
	}
	resp, err := a.cl.Request(ctx, req)
	return resp, clientError(err, call)
}

// toBroker sends a request to one node by its id.
func (a *admin) toBroker(id int32, req kmsg.Request, call string) (kmsg.Response, error) {
	ctx, cancel := a.context()
	defer cancel()
	if a.set.controllers {
		return a.toController(ctx, req, call)
	}
	for try := 0; ; try++ {
		if err := a.learnBrokers(ctx, try > 0); err != nil {
			return nil, clientError(err, call)
		}
		resp, err := a.cl.Broker(int(id)).RetriableRequest(ctx, req)
		if !isUnknownBroker(err) || ctx.Err() != nil {
			return resp, clientError(err, call)
		}
		select {
		case <-time.After(backoff(try)):
		case <-ctx.Done():
		}
	}
}

// learnBrokers makes the client know the brokers' addresses, or refreshes
// them.
func (a *admin) learnBrokers(ctx context.Context, again bool) error {
	if len(a.cl.DiscoveredBrokers()) > 0 && !again {
		return nil
	}
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	_, err := a.cl.Request(ctx, req)
	return err
}

// controllerCalls are the requests that Java's client sends to controllers.
var controllerCalls = []kmsg.Key{
	kmsg.ApiVersions, kmsg.DescribeACLs, kmsg.CreateACLs, kmsg.DeleteACLs, kmsg.DescribeConfigs, kmsg.IncrementalAlterConfigs,
	kmsg.AlterPartitionAssignments, kmsg.ListPartitionReassignments, kmsg.DescribeQuorum, kmsg.UpdateFeatures,
	kmsg.DescribeCluster, kmsg.UnregisterBroker, kmsg.AddRaftVoter, kmsg.RemoveRaftVoter,
}

// toController sends to the active controller, which it finds through any.
func (a *admin) toController(ctx context.Context, req kmsg.Request, call string) (kmsg.Response, error) {
	if !slices.Contains(controllerCalls, kmsg.Key(req.Key())) {
		return nil, throw(pkgErrors+"UnsupportedEndpointTypeException", "This Admin API is not yet supported when communicating directly with the controller quorum.")
	}
	if d, ok := req.(*kmsg.DescribeClusterRequest); ok {
		d.EndpointType = 2
		return a.seed(ctx, req, call)
	}
	if a.active == nil {
		if err := a.findActive(ctx, call); err != nil {
			return nil, err
		}
	}
	resp, err := a.active.SeedBrokers()[0].RetriableRequest(ctx, req)
	return resp, clientError(err, call)
}

// seed sends to the first controller that answers.
func (a *admin) seed(ctx context.Context, req kmsg.Request, call string) (kmsg.Response, error) {
	seeds := a.cl.SeedBrokers()
	for try := 0; ; try++ {
		resp, err := seeds[try%len(seeds)].Request(ctx, req)
		var ne net.Error
		if err == nil || ctx.Err() != nil || !errors.As(err, &ne) && !kgo.IsRetryableBrokerErr(err) {
			return resp, clientError(err, call)
		}
		select {
		case <-time.After(backoff(try / len(seeds))):
		case <-ctx.Done():
		}
	}
}

func (a *admin) findActive(ctx context.Context, call string) error {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.EndpointType = 2
	raw, err := a.seed(ctx, req, call)
	if err != nil {
		return err
	}
	resp := raw.(*kmsg.DescribeClusterResponse)
	if err := codeError(resp.ErrorCode, resp.ErrorMessage); err != nil {
		return err
	}
	for _, n := range resp.Brokers {
		if n.NodeID != resp.ControllerID {
			continue
		}
		addr := net.JoinHostPort(n.Host, strconv.Itoa(int(n.Port)))
		a.active, err = kgo.NewClient(append(a.set.opts, kgo.SeedBrokers(addr))...)
		if err != nil {
			return throw(kafkaError, "%v", err)
		}
		return nil
	}
	return throw(timeoutError, "Timed out waiting for a node assignment. Call: %s", call)
}

// describeCluster is who is in the cluster.
func (a *admin) describeCluster(fenced bool) (*kmsg.DescribeClusterResponse, error) {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.EndpointType = 1
	req.IncludeFencedBrokers = fenced
	raw, err := a.do(req, "listNodes")
	if err != nil {
		return nil, err
	}
	resp := raw.(*kmsg.DescribeClusterResponse)
	return resp, codeError(resp.ErrorCode, resp.ErrorMessage)
}

// metadata is the metadata of these topics, or of all if names is nil.
func (a *admin) metadata(names []string, call string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	if names != nil {
		req.Topics = []kmsg.MetadataRequestTopic{}
	}
	for _, n := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &n
		req.Topics = append(req.Topics, t)
	}
	raw, err := a.do(req, call)
	if err != nil {
		return nil, err
	}
	return raw.(*kmsg.MetadataResponse), nil
}

// answers is a sharded request's answers; each is of one node.
type answer struct {
	node int32
	req  kmsg.Request // the part of the request that this is the answer to
	resp kmsg.Response
	err  error
}

// toAll sends a request to every broker, or its parts to those they are for.
func (a *admin) toAll(req kmsg.Request, call string) ([]answer, error) {
	ctx, cancel := a.context()
	defer cancel()
	var out []answer
	for _, s := range a.cl.RequestSharded(ctx, req) {
		out = append(out, answer{s.Meta.NodeID, s.Req, s.Resp, clientError(s.Err, call)})
	}
	if len(out) == 1 && out[0].err != nil && out[0].node < 0 {
		return nil, out[0].err
	}
	return out, nil
}

// isCode reports whether err is that error of the protocol.
func isCode(err error, code *kerr.Error) bool {
	var x *exception
	return errors.As(err, &x) && x.class == class(codeError(code.Code, nil))
}

// must tells the type of a response; another type is a fault of the client
// library.
func must[T kmsg.Response](r kmsg.Response, err error) (T, error) {
	var zero T
	if err != nil {
		return zero, err
	}
	t, ok := r.(T)
	if !ok {
		return zero, fmt.Errorf("response of type %T", r)
	}
	return t, nil
}
