package controller

import (
	"errors"

	"gregor/internal/kerr"
	"gregor/internal/wire"
)

// apiError is an error as responses carry it, per topic or resource: code and
// message. The zero value is success.
type apiError struct {
	code kerr.Code
	msg  *string
}

func (e apiError) failed() bool { return e.code != kerr.None }

// fail is an error with a message of its own.
func fail(code kerr.Code, msg string) apiError { return apiError{code, &msg} }

// failPlain is an error with Kafka's default message.
func failPlain(code kerr.Code) apiError { return fail(code, code.Message()) }

// failOf is err as Kafka shows a thrown exception: without a message if that is
// but the default one, or could tell secrets.
func failOf(err error) apiError {
	if err == nil {
		return apiError{}
	}
	code := kerr.Of(err)
	msg := err.Error()
	if code == kerr.UnknownServerError || msg == code.Message() {
		return apiError{code: code}
	}
	return fail(code, msg)
}

// text is the message, and the default one if there is none.
func (e apiError) text() string {
	if e.msg != nil {
		return *e.msg
	}
	return e.code.Message()
}

// configError gives err, from package config, a code.
func configError(err error) error {
	var coded *kerr.Error
	if err == nil || errors.As(err, &coded) {
		return err
	}
	return kerr.InvalidConfig.With(err.Error())
}

// ErrorResponse is the answer to a request of a key the controller owns that
// failed as a whole, nil for other keys.
func ErrorResponse(req wire.Message, version int16, err error) wire.Message {
	return errorResponse(req, version, err)
}

// errorResponse is the answer to a request that failed as a whole.
// Source: getErrorResponse of the request classes, and RequestHandlerHelper.
func errorResponse(req wire.Message, version int16, err error) wire.Message {
	e := failOf(err)
	switch r := req.(type) {
	case *wire.CreateTopicsRequest:
		out := &wire.CreateTopicsResponse{}
		for i := range r.Topics {
			out.Topics = append(out.Topics, createError(r.Topics[i].Name, e))
		}
		return out
	case *wire.DeleteTopicsRequest:
		return deleteError(r, version, e)
	case *wire.CreatePartitionsRequest:
		out := &wire.CreatePartitionsResponse{}
		for _, t := range r.Topics {
			out.Results = append(out.Results, wire.CreatePartitionsResponseCreatePartitionsTopicResult{Name: t.Name, ErrorCode: e.code, ErrorMessage: e.msg})
		}
		return out
	case *wire.AlterConfigsRequest:
		out := &wire.AlterConfigsResponse{}
		for _, t := range r.Resources {
			out.Responses = append(out.Responses, wire.AlterConfigsResponseAlterConfigsResourceResponse{ResourceType: t.ResourceType, ResourceName: t.ResourceName, ErrorCode: e.code, ErrorMessage: e.msg})
		}
		return out
	case *wire.IncrementalAlterConfigsRequest:
		out := &wire.IncrementalAlterConfigsResponse{}
		for _, t := range r.Resources {
			out.Responses = append(out.Responses, wire.IncrementalAlterConfigsResponseAlterConfigsResourceResponse{ResourceType: t.ResourceType, ResourceName: t.ResourceName, ErrorCode: e.code, ErrorMessage: e.msg})
		}
		return out
	case *wire.ElectLeadersRequest:
		return electError(r, e)
	case *wire.AlterPartitionReassignmentsRequest:
		return reassignError(r, e)
	case *wire.ListPartitionReassignmentsRequest:
		return &wire.ListPartitionReassignmentsResponse{ErrorCode: e.code, ErrorMessage: e.msg}
	case *wire.UpdateFeaturesRequest:
		return &wire.UpdateFeaturesResponse{ErrorCode: e.code, ErrorMessage: e.msg}
	case *wire.UnregisterBrokerRequest:
		return &wire.UnregisterBrokerResponse{ErrorCode: e.code, ErrorMessage: ptr(e.text())}
	case *wire.UnregisterControllerRequest:
		return &wire.UnregisterControllerResponse{ErrorCode: e.code, ErrorMessage: ptr(e.text())}
	case *wire.ControllerRegistrationRequest:
		return &wire.ControllerRegistrationResponse{ErrorCode: e.code, ErrorMessage: ptr(e.code.Message())}
	case *wire.AllocateProducerIdsRequest:
		return &wire.AllocateProducerIdsResponse{ErrorCode: e.code}
	case *wire.AlterPartitionRequest:
		return &wire.AlterPartitionResponse{ErrorCode: e.code}
	case *wire.AssignReplicasToDirsRequest:
		return &wire.AssignReplicasToDirsResponse{ErrorCode: e.code}
	case *wire.BrokerHeartbeatRequest:
		out := wire.NewBrokerHeartbeatResponse()
		out.ErrorCode = e.code
		return out
	case *wire.BrokerRegistrationRequest:
		out := wire.NewBrokerRegistrationResponse()
		out.ErrorCode = e.code
		return out
	}
	return nil
}

// IsNotController reports whether a response says NOT_CONTROLLER, as a whole
// or for all it speaks of: then the request was not tried, and whoever forwarded
// it should look for the active controller.
func IsNotController(resp wire.Message) bool {
	return firstCode(resp) == kerr.NotController
}

// firstCode is a response's error code, or the first one in it.
func firstCode(resp wire.Message) kerr.Code {
	switch r := resp.(type) {
	case *wire.CreateTopicsResponse:
		if len(r.Topics) > 0 {
			return r.Topics[0].ErrorCode
		}
	case *wire.DeleteTopicsResponse:
		if len(r.Responses) > 0 {
			return r.Responses[0].ErrorCode
		}
	case *wire.CreatePartitionsResponse:
		if len(r.Results) > 0 {
			return r.Results[0].ErrorCode
		}
	case *wire.AlterConfigsResponse:
		if len(r.Responses) > 0 {
			return r.Responses[0].ErrorCode
		}
	case *wire.IncrementalAlterConfigsResponse:
		if len(r.Responses) > 0 {
			return r.Responses[0].ErrorCode
		}
	case *wire.ElectLeadersResponse:
		return r.ErrorCode
	case *wire.AlterPartitionReassignmentsResponse:
		return r.ErrorCode
	case *wire.ListPartitionReassignmentsResponse:
		return r.ErrorCode
	case *wire.UpdateFeaturesResponse:
		return r.ErrorCode
	case *wire.UnregisterBrokerResponse:
		return r.ErrorCode
	case *wire.UnregisterControllerResponse:
		return r.ErrorCode
	case *wire.ControllerRegistrationResponse:
		return r.ErrorCode
	case *wire.AllocateProducerIdsResponse:
		return r.ErrorCode
	case *wire.AlterPartitionResponse:
		return r.ErrorCode
	case *wire.AssignReplicasToDirsResponse:
		return r.ErrorCode
	case *wire.BrokerHeartbeatResponse:
		return r.ErrorCode
	case *wire.BrokerRegistrationResponse:
		return r.ErrorCode
	}
	return kerr.None
}
