package handler

import (
	"errors"
	"time"

	"gregor/internal/config"
	"gregor/internal/controller"
	"gregor/internal/kerr"
	"gregor/internal/klog"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// Admin is what the keys of administration need.
type Admin struct {
	// Forward passes a request on to the active controller and calls done once
	// with its answer, in the same version. Brokers have it.
	Forward func(from Sender, req wire.Message, version int16, timeout time.Duration, done func(wire.Message, error))
	// Controller decides if it is the active one. Controllers have it.
	Controller Controller
	// Leader is the active controller, model.NoBroker if it is not known.
	// Controllers have it.
	Leader func() model.BrokerID
	// Layers are this node's settings with where each comes from.
	Layers func() config.Layers
	// Loggers are the levels of this process's loggers.
	Loggers *klog.Levels
}

// Controller is this node's controller.
type Controller interface {
	// Handle serves a request; reply is called once, from any goroutine, and
	// does not block.
	Handle(ctx controller.Request, req wire.Message, version int16, reply func(wire.Message))
}

// Sender is who sent a request that the controller decides.
type Sender struct {
	Principal string
	Host      string
	ClientID  string
	Listener  string
	// Forwarded: a broker passed it on.
	Forwarded bool
}

// The owners that rows need.
func forwarder(s *Services) bool   { return s.Admin.Forward != nil }
func decider(s *Services) bool     { return s.Admin.Controller != nil }
func hasMetadata(s *Services) bool { return s.Metadata != nil && s.Settings != nil }
func settled(s *Services) bool     { return s.Metadata != nil && s.Admin.Layers != nil }

// forwardTimeout is how long a broker tries to reach the active controller for
// a client (NodeToControllerChannelManager of Kafka's BrokerServer).
const forwardTimeout = 60 * time.Second

// decided are the keys that controllers serve, and what their sender must be
// allowed to do to the cluster; 0 where the controller asks by itself, resource
// by resource.
var decided = map[int16]Operation{
	wire.KeyCreateTopics:                0,
	wire.KeyDeleteTopics:                0,
	wire.KeyCreatePartitions:            0,
	wire.KeyAlterConfigs:                0,
	wire.KeyIncrementalAlterConfigs:     0,
	wire.KeyElectLeaders:                Alter,
	wire.KeyAlterPartitionReassignments: Alter,
	wire.KeyListPartitionReassignments:  Describe,
	wire.KeyUpdateFeatures:              Alter,
	wire.KeyUnregisterBroker:            Alter,
	wire.KeyUnregisterController:        Alter,
	wire.KeyAlterPartition:              ClusterAction,
	wire.KeyBrokerRegistration:          ClusterAction,
	wire.KeyBrokerHeartbeat:             ClusterAction,
	wire.KeyControllerRegistration:      ClusterAction,
	wire.KeyAllocateProducerIds:         ClusterAction,
	wire.KeyAssignReplicasToDirs:        ClusterAction,
}

// asked are the keys of the quorum that brokers pass on.
var asked = map[int16]Operation{
	wire.KeyDescribeQuorum:  Describe,
	wire.KeyAddRaftVoter:    Alter,
	wire.KeyRemoveRaftVoter: Alter,
}

func (c *Context) sender() Sender {
	return Sender{Principal: c.Principal(), Host: c.Host(), ClientID: c.ClientID(), Listener: c.Listener()}
}

// passOn passes a request of the quorum on to the active controller.
func passOn[Q any, P interface {
	*Q
	wire.Message
}](c *Context, req *Q) {
	c.forward(P(req))
}

// forward passes the request on to the active controller.
func (c *Context) forward(req wire.Message) {
	c.forwardTo(req, func(m wire.Message) wire.Message { return m })
}

// forwardTo passes req on, and answers with what edit makes of the answer.
func (c *Context) forwardTo(req wire.Message, edit func(wire.Message) wire.Message) {
	later, version := c.Later(), c.Version
	c.Services.Admin.Forward(c.sender(), req, version, forwardTimeout, func(m wire.Message, err error) {
		switch code := kerr.Of(err); {
		case err == nil:
		case code == kerr.UnsupportedVersion:
			// The controller is older than this broker: the client has to ask
			// again what is supported.
			later.Close(err)
			return
		default:
			if code == kerr.UnknownServerError {
				err = kerr.RequestTimedOut
			}
			if m = failed(req, version, err); m == nil {
				later.Close(err)
				return
			}
		}
		later.Reply(edit(m))
	})
}

// failed is the answer to a request of decided or asked that failed as a whole.
func failed(req wire.Message, version int16, err error) wire.Message {
	if _, ok := asked[req.APIKey()]; ok {
		return quorumFailed(req.APIKey(), kerr.Of(err))
	}
	return controller.ErrorResponse(req, version, err)
}

func quorumFailed(key int16, code kerr.Code) wire.Message {
	text := code.Message()
	switch m := wire.NewResponse(key).(type) {
	case *wire.DescribeQuorumResponse:
		m.ErrorCode, m.ErrorMessage = code, &text
		return m
	case *wire.AddRaftVoterResponse:
		m.ErrorCode, m.ErrorMessage = code, &text
		return m
	case *wire.RemoveRaftVoterResponse:
		m.ErrorCode, m.ErrorMessage = code, &text
		return m
	}
	return nil
}

// decide hands the request to this node's controller.
func (c *Context) decide(req wire.Message) {
	later := c.Later()
	c.Services.Decide(c.sender(), req, c.Version, later.Reply)
}

// Decide serves a request of a key that controllers own, on a controller: one
// that came by its own listener, in an envelope, or from the broker of the same
// process. reply is called once, from any goroutine.
func (s *Services) Decide(from Sender, req wire.Message, version int16, reply func(wire.Message)) {
	may := func(op Operation, kind Resource, name string) bool {
		return s.Authorizer == nil || s.Authorizer.Allowed(from.Principal, from.Host, op, kind, name)
	}
	op, isDecided := decided[req.APIKey()]
	if !isDecided {
		op = asked[req.APIKey()]
	}
	if op != 0 && !may(op, Cluster, ClusterName) {
		reply(failed(req, version, kerr.ClusterAuthorizationFailed))
		return
	}
	if !isDecided {
		s.Quorum.HandleRPC(from.Listener, req, version, reply)
		return
	}
	ctx := controller.Request{Principal: from.Principal, ClientID: from.ClientID, Listener: from.Listener, Forwarded: from.Forwarded}
	if s.Authorizer != nil {
		ctx.Allowed = func(op controller.Operation, kind controller.ResourceKind, name string) bool {
			return may(Operation(op), Resource(kind), name)
		}
	}
	s.Admin.Controller.Handle(ctx, req, version, reply)
}

// apiError is err as a code and a message, as Kafka's ApiError.fromThrowable
// makes them: no message if it is but the default one, or could tell secrets.
func apiError(err error) (kerr.Code, *string) {
	code := kerr.Of(err)
	text := err.Error()
	if code == kerr.UnknownServerError || text == code.Message() {
		return code, nil
	}
	return code, &text
}

// invalidRequest gives an error without a code INVALID_REQUEST.
func invalidRequest(err error) error {
	var coded *kerr.Error
	if err == nil || errors.As(err, &coded) {
		return err
	}
	return kerr.InvalidRequest.With(err.Error())
}
