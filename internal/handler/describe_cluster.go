package handler

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"gregor/internal/kerr"
	"gregor/internal/model"
	"gregor/internal/wire"
)

// The kinds of endpoints of DescribeCluster (KIP-919).
const (
	brokerEndpoints     int8 = 1
	controllerEndpoints int8 = 2
)

type clusterNode = wire.DescribeClusterResponseDescribeClusterBroker

// describeCluster serves DescribeCluster, versions 0 to 2, on a broker: the brokers,
// on request the fenced ones too (KIP-700, KIP-919, KIP-1073).
func describeCluster(c *Context, req *wire.DescribeClusterRequest) {
	if resp := c.wrongEndpoint(req, brokerEndpoints, "BROKER"); resp != nil {
		c.Reply(resp)
		return
	}
	var nodes []clusterNode
	any, alive := model.NoBroker, 0
	for b := range c.Services.Metadata.Image().Cluster.Brokers() {
		if !b.Fenced {
			if alive++; rand.IntN(alive) == 0 {
				any = b.ID
			}
		}
		e, ok := b.Endpoint(c.Listener())
		if ok && (!b.Fenced || req.IncludeFencedBrokers) {
			nodes = append(nodes, clusterNode{BrokerId: int32(b.ID), Host: e.Host, Port: int32(e.Port), Rack: b.Rack, IsFenced: b.Fenced})
		}
	}
	c.Reply(c.cluster(req, brokerEndpoints, any, nodes))
}

// describeControllers serves it on a controller: the registered controllers.
func describeControllers(c *Context, req *wire.DescribeClusterRequest) {
	img := c.Services.Metadata.Image()
	if !img.Features.Version.ControllerRegistration() {
		c.Reply(clusterFailed(kerr.UnsupportedVersion, "Direct-to-controller communication is not supported with the current MetadataVersion."))
		return
	}
	// More is asked of the requester here than on a broker.
	if !c.Allowed(Alter, Cluster, ClusterName) {
		c.Reply(clusterFailed(kerr.ClusterAuthorizationFailed, kerr.ClusterAuthorizationFailed.Message()))
		return
	}
	if resp := c.wrongEndpoint(req, controllerEndpoints, "CONTROLLER"); resp != nil {
		c.Reply(resp)
		return
	}
	var nodes []clusterNode
	for n := range img.Cluster.Controllers() {
		if e, ok := n.Endpoint(c.Listener()); ok {
			nodes = append(nodes, clusterNode{BrokerId: int32(n.ID), Host: e.Host, Port: int32(e.Port)})
		}
	}
	c.Reply(c.cluster(req, controllerEndpoints, c.Services.Admin.Leader(), nodes))
}

func clusterFailed(code kerr.Code, why string) *wire.DescribeClusterResponse {
	resp := wire.NewDescribeClusterResponse()
	resp.ErrorCode, resp.ErrorMessage = code, &why
	return resp
}

// wrongEndpoint is the answer to who asks a node of this kind about another.
func (c *Context) wrongEndpoint(req *wire.DescribeClusterRequest, is int8, name string) *wire.DescribeClusterResponse {
	code, why := kerr.None, ""
	switch {
	case req.EndpointType != brokerEndpoints && req.EndpointType != controllerEndpoints:
		code, why = kerr.UnsupportedEndpointType, fmt.Sprintf("Unsupported endpoint type %d", req.EndpointType)
	case req.EndpointType != is:
		other := "BROKER"
		if is == brokerEndpoints {
			other = "CONTROLLER"
		}
		code, why = kerr.MismatchedEndpointType, "The request was sent to an endpoint of type "+name+", but we wanted an endpoint of type "+other
	default:
		return nil
	}
	if c.Version == 0 {
		code = kerr.InvalidRequest
	}
	return clusterFailed(code, why)
}

func (c *Context) cluster(req *wire.DescribeClusterRequest, kind int8, leader model.BrokerID, nodes []clusterNode) *wire.DescribeClusterResponse {
	resp := wire.NewDescribeClusterResponse()
	resp.EndpointType, resp.ClusterId, resp.Brokers = kind, c.Services.ClusterID, nodes
	if slices.ContainsFunc(nodes, func(n clusterNode) bool { return n.BrokerId == int32(leader) }) {
		resp.ControllerId = int32(leader)
	}
	if req.IncludeClusterAuthorizedOperations {
		resp.ClusterAuthorizedOperations = c.clusterOperations()
	}
	return resp
}
